package media

import (
	"errors"
	"io"
	"math"
	"testing"

	"tall/internal/shared"
)

const charades = "features/charades-Y1HGC-clip/charades.mp4"

func tools(tb testing.TB) *Tools {
	tb.Helper()
	shared.Tool(tb, "ffmpeg")
	t, err := Find(Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// drain reads all frames and returns their times.
func drain(tb testing.TB, r *Reader) (times []float64, last Frame) {
	tb.Helper()
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return times, last
		}
		if err != nil {
			tb.Fatal(err)
		}
		if f.Index != len(times) || len(f.Pix) != f.Width*f.Height*3 {
			tb.Fatalf("frame %d is numbered %d, %d bytes for %d x %d", len(times), f.Index, len(f.Pix), f.Width, f.Height)
		}
		times = append(times, f.Time)
		last = f
	}
}

func TestFrames_Charades(t *testing.T) {
	path := shared.Path(t, charades)
	m := tools(t)
	info, err := m.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Width != 480 || info.Height != 270 || info.FPSNum != 15000 || info.FPSDen != 1001 || info.Variable ||
		info.Frames != 460 || math.Abs(info.Duration-30.697) > 0.001 || info.Codec != "h264" || info.Audio != 1 || info.Start != 0 {
		t.Errorf("%+v", info)
	}
	for _, c := range []struct {
		s             Sampling
		frames        int
		first, last   float64
		width, height int
	}{
		{Sampling{Rate: 1, Fit: FitShort, Width: 224}, 31, 0, 30, 398, 224},
		{Sampling{From: 20, To: 21, Fit: FitInside, Width: 100, Height: 100}, 15, 20.02, 20.954267, 100, 56},
		{Sampling{Rate: 10, Fit: FitStretch, Width: 32, Height: 32, From: 7.3, To: 9.3}, 20, 7.3, 9.2, 32, 32},
	} {
		r, err := m.Frames(t.Context(), info, c.s)
		if err != nil {
			t.Fatal(err)
		}
		times, last := drain(t, r)
		if len(times) != c.frames || math.Abs(times[0]-c.first) > 1e-5 || math.Abs(last.Time-c.last) > 1e-5 || last.Width != c.width || last.Height != c.height || r.Warning() != "" {
			t.Errorf("%+v: %d frames, %g to %g, %d x %d, %q", c.s, len(times), times[0], last.Time, last.Width, last.Height, r.Warning())
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
