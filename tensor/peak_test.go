package tensor

import "testing"

func BenchmarkPeak(b *testing.B) {
	for _, loop := range peakLoops() {
		for _, threads := range []int{1, 2} {
			b.Run(loop.kernel+"/threads="+string(rune('0'+threads)), func(b *testing.B) {
				best := 0.0
				for b.Loop() {
					best = max(best, loop.measure(threads))
				}
				b.ReportMetric(best, "GFLOP/s(max)")
			})
		}
	}
}
