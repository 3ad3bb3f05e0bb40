package config_test

import (
	"errors"
	"fmt"

	"tall/config"
)

func ExampleParse() {
	c, err := config.Parse("my.yaml", []byte(`
TRAIN:
  batch_size: 32
  learning_rate: 1e-3
  clip_sentvec: ./train_clip-sentvec.pkl
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	// A flag of the command line beats the file.
	if err := c.Override(config.Train, "batch-size", "8"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Train.BatchSize, c.Train.LearningRate, c.Train.Epoch, c.Train.Source("epoch"))
	// Output: 8 0.001 25 default
}

func ExampleParse_fault() {
	_, err := config.Parse("my.yaml", []byte("TRAIN:\n  batchsize: 32\n"))
	fmt.Println(err)
	var fault *config.Error
	if errors.As(err, &fault) {
		fmt.Println(fault.Excerpt())
	}
	// Output:
	// my.yaml:2:3: TRAIN has no key "batchsize": did you mean "batch_size"?
	//     2 |   batchsize: 32
	//       |   ^
}
