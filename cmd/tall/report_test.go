package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tall/internal/shared"
	"tall/report"
)

// runTall is the program in this process; it must end well.
func runTall(t *testing.T, args ...string) {
	t.Helper()
	var out, log bytes.Buffer
	if code := Main(context.Background(), args, &out, &log); code != 0 {
		t.Fatalf("tall %s: status %d\n%s%s", strings.Join(args, " "), code, out.String(), log.String())
	}
}

func readReport(t *testing.T, dir string) (page, tables string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, report.PageName))
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
	}
	md, err := os.ReadFile(filepath.Join(dir, report.MarkdownName))
	if err != nil {
		t.Fatal(err)
	}
	return string(data), string(md)
}

// The report of published predictions says what was published.
func TestReport_PublishedPredictions(t *testing.T) {
	truth := shared.Path(t, "annotations/qvhighlights/highlight_val_release.jsonl")
	for _, f := range []struct{ predictions, metrics string }{
		{"moment_detr_sample/sample_val_preds.jsonl", "moment_detr_sample/sample_val_preds_metrics_raw.json"},
		{"qd_detr_QDDETR_onlyclip/hl_val_submission.jsonl", "qd_detr_QDDETR_onlyclip/hl_val_submission_metrics.json"},
	} {
		dir := t.TempDir()
		runTall(t, "score", "--gt", truth, "--pred", shared.Path(t, "conformance/qvhighlights-standalone-eval/"+f.predictions), "--resamples", "200", "--report", dir)
		page, tables := readReport(t, dir)
		data, err := os.ReadFile(shared.Path(t, "conformance/qvhighlights-standalone-eval/"+f.metrics))
		if err != nil {
			t.Fatal(err)
		}
		var published struct{ Brief map[string]float64 }
		if err := json.Unmarshal(data, &published); err != nil || len(published.Brief) < 10 {
			t.Fatalf("%d metrics, %v", len(published.Brief), err)
		}
		for name, v := range published.Brief {
			if want := fmt.Sprintf("| %s | %.2f |", name, v); !strings.Contains(tables, want) {
				t.Errorf("%s: no %s", f.predictions, want)
			}
			if want := fmt.Sprintf(`<th scope="row">%s</th><td class="n strong">%.2f</td>`, name, v); !strings.Contains(page, want) {
				t.Errorf("%s: no %s in the page", f.predictions, want)
			}
		}
		if n := strings.Count(page, "<article "); n != 20 {
			t.Errorf("%s: %d sentences are drawn", f.predictions, n)
		}
		if n := strings.Count(page, ">saliency</text>"); n != 20 {
			t.Errorf("%s: %d have a curve", f.predictions, n)
		}
		if n := strings.Count(page, `<tr id="q-`); n != 1550 {
			t.Errorf("%s: %d queries are listed", f.predictions, n)
		}
	}
}

// People's spans stand beside priors that are scored on the sentences that people
// saw, by the same hit.
func TestReport_PeopleBesidePriors(t *testing.T) {
	corpus := shared.Path(t, "annotations/charades-sta")
	people := shared.Path(t, "conformance/human-reannotation/charades")
	dir := t.TempDir()
	prior := filepath.Join(dir, "prior.json")
	runTall(t, "prior", "fit", "--data", "charades-sta", corpus, "--iou", "0.5", "--grid", "50", "--out", prior)
	runTall(t, "score", "--gt", corpus, "--split", "test", "--pred", people, "--prior", prior, "--name", "people", "--resamples", "200", "--report", dir)
	_, tables := readReport(t, dir)
	row := ""
	for line := range strings.Lines(tables) {
		if strings.HasPrefix(line, "| R@1 (IoU&gt;0.5) | 52.1 |") { // as published
			row = line
			break
		}
	}
	cells := strings.Split(row, "|")
	if len(cells) != 11 {
		t.Fatalf("row %q of\n%s", row, tables)
	}
	// The order that the literature knows: chance, drawn from the prior, the best
	// constant span, the best by verb, and people far above.
	order := []string{cells[4], cells[6], cells[8], cells[9], cells[2]}
	last := 0.0
	for _, c := range order {
		var v float64
		if _, err := fmt.Sscan(strings.TrimSpace(c), &v); err != nil || v <= last {
			t.Errorf("%q is not in ascending order: %v", order, err)
		}
		last = v
	}
}

func TestMetricIoU(t *testing.T) {
	for name, want := range map[string]float64{
		"R@1 IoU=0.3": 0.3, "Rank@5,mIoU@0.7": 0.7, "MR-full-mAP@0.75": 0.75, "R@1 (IoU>0.5)": 0.5, "mean IoU": 0, "mIoU": 0,
	} {
		if got, ok := metricIoU(name); !ok || got != want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"MR-full-mAP", "Average rank@1", "Median min IoU", "x=1.2.3", ""} {
		if got, ok := metricIoU(name); ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}
