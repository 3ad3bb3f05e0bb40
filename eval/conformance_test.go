package eval

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tall/dataset"
	"tall/internal/shared"
)

// Every published file gives its published numbers, to the last digit, and
// docs/conformance.md says so.
func TestConformance(t *testing.T) {
	root := filepath.Dir(shared.Path(t, "conformance"))
	shared.Path(t, "annotations/qvhighlights")
	rows, err := Conformance(root)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]int{}
	for _, r := range rows {
		files[r.File]++
		if !r.Agrees() {
			t.Errorf("%s: %s is published as %s, ours is %s", r.File, r.Metric, r.Published, r.Ours)
		}
	}
	if len(files) < 6 {
		t.Errorf("only %v were scored", files)
	}
	var page strings.Builder
	if err := WriteConformance(&page, rows); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join("..", "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	if page.String() != string(doc) {
		t.Error("docs/conformance.md is not what tall score --conformance prints; make it again")
	}
}

// The file of Moment-DETR's numbers is the original's, byte for byte.
func TestResult_WriteFileIsTheOriginals(t *testing.T) {
	dir := shared.Path(t, "conformance/qvhighlights-standalone-eval/moment_detr_sample")
	corpus, err := OpenTruth("", shared.Path(t, "annotations/qvhighlights/highlight_val_release.jsonl"), dataset.CorpusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := ReadPredictionFile(filepath.Join(dir, "sample_val_preds.jsonl"), PredictionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Score(DefaultProtocol(corpus, file.Format), corpus, file.Predictions, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "metrics.json")
	if err := r.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "sample_val_preds_metrics_raw.json"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the file differs from the original's:\n%s", got)
	}
}
