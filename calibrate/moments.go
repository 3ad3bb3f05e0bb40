package calibrate

import (
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
	var spans []tall.Span
	var scores []float32
	var of []int
	for i := range a.Spans {
		m := a.Moment(i)
		m.Start = max(0, m.Start)
		if duration > 0 {
			m.End = min(m.End, duration)
		}
		if m.Valid() {
			spans, scores, of = append(spans, m.Span), append(scores, m.Score), append(of, i)
		}
	}
	var out []Moment
	for _, i := range tall.Suppress(spans, scores, suppression, most) {
		if isPart(spans[i], out) {
			continue
		}
		out = append(out, n.moment(spans[i], scores[i], evidence[of[i]]))
	}
	return out
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
