package ctrl_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"tall"
	"tall/feature"
	"tall/model/ctrl"
	"tall/tensor"
)

// cooking is a video of four events of 100 frames, each of which shows one number
// of four, with a window of 90 frames in each. A store of real features, a
// [feature.Store], takes its place elsewhere.
type cooking struct{}

func (cooking) FPS() float64 { return 25 }

func (cooking) Windows(string) []feature.Window {
	var ws []feature.Window
	for k := range 4 {
		ws = append(ws, feature.Window{Span: tall.Span{Start: float64(100*k + 5), End: float64(100*k + 95)}, Index: k})
	}
	return ws
}

func (cooking) Input(window int, dst []float32) error {
	clear(dst)
	dst[window] = 1
	return nil
}

// Training on the pairs of a small video, then asking it.
func Example() {
	options, err := ctrl.Preset("paddle")
	if err != nil {
		fmt.Println(err)
		return
	}
	options.VisualDim, options.SentenceDim, options.SemanticDim, options.HiddenDim = 4, 4, 16, 16
	options.BatchSize, options.LearningRate = 4, 0.01

	// A sentence for each event.
	var video cooking
	var examples []tall.Example
	for k, text := range []string{"takes out a knife", "washes a carrot", "cuts the carrot", "leaves the kitchen"} {
		vector := make([]float32, 4)
		vector[3-k] = 1
		examples = append(examples, tall.Example{
			ID: fmt.Sprint(k), Video: "kitchen", FPS: 25,
			Sentence: tall.Sentence{Text: text, Vector: vector},
			Truth:    []tall.Span{{Start: float64(100 * k), End: float64(100*k + 100)}},
		})
	}
	pairs := ctrl.FindPairs(video, examples, options)
	fmt.Println(len(pairs), "training pairs")

	model, err := ctrl.New(tensor.NewCPU(0), options, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	learner, err := ctrl.NewLearner(model, ctrl.Data{Inputs: video, Examples: examples, Pairs: pairs})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	adam, rng := options.Adam(), rand.New(rand.NewPCG(1, 2))
	for range 400 {
		for _, members := range learner.Batches(rng) {
			if _, err := learner.Step(ctx, members); err != nil {
				fmt.Println(err)
				return
			}
			adam.Update(model.Backend(), learner.Params())
		}
	}

	features := &tall.Features{Video: "kitchen", FPS: 25, Streams: []tall.Stream{{N: 4, D: 4, Data: make([]float32, 16)}}}
	for k, w := range video.Windows("kitchen") {
		features.Spans = append(features.Spans, w.Span)
		features.Streams[0].Data[4*k+k] = 1
	}
	prepared, err := ctrl.NewLocalizer(model, ctrl.LocalizerOptions{}).Prepare(ctx, features)
	if err != nil {
		fmt.Println(err)
		return
	}
	scored, err := prepared.Localize(ctx, []tall.Sentence{examples[2].Sentence})
	if err != nil {
		fmt.Println(err)
		return
	}
	best := scored[0].Moment(tall.Rank(scored[0].Scores)[0])
	fmt.Printf("%s: %.0f s to %.0f s\n", examples[2].Sentence.Text, best.Start, best.End)
	// Output:
	// 4 training pairs
	// cuts the carrot: 8 s to 12 s
}
