package eval

import (
	"fmt"
	"math"
	"slices"

	"tall"
	"tall/dataset"
)

// scoreHuman is the recipe by which Otani et al. 2020 measured people (notebooks
// "[Human performance]"): of the annotators of a query the one whose spans
// overlap those of the others best, on average (the first of equals), stands for
// all; a query is hit when the overlap with the original span is > 0.5. Beside it
// the median over queries of the least overlap of any two annotators.
//
// Each prediction is one query and its moments are the annotators' spans, in
// percent of the video ([FormatHuman]). Queries that nobody annotated again are
// not scored.
func scoreHuman(r *run) error {
	hit := r.newColumn("R@1 (IoU>0.5)", 1, 100).values
	r.newColumn("Median min IoU", 2, 1)
	agreement := &r.columns[len(r.columns)-1]
	agreement.mean = median
	r.each(func(i int, q *query) {
		chosen, least := representative(q.moments())
		agreement.values[i] = least
		scaled := make([]Found, len(q.moments()))
		for k, m := range q.moments() {
			m.Span = tall.Span{Start: m.Start * q.example.Duration / 100, End: m.End * q.example.Duration / 100}
			scaled[k] = m
		}
		scaled[0], scaled[chosen] = scaled[chosen], scaled[0]
		if overlap(scaled[0].Span, q.truth) > 0.5 {
			hit[i] = 1
		}
		p := *q.prediction
		p.Moments = scaled
		q.prediction = &p
	})
	return nil
}

// representative is the moment that overlaps the others best, and the least
// overlap of any two.
func representative(moments []Found) (chosen int, least float64) {
	least = math.NaN()
	most := math.Inf(-1)
	for i, m := range moments {
		sum := 0.0
		for j, o := range moments {
			if i == j {
				continue
			}
			v := max(0, tall.HullIoU(m.Span, o.Span))
			sum += v
			if !(least <= v) {
				least = v
			}
		}
		if mean := sum / float64(len(moments)-1); mean > most {
			chosen, most = i, mean
		}
	}
	return chosen, least
}

// median is numpy.median; 0 of nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Clone(values)
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// matchAnnotators makes a query of every prediction, and finds the first line of
// the ground truth with its video and sentence.
func (r *run) matchAnnotators() error {
	byText := make(map[[2]string]*tall.Example, len(r.corpus.Examples))
	for i := range r.corpus.Examples {
		e := &r.corpus.Examples[i]
		key := [2]string{e.Video, e.Sentence.Text}
		if _, ok := byText[key]; !ok && len(e.Truth) > 0 {
			byText[key] = e
		}
	}
	for j := range r.preds {
		p := &r.preds[j]
		e := byText[[2]string{p.Video, p.Sentence}]
		if e == nil {
			r.surplus = append(r.surplus, p)
			continue
		}
		if e.Duration <= 0 {
			return fmt.Errorf("%w: the duration of video %s is not known; the spans are in percent of it (give the corpus its durations)", tall.ErrMissing, e.Video)
		}
		if len(p.Moments) == 0 {
			r.notes.add(dataset.Odd, "predictions without any moment", "none, if nobody answered; they are not scored", p.ID)
			continue
		}
		r.queries = append(r.queries, query{example: e, prediction: p, truth: e.Seconds()})
	}
	return r.belongTogether()
}
