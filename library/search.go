package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"tall"
)

// Limits of a search.
const (
	// candidateWindows is how many stretches the index gives.
	candidateWindows = 4096
	// refinedVideos is how many of the best videos the localizer sees.
	refinedVideos = 24
	// suppression is the IoU above which the lesser of two moments is dropped, as in the
	// reference's prediction.
	suppression = 0.45
	// momentsKept is how many moments of a video are kept for each sentence.
	momentsKept = 200
)

// question is a query as it is asked.
type question struct {
	Query
	engine    *Engine
	localizer *Localizer
	asked     []tall.Sentence // Sentences, then Exclude
	like      []float32       // mean row of the example, in the place of asked
	videos    []Video         // to search
	byID      map[ID]int
}

// Search answers a query. Emit, if not nil, gets what the index alone says as soon as it is
// known; what is returned comes from the localizer. Videos that cannot be read are told of
// in Results.Warnings.
//
// Errors wrap [tall.ErrMissing] (an encoder, localizer or video that is not there) or
// [tall.ErrFormat] (a query that asks for nothing).
func (l *Library) Search(ctx context.Context, q Query, emit func(Results) error) (Results, error) {
	var took Took
	begun := time.Now()
	ask, err := l.ask(ctx, q)
	if err != nil {
		return Results{}, err
	}
	took.Encode = time.Since(begun)

	begun = time.Now()
	videos, found, err := l.candidates(ctx, ask)
	if err != nil {
		return Results{}, err
	}
	took.Candidates = time.Since(begun)
	if emit != nil && found != nil {
		early := Results{Stage: StageCandidates, Encoder: ask.engine.Name, Hits: found, Videos: len(ask.videos), Took: took}
		if err := emit(early); err != nil {
			return Results{}, err
		}
	}

	begun = time.Now()
	hits, warnings, err := l.refine(ctx, ask, videos)
	if err != nil {
		return Results{}, err
	}
	took.Refine = time.Since(begun)
	r := Results{Stage: StageRefined, Encoder: ask.engine.Name, Hits: hits, Videos: len(ask.videos), Took: took, Warnings: warnings}
	r.cut(ask)
	return r, nil
}

// cut keeps the best hits that reach the threshold, or the best of those that do not.
func (r *Results) cut(ask *question) {
	slices.SortStableFunc(r.Hits, compareHits)
	threshold := ask.Threshold
	if threshold == 0 {
		threshold = ask.localizer.Threshold
	}
	matches := slices.DeleteFunc(slices.Clone(r.Hits), func(h Hit) bool { return h.Confidence < threshold })
	if r.NoMatch = len(matches) == 0; !r.NoMatch {
		r.Hits = matches
	}
	r.Hits = r.Hits[:min(len(r.Hits), ask.top())]
}

// compareHits orders hits, best first: by the chance that unrelated sentences do as well,
// which tells hits apart whose confidence is 1 for all a float64 can tell.
func compareHits(a, b Hit) int {
	return cmp.Or(cmp.Compare(a.alarm, b.alarm), cmp.Compare(b.Score, a.Score), cmp.Compare(a.Video, b.Video), a.Span.Compare(b.Span))
}

func (q *question) top() int {
	if q.Top <= 0 {
		return DefaultTop
	}
	return q.Top
}

// ask finds the parts that a query needs and encodes its sentences.
func (l *Library) ask(ctx context.Context, q Query) (*question, error) {
	ask := &question{Query: q, byID: map[ID]int{}}
	var err error
	if ask.engine, err = l.engine(q.Encoder); err != nil {
		return nil, err
	}
	if ask.localizer, err = ask.engine.localizer(q.Localizer); err != nil {
		return nil, err
	}
	all, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range all.videos {
		if f := featuresOf(v, ask.engine.Name); f != nil && f.State == Ready && q.Filter.Takes(v) {
			ask.byID[v.ID] = len(ask.videos)
			ask.videos = append(ask.videos, v)
		}
	}
	if q.Like != nil {
		ask.like, err = l.example(ctx, ask.engine, *q.Like)
		return ask, err
	}
	texts := slices.Concat(q.Sentences, q.Exclude)
	if len(q.Sentences) == 0 {
		return nil, fmt.Errorf("%w: the query asks for nothing; give a sentence, or a moment to search the like of", tall.ErrFormat)
	}
	for _, text := range texts {
		if strings.TrimSpace(text) == "" {
			return nil, fmt.Errorf("%w: a sentence of the query is empty", tall.ErrFormat)
		}
	}
	ask.asked, err = ask.engine.Sentences.EncodeSentences(ctx, texts)
	return ask, err
}

