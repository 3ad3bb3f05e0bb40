package feature

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
)

// Rows at hand give the same windows and inputs as the same rows in a file.
func TestFromRows_EqualsFiles(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/manifest.json", `{"encoder":"e","weights_hash":"none","normalization":"none","dim":3,"window_seconds":1,"stride_seconds":0.5}`)
	data := saveRows(t, dir+"/v.npy", 23, 3)
	p := Pooling{Lengths: []float64{2, 5}, Mode: Nearest}
	for _, norm := range []Norm{NormNone, NormL2} {
		files, err := OpenInputs(t.Context(), []Kind{{Path: dir, Norm: norm}}, InputOptions{Pooling: p})
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		video := &tall.Features{Video: "v", FPS: 2}
		for i := range 23 {
			video.Spans = append(video.Spans, tall.Span{Start: float64(i), End: float64(i) + 2})
		}
		video.Streams = []tall.Stream{{Manifest: tall.Manifest{Encoder: "e", WeightsHash: "none", Normalization: "none", Dim: 3}, N: 23, D: 3, Data: data}}
		rows, err := FromRows(video, Kind{Norm: norm}, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := files.Features("v")
		if err != nil {
			t.Fatal(err)
		}
		got, err := rows.Features("v")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", norm, diff)
		}
	}
}

func TestFromRows_Refuses(t *testing.T) {
	at := func(starts ...float64) *tall.Features {
		f := &tall.Features{Video: "v", FPS: 1, Streams: []tall.Stream{{N: len(starts), D: 1, Data: make([]float32, len(starts))}}}
		for _, s := range starts {
			f.Spans = append(f.Spans, tall.Span{Start: s, End: s + 1})
		}
		return f
	}
	for name, f := range map[string]*tall.Features{
		"uneven": at(0, 1, 3), "late": at(1, 2, 3), "empty": at(), "two streams": {Video: "v", FPS: 1, Spans: make([]tall.Span, 1), Streams: make([]tall.Stream, 2)},
	} {
		if _, err := FromRows(f, Kind{}, Pooling{}, nil); !errors.Is(err, tall.ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := FromRows(at(0, 1, 2), Kind{}, Pooling{}, nil); err != nil {
		t.Error(err)
	}
}
