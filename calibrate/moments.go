package calibrate

import (
	"context"
	"math"
	"slices"

	"tall"
)

const (
	// suppression is the IoU above which the lesser of two moments is dropped, that of the
	// reference's prediction.
	suppression = 0.45
	// sameMoment is how much of the shorter of two moments the other may hold. Suppression
	// by IoU leaves a part of a moment, or what it is a part of, beside it; to a user it is
	// the same moment.
	sameMoment = 0.5
)

// Moment is a moment of a video and what its score says.
type Moment struct {
	Span       tall.Span // seconds, within the video
	Score      float32   // of the localizer
	Evidence   float64
	Confidence float64 // 0 where the distribution is unknown
	FalseAlarm float64 // 1 where the distribution is unknown
}

// Moments are those of an answer, whose [Evidence] is given, that lie in a video of so many
// seconds (0: unknown), suppressed, best first, at most so many. The null is the video's.
func (n Null) Moments(a tall.Scored, evidence []float64, duration float64, most int) []Moment {
	c := chooser{null: n, duration: duration, most: most}
	for _, i := range tall.Rank(a.Scores) {
		if !c.take(a.Moment(i).Span, a.Scores[i], evidence[i]) {
			break
		}
	}
	return c.found
}

// ranker is what a prepared video may have beside [tall.Prepared]: its moments in the
// order of their scores, which are evidence as they are, one after another
// (model/contrast).
type ranker interface {
	EachRanked(ctx context.Context, sentences []tall.Sentence, visit func(sentence int, s tall.Span, score float32) bool) error
}

// Find asks a prepared video for the [Null.Moments] of each sentence. Enough, if not nil,
// ends the search for a sentence, given what was found and the evidence for the next
// moment, which is lower; where all moments are known at once it is not asked.
func (n Null) Find(ctx context.Context, p tall.Prepared, sentences []tall.Sentence, duration float64, most int, enough func(found []Moment, next float64) bool) ([][]Moment, error) {
	out := make([][]Moment, len(sentences))
	if r, ok := p.(ranker); ok {
		choosers := make([]chooser, len(sentences))
		for i := range choosers {
			choosers[i] = chooser{null: n, duration: duration, most: most}
		}
		err := r.EachRanked(ctx, sentences, func(i int, s tall.Span, score float32) bool {
			c := &choosers[i]
			return (enough == nil || !enough(c.found, float64(score))) && c.take(s, score, float64(score))
		})
		for i := range choosers {
			out[i] = choosers[i].found
		}
		return out, err
	}
	for from := 0; from < len(sentences); from += sentencesAtOnce {
		answers, err := p.Localize(ctx, sentences[from:min(from+sentencesAtOnce, len(sentences))])
		if err != nil {
			return nil, err
		}
		for i, a := range answers {
			out[from+i] = n.Moments(a, Evidence(p, a), duration, most)
		}
	}
	return out, nil
}

// chooser is suppression of moments that come best first.
type chooser struct {
	null     Null
	duration float64
	most     int

	kept  []tall.Span // as [tall.Suppress] keeps them
	found []Moment    // those of kept that are no part of a better one
}

// take tells whether there may be more.
func (c *chooser) take(s tall.Span, score float32, evidence float64) bool {
	s.Start = max(0, s.Start)
	if c.duration > 0 {
		s.End = min(s.End, c.duration)
	}
	if !s.Valid() || slices.ContainsFunc(c.kept, func(k tall.Span) bool { return tall.IoU(k, s) > suppression }) {
		return true
	}
	c.kept = append(c.kept, s)
	if !isPart(s, c.found) {
		c.found = append(c.found, c.null.moment(s, score, evidence))
	}
	return len(c.kept) < c.most
}

func (n Null) moment(s tall.Span, score float32, evidence float64) Moment {
	m := Moment{Span: s, Score: score, Evidence: evidence, Confidence: n.Confidence(evidence), FalseAlarm: n.FalseAlarm(evidence)}
	if math.IsNaN(m.FalseAlarm) {
		m.FalseAlarm = 1
	}
	return m
}

// isPart reports whether a moment lies in a better one, or the other way round.
func isPart(s tall.Span, better []Moment) bool {
	return slices.ContainsFunc(better, func(m Moment) bool {
		return tall.Intersection(m.Span, s) > sameMoment*min(m.Span.Len(), s.Len())
	})
}
