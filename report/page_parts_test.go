package report

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/eval"
)

func TestHeadline(t *testing.T) {
	for _, names := range [][]string{ // the last is sought
		{"R@1 IoU=0.1", "R@5 IoU=0.5", "R@10 IoU=0.5", "R@1 IoU=0.5"},
		{"Rank@1,mIoU@0.3", "Rank@5,mIoU@0.5", "Rank@1,mIoU@0.5"},
		{"Rank@1, IoU=0.3", "mean IoU", "Rank@1, IoU=0.5"},
		{"R@1 IoU>0.7", "R@5 IoU>0.5", "R@1 IoU>0.5"},
		{"MR-full-mAP@0.5", "MR-full-R1@0.55", "MR-full-R1@0.7", "MR-full-R1@0.5"},
		{"Median min IoU", "R@1 (IoU>0.5)"},
		{"Average rank@1"},
		{""},
	} {
		var metrics []eval.Metric
		for _, n := range names {
			metrics = append(metrics, eval.Metric{Name: n})
		}
		if got := headline(metrics); got != names[len(names)-1] {
			t.Errorf("headline of %q is %q", names, got)
		}
	}
	if headline([]eval.Metric{{Name: "Average rank@1"}, {Name: "Average iou"}}) != "Average rank@1" || headline(nil) != "" {
		t.Error("without R@1 at 0.5 it is the first")
	}
}

func TestVerdict(t *testing.T) {
	p := testPage()
	for other, want := range map[float64]string{
		0.3:  "0.1000 above the strongest result beside it, best (0.3000).",
		0.37: "0.0300 above the strongest result beside it, best (0.3700), which lies within the interval.",
		0.4:  "not above the strongest result beside it, best (0.4000).",
	} {
		p.Beside[1].Result.Metrics[1].Value = other
		got := p.verdict()
		if !strings.HasSuffix(got.Text, want) || got.Below != (other > 0.35) {
			t.Errorf("%v: %+v", other, got)
		}
	}
	p.Beside = nil
	if got := p.verdict(); !strings.Contains(got.Text, "Nothing is set beside it") || got.Below {
		t.Errorf("%+v", got)
	}
}

// The page has no baseline's number where the baseline has none, and rows keep
// the protocol's order.
func TestMetricTable(t *testing.T) {
	p := testPage()
	p.Beside[0].Result.Metrics = p.Beside[0].Result.Metrics[:1]
	table, further := p.metricTable()
	if further != nil || len(table.Rows) != 3 || table.Rows[1].Beside[0].Text != "–" || table.Rows[0].Beside[0].Text != "0.2000" {
		t.Errorf("%+v", table)
	}
	for i := range 20 {
		p.Result.Metrics = append(p.Result.Metrics, eval.Metric{Name: fmt.Sprint("full ", i), Low: nan, High: nan})
	}
	table, further = p.metricTable()
	if len(table.Rows) != 2 || len(further) != 21 || further[0].Name != "mean IoU" {
		t.Errorf("%d rows and %d further", len(table.Rows), len(further))
	}
}

func TestScale_HoldsAllOnFewRoundSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := math.Pow(10, rapid.Float64Range(-6, 6).Draw(t, "v"))
		s := newScale([]eval.Metric{{Value: v / 2, High: v}, {Value: -1, High: nan}})
		axis := s.axis()
		if s.to < v*(1-1e-9) || s.to > 2.01*v || len(axis) < 3 || len(axis) > 7 {
			t.Fatalf("%v for %v: %v", s, v, axis)
		}
		if last := axis[len(axis)-1]; last.At != "100%" {
			t.Fatalf("the axis ends at %s", last.At)
		}
	})
}

func TestAUC_CountsPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []outcome
		for _, v := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 40).Draw(t, "outcomes") {
			all = append(all, outcome{float64(v / 2), v%2 == 0 != rapid.Bool().Draw(t, "flip")})
		}
		slices.SortStableFunc(all, func(a, b outcome) int { return int(a.score - b.score) })
		pairs, won := 0.0, 0.0
		for _, h := range all {
			for _, m := range all {
				if !h.hit || m.hit {
					continue
				}
				pairs++
				if h.score > m.score {
					won++
				} else if h.score == m.score {
					won += 0.5
				}
			}
		}
		// Halves and small integers: exact.
		if got := auc(all); got != won/pairs && !(math.IsNaN(got) && pairs == 0) {
			t.Fatalf("auc %v, want %v", got, won/pairs)
		}
	})
}

