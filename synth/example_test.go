package synth_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"tall/synth"
)

func ExampleWrite() {
	o, err := synth.Preset("demo")
	if err != nil {
		panic(err)
	}
	o.Resize(5, 1, 2) // videos for training, validation and test
	parent, err := os.MkdirTemp("", "corpus-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(parent)
	sum, err := synth.Write(context.Background(), filepath.Join(parent, "corpus"), o, nil)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d windows and %d sentences to train on, %d training pairs, %s\n",
		sum.Train.Windows, sum.Train.Sentences, sum.Pairs, filepath.Base(sum.Config))
	// Output:
	// 1200 windows and 75 sentences to train on, 241 training pairs, tall.yaml
}
