package eval

import (
	"context"
	"fmt"

	"tall"
)

// Prior is the localizer that never reads the sentence, nor looks at the video:
// it ranks windows by where, in shares of a video's length, the training
// sentences lie. Data sets in which such a guess does well reward models for
// the wrong reason, so it belongs beside every result (Otani et al. 2020,
// "Uncovering Hidden Challenges in Query-Based Video Moment Retrieval").
type Prior struct {
	truth []tall.Span // in shares of the duration
}

// maxPrior bounds the training spans that are compared with each window; more
// are thinned out evenly, which moves the mean overlap little.
const maxPrior = 2000

// NewPrior learns from training examples. A duration that is unknown is taken
// to be the end of the last span of the video.
func NewPrior(training []tall.Example) (*Prior, error) {
	length := map[string]float64{} // seconds
	for _, e := range training {
		for _, s := range e.Seconds() {
			length[e.Video] = max(length[e.Video], s.End)
		}
	}
	var all []tall.Span
	for _, e := range training {
		d := e.Duration
		if d <= 0 {
			d = length[e.Video]
		}
		for _, s := range e.Seconds() {
			if s.Valid() && d > 0 {
				all = append(all, s.Scale(1/d))
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: no training example has a span to learn a prior from", tall.ErrMissing)
	}
	p := &Prior{truth: all}
	if len(all) > maxPrior {
		p.truth = make([]tall.Span, maxPrior)
		for i := range p.truth {
			p.truth[i] = all[i*len(all)/maxPrior]
		}
	}
	return p, nil
}

// Prepare implements [tall.Localizer]. The video's length is taken to be the
// end of its last window.
func (p *Prior) Prepare(ctx context.Context, video *tall.Features) (tall.Prepared, error) {
	length := 0.0
	for _, w := range video.Spans {
		length = max(length, w.End)
	}
	scores := make([]float32, len(video.Spans))
	for i, w := range video.Spans {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sum := 0.0
		for _, g := range p.truth {
			sum += max(0, tall.HullIoU(w.Scale(1/length), g))
		}
		scores[i] = float32(sum / float64(len(p.truth)))
	}
	return ranking{answer(video, scores)}, nil
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
