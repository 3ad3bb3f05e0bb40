package library

import (
	"math"

	"tall"
)

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
			c.alarm, c.z = max(c.alarm, h.alarm), min(c.z, h.z)
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
