package dataset

import (
	"maps"
	"slices"
	"strings"

	"tall"
)

// Bins is the number of bins of a [Histogram]: each is 5 % of a video.
const Bins = 20

// Summary counts what a corpus, or a split of it, holds.
type Summary struct {
	Split       string       `json:"split"` // "": all
	Sentences   int          `json:"sentences"`
	Videos      int          `json:"videos"`
	Spans       int          `json:"spans"`
	Saliency    int          `json:"saliency"`     // sentences that have it
	Hours       float64      `json:"hours"`        // of video, as far as durations are known
	Duration    Distribution `json:"duration"`     // of videos, seconds
	Length      Distribution `json:"length"`       // of spans, seconds
	Share       Distribution `json:"share"`        // of spans: their length by that of the video
	PerSentence Distribution `json:"per_sentence"` // spans of a sentence
	Words       Distribution `json:"words"`        // of a sentence: parts between blanks
	Starts      Histogram    `json:"starts"`       // of spans, by the length of the video
	Ends        Histogram    `json:"ends"`
}

// Distribution describes N numbers. Of none, all are 0. Quartiles are the numbers
// at the ranks nearest to a quarter, a half and three quarters.
type Distribution struct {
	N      int     `json:"n"`
	Mean   float64 `json:"mean"`
	Min    float64 `json:"min"`
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
	Max    float64 `json:"max"`
}

// Histogram counts positions in a video, 0 its start and 1 its end. The last bin
// has both its ends.
type Histogram struct {
	Bins   [Bins]int `json:"bins"`
	Before int       `json:"before"` // positions below 0
	After  int       `json:"after"`  // above 1
}

// Summarize counts what a corpus holds: as a whole, and where it has several
// splits each of them, after it, in the order of their names. Spans that are not
// valid, and those of videos of unknown duration where it takes one, count only as
// spans.
func Summarize(c *Corpus) []Summary {
	splits := map[string][]tall.Example{}
	for _, e := range c.Examples {
		splits[e.Split] = append(splits[e.Split], e)
	}
	out := []Summary{summary("", c.Examples, c.Saliency)}
	if len(splits) == 1 {
		for split := range splits {
			out[0].Split = split
		}
		return out
	}
	for _, split := range slices.Sorted(maps.Keys(splits)) {
		out = append(out, summary(split, splits[split], c.Saliency))
	}
	return out
}

func summary(split string, examples []tall.Example, saliency map[string]Saliency) Summary {
	s := Summary{Split: split, Sentences: len(examples)}
	videos := map[string]float64{}
	var lengths, shares, spans, words []float64
	for _, e := range examples {
		videos[e.Video] = max(videos[e.Video], e.Duration)
		if _, ok := saliency[e.ID]; ok {
			s.Saliency++
		}
		if e.Sentence.Text != "" {
			words = append(words, float64(len(strings.Fields(e.Sentence.Text))))
		}
		s.Spans += len(e.Truth)
		spans = append(spans, float64(len(e.Truth)))
		for _, t := range e.Seconds() {
			if !t.Valid() {
				continue
			}
			lengths = append(lengths, t.Len())
			if e.Duration > 0 {
				shares = append(shares, t.Len()/e.Duration)
				s.Starts.add(t.Start / e.Duration)
				s.Ends.add(t.End / e.Duration)
			}
		}
	}
	s.Videos = len(videos)
	var durations []float64
	for _, seconds := range videos {
		if seconds > 0 {
			durations = append(durations, seconds)
		}
	}
	s.Duration, s.Length, s.Share = distribution(durations), distribution(lengths), distribution(shares)
	s.PerSentence, s.Words = distribution(spans), distribution(words)
	s.Hours = s.Duration.Mean * float64(s.Duration.N) / 3600
	return s
}

func distribution(v []float64) Distribution {
	d := Distribution{N: len(v)}
	if d.N == 0 {
		return d
	}
	slices.Sort(v) // also makes the sum the same in any order
	for _, x := range v {
		d.Mean += x / float64(d.N)
	}
	rank := func(q float64) float64 { return v[int(q*float64(d.N-1)+0.5)] }
	d.Min, d.Q1, d.Median, d.Q3, d.Max = v[0], rank(0.25), rank(0.5), rank(0.75), v[d.N-1]
	return d
}

func (h *Histogram) add(x float64) {
	switch {
	case x < 0:
		h.Before++
	case x > 1:
		h.After++
	default:
		h.Bins[min(int(x*Bins), Bins-1)]++
	}
}

// N is the number of positions, those outside the video too.
func (h Histogram) N() int {
	n := h.Before + h.After
	for _, b := range h.Bins {
		n += b
	}
	return n
}
