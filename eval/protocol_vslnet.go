package eval

import "fmt"

// scoreVSLNet is the protocol of VSLNet (util/runner_utils.py): the first moment
// as listed, no suppression, a hit when IoU >= t; mean IoU, disjoint moments
// counted as 0. Percent, 2 decimals. VSLNet finds one moment, so its n is 1;
// other n ask whether any of the first n hits.
func scoreVSLNet(r *run) error {
	grid := r.grid(2, 100, func(n int, iou float64) string { return fmt.Sprintf("Rank@%d, IoU=%g", n, iou) })
	mean := r.newColumn("mean IoU", 2, 100)
	mean.mean = pairwiseMean
	most := r.o.Top[len(r.o.Top)-1]
	r.each(func(i int, q *query) {
		moments := q.moments()
		for k := 0; k < min(most, len(moments)); k++ {
			v := overlap(moments[k].Span, q.truth)
			for t, iou := range r.o.IoU {
				if v >= iou {
					firstHit(grid, r.o.Top, t, i, k)
				}
			}
			if k == 0 {
				mean.values[i] = v
			}
		}
	})
	return nil
}
