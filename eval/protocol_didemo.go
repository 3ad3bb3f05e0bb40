package eval

import (
	"math"
	"slices"

	"tall"
	"tall/dataset"
)

// chunk is the length of DiDeMo's units of time, in seconds.
const chunk = 5

// allMoments is how many moments a video of DiDeMo has: every run of its 6 chunks.
const allMoments = 21

// scoreDiDeMo is the protocol of DiDeMo (Hendricks et al. 2017, utils/eval.py):
// spans are runs of chunks [first, last] of 5 s, and each query has the spans of
// four annotators or more. Of the overlaps of the first moment with them the 3
// largest are averaged; of their ranks in the list the 3 smallest; a query is hit
// at k when its mean rank is at most k. The lists of the original hold all 21
// moments. A span that a list does not hold, on which the original fails, has
// the rank behind the last.
func scoreDiDeMo(r *run) error {
	rank1 := r.newColumn("Average rank@1", 6, 1).values
	rank5 := r.newColumn("Average rank@5", 6, 1).values
	r.newColumn("Average iou", 6, 1)
	iou := &r.columns[len(r.columns)-1]
	iou.mean = pairwiseMean
	short := make([]bool, len(r.queries))
	r.each(func(i int, q *query) {
		if len(q.moments()) == 0 {
			return
		}
		list := make([]chunks, 0, allMoments)
		for _, m := range q.moments() {
			list = append(list, inChunks(m.Span))
		}
		overlaps := make([]float64, len(q.truth))
		ranks := make([]float64, len(q.truth))
		for k, g := range q.truth {
			truth := inChunks(g)
			overlaps[k] = list[0].overlap(truth)
			at := slices.Index(list, truth)
			if at < 0 {
				at = max(len(list), allMoments)
				short[i] = true
			}
			ranks[k] = float64(at + 1)
		}
		slices.Sort(overlaps)
		slices.Sort(ranks)
		n := min(3, len(ranks))
		iou.values[i] = runningMean(overlaps[len(overlaps)-n:])
		switch rank := runningMean(ranks[:n]); {
		case rank <= 1:
			rank1[i], rank5[i] = 1, 1
		case rank <= 5:
			rank5[i] = 1
		}
	})
	for i, s := range short {
		if s {
			r.notes.add(dataset.Note, "lists that lack a span of the truth", "none, if they were cut on purpose; it has the rank behind the last of 21", r.queries[i].example.ID)
		}
	}
	return nil
}

// chunks is a run of chunks, both ends included.
type chunks struct{ first, last float64 }

func inChunks(s tall.Span) chunks {
	return chunks{math.Round(s.Start / chunk), math.Round(s.End/chunk) - 1}
}

func (a chunks) overlap(b chunks) float64 {
	inter := max(0, min(a.last, b.last)+1-max(a.first, b.first))
	return inter / (max(a.last, b.last) + 1 - min(a.first, b.first))
}
