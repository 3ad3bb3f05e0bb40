package library

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tall"
	"tall/calibrate"
)

// question is a query as it is asked.
type question struct {
	Query
	engine    *Engine
	localizer *Localizer
	asked     []tall.Sentence // Sentences, then Exclude; or the example
	example   *example
	videos    []*searched
	all       *snapshot      // of the library, as it is searched
	chance    calibrate.Null // standing of what it finds anywhere in the videos
	encoding  time.Duration  // that the sentences took
}

// searched is a video with ready features of the engine that is asked. It is shared and
// never written to.
type searched struct {
	*Video
	features *Features
}

// hit is a moment of the video.
func (v *searched) hit(s tall.Span) Hit {
	h := Hit{Video: v.ID, Duration: v.Duration, Span: s}
	if len(v.Paths) > 0 {
		h.Path = v.Paths[0]
	}
	return h
}

// null is what chance reaches in a video; nothing is known of it for examples.
func (q *question) null(v *searched) calibrate.Null {
	if q.example != nil {
		return calibrate.Null{}
	}
	return v.features.Calibration[q.localizer.ID].Null
}

// wanted is how many of the answers are what is sought; those of what is excluded follow.
func (q *question) wanted() int { return len(q.asked) - len(q.Exclude) }

// Search answers a query. Emit, if not nil, gets what the index alone says as soon as it is
// known; what is returned comes from the localizer. Videos that cannot be read are told of
// in Results.Warnings.
//
// Errors wrap [tall.ErrMissing] (an encoder, localizer or video that is not there) or
// [tall.ErrFormat] (a query that asks for nothing).
func (l *Library) Search(ctx context.Context, q Query, emit func(Results) error) (Results, error) {
	begun := time.Now()
	ask, err := l.ask(ctx, q)
	if err != nil {
		return Results{}, err
	}
	took := Took{Encode: ask.encoding}
	list, ranked, warnings, err := l.candidates(ctx, ask)
	if err != nil {
		return Results{}, err
	}
	took.Candidates = time.Since(begun) - ask.encoding
	if emit != nil && ranked {
		early := Results{Stage: StageCandidates, Encoder: ask.engine.Name, Hits: ask.early(list), Videos: len(ask.videos), Took: took, Warnings: warnings}
		if err := emit(early); err != nil {
			return Results{}, err
		}
	}

	begun = time.Now()
	hits, unread, err := l.refine(ctx, ask, list, ranked)
	if err != nil {
		return Results{}, err
	}
	took.Refine = time.Since(begun)
	r := Results{Stage: StageRefined, Encoder: ask.engine.Name, Hits: hits, Videos: len(ask.videos), Took: took, Warnings: append(warnings, unread...)}
	r.cut(ask)
	return r, nil
}

// cut keeps the best hits that reach the threshold, or the best of those that do not.
func (r *Results) cut(ask *question) {
	slices.SortStableFunc(r.Hits, compareHits)
	threshold := ask.threshold()
	matches := slices.DeleteFunc(slices.Clone(r.Hits), func(h Hit) bool {
		// Of a sentence, what is not measured is no match, as nothing says so.
		return h.Confidence < threshold || math.IsNaN(h.Confidence) && ask.example == nil && threshold > 0
	})
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

// threshold is the least confidence of a match.
func (q *question) threshold() float64 {
	if q.Threshold == 0 {
		return q.localizer.Threshold
	}
	return q.Threshold
}

// ask finds the parts that a query needs and encodes its sentences.
func (l *Library) ask(ctx context.Context, q Query) (*question, error) {
	all, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	ask := &question{Query: q, all: all}
	if ask.engine, err = l.asked(all, q.Encoder); err != nil {
		return nil, err
	}
	for _, v := range all.ready(ask.engine.Name) {
		if q.Filter.Takes(*v.Video) {
			ask.videos = append(ask.videos, v)
		}
	}
	if q.Like != nil {
		if ask.engine.Like == nil {
			return nil, fmt.Errorf("%w: encoder %s cannot search by example", tall.ErrMissing, ask.engine.Name)
		}
		ask.localizer = ask.engine.Like
		ask.Sentences, ask.Exclude = nil, nil
		if ask.example, err = l.example(ctx, ask, *q.Like); err != nil {
			return nil, err
		}
		ask.asked = []tall.Sentence{{Vector: ask.example.row}}
		return ask, nil
	}
	if ask.localizer, err = ask.engine.localizer(q.Localizer); err != nil {
		return nil, err
	}
	if len(q.Sentences) == 0 {
		return nil, fmt.Errorf("%w: the query asks for nothing; give a sentence, or a moment to search the like of", tall.ErrFormat)
	}
	texts := slices.Concat(q.Sentences, q.Exclude)
	for _, text := range texts {
		if strings.TrimSpace(text) == "" {
			return nil, fmt.Errorf("%w: a sentence of the query is empty", tall.ErrFormat)
		}
	}
	ask.chance = ask.among(all)
	begun := time.Now()
	ask.asked, err = ask.engine.Sentences.EncodeSentences(ctx, texts)
	ask.encoding = time.Since(begun)
	return ask, err
}

// asked finds the engine of a query: the one that is named, or the first with features.
func (l *Library) asked(all *snapshot, name string) (*Engine, error) {
	if name == "" {
		for _, e := range l.Engines() {
			if len(all.ready(e)) > 0 {
				name = e
				break
			}
		}
	}
	return l.engine(name)
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

// Encoder returns the engine that a query with this encoder asks: the one that is named,
// or for "" the first with features.
func (l *Library) Encoder(ctx context.Context, name string) (*Engine, error) {
	all, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	return l.asked(all, name)
}
