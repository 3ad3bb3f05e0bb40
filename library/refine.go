package library

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"tall"
)

const (
	// atOnce is how many videos the localizer sees between two looks at whether it has
	// seen enough. It does not depend on the machine, so that answers do not.
	atOnce = 2
	// leastVideos is how many the localizer sees at least: how far the index is off, is
	// learned from them.
	leastVideos = 2
	// spareVideos is how many the localizer sees at most beyond the moments asked for,
	// unless they are short.
	spareVideos = 6
	// spareScales over the number of videos seen is what an estimate may be off beyond what
	// was seen, in scales of chance.
	spareScales = 4.0
	// refinedRows is how many rows the localizer may see in any case.
	refinedRows = 32 << 10
	// mostVideos bounds what is read of many short videos.
	mostVideos = 256
)

// refine runs the localizer over candidates, best first, until none of the rest can be
// among the answers, by what the index says of them and how far that was off so far.
// Where they are not ranked it sees all.
func (l *Library) refine(ctx context.Context, ask *question, list []candidate, ranked bool) (hits []Hit, warnings []string, err error) {
	off := math.Inf(-1) // the most by which the index said too little
	rows := 0
	for seen := 0; seen < len(list); {
		if ranked && ask.enough(list[seen], hits, off, seen, rows) {
			break
		}
		round := list[seen:min(len(list), seen+atOnce)]
		if seen == 0 && ranked {
			round = list[:min(len(list), leastVideos)]
		}
		found, errs := l.answers(ctx, ask, round)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		for i, c := range round {
			switch err := errs[i]; {
			case errors.Is(err, errRemoved):
			case errors.Is(err, errBroken):
				warnings = append(warnings, err.Error())
			case err != nil:
				return nil, nil, err
			}
			rows += c.features.Rows
			if best := bestOf(found[i]); best != nil && !math.IsInf(c.z, 1) {
				off = max(off, best.z-c.z)
			}
			hits = append(hits, found[i]...)
		}
		seen += len(round)
		slices.SortStableFunc(hits, compareHits)
		hits = hits[:min(len(hits), max(ask.top(), DefaultTop))]
	}
	slices.Sort(warnings)
	return hits, warnings, nil
}

// bestOf is the best of the moments of a video.
func bestOf(hits []Hit) *Hit {
	var best *Hit
	for i := range hits {
		if best == nil || compareHits(hits[i], *best) < 0 {
			best = &hits[i]
		}
	}
	return best
}

// enough tells whether the next candidate, and with it all after it, cannot be among the
// answers, or whether that would take too long to find out.
func (q *question) enough(next candidate, hits []Hit, off float64, seen, rows int) bool {
	switch {
	case seen < leastVideos || math.IsInf(next.z, 1):
		return false
	case seen >= mostVideos, seen >= q.top()+spareVideos && rows >= refinedRows:
		return true
	}
	z := next.z + max(0, off) + spareScales/float64(seen)
	alarm := 1.0
	if q.null(next.searched).Known() {
		alarm = -math.Expm1(-math.Exp(-z))
		// It cannot be a match any more, and there is at least something to be told as
		// the best of what is none.
		if len(hits) > 0 && q.chance.Confidence(z) < q.threshold() && compareChance(hits[0], alarm, z) < 0 {
			return true
		}
	}
	if len(hits) < q.top() {
		return false
	}
	return compareChance(hits[q.top()-1], alarm, z) < 0
}

// compareChance is below 0 where a hit is better than one with this alarm and standing.
func compareChance(h Hit, alarm, z float64) int {
	return cmp.Or(cmp.Compare(h.alarm, alarm), cmp.Compare(z, h.z))
}

// answers asks a few videos side by side.
func (l *Library) answers(ctx context.Context, ask *question, round []candidate) (found [][]Hit, errs []error) {
	found, errs = make([][]Hit, len(round)), make([]error, len(round))
	var wg sync.WaitGroup
	for i, c := range round {
		wg.Go(func() { found[i], errs[i] = l.answer(ctx, ask, c.searched) })
	}
	wg.Wait()
	return found, errs
}

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
			if tall.IoU(h.Span, e.Span) >= excludedOverlap && (e.alarm < h.alarm || e.alarm == h.alarm && e.Score >= h.Score) {
				return true
			}
		}
	}
	return false
}
