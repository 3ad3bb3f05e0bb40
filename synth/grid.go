package synth

import (
	"iter"

	"tall/feature"
)

// Window lengths in frames (Gao et al. 2017, section 4.1), and the names of the
// released folders.
var (
	trainLengths = []int{64, 128, 256, 512}
	testLengths  = []int{128, 256}
)

const (
	trainFolder = "Interval64_128_256_512_overlap0.8_c3d_fc6"
	testFolder  = "Interval128_256_overlap0.8_c3d_fc6"
	valFolder   = "Interval128_256_overlap0.8_c3d_fc6_val"

	firstFrame = 1
	fps        = feature.DefaultFPS // TACoS
)

// gridStep is int(0.2 x length): overlap 0.8.
func gridStep(length int) int { return length / 5 }

// grid yields the windows (start, end) of a video of the given number of frames,
// length by length. The last window of a length is the last that ends within the
// video. On the lengths of TACoS's 127 videos this gives its 161,396 windows.
func grid(frames int, lengths []int) iter.Seq2[int, int] {
	return func(yield func(start, end int) bool) {
		for _, length := range lengths {
			for start := firstFrame; start+length <= frames; start += gridStep(length) {
				if !yield(start, start+length) {
					return
				}
			}
		}
	}
}

// gridCount is the number of windows that grid yields.
func gridCount(frames int, lengths []int) int {
	n := 0
	for _, length := range lengths {
		if rest := frames - firstFrame - length; rest >= 0 {
			n += rest/gridStep(length) + 1
		}
	}
	return n
}

// minFrames is the shortest video: it has windows of 256 frames.
const minFrames = 300

// fitLengths returns lengths in frames, proportional to weights as far as
// possible, of videos that together have total windows on the training grid (a
// few fewer where the grid has no such sum, as a single video's may not).
func fitLengths(weights []float64, total int) []int {
	frames := make([]int, len(weights))
	fill := func(mean int) (windows int) {
		for i, w := range weights {
			frames[i] = max(minFrames, int(w*float64(mean)))
			windows += gridCount(frames[i], trainLengths)
		}
		return windows
	}
	low, high := 0, maxTotal*gridStep(trainLengths[0])
	for high-low > 1 {
		if mid := (low + high) / 2; fill(mid) <= total {
			low = mid
		} else {
			high = mid
		}
	}
	need := total - fill(low)
	for moved := true; need > 0 && moved; {
		moved = false
		for i := range frames {
			longer, more := nextWindow(frames[i])
			if more <= need {
				frames[i] = longer
				need -= more
				moved = true
			}
		}
	}
	return frames
}

// nextWindow returns the next length at which a video has more windows, and how
// many more.
func nextWindow(frames int) (longer, more int) {
	have := gridCount(frames, trainLengths)
	for longer = frames + 1; ; longer++ {
		if n := gridCount(longer, trainLengths); n > have {
			return longer, n - have
		}
	}
}
