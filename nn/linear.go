package nn

import "tall/tensor"

// Linear is y = x W + b, with W (In, Out), as the FC layers of TensorFlow and
// Paddle hold it, and b (Out), or nil for none.
type Linear struct {
	W *Param // (In, Out)
	B *Param // (Out), or nil
}

// Params lists W and, where there is one, b.
func (l Linear) Params() []*Param {
	if l.B == nil {
		return []*Param{l.W}
	}
	return []*Param{l.W, l.B}
}

// Forward computes y (N, Out) from x (N, In).
func (l Linear) Forward(b tensor.Backend, y, x tensor.Mat) {
	b.Gemm(y, 1, x, false, l.W.Value, false, 0)
	if l.B != nil {
		b.AddRow(y, l.B.Row())
	}
}

// Backward writes the gradients of W and b from dy (N, Out) and the input x
// (N, In). The input itself is data, and gets none.
func (l Linear) Backward(b tensor.Backend, dy, x tensor.Mat) {
	b.Gemm(l.W.Grad, 1, x, true, dy, false, 0)
	if l.B != nil {
		b.SumRows(l.B.GradRow(), dy, 0)
	}
}
