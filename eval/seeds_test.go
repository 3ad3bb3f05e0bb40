package eval

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
)

// tableOf is a table of one threshold over four sentences of which hits were found.
func tableOf(hits int) *Table {
	return &Table{IoU: []float64{0.5}, Top: []int{1}, Total: Row{Sentences: 4, Hits: [][]int{{hits}}, sumIoU: 1}}
}

func TestRuns_Summarize(t *testing.T) {
	r := &Runs{Chosen: "best on val", Runs: []Run{
		{Seed: 1, Dir: "seed1", Checkpoint: "TALL_best.safetensors", Splits: map[string]*Table{"val": tableOf(4), "test": tableOf(1)}},
		{Seed: 2, Dir: "seed2", Checkpoint: "TALL_best.safetensors", Splits: map[string]*Table{"val": tableOf(4), "test": tableOf(3)}},
	}}
	if err := r.Summarize("val", "test"); err != nil {
		t.Fatal(err)
	}
	want := []Spread{
		{Split: "val", Metric: "R@1,IoU0.5", Values: []float64{1, 1}, Mean: 1},
		{Split: "val", Metric: "mIoU", Values: []float64{0.25, 0.25}, Mean: 0.25},
		{Split: "test", Metric: "R@1,IoU0.5", Values: []float64{0.25, 0.75}, Mean: 0.5, Deviation: math.Sqrt(0.125)},
		{Split: "test", Metric: "mIoU", Values: []float64{0.25, 0.25}, Mean: 0.25},
	}
	if diff := cmp.Diff(want, r.Spreads); diff != "" {
		t.Error(diff)
	}
	lines := strings.Split(r.Markdown(), "\n")
	if lines[0] != "| split | metric | mean | sd | seed 1 | seed 2 |" || lines[4] != "| test | R@1,IoU0.5 | 50.00 | 35.36 | 25.00 | 75.00 |" {
		t.Errorf("%q", lines)
	}
	dir := t.TempDir()
	if err := errors.Join(r.WriteFile(filepath.Join(dir, SeedsName)), r.WriteMarkdown(filepath.Join(dir, SeedsTable))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, SeedsName))
	var back struct {
		N       int
		Runs    []Run
		Spreads []Spread
	}
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil || back.N != 2 || len(back.Runs) != 2 || back.Runs[1].Seed != 2 {
		t.Errorf("%s %v", text, err)
	}
	if diff := cmp.Diff(want, back.Spreads); diff != "" {
		t.Error(diff)
	}

	r.Runs[1].Splits["test"] = &Table{IoU: []float64{0.7}, Top: []int{1}, Total: Row{Sentences: 4, Hits: [][]int{{1}}}}
	if err := r.Summarize("test"); !errors.Is(err, tall.ErrShape) {
		t.Errorf("other metrics: %v", err)
	}
	if err := r.Summarize("train"); !errors.Is(err, tall.ErrShape) {
		t.Errorf("a split without results: %v", err)
	}
	r.Runs = r.Runs[:1]
	if err := r.Summarize("val"); err != nil || r.Spreads[0].Deviation != 0 || !strings.Contains(r.Markdown(), "| 100.00 | - | 100.00 |") {
		t.Errorf("one run: %v %s", err, r.Markdown())
	}
}

func TestProvenance_RoundTrip(t *testing.T) {
	seed := uint64(0)
	p := &Provenance{
		Version: "1", Commit: "abc+changes", Command: "eval", Flags: map[string]string{"a": "b"}, Config: "c.yaml", Preset: "tf",
		Weights: "w", Visual: &tall.Manifest{Encoder: "clip", Dim: 3}, Sentence: &tall.Manifest{},
		Data: map[string]string{"f": "sha256:1"}, Seed: &seed, Threads: 2, Kernel: "cpu/avx2", Chosen: "best", ChosenHere: true,
	}
	path := filepath.Join(t.TempDir(), RunName)
	if err := p.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadProvenance(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Error(diff)
	}
	table := tableOf(1)
	table.Provenance = p
	file := filepath.Join(t.TempDir(), "eval.json")
	if err := table.WriteFile(file); err != nil {
		t.Fatal(err)
	}
	back, err := ReadTable(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, back.Provenance); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadProvenance(path); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), RunName) {
		t.Errorf("half a file: %v", err)
	}
	if _, err := ReadProvenance(path + "x"); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("no file: %v", err)
	}
}
