package tensor

import (
	"fmt"
	"math"
)

// Activation is a function that is applied to each element.
type Activation int

// The activations.
const (
	Identity  Activation = iota // x
	ReLU                        // max(0, x)
	GELU                        // x Phi(x), Phi the normal distribution: x (1 + erf(x/sqrt 2)) / 2 (Hendrycks and Gimpel 2016)
	GELUTanh                    // x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, the approximation of the same paper
	QuickGELU                   // x sigmoid(1.702 x), as the original CLIP has it
	Sigmoid                     // 1 / (1 + e^-x)
	Tanh                        // hyperbolic tangent
)

// String is the constant's name.
func (f Activation) String() string {
	names := [...]string{"Identity", "ReLU", "GELU", "GELUTanh", "QuickGELU", "Sigmoid", "Tanh"}
	if f < 0 || int(f) >= len(names) {
		return fmt.Sprintf("Activation(%d)", int(f))
	}
	return names[f]
}

// activation is the kernel of f; nil for Identity.
func (k *kernels) activation(f Activation) func(x []float32) {
	switch f {
	case Identity:
		return nil
	case ReLU:
		return k.relu
	case GELU:
		return k.gelu
	case GELUTanh:
		return k.geluTanh
	case QuickGELU:
		return k.quickGELU
	case Sigmoid:
		return k.sigmoid
	case Tanh:
		return k.tanh
	}
	panic(fmt.Sprintf("tensor: unknown %v", f))
}

// Activate computes m = f(m).
func (c *CPU) Activate(m Mat, f Activation) {
	kernel := c.k.activation(f)
	if kernel == nil {
		return
	}
	c.each(func(run [4][]float32) { kernel(run[0]) }, host(m))
}

// Mul computes y = y * x by elements.
func (c *CPU) Mul(y, x Mat) {
	sameShape("Mul", y, x)
	c.each(func(run [4][]float32) { c.k.mul(run[0], run[1]) }, host(y), host(x))
}

// Softmax turns each row of m into exp(scale*m) divided by its sum over the
// row's first valid[r] columns (all if valid is nil); the others become 0. It
// subtracts the largest value first, so nothing overflows; scale must not be
// negative.
func (c *CPU) Softmax(m Mat, scale float32, valid []int) {
	if valid != nil && len(valid) != m.Rows {
		panic(fmt.Sprintf("tensor: Softmax: %d valid lengths for %d rows", len(valid), m.Rows))
	}
	for r, n := range valid {
		if n < 0 || n > m.Cols {
			panic(fmt.Sprintf("tensor: Softmax: row %d has %d valid of %d columns", r, n, m.Cols))
		}
	}
	h := host(m)
	c.split(h.rows, h.cols, func(from, to int) {
		for r := from; r < to; r++ {
			n := h.cols
			if valid != nil {
				n = valid[r]
			}
			c.k.softmaxRow(h.row(r), n, scale)
		}
	})
}

// softmaxRow is Softmax of the first n values of a row; the others become 0.
func (k *kernels) softmaxRow(row []float32, n int, scale float32) {
	clear(row[n:])
	if n == 0 {
		return
	}
	row = row[:n]
	sum := k.expSum(row, scale, k.largest(row))
	k.scale(row, row, float32(1/sum))
}

// LayerNorm computes y = (x - mean) / sqrt(variance + eps) * gain + bias by
// rows, where mean and variance (the mean of squares around it) are those of the
// row, summed in float64; gain and bias are (1, Cols). y may be x.
func (c *CPU) LayerNorm(y, x, gain, bias Mat, eps float32) {
	sameShape("LayerNorm", y, x)
	wantShape("LayerNorm", "gain", gain, 1, x.Cols)
	wantShape("LayerNorm", "bias", bias, 1, x.Cols)
	hy, hx, hg, hb := host(y), host(x), host(gain), host(bias)
	if hx.cols == 0 {
		return
	}
	g, b := hg.row(0), hb.row(0)
	c.split(hx.rows, hx.cols, func(from, to int) {
		for r := from; r < to; r++ {
			c.k.layerNormRow(hy.row(r), hx.row(r), g, b, eps)
		}
	})
}

func (k *kernels) layerNormRow(y, x, gain, bias []float32, eps float32) {
	n := float64(len(x))
	mean := k.sum(x) / n
	// Squares of float32 are exact in float64, and their sum has 29 more bits
	// than a value: enough for means a thousand times the deviation.
	variance := k.dot(x, x)/n - mean*mean
	if variance < 0 { // a row of equal values; false for NaN, which passes on
		variance = 0
	}
	inv := float32(1 / math.Sqrt(variance+float64(eps)))
	k.normalize(y, x, gain, bias, float32(mean), inv)
}
