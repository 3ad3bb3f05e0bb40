package ctrl

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"tall"
	"tall/feature"
	"tall/tensor"
)

// Index ranks videos before a [Localizer] scores their windows, by one product for each
// window and sentence: what package library calls an indexer. It may be used by several
// goroutines, which take turns with those of the localizer.
//
// For a given sentence the score of a window v is a network with one hidden layer,
//
//	score(v) = wo relu(A v + t) + bo,  A = W1 * q + Wv,
//
// where W1 * q multiplies the columns of the product quarter by the sentence, and Wv is
// what the fusion layer makes of windows alone. The slope of the straight line that fits
// such a function best over normally distributed v is the mean of its gradient (Stein's
// lemma), which is
//
//	A^T (wo * g),  g = how often each hidden unit is above 0,
//
// and g is counted over a sample of the collection's windows.
type Index struct{ l *Localizer }

// Index returns the index that goes with the localizer.
func (l *Localizer) Index() *Index { return &Index{l} }

// Vectors are the windows of a video in the joint space (N, D), and the seconds of each,
// in the order of their lengths, so that neighbors are alike.
func (x *Index) Vectors(ctx context.Context, video *tall.Features) ([]tall.Span, tall.Stream, error) {
	p, err := x.l.Prepare(ctx, video)
	if err != nil {
		return nil, tall.Stream{}, err
	}
	v := p.(*prepared)
	n, d := len(v.spans), x.l.m.opts.SemanticDim
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(math.Round(v.spans[a].Len()*1e3), math.Round(v.spans[b].Len()*1e3)), v.spans[a].Compare(v.spans[b]))
	})
	fps := video.FPS
	if fps <= 0 {
		fps = 1
	}
	out := tall.Stream{N: n, D: d, Data: make([]float32, n*d)}
	spans := make([]tall.Span, n)
	x.l.mu.Lock()
	defer x.l.mu.Unlock()
	for i, k := range order {
		spans[i] = v.spans[k].Scale(1 / fps)
		x.l.m.b.Download(out.Data[i*d:(i+1)*d], v.v.RowRange(k, k+1))
	}
	return spans, out, nil
}

