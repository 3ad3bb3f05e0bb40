package eval_test

import (
	"context"
	"fmt"
	"log"

	"tall"
	"tall/dataset"
	"tall/eval"
)

// A model's answers are added one sentence at a time.
func ExampleScorer() {
	scorer, err := eval.NewScorer(eval.Options{IoU: []float64{0.5}, Top: []int{1, 5}})
	if err != nil {
		log.Fatal(err)
	}
	answer := tall.Scored{
		Video:  "s27-d50.avi",
		FPS:    29.4,
		Spans:  []tall.Span{{Start: 1, End: 129}, {Start: 240, End: 470}},
		Scores: []float32{0.9, 0.4},
	}
	truth := tall.Example{ID: "s27-d50.avi_233_485#0", Video: "s27-d50.avi", FPS: 29.4, Truth: []tall.Span{{Start: 233, End: 485}}}
	if err := scorer.Add(answer, truth); err != nil {
		log.Fatal(err)
	}
	table := scorer.Table()
	r1, _ := table.Recall(1, 0.5)
	r5, _ := table.Recall(5, 0.5)
	fmt.Printf("R@1 %.2f, R@5 %.2f, suppression %s\n", r1, r5, table.NMS)
	// Output: R@1 0.00, R@5 1.00, suppression moving
}

// Chance goes through the same scoring as a model.
func ExampleChance() {
	ctx := context.Background()
	video := &tall.Features{Video: "v", FPS: 1, Spans: []tall.Span{{Start: 0, End: 10}, {Start: 10, End: 20}}}
	truth := tall.Example{Video: "v", FPS: 1, Truth: []tall.Span{{Start: 0, End: 10}}}
	scorer, err := eval.NewScorer(eval.Options{IoU: []float64{0.5}})
	if err != nil {
		log.Fatal(err)
	}
	for seed := range uint64(1000) {
		prepared, err := eval.Chance{Seed: seed}.Prepare(ctx, video)
		if err != nil {
			log.Fatal(err)
		}
		answers, err := prepared.Localize(ctx, []tall.Sentence{truth.Sentence})
		if err != nil {
			log.Fatal(err)
		}
		if err := scorer.Add(answers[0], truth); err != nil {
			log.Fatal(err)
		}
	}
	r1, _ := scorer.Table().Recall(1, 0.5)
	fmt.Printf("about a half: %t\n", r1 > 0.45 && r1 < 0.55)
	// Output: about a half: true
}

// Predictions of any format are joined to a ground truth and scored by the protocol
// of their kind.
func ExampleScore() {
	corpus := &dataset.Corpus{Examples: []tall.Example{
		{ID: "1", Video: "v", Duration: 60, FPS: 1, Truth: []tall.Span{{Start: 10, End: 20}}},
		{ID: "2", Video: "v", Duration: 60, FPS: 1, Truth: []tall.Span{{Start: 30, End: 50}}},
	}}
	predictions := []eval.Prediction{{ID: "1", Video: "v", Moments: []eval.Found{{Span: tall.Span{Start: 10, End: 18}, Score: 0.9}}}}
	result, err := eval.Score(eval.ProtocolVSLNet, corpus, predictions, eval.ScoreOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range result.Metrics {
		fmt.Printf("%s: %.*f\n", m.Name, m.Digits, m.Value)
	}
	fmt.Println("missing:", result.Missing)
	// Output:
	// Rank@1, IoU=0.3: 50.00
	// Rank@1, IoU=0.5: 50.00
	// Rank@1, IoU=0.7: 50.00
	// mean IoU: 40.00
	// missing: [2]
}
