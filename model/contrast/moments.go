package contrast

import (
	"context"
	"math"
	"slices"

	"tall"
)

// mergeIoU is the least overlap of windows that are merged.
const mergeIoU = 0.5

// Localize returns the moments of each sentence, in the order of length and start of the
// windows that they began as; none where the similarity is the same everywhere. Their
// Windows are whole rows, their Spans are merged. Errors wrap [tall.ErrShape] or
// [tall.ErrManifest] for sentences of another encoder.
func (p *Prepared) Localize(ctx context.Context, sentences []tall.Sentence) ([]tall.Scored, error) {
	out := make([]tall.Scored, 0, len(sentences))
	w := newWork(p.grid)
	err := p.eachCurve(ctx, sentences, func(_ []float32, smooth []float64) {
		out = append(out, p.moments(w, smooth))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Best returns the score of the best moment of each sentence, -Inf where there is none:
// what Localize would give, without its moments.
func (p *Prepared) Best(ctx context.Context, sentences []tall.Sentence) ([]float64, error) {
	out := make([]float64, 0, len(sentences))
	w := newWork(p.grid)
	err := p.eachCurve(ctx, sentences, func(_ []float32, smooth []float64) {
		best := math.Inf(-1)
		w.score(smooth, p.l.o.Level, func(_, _, _ int, _, score float64) { best = max(best, score) })
		out = append(out, best)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// work is the memory for one sentence after the other.
type work struct {
	grid []scale
	sums []float64 // prefix sums of the curve
	// Of the windows of one scale; there are no more of them than rows.
	inside, above []float64
	// Prefix sums over the windows of all scales, from a 0 on for each scale: of the
	// weights, and of the weights times the starts.
	weight, moved []float64

	places []place
	scores []float32
	order  []ranked
}

func newWork(grid []scale) *work { return &work{grid: grid} }

// score calls visit with each window that is above its neighborhood: scale, window,
// first row, contrast, score.
func (w *work) score(curve []float64, level float64, visit func(k, i, start int, contrast, score float64)) {
	middle := w.lay(curve)
	for k, s := range w.grid {
		s.contrasts(w.sums, w.inside, w.above)
		for i, above := range w.above[:s.count] {
			if above > minContrast {
				visit(k, i, s.start(i), above, above+level*(w.inside[i]+middle))
			}
		}
	}
}

// lay sums a curve, and makes room for the windows of a scale.
func (w *work) lay(curve []float64) (middle float64) {
	w.sums, middle = prefix(w.sums, curve)
	if len(w.inside) < len(curve) {
		w.inside, w.above = make([]float64, len(curve)), make([]float64, len(curve))
	}
	return middle
}

// place is a window that is above its neighborhood: its scale and first row.
type place struct{ scale, start int }

// places finds the windows that are moments, and lays out what merging them needs.
func (p *Prepared) places(w *work, curve []float64) (places []place, scores []float32) {
	total := p.Windows() + len(w.grid)
	if cap(w.weight) < total {
		w.weight, w.moved = make([]float64, total), make([]float64, total)
	}
	w.weight, w.moved = w.weight[:total], w.moved[:total]
	places, scores = w.places[:0], w.scores[:0]
	level, middle := p.l.o.Level, w.lay(curve)
	for k, s := range w.grid {
		s.contrasts(w.sums, w.inside, w.above)
		base := s.first + k
		weights, starts := w.weight[base:base+s.count+1], w.moved[base:base+s.count+1]
		weights[0], starts[0] = 0, 0
		var weight, moved float64
		inside := w.inside[:s.count]
		for i, above := range w.above[:s.count] {
			if above > minContrast {
				start := s.start(i)
				weight += above * above
				moved += above * above * float64(start)
				places = append(places, place{k, start})
				scores = append(scores, float32(above+level*(inside[i]+middle)))
			}
			weights[i+1], starts[i+1] = weight, moved
		}
	}
	w.places, w.scores = places, scores
	return places, scores
}

// span is the moment of a window, in ticks.
func (p *Prepared) span(w *work, at place) tall.Span {
	from, to := w.merge(at.scale, at.start)
	return tall.Span{Start: p.at(from), End: p.at(to)}
}

func (p *Prepared) moments(w *work, curve []float64) tall.Scored {
	places, scores := p.places(w, curve)
	out := tall.Scored{Video: p.video, FPS: p.fps, Scores: slices.Clone(scores)}
	out.Windows, out.Spans = make([]tall.Span, len(places)), make([]tall.Span, len(places))
	for i, at := range places {
		end := at.start + w.grid[at.scale].length
		out.Windows[i] = tall.Span{Start: p.edges[at.start], End: p.edges[end]}
		out.Spans[i] = p.span(w, at)
	}
	return out
}

// merge returns the weighted means of the boundaries, in rows, of all windows that
// overlap the one given with mergeIoU or more. For windows of l and m rows that is an
// overlap of at least mergeIoU (l+m) / (1+mergeIoU) rows, so their starts form a range.
func (w *work) merge(of, start int) (from, to float64) {
	length := w.grid[of].length
	var weight, starts, ends float64
	visit := func(k int) bool {
		s := w.grid[k]
		need := int(math.Ceil(mergeIoU*float64(length+s.length)/(1+mergeIoU) - 1e-9)) // the quotient of whole numbers, rounded
		if need > min(length, s.length) {
			return false
		}
		lo, hi := s.between(start+need-s.length, start+length-need)
		base := s.first + k
		sum := w.weight[base+hi] - w.weight[base+lo]
		moved := w.moved[base+hi] - w.moved[base+lo]
		weight += sum
		starts += moved
		ends += moved + sum*float64(s.length)
		return true
	}
	for k := of; k >= 0 && visit(k); k-- {
	}
	for k := of + 1; k < len(w.grid) && visit(k); k++ {
	}
	// A window of next to no weight among heavy ones may lose it to rounding.
	from, to = max(0, starts/weight), min(ends/weight, float64(w.grid[of].n))
	if !(to > from) {
		return float64(start), float64(start + length)
	}
	return from, to
}