func TestBinned_KeepsTiesAndAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOfN(rapid.IntRange(0, 12), 1, 200).Draw(t, "scores")
		slices.Sort(scores)
		var all []outcome
		hits := 0
		for i, s := range scores {
			all = append(all, outcome{float64(s), i%3 == 0})
			hits += 1 - min(1, i%3)
		}
		n, h := 0, 0
		bins := binned(all)
		for i, b := range bins {
			n, h = n+b.n, h+b.hits
			if b.n == 0 || b.mean < b.low-1e-9 || b.mean > b.high+1e-9 || i > 0 && b.low <= bins[i-1].high {
				t.Fatalf("%+v", bins)
			}
		}
		if n != len(all) || h != hits || len(bins) > mostBins {
			t.Fatalf("%d of %d in %d bins", n, len(all), len(bins))
		}
	})
}

func TestWilson(t *testing.T) {
	for _, tt := range []struct {
		share     float64
		n         int
		low, high float64
	}{ // Brown, Cai, DasGupta 2001, and by hand
		{0.5, 10, 0.2366, 0.7634}, {0, 10, 0, 0.2775}, {1, 10, 0.7225, 1}, {0.1, 100, 0.0552, 0.1744}, {0, 0, 0, 1},
	} {
		low, high := wilson(tt.share, tt.n)
		if math.Abs(low-tt.low) > 5e-5 || math.Abs(high-tt.high) > 5e-5 {
			t.Errorf("%v of %d: %.4f to %.4f", tt.share, tt.n, low, high)
		}
	}
}

func TestCalibrate_SaysWhatScoresMean(t *testing.T) {
	queries := someQueries(60)
	if c := calibrate(queries); c.Ideal != "" || !strings.Contains(c.Text[0], "are not probabilities") || len(c.Bins) == 0 {
		t.Errorf("%+v", c.Text)
	}
	// Scores that are right: a hit as often as they say.
	for i := range queries {
		q := &queries[i]
		q.Prediction.Moments[0].Score = 0.25
		q.IoU = 0
		if i%2 == 0 {
			q.Prediction.Moments[0].Score = 0.75
		}
		if i%8 < 4 && i%8 != 1 { // of 8: two of four evens, one of four odds, then one even more
			q.IoU = 0.6
		}
		if i%8 == 4 {
			q.IoU = 1
		}
	}
	queries = queries[:56]
	c := calibrate(queries)
	if c.Ideal == "" || len(c.Bins) != 2 || c.Bins[0].Hits != "25.0" || c.Bins[1].Hits != "75.0" || !strings.Contains(c.Text[0], "off by 0.0 percentage points") {
		t.Errorf("%+v", c)
	}
	for i := range queries {
		queries[i].Prediction.Moments[0].Score = 1
	}
	if c := calibrate(queries); len(c.Bins) > 0 || !strings.Contains(c.Text[0], "the same score, 1") {
		t.Errorf("%+v", c)
	}
	queries[0].Prediction.Moments[0].Score = nan
	if c := calibrate(queries[:1]); len(c.Text) != 2 || !strings.HasPrefix(c.Text[0], "1 first moment without a finite score") {
		t.Errorf("%+v", c)
	}
}

func TestDrawn_BestAndWorst(t *testing.T) {
	queries := someQueries(40)
	queries[3].Prediction = nil
	queries[7].Prediction.Moments[0].Score = 50 // no overlap, and sure of it
	queries[39].IoU, queries[38].IoU = 1, 1
	queries[38].Example.Truth[0].End = 21 // the shorter truth
	best, worst := drawn(queries)
	if len(best) != mostCards || len(worst) != mostCards || best[0] != 38 || best[1] != 39 || worst[0] != 7 {
		t.Errorf("%v %v", best, worst)
	}
	for _, i := range append(best, worst...) {
		if i == 3 {
			t.Error("a query without an answer is drawn")
		}
	}
	for n := range 25 {
		best, worst := drawn(someQueries(n))
		if len(best) != min(mostCards, (n+1)/2) || len(worst) != min(mostCards, n/2) {
			t.Errorf("of %d: %d and %d", n, len(best), len(worst))
		}
		all := append(slices.Clone(best), worst...)
		slices.Sort(all)
		if len(slices.Compact(all)) != len(best)+len(worst) {
			t.Errorf("of %d some are drawn twice", n)
		}
	}
}

