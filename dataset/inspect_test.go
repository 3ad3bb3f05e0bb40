package dataset

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/feature"
	"tall/internal/shared"
)

func TestInspect(t *testing.T) {
	names := []string{"mean.npy"}
	for start := 1; start <= 1+25*10; start += 25 {
		if start == 101 || start == 126 { // two missing
			continue
		}
		names = append(names, feature.FileName("a.avi", start, start+128), feature.FileName("z.avi", start, start+128))
	}
	store, err := feature.Open(windows(t, names...), feature.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	example := func(id, video string, start, end float64, v ...float32) tall.Example {
		return tall.Example{ID: id, Video: video, FPS: 29.4, Truth: []tall.Span{{Start: start, End: end}}, Sentence: tall.Sentence{Vector: v}}
	}
	r, err := Inspect(t.Context(), Inspection{
		Store: store, Values: true, Lengths: Lengths{"a": 350},
		Examples: []tall.Example{
			example("1", "a.avi", 5, 50, 1, 2),
			example("2", "a.avi", 5, 50, 1, 2), // as 1
			example("3", "a.avi", 5, 50, 1, 3),
			example("3", "a.avi", 60, 50, 1, 4),        // id again, reversed
			example("5", "a.avi", 600, 700, 1, 5),      // past the end, and no window there
			example("6", "c.avi", 5, 50, 1, 6),         // no features, no length
			example("7", "a.avi", -5, 351, 0, 0),       // before the start, zeros; 351 is within a frame of the end
			{ID: "8", Video: "a.avi"},                  // a question
			example("9", "a.avi", 5, 50, 1, 2, 3),      // of another size
			example("10", "a.avi", 5, 350.5, 1, 2.125), // fine
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Sentences != 10 || r.SentenceVideos != 2 || r.SentenceDim != 2 || r.Windows != 18 || r.WindowVideos != 2 || r.WindowDim != 2 || r.Lengths != 1 || r.Usable() {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]LengthOfWindow{{128, 25, 18}}, r.WindowLengths); diff != "" {
		t.Error(diff)
	}
	found := map[string]Finding{}
	for _, f := range r.Findings {
		if f.Remedy == "" {
			t.Errorf("%q without a remedy", f.What)
		}
		f.Remedy = ""
		found[f.What] = f
		f.What = ""
	}
	want := map[string]Finding{}
	for _, f := range []Finding{
		{Broken, "ids used more than once", 1, []string{"3"}, ""},
		{Odd, "spans whose end is not after their start", 1, []string{"3 60-50"}, ""},
		{Odd, "spans that start before the video", 1, []string{"7 -5-351"}, ""},
		{Note, "sentences without a span", 1, []string{"8"}, ""},
		{Odd, "sentence vectors that are all zeros", 1, []string{"7"}, ""},
		{Note, "sentences given twice, with the same video, span and content", 1, []string{"2 repeats 1"}, ""},
		{Broken, "sentence vectors of 0 values among vectors of 2", 1, []string{"8"}, ""},
		{Broken, "sentence vectors of 3 values among vectors of 2", 1, []string{"9"}, ""},
		{Odd, ".npy files that are no windows", 1, []string{"mean.npy"}, ""},
		{Odd, "windows missing in the grid of their video", 4, []string{"a.avi: of 128 frames, starting between 76 and 151", "z.avi: of 128 frames, starting between 76 and 151"}, ""},
		{Odd, "windows past the end of their video", 2, []string{"a.avi_226_354.npy (the video has 350 frames)", "a.avi_251_379.npy (the video has 350 frames)"}, ""},
		{Note, "videos with windows but no length", 1, []string{"z.avi"}, ""},
		{Odd, "sentences whose video has no windows", 1, []string{"6"}, ""},
		{Odd, "spans that no window touches", 1, []string{"5 600-700"}, ""},
		{Note, "videos with windows but no sentences", 1, []string{"z.avi"}, ""},
		{Odd, "spans past the end of their video", 1, []string{"5 600-700 (the video ends at 350)"}, ""},
		{Note, "videos with sentences but no length", 1, []string{"c.avi"}, ""},
	} {
		want[f.What] = f
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

// A real movie as it was published: nothing is wrong with it.
func TestInspect_RealMovie(t *testing.T) {
	examples, err := ReadClipSentences(shared.Path(t, "features/tall-tacos-s27-d50/infer_clip-sen.pkl"), 4800)
	if err != nil {
		t.Fatal(err)
	}
	store, err := feature.Open(shared.Path(t, "features/tall-tacos-s27-d50/infer_feat"), feature.Options{Dim: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r, err := Inspect(t.Context(), Inspection{Examples: examples, Store: store, Values: true})
	if err != nil {
		t.Fatal(err)
	}
	want := &Report{
		Sentences: 6, SentenceVideos: 1, SentenceDim: 4800, Windows: 136, WindowVideos: 1, WindowDim: 4096,
		WindowLengths: []LengthOfWindow{{128, 25, 93}, {256, 51, 43}}, // int(0.2 x length)
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}
