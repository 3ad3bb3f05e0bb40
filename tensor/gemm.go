package tensor

import "fmt"

// kcBlock is the number of k that one pass sums before it adds to C. It is part
// of the meaning of a product: every path sums k in order within a chunk of
// kcBlock, from 0, and adds the chunks to C in order. An element therefore
// depends on its row of A and its column of B alone, not on the size of the
// product, its place in it, or the number of threads.
const kcBlock = 384

// operand is one side of a product as the packing functions read it. For A,
// index i counts rows of op(A); for B, columns of op(B).
type operand struct {
	view
	// major says that i is the row of the stored matrix and k its column (A as
	// it is, B transposed); otherwise k is the row.
	major bool
	// q makes the stored matrix one of pairs: its row r is the elementwise
	// product of row r%rows of the view and row r/rows of q.
	q *view
	// packed, unless it is nil, is the whole operand B in panels as packB leaves
	// them, each for all k; the view has no data then.
	packed []float32
}

// Gemm computes c = alpha * op(a) op(b) + beta * c. c must not overlap a or b.
func (c *CPU) Gemm(cm Mat, alpha float32, a Mat, transA bool, b Mat, transB bool, beta float32) {
	m, k := a.Rows, a.Cols
	if transA {
		m, k = k, m
	}
	kb, n := b.Rows, b.Cols
	if transB {
		kb, n = n, kb
	}
	if cm.Rows != m || cm.Cols != n || k != kb {
		panic(fmt.Sprintf("tensor: Gemm: c is (%d, %d), op(a) (%d, %d), op(b) (%d, %d)", cm.Rows, cm.Cols, m, k, kb, n))
	}
	c.product(host(cm), alpha,
		&operand{view: host(a), major: !transA},
		&operand{view: host(b), major: transB}, k, beta, nil)
}

// product computes c = alpha * A B + beta * c, with k the inner dimension, and
// then calls finish, unless it is nil, for parts of rows of c and the columns
// that they begin at.
func (c *CPU) product(cv view, alpha float32, a, b *operand, k int, beta float32, finish func(row []float32, from int)) {
	if cv.rows == 0 || cv.cols == 0 {
		return
	}
	if k == 0 {
		scaleView(cv, beta)
		for r := 0; finish != nil && r < cv.rows; r++ {
			finish(cv.row(r), 0)
		}
		return
	}
	threads := c.threads
	if cv.rows*cv.cols*k < smallProduct {
		threads = 1
	}
	tm, tn := c.k.gemm.plan(cv.rows, cv.cols, threads)
	across := (cv.cols + tn - 1) / tn
	down := (cv.rows + tm - 1) / tm
	runOn(threads, across*down, func(worker, task int) {
		m0, n0 := task/across*tm, task%across*tn
		c.block(worker, cv, alpha, a, b, k, beta, m0, min(cv.rows, m0+tm), n0, min(cv.cols, n0+tn), finish)
	})
}

// plan chooses the size of the blocks of C that one task computes. A block of
// 512 columns of B, packed, stays in a second-level cache of 1 MB, and 768 rows
// make packing it cheap. With several threads there are four blocks a thread if
// that leaves them large, so that a thread held up by other programs leaves its
// share to the others, and at least one if it does not.
func (g *gemmKernels) plan(m, n, threads int) (tm, tn int) {
	tm, tn = even(m, 768, g.mr), even(n, 512, g.nr)
	for threads > 1 {
		tasks := ((m + tm - 1) / tm) * ((n + tn - 1) / tn)
		switch {
		case tasks >= 4*threads:
			return tm, tn
		case tm >= 256 && tm >= tn:
			tm = even(m, tm/2, g.mr)
		case tn >= 512 || tn >= 4*g.nr && tasks < threads:
			tn = even(n, tn/2, g.nr)
		case tm >= 2*g.mr && tasks < threads:
			tm = even(m, tm/2, g.mr)
		default:
			return tm, tn
		}
	}
	return tm, tn
}

// smallProduct is the number of multiplications below which a product is not
// worth waking another thread.
const smallProduct = 1 << 19

// even divides n into parts of nearly equal size, none much above limit, that
// are multiples of unit (but for the last), and returns the size.
func even(n, limit, unit int) int {
	units := (n + unit - 1) / unit
	parts := (units*unit + limit - 1) / limit
	return (units + parts - 1) / parts * unit
}

// block computes rows [m0, m1) and columns [n0, n1) of C, and calls finish on
// them while they are in the cache.
func (c *CPU) block(worker int, cv view, alpha float32, a, b *operand, k int, beta float32, m0, m1, n0, n1 int, finish func(row []float32, from int)) {
	g, s := &c.k.gemm, &c.scratch[worker]
	panelsB := (n1 - n0 + g.nr - 1) / g.nr
	mc := min(g.mc, (m1-m0+g.mr-1)/g.mr*g.mr)
	depth := min(k, kcBlock)
	bufA := grow(&s.a, mc*depth+packSlack)
	var bufB []float32
	if b.packed == nil {
		bufB = grow(&s.b, panelsB*g.nr*depth+packSlack)
	}
	for k0 := 0; k0 < k; k0 += kcBlock {
		kc := min(kcBlock, k-k0)
		if b.packed == nil {
			g.packB(bufB, b, n0, n1-n0, k0, kc)
		}
		for i0 := m0; i0 < m1; i0 += mc {
			i1 := min(m1, i0+mc)
			g.packA(bufA, a, i0, i1-i0, k0, kc)
			for j := n0; j < n1; j += g.nr {
				var pb []float32
				if b.packed == nil {
					pb = bufB[(j-n0)*kc:]
				} else {
					pb = b.packed[j*k+k0*g.nr:]
				}
				for i := i0; i < i1; i += g.mr {
					g.tile(cv.data[i*cv.stride+j:], cv.stride, bufA[(i-i0)*kc:], pb, kc,
						min(g.mr, i1-i), min(g.nr, n1-j), alpha, beta)
				}
			}
			if finish != nil && k0+kc == k {
				for i := i0; i < i1; i++ {
					finish(cv.row(i)[n0:n1], n0)
				}
			}
		}
		beta = 1
	}
}

// packSlack is how far a packing kernel may write past its last panel.
const packSlack = 512

// grow returns *buf with at least n values, which it does not clear.
func grow(buf *[]float32, n int) []float32 {
	if cap(*buf) < n {
		*buf = make([]float32, n)
	}
	return (*buf)[:n]
}

// scaleView computes c = beta * c; with beta 0, c is not read.
func scaleView(cv view, beta float32) {
	for r := range cv.rows {
		row := cv.row(r)
		if beta == 0 {
			clear(row)
			continue
		}
		for i := range row {
			row[i] *= beta
		}
	}
}
