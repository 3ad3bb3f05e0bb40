package tensor

import (
	"sync"
	"time"
)

// MeasurePeak measures what the processor can do at most, in GFLOP/s: threads
// threads run fused multiply-adds on registers, in the widest vectors there
// are, 2 operations a lane. It takes about 0.1 s and returns the best of
// several rounds. It returns 0 where there is no assembly to measure with.
func MeasurePeak(threads int) (gflops float64) {
	for _, loop := range peakLoops() {
		gflops = max(gflops, loop.measure(threads))
	}
	return gflops
}

// peakLoop is a loop of independent fused multiply-adds.
type peakLoop struct {
	kernel string
	flops  float64 // operations a round
	run    func(rounds int)
}

func (p peakLoop) measure(threads int) (gflops float64) {
	// One round takes about 12 to 24 cycles.
	const rounds = 100_000
	deadline := time.Now().Add(50 * time.Millisecond)
	for {
		start := time.Now()
		var wg sync.WaitGroup
		for range threads {
			wg.Go(func() { p.run(rounds) })
		}
		wg.Wait()
		took := time.Since(start)
		gflops = max(gflops, float64(threads)*rounds*p.flops/float64(took.Nanoseconds()))
		if time.Now().After(deadline) {
			return gflops
		}
	}
}
