package tensor

import "golang.org/x/sys/cpu"

// Written by the generator in asm; its test compares them with what it writes.
//go:generate go run -C asm . -out ../kernels_amd64.s -stubs ../stubs_amd64.go -pkg tensor

// kernelSets lists the kernels of this processor, best first.
func kernelSets() []*kernels {
	sets := []*kernels{genericKernels()}
	if hasAVX2() {
		sets = append([]*kernels{avx2Kernels()}, sets...)
	}
	if hasAVX512() {
		sets = append([]*kernels{avx512Kernels()}, sets...)
	}
	return sets
}

// hasAVX2 asks for what the AVX2 kernels use. F16C, which the list of x/sys lacks,
// is in every processor with AVX2 and FMA: x86-64-v3 holds all three.
func hasAVX2() bool { return cpu.X86.HasAVX2 && cpu.X86.HasFMA }

func hasAVX512() bool { return hasAVX2() && cpu.X86.HasAVX512F }

// peakLoops lists the loops that measure this processor's peak.
func peakLoops() []peakLoop {
	var loops []peakLoop
	if hasAVX2() {
		loops = append(loops, peakLoop{kernel: "avx2", flops: 24 * 8 * 2, run: peakAVX2})
	}
	if hasAVX512() {
		loops = append(loops, peakLoop{kernel: "avx512", flops: 48 * 16 * 2, run: peakAVX512})
	}
	return loops
}

func avx2Kernels() *kernels {
	return &kernels{
		name: "avx2",
		gemm: gemmKernels{
			mr: mr2, nr: nr2, mc: 20 * mr2,
			packA: packA2, packB: packB2, tile: tile2,
		},
		axpy:         axpy2,
		add:          add2,
		relu:         relu2,
		reluBackward: reluBackward2,
		dot:          dot2,
		sum:          sum2,
		scale:        scale2,
		normBackward: normBackward2,
		pairReLU:     pairReLU2,
		pairReLUBack: pairReLUBack2,
		pairFold:     pairFold2,
		logistic:     logistic2,
		adam:         adam2,

		mul:       mul2,
		gelu:      func(x []float32) { geluAVX2(&x[0], len(x)) },
		geluTanh:  func(x []float32) { geluTanhAVX2(&x[0], len(x)) },
		quickGELU: func(x []float32) { quickGELUAVX2(&x[0], len(x)) },
		sigmoid:   func(x []float32) { sigmoidAVX2(&x[0], len(x)) },
		tanh:      func(x []float32) { tanhAVX2(&x[0], len(x)) },
		largest:   func(x []float32) float32 { return largestAVX2(&x[0], len(x)) },
		expSum:    func(x []float32, scale, shift float32) float64 { return expSumAVX2(&x[0], len(x), scale, shift) },
		normalize: normalize2,

		dotF16: dotF16AVX2,
		dotI8:  dotI8AVX2,
	}
}

// avx512Kernels differ in the products and the exponentials: the others wait for
// memory, and the sums in them keep their order this way.
func avx512Kernels() *kernels {
	k := avx2Kernels()
	k.name = "avx512"
	k.gemm = gemmKernels{
		mr: mr512, nr: nr512, mc: 8 * mr512,
		packA: packA512, packB: packB512, tile: tile512,
	}
	k.gelu = func(x []float32) { geluAVX512(&x[0], len(x)) }
	k.geluTanh = func(x []float32) { geluTanhAVX512(&x[0], len(x)) }
	k.quickGELU = func(x []float32) { quickGELUAVX512(&x[0], len(x)) }
	k.sigmoid = func(x []float32) { sigmoidAVX512(&x[0], len(x)) }
	k.tanh = func(x []float32) { tanhAVX512(&x[0], len(x)) }
	k.dotF16 = dotF16AVX512
	switch {
	case cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VNNI:
		k.dotI8 = dotI8VNNI
	case cpu.X86.HasAVX512BW:
		k.dotI8 = dotI8AVX512
	}
	k.expSum = func(x []float32, scale, shift float32) float64 { return expSumAVX512(&x[0], len(x), scale, shift) }
	return k
}

func axpy2(y, x []float32, alpha float32) { axpyAVX2(&y[0], &x[:len(y)][0], len(y), alpha) }

func add2(y, x []float32) { addAVX2(&y[0], &x[:len(y)][0], len(y)) }

func relu2(x []float32) { reluAVX2(&x[0], len(x)) }

func reluBackward2(d, y []float32) { reluBackwardAVX2(&d[0], &y[:len(d)][0], len(d)) }

func dot2(x, y []float32) float64 { return dotAVX2(&x[0], &y[:len(x)][0], len(x)) }

func sum2(x []float32) float64 { return sumAVX2(&x[0], len(x)) }

func scale2(y, x []float32, s float32) { scaleAVX2(&y[0], &x[:len(y)][0], len(y), s) }

func normBackward2(dx, dy, y []float32, dot, inv float32) {
	n := len(dx)
	normBackwardAVX2(&dx[0], &dy[:n][0], &y[:n][0], n, dot, inv)
}

func pairReLU2(h, tv, ts []float32) {
	n := len(h)
	pairReLUAVX2(&h[0], &tv[:n][0], &ts[:n][0], n)
}

// strip is the number of columns whose sums stay in registers.
const strip = 64

func pairReLUBack2(dh, dtv view, dts []float32, h view) {
	n, done := dh.rows, len(dts)/strip*strip
	for c := 0; c < done; c += strip {
		pairReLUBackStripAVX2(&dh.data[c], &dtv.data[c], &dts[c], &h.data[c], n, dh.stride, dtv.stride, h.stride)
	}
	if rest := len(dts) - done; rest > 0 {
		for j := range n {
			pairReLUBackAVX2(&dh.row(j)[done], &dtv.row(j)[done], &dts[done], &h.row(j)[done], rest)
		}
	}
}

func pairFold2(dv view, dq []float32, dz, v view, q []float32) {
	n, done := dz.rows, len(dq)/strip*strip
	for c := 0; c < done; c += strip {
		pairFoldStripAVX2(&dv.data[c], &dq[c], &dz.data[c], &v.data[c], &q[c], n, dv.stride, dz.stride, v.stride)
	}
	if rest := len(dq) - done; rest > 0 {
		for j := range n {
			pairFoldAVX2(&dv.row(j)[done], &dq[done], &dz.row(j)[done], &v.row(j)[done], &q[done], rest)
		}
	}
}

func logistic2(dx, x, sign, w []float32) float64 {
	n := len(x)
	return logisticAVX2(&dx[:n][0], &x[0], &sign[:n][0], &w[:n][0], n)
}

func adam2(p, m, v, g []float32, s *AdamStep) {
	n := len(p)
	c := [7]float32{s.Beta1, 1 - s.Beta1, s.Beta2, 1 - s.Beta2, s.GradScale, s.Rate, s.Epsilon}
	adamAVX2(&p[0], &m[:n][0], &v[:n][0], &g[:n][0], n, &c)
}

func mul2(y, x []float32) { mulAVX2(&y[0], &x[:len(y)][0], len(y)) }

func normalize2(y, x, gain, bias []float32, mean, inv float32) {
	n := len(y)
	normalizeAVX2(&y[0], &x[:n][0], &gain[:n][0], &bias[:n][0], n, mean, inv)
}
