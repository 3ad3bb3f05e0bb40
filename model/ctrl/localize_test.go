package ctrl

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/tensor"
)

// question is a video and sentences, with the inputs as the twin takes them.
func question(o Options, windows, sentences int, rng *rand.Rand) (*tall.Features, []tall.Sentence) {
	f := &tall.Features{Video: "s27-d50.avi", FPS: 29.4, Streams: []tall.Stream{{N: windows, D: o.VisualDim}}}
	for j := range windows {
		f.Spans = append(f.Spans, tall.Span{Start: float64(1 + 25*j), End: float64(129 + 25*j)})
		f.Streams[0].Data = append(f.Streams[0].Data, randomBatch(o, 1, rng).Windows...)
	}
	var s []tall.Sentence
	for range sentences {
		s = append(s, tall.Sentence{Vector: randomBatch(o, 1, rng).Sentences})
	}
	return f, s
}

func ask(t rapid.TB, l *Localizer, f *tall.Features, s []tall.Sentence) []tall.Scored {
	t.Helper()
	p, err := l.Prepare(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	scored, err := p.Localize(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return scored
}

func TestLocalizer_EqualsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := smallOptions(t)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		m := randomModel(t, tensor.NewCPU(2), o, rng)
		f, sentences := question(o, rapid.IntRange(0, 30).Draw(t, "N"), rapid.IntRange(0, 12).Draw(t, "S"), rng)
		var y []float32
		for _, s := range sentences {
			y = append(y, s.Vector...)
		}
		want := twinOf(m).localize(f.Streams[0].Data, y)
		got := ask(t, NewLocalizer(m, LocalizerOptions{}), f, sentences)
		if len(got) != len(sentences) {
			t.Fatalf("%d answers to %d sentences", len(got), len(sentences))
		}
		for i, s := range got {
			if s.Video != f.Video || s.FPS != f.FPS || len(s.Scores) != len(f.Spans) || len(s.Spans) != len(f.Spans) || len(s.Windows) != len(f.Spans) {
				t.Fatalf("answer %d: %+v", i, s)
			}
			for j, w := range f.Spans {
				out := want[i][j]
				// float32 sums of up to 37 products of the order of 1.
				const tolerance = 1e-4
				if math.Abs(float64(s.Scores[j])-out[0]) > tolerance ||
					math.Abs(s.Spans[j].Start-(w.Start+out[1])) > tolerance ||
					math.Abs(s.Spans[j].End-(w.End+out[2])) > tolerance {
					t.Fatalf("sentence %d, window %v: score %v, span %v, want %v", i, w, s.Scores[j], s.Spans[j], out)
				}
			}
		}
	})
}

// Neither the tile, nor the other sentences of a call, nor the other windows of a
// video, nor the number of threads changes a bit of a score or an offset.
func TestLocalizer_BitsDependOnThePairAlone(t *testing.T) {
	for _, preset := range Presets() {
		o := tinyOptions(t, preset)
		o.VisualDim, o.SentenceDim, o.SemanticDim, o.HiddenDim = 700, 420, 65, 51 // beyond a kernel's blocks
		rng := rand.New(rand.NewPCG(8, 9))
		f, sentences := question(o, 300, 270, rng)
		var want []tall.Scored
		for _, threads := range []int{1, 3} {
			m, err := New(tensor.NewCPU(threads), o, 5)
			if err != nil {
				t.Fatal(err)
			}
			for _, pairs := range []int{0, 1000, 37, 301} {
				got := ask(t, NewLocalizer(m, LocalizerOptions{Pairs: pairs}), f, sentences[:20])
				if want == nil {
					want = got
				}
				if !same(want, got) {
					t.Fatalf("%s: %d threads, tile %d", preset, threads, pairs)
				}
			}
			l := NewLocalizer(m, LocalizerOptions{})
			for i := range 20 {
				if !same(want[i:i+1], ask(t, l, f, sentences[i:i+1])) {
					t.Fatalf("%s: sentence %d alone", preset, i)
				}
			}
			if !same(want, ask(t, l, f, sentences)[:20]) {
				t.Fatalf("%s: among more sentences than a tile", preset)
			}
			for _, j := range []int{0, 57, 299} {
				one := &tall.Features{
					Video: f.Video, FPS: f.FPS, Spans: f.Spans[j : j+1],
					Streams: []tall.Stream{{N: 1, D: o.VisualDim, Data: f.Streams[0].Data[j*o.VisualDim : (j+1)*o.VisualDim]}},
				}
				for i, s := range ask(t, l, one, sentences[:20]) {
					if s.Scores[0] != want[i].Scores[j] || s.Spans[0] != want[i].Spans[j] {
						t.Fatalf("%s: window %d alone: %v %v, among others %v %v", preset, j, s.Scores[0], s.Spans[0], want[i].Scores[j], want[i].Spans[j])
					}
				}
			}
		}
	}
}

