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

// An encoder's layer with weights by name, as a file would give them.
func ExampleTransformer() {
	b := tensor.NewCPU(0)
	stack := nn.NewTransformer(b, nn.Config{
		Layers: 1, Width: 2, Heads: 1, Hidden: 4, Eps: 1e-5, Activation: tensor.QuickGELU, PreNorm: true,
	}, nn.CLIPNames("vision_model.encoder"))
	for _, p := range stack.Params() {
		err := p.Load(b, func(part func([]float32) error) error { // or a weights.File's Values
			return part(make([]float32, p.Len()))
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	stack.Pack(b)
	fmt.Println(stack.Params()[0].Name)

	x := tensor.NewMat(b, 3, 2) // one sequence of three tokens
	b.Upload(x, []float32{1, 2, 3, 4, 5, 6})
	stack.Forward(b, x, 1, nil)
	got := make([]float32, 6)
	b.Download(got, x)
	fmt.Println(got) // weights of 0 leave the residual
	// Output:
	// vision_model.encoder.layers.0.self_attn.q_proj.weight
	// [1 2 3 4 5 6]
}
