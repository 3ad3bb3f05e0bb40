package report_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"tall"
	"tall/eval"
	"tall/report"
)

func ExampleTimeline() {
	t := report.Timeline{Duration: 80.2, Width: 40, Rows: []report.TimelineRow{
		{Label: "found", Spans: []tall.Span{{Start: 7.51, End: 16.9}}},
		{Label: "truth", Spans: []tall.Span{{Start: 7.93, End: 16.5}}, Truth: true},
	}}
	fmt.Println(t.Render(report.Style{ASCII: true}))
	// Output:
	// found  ---######-------------------------------  7.5 s to 16.9 s
	// truth  ----####--------------------------------  7.9 s to 16.5 s
	//        0 s            30 s           1:00
}

func ExampleRecall() {
	scorer, err := eval.NewScorer(eval.Options{IoU: []float64{0.5}})
	if err != nil {
		log.Fatal(err)
	}
	answer := tall.Scored{Video: "v", Spans: []tall.Span{{Start: 0, End: 10}}, Scores: []float32{1}}
	if err := scorer.Add(answer, tall.Example{Video: "v", Truth: []tall.Span{{Start: 1, End: 10}}}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Recall(scorer.Table(), false).Render(report.Style{}))
	// Output:
	// video  sentences  IoU     R@1     R@5    R@10  mean IoU
	// all            1  0.5  1.0000  1.0000  1.0000    0.9000
}

func ExampleLines() {
	var l report.Lines
	for step, loss := range []float64{0.47, 0.31, 0.22} {
		l.Add("loss", float64(step), loss)
	}
	path := filepath.Join(os.TempDir(), "tall-example-loss.svg")
	defer os.Remove(path)
	if err := l.WriteSVG(path, report.PlotOptions{Title: "Training loss", X: "step", Y: "loss"}); err != nil {
		fmt.Println(err)
	}
	// Output:
}
