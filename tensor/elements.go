package tensor

import "math"

// normFloor is the least sum of squares that a row is divided by.
const normFloor = 1e-12

// each calls f on matching runs of the operands, which have the same shape:
// whole ranges where all are contiguous, else rows.
func (c *CPU) each(f func(run [4][]float32), mats ...view) {
	first := mats[0]
	if first.rows == 0 || first.cols == 0 {
		return
	}
	flat := true
	for _, m := range mats {
		flat = flat && m.contiguous()
	}
	if flat {
		c.split(first.rows*first.cols, 1, func(from, to int) {
			var run [4][]float32
			for i, m := range mats {
				run[i] = m.data[from:to]
			}
			f(run)
		})
		return
	}
	c.split(first.rows, first.cols, func(from, to int) {
		var run [4][]float32
		for r := from; r < to; r++ {
			for i, m := range mats {
				run[i] = m.row(r)
			}
			f(run)
		}
	})
}

// Zero sets m to 0.
func (c *CPU) Zero(m Mat) {
	c.each(func(run [4][]float32) { clear(run[0]) }, host(m))
}

// Copy sets dst to src.
func (c *CPU) Copy(dst, src Mat) {
	sameShape("Copy", dst, src)
	c.each(func(run [4][]float32) { copy(run[0], run[1]) }, host(dst), host(src))
}

// Axpy computes y += alpha * x.
func (c *CPU) Axpy(y Mat, alpha float32, x Mat) {
	sameShape("Axpy", y, x)
	c.each(func(run [4][]float32) { c.k.axpy(run[0], run[1], alpha) }, host(y), host(x))
}

// AddRow adds the row vector b (1, Cols) to each row of m.
func (c *CPU) AddRow(m, b Mat) {
	wantShape("AddRow", "b", b, 1, m.Cols)
	hm, hb := host(m), host(b)
	if hm.cols == 0 {
		return
	}
	c.split(hm.rows, hm.cols, func(from, to int) {
		for r := from; r < to; r++ {
			c.k.add(hm.row(r), hb.row(0))
		}
	})
}

// AddColumn adds the column b (Rows, 1) to each column of m.
func (c *CPU) AddColumn(m, b Mat) {
	wantShape("AddColumn", "b", b, m.Rows, 1)
	hm, hb := host(m), host(b)
	c.split(hm.rows, hm.cols, func(from, to int) {
		for r := from; r < to; r++ {
			x := hb.row(r)[0]
			row := hm.row(r)
			for i := range row {
				row[i] += x
			}
		}
	})
}

// SumRows computes b (1, Cols) = beta * b + sum of the rows of m, added in
// order.
func (c *CPU) SumRows(b Mat, m Mat, beta float32) {
	wantShape("SumRows", "b", b, 1, m.Cols)
	hb, hm := host(b), host(m)
	scaleView(hb, beta)
	if hm.rows == 0 || hm.cols == 0 {
		return
	}
	c.strips(hm.rows, hm.cols, func(from, to int) {
		dst := hb.row(0)[from:to]
		for r := range hm.rows {
			c.k.add(dst, hm.row(r)[from:to])
		}
	})
}

// SumColumns computes b (Rows, 1) = beta * b + sum of the columns of m; each
// sum is taken in float64.
func (c *CPU) SumColumns(b Mat, m Mat, beta float32) {
	wantShape("SumColumns", "b", b, m.Rows, 1)
	hb, hm := host(b), host(m)
	scaleView(hb, beta)
	if hm.cols == 0 {
		return
	}
	c.split(hm.rows, hm.cols, func(from, to int) {
		for r := from; r < to; r++ {
			hb.row(r)[0] += float32(c.k.sum(hm.row(r)))
		}
	})
}

// ReLU computes m = max(0, m) in place; NaN stays NaN.
func (c *CPU) ReLU(m Mat) {
	c.each(func(run [4][]float32) { c.k.relu(run[0]) }, host(m))
}

