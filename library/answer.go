package library

import (
	"context"
	"math"

	"tall"
	"tall/calibrate"
)

const (
	// momentsKept is how many moments of a video are kept for each sentence.
	momentsKept = 200
	// leastMoments is how many moments of a video are told of, where it has them, though
	// none be a match.
	leastMoments = 3
)

// answer finds the moments of a query in one video.
func (l *Library) answer(ctx context.Context, ask *question, v *searched) (hits []Hit, err error) {
	err = l.with(ctx, ask, v, func(p tall.Prepared) error {
		hits, err = ask.hits(ctx, p, v, ask.suffices(v))
		return err
	})
	return hits, err
}

// with prepares a video and calls use, whose errors it tells apart: those of the video's
// features, which are marked as damaged ([errBroken]), of a video that was removed or is
// being encoded anew ([errRemoved]), and others.
func (l *Library) with(ctx context.Context, ask *question, v *searched, use func(p tall.Prepared) error) error {
	features, closer, err := l.o.Features.Open(ctx, ask.engine.Name, v.ID)
	if err != nil {
		return l.broken(ctx, v, err, nil)
	}
	defer closer.Close()
	if err := rowsAre(features, *v.features); err != nil {
		return l.broken(ctx, v, err, nil)
	}
	prepared, err := ask.localizer.Prepare(ctx, features)
	if err == nil {
		err = use(prepared)
	}
	if err != nil {
		return l.broken(ctx, v, err, features)
	}
	return nil
}

// suffices tells when enough moments of a video are found for one sentence: what follows is
// no match, or more than is asked for. Moments that are held against others are all wanted.
func (q *question) suffices(v *searched) func(found []calibrate.Moment, next float64) bool {
	if len(q.asked) > 1 || q.example != nil {
		return nil
	}
	null, threshold := q.null(v), q.threshold()
	return func(found []calibrate.Moment, next float64) bool {
		if len(found) >= q.top() {
			return true
		}
		return len(found) >= leastMoments && null.Known() && q.chance.Confidence(null.Standing(next)) < threshold
	}
}

// hits are the moments of a query in one video.
func (q *question) hits(ctx context.Context, p tall.Prepared, v *searched, enough func([]calibrate.Moment, float64) bool) ([]Hit, error) {
	null := q.null(v)
	found, err := null.Find(ctx, p, q.asked, v.Duration, momentsKept, enough)
	if err != nil {
		return nil, err
	}
	lists := make([][]Hit, len(found))
	for i, moments := range found {
		for _, m := range moments {
			if q.example.holds(v.ID, m.Span) {
				continue
			}
			h := v.hit(m.Span)
			h.Score, h.Confidence = m.Score, math.NaN()
			if h.z, h.alarm = standing(null, m.Evidence); null.Known() {
				h.Confidence = q.chance.Confidence(h.z)
			}
			lists[i] = append(lists[i], h)
		}
	}
	return sequences(without(lists[:q.wanted()], lists[q.wanted():])), nil
}
