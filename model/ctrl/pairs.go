package ctrl

import (
	"math"
	"slices"

	"tall"
	"tall/feature"
)

// Windows are the windows of all videos, in one clock; a [feature.Store] is.
type Windows interface {
	FPS() float64 // ticks of the spans in a second
	// Windows returns a video's windows ordered by (start, end), none where the
	// video is not known.
	Windows(video string) []feature.Window
}

// Pair is a training pair: a window that matches a true span of an example.
type Pair struct {
	Example int            // index of the example
	Clip    int            // number of the true clip: equal for equal video and span
	Window  feature.Window // the window that matches
	Truth   tall.Span      // the true span, in the clock of the windows
}

// Offsets are the targets of the regression: true start - window start and true
// end - window end.
func (p Pair) Offsets() (start, end float32) {
	return float32(p.Truth.Start - p.Window.Start), float32(p.Truth.End - p.Window.End)
}

// FindPairs returns the training pairs of the examples, by example, then by
// window: those whose [tall.HullIoU] is above o.MinIoU and whose [tall.NIoL] is
// below o.MaxNIoL (Gao et al. 2017, section 3.3). Each example is compared with
// the few windows of its own video that can reach that IoU, found by bisection;
// the reference compares all with all.
func FindPairs(windows Windows, examples []tall.Example, o Options) []Pair {
	type clip struct {
		video string
		span  tall.Span
	}
	clips := map[clip]int{}
	fps := windows.FPS()
	var pairs []Pair
	listed := map[string][]feature.Window{} // listing a video copies its windows: once is enough
	for i, e := range examples {
		of, ok := listed[e.Video]
		if !ok {
			of = windows.Windows(e.Video)
			listed[e.Video] = of
		}
		for _, truth := range e.Truth {
			if fps > 0 && e.FPS > 0 && fps != e.FPS {
				truth = truth.Scale(fps / e.FPS)
			}
			key := clip{e.Video, truth}
			number, ok := clips[key]
			if !ok {
				number = len(clips)
				clips[key] = number
			}
			for _, w := range candidates(of, truth, o.MinIoU) {
				if tall.HullIoU(w.Span, truth) > o.MinIoU && tall.NIoL(w.Span, truth) < o.MaxNIoL {
					pairs = append(pairs, Pair{Example: i, Clip: number, Window: w, Truth: truth})
				}
			}
		}
	}
	return pairs
}

// candidates narrows windows, ordered by start, to those whose IoU with g can be
// above minIoU. The hull of such a window and g is shorter than their
// intersection / minIoU, hence than |g| / minIoU, so it starts after
// g.End - |g|/minIoU; and it starts before g ends. The bounds are taken a little
// too wide, because the exact test follows.
func candidates(windows []feature.Window, g tall.Span, minIoU float64) []feature.Window {
	if !g.Valid() {
		return nil // its intersection with anything is at most 0
	}
	slack := 1e-9 * (math.Abs(g.Start) + math.Abs(g.End))
	first := math.Inf(-1)
	if minIoU > 0 {
		first = g.End - g.Len()/minIoU - slack
	}
	from := searchStart(windows, first)
	return windows[from : from+searchStart(windows[from:], g.End+slack)]
}

// searchStart returns the number of windows that start before t.
func searchStart(windows []feature.Window, t float64) int {
	n, _ := slices.BinarySearchFunc(windows, t, func(w feature.Window, t float64) int {
		if w.Start < t {
			return -1
		}
		return 1
	})
	return n
}
