package skipthought

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tall"
	"tall/numpy"
	"tall/tensor"
)

// gru is a recurrent layer of gated units (Cho et al. 2014), d of them, over words of in
// values. With h = 0 before the first word:
//
//	r, u = sigmoid(x W + h U + b)      reset and update, in this order
//	c    = tanh(x Wx + (h Ux)*r + bx)
//	h    = u*h + (1-u)*c
type gru struct {
	in, d int
	w     tensor.Packed // (3d, in): W, Wx, transposed
	u     tensor.Packed // (3d, d): U, Ux, transposed
	bias  tensor.Mat    // (1, 3d): b, bx
}

// part is an array of the file, and the rows of the matrix that its columns are.
type part struct {
	name string
	rows int
	cols int
	at   int // first row of the matrix
}

// readGRU reads a layer whose arrays' names begin with prefix, and adds them to the hash.
func readGRU(b tensor.Backend, z *numpy.NPZ, path, prefix string, in int, hash func([]float32)) (*gru, error) {
	h, err := z.Header(prefix + "U")
	if err != nil {
		return nil, fmt.Errorf("%s: %w; this is no encoder of skip-thoughts", path, err)
	}
	if len(h.Shape) != 2 || h.Shape[0] < 1 || h.Shape[1] != 2*h.Shape[0] {
		return nil, fmt.Errorf("%w: %s: %sU is %v, want (d, 2d)", tall.ErrShape, path, prefix, h.Shape)
	}
	d := h.Shape[0]
	g := &gru{in: in, d: d}
	// Each pair is read, packed and let go before the next.
	for _, m := range []struct {
		to         func(tensor.Mat)
		gates, new string
		rows       int
	}{
		{func(w tensor.Mat) { g.w = b.Pack(w) }, "W", "Wx", in},
		{func(u tensor.Mat) { g.u = b.Pack(u) }, "U", "Ux", d},
		{func(bias tensor.Mat) { g.bias = bias.Reshape(1, 3*d) }, "b", "bx", 1},
	} {
		whole := make([]float32, 3*d*m.rows)
		for _, p := range []part{{m.gates, m.rows, 2 * d, 0}, {m.new, m.rows, d, 2 * d}} {
			values, err := readArray(z, path, prefix+p.name, p.rows, p.cols)
			if err != nil {
				return nil, err
			}
			hash(values)
			transpose(whole[p.at*p.rows:], values, p.rows, p.cols)
		}
		mat := tensor.NewMat(b, 3*d, m.rows)
		b.Upload(mat, whole)
		m.to(mat)
	}
	return g, nil
}

// transpose writes m (rows, cols) as (cols, rows), in squares that stay in the cache.
func transpose(dst, m []float32, rows, cols int) {
	const square = 32
	for r0 := 0; r0 < rows; r0 += square {
		for c0 := 0; c0 < cols; c0 += square {
			for r := r0; r < min(r0+square, rows); r++ {
				for c := c0; c < min(c0+square, cols); c++ {
					dst[c*rows+r] = m[r*cols+c]
				}
			}
		}
	}
}

func readArray(z *numpy.NPZ, path, name string, rows, cols int) ([]float32, error) {
	h, err := z.Header(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	want := []int{rows, cols}
	if strings.HasSuffix(name, "b") || strings.HasSuffix(name, "bx") {
		want = want[1:]
	}
	if !slices.Equal(h.Shape, want) {
		return nil, fmt.Errorf("%w: %s: %s is %v, want %v", tall.ErrShape, path, name, h.Shape, want)
	}
	a, err := z.Read(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	values := a.Float32()
	if !finite(values) {
		return nil, fmt.Errorf("%w: %s: %s", tall.ErrNotFinite, path, name)
	}
	return values, nil
}

// forward computes the last states, (S, d), of sentences of descending lengths. x holds
// their words as the steps take them: the first words of all sentences, then the second
// words of those that have one, and so on.
func (g *gru) forward(ctx context.Context, b tensor.Backend, x []float32, lengths []int) ([]float32, error) {
	steps := tensor.NewMat(b, len(x)/g.in, 3*g.d) // (words, 3d)
	input := tensor.NewMat(b, steps.Rows, g.in)
	b.Upload(input, x)
	b.AffinePacked(steps, input, g.w, g.bias, tensor.Identity, 0)

	state := tensor.NewMat(b, len(lengths), g.d)
	recurrent := tensor.NewMat(b, len(lengths), 3*g.d)
	at, running := 0, len(lengths)
	for t := 0; at < steps.Rows; t++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for running > 0 && lengths[running-1] <= t {
			running--
		}
		now, h, hu := steps.RowRange(at, at+running), state.RowRange(0, running), recurrent.RowRange(0, running)
		at += running
		if t > 0 { // before, h is 0
			b.AffinePacked(hu, h, g.u, tensor.Mat{}, tensor.Identity, 0)
		}
		gates, c := now.ColRange(0, 2*g.d), hu.ColRange(2*g.d, 3*g.d)
		b.Axpy(gates, 1, hu.ColRange(0, 2*g.d))
		b.Activate(gates, tensor.Sigmoid)
		b.Mul(c, gates.ColRange(0, g.d))
		b.Axpy(c, 1, now.ColRange(2*g.d, 3*g.d))
		b.Activate(c, tensor.Tanh)
		b.Axpy(h, -1, c) // u*h + (1-u)*c = c + u*(h-c)
		b.Mul(h, gates.ColRange(g.d, 2*g.d))
		b.Axpy(h, 1, c)
	}
	out := make([]float32, len(lengths)*g.d)
	b.Download(out, state)
	return out, nil
}
