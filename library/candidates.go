package library

import (
	"cmp"
	"context"
	"math"
	"slices"

	"tall"
)

// candidates chooses the videos that the localizer shall see. Found is what the index says
// of them, nil where all are to be seen.
func (l *Library) candidates(ctx context.Context, ask *question) (videos []ID, found []Hit, err error) {
	index, ok := l.o.Indexes[ask.engine.Name]
	if !ok || ask.engine.Indexer == nil || ask.Brute || len(ask.videos) <= refinedVideos {
		videos = make([]ID, len(ask.videos))
		for i, v := range ask.videos {
			videos[i] = v.ID
		}
		return videos, nil, nil
	}
	allowed := func(id ID) bool { _, ok := ask.byID[id]; return ok }
	// A video must hold all sentences that are wanted: it counts by its weakest.
	weakest := map[ID]float32{}
	for i := range max(1, len(ask.Sentences)) {
		var probe []float32
		if ask.like != nil {
			probe = ask.like
		} else if probe, err = ask.engine.Indexer.Probe(ctx, ask.asked[i]); err != nil {
			return nil, nil, err
		}
		list, err := index.Candidates(ctx, probe, allowed, candidateWindows)
		if err != nil {
			return nil, nil, err
		}
		best := map[ID]float32{}
		for _, c := range list {
			if s, ok := best[c.Video]; !ok || c.Score > s {
				best[c.Video] = c.Score
			}
		}
		for id, s := range best {
			if was, ok := weakest[id]; i == 0 || ok {
				if i == 0 || s < was {
					weakest[id] = s
				}
			}
		}
		for id := range weakest {
			if _, ok := best[id]; !ok {
				delete(weakest, id)
			}
		}
		if i == 0 {
			found = ask.early(list)
		}
	}
	for id := range weakest {
		videos = append(videos, id)
	}
	slices.SortFunc(videos, func(a, b ID) int { return cmp.Or(cmp.Compare(weakest[b], weakest[a]), cmp.Compare(a, b)) })
	return videos[:min(len(videos), refinedVideos)], found, nil
}

// early makes hits of candidates.
func (q *question) early(list []Candidate) []Hit {
	var out []Hit
	for _, c := range list {
		if len(out) == q.top() {
			break
		}
		if slices.ContainsFunc(out, func(h Hit) bool { return h.Video == c.Video && tall.IoU(h.Span, c.Span) > suppression }) {
			continue
		}
		v := q.videos[q.byID[c.Video]]
		h := Hit{Video: v.ID, Duration: v.Duration, Span: c.Span, Score: c.Score, Confidence: math.NaN(), alarm: 1}
		if len(v.Paths) > 0 {
			h.Path = v.Paths[0]
		}
		out = append(out, h)
	}
	return out
}
