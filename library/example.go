package library

import (
	"context"
	"fmt"

	"tall"
)

// example is a moment whose like is searched.
type example struct {
	Like
	row   []float32 // the mean of its features, which stands for a sentence
	probe []float32 // the mean of its vectors in the localizer's space, if there is one
}

// holds tells whether a moment is the example itself.
func (e *example) holds(id ID, s tall.Span) bool {
	return e != nil && e.ID == id && e.Rows == nil && tall.Intersection(e.Span, s) > 0
}

// example reads the moment.
func (l *Library) example(ctx context.Context, ask *question, like Like) (*example, error) {
	if !like.Span.Valid() {
		return nil, fmt.Errorf("%w: the moment %g to %g s to search the like of ends before it starts", tall.ErrFormat, like.Span.Start, like.Span.End)
	}
	rows := like.Rows
	if rows == nil {
		v, err := l.Video(ctx, like.ID)
		if err != nil {
			return nil, err
		}
		if f := featuresOf(v, ask.engine.Name); f == nil || f.State != Ready {
			return nil, fmt.Errorf("%w: the example's video has no features of encoder %s, or none that are ready", tall.ErrMissing, ask.engine.Name)
		}
		var closer interface{ Close() error }
		if rows, closer, err = l.o.Features.Open(ctx, ask.engine.Name, like.ID); err != nil {
			return nil, err
		}
		defer closer.Close()
	}
	part, err := around(rows, like.Span)
	if err != nil {
		return nil, err
	}
	e := &example{Like: like}
	if e.row, err = meanOf(part.Spans, part.FPS, part.Streams[0], like.Span); err != nil {
		return nil, err
	}
	if e.row == nil {
		return nil, fmt.Errorf("%w: no features lie between %g and %g s of the example, which has %d rows", tall.ErrMissing, like.Span.Start, like.Span.End, len(rows.Spans))
	}
	if space := ask.localizer.Space; space != nil && l.o.Index != nil {
		spans, vectors, err := space.Vectors(ctx, part)
		if err != nil {
			return nil, err
		}
		if e.probe, err = meanOf(spans, 1, vectors, like.Span); err != nil {
			return nil, err
		}
		if e.probe == nil {
			e.probe = make([]float32, vectors.D)
		}
	}
	return e, nil
}

// contextKept is how many seconds beside an example may tell of it, for windows with
// context.
const contextKept = 60

// around are the rows near a moment.
func around(f *tall.Features, s tall.Span) (*tall.Features, error) {
	if len(f.Streams) != 1 || f.FPS <= 0 {
		return nil, fmt.Errorf("%w: the example's features are no single kind of rows", tall.ErrShape)
	}
	from, to := 0, len(f.Spans)
	for from < to && f.Spans[from].End/f.FPS < s.Start-contextKept {
		from++
	}
	for from < to && f.Spans[to-1].Start/f.FPS > s.End+contextKept {
		to--
	}
	in := f.Streams[0]
	out := &tall.Features{Video: f.Video, FPS: f.FPS, Spans: f.Spans[from:to]}
	stream := tall.Stream{Manifest: in.Manifest, N: to - from, D: in.D}
	if in.Read == nil {
		stream.Data = in.Data[from*in.D : to*in.D]
	} else {
		stream.Read = func(row int, dst []float32) error { return in.Read(from+row, dst) }
	}
	out.Streams = []tall.Stream{stream}
	return out, nil
}

// meanOf is the mean of the rows of a moment, each weighed by its overlap (IoU) with it;
// nil where none overlaps.
func meanOf(spans []tall.Span, fps float64, rows tall.Stream, s tall.Span) ([]float32, error) {
	mean := make([]float64, rows.D)
	buf := make([]float32, rows.D)
	total := 0.0
	for i, span := range spans {
		// A row that lies in a moment counts in whole, however much longer that is.
		span = span.Scale(1 / fps)
		weight := tall.Intersection(span, s) / span.Len() * min(1, s.Len()/span.Len())
		if !(weight > 0) {
			continue
		}
		row, err := rows.Rows(i, i+1, buf)
		if err != nil {
			return nil, err
		}
		for j, x := range row {
			mean[j] += weight * float64(x)
		}
		total += weight
	}
	if total == 0 {
		return nil, nil
	}
	out := make([]float32, rows.D)
	for j := range out {
		out[j] = float32(mean[j] / total)
	}
	return out, nil
}
