package nn

import (
	"fmt"
	"testing"
	"time"

	"tall/tensor"
)

// encoders are the stacks whose speed counts.
var encoders = []struct {
	name              string
	sequences, length int
	at                bool // one row of each sequence is wanted
	Config
}{
	{"ViT-B32", 16, 50, false, Config{Layers: 12, Width: 768, Heads: 12, Hidden: 3072, Eps: 1e-5, Activation: tensor.QuickGELU, PreNorm: true}},
	{"ViT-B32/class", 16, 50, true, Config{Layers: 12, Width: 768, Heads: 12, Hidden: 3072, Eps: 1e-5, Activation: tensor.QuickGELU, PreNorm: true}},
	{"CLIP-text/1x12", 1, 12, true, Config{Layers: 12, Width: 512, Heads: 8, Hidden: 2048, Eps: 1e-5, Activation: tensor.QuickGELU, PreNorm: true, Causal: true}},
	{"CLIP-text/1x77", 1, 77, true, Config{Layers: 12, Width: 512, Heads: 8, Hidden: 2048, Eps: 1e-5, Activation: tensor.QuickGELU, PreNorm: true, Causal: true}},
	{"MiniLM/1x12", 1, 12, false, Config{Layers: 6, Width: 384, Heads: 12, Hidden: 1536, Eps: 1e-12, Activation: tensor.GELU}},
	{"MiniLM/32x16", 32, 16, false, Config{Layers: 6, Width: 384, Heads: 12, Hidden: 1536, Eps: 1e-12, Activation: tensor.GELU}},
}

// flops is what the products take, those of attention included.
func flops(c Config, sequences, length int, at bool) float64 {
	rows, w := float64(sequences*length), float64(c.Width)
	projections := 2 * rows * w * w
	attend := 4 * rows * float64(length) * w
	mlp := 4 * rows * w * float64(c.Hidden)
	whole := 4*projections + attend + mlp
	if !at {
		return float64(c.Layers) * whole
	}
	return float64(c.Layers-1)*whole + 2*projections + (2*projections+attend+mlp)/float64(length)
}

// BenchmarkTransformer reports the least time, and the share of the peak that is
// measured in the same run.
func BenchmarkTransformer(b *testing.B) {
	for _, e := range encoders {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", e.name, threads), func(b *testing.B) {
				cpu := tensor.NewCPU(threads)
				m := NewTransformer(cpu, e.Config, CLIPNames("encoder"))
				fill(cpu, m.Params(), e.Width)
				m.Pack(cpu)
				input := NewFrozen(cpu, "x", e.sequences*e.length, e.Width)
				Normal(1).Fill(cpu, input, 1, 1)
				x, y := tensor.NewMat(cpu, e.sequences*e.length, e.Width), tensor.NewMat(cpu, e.sequences, e.Width)
				at := make([]int, e.sequences)
				for s := range at {
					at[s] = e.length - 1
				}
				forward := func() {
					cpu.Copy(x, input.Value)
					if e.at {
						m.ForwardAt(cpu, y, x, e.sequences, nil, at)
					} else {
						m.Forward(cpu, x, e.sequences, nil)
					}
				}
				forward()
				peak := tensor.MeasurePeak(threads)
				best := time.Duration(1 << 62)
				for b.Loop() {
					start := time.Now()
					forward()
					best = min(best, time.Since(start))
				}
				peak = max(peak, tensor.MeasurePeak(threads))
				rate := flops(e.Config, e.sequences, e.length, e.at) / float64(best.Nanoseconds())
				b.ReportMetric(float64(best.Microseconds())/1000, "ms(min)")
				b.ReportMetric(rate, "GFLOP/s(max)")
				b.ReportMetric(100*rate/peak, "%ofpeak")
				b.ReportMetric(float64(e.sequences)/best.Seconds(), "sequences/s")
			})
		}
	}
}