// ReLUBackward sets d to 0 where y, the ReLU's output, is 0 or less. Where y is
// NaN, d stays.
func (c *CPU) ReLUBackward(d, y Mat) {
	sameShape("ReLUBackward", d, y)
	c.each(func(run [4][]float32) { c.k.reluBackward(run[0], run[1]) }, host(d), host(y))
}

// dotBlock is the number of elements whose products are summed together; the
// sums of the blocks are added in order, whichever thread made them.
const dotBlock = 1 << 15

// Dot is the sum of x*y over all elements, in float64.
func (c *CPU) Dot(x, y Mat) float64 {
	sameShape("Dot", x, y)
	hx, hy := host(x), host(y)
	if hx.rows == 0 || hx.cols == 0 {
		return 0
	}
	if hx.contiguous() && hy.contiguous() {
		// One long row, cut into blocks.
		n := hx.rows * hx.cols
		return c.reduce((n+dotBlock-1)/dotBlock, dotBlock, func(t int) float64 {
			from, to := t*dotBlock, min(n, (t+1)*dotBlock)
			return c.k.dot(hx.data[from:to], hy.data[from:to])
		})
	}
	return c.reduce(hx.rows, hx.cols, func(r int) float64 { return c.k.dot(hx.row(r), hy.row(r)) })
}

// SumSquares is the sum of squares of all elements, in float64.
func (c *CPU) SumSquares(m Mat) float64 { return c.Dot(m, m) }

// reduce adds f(0) ... f(n-1) in order; each costs about unit values to compute.
func (c *CPU) reduce(n, unit int, f func(i int) float64) float64 {
	if cap(c.sums) < n {
		c.sums = make([]float64, n)
	}
	sums := c.sums[:n]
	c.split(n, unit, func(from, to int) {
		for i := from; i < to; i++ {
			sums[i] = f(i)
		}
	})
	var total float64
	for _, s := range sums {
		total += s
	}
	return total
}

// L2NormRows computes y = x / sqrt(max(sum of squares of the row, 1e-12)) by
// rows and stores the divisor in norm (Rows, 1).
func (c *CPU) L2NormRows(y, norm Mat, x Mat) {
	sameShape("L2NormRows", y, x)
	wantShape("L2NormRows", "norm", norm, x.Rows, 1)
	hy, hn, hx := host(y), host(norm), host(x)
	c.split(hx.rows, hx.cols, func(from, to int) {
		for r := from; r < to; r++ {
			row := hx.row(r)
			sum := 0.0
			if len(row) > 0 {
				sum = c.k.dot(row, row)
			}
			if sum < normFloor { // false for NaN, which passes on
				sum = normFloor
			}
			root := math.Sqrt(sum)
			hn.row(r)[0] = float32(root)
			if len(row) > 0 {
				c.k.scale(hy.row(r), row, float32(1/root))
			}
		}
	})
}

// L2NormRowsBackward computes dx from dy, the output y and the divisor.
func (c *CPU) L2NormRowsBackward(dx, dy, y, norm Mat) {
	sameShape("L2NormRowsBackward", dx, dy, y)
	wantShape("L2NormRowsBackward", "norm", norm, y.Rows, 1)
	hdx, hdy, hy, hn := host(dx), host(dy), host(y), host(norm)
	if hy.cols == 0 {
		return
	}
	floor := float32(math.Sqrt(normFloor))
	c.split(hy.rows, hy.cols, func(from, to int) {
		for r := from; r < to; r++ {
			n := hn.row(r)[0]
			if n == floor {
				c.k.scale(hdx.row(r), hdy.row(r), 1/n)
				continue
			}
			dot := float32(c.k.dot(hy.row(r), hdy.row(r)))
			c.k.normBackward(hdx.row(r), hdy.row(r), hy.row(r), dot, 1/n)
		}
	})
}
