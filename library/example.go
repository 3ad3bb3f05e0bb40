package library

import (
	"context"
	"fmt"

	"tall"
)

// example is the mean row of a moment, by which its like is searched.
func (l *Library) example(ctx context.Context, e *Engine, like Like) ([]float32, error) {
	if e.Like == nil {
		return nil, fmt.Errorf("%w: encoder %s cannot search by example", tall.ErrMissing, e.Name)
	}
	if !like.Span.Valid() {
		return nil, fmt.Errorf("%w: the moment %g to %g s to search the like of ends before it starts", tall.ErrFormat, like.Span.Start, like.Span.End)
	}
	rows := like.Rows
	if rows == nil {
		var closer interface{ Close() error }
		var err error
		if rows, closer, err = l.o.Features.Open(ctx, e.Name, like.ID); err != nil {
			return nil, err
		}
		defer closer.Close()
	}
	s := rows.Streams[0]
	mean := make([]float64, s.D)
	buf := make([]float32, s.D)
	n := 0
	for i, span := range rows.Spans {
		if tall.Intersection(span.Scale(1/rows.FPS), like.Span) < span.Len()/rows.FPS/2 {
			continue
		}
		row, err := s.Rows(i, i+1, buf)
		if err != nil {
			return nil, err
		}
		for j, x := range row {
			mean[j] += float64(x)
		}
		n++
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: no features lie between %g and %g s of the example, which has %d rows", tall.ErrMissing, like.Span.Start, like.Span.End, len(rows.Spans))
	}
	out := make([]float32, s.D)
	for j := range out {
		out[j] = float32(mean[j] / float64(n))
	}
	return out, nil
}
