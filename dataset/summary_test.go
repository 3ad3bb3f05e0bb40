package dataset

import (
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/internal/shared"
)

func TestSummarize(t *testing.T) {
	example := func(id, video, split, text string, duration float64, truth ...tall.Span) tall.Example {
		return tall.Example{ID: id, Video: video, Split: split, Duration: duration, FPS: 25, Sentence: tall.Sentence{Text: text}, Truth: truth}
	}
	c := &Corpus{
		Examples: []tall.Example{
			example("1", "a", "train", "He  cuts bread.", 40, tall.Span{Start: 0, End: 250}, tall.Span{Start: 500, End: 1000}), // 0-10 and 20-40 s
			example("2", "b", "train", "", 0, tall.Span{Start: 0, End: 100}),                                                   // 4 s, of an unknown video
			example("3", "a", "test", "Yes", 40, tall.Span{Start: 100, End: 50}, tall.Span{Start: -25, End: 1025}),             // reversed; -1-41 s
			example("4", "a", "test", "No", 40, tall.Span{Start: math.NaN(), End: 50}),
		},
		Saliency: map[string]Saliency{"3": {}},
	}
	got := Summarize(c)
	var starts, ends Histogram
	starts.Bins[0], starts.Bins[10], starts.Before = 1, 1, 1
	ends.Bins[5], ends.Bins[19], ends.After = 1, 1, 1
	all := Summary{
		Sentences: 4, Videos: 2, Spans: 6, Saliency: 1, Hours: 40.0 / 3600,
		Duration:    Distribution{1, 40, 40, 40, 40, 40, 40},
		Length:      Distribution{4, 19, 4, 10, 20, 20, 42}, // ranks 0.75, 1.5, 2.25 of 0 to 3
		Share:       Distribution{3, (0.25 + 0.5 + 1.05) / 3, 0.25, 0.5, 0.5, 1.05, 1.05},
		PerSentence: Distribution{4, 1.5, 1, 1, 2, 2, 2},
		Words:       Distribution{3, 5.0 / 3, 1, 1, 1, 3, 3},
		Starts:      starts, Ends: ends,
	}
	// Means are sums of shares: a few roundings.
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-12 })
	if diff := cmp.Diff(all, got[0], near); diff != "" {
		t.Error(diff)
	}
	if len(got) != 3 || got[1].Split != "test" || got[1].Sentences != 2 || got[1].Starts.N() != 1 || got[2].Split != "train" || got[2].Hours != 40.0/3600 {
		t.Errorf("%+v", got[1:])
	}
	if got := Summarize(&Corpus{}); len(got) != 1 || got[0].Sentences != 0 || got[0].Words.Mean != 0 {
		t.Errorf("nothing: %+v", got)
	}
}

// Means and extremes of Charades-STA, against a count by a script in another
// language.
func TestSummarize_Real(t *testing.T) {
	s := Summarize(open(t, "", shared.Path(t, "annotations/charades-sta"), CorpusOptions{Split: "test"}))[0]
	if s.Sentences != 3720 || s.Videos != 1334 || s.Ends.After != 562 || s.Starts.N() != 3720 || s.Split != "test" {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct{ got, want float64 }{
		{s.Duration.Mean, 29.481109445277337}, {s.Length.Mean, 7.970887096774195}, {s.Length.Median, 7.1}, {s.Words.Mean, 6.234408602150538},
	} {
		// Sums in another order: a few thousand roundings of 2^-53.
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
}

// A corpus written as annotations says the same in seconds.
func TestCorpora_AsAnnotations(t *testing.T) {
	for _, path := range []string{"tacos/test.json", "charades-sta/charades_sta_train.txt", "qvhighlights/highlight_val_release.jsonl", "didemo/val_data.json"} {
		c := open(t, "", shared.Path(t, "annotations/"+path), CorpusOptions{})
		out := filepath.Join(t.TempDir(), "a.jsonl")
		if err := WriteAnnotations(out, c.Examples); err != nil {
			t.Fatal(err)
		}
		again := open(t, "", out, CorpusOptions{})
		for i, e := range c.Examples {
			c.Examples[i].Truth, c.Examples[i].FPS = e.Seconds(), 1
		}
		if again.Name != Annotations || !reflect.DeepEqual(c.Examples, again.Examples) { // cmp.Diff takes seconds
			t.Errorf("%s: %s, %.2000s", path, again.Name, cmp.Diff(c.Examples, again.Examples))
		}
		// Reversed and past the end, they still are (in frames, up to rounding).
		if a, b := counts(c), counts(again); a[reversed.what] != b[reversed.what] || a[pastEnd.what] != b[pastEnd.what] || a[repeated.what] != b[repeated.what] {
			t.Errorf("%s: %v, as annotations %v", path, a, b)
		}
	}
}
