package tensor_test

import (
	"fmt"

	"tall/tensor"
)

// A product of two matrices, on the processor's best kernels.
func ExampleCPU_Gemm() {
	cpu := tensor.NewCPU(0) // as many threads as GOMAXPROCS
	a := tensor.NewMat(cpu, 2, 3)
	b := tensor.NewMat(cpu, 2, 3)
	c := tensor.NewMat(cpu, 2, 2)
	cpu.Upload(a, []float32{
		1, 2, 3,
		4, 5, 6,
	})
	cpu.Upload(b, []float32{
		1, 0, 1,
		0, 1, 0,
	})
	cpu.Gemm(c, 1, a, false, b, true, 0) // c = a b^T

	got := make([]float32, 4)
	cpu.Download(got, c)
	fmt.Println(got)
	// Output: [4 2 10 5]
}

// The product of all pairs of two sentences and three windows, as CTRL's fusion
// layer forms it, without the matrix of pairs.
func ExampleCPU_PairNT() {
	cpu := tensor.NewCPU(0)
	v := tensor.NewMat(cpu, 3, 2) // windows
	q := tensor.NewMat(cpu, 2, 2) // sentences
	w := tensor.NewMat(cpu, 1, 2)
	cpu.Upload(v, []float32{1, 2, 3, 4, 5, 6})
	cpu.Upload(q, []float32{1, 1, 10, 0})
	cpu.Upload(w, []float32{1, 1})
	scores := tensor.NewMat(cpu, 2*3, 1)
	cpu.PairNT(scores, v, q, w)

	got := make([]float32, 6)
	cpu.Download(got, scores)
	fmt.Println(got)
	// Output: [3 7 11 10 30 50]
}

// A search among rows of bytes, scored again in half precision.
func ExampleCPU_DotI8() {
	cpu := tensor.NewCPU(0)
	const d = 4
	rows := []float32{
		1, 0, 0, 0,
		0.6, 0.8, 0, 0,
		0, 0.6, 0, 0.8,
	}
	half, bytes, scales := make([]uint16, len(rows)), make([]int8, len(rows)), make([]float32, 3)
	tensor.EncodeF16(half, rows)
	for r := range scales {
		scales[r] = tensor.QuantizeI8(bytes[r*d:(r+1)*d], rows[r*d:(r+1)*d])
	}
	query := []float32{0.6, 0.8, 0, 0}
	scores := make([]float32, 3)
	cpu.DotI8(scores, bytes, scales, d, query)
	fmt.Printf("%.2f\n", scores)

	again := make([]float32, 1)
	cpu.DotRowsF16(again, half, d, []int{1}, query)
	fmt.Printf("%.4f\n", again)
	// Output:
	// [0.60 1.00 0.48]
	// [0.9999]
}
