package c3d

import (
	"testing"
	"time"

	"tall/tensor"
	"tall/weights"
)

// operations is the number of additions and multiplications of a window, padding left
// out of account: 77 GFLOP for C3D.
func (p plan) operations() (n float64) {
	for i, v := range p.shapes() {
		if i == len(layers) {
			n += 2 * float64(v.values()) * float64(p.out)
			break
		}
		n += 2 * 27 * float64(v.values()) * float64(p.channels[i])
	}
	return n
}

// cheapParams are values of about the right size, quickly.
func cheapParams(p plan) []weights.Tensor {
	var out []weights.Tensor
	for _, s := range p.specs() {
		n := 1
		for _, d := range s.Shape {
			n *= d
		}
		data := make([]float32, n)
		z := uint32(n)
		for i := range data {
			z = z*1664525 + 1013904223
			data[i] = (float32(z>>8)/(1<<23) - 1) * 0.02
		}
		out = append(out, weights.Tensor{Name: s.Name, Shape: s.Shape, Data: data})
	}
	return out
}

// BenchmarkWindow is C3D on one window after the other, fc6 for eight together, frames
// left out. GFLOP/s are those of the definition; sums over padding are not computed, and
// those over the lines between frames are not counted.
func BenchmarkWindow(b *testing.B) {
	params := cheapParams(sports1M)
	for _, threads := range []int{1, 2} {
		b.Run(map[int]string{1: "1 thread", 2: "2 threads"}[threads], func(b *testing.B) {
			net := newNetwork(tensor.NewCPU(threads), sports1M, params)
			clip := uniform(1, 3*clipFrames*cropSize*cropSize, 100)
			pool5 := make([]float32, batch*sports1M.pooled().values())
			peak := tensor.MeasurePeak(threads)
			windows := 0
			start := time.Now()
			for b.Loop() {
				net.pool5(pool5, clip)
				if windows++; windows%batch == 0 {
					net.features(pool5, batch)
				}
			}
			seconds := time.Since(start).Seconds() / float64(windows)
			gflops := sports1M.operations() / seconds / 1e9
			b.ReportMetric(1/seconds, "windows/s")
			b.ReportMetric(gflops, "GFLOP/s")
			if peak > 0 {
				b.ReportMetric(100*gflops/peak, "%peak")
			}
		})
	}
}

// BenchmarkResizer is the preparation of a frame.
func BenchmarkResizer(b *testing.B) {
	pix := picture(1, 1280, 720)
	dst := make([]byte, 3*cropSize*cropSize)
	r := newResizer(1280, 720)
	for b.Loop() {
		r.crop(dst, pix)
	}
}
