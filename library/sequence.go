package library

import (
	"math"

	"tall"
)

// excludedOverlap is the IoU from which a moment of an excluded sentence is about the same
// stretch.
const excludedOverlap = 0.3

// without drops the moments that an excluded sentence describes at least as well, by what
// chance reaches, in about the same stretch.
func without(lists, excluded [][]Hit) [][]Hit {
	if len(excluded) == 0 {
		return lists
	}
	out := make([][]Hit, len(lists))
	for i, list := range lists {
		for _, h := range list {
			if !describedBetter(h, excluded) {
				out[i] = append(out[i], h)
			}
		}
	}
	return out
}

func describedBetter(h Hit, excluded [][]Hit) bool {
	for _, list := range excluded {
		for _, e := range list {
			if tall.IoU(h.Span, e.Span) >= excludedOverlap && compareHits(e, h) <= 0 {
				return true
			}
		}
	}
	return false
}

// sequences joins the moments of several sentences, lists[i] those of the i-th, into
// chains in which each begins no earlier than the one before ends. A chain is as sure as
// the least sure of its moments; for each moment of the last sentence the best chain is
// kept. One sentence is its own chain.
func sequences(lists [][]Hit) []Hit {
	if len(lists) <= 1 {
		if len(lists) == 0 {
			return nil
		}
		return lists[0]
	}
	// chains[j] is the best chain that ends with the j-th moment of the sentence so far.
	chains := make([]Hit, len(lists[0]))
	for j, h := range lists[0] {
		h.Parts = []tall.Span{h.Span}
		chains[j] = h
	}
	for _, list := range lists[1:] {
		var longer []Hit
		for _, h := range list {
			best := -1
			for j, c := range chains {
				if c.Parts[len(c.Parts)-1].End <= h.Span.Start && (best < 0 || compareChains(c, chains[best]) < 0) {
					best = j
				}
			}
			if best < 0 {
				continue
			}
			c := chains[best]
			c.Parts = append(c.Parts[:len(c.Parts):len(c.Parts)], h.Span)
			c.Span.End = h.Span.End
			c.Score = min(c.Score, h.Score)
			c.alarm = max(c.alarm, h.alarm)
			if !math.IsNaN(c.Confidence) {
				c.Confidence = min(c.Confidence, h.Confidence)
			}
			longer = append(longer, c)
		}
		chains = longer
	}
	return chains
}

// compareChains prefers the surer chain, then the one whose last moment ends later, which
// leaves less of a pause.
func compareChains(a, b Hit) int {
	if a.alarm != b.alarm || a.Score != b.Score {
		return compareHits(a, b)
	}
	if a.Parts[len(a.Parts)-1].End > b.Parts[len(b.Parts)-1].End {
		return -1
	}
	return 1
}