func TestFates_AreAllOfThem(t *testing.T) {
	queries := someQueries(40)
	queries[0].Prediction = nil
	queries[1].Prediction.Moments = nil
	queries[7].IoU, queries[7].BestIoU5 = 0.2, 0.5
	counts := map[string]int{}
	for _, f := range fates(queries) {
		counts[f.Name] = f.Queries
	}
	want := map[string]int{"hit": 17, "ranked too low": 1, "boundaries off": 16, "elsewhere": 4, "no answer": 2}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

func TestAnchors_UniqueAndStable(t *testing.T) {
	var queries []eval.QueryScore
	for _, id := range []string{"12", "a b/ü", "12", "", strings.Repeat("x", 200), "~4", "s13.avi:1"} {
		queries = append(queries, eval.QueryScore{Example: tall.Example{ID: id}})
	}
	want := anchors{"q-12", "q-a+b%2F%C3%BC", "q~3", "q~4", "q~5", "q-~4", "q-s13.avi%3A1"}
	if diff := cmp.Diff(want, newAnchors(queries)); diff != "" {
		t.Error(diff)
	}
}

func TestCurveOf(t *testing.T) {
	s := &tall.Scored{FPS: 10, Windows: []tall.Span{{Start: 0, End: 50}, {Start: 25, End: 100}, {Start: 9, End: 3}}, Scores: []float32{2, 1, 9}}
	c := curveOf(s, []float64{1}, 12)
	at := func(seconds float64) float64 { return c.values[int(seconds/12*curveColumns)] }
	if at(1) != 2 || at(4.9) != 2 || at(5.1) != 1 || at(9.9) != 1 || !math.IsNaN(at(11)) || c.name != "score" {
		t.Errorf("%v", c.values)
	}
	if c = curveOf(nil, []float64{1, 3}, 4); at(0) != 1 || c.values[curveColumns-1] != 3 || c.name != "saliency" {
		t.Errorf("%v", c)
	}
	if curveOf(nil, nil, 4) != nil || curveOf(&tall.Scored{}, nil, 4) != nil {
		t.Error("a curve of nothing")
	}
}

func TestTimeTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := math.Pow(10, rapid.Float64Range(-0.5, 6).Draw(t, "length"))
		ticks := timeTicks(length)
		if len(ticks) < 2 || len(ticks) > 7 {
			t.Fatalf("%v in %v s", ticks, length)
		}
	})
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"  a\n\tb  ": "a b", "ab\x00c\u202ed\xff": "ab\uFFFDc\uFFFDd\uFFFD", "1234567890": "1234567890", "1234567890 ": "1234567890",
		"12345678901": "1234567890…", "12345 7890 2": "12345 7890…", "123456789 1": "123456789…", "": "", "\u2028": "",
	} {
		if got := clean(in, 10); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 20).Draw(t, "most")
		if got := clean(rapid.String().Draw(t, "s"), most); utf8.RuneCountInString(got) > most+1 || !utf8.ValidString(got) {
			t.Fatalf("%q", got)
		}
	})
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		decimal(-0.001, 2): "0.00", decimal(-1.5, 1): "−1.5", decimal(nan, 2): "–", signed(0.04, 1): "0.0", signed(2, 1): "+2.0", signed(-2, 0): "−2",
		compact(0.99973): "0.9997", compact(-12345): "−12345", compact(1e-9): "1e−09", compact(math.Inf(1)): "–",
		at(0.12345678): "12.35%", at(nan): "0%", at(1e300): "1000%",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestNamedTable(t *testing.T) {
	n := NamedTable("chance", "guesses", scored(t, 0))
	var got []string
	for _, m := range n.Result.Metrics {
		got = append(got, m.Name+" "+valueOf(m)+intervalOf(m))
	}
	want := []string{"R@1 IoU=0.3 0.5000", "R@1 IoU=0.5 0.5000", "R@5 IoU=0.3 1.0000", "R@5 IoU=0.5 1.0000", "mean IoU 0.5000"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Colors of letters stand out from the paper by 4.5 to 1, those of lines and bars
// by 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11), in light and in dark.
func TestPage_Contrast(t *testing.T) {
	css, err := os.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, _ := bytes.Cut(css, []byte("prefers-color-scheme: dark"))
	for name, part := range map[string][]byte{"light": light, "dark": dark} {
		colors := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6})`).FindAllSubmatch(part, -1) {
			if _, ok := colors[string(m[1])]; !ok {
				colors[string(m[1])] = luminance(t, string(m[2]))
			}
		}
		if len(colors) < 20 {
			t.Fatalf("%d colors", len(colors))
		}
		for c, l := range colors {
			least := 3.0
			switch c {
			case "paper", "tint", "rule", "faint", "warn-tint", "fate1", "fate2", "fate4": // surfaces, hairlines, and parts of a bar that a table names
				continue
			case "ink", "soft", "link", "warn":
				least = 4.5
			}
			hi, lo := max(l, colors["paper"]), min(l, colors["paper"])
			if ratio := (hi + 0.05) / (lo + 0.05); ratio < least {
				t.Errorf("%s: %s stands out by %.2f to 1, want %.1f", name, c, ratio, least)
			}
		}
	}
}

// luminance is WCAG's relative luminance of a color.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, w := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += w * c
	}
	return sum
}

func TestPartTables_NothingKnown(t *testing.T) {
	p := testPage()
	p.Result.Buckets = append(p.Result.Buckets, eval.Bucket{Kind: "words", Label: "unknown", Queries: 40}, eval.Bucket{Kind: "color", Label: "red", Queries: 40})
	var got []string
	for _, part := range p.partTables() {
		got = append(got, part.Kind)
	}
	if diff := cmp.Diff([]string{"By length of the true span", "By color"}, got); diff != "" {
		t.Error(diff)
	}
}
