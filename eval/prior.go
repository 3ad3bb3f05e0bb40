package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"tall"
)

// Prior is what can be learned about where moments lie without looking at a
// video: the spans of the training sentences in shares of their videos' lengths,
// with each sentence's verb ([Verb]), and the spans of the grid that serve them
// best. Data sets in which such a guess does well reward models for the wrong
// reason, so it belongs beside every result (Otani et al. 2020, "Uncovering
// Hidden Challenges in Query-Based Video Moment Retrieval").
//
// It answers in the ways of [PriorKind] ([Prior.Predict]), and is a
// [tall.Localizer] that ranks a video's windows by their mean overlap with the
// training spans. It is safe for concurrent use.
type Prior struct {
	Source  string // what it was fitted on, in words
	Grid    int    // spans of best begin and end at multiples of 1/Grid
	Skipped int    // training sentences without a usable span
	Clipped int    // training spans that were cut at an end of their video
	Guessed int    // training sentences whose video's length was taken from its last span
	Items   []PriorItem
	Best    []BestSpans // by IoU, then verb; IoU 0: for the mean overlap; verb "": of all

	byKey func() map[bestKey]int
	pools func() map[string]*pool
}

// PriorItem is a training sentence: its verb and its true spans as shares of
// the video's length, 0 <= start < end <= 1.
type PriorItem struct {
	Verb  string
	Truth []tall.Span
}

// BestSpans are the spans that serve a group of training sentences best.
type BestSpans struct {
	IoU       float64 // what counts as a hit; 0: the spans serve the mean overlap
	Verb      string  // "": all sentences
	Sentences int     // in the group
	Spans     []BestSpan
}

// BestSpan is one of them. Gain is the share of the group's sentences that it
// hits and none before it does, or the mean overlap; where there is a verb,
// smoothed towards all sentences.
type BestSpan struct {
	tall.Span
	Gain float64
}

type bestKey struct {
	iou  float64
	verb string
}

// PriorOptions say what is fitted. Zero values stand for the defaults.
type PriorOptions struct {
	Source string
	IoU    []float64 // for which spans are chosen; default 0.1, 0.3, 0.5, 0.7
	Grid   int       // default 100, at most 1000
	Top    int       // spans of a list, default 10
}

const (
	maxGrid = 1000
	maxTop  = 100
	// backoff is how many sentences of the whole corpus a verb's own sentences
	// are mixed with before its best spans are chosen, so that a verb that was
	// seen twice does not follow two annotators.
	backoff = 20
	// sampled is how many sentences, evenly spread over all ordered by span,
	// stand for the whole corpus in that mixture.
	sampled = 100
	// minVerb is how many sentences a verb needs for spans of its own.
	minVerb = 5
)

func (o *PriorOptions) fill() error {
	opts := Options{IoU: o.IoU}
	if err := opts.fill(); err != nil {
		return err
	}
	o.IoU = opts.IoU
	if o.Grid == 0 {
		o.Grid = 100
	}
	if o.Top == 0 {
		o.Top = 10
	}
	if o.Grid < 2 || o.Grid > maxGrid {
		return fmt.Errorf("grid of %d steps: want from 2 to %d", o.Grid, maxGrid)
	}
	if o.Top < 1 || o.Top > maxTop {
		return fmt.Errorf("%d spans of a prior: want from 1 to %d", o.Top, maxTop)
	}
	return nil
}

// FitPrior learns from training examples. Spans are cut at the ends of their
// videos; sentences of which nothing is left are passed over and counted. A
// duration that is unknown is taken to be the end of the last span of the video.
// It is an error, which wraps [tall.ErrMissing], for no sentence to be left.
func FitPrior(training []tall.Example, o PriorOptions) (*Prior, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	p := &Prior{Source: o.Source, Grid: o.Grid}
	p.collect(training)
	if len(p.Items) == 0 {
		return nil, fmt.Errorf("%w: none of %d training examples has a span to learn a prior from", tall.ErrMissing, len(training))
	}
	p.choose(o)
	p.ready()
	return p, nil
}

// ready sets up what is computed when it is first needed.
func (p *Prior) ready() {
	p.byKey = sync.OnceValue(func() map[bestKey]int {
		out := make(map[bestKey]int, len(p.Best))
		for i, b := range p.Best {
			out[bestKey{b.IoU, b.Verb}] = i
		}
		return out
	})
	p.pools = sync.OnceValue(p.makePools)
}

func (p *Prior) collect(training []tall.Example) {
	last := map[string]float64{} // seconds
	for _, e := range training {
		for _, s := range e.Seconds() {
			if !notFinite(s.End) {
				last[e.Video] = max(last[e.Video], s.End)
			}
		}
	}
	for _, e := range training {
		d := e.Duration
		guessed := !(d > 0) || notFinite(d)
		if guessed {
			d = last[e.Video]
		}
		it := PriorItem{Verb: Verb(e.Sentence.Text)}
		for _, s := range e.Seconds() {
			if !s.Valid() || d <= 0 {
				continue
			}
			s = s.Scale(1 / d)
			if s.Start < 0 || s.End > 1 {
				p.Clipped++
			}
			s.Start, s.End = math.Max(s.Start, 0), math.Min(s.End, 1)
			if s.Start < s.End {
				it.Truth = append(it.Truth, s)
			}
		}
		if it.Truth == nil {
			p.Skipped++
			continue
		}
		if guessed {
			p.Guessed++
		}
		p.Items = append(p.Items, it)
	}
}

