package dataset

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/feature"
	"tall/internal/shared"
	"tall/numpy"
)

func vector(v ...float32) *numpy.Array { return numpy.FromFloat32([]int{len(v)}, v) }

func pickle(tb testing.TB, v any) string {
	tb.Helper()
	var b bytes.Buffer
	if err := numpy.PickleTo(&b, v, 2); err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "test.pkl")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestClips_Read(t *testing.T) {
	path := pickle(t, numpy.List{
		numpy.List{"s1_d2.avi_10_40", numpy.List{vector(1, 2, 3), vector(4, 5, 6, 7)}}, // an underscore in the id
		numpy.Tuple{"b.avi_90_50", numpy.Tuple{vector(1, 1, 1)}},                       // reversed: carried
		numpy.List{"s1_d2.avi_10_40", numpy.List{vector(7, 8, 9)}},                     // listed again
		numpy.List{"c.avi_1_2", numpy.List{}},
	})
	got, err := Clips{Dim: 2, FPS: 25, Split: "test", Lengths: Lengths{"s1_d2": 1000}}.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	example := func(id, video string, start, end, duration float64, v ...float32) tall.Example {
		return tall.Example{
			ID: id, Video: video, Split: "test", Duration: duration, FPS: 25, Truth: []tall.Span{{Start: start, End: end}},
			Sentence: tall.Sentence{Manifest: tall.Manifest{Dim: 2}, Vector: v},
		}
	}
	want := []tall.Example{
		example("s1_d2.avi_10_40#0", "s1_d2.avi", 10, 40, 40, 1, 2),
		example("s1_d2.avi_10_40#1", "s1_d2.avi", 10, 40, 40, 4, 5),
		example("b.avi_90_50#0", "b.avi", 90, 50, 0, 1, 1),
		example("s1_d2.avi_10_40#2", "s1_d2.avi", 10, 40, 40, 7, 8),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := ReadClipSentences(path, 3); err != nil || got[0].FPS != feature.DefaultFPS || got[0].Duration != 0 || len(got[1].Sentence.Vector) != 3 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestClips_Refuses(t *testing.T) {
	nan := float32(math.NaN())
	for says, c := range map[string]struct {
		is error
		v  any
	}{
		"the pickle holds a dict":                                    {tall.ErrFormat, numpy.NewDict("a", int64(1))},
		"the pickle holds an array of shape [2]":                     {tall.ErrFormat, vector(1, 2)},
		"entry 0 is a list of 3":                                     {tall.ErrFormat, numpy.List{numpy.List{"a", "b", "c"}}},
		`entry 0 is the text "a_1_2"`:                                {tall.ErrFormat, numpy.List{"a_1_2"}},
		"the name of entry 0 is a number":                            {tall.ErrFormat, numpy.List{numpy.List{int64(1), numpy.List{}}}},
		`entry 0: bad format: "a_1" holds no span`:                   {tall.ErrFormat, numpy.List{numpy.List{"a_1", numpy.List{}}}},
		"the vectors of entry 0, a_1_2, are None":                    {tall.ErrFormat, numpy.List{numpy.List{"a_1_2", nil}}},
		"sentence 1 of entry 0, a_1_2, is the text":                  {tall.ErrFormat, numpy.List{numpy.List{"a_1_2", numpy.List{vector(1, 2), "take"}}}},
		"the sentence vector a_1_2#0 has 1 values":                   {tall.ErrShape, numpy.List{numpy.List{"a_1_2", numpy.List{vector(1)}}}},
		"the sentence vector a_1_2#0 is empty":                       {tall.ErrShape, numpy.List{numpy.List{"a_1_2", numpy.List{vector()}}}},
		"clip a_1_2, sentence 1: 2 of 2 values of its vector are Na": {tall.ErrNotFinite, numpy.List{numpy.List{"a_1_2", numpy.List{vector(1, 2), vector(nan, nan)}}}},
	} {
		path := pickle(t, c.v)
		_, err := ReadClipSentences(path, 2)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want %v, %q", err, c.is, says)
		}
	}
	ragged := pickle(t, numpy.List{numpy.List{"a_1_2", numpy.List{vector(1, 2), vector(1, 2, 3)}}})
	if _, err := ReadClipSentences(ragged, 0); !errors.Is(err, tall.ErrShape) || !strings.Contains(err.Error(), "a_1_2#1 has 3 values, a_1_2#0 has 2") {
		t.Errorf("ragged: %v", err)
	}
	if _, err := ReadClipSentences(filepath.Join(t.TempDir(), "none.pkl"), 0); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("absent: %v", err)
	}
}

