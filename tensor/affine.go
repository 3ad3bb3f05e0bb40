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

// Packed is a matrix (Rows, Cols) in the order in which a product reads it. It
// belongs to the backend that packed it, and to those with the same kernels.
type Packed struct {
	Rows, Cols int
	panels     Mem
}

// packedMem is packed memory of the Go heap, for tiles of nr columns.
type packedMem struct {
	data []float32
	nr   int
}

// Len returns the number of values.
func (p *packedMem) Len() int { return len(p.data) }

// Pack copies w (Out, In) into the order in which [CPU.AffinePacked] reads it.
// That takes about as much memory as w.
func (c *CPU) Pack(w Mat) Packed {
	g := &c.k.gemm
	b := operand{view: host(w), major: true}
	n, k := w.Rows, w.Cols
	p := &packedMem{data: make([]float32, roundUp(n, g.nr)*k+packSlack), nr: g.nr}
	adviseHuge(p.data)
	// In order: a kernel may write past the end of what it packs.
	for k0 := 0; k0 < k && n > 0; k0 += kcBlock {
		g.packB(p.data[k0*roundUp(n, g.nr):], &b, 0, n, k0, min(kcBlock, k-k0))
	}
	return Packed{Rows: n, Cols: k, panels: p}
}

// AffinePacked is [CPU.Affine] with a packed w, and has its bits. It saves the
// packing, which is most of a product of few rows.
func (c *CPU) AffinePacked(y, x Mat, w Packed, bias Mat, f Activation, beta float32) {
	if y.Rows != x.Rows || y.Cols != w.Rows || x.Cols != w.Cols {
		panic(fmt.Sprintf("tensor: AffinePacked: y is (%d, %d), x (%d, %d), w (%d, %d)", y.Rows, y.Cols, x.Rows, x.Cols, w.Rows, w.Cols))
	}
	p, ok := w.panels.(*packedMem)
	if !ok || p.nr != c.k.gemm.nr {
		panic("tensor: AffinePacked: w was packed by another backend")
	}
	c.product(host(y), 1,
		&operand{view: host(x), major: true},
		&operand{packed: p.data}, x.Cols, beta, c.epilogue(bias, f, w.Rows))
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
