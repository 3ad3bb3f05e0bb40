package onnx_test

import (
	"fmt"

	"tall/encode/onnx"
)

func ExampleParse() {
	c, err := onnx.Parse("lite0.yaml", []byte(`
model: efficientnet-lite0.onnx
width: 224
height: 224
short: 256
white: 255
mean: [127, 127, 127]
std: [128, 128, 128]
output: features
rate: 2
`))
	if err != nil {
		panic(err)
	}
	fmt.Println(c.Name, c.Layout, c.Shape(8))

	_, err = onnx.Parse("lite0.yaml", []byte("model: ../lite0.onnx\nwidth: 224\nheight: 224\n"))
	fmt.Println(err)
	// Output:
	// efficientnet-lite0 NCHW [8 3 224 224]
	// lite0.yaml:1:8: model is "../lite0.onnx", which leaves the folder of this file; put the model beside this file and give its name
}
