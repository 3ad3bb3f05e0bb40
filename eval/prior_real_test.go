package eval

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tall"
	"tall/internal/shared"
)

// charadesSTA reads a split of Charades-STA as it lies there.
func charadesSTA(t testing.TB, split string) []tall.Example {
	t.Helper()
	dir := shared.Path(t, "annotations/charades-sta")
	durations := map[string]float64{}
	for _, s := range []string{"train", "test"} {
		f, err := os.Open(filepath.Join(dir, "Charades_v1_"+s+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows[1:] {
			if durations[r[0]], err = strconv.ParseFloat(r[len(r)-1], 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	f, err := os.Open(filepath.Join(dir, "charades_sta_"+split+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []tall.Example
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		head, text, _ := strings.Cut(lines.Text(), "##")
		var e tall.Example
		var s tall.Span
		if _, err := fmt.Sscan(head, &e.Video, &s.Start, &s.End); err != nil {
			t.Fatal(err)
		}
		e.ID, e.FPS, e.Duration, e.Truth = strconv.Itoa(len(out)), 1, durations[e.Video], []tall.Span{s}
		e.Sentence.Text = text
		out = append(out, e)
	}
	return out
}

// The figures that make a blind prior the bar: percent of Charades-STA's 3720
// test sentences at R@1, IoU 0.5.
func TestPrior_CharadesSTA(t *testing.T) {
	begun := time.Now()
	p, err := FitPrior(charadesSTA(t, "train"), PriorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("fitted in %v", time.Since(begun))
	if p.Skipped != 4 || len(p.Items) != 12404 {
		t.Errorf("%d sentences, %d skipped, want 12404 and the 4 whose end is not after their start", len(p.Items), p.Skipped)
	}
	test := charadesSTA(t, "test")
	row := map[PriorKind]float64{}
	for _, kind := range PriorKinds() {
		begun = time.Now()
		table, err := p.Table(test, kind, 1, Options{})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(table.rowJSON(table.Total).Recall)
		t.Logf("%-10s %s mean IoU %.4f (%v)", kind, text, table.Total.MeanIoU(), time.Since(begun))
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
	// 0 to 30 % of the video.
	if s, _ := p.best(0.5, ""); s[0].Span != (tall.Span{Start: 0, End: 0.3}) {
		t.Errorf("best span %v", s[0])
	}
}
