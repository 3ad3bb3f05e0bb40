package c3d

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/internal/shared"
	"tall/media"
)

// The first half minute of a real video through ffmpeg, 768x576 at 10 frames a second.
func TestEncoder_RealVideo(t *testing.T) {
	shared.Tool(t, "ffmpeg")
	path := shared.Video(t, "vtest.avi")
	tools, err := media.Find(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := tools.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	p := smallPlan(16, cropSize, 3, [8]int{1, 1, 1, 1, 1, 1, 1, 1})
	e, err := open(save(t, p), Options{Lengths: []int{256}}, p)
	if err != nil {
		t.Fatal(err)
	}
	part := e.Sampling(info)
	part.To = 30.05
	frames, err := tools.Frames(t.Context(), info, part)
	if err != nil {
		t.Fatal(err)
	}
	defer frames.Close()
	var got []Window
	err = e.EncodeWindows(t.Context(), info, frames, nil, func(w Window, span tall.Span, row []float32) error {
		got = append(got, w)
		start, end := float64(w.Start-1)/10, float64(w.End-1)/10
		if math.Abs(span.Start-start)+math.Abs(span.End-end) > 1e-3 { // what the container rounds times to
			t.Errorf("%v at %v", w, span)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want, err := Windows(300, 256)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
