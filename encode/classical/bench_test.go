package classical

import (
	"context"
	"io"
	"testing"

	"tall"
	"tall/media"
)

// loop shows some frames again and again, drawn beforehand.
type loop struct {
	frames []media.Frame
	next   int
	end    int
}

func (l *loop) Next() (media.Frame, error) {
	if l.next == l.end {
		return media.Frame{}, io.EOF
	}
	f := l.frames[l.next%len(l.frames)]
	f.Index, f.Time = l.next, float64(l.next)/Rate
	l.next++
	return f, nil
}

func newLoop(tb testing.TB, frames int) *loop {
	tb.Helper()
	l := &loop{}
	f := kitchen(frames)
	for {
		frame, err := f.Next()
		if err != nil {
			return l
		}
		frame.Pix = append([]byte(nil), frame.Pix...)
		l.frames = append(l.frames, frame)
	}
}

// BenchmarkEncoder reports how many seconds of video are encoded in one, as frames come
// from a 16:9 video scaled to 160 x 90.
func BenchmarkEncoder(b *testing.B) {
	for name, threads := range map[string]int{"threads=1": 1, "threads=all": 0} {
		b.Run(name, func(b *testing.B) {
			l, e := newLoop(b, 64), New(threads)
			const seconds = 60
			b.ResetTimer()
			for range b.N {
				l.next, l.end = 0, seconds*Rate
				if err := e.Encode(context.Background(), media.Info{}, l, func(tall.Span, []float32) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(seconds*float64(b.N)/b.Elapsed().Seconds(), "x-real-time")
		})
	}
}

// BenchmarkParts tells where the time goes, per frame.
func BenchmarkParts(b *testing.B) {
	f := kitchen(2)
	s, next := f.still(0), f.still(1)
	e, w := New(1), worker{light: newLight()}
	var p pair
	w.compare(&p, s, next)
	for _, part := range []struct {
		name string
		do   func()
	}{
		{"pyramid", func() { s.pyramid.build(s.pix, s.width, s.height) }},
		{"colors", func() { s.colors(e.palette) }},
		{"gradients", func() { s.gradients(&e.root) }},
		{"shapes", func() { s.shapes() }},
		{"camera", func() { camera(&s.pyramid, &next.pyramid, 1) }},
		{"flow", func() { w.flow.between(&s.pyramid, &next.pyramid, motion{}, [3]float32{1, 1, 1}) }},
		{"describe", func() { p.describe(s, &w.flow, motion{}, Rate/float32(w.flow.width)) }},
	} {
		b.Run(part.name, func(b *testing.B) {
			for range b.N {
				part.do()
			}
		})
	}
}
