package contrast

import (
	"context"
	"math"
	"sync"

	"tall"
)

// workPool has the memory of sentences that were asked, for videos that are asked once.
var workPool = sync.Pool{New: func() any { return &work{} }}

// EachRanked calls visit with the moments of each sentence, in seconds, best first, until
// it returns false: what Localize would give, in the order of [tall.Rank], but windows are
// merged only as they are visited, as the first few are often all that is wanted.
func (p *Prepared) EachRanked(ctx context.Context, sentences []tall.Sentence, visit func(sentence int, s tall.Span, score float32) bool) error {
	w := workPool.Get().(*work)
	defer workPool.Put(w)
	w.grid = p.grid
	fps := p.fps
	if fps <= 0 {
		fps = 1
	}
	i := -1
	return p.eachCurve(ctx, sentences, func(_ []float32, smooth []float64) {
		i++
		places, scores := p.places(w, smooth)
		// Ordering all of them would take longer than scoring, and the best are often
		// enough: they come first, and the others only when those are used up.
		most := float32(math.Inf(-1))
		for _, score := range scores {
			most = max(most, score)
		}
		bound := most / 2
		for _, best := range []bool{true, false} {
			order := w.order[:0]
			for k, score := range scores {
				if (score >= bound) == best {
					order = append(order, ranked{score, int32(k)})
				}
			}
			w.order = order
			for k := len(order)/2 - 1; k >= 0; k-- {
				sift(order, k)
			}
			for len(order) > 0 {
				top := order[0]
				s := p.span(w, places[top.place])
				if !visit(i, tall.Span{Start: s.Start / fps, End: s.End / fps}, top.score) {
					return
				}
				last := len(order) - 1
				order[0] = order[last]
				order = order[:last]
				sift(order, 0)
			}
		}
	})
}

// ranked is a place in a heap with the best on top; of equal scores the later one is.
type ranked struct {
	score float32
	place int32
}

func (a ranked) before(b ranked) bool {
	return a.score > b.score || a.score == b.score && a.place > b.place
}

// sift moves an element of a heap down to where it belongs.
func sift(heap []ranked, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1].before(heap[child]) {
			child++
		}
		if !heap[child].before(heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
