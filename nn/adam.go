package nn

import (
	"math"

	"tall/tensor"
)

// Adam is the optimizer (Kingma and Ba 2015), in the form of TensorFlow and
// Paddle: epsilon is added to sqrt(v) as it is. PyTorch divides v by its bias
// correction first, which scales epsilon; its losses differ in the third digit
// after a few steps.
type Adam struct {
	LR, Beta1, Beta2, Epsilon float64

	// ClipNorm bounds the global norm of the gradients: all of them are
	// multiplied by ClipNorm / max(ClipNorm, norm). 0 switches it off.
	ClipNorm float64
	// Step counts the updates done. It is state: a resumed run sets it.
	Step int
}

// NewAdam returns the reference's settings (beta 0.9 and 0.999, epsilon 1e-8).
func NewAdam(lr, clipNorm float64) *Adam {
	return &Adam{LR: lr, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: clipNorm}
}

// Update applies the gradients to the parameters and returns their global norm
// before the clip. Where the norm is NaN or infinite it changes nothing, so that
// the caller can stop with parameters that are still good.
func (a *Adam) Update(b tensor.Backend, params []*Param) (gradNorm float64) {
	var squares float64
	for _, p := range params {
		squares += b.SumSquares(p.Grad)
	}
	gradNorm = math.Sqrt(squares)
	if math.IsNaN(gradNorm) || math.IsInf(gradNorm, 0) {
		return gradNorm
	}
	scale := 1.0
	if a.ClipNorm > 0 {
		scale = a.ClipNorm / max(a.ClipNorm, gradNorm)
	}
	a.Step++
	t := float64(a.Step)
	step := tensor.AdamStep{
		Beta1:     float32(a.Beta1),
		Beta2:     float32(a.Beta2),
		Epsilon:   float32(a.Epsilon),
		Rate:      float32(a.LR * math.Sqrt(1-math.Pow(a.Beta2, t)) / (1 - math.Pow(a.Beta1, t))),
		GradScale: float32(scale),
	}
	for _, p := range params {
		b.Adam(p.Value, p.M, p.V, p.Grad, step)
	}
	return gradNorm
}