// localizer finds one by name; "" is the first.
func (e *Engine) localizer(name string) (*Localizer, error) {
	var names []string
	for i := range e.Localizers {
		if l := &e.Localizers[i]; name == "" || l.Name == name {
			return l, nil
		}
		names = append(names, e.Localizers[i].Name)
	}
	return nil, fmt.Errorf("%w: encoder %s has no localizer %q; it has %s", tall.ErrMissing, e.Name, name, strings.Join(names, ", "))
}

// refine runs the localizer over videos, several at a time.
func (l *Library) refine(ctx context.Context, ask *question, videos []ID) (hits []Hit, warnings []string, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan ID)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for range min(searchers, len(videos)) {
		wg.Go(func() {
			for id := range next {
				found, err := l.answer(ctx, ask, ask.videos[ask.byID[id]])
				mu.Lock()
				switch {
				case err == nil:
					hits = append(hits, found...)
				case ctx.Err() != nil:
				case unreadable(err):
					warnings = append(warnings, err.Error())
				default:
					stop(err)
				}
				mu.Unlock()
			}
		})
	}
	for _, id := range videos {
		select {
		case next <- id:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	slices.Sort(warnings)
	return hits, warnings, nil
}

// searchers is how many videos one search reads at a time.
const searchers = 4

// unreadable tells errors of one video's stored features from those that every video
// would meet.
func unreadable(err error) bool {
	for _, target := range []error{tall.ErrMissing, tall.ErrFormat, tall.ErrShape, tall.ErrNotFinite} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// localize runs the localizer over one video.
func (l *Library) localize(ctx context.Context, ask *question, v Video) ([]tall.Scored, error) {
	features, closer, err := l.o.Features.Open(ctx, ask.engine.Name, v.ID)
	if err != nil {
		return nil, l.broken(ctx, ask, v, err)
	}
	defer closer.Close()
	if f := featuresOf(v, ask.engine.Name); len(features.Spans) != f.Rows {
		return nil, l.broken(ctx, ask, v, fmt.Errorf("%w: %s: %d rows are stored, the catalog says %d", tall.ErrShape, v.ID, len(features.Spans), f.Rows))
	}
	asked, localizer := ask.asked, tall.Localizer(ask.localizer)
	if ask.like != nil {
		asked, localizer = []tall.Sentence{{Vector: ask.like}}, ask.engine.Like
	}
	prepared, err := localizer.Prepare(ctx, features)
	if err != nil {
		return nil, l.broken(ctx, ask, v, err)
	}
	return prepared.Localize(ctx, asked)
}

// broken marks features that turned out to be unreadable, so that they are searched no
// more until [Library.Check] has mended them. A video removed meanwhile is no error.
func (l *Library) broken(ctx context.Context, ask *question, v Video, err error) error {
	if ctx.Err() != nil || !unreadable(err) {
		return err
	}
	if _, gone := l.Video(ctx, v.ID); errors.Is(gone, tall.ErrMissing) {
		return fmt.Errorf("%w: %s was removed", tall.ErrMissing, v.ID)
	}
	if markErr := l.damaged(ctx, v.ID, ask.engine.Name, err.Error()); markErr != nil {
		return errors.Join(err, markErr)
	}
	return err
}

// answer finds the moments of a query in one video.
func (l *Library) answer(ctx context.Context, ask *question, v Video) ([]Hit, error) {
	scored, err := l.localize(ctx, ask, v)
	if err != nil {
		return nil, err
	}
	lists := make([][]Hit, len(scored))
	for i, s := range scored {
		lists[i] = ask.moments(v, s)
	}
	wanted := max(1, len(ask.Sentences))
	return sequences(without(lists[:wanted], lists[wanted:])), nil
}

// moments are those of an answer that lie in the video, suppressed, best first.
func (q *question) moments(v Video, s tall.Scored) []Hit {
	spans := make([]tall.Span, 0, len(s.Spans))
	scores := make([]float32, 0, len(s.Spans))
	for i := range s.Spans {
		m := s.Moment(i)
		m.Start, m.End = max(0, m.Start), min(m.End, v.Duration)
		if m.Valid() {
			spans, scores = append(spans, m.Span), append(scores, m.Score)
		}
	}
	null := featuresOf(v, q.engine.Name).Calibration[q.localizer.ID]
	path := ""
	if len(v.Paths) > 0 {
		path = v.Paths[0]
	}
	var out []Hit
	for _, i := range tall.Suppress(spans, scores, suppression, momentsKept) {
		h := Hit{Video: v.ID, Path: path, Duration: v.Duration, Span: spans[i], Score: scores[i], Confidence: math.NaN(), alarm: 1}
		if null.Known() && q.like == nil {
			h.Confidence, h.alarm = null.Confidence(float64(h.Score)), null.FalseAlarm(float64(h.Score))
		}
		out = append(out, h)
	}
	return out
}
