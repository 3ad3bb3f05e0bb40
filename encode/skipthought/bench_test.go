package skipthought

import (
	"testing"

	"tall/tensor"
)

// BenchmarkSentence is the networks at their published size, tables left out: sentences
// of ten words alone and together.
func BenchmarkSentence(b *testing.B) {
	const in, words = 620, 10
	cpu := tensor.NewCPU(0)
	layer := func(d int) *gru {
		fill := func(rows, cols int) tensor.Mat {
			m := tensor.NewMat(cpu, rows, cols)
			data := make([]float32, rows*cols)
			for i := range data {
				data[i] = float32(i%17-8) * 0.002
			}
			cpu.Upload(m, data)
			return m
		}
		return &gru{in: in, d: d, w: cpu.Pack(fill(3*d, in)), u: cpu.Pack(fill(3*d, d)), bias: fill(1, 3*d)}
	}
	layers := []*gru{layer(2400), layer(1200), layer(1200)}
	for _, n := range []int{1, 32} {
		b.Run(map[int]string{1: "1", 32: "32"}[n], func(b *testing.B) {
			lengths := make([]int, n)
			for i := range lengths {
				lengths[i] = words
			}
			x := noise(1, n*words*in, 0.1)
			for b.Loop() {
				for _, l := range layers {
					if _, err := l.forward(b.Context(), cpu, x, lengths); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "sentences/s")
		})
	}
}
