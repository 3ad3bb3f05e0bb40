package feature_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"tall/feature"
	"tall/numpy"
)

func ExampleParseName() {
	video, start, end, err := feature.ParseName("my_video.v2.mp4_1_129.npy")
	fmt.Println(video, start, end, err)
	_, _, _, err = feature.ParseName("my_video.v2.mp4_129_1.npy")
	fmt.Println(err)
	// Output:
	// my_video.v2.mp4 1 129 <nil>
	// bad format: "my_video.v2.mp4_129_1.npy": window with end before start (129 to 1); rename or remove it
}

// A folder of three windows, and the model's input for the one in the middle.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "features")
	check(err)
	defer os.RemoveAll(dir)
	for start := 1; start < 300; start += 128 {
		name := filepath.Join(dir, feature.FileName("kitchen.avi", start, start+128))
		check(numpy.WriteFile(name, []int{2}, []float32{float32(start), 0.5}))
	}

	store, err := feature.Open(dir, feature.Options{Dim: 2})
	check(err)
	defer store.Close()
	for _, w := range store.Windows("kitchen.avi") {
		fmt.Println(w.Index, w.Span)
	}
	input := make([]float32, 3*store.Dim()) // left | clip | right
	check(store.Input(1, feature.DefaultContext, input))
	fmt.Println(input)
	// Output:
	// 0 1-129
	// 1 129-257
	// 2 257-385
	// [1 0.5 129 0.5 257 0.5]
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A video of ten clips of two seconds each, as windows of 4 and 10 seconds.
func ExampleOpenInputs() {
	dir, err := os.MkdirTemp("", "features")
	check(err)
	defer os.RemoveAll(dir)
	rows := make([]float32, 10) // (10, 1)
	for k := range rows {
		rows[k] = float32(k)
	}
	check(numpy.WriteFile(filepath.Join(dir, "cat.npy"), []int{10, 1}, rows))
	check(os.WriteFile(filepath.Join(dir, feature.ManifestName), []byte(`{"encoder": "counter", "stride_seconds": 2}`), 0o644))

	in, err := feature.OpenInputs(context.Background(), []feature.Kind{{Path: dir}}, feature.InputOptions{
		Pooling: feature.Pooling{Lengths: []float64{4, 10}, Stride: 1, Ticks: 1},
	})
	check(err)
	defer in.Close()
	video, err := in.Features("cat")
	check(err)
	for i, w := range video.Spans {
		fmt.Println(w, video.Streams[0].Data[3*i:3*i+3]) // left | clip | right
	}
	fmt.Println(in.Manifest().Encoder, in.Manifest().Context)
	// Output:
	// 0-4 [0.5 0.5 2.5]
	// 0-10 [2 2 7]
	// 4-8 [0.5 2.5 4.5]
	// 8-12 [2.5 4.5 6.5]
	// 10-20 [2 7 7]
	// 12-16 [4.5 6.5 8.5]
	// 16-20 [6.5 8.5 8.5]
	// counter pooled nearest window
}
