package library

import (
	"context"
	"errors"
	"fmt"
	"io"
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
		return l.broken(ctx, ask, v, err, nil)
	}
	defer closer.Close()
	if len(features.Spans) != v.features.Rows {
		err := fmt.Errorf("%w: %s: %d rows are stored, the catalog says %d", tall.ErrShape, v.ID, len(features.Spans), v.features.Rows)
		return l.broken(ctx, ask, v, err, nil)
	}
	prepared, err := ask.localizer.Prepare(ctx, features)
	if err == nil {
		err = use(prepared)
	}
	if err != nil {
		return l.broken(ctx, ask, v, err, features)
	}
	return nil
}

var (
	// errRemoved tells that a video was removed while it was searched.
	errRemoved = errors.New("removed meanwhile")
	// errBroken tells that the stored features of a video cannot be used.
	errBroken = errors.New("features are damaged")
)

// broken marks features that turned out to be unreadable, so that they are searched no
// more until [Library.Check] has mended them. Where features are given, they are read
// again to learn whether the error is theirs.
func (l *Library) broken(ctx context.Context, ask *question, v *searched, err error, features *tall.Features) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if features != nil {
		bad := readable(features)
		if bad == nil {
			return err // of the sentence, or of the model
		}
		err = bad
	}
	now, gone := l.Video(ctx, v.ID)
	if errors.Is(gone, tall.ErrMissing) {
		return fmt.Errorf("%w: %s", errRemoved, v.ID)
	}
	if gone != nil {
		return gone
	}
	if f := featuresOf(now, ask.engine.Name); f == nil || f.State != Ready || f.Hash != v.features.Hash {
		return fmt.Errorf("%w: %s is encoded anew", errRemoved, v.ID)
	}
	if markErr := l.damaged(ctx, v.ID, ask.engine.Name, err.Error()); markErr != nil {
		return errors.Join(err, markErr)
	}
	return fmt.Errorf("%w, and not searched until `tall index check --repair` has mended them: %w", errBroken, err)
}

// readable reads all rows.
func readable(f *tall.Features) error {
	for _, s := range f.Streams {
		buf := make([]float32, s.D)
		for i := range s.N {
			row, err := s.Rows(i, i+1, buf)
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("%w: truncated: %w", tall.ErrFormat, err)
			}
			if err != nil {
				return err
			}
			for _, x := range row {
				if x-x != 0 {
					return fmt.Errorf("%w: row %d of %s", tall.ErrNotFinite, i, f.Video)
				}
			}
		}
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
