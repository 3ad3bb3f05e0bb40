package nn

import (
	"fmt"

	"tall/tensor"
)

// Param is one array of a model that is learned: its value, the gradient of the
// last step, and the two moments of [Adam]. All four are contiguous matrices of
// (Shape[0], product of the rest).
type Param struct {
	Name  string
	Shape []int // as the file formats know it, such as [1000, 4096, 1, 1]

	Value, Grad tensor.Mat
	M, V        tensor.Mat // Adam's moments: running means of g and of g*g
}

// NewParam returns a parameter of zeros with gradient and moments.
func NewParam(b tensor.Memory, name string, shape ...int) *Param {
	p := NewFrozen(b, name, shape...)
	p.Train(b)
	return p
}

// NewFrozen returns a parameter of zeros with a value alone, a quarter of the
// memory: enough to run a model. [Param.Train] adds the rest.
func NewFrozen(b tensor.Memory, name string, shape ...int) *Param {
	rows, cols := matrix(name, shape)
	return &Param{Name: name, Shape: shape, Value: tensor.NewMat(b, rows, cols)}
}

// Train gives the parameter its gradient and moments, zeros, unless it has them.
func (p *Param) Train(b tensor.Memory) {
	if p.Grad.Mem != nil {
		return
	}
	rows, cols := p.Value.Rows, p.Value.Cols
	p.Grad = tensor.NewMat(b, rows, cols)
	p.M = tensor.NewMat(b, rows, cols)
	p.V = tensor.NewMat(b, rows, cols)
}

// Len is the number of values.
func (p *Param) Len() int { return p.Value.Rows * p.Value.Cols }

// Row views a parameter of shape [n], a bias, as the row vector (1, n).
func (p *Param) Row() tensor.Mat { return p.Value.Reshape(1, p.Len()) }

// GradRow views the gradient of a parameter of shape [n] as (1, n).
func (p *Param) GradRow() tensor.Mat { return p.Grad.Reshape(1, p.Len()) }

func matrix(name string, shape []int) (rows, cols int) {
	if len(shape) == 0 {
		panic(fmt.Sprintf("nn: parameter %s has no shape", name))
	}
	cols = 1
	for _, n := range shape {
		if n <= 0 {
			panic(fmt.Sprintf("nn: parameter %s has shape %v", name, shape))
		}
	}
	for _, n := range shape[1:] {
		cols *= n
	}
	return shape[0], cols
}

// Load sets the values from a stream of all of them in order, in as many pieces
// as it likes; a tensor of a file of weights is one, without a copy of the
// whole:
//
//	err := p.Load(b, func(part func([]float32) error) error { return file.Values(tensor, part) })
//
// The error is the stream's, or tells that it was too long or too short.
func (p *Param) Load(b tensor.Memory, values func(part func(values []float32) error) error) error {
	flat, at := p.Value.Reshape(1, p.Len()), 0
	err := values(func(v []float32) error {
		if at+len(v) > flat.Cols {
			return fmt.Errorf("parameter %s takes %d values, more were given", p.Name, flat.Cols)
		}
		b.Upload(flat.ColRange(at, at+len(v)), v)
		at += len(v)
		return nil
	})
	if err == nil && at < flat.Cols {
		err = fmt.Errorf("parameter %s takes %d values, %d were given", p.Name, flat.Cols, at)
	}
	return err
}
