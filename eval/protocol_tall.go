package eval

import (
	"fmt"
	"math"
	"slices"

	"tall"
)

// scoreTALL is the protocol of TALL, as [Scorer] has it (see the package's
// documentation): suppression that moves with the metric, overlap over the hull,
// IoU >= t. It is compared in the clock of the truth, frames for TACoS: what
// [tall.Example.FPS] or, where the truth is in seconds, ScoreOptions.FPS says.
//
// The original ranks by score, equal ones the later first (a stable sort, taken
// from its end). Lists of ours have been ranked so, and stand as they are;
// ScoreOptions.ByScore ranks those that have not.
func scoreTALL(r *run) error {
	grid := r.grid(4, 1, func(n int, iou float64) string { return fmt.Sprintf("R@%d IoU=%g", n, iou) })
	mean := r.newColumn("mean IoU", 4, 1).values
	o := Options{IoU: r.o.IoU, Top: r.o.Top, NMS: *r.o.NMS}
	r.each(func(i int, q *query) {
		e := *q.example
		if ticks(e.FPS) == 1 && r.o.FPS > 0 {
			e.Truth = inTicks(q.truth, r.o.FPS)
			e.FPS = r.o.FPS
		}
		if r.o.ByScore && q.prediction != nil {
			p := *q.prediction
			p.Moments = rated(p.Moments)
			q.prediction = &p
		}
		ranked := listed(q.prediction, e.FPS)
		for t, rank := range recallRanks(o, ranked, e.Truth) {
			firstHit(grid, o.Top, t, i, rank)
		}
		if len(ranked) > 0 {
			mean[i] = overlap(ranked[0], e.Truth)
		}
	})
	return nil
}

// recallRanks is, for each IoU, the rank among the moments that suppression
// leaves of the first that hits, from 0; -1: none of the first n, for the
// largest n of o.Top.
func recallRanks(o Options, ranked, truth []tall.Span) []int {
	out := make([]int, len(o.IoU))
	scores := make([]float32, len(ranked))
	for i := range scores {
		scores[i] = -float32(i)
	}
	most := o.Top[len(o.Top)-1]
	for t, iou := range o.IoU {
		threshold, ok := o.NMS.Threshold(iou)
		if !ok {
			threshold = math.Inf(1)
		}
		kept := tall.Suppress(ranked, scores, threshold, most)
		out[t] = slices.IndexFunc(kept, func(k int) bool { return best(ranked[k], truth) >= iou })
	}
	return out
}

// listed are the moments of a prediction in a clock of fps ticks a second.
func listed(p *Prediction, fps float64) []tall.Span {
	if p == nil {
		return nil
	}
	return inTicks(spans(p.Moments), fps)
}

// inTicks turns seconds into frames of fps a second. Frames that were divided
// by fps come back as they were: what is left of rounding is taken away, down to
// a millionth of a frame. Seconds (fps 0 or 1) are not touched.
func inTicks(spans []tall.Span, fps float64) []tall.Span {
	if ticks(fps) == 1 {
		return spans
	}
	const grain = 1 << 20
	frames := func(seconds float64) float64 { return math.Round(seconds*fps*grain) / grain }
	out := make([]tall.Span, len(spans))
	for i, s := range spans {
		out[i] = tall.Span{Start: frames(s.Start), End: frames(s.End)}
	}
	return out
}
