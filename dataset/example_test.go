package dataset_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"tall"
	"tall/dataset"
	"tall/numpy"
)

// The ground truth of TALL's pickles, written as annotations in seconds.
func ExampleWriteAnnotations() {
	dir, err := os.MkdirTemp("", "corpus")
	check(err)
	defer os.RemoveAll(dir)
	pickle := filepath.Join(dir, "test_clip-sentvec.pkl")
	f, err := os.Create(pickle)
	check(err)
	vector := numpy.FromFloat32([]int{3}, []float32{0.6, 0.8, 0})
	check(numpy.PickleTo(f, numpy.List{numpy.List{"kitchen.avi_50_150", numpy.List{vector}}}, 2))
	check(f.Close())

	examples, err := dataset.Clips{FPS: 25, Split: "test"}.Read(pickle)
	check(err)
	path := filepath.Join(dir, "test.jsonl")
	check(dataset.WriteAnnotations(path, examples))
	text, err := os.ReadFile(path)
	check(err)
	fmt.Print(string(text))
	// Output:
	// {"id":"kitchen.avi_50_150#0","video":"kitchen.avi","split":"test","sentence":"","spans":[{"start":2,"end":6}]}
}

func ExampleInspect() {
	report, err := dataset.Inspect(context.Background(), dataset.Inspection{
		Examples: []tall.Example{
			{ID: "1", Video: "kitchen.avi", Duration: 60, Truth: []tall.Span{{Start: 3, End: 9}}},
			{ID: "2", Video: "kitchen.avi", Duration: 60, Truth: []tall.Span{{Start: 50, End: 75}}},
		},
	})
	check(err)
	for _, f := range report.Findings {
		fmt.Printf("%s: %d %s: %v\n", f.Severity, f.Count, f.What, f.Places)
	}
	// Output:
	// warning: 1 spans past the end of their video: [2 50-75 (the video ends at 60)]
}

// What a corpus holds, and what is wrong in it. Nothing is changed that is not
// asked for, and what is changed is listed.
func ExampleOpenCorpus() {
	dir, err := os.MkdirTemp("", "corpus")
	check(err)
	defer os.RemoveAll(dir)
	check(os.WriteFile(filepath.Join(dir, "charades_sta_test.txt"), []byte("3MSZA 24.3 30.4##person turn a light on.\n3MSZA 0 9.5##person sits down.\n"), 0o644))
	check(os.WriteFile(filepath.Join(dir, "Charades_v1_test.csv"), []byte("id,length\n3MSZA,29.75\n"), 0o644))

	corpus, err := dataset.OpenCorpus("", dir, dataset.CorpusOptions{Repair: dataset.RepairClamp})
	check(err)
	fmt.Println(corpus.Name)
	for _, e := range corpus.Examples {
		fmt.Printf("%s %q %v of %g s\n", e.ID, e.Sentence.Text, e.Seconds(), e.Duration)
	}
	for _, f := range corpus.Findings {
		place, _ := filepath.Rel(dir, f.Places[0]) // where each is, with its line
		fmt.Printf("%s: %d %s: %s\n", f.Severity, f.Count, f.What, place)
	}
	// Output:
	// charades-sta
	// 3MSZA#0 "person turn a light on." [24.3-29.75] of 29.75 s
	// 3MSZA#1 "person sits down." [0-9.5] of 29.75 s
	// warning: 1 spans past the end of their video: charades_sta_test.txt:1 3MSZA#0 24.3-30.4, past the end at 29.75 by 0.65
	// note: 1 repaired: spans cut to their video: charades_sta_test.txt:1 3MSZA#0 24.3-30.4 to 24.3-29.75
}

func ExampleSummarize() {
	corpus := &dataset.Corpus{Examples: []tall.Example{
		{ID: "1", Video: "a", Duration: 60, FPS: 1, Sentence: tall.Sentence{Text: "a dog barks"}, Truth: []tall.Span{{Start: 0, End: 15}}},
		{ID: "2", Video: "a", Duration: 60, FPS: 1, Sentence: tall.Sentence{Text: "it runs away from the house"}, Truth: []tall.Span{{Start: 45, End: 60}}},
	}}
	s := dataset.Summarize(corpus)[0]
	fmt.Printf("%d sentences of %d videos, %g words each, spans of %g s\n", s.Sentences, s.Videos, s.Words.Mean, s.Length.Mean)
	fmt.Println("starts", s.Starts.Bins)
	// Output:
	// 2 sentences of 1 videos, 4.5 words each, spans of 15 s
	// starts [1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 0 0]
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
