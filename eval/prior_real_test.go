package eval

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"tall"
	"tall/dataset"
	"tall/internal/shared"
)

func annotated(t testing.TB, name, split string) []tall.Example {
	t.Helper()
	c, err := dataset.OpenCorpus("", shared.Path(t, "annotations/"+name), dataset.CorpusOptions{Split: split})
	if err != nil {
		t.Fatal(err)
	}
	return c.Examples
}

// The figures that make a blind prior the bar: percent of Charades-STA's 3720
// test sentences at R@1, IoU 0.5.
func TestPrior_CharadesSTA(t *testing.T) {
	p := fit(t, annotated(t, "charades-sta", "train"), PriorOptions{IoU: []float64{0.5}})
	if p.Skipped != 4 || len(p.Items) != 12404 {
		t.Errorf("%d sentences, %d skipped, want 12404 and the 4 whose end is not after their start", len(p.Items), p.Skipped)
	}
	test := annotated(t, "charades-sta", "test")
	row := map[PriorKind]float64{}
	for _, kind := range PriorKinds() {
		table, err := p.Table(test, kind, 1, Options{IoU: []float64{0.5}})
		if err != nil {
			t.Fatal(err)
		}
		r, _ := table.Recall(1, 0.5)
		row[kind] = 100 * r
	}
	for kind, want := range map[PriorKind]float64{PriorKDE: 23.58, PriorKDEVerb: 28.06} {
		if math.Abs(row[kind]-want) > 2 { // the verbs and the draws are others
			t.Errorf("%s: %.2f, Otani et al. 2020 have %.2f", kind, row[kind], want)
		}
	}
	for kind, least := range map[PriorKind]float64{PriorBest: 30.6, PriorBestVerb: 35.7} {
		if row[kind] < least {
			t.Errorf("%s: %.2f, want at least %.2f", kind, row[kind], least)
		}
	}
	if s, _ := p.best(0.5, ""); s[0].Span != (tall.Span{Start: 0, End: 0.3}) {
		t.Errorf("best span %v, want the first 30 %% of the video", s[0])
	}
}

// TestPrior_Corpora prints the tables of docs/priors.md (go test -v), and holds
// that the best spans by verb are above chance on sentences they were not fitted
// on.
func TestPrior_Corpora(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("fits four corpora, most of a minute: set TALL_LONG=1")
	}
	for _, c := range []struct{ name, train, test string }{
		{"charades-sta", "train", "test"},
		{"activitynet-captions", "train", "val_2"},
		{"qvhighlights", "train", "val"},
		{"tacos", "train", "test"},
	} {
		begun := time.Now()
		p := fit(t, annotated(t, c.name, c.train), PriorOptions{IoU: []float64{0.3, 0.5, 0.7}})
		took := time.Since(begun)
		test := annotated(t, c.name, c.test)
		t.Logf("%s: %d sentences of %s, %d of %s, fitted in %v", c.name, len(p.Items), c.train, len(test), c.test, took)
		recall := map[PriorKind]float64{}
		for _, kind := range PriorKinds() {
			table, err := p.Table(test, kind, 1, Options{IoU: []float64{0.3, 0.5, 0.7}, Top: []int{1, 5}})
			if err != nil {
				t.Fatal(err)
			}
			var cells []string
			for j := range table.Top {
				for i := range table.IoU {
					cells = append(cells, fmt.Sprintf("%.2f", 100*table.Total.Recall(i, j)))
				}
			}
			t.Logf("| %s | %s | %.2f |", kind, strings.Join(cells, " | "), 100*table.Total.MeanIoU())
			recall[kind], _ = table.Recall(1, 0.5)
		}
		// Of the kinds only this one is above chance everywhere.
		if recall[PriorBestVerb] <= recall[PriorChance] {
			t.Errorf("%s: best-verb has %.4f, chance %.4f", c.name, recall[PriorBestVerb], recall[PriorChance])
		}
	}
}