// A pickle that asks for a program to be run is refused by name.
func TestClips_Unsafe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "evil.pkl")
	if err := os.WriteFile(path, []byte("cos\nsystem\n(S'true'\ntR."), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadClipSentences(path, 2); !errors.Is(err, tall.ErrUnsafe) || !strings.Contains(err.Error(), "os.system") {
		t.Errorf("error %v", err)
	}
}

func TestReadLengths(t *testing.T) {
	got, err := ReadLengths(pickle(t, numpy.NewDict("s1", int64(900), "s2.avi", 12.0)))
	if diff := cmp.Diff(Lengths{"s1": 900, "s2.avi": 12}, got); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	for video, want := range map[string]int{"s1": 900, "s1.avi": 900, "s2.avi": 12, "s2": 0, "s1.mp4": 0} {
		if n, ok := got.Frames(video); n != want || ok != (want != 0) {
			t.Errorf("%s: %d %v, want %d", video, n, ok, want)
		}
	}
	for says, v := range map[string]any{
		"the pickle holds a list of 0":    numpy.List{},
		"the name of a video is a number": numpy.NewDict(int64(3), int64(3)),
		`length of "a" must be a number`:  numpy.NewDict("a", "long"),
		`length of "b" must be a number`:  numpy.NewDict("b", int64(0)),
		`length of "c" must be a number`:  numpy.NewDict("c", 1.5),
		`length of "d" must be a number`:  numpy.NewDict("d", math.NaN()),
	} {
		if _, err := ReadLengths(pickle(t, v)); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
}

// The sentences of a TACoS test movie as the Paddle port distributes them; the
// spans and norms are those of its PROVENANCE.md.
func TestReadClipSentences_RealMovie(t *testing.T) {
	got, err := ReadClipSentences(shared.Path(t, "features/tall-tacos-s27-d50/infer_clip-sen.pkl"), 4800)
	if err != nil {
		t.Fatal(err)
	}
	var spans []tall.Span
	for _, e := range got {
		if e.Video != "s27-d50.avi" || len(e.Truth) != 1 || len(e.Sentence.Vector) != 4800 || e.FPS != 29.4 {
			t.Errorf("%s: video %q, %d spans, %d values, %g frames/s", e.ID, e.Video, len(e.Truth), len(e.Sentence.Vector), e.FPS)
			continue
		}
		spans = append(spans, e.Truth[0])
		for half := range 2 {
			sum := 0.0
			for _, x := range e.Sentence.Vector[2400*half : 2400*(half+1)] {
				sum += float64(x) * float64(x)
			}
			// Normalised in float32: 2400 roundings of 2^-24 each.
			if math.Abs(math.Sqrt(sum)-1) > 1e-5 {
				t.Errorf("%s: half %d has norm %g", e.ID, half, math.Sqrt(sum))
			}
		}
	}
	want := []tall.Span{{Start: 233, End: 485}, {Start: 541, End: 760}, {Start: 816, End: 1014}, {Start: 1024, End: 1960}, {Start: 2001, End: 2195}, {Start: 2210, End: 2336}}
	if diff := cmp.Diff(want, spans); diff != "" {
		t.Error(diff)
	}
}

// Whatever a pickle holds is taken as clips or as lengths, or refused.
func FuzzPickles(f *testing.F) {
	for _, v := range []any{
		numpy.List{numpy.List{"a_1_2", numpy.List{vector(1, 2), vector(3, 4)}}},
		numpy.Tuple{numpy.Tuple{[]byte("a_1_2"), numpy.Tuple{}}},
		numpy.NewDict("a", int64(3), "b", 4.0),
	} {
		for _, protocol := range []int{0, 2} {
			var b bytes.Buffer
			if err := numpy.PickleTo(&b, v, protocol); err != nil {
				f.Fatal(err)
			}
			f.Add(b.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := numpy.Unpickle(data)
		if err != nil {
			return
		}
		clips, err := toClips(v)
		if err != nil && !errors.Is(err, tall.ErrFormat) {
			t.Fatal(err)
		}
		for _, c := range clips {
			if c.video == "" || !strings.HasPrefix(c.clip, c.video) || len(c.vectors) > len(data) {
				t.Fatalf("%+v", c)
			}
		}
		lengths, err := toLengths(v)
		if err != nil && !errors.Is(err, tall.ErrFormat) {
			t.Fatal(err)
		}
		for _, n := range lengths {
			if n < 1 {
				t.Fatal(lengths)
			}
		}
	})
}
