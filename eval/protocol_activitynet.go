package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"tall"
)

// scoreActivityNet is the detection metric of ActivityNet (Caba Heilbron et al.
// 2015), as in MMAction2: a query is a class in a video, and all detections of a
// class, of all videos, are ranked together by their scores, equal ones in the
// order of the file. Each takes the truth of its video that it overlaps most, if
// that is free, at each of ten IoU from 0.5 to 0.95; the average precision is
// that of PASCAL VOC 2011; mAP is its mean over the classes of the ground truth,
// average_mAP that over IoU. Detections in a video without truth of their class
// are wrong; those of a class that no truth has are left out.
func scoreActivityNet(r *run) error {
	thresholds := linspace(0.5, 0.95, 10)
	classes := r.classes(thresholds)
	maps := make([]float64, len(thresholds))
	for t := range thresholds {
		ap := make([]float64, len(classes))
		for c := range classes {
			ap[c] = averagePrecision(classes[c].hits(t), classes[c].truths)
		}
		maps[t] = pairwiseMean(ap)
	}
	average := pairwiseMean(maps)
	low, high := r.bootstrapClasses(classes, len(thresholds))
	add := func(name string, value float64, k int) {
		c := r.newColumn(name, 8, 1)
		c.values, c.exact, c.exactInterval = nil, &value, &[2]float64{low[k], high[k]}
	}
	add("average_mAP", average, len(thresholds))
	for t, iou := range thresholds {
		add(fmt.Sprintf("mAP@%.2f", iou), maps[t], t)
	}
	return nil
}

// linspace is numpy.linspace.
func linspace(from, to float64, n int) []float64 {
	out := make([]float64, n)
	step := (to - from) / float64(n-1)
	for i := range out {
		out[i] = float64(i)*step + from
	}
	out[n-1] = to
	return out
}

// class is what is searched in many videos, and the detections of it, best first.
type class struct {
	truths     int
	queries    []int // with truth of this class
	detections []detection
}

type detection struct {
	query int // -1: the video has no truth of this class
	score float64
	span  tall.Span
	found uint32 // a bit for each threshold at which it takes a truth
}

func (c *class) hits(t int) []bool {
	out := make([]bool, len(c.detections))
	for i, d := range c.detections {
		out[i] = d.found&(1<<t) != 0
	}
	return out
}

func (r *run) classes(thresholds []float64) []class {
	var out []class
	byName := map[string]int{}
	for i := range r.queries {
		q := &r.queries[i]
		name := q.example.Sentence.Text
		c, ok := byName[name]
		if !ok {
			c = len(out)
			byName[name] = c
			out = append(out, class{})
		}
		out[c].truths += len(q.truth)
		out[c].queries = append(out[c].queries, i)
	}
	for j := range r.preds {
		p, q := &r.preds[j], r.queryOf[j]
		name := p.Sentence
		if q >= 0 {
			name = r.queries[q].example.Sentence.Text
		}
		c, ok := byName[name]
		if !ok {
			continue // listed as surplus
		}
		for _, m := range p.Moments {
			out[c].detections = append(out[c].detections, detection{query: q, score: m.Score, span: m.Span})
		}
	}
	open := make([][]claims, len(r.queries))
	parallelTimes(len(out), func(c int) { r.assign(&out[c], open, thresholds) })
	return out
}

// assign ranks the detections of a class and gives them truths. A query belongs
// to one class, so that no two classes meet in open.
func (r *run) assign(c *class, open [][]claims, thresholds []float64) {
	slices.SortStableFunc(c.detections, func(a, b detection) int { return falling(a.score, b.score) })
	var values []float64
	var order []int
	for i := range c.detections {
		d := &c.detections[i]
		if d.query < 0 {
			continue
		}
		truth := r.queries[d.query].truth
		if open[d.query] == nil {
			for _, t := range thresholds {
				open[d.query] = append(open[d.query], claims{t, make([]bool, len(truth))})
			}
		}
		values, order = overlaps(d.span, truth, values, order)
		for t := range thresholds {
			if open[d.query][t].claim(values, order) {
				d.found |= 1 << t
			}
		}
	}
}

// bootstrapClasses returns the intervals of mAP at each threshold, and of their
// mean. Queries are drawn; detections in videos without truth of their class,
// which belong to no query, stay.
func (r *run) bootstrapClasses(classes []class, thresholds int) (low, high []float64) {
	low, high = make([]float64, thresholds+1), make([]float64, thresholds+1)
	detections := 0
	for _, c := range classes {
		detections += len(c.detections)
	}
	times := r.o.Resamples
	if times == 0 {
		times = min(mostResamples, max(leastResamples, resampleWork/max(1, detections*thresholds)))
	}
	if times < 0 || len(r.queries) < 2 {
		times = 0
	}
	r.result.Resamples = times
	means := make([][]float64, thresholds+1)
	for t := range means {
		means[t] = make([]float64, times)
	}
	parallelTimes(times, func(b int) {
		rng := rand.New(rand.NewPCG(r.o.Seed, uint64(b)))
		weights := make([]float64, len(r.queries))
		for range weights {
			weights[rng.IntN(len(weights))]++
		}
		all := 0.0
		for t := range thresholds {
			sum, n := 0.0, 0
			for c := range classes {
				if ap := r.weightedAP(&classes[c], t, weights); !math.IsNaN(ap) {
					sum += ap
					n++
				}
			}
			means[t][b] = sum / float64(n)
			all += means[t][b]
		}
		means[thresholds][b] = all / float64(thresholds)
	})
	for t := range means {
		low[t], high[t] = percentiles(means[t], 1)
	}
	return low, high
}

// weightedAP is averagePrecision where the detections and truths of each query
// count as often as it was drawn; NaN where no truth was.
func (r *run) weightedAP(c *class, t int, weights []float64) float64 {
	truths := 0.0
	for _, q := range c.queries {
		truths += weights[q] * float64(len(r.queries[q].truth))
	}
	if truths == 0 {
		return math.NaN()
	}
	weight := func(d detection) float64 {
		if d.query < 0 {
			return 1
		}
		return weights[d.query]
	}
	seen, found := 0.0, 0.0
	for _, d := range c.detections {
		w := weight(d)
		seen += w
		if d.found&(1<<t) != 0 {
			found += w
		}
	}
	// From the worst up, so that the best precision of any longer list is at hand.
	ap, best := 0.0, 0.0
	for _, d := range slices.Backward(c.detections) {
		w := weight(d)
		if w == 0 {
			continue
		}
		if d.found&(1<<t) != 0 {
			best = max(best, found/seen)
			ap += w / truths * best
			found -= w
		}
		seen -= w
	}
	return ap
}
