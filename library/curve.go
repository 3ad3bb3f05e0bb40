package library

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"

	"tall"
)

// curveParts is how many parts a curve has at most.
const curveParts = 2000

// Curve asks one video, and tells how well every part of it fits. Errors are those of
// [Library.Search]; they wrap [tall.ErrMissing] as well where the video has no features
// of the encoder.
func (l *Library) Curve(ctx context.Context, id ID, q Query) (Curve, error) {
	q.Filter = Filter{IDs: []ID{id}}
	ask, err := l.ask(ctx, q)
	if err != nil {
		return Curve{}, err
	}
	if len(ask.videos) == 0 {
		if _, err := l.Video(ctx, id); err != nil {
			return Curve{}, err
		}
		return Curve{}, fmt.Errorf("%w: %s has no features of encoder %s yet", tall.ErrMissing, id, ask.engine.Name)
	}
	v := ask.videos[0]
	c := Curve{Video: id}
	err = l.with(ctx, ask, v, func(p tall.Prepared) error {
		scored, err := p.Localize(ctx, ask.asked[:ask.wanted()])
		if err != nil {
			return err
		}
		c.draw(v.Duration, min(curveParts, max(1, v.features.Rows)), scored)
		c.Hits, err = ask.hits(ctx, p, v, nil)
		return err
	})
	if err != nil {
		return Curve{}, err
	}
	slices.SortStableFunc(c.Hits, compareHits)
	return c, nil
}

// draw fills in the times and scores of n parts.
func (c *Curve) draw(duration float64, n int, scored []tall.Scored) {
	least := float32(math.Inf(1))
	for _, s := range scored {
		for i := range s.Windows {
			duration = max(duration, s.Windows[i].End/s.FPS)
			least = min(least, s.Scores[i])
		}
	}
	if math.IsInf(float64(least), 1) {
		least = 0 // there is no window
	}
	c.Times, c.Scores = make([]float64, n), make([]float32, n)
	for i := range c.Times {
		c.Times[i] = (float64(i) + 0.5) * duration / float64(n)
		c.Scores[i] = least
	}
	for _, s := range scored {
		sweep(c.Times, c.Scores, s)
	}
}

// sweep raises scores, at ascending times, to the best of the windows that hold each: in
// O(n log n), with the windows that have begun in a heap.
func sweep(times []float64, scores []float32, s tall.Scored) {
	order := make([]int, len(s.Windows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(s.Windows[a].Start, s.Windows[b].Start) })
	begun := &windowHeap{scored: s}
	for i, t := range times {
		at := t * s.FPS
		for len(order) > 0 && s.Windows[order[0]].Start <= at {
			heap.Push(begun, order[0])
			order = order[1:]
		}
		for begun.Len() > 0 && s.Windows[begun.windows[0]].End <= at {
			heap.Pop(begun)
		}
		if begun.Len() > 0 {
			scores[i] = max(scores[i], s.Scores[begun.windows[0]])
		}
	}
}

// windowHeap has the window with the best score on top.
type windowHeap struct {
	scored  tall.Scored
	windows []int
}

func (h *windowHeap) Len() int { return len(h.windows) }
func (h *windowHeap) Less(i, j int) bool {
	return h.scored.Scores[h.windows[i]] > h.scored.Scores[h.windows[j]]
}
func (h *windowHeap) Swap(i, j int) { h.windows[i], h.windows[j] = h.windows[j], h.windows[i] }
func (h *windowHeap) Push(x any)    { h.windows = append(h.windows, x.(int)) }
func (h *windowHeap) Pop() any {
	last := len(h.windows) - 1
	x := h.windows[last]
	h.windows = h.windows[:last]
	return x
}
