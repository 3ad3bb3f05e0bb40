package eval

import (
	"fmt"
	"strings"

	"tall"
)

// The kinds of [Bucket].
const (
	ByLength   = "length"   // of the truth, in seconds
	ByPosition = "position" // of the middle of the truth, in the video
	ByWords    = "words"    // of the sentence
)

// BucketKinds are the kinds of [Bucket].
func BucketKinds() []string { return []string{ByLength, ByPosition, ByWords} }

// A bucket holds what is above the edge before and not above its own.
var (
	lengthEdges   = []float64{5, 10, 20, 40, 80}  // seconds
	positionEdges = []float64{0.2, 0.4, 0.6, 0.8} // shares of the duration
	wordEdges     = []float64{5, 10, 15, 20}      // words
	lengthLabels  = labels(lengthEdges, "%g-%g s", "over %g s", 1)
	placeLabels   = labels(positionEdges, "%g-%g %%", "%g-100 %%", 100)
	wordLabels    = []string{"1-5", "6-10", "11-15", "16-20", "over 20", "unknown"}
)

func labels(edges []float64, between, last string, scale float64) []string {
	out := make([]string, 0, len(edges)+2)
	from := 0.0
	for _, e := range edges {
		out = append(out, fmt.Sprintf(between, from*scale, e*scale))
		from = e
	}
	return append(out, fmt.Sprintf(last, from*scale), "unknown")
}

// bin is the index of the bucket of v; negative values are unknown.
func bin(edges []float64, v float64) int {
	if !(v >= 0) {
		return len(edges) + 1
	}
	for i, e := range edges {
		if v <= e {
			return i
		}
	}
	return len(edges)
}

// partitions sorts the queries into buckets. Of several truths the mean counts:
// it must not depend on what was predicted.
func (r *run) partitions() []partition {
	out := []partition{
		{kind: ByLength, labels: lengthLabels, of: make([]int, len(r.queries))},
		{kind: ByPosition, labels: placeLabels, of: make([]int, len(r.queries))},
		{kind: ByWords, labels: wordLabels, of: make([]int, len(r.queries))},
	}
	r.each(func(i int, q *query) {
		length, middle := shape(q.truth, q.example.Duration)
		out[0].of[i] = bin(lengthEdges, length)
		out[1].of[i] = bin(positionEdges, middle)
		out[2].of[i] = bin(wordEdges, wordCount(q.example.Sentence.Text))
	})
	return out
}

// shape is the mean length of truths, and where the mean of their middles lies
// in a video of the duration; -1: unknown.
func shape(truth []tall.Span, duration float64) (length, middle float64) {
	for _, g := range truth {
		length += g.Len() / float64(len(truth))
		middle += (g.Start + g.End) / 2 / float64(len(truth))
	}
	if duration <= 0 {
		return length, -1
	}
	return length, middle / duration
}

// wordCount counts what blanks separate; -1: the sentence is not known.
func wordCount(sentence string) float64 {
	if n := len(strings.Fields(sentence)); n > 0 {
		return float64(n)
	}
	return -1
}

// buckets are the results over parts of the queries, empty parts left out.
func (r *run) buckets(parts []partition, intervals [][]interval) []Bucket {
	var out []Bucket
	for k, p := range parts {
		members := make([][]int, len(p.labels))
		for i, g := range p.of {
			members[g] = append(members[g], i)
		}
		for g, label := range p.labels {
			if len(members[g]) == 0 {
				continue
			}
			b := Bucket{Kind: p.kind, Label: label, Queries: len(members[g])}
			for i := range r.columns {
				if c := &r.columns[i]; !c.full && c.exactInterval == nil {
					v := intervals[k][g]
					b.Metrics = append(b.Metrics, Metric{c.name, c.over(members[g]), v.low[i], v.high[i], c.digits})
				}
			}
			out = append(out, b)
		}
	}
	return out
}
