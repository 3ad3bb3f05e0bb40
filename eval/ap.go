package eval

import (
	"cmp"
	"math"
	"slices"

	"tall"
)

// highestFirst is the order of scores from the highest down, NaN last.
func highestFirst(scores []float64) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return falling(scores[a], scores[b]) })
	return order
}

// averagePrecision is the interpolated average precision of PASCAL VOC 2011, as
// in ActivityNet's evaluator and its heirs (MMAction2, Moment-DETR): hits tells
// of each detection, best first, whether it found a truth of its own; truths is
// how many there were to find. Precision is replaced by the best that any longer
// list reaches, and integrated over recall.
func averagePrecision(hits []bool, truths int) float64 {
	if len(hits) == 0 || truths == 0 {
		return 0
	}
	// Recall changes at hits alone, and once more at the end, to 1, where the
	// precision is 0: one term for each.
	terms := make([]float64, 0, truths+1)
	precision := make([]float64, 0, truths)
	found := 0
	for i, hit := range hits {
		if hit {
			found++
			precision = append(precision, float64(found)/float64(i+1))
		}
	}
	for i := len(precision) - 2; i >= 0; i-- {
		precision[i] = max(precision[i], precision[i+1])
	}
	before := 0.0
	for i, p := range precision {
		recall := float64(i+1) / float64(truths)
		terms = append(terms, (recall-before)*p)
		before = recall
	}
	if before != 1 {
		terms = append(terms, 0)
	}
	return pairwiseSum(terms)
}

// byScore returns the order of detections from the best to the worst; equal
// ones keep theirs, and scores that are not numbers come last.
func byScore(moments []Found) []int {
	order := make([]int, len(moments))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return falling(moments[a].Score, moments[b].Score) })
	return order
}

// falling orders scores from the largest to the smallest, NaN last.
func falling(a, b float64) int {
	if an, bn := math.IsNaN(a), math.IsNaN(b); an || bn {
		return cmp.Compare(boolean(an), boolean(bn))
	}
	return cmp.Compare(b, a)
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// claims gives truths of one video to detections, greedily: each takes, of the
// truths that overlap it by the threshold or more, the one with the largest
// overlap that is still free. It holds the state of one threshold.
type claims struct {
	threshold float64
	taken     []bool
}

// claim reports whether the detection finds a truth. overlaps are those with
// every truth, order their indices from the largest overlap to the smallest.
func (c *claims) claim(overlaps []float64, order []int) bool {
	for _, j := range order {
		if !(overlaps[j] >= c.threshold) {
			return false
		}
		if !c.taken[j] {
			c.taken[j] = true
			return true
		}
	}
	return false
}

// overlaps fills in the overlaps of a detection with the truths, over the true
// union, and orders them from the largest to the smallest, ties by the larger
// index first: numpy.argsort, reversed. An overlap that is not a number counts
// as none; numpy would put it first and take it for a hit.
func overlaps(m tall.Span, truths []tall.Span, values []float64, order []int) ([]float64, []int) {
	values, order = values[:0], order[:0]
	for j, g := range truths {
		v := tall.IoU(m, g)
		if !(v > 0) {
			v = 0
		}
		values = append(values, v)
		order = append(order, j)
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := cmp.Compare(values[b], values[a]); c != 0 {
			return c
		}
		return cmp.Compare(b, a)
	})
	return values, order
}

// detectionAP is the average precision, at each threshold, of the detections of
// one video, in the order of their scores.
func detectionAP(moments []Found, truths []tall.Span, thresholds []float64) []float64 {
	out := make([]float64, len(thresholds))
	if len(moments) == 0 || len(truths) == 0 {
		return out
	}
	hits := make([]bool, len(thresholds)*len(moments))
	open := make([]claims, len(thresholds))
	for t := range open {
		open[t] = claims{thresholds[t], make([]bool, len(truths))}
	}
	var values []float64
	var order []int
	for k, i := range byScore(moments) {
		values, order = overlaps(moments[i].Span, truths, values, order)
		for t := range open {
			hits[t*len(moments)+k] = open[t].claim(values, order)
		}
	}
	for t := range out {
		out[t] = averagePrecision(hits[t*len(moments):(t+1)*len(moments)], len(truths))
	}
	return out
}

// rankingAP is the average precision of a ranking of clips by their scores, of
// which relevant says which are sought (get_ap of Moment-DETR, after video2gif's):
// precision at every score that occurs, replaced by the best at any lower score,
// and averaged over the scores at which recall changes. It is 1 where all are
// sought, 0 where none is. order is that of the scores, from the highest down.
func rankingAP(relevant []bool, scores []float64, order []int) float64 {
	positives := 0
	for _, r := range relevant {
		positives += boolean(r)
	}
	switch positives {
	case 0:
		return 0
	case len(relevant):
		return 1
	}
	// From the highest score down; equal scores are one point.
	type point struct {
		precision float64
		found     int
	}
	points := make([]point, 0, len(order))
	found := 0
	for i, k := range order {
		found += boolean(relevant[k])
		if i+1 < len(order) && falling(scores[k], scores[order[i+1]]) == 0 {
			continue
		}
		points = append(points, point{float64(found) / float64(i+1), found})
	}
	var taken []float64
	best := 0.0
	for i := len(points) - 1; i >= 0; i-- {
		best = max(best, points[i].precision)
		before := 0
		if i > 0 {
			before = points[i-1].found
		}
		if points[i].found != before {
			taken = append(taken, best)
		}
	}
	return pairwiseMean(taken)
}
