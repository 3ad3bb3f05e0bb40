package eval

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tall"
	"tall/dataset"
)

// Prediction is one line of a predictions file (docs/formats.md): what was
// found for one sentence in one video. Times are seconds.
type Prediction struct {
	ID       string   `json:"id"`
	Video    string   `json:"video"`
	Sentence string   `json:"sentence"`      // "" where only its vector was known
	NMS      *float64 `json:"nms,omitempty"` // nil: not suppressed
	Moments  []Found  `json:"moments"`       // best first

	// Saliency are scores of the video's clips (QVHighlights: of 2 s each), where a
	// foreign file has them; the larger, the better the clip fits the sentence.
	// The format of predictions files does not know them.
	Saliency []float64 `json:"-"`
}

// Found is a moment of a [Prediction], in seconds.
type Found struct {
	tall.Span
	Score float64 `json:"score"`
}

// NewPrediction suppresses a localizer's answer at the threshold nms and keeps
// the best top moments (top <= 0: all), in seconds.
func NewPrediction(e tall.Example, answer tall.Scored, nms float64, top int) Prediction {
	kept := tall.Suppress(answer.Spans, answer.Scores, nms, top)
	p := Prediction{ID: e.ID, Video: answer.Video, Sentence: e.Sentence.Text, NMS: &nms, Moments: make([]Found, len(kept))}
	for i, k := range kept {
		m := answer.Moment(k)
		p.Moments[i] = Found{Span: m.Span, Score: widen(m.Score)}
	}
	return p
}

// RankedPrediction lists all of a localizer's answer, best first and not
// suppressed, in seconds: any protocol can score it, whatever its suppression.
func RankedPrediction(e tall.Example, answer tall.Scored) Prediction {
	p := Prediction{ID: e.ID, Video: answer.Video, Sentence: e.Sentence.Text, Moments: make([]Found, len(answer.Spans))}
	for i, k := range tall.Rank(answer.Scores) {
		m := answer.Moment(k)
		p.Moments[i] = Found{Span: m.Span, Score: widen(m.Score)}
	}
	return p
}

// widen turns a float32 into the float64 of its shortest decimal form, so that
// files hold 1.2 and not 1.2000000476837158. It keeps the order.
func widen(v float32) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	if err != nil {
		return float64(v)
	}
	return out
}

// ReadPredictions reads a predictions file. Errors wrap [tall.ErrFormat] and
// name the file and the line.
func ReadPredictions(path string) ([]Prediction, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return DecodePredictions(f, path)
}

// check applies the rules of docs/formats.md that JSON does not state.
func (p Prediction) check() error {
	switch {
	case p.ID == "":
		return errors.New(`"id" is empty`)
	case p.Video == "":
		return errors.New(`"video" is empty`)
	case p.NMS != nil && !(*p.NMS >= 0 && *p.NMS <= 1):
		return fmt.Errorf(`"nms" is %g, must be from 0 to 1`, *p.NMS)
	}
	for i := 1; i < len(p.Moments); i++ {
		if p.Moments[i].Score > p.Moments[i-1].Score {
			return fmt.Errorf(`"moments"[%d] has a larger score (%g) than the one before it (%g); moments are listed best first`, i, p.Moments[i].Score, p.Moments[i-1].Score)
		}
	}
	return nil
}

// WritePredictions writes a predictions file, atomically. It refuses what
// [ReadPredictions] would refuse, before it touches path. A moment that is not
// finite is an error that wraps [tall.ErrNotFinite] and names the sentence: JSON
// has no such numbers.
func WritePredictions(path string, predictions []Prediction) error {
	seen := make(map[string]bool, len(predictions))
	for _, p := range predictions {
		if err := p.writable(seen); err != nil {
			return fmt.Errorf("%s was not written: %w", path, err)
		}
	}
	return dataset.WriteLines(path, func(yield func(Prediction) bool) {
		for _, p := range predictions {
			if p.Moments == nil {
				p.Moments = []Found{} // [], not null
			}
			if !yield(p) {
				return
			}
		}
	})
}

func (p Prediction) writable(seen map[string]bool) error {
	for i, m := range p.Moments {
		if notFinite(m.Start) || notFinite(m.End) || notFinite(m.Score) {
			return fmt.Errorf("%w: sentence %s of %s: moment %d has start %g, end %g, score %g; check the weights and features for NaN with tall doctor", tall.ErrNotFinite, p.ID, p.Video, i+1, m.Start, m.End, m.Score)
		}
	}
	if err := p.check(); err != nil {
		return fmt.Errorf("%w: sentence %s: %w", tall.ErrFormat, p.ID, err)
	}
	if seen[p.ID] {
		return fmt.Errorf("%w: id %q is used twice; ids are unique in a file", tall.ErrFormat, p.ID)
	}
	seen[p.ID] = true
	for _, s := range []string{p.ID, p.Video, p.Sentence} {
		if strings.ToValidUTF8(s, "") != s {
			return fmt.Errorf("%w: %q is not UTF-8", tall.ErrFormat, s)
		}
	}
	return nil
}

// ScorePredictions scores a predictions file's lines against examples, joined
// by id. Moments are taken in the order listed; give [None] as o.NMS to score
// the lists as they stand. Examples without truth are passed over; those without
// a prediction are misses and counted as empty. A prediction whose id no example
// has, or whose video differs, is an error.
func ScorePredictions(predictions []Prediction, examples []tall.Example, o Options) (*Table, error) {
	s, err := NewScorer(o)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]int, len(predictions))
	for i, p := range predictions {
		byID[p.ID] = i
	}
	for _, e := range examples {
		i, ok := byID[e.ID]
		delete(byID, e.ID)
		if len(e.Truth) == 0 {
			continue
		}
		var ranked []tall.Span
		if ok {
			p := predictions[i]
			if p.Video != e.Video {
				return nil, fmt.Errorf("%w: sentence %s: the prediction is about video %s, the annotation about %s", tall.ErrShape, e.ID, p.Video, e.Video)
			}
			for _, m := range p.Moments {
				ranked = append(ranked, m.Span)
			}
		}
		if err := s.add(e, ranked, e.Seconds(), false); err != nil {
			return nil, err
		}
	}
	if len(byID) > 0 {
		ids := make([]string, 0, len(byID))
		for id := range byID {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		return nil, fmt.Errorf("%w: %d of %d predictions have no annotation with their id (first: %s); these files do not belong together", tall.ErrMissing, len(ids), len(predictions), ids[0])
	}
	return s.Table(), nil
}
