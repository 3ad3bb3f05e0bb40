package eval

import (
	"fmt"

	"tall"
)

// score2DTAN is the protocol of 2D-TAN (lib/core/eval.py): moments as they are
// listed, best first; one suppression for all metrics, which keeps what overlaps
// no better one by more than its threshold (NMS_THRESH; the function's default
// is 0.4, experiments set their own); a hit when IoU > t, strictly. mIoU is that
// of the first moment. Percent, 2 decimals.
func score2DTAN(r *run) error {
	grid := r.grid(2, 100, func(n int, iou float64) string { return fmt.Sprintf("Rank@%d,mIoU@%g", n, iou) })
	miou := r.newColumn("mIoU", 2, 100)
	miou.mean = pairwiseMean
	most := r.o.Top[len(r.o.Top)-1]
	r.each(func(i int, q *query) {
		kept := suppressed2DTAN(q.moments(), *r.o.NMS, most)
		for t, iou := range r.o.IoU {
			firstHit(grid, r.o.Top, t, i, firstAbove(kept, q.truth, iou))
		}
		if len(kept) > 0 {
			miou.values[i] = overlap(kept[0], q.truth)
		}
	})
	return nil
}

// suppressed2DTAN are the first moments, at most most, that suppression leaves.
func suppressed2DTAN(moments []Found, nms NMS, most int) []tall.Span {
	threshold, ok := nms.Threshold(0)
	kept := make([]tall.Span, 0, most)
	for _, m := range moments {
		if len(kept) == most {
			break
		}
		again := false
		for _, k := range kept {
			again = again || ok && tall.IoU(k, m.Span) > threshold
		}
		if !again {
			kept = append(kept, m.Span)
		}
	}
	return kept
}

// firstAbove is the rank of the first moment whose overlap exceeds iou; -1:
// there is none.
func firstAbove(ranked []tall.Span, truth []tall.Span, iou float64) int {
	for k, m := range ranked {
		if overlap(m, truth) > iou {
			return k
		}
	}
	return -1
}
