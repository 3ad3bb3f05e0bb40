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

func check(err error) {
	if err != nil {
		panic(err)
	}
}
