package calibrate

import (
	"math"
	"slices"
)

// DefaultConfidence is the least confidence of a match: a false-alarm rate of 5 % for
// each sentence and video.
const DefaultConfidence = 0.95

// minScores is how many scores a fit needs: two in each quarter.
const minScores = 8

// Null is the distribution of the [Evidence] that unrelated sentences find over a video
// for their best moments, called score here: Gumbel's, with a location (its mode) and a scale. The zero value is unknown.
type Null struct {
	Location  float64 `json:"location"`
	Scale     float64 `json:"scale"`
	Sentences int     `json:"sentences"` // that it was fitted to
}

// Fit fits the distribution to the best scores of unrelated sentences, by their
// quartiles. Scores that are not finite stand for sentences of which nothing was found,
// and are left out, which makes the fit stricter. From fewer than 8 scores, or scores
// without any spread, nothing follows: the result is unknown.
func Fit(scores []float64) Null {
	finite := make([]float64, 0, len(scores))
	for _, s := range scores {
		if s-s == 0 {
			finite = append(finite, s)
		}
	}
	if len(finite) < minScores {
		return Null{}
	}
	slices.Sort(finite)
	low, middle, high := quantile(finite, 0.25), quantile(finite, 0.5), quantile(finite, 0.75)
	// The p-quantile is location - scale log(-log p).
	scale := (high - low) / (reduced(0.75) - reduced(0.25))
	n := Null{Location: middle - scale*reduced(0.5), Scale: scale, Sentences: len(finite)}
	if !(scale > 0) || math.IsInf(scale, 0) || math.IsInf(n.Location, 0) {
		return Null{}
	}
	return n
}

// reduced is the p-quantile of the distribution with location 0 and scale 1.
func reduced(p float64) float64 { return -math.Log(-math.Log(p)) }

// quantile interpolates between sorted values, as numpy's default does.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-2)
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Known tells whether there is a distribution.
func (n Null) Known() bool { return n.Scale > 0 }

// FalseAlarm is the chance that an unrelated sentence's best moment over the video scores
// this high or higher, NaN where the distribution is unknown. It stays exact where the
// confidence is 1 for all a float64 can tell, so that ranking by it never ties early.
func (n Null) FalseAlarm(score float64) float64 {
	if !n.Known() {
		return math.NaN()
	}
	return -math.Expm1(-math.Exp(-(score - n.Location) / n.Scale))
}

// Confidence is 1 - FalseAlarm, in [0, 1]; 0 where the distribution is unknown.
func (n Null) Confidence(score float64) float64 {
	if !n.Known() || math.IsNaN(score) {
		return 0
	}
	return math.Exp(-math.Exp(-(score - n.Location) / n.Scale))
}

// Standing is how many scales a score is above the location, which compares scores over
// different videos.
func (n Null) Standing(score float64) float64 { return (score - n.Location) / n.Scale }

// Among is the distribution of what unrelated sentences find anywhere in several videos:
// of the standing of the best moment of all. Best[v] are the scores of the bank's sentences
// over video v, in one order for all, and nulls[v] was fitted to them; unknown ones are
// passed over. Over a single video, the confidence of a standing is that of the score.
//
// Among a thousand videos chance finds some moment that is one in a thousand. How much it
// finds depends on how alike the videos are, so it is measured, not computed.
func Among(nulls []Null, best [][]float64) Null {
	var most []float64
	for v, n := range nulls {
		if !n.Known() {
			continue
		}
		if most == nil {
			most = make([]float64, len(best[v]))
			for s := range most {
				most[s] = math.Inf(-1)
			}
		}
		for s := range min(len(most), len(best[v])) {
			most[s] = max(most[s], n.Standing(best[v][s]))
		}
	}
	return Fit(most)
}

// Score is the score that has a confidence, the inverse of Confidence.
func (n Null) Score(confidence float64) float64 {
	return n.Location + n.Scale*reduced(confidence)
}
