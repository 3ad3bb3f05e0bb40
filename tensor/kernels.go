package tensor

// kernels is one set of inner loops. Every entry has the meaning of its twin in
// kernels_generic.go. Slices that a kernel reads together have the same length
// unless it says otherwise; none of them is empty.
type kernels struct {
	name string
	gemm gemmKernels

	axpy         func(y, x []float32, alpha float32)
	add          func(y, x []float32)
	relu         func(x []float32)
	reluBackward func(d, y []float32)
	dot          func(x, y []float32) float64
	sum          func(x []float32) float64
	scale        func(y, x []float32, s float32)
	normBackward func(dx, dy, y []float32, dot, inv float32)
	pairReLU     func(h, tv, ts []float32)
	// The pairs of one sentence with all windows: the views have one row for
	// each window.
	pairReLUBack func(dh, dtv view, dts []float32, h view)
	pairFold     func(dv view, dq []float32, dz, v view, q []float32)
	logistic     func(dx, x, sign, w []float32) float64
	adam         func(p, m, v, g []float32, s *AdamStep)

	mul                                      func(y, x []float32)
	gelu, geluTanh, quickGELU, sigmoid, tanh func(x []float32)
	largest                                  func(x []float32) float32
	expSum                                   func(x []float32, scale, shift float32) float64
	normalize                                func(y, x, gain, bias []float32, mean, inv float32)

	// The products of rows of d values with as many of the queries as one pass
	// takes, which is the result: query i and row r to dst[i*ldd+r], or to
	// sums[i*n+r] for n rows.
	dotF16 func(dst []float32, ldd int, rows []uint16, d int, q []float32) int
	dotI8  func(sums []int32, rows []int8, d int, q []int16) int
}

// gemmKernels are the inner loops of a matrix product; see gemm.go.
type gemmKernels struct {
	mr, nr int // rows and columns of the tile that one call computes
	mc     int // rows of A packed at a time, a multiple of mr

	packA func(dst []float32, a *operand, m0, rows, k0, kc int)
	packB func(dst []float32, b *operand, n0, cols, k0, kc int)
	// tile computes c[r*ldc+j] = alpha*sum_k a[k,r]*b[k,j] + beta*c for the
	// first rows, cols of an (mr, nr) tile; with beta 0, c is not read.
	tile func(c []float32, ldc int, a, b []float32, kc, rows, cols int, alpha, beta float32)
}
