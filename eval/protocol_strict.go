package eval

import (
	"fmt"
	"slices"

	"tall"
)

// scoreStrict is the protocol of Otani et al. 2020 (src/toolbox/eval.py): moments
// by their scores, equal ones the later first (numpy.argsort, reversed), no
// suppression, a hit when IoU > t, strictly. Shares, 2 decimals.
func scoreStrict(r *run) error {
	grid := r.grid(2, 1, func(n int, iou float64) string { return fmt.Sprintf("R@%d IoU>%g", n, iou) })
	r.each(func(i int, q *query) {
		ranked := spans(rated(q.moments()))
		ranked = ranked[:min(len(ranked), r.o.Top[len(r.o.Top)-1])]
		for t, iou := range r.o.IoU {
			firstHit(grid, r.o.Top, t, i, firstAbove(ranked, q.truth, iou))
		}
	})
	return nil
}

// rated are moments from the highest score to the lowest, ties the later first.
func rated(moments []Found) []Found {
	order := make([]int, len(moments))
	for i := range order {
		order[i] = len(moments) - 1 - i
	}
	slices.SortStableFunc(order, func(a, b int) int { return falling(moments[a].Score, moments[b].Score) })
	out := make([]Found, len(order))
	for k, i := range order {
		out[k] = moments[i]
	}
	return out
}

func spans(moments []Found) []tall.Span {
	out := make([]tall.Span, len(moments))
	for i, m := range moments {
		out[i] = m.Span
	}
	return out
}