// same tells whether two answers are equal; none of them holds NaN.
func same(a, b []tall.Scored) bool {
	return slices.EqualFunc(a, b, func(a, b tall.Scored) bool {
		return slices.Equal(a.Scores, b.Scores) && slices.Equal(a.Spans, b.Spans) && slices.Equal(a.Windows, b.Windows)
	})
}

func TestLocalizer_Refuses(t *testing.T) {
	o := tinyOptions(t, "paddle")
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomModel(t, tensor.NewCPU(1), o, rng)
	visual, sentence := tall.Manifest{Encoder: "c3d-fc6"}, tall.Manifest{Encoder: "skip-thought"}
	l := NewLocalizer(m, LocalizerOptions{Visual: visual, Sentence: sentence})
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, c := range []struct {
		name  string
		spoil func(*tall.Features, []tall.Sentence)
		want  error
		text  string
	}{
		{"no stream", func(f *tall.Features, _ []tall.Sentence) { f.Streams = nil }, tall.ErrShape, "0 streams"},
		{"dimension", func(f *tall.Features, _ []tall.Sentence) { f.Streams[0].D = 4 }, tall.ErrShape, "of 4 values, the model takes 9"},
		{"length", func(f *tall.Features, _ []tall.Sentence) { f.Streams[0].Data = f.Streams[0].Data[1:] }, tall.ErrShape, "5 windows"},
		{"encoder", func(f *tall.Features, _ []tall.Sentence) { f.Streams[0].Manifest.Encoder = "clip" }, tall.ErrManifest, "c3d-fc6"},
		{"NaN", func(f *tall.Features, _ []tall.Sentence) {
			f.Streams[0].Data[2*9+3], f.Streams[0].Data[2*9+4], f.Streams[0].Data[4*9] = nan, inf, nan
		}, tall.ErrNotFinite, "s27-d50.avi: not finite: 3 values in the features of 2 of 5 windows, first in window 51-179"},
		{"sentence", func(_ *tall.Features, s []tall.Sentence) { s[1].Vector = s[1].Vector[1:] }, tall.ErrShape, "sentence 2 of 3"},
		{"sentence NaN", func(_ *tall.Features, s []tall.Sentence) { s[2].Vector[0] = nan }, tall.ErrNotFinite, "sentence 3 of 3"},
		{"sentence encoder", func(_ *tall.Features, s []tall.Sentence) { s[0].Manifest.Encoder = "minilm" }, tall.ErrManifest, "skip-thought"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, s := question(o, 5, 3, rng)
			c.spoil(f, s)
			p, err := l.Prepare(t.Context(), f)
			if err == nil {
				_, err = p.Localize(t.Context(), s)
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "s27-d50.avi") {
				t.Errorf("error %v, want one that says %q", err, c.text)
			}
		})
	}

	t.Run("weights", func(t *testing.T) {
		f, s := question(o, 5, 3, rng)
		m.b.Upload(m.out.Value.RowRange(0, 1).ColRange(0, 1), []float32{nan})
		p, err := l.Prepare(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = p.Localize(t.Context(), s); !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), "weights") {
			t.Errorf("error %v", err)
		}
	})

	t.Run("canceled", func(t *testing.T) {
		f, s := question(o, 5, 3, rng)
		p, err := l.Prepare(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Localize(ctx, s); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if _, err := l.Prepare(ctx, f); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestLocalizer_SeveralGoroutines(t *testing.T) {
	o := tinyOptions(t, "paper")
	rng := rand.New(rand.NewPCG(1, 2))
	l := NewLocalizer(randomModel(t, tensor.NewCPU(2), o, rng), LocalizerOptions{Pairs: 7})
	f, s := question(o, 20, 6, rng)
	want := ask(t, l, f, s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				p, err := l.Prepare(t.Context(), f)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := p.Localize(t.Context(), s)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%v\n%s", err, diff)
				}
			}
		})
	}
	wg.Wait()
}

var _ tall.Localizer = (*Localizer)(nil)
