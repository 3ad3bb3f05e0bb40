package feature

import (
	lru "container/list"
	"fmt"

	"tall"
)

// FromRows are the inputs of one video whose per-clip features are at hand: a single
// stream of rows at a constant stride, in seconds or ticks of FPS, as encoders make them.
// Kind names them and says how they are normalized; its path is not read. The rows must
// stay as they are while the inputs are in use, or are copied where they are normalized.
//
// Errors wrap [tall.ErrShape] where the video has not one stream, or rows that do not
// follow one another at a constant stride, and [tall.ErrNotFinite].
func FromRows(f *tall.Features, k Kind, p Pooling, warn func(error)) (*Inputs, error) {
	if err := k.Norm.check(); err != nil {
		return nil, err
	}
	if len(f.Streams) != 1 || len(f.Spans) == 0 || f.Streams[0].N != len(f.Spans) || !(f.FPS > 0) {
		return nil, fmt.Errorf("%w: %q has %d streams and %d rows; per-clip features are one stream of rows", tall.ErrShape, f.Video, len(f.Streams), len(f.Spans))
	}
	s := f.Streams[0]
	times := Times{Window: f.Spans[0].Len() / f.FPS}
	if times.Stride = times.Window; len(f.Spans) > 1 {
		times.Stride = (f.Spans[1].Start - f.Spans[0].Start) / f.FPS
	}
	if err := times.check(f.Video); err != nil {
		return nil, err
	}
	for i, span := range f.Spans {
		want := tall.Span{Start: float64(i) * times.Stride, End: float64(i)*times.Stride + times.Window}.Scale(f.FPS)
		if !(abs(span.Start-want.Start) <= 1e-3*f.FPS*times.Stride) {
			return nil, fmt.Errorf("%w: row %d of %q begins at %g, at a stride of %g it would begin at %g", tall.ErrShape, i, f.Video, span.Start, times.Stride*f.FPS, want.Start)
		}
	}
	rows, err := s.Rows(0, s.N, make([]float32, s.N*s.D))
	if err != nil {
		return nil, err
	}
	if bad := NotFinite(rows); bad > 0 {
		return nil, fmt.Errorf("%w: %d values of %q", tall.ErrNotFinite, bad, f.Video)
	}
	if k.Norm == NormL2 {
		rows = append([]float32(nil), rows...)
		k.Norm.apply(rows, s.D)
	}
	t := &Tracks{
		path: f.Video, name: k.Name, norm: k.Norm, times: times, made: s.Manifest, dim: s.D,
		videos: []string{f.Video}, files: []trackFile{{video: f.Video, n: s.N, dim: s.D}},
		recent: lru.New(), held: map[string]*lru.Element{}, memory: 1,
	}
	t.keep(f.Video, rows)
	m, err := newPooled([]*Tracks{t}, p, warn)
	if err != nil {
		return nil, err
	}
	return &Inputs{maker: m, paths: []string{f.Video}}, nil
}

func abs(x float64) float64 { return max(x, -x) }
