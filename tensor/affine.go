package tensor

import (
	"fmt"
	"math"
)

// Affine computes y = f(x w^T + bias + beta*y), with x (N, In), w (Out, In) and
// bias (1, Out), or a bias without memory for none. It has the bits of Gemm,
// AddRow and Activate after one another, but adds bias and applies f while a
// block of y is still in the cache.
func (c *CPU) Affine(y, x, w, bias Mat, f Activation, beta float32) {
	if y.Rows != x.Rows || y.Cols != w.Rows || x.Cols != w.Cols {
		panic(fmt.Sprintf("tensor: Affine: y is (%d, %d), x (%d, %d), w (%d, %d)", y.Rows, y.Cols, x.Rows, x.Cols, w.Rows, w.Cols))
	}
	finish := c.epilogue(bias, f, w.Rows)
	c.product(host(y), 1,
		&operand{view: host(x), major: true},
		&operand{view: host(w), major: true}, x.Cols, beta, finish)
}

// epilogue returns what is done to a part of a row of y from column from, once
// its products are complete; nil for nothing.
func (c *CPU) epilogue(bias Mat, f Activation, n int) func(row []float32, from int) {
	activate := c.k.activation(f)
	if bias.Mem == nil {
		if activate == nil {
			return nil
		}
		return func(row []float32, _ int) { activate(row) }
	}
	wantShape("Affine", "bias", bias, 1, n)
	b := host(bias).row(0)
	return func(row []float32, from int) {
		c.k.add(row, b[from:from+len(row)])
		if activate != nil {
			activate(row)
		}
	}
}

// inverseRoot is 1/sqrt(d).
func inverseRoot(d int) float32 { return float32(1 / math.Sqrt(float64(d))) }
