package example_test

import (
	"fmt"
	"os"
	"path/filepath"

	"tall/synth/kitchen/example"
)

func ExampleExtract() {
	dir, err := os.MkdirTemp("", "kitchen-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := example.Extract(dir); err != nil {
		panic(err)
	}
	videos, err := filepath.Glob(filepath.Join(dir, "videos", "*.mp4"))
	if err != nil {
		panic(err)
	}
	fmt.Println(len(videos) == len(example.Videos()))
	// Output: true
}
