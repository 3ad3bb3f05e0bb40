package nn_test

import (
	"fmt"

	"tall/nn"
	"tall/tensor"
)

// A line through the points (0, 1), (1, 3), (2, 5) by gradient descent.
func Example() {
	b := tensor.NewCPU(0)
	line := nn.Linear{W: nn.NewParam(b, "slope", 1, 1), B: nn.NewParam(b, "intercept", 1)}
	nn.Normal(0.01).Fill(b, line.W, 1, 42)

	x, y, target := tensor.NewMat(b, 3, 1), tensor.NewMat(b, 3, 1), tensor.NewMat(b, 3, 1)
	b.Upload(x, []float32{0, 1, 2})
	b.Upload(target, []float32{1, 3, 5})
	dy := tensor.NewMat(b, 3, 1)
	adam := nn.NewAdam(0.05, 5)
	for range 2000 {
		line.Forward(b, y, x)
		b.L1Loss(dy, y, target, 1, 1)
		line.Backward(b, dy, x)
		adam.Update(b, line.Params())
	}

	slope, intercept := make([]float32, 1), make([]float32, 1)
	b.Download(slope, line.W.Value)
	b.Download(intercept, line.B.Value)
	fmt.Printf("y = %.2f x + %.2f\n", slope[0], intercept[0])
	// Output: y = 2.00 x + 1.00
}