// group is the sentences of a verb, or all.
type group struct {
	verb string
	own  []weighted
}

// groups are all sentences, with no background, and by verb the verbs' own, to
// be mixed with the background.
func (p *Prior) groups() (all group, verbs []group, background []weighted) {
	all.own = make([]weighted, len(p.Items))
	byVerb := map[string][]weighted{}
	for i, it := range p.Items {
		all.own[i] = weighted{int32(i), 1}
		byVerb[it.Verb] = append(byVerb[it.Verb], weighted{int32(i), 1})
	}
	order := slices.Clone(all.own)
	slices.SortStableFunc(order, func(x, y weighted) int {
		return p.Items[x.item].Truth[0].Compare(p.Items[y.item].Truth[0])
	})
	background = make([]weighted, min(sampled, len(order)))
	for i := range background {
		background[i] = weighted{order[i*len(order)/len(background)].item, backoff}
	}
	for verb, own := range byVerb {
		if verb == "" || len(own) < minVerb {
			continue
		}
		for i := range own {
			own[i].weight = len(background)
		}
		verbs = append(verbs, group{verb, own})
	}
	slices.SortFunc(verbs, func(x, y group) int { return cmp.Compare(x.verb, y.verb) })
	return all, verbs, background
}

// choose finds the best spans of each group.
func (p *Prior) choose(o PriorOptions) {
	truths := make([][]tall.Span, len(p.Items))
	for i, it := range p.Items {
		truths[i] = it.Truth
	}
	all, verbs, background := p.groups()
	mean := func(grid *meanGrid, g group) {
		c, v := grid.best(g.own)
		p.Best = append(p.Best, BestSpans{0, g.verb, len(g.own), []BestSpan{{c.span(o.Grid), v}}})
	}
	mean(newMeanGrid(truths, nil, o.Grid), all)
	mixed := newMeanGrid(truths, background, o.Grid)
	for _, g := range verbs {
		mean(mixed, g)
	}
	for _, iou := range o.IoU {
		grid := newHitGrid(truths, iou, o.Grid)
		p.Best = append(p.Best, grid.list(all, nil, o.Top, iou))
		for _, g := range verbs {
			p.Best = append(p.Best, grid.list(g, background, o.Top, iou))
		}
	}
}

// list is the best spans of a group.
func (g *hitGrid) list(of group, background []weighted, top int, iou float64) BestSpans {
	items := slices.Concat(background, of.own)
	total := 0
	for _, it := range items {
		total += it.weight
	}
	cells, gains := g.cover(items, top)
	if len(cells) == 0 { // no span of the grid hits any: the whole video
		cells, gains = []cell{{0, g.n}}, []int{0}
	}
	out := BestSpans{IoU: iou, Verb: of.verb, Sentences: len(of.own)}
	for i, c := range cells {
		out.Spans = append(out.Spans, BestSpan{c.span(g.n), float64(gains[i]) / float64(total)})
	}
	return out
}

// best returns the spans for a sentence's verb, or those of all sentences where
// the verb has none of its own. ok is false where none were fitted for the IoU.
func (p *Prior) best(iou float64, verb string) (spans []BestSpan, ok bool) {
	at := p.byKey()
	i, ok := at[bestKey{iou, verb}]
	if !ok {
		i, ok = at[bestKey{iou, ""}]
	}
	if !ok {
		return nil, false
	}
	return p.Best[i].Spans, true
}

// IoU lists what [BestSpans] were fitted for, ascending, the mean overlap aside.
func (p *Prior) IoU() []float64 {
	var out []float64
	for _, b := range p.Best {
		if b.IoU > 0 && b.Verb == "" {
			out = append(out, b.IoU)
		}
	}
	slices.Sort(out)
	return out
}

// Verbs tells how many verbs have best spans of their own.
func (p *Prior) Verbs() int {
	n := 0
	for _, b := range p.Best {
		if b.IoU == 0 && b.Verb != "" {
			n++
		}
	}
	return n
}

// maxCompared bounds the training spans that are compared with each window; more
// are thinned out evenly, which moves the mean overlap little.
const maxCompared = 2000

// Prepare implements [tall.Localizer]. The video's length is taken to be the
// end of its last window.
func (p *Prior) Prepare(ctx context.Context, video *tall.Features) (tall.Prepared, error) {
	length := lastEnd(video.Spans)
	compared := min(maxCompared, len(p.Items))
	scores := make([]float32, len(video.Spans))
	for i, w := range video.Spans {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sum := 0.0
		for k := range compared {
			sum += max(0, best(w.Scale(1/length), p.Items[k*len(p.Items)/compared].Truth))
		}
		scores[i] = float32(sum / float64(compared))
	}
	return ranking{answer(video, scores)}, nil
}

func lastEnd(windows []tall.Span) float64 {
	end := 0.0
	for _, w := range windows {
		end = max(end, w.End)
	}
	return end
}

type ranking struct{ answer tall.Scored }

// Localize implements [tall.Prepared]: the same answer for every sentence.
func (r ranking) Localize(_ context.Context, sentences []tall.Sentence) ([]tall.Scored, error) {
	out := make([]tall.Scored, len(sentences))
	for i := range out {
		out[i] = r.answer
	}
	return out, nil
}