// Probe is the slope of the score over the joint space, for a sentence, (D). Sample are
// windows of the collection in that space, (n, D); without them each hidden unit counts
// by half.
func (x *Index) Probe(_ context.Context, s tall.Sentence, sample []float32) ([]float32, error) {
	l, m := x.l, x.l.m
	if err := l.checkSentence(s); err != nil {
		return nil, err
	}
	d, h, b := m.opts.SemanticDim, m.opts.HiddenDim, m.b
	if len(sample)%d != 0 {
		return nil, fmt.Errorf("%w: a sample of %d values, windows have %d", tall.ErrShape, len(sample), d)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	y, norm := tensor.NewMat(b, 1, m.opts.SentenceDim), tensor.NewMat(b, 1, 1)
	q, t := tensor.NewMat(b, 1, d), tensor.NewMat(b, 1, h)
	b.Upload(y, s.Vector)
	m.embedSentences(q, norm, y)
	m.sentenceTerms(t, q)

	c := make([]float32, h) // wo * g
	b.Download(c, m.out.Value.RowRange(0, 1))
	for k, share := range x.above(sample, q, t) {
		c[k] *= share
	}
	slope, alone := tensor.NewMat(b, 1, d), tensor.NewMat(b, 1, d)
	weighed := tensor.NewMat(b, 1, h)
	b.Upload(weighed, c)
	b.Gemm(slope, 1, weighed, false, m.product(m.mid.Value), false, 0)
	b.Gemm(alone, 1, weighed, false, x.windowWeights(), true, 0)
	out, sentence, windows := make([]float32, d), make([]float32, d), make([]float32, d)
	b.Download(out, slope)
	b.Download(sentence, q)
	b.Download(windows, alone)
	for i := range out {
		out[i] = out[i]*sentence[i] + windows[i]
	}
	if feature.NotFinite(out) > 0 {
		return nil, fmt.Errorf("%w: the model's answer to %q; its weights are damaged or do not belong to these features", tall.ErrNotFinite, s.Text)
	}
	return out, nil
}

// above is the share of windows for which each hidden unit is above 0, (H).
func (x *Index) above(sample []float32, q, t tensor.Mat) []float32 {
	m, b := x.l.m, x.l.m.b
	d, hidden := m.opts.SemanticDim, m.opts.HiddenDim
	n := len(sample) / d
	share := make([]float32, hidden)
	if n == 0 {
		for k := range share {
			share[k] = 0.5
		}
		return share
	}
	v, tv, h := tensor.NewMat(b, n, d), tensor.NewMat(b, n, hidden), tensor.NewMat(b, n, hidden)
	b.Upload(v, sample)
	m.windowTerms(tv, v)
	b.PairNT(h, v, q, m.product(m.mid.Value))
	b.PairReLU(h, tv, t)
	host := make([]float32, n*hidden)
	b.Download(host, h)
	for i, value := range host {
		if value > 0 {
			share[i%hidden] += 1 / float32(n)
		}
	}
	return share
}

// windowWeights is Wv^T (D, H): what each value of a window adds to the hidden units.
func (x *Index) windowWeights() tensor.Mat {
	l, m := x.l, x.l.m
	if l.alone.Mem != nil {
		return l.alone
	}
	d := m.opts.SemanticDim
	one := make([]float32, d*d)
	for i := range d {
		one[i*d+i] = 1
	}
	identity := tensor.NewMat(m.b, d, d)
	m.b.Upload(identity, one)
	l.alone = tensor.NewMat(m.b, d, m.opts.HiddenDim)
	m.windowTerms(l.alone, identity)
	return l.alone
}

const (
	// scoredBest is how many of the windows with the best estimates are scored exactly.
	scoredBest = 16
	// scoredSpread is how many others are, to learn how far estimates are off on average.
	scoredSpread = 24
)

// Choose lists the windows of a video whose exact scores say most: some that are spread
// over all, then those with the best estimates.
func (x *Index) Choose(products []float32) []int {
	var best []int // ascending by product
	for i, v := range products {
		if len(best) == scoredBest {
			if v <= products[best[0]] {
				continue
			}
			best = best[1:]
		}
		at, _ := slices.BinarySearchFunc(best, v, func(k int, v float32) int { return cmp.Compare(products[k], v) })
		best = slices.Insert(best, at, i)
	}
	spread := min(scoredSpread, len(products))
	out := make([]int, 0, spread+len(best))
	for k := range spread {
		out = append(out, k*len(products)/spread)
	}
	return append(out, best...)
}

// Scores are the exact scores of windows in the joint space, (n, D).
func (x *Index) Scores(ctx context.Context, s tall.Sentence, windows []float32) ([]float32, error) {
	l, m := x.l, x.l.m
	d := m.opts.SemanticDim
	if len(windows)%d != 0 {
		return nil, fmt.Errorf("%w: windows of %d values, the joint space has %d", tall.ErrShape, len(windows), d)
	}
	n := len(windows) / d
	if n == 0 {
		return nil, nil
	}
	p := &prepared{l: l, spans: make([]tall.Span, n)}
	l.mu.Lock()
	p.v, p.t = tensor.NewMat(m.b, n, d), tensor.NewMat(m.b, n, m.opts.HiddenDim)
	m.b.Upload(p.v, windows)
	m.windowTerms(p.t, p.v)
	l.mu.Unlock()
	scored, err := p.Localize(ctx, []tall.Sentence{s})
	if err != nil {
		return nil, err
	}
	return scored[0].Scores, nil
}

// Rescored estimates how far the best window of a video is above the mean, from the mean
// of its products, and products and exact scores of the windows that Choose has chosen.
// The mean of scores is that of the products, corrected by how far they are off for the
// windows that are spread over the video.
func (x *Index) Rescored(mean float64, products, scores []float32) float64 {
	if len(scores) == 0 {
		return math.Inf(-1)
	}
	spread := min(scoredSpread, len(scores)) // of a short video they are all of its windows
	best := scores[0]
	for i, v := range scores {
		best = max(best, v)
		if i < spread {
			mean += float64(v-products[i]) / float64(spread)
		}
	}
	return float64(best) - mean
}

// Evidence estimates how far the best window is above the mean, and which it is.
func (x *Index) Evidence(spans []tall.Span, products []float32) (evidence float64, best tall.Span) {
	if len(spans) == 0 {
		return math.Inf(-1), best
	}
	mean, at := 0.0, 0
	for i, v := range products {
		mean += float64(v) / float64(len(products))
		if v > products[at] {
			at = i
		}
	}
	return float64(products[at]) - mean, spans[at]
}
