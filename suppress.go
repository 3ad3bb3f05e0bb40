package tall

import (
	"cmp"
	"math"
	"slices"
)

// Suppress is greedy temporal non-maximum suppression, as the reference does it
// (nms_temporal): take the best remaining moment, drop every other whose [IoU]
// with it exceeds threshold (one that equals it stays), repeat. It returns the
// indices of the moments kept, best first, at most top of them (top <= 0: all).
//
// Equal scores: the later one in the listing comes first; listings are ordered
// by (start, end) of the window, so that the result does not depend on the
// order of a directory. NaN scores come last.
func Suppress(spans []Span, scores []float32, threshold float64, top int) []int {
	order := Rank(scores)
	if top <= 0 || top > len(order) {
		top = len(order)
	}
	kept := make([]int, 0, min(top, 16))
	for _, i := range order {
		if len(kept) == top {
			break
		}
		if !slices.ContainsFunc(kept, func(k int) bool { return IoU(spans[k], spans[i]) > threshold }) {
			kept = append(kept, i)
		}
	}
	return kept
}

// Rank returns the indices of scores from the best to the worst, ties by the
// larger index first, NaN last: the order in which [Suppress] visits moments.
func Rank(scores []float32) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := scores[a], scores[b]
		nx, ny := math.IsNaN(float64(x)), math.IsNaN(float64(y))
		switch {
		case nx != ny && nx:
			return 1
		case nx != ny:
			return -1
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return cmp.Compare(b, a)
	})
	return order
}
