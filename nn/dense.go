package nn

import (
	"fmt"

	"tall/tensor"
)

// Dense is y = f(x W^T + b), with W (Out, In) as PyTorch's and Hugging Face's
// files hold it, and b (Out), or nil for none. It is for inference: nothing is
// kept for a backward. ([Linear] learns, and holds W the other way.)
type Dense struct {
	W *Param // (Out, In)
	B *Param // (Out), or nil
	F tensor.Activation

	packed tensor.Packed // after Pack
}

// NewDense returns a frozen layer of zeros, whose parameters are called
// name.weight and name.bias.
func NewDense(b tensor.Memory, name string, in, out int, f tensor.Activation) *Dense {
	return &Dense{W: NewFrozen(b, name+".weight", out, in), B: NewFrozen(b, name+".bias", out), F: f}
}

// Params lists W and, where there is one, b.
func (d *Dense) Params() []*Param {
	if d.B == nil {
		return []*Param{d.W}
	}
	return []*Param{d.W, d.B}
}

// Forward computes y = f(x W^T + b), y (N, Out), x (N, In).
func (d *Dense) Forward(b tensor.Backend, y, x tensor.Mat) { d.forward(b, y, x, 0) }

// Add computes y = f(x W^T + b + y): a residual branch ends so.
func (d *Dense) Add(b tensor.Backend, y, x tensor.Mat) { d.forward(b, y, x, 1) }

func (d *Dense) forward(b tensor.Backend, y, x tensor.Mat, beta float32) {
	var bias tensor.Mat
	if d.B != nil {
		bias = d.B.Row()
	}
	if d.packed.Rows > 0 {
		b.AffinePacked(y, x, d.packed, bias, d.F, beta)
		return
	}
	b.Affine(y, x, d.W.Value, bias, d.F, beta)
}

// Pack puts W into the order in which b reads it, in W's own memory where its
// shape allows: W can be neither loaded nor read any more. Results keep their
// bits and come sooner, those of a few rows in about half the time.
func (d *Dense) Pack(b tensor.Backend) {
	if d.packed.Rows == 0 {
		d.packed = b.Pack(d.W.Value)
		d.W.Value.Mem = nil
	}
}

// LayerNorm normalizes rows (Ba, Kiros and Hinton 2016).
type LayerNorm struct {
	Gain, Bias *Param // (Width)
	Eps        float64
}

// NewLayerNorm returns a frozen layer, whose parameters are called name.weight
// and name.bias; the gains are 0 until they are loaded.
func NewLayerNorm(b tensor.Memory, name string, width int, eps float64) *LayerNorm {
	return &LayerNorm{Gain: NewFrozen(b, name+".weight", width), Bias: NewFrozen(b, name+".bias", width), Eps: eps}
}

// Params lists gain and bias.
func (l *LayerNorm) Params() []*Param { return []*Param{l.Gain, l.Bias} }

// Forward computes y from x, both (N, Width); y may be x.
func (l *LayerNorm) Forward(b tensor.Backend, y, x tensor.Mat) {
	b.LayerNorm(y, x, l.Gain.Row(), l.Bias.Row(), float32(l.Eps))
}

// Embedding is a table of rows, such as the vectors of tokens or of positions.
type Embedding struct {
	W *Param // (Entries, Width)
}

// NewEmbedding returns a frozen table of zeros, whose parameter is called
// name.weight.
func NewEmbedding(b tensor.Memory, name string, entries, width int) *Embedding {
	return &Embedding{W: NewFrozen(b, name+".weight", entries, width)}
}

// Params lists W.
func (e *Embedding) Params() []*Param { return []*Param{e.W} }

// Forward sets row i of x (len(ids), Width) to entry ids[i].
func (e *Embedding) Forward(b tensor.Backend, x tensor.Mat, ids []int) {
	for i, id := range ids {
		b.Copy(x.RowRange(i, i+1), e.W.Value.RowRange(id, id+1))
	}
}

// Add adds entry ids[i] to row i of x.
func (e *Embedding) Add(b tensor.Backend, x tensor.Mat, ids []int) {
	for i, id := range ids {
		b.Axpy(x.RowRange(i, i+1), 1, e.W.Value.RowRange(id, id+1))
	}
}

// ParseActivation reads the names that Hugging Face's configuration files give
// to activations.
func ParseActivation(name string) (tensor.Activation, error) {
	switch name {
	case "gelu":
		return tensor.GELU, nil
	case "gelu_new", "gelu_fast", "gelu_pytorch_tanh":
		return tensor.GELUTanh, nil
	case "quick_gelu":
		return tensor.QuickGELU, nil
	case "relu":
		return tensor.ReLU, nil
	case "sigmoid":
		return tensor.Sigmoid, nil
	case "tanh":
		return tensor.Tanh, nil
	case "linear":
		return tensor.Identity, nil
	}
	return 0, fmt.Errorf("unknown activation %q: want gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, quick_gelu, relu, sigmoid, tanh or linear", name)
}
