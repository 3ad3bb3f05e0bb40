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

// Pack puts w (Out, In) into the order in which [CPU.AffinePacked] reads it. Where
// w is contiguous and Out a multiple of the tile (32 serves for all kernels), that
// happens in w's own memory, else in new memory. w is not to be used afterwards.
func (c *CPU) Pack(w Mat) Packed {
	g := &c.k.gemm
	b := operand{view: host(w), major: true}
	n, k := w.Rows, w.Cols
	panels := (n + g.nr - 1) / g.nr
	p := &packedMem{data: b.data, nr: g.nr}
	if panels*g.nr != n || !b.contiguous() {
		p.data = make([]float32, panels*g.nr*k)
		adviseHuge(p.data)
	}
	c.run(panels, func(worker, panel int) {
		buf := grow(&c.scratch[worker].b, g.nr*k+packSlack)
		from := panel * g.nr
		for k0 := 0; k0 < k; k0 += kcBlock {
			g.packB(buf[k0*g.nr:], &b, from, min(g.nr, n-from), k0, min(kcBlock, k-k0))
		}
		copy(p.data[from*k:], buf[:g.nr*k]) // the rows that it was packed from
	})
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
