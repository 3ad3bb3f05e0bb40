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

func ExamplePage() {
	truth, found := tall.Span{Start: 10, End: 20}, tall.Span{Start: 12, End: 20}
	p := report.Page{
		Title: "CTRL on one sentence", Name: "CTRL",
		Result: &eval.Result{
			Protocol: eval.ProtocolTALL,
			Metrics:  []eval.Metric{{Name: "R@1 IoU=0.5", Value: 1, Low: 1, High: 1, Digits: 2}},
			Queries: []eval.QueryScore{{
				Example:    tall.Example{ID: "1", Video: "v", Duration: 60, FPS: 1, Sentence: tall.Sentence{Text: "He opens the door."}, Truth: []tall.Span{truth}},
				Prediction: &eval.Prediction{ID: "1", Video: "v", Moments: []eval.Found{{Span: found, Score: 2.5}}},
				IoU:        0.8, BestIoU5: 0.8,
			}},
		},
	}
	dir := filepath.Join(os.TempDir(), "tall-example-report")
	defer os.RemoveAll(dir)
	if err := p.WriteDir(dir); err != nil {
		fmt.Println(err)
		return
	}
	queries, err := os.ReadFile(filepath.Join(dir, report.QueriesName))
	fmt.Printf("%s%v\n", queries, err)
	// Output:
	// id,video,sentence,truth,start,end,score,iou,best_iou_of_5,outcome
	// 1,v,He opens the door.,10-20,12,20,2.5,0.8,0.8,hit
	// <nil>
}
