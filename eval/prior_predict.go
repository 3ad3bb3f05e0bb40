package eval

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"tall"
)

// PriorKind is a way of answering without having seen the video.
type PriorKind string

// The kinds of answer.
const (
	// PriorChance: spans drawn uniformly from all within the video.
	PriorChance PriorKind = "chance"
	// PriorKDE: spans drawn from the density of the training spans, as Otani et
	// al. 2020 do.
	PriorKDE PriorKind = "kde"
	// PriorKDEVerb: the same by the sentence's verb.
	PriorKDEVerb PriorKind = "kde-verb"
	// PriorBest: the spans that would have served the training split best.
	PriorBest PriorKind = "best"
	// PriorBestVerb: the same by the sentence's verb.
	PriorBestVerb PriorKind = "best-verb"
	// PriorWhole: the whole video.
	PriorWhole PriorKind = "whole"
)

// PriorKinds lists the kinds, from weak to strong as a rule.
func PriorKinds() []PriorKind {
	return []PriorKind{PriorChance, PriorWhole, PriorKDE, PriorKDEVerb, PriorBest, PriorBestVerb}
}

// ParsePriorKind reads the name of a kind.
func ParsePriorKind(name string) (PriorKind, error) {
	if k := PriorKind(name); slices.Contains(PriorKinds(), k) {
		return k, nil
	}
	var names []string
	for _, k := range PriorKinds() {
		names = append(names, string(k))
	}
	return "", fmt.Errorf("prior %q: want one of %s", name, strings.Join(names, ", "))
}

// About says in a few words what a kind does.
func (k PriorKind) About() string {
	switch k {
	case PriorChance:
		return "spans drawn uniformly"
	case PriorKDE:
		return "spans drawn from the training spans' density"
	case PriorKDEVerb:
		return "spans drawn from the density of the verb's training spans"
	case PriorBest:
		return "the constant spans that are best for the training split"
	case PriorBestVerb:
		return "the constant spans that are best for the verb in the training split"
	case PriorWhole:
		return "the whole video"
	}
	return string(k)
}

// byVerb tells whether a kind reads the sentence.
func (k PriorKind) byVerb() bool { return k == PriorKDEVerb || k == PriorBestVerb }

// chanceTop is how many spans chance lists.
const chanceTop = 10

// PriorAnswer says how a prior answers. IoU is for which metric the best spans
// are taken: one of [Prior.IoU], or 0 for the mean overlap. Draws depend on Seed
// and the example alone.
type PriorAnswer struct {
	Kind PriorKind
	IoU  float64
	Seed uint64
}

// Predict answers every example, in order: moments in seconds, best first.
// Durations must be known; a video without one is an error that wraps
// [tall.ErrMissing].
func (p *Prior) Predict(examples []tall.Example, how PriorAnswer) ([]Prediction, error) {
	if _, err := ParsePriorKind(string(how.Kind)); err != nil {
		return nil, err
	}
	if how.Kind == PriorBest || how.Kind == PriorBestVerb {
		if _, ok := p.best(how.IoU, ""); !ok {
			return nil, fmt.Errorf("%w: this prior has no best spans for IoU %g, but for %v; fit it with that IoU", tall.ErrMissing, how.IoU, p.IoU())
		}
	}
	out := make([]Prediction, len(examples))
	for i, e := range examples {
		if !(e.Duration > 0) || notFinite(e.Duration) {
			return nil, fmt.Errorf("%w: the length of video %s (sentence %s), of which a prior's spans are shares; name a file of durations", tall.ErrMissing, e.Video, e.ID)
		}
		out[i] = Prediction{ID: e.ID, Video: e.Video, Sentence: e.Sentence.Text, Moments: []Found{}}
		spans, scores := p.spans(e, how)
		for k, s := range spans {
			out[i].Moments = append(out[i].Moments, Found{s.Scale(e.Duration), scores[k]})
		}
		if how.Kind == PriorKDE || how.Kind == PriorKDEVerb {
			nms := kdeNMS
			out[i].NMS = &nms
		}
	}
	return out, nil
}

// spans are an example's answers in shares of the video, best first.
func (p *Prior) spans(e tall.Example, how PriorAnswer) (spans []tall.Span, scores []float64) {
	verb := ""
	if how.Kind.byVerb() {
		verb = Verb(e.Sentence.Text)
	}
	switch how.Kind {
	case PriorChance:
		rng := drawing(how.Seed, e)
		for i := range chanceTop {
			// Two uniform points make all spans within the video equally likely.
			a, b := rng.Float64(), rng.Float64()
			spans = append(spans, tall.Span{Start: min(a, b), End: max(a, b)})
			scores = append(scores, float64(chanceTop-i)/chanceTop)
		}
	case PriorWhole:
		return []tall.Span{{Start: 0, End: 1}}, []float64{1}
	case PriorKDE, PriorKDEVerb:
		pools := p.pools()
		from := pools[verb]
		if from == nil {
			from = pools[""]
		}
		return from.answer(drawing(how.Seed, e))
	case PriorBest, PriorBestVerb:
		list, _ := p.best(how.IoU, verb)
		for _, b := range list {
			spans, scores = append(spans, b.Span), append(scores, b.Gain)
		}
	}
	return spans, scores
}

// drawing is the source of an example's random numbers.
func drawing(seed uint64, e tall.Example) *rand.Rand {
	return rand.New(rand.NewPCG(seed, textHash(e.Video+"\x00"+e.ID)))
}

func textHash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// Table scores a prior on examples with the metrics of o. Each metric is given
// the best spans for it: those for R@n at IoU t are not those for another t, nor
// for the mean overlap. A prior's lists are scored as they are, without
// suppression, since it lists each span on purpose.
func (p *Prior) Table(examples []tall.Example, kind PriorKind, seed uint64, o Options) (*Table, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	o.NMS = None()
	if kind != PriorBest && kind != PriorBestVerb {
		list, err := p.Predict(examples, PriorAnswer{Kind: kind, Seed: seed})
		if err != nil {
			return nil, err
		}
		return ScorePredictions(list, examples, o)
	}
	list, err := p.Predict(examples, PriorAnswer{Kind: kind})
	if err != nil {
		return nil, err
	}
	out, err := ScorePredictions(list, examples, o)
	if err != nil {
		return nil, err
	}
	for i, iou := range o.IoU {
		if list, err = p.Predict(examples, PriorAnswer{Kind: kind, IoU: iou}); err != nil {
			return nil, err
		}
		t, err := ScorePredictions(list, examples, Options{IoU: []float64{iou}, Top: o.Top, NMS: None()})
		if err != nil {
			return nil, err
		}
		out.Total.Hits[i] = t.Total.Hits[0]
		for v := range out.Videos {
			out.Videos[v].Hits[i] = t.Videos[v].Hits[0]
		}
	}
	return out, nil
}
