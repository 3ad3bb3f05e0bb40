package ctrl

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/tensor"
)

// streamed returns the features with rows that are read.
func streamed(f *tall.Features) *tall.Features {
	out := *f
	s := f.Streams[0]
	data := s.Data
	s.Data, s.Read = nil, func(from int, dst []float32) error {
		copy(dst, data[from*s.D:])
		return nil
	}
	out.Streams = []tall.Stream{s}
	return &out
}

// Rows that are read give the bits of rows in memory, also where there are more
// than are projected at a time, and one localizer takes both.
func TestLocalizer_StreamedFeatures(t *testing.T) {
	o := tinyOptions(t, "paddle")
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomModel(t, tensor.NewCPU(2), o, rng)
	l := NewLocalizer(m, LocalizerOptions{})
	for _, n := range []int{1, windowTile, 2*windowTile + 7, 3} {
		f, sentences := question(o, n, 3, rng)
		want := ask(t, l, f, sentences)
		if diff := cmp.Diff(want, ask(t, l, streamed(f), sentences)); diff != "" {
			t.Errorf("%d windows (-in memory +read):\n%s", n, diff)
		}
	}
}

func TestLocalizer_StreamedFeaturesFail(t *testing.T) {
	o := tinyOptions(t, "paddle")
	rng := rand.New(rand.NewPCG(1, 2))
	l := NewLocalizer(randomModel(t, tensor.NewCPU(1), o, rng), LocalizerOptions{})
	f, _ := question(o, 2*windowTile, 1, rng)

	// Windows that are not finite are counted through all tiles.
	for _, at := range []int{0, 1, o.VisualDim * windowTile, len(f.Streams[0].Data) - 1} {
		f.Streams[0].Data[at] = float32(math.NaN())
	}
	_, err := l.Prepare(t.Context(), streamed(f))
	if !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), "4 values in the features of 3 of 512 windows") {
		t.Error(err)
	}

	f = streamed(f)
	f.Streams[0].Read = func(int, []float32) error { return os.ErrDeadlineExceeded }
	if _, err := l.Prepare(t.Context(), f); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "s27-d50.avi") {
		t.Error(err)
	}
}
