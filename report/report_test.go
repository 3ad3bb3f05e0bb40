package report

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/eval"
)

func lines(s ...string) string { return strings.Join(s, "\n") }

func equal(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestTable_Plain(t *testing.T) {
	tb := Table{
		Header: []string{"case", "shape", "ms", "of peak"},
		Rows:   [][]string{{"gemm", "[3136,1024]", "12.3", "77 %"}, {"第三", "x", "1.25", ""}, {"short"}},
		Groups: []int{0, 2},
	}
	equal(t, tb.Render(Style{}), lines(
		"case   shape          ms  of peak",
		"gemm   [3136,1024]  12.3     77 %",
		"第三   x            1.25", // two columns a character
		"",
		"short",
	))
	equal(t, tb.Render(Style{Color: true, ASCII: true}), tb.Render(Style{})) // borders are not ASCII
	equal(t, Table{}.Render(Style{}), "")
}

func TestTable_BordersHoldTheSameCells(t *testing.T) {
	tb := Table{Header: []string{"a", "n"}, Rows: [][]string{{"x", "1"}, {"第三", "22"}}, Groups: []int{0, 1}}
	got := tb.Render(Style{Color: true})
	rows := strings.Split(got, "\n")
	for _, r := range rows {
		if lipgloss.Width(r) != lipgloss.Width(rows[0]) {
			t.Errorf("ragged:\n%s", got)
		}
	}
	for _, cell := range []string{"a", "n", "x", " 1 ", "第三", "22 "} {
		if !strings.Contains(got, cell) {
			t.Errorf("no %q in\n%s", cell, got)
		}
	}
	if !strings.Contains(got, "\x1b[") {
		t.Error("no color")
	}
}

func TestTable_WriteToFileIsPlain(t *testing.T) {
	var b bytes.Buffer
	if err := (Table{Header: []string{"a"}, Rows: [][]string{{"1"}}}).Write(&b); err != nil {
		t.Fatal(err)
	}
	equal(t, b.String(), "a\n1\n")
}

func TestStyleOf(t *testing.T) {
	env := func(kv ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(kv); i += 2 {
				if kv[i] == name {
					return kv[i+1]
				}
			}
			return ""
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, tt := range map[string]struct {
		f    *os.File
		env  func(string) string
		goos string
		want Style
	}{
		"file":             {file, env(), "linux", Style{}},
		"terminal":         {null, env("LANG", "de_DE.UTF-8"), "linux", Style{Color: true}},
		"no color":         {null, env("NO_COLOR", "1"), "linux", Style{}},
		"dumb":             {null, env("TERM", "dumb"), "linux", Style{}},
		"C":                {file, env("LANG", "C"), "linux", Style{ASCII: true}},
		"first rules":      {file, env("LC_ALL", "C.utf8", "LANG", "C"), "linux", Style{}},
		"windows encoding": {file, env("LANG", "C"), "windows", Style{}},
	} {
		if got := styleOf(tt.f, tt.env, tt.goos); got != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := styleOf(&bytes.Buffer{}, env(), "linux"); got != (Style{}) {
		t.Errorf("buffer: %+v", got)
	}
}

func scored(t *testing.T, start float64) *eval.Table {
	t.Helper()
	s, err := eval.NewScorer(eval.Options{IoU: []float64{0.3, 0.5}, Top: []int{1, 5}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"a.avi", "b.avi"} {
		answer := tall.Scored{Video: v, Spans: []tall.Span{{Start: start, End: start + 10}, {Start: 50, End: 60}}, Scores: []float32{1, 0}}
		for _, g := range []tall.Span{{Start: 0, End: 10}, {Start: 48, End: 62}} {
			if err := s.Add(answer, tall.Example{Video: v, Truth: []tall.Span{g}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s.Table()
}

func TestRecall(t *testing.T) {
	equal(t, Recall(scored(t, 0), false).Render(Style{}), lines(
		"video  sentences  IoU     R@1     R@5  mean IoU",
		"all            4  0.3  0.5000  1.0000    0.5000",
		"                  0.5  0.5000  1.0000",
	))
	equal(t, Recall(scored(t, 0), true).Render(Style{}), lines(
		"video  sentences  IoU     R@1     R@5  mean IoU",
		"a.avi          2  0.3  0.5000  1.0000    0.5000",
		"                  0.5  0.5000  1.0000",
		"",
		"b.avi          2  0.3  0.5000  1.0000    0.5000",
		"                  0.5  0.5000  1.0000",
		"",
		"all            4  0.3  0.5000  1.0000    0.5000",
		"                  0.5  0.5000  1.0000",
	))
}

func TestCompare(t *testing.T) {
	other, err := eval.NewScorer(eval.Options{IoU: []float64{0.5}, Top: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	results := []Named{{"CTRL", scored(t, 0)}, {"chance", scored(t, 100)}, {"other", other.Table()}}
	equal(t, Compare(results).Render(Style{}), lines(
		"metric  IoU    CTRL  chance   other",
		"R@1     0.3  0.5000  0.0000       -",
		"R@1     0.5  0.5000  0.0000  0.0000",
		"",
		"R@5     0.3  1.0000  0.5000       -",
		"R@5     0.5  1.0000  0.5000       -",
	))
	if got := Compare(results, 1); len(got.Rows) != 2 {
		t.Errorf("%d rows for R@1", len(got.Rows))
	}
	if got := Compare(nil); len(got.Rows) != 0 {
		t.Error("rows of nothing")
	}
}

func TestClock(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0 s", 7.54: "7.5 s", 59.94: "59.9 s", 59.96: "1:00.0", 67.5: "1:07.5", 3599.99: "1:00:00.0", 3723: "1:02:03.0",
		-3: "-3.0 s", -0.01: "0.0 s", -61: "-1:01.0",
	} {
		if got := Clock(v); got != want {
			t.Errorf("Clock(%v) = %q, want %q", v, got, want)
		}
	}
	inf := math.Inf(1)
	if Clock(inf) != "?" || Clock(inf-inf) != "?" || Clock(1e300) == "" {
		t.Error("not finite")
	}
}

func TestDuration(t *testing.T) {
	for v, want := range map[time.Duration]string{
		0: "0 ms", 350 * time.Millisecond: "350 ms", 12340 * time.Millisecond: "12.3 s",
		59949 * time.Millisecond: "59.9 s", 59960 * time.Millisecond: "1 min 00 s", 245 * time.Second: "4 min 05 s",
		time.Hour - time.Second: "59 min 59 s", time.Hour - time.Millisecond: "1 h 00 min",
		2*time.Hour + 7*time.Minute + 10*time.Second: "2 h 07 min", 100 * time.Hour: "100 h 00 min", -time.Second: "-1.0 s",
	} {
		if got := Duration(v); got != want {
			t.Errorf("Duration(%v) = %q, want %q", v, got, want)
		}
	}
	if Duration(-1<<63) == "" {
		t.Error("the smallest duration")
	}
}

func TestTimeline_Drawing(t *testing.T) {
	tl := Timeline{Duration: 80, Width: 40, Rows: []TimelineRow{
		{Label: "found", Spans: []tall.Span{{Start: 7, End: 17}}},
		{Label: "truth", Spans: []tall.Span{{Start: 8, End: 16}}, Truth: true},
		{Label: "two", Spans: []tall.Span{{Start: 20, End: 22}, {Start: 40, End: 44}}, Note: "both"},
		{Label: "out", Spans: []tall.Span{{Start: -4, End: 4}, {Start: 76, End: 99}}},
		{Label: "short", Spans: []tall.Span{{Start: 40, End: 40.01}}},
		{Label: "后面", Spans: []tall.Span{{Start: 90, End: 95}}},
		{Label: "bad", Spans: []tall.Span{{Start: 9, End: 3}}},
		{Label: "none"},
	}}
	equal(t, tl.Render(Style{}), lines(
		"found  ───▐████▌───────────────────────────────  7.0 s to 17.0 s",
		"truth  ────████────────────────────────────────  8.0 s to 16.0 s",
		"two    ──────────█─────────██──────────────────  both",
		"out    ◀█────────────────────────────────────█▶  -4.0 s to 4.0 s",
		"short  ────────────────────▌───────────────────  40.0 s to 40.0 s",
		"后面   ───────────────────────────────────────▶  1:30.0 to 1:35.0",
		"bad    ────────────────────────────────────────  9.0 s to 3.0 s (not a valid span)",
		"none   ────────────────────────────────────────",
		"       0 s            30 s           1:00",
	))
	equal(t, Timeline{Duration: 80, Width: 40, Rows: tl.Rows[:1]}.Render(Style{ASCII: true}), lines(
		"found  ---######-------------------------------  7.0 s to 17.0 s",
		"       0 s            30 s           1:00",
	))
	if got := tl.Render(Style{Color: true}); strings.Count(got, "\x1b[92m") != 1 || strings.Count(got, "\x1b[94m") != 7 {
		t.Errorf("the truth has a color of its own:\n%s", got)
	}
	var b bytes.Buffer
	if err := tl.Write(&b); err != nil || !strings.HasSuffix(b.String(), "1:00\n") {
		t.Errorf("%q %v", b.String(), err)
	}
}

// Whatever the spans are, bars have their width and the drawing does not fail.
func TestTimeline_AnySpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Float64()
		tl := Timeline{Duration: number.Draw(t, "duration"), Width: rapid.IntRange(1, 100).Draw(t, "width")}
		for range 3 {
			tl.Rows = append(tl.Rows, TimelineRow{Label: "x", Note: "|", Spans: []tall.Span{{Start: number.Draw(t, "s"), End: number.Draw(t, "e")}}})
		}
		rows := strings.Split(tl.Render(Style{}), "\n")
		if len(rows) != 4 {
			t.Fatalf("%d rows", len(rows))
		}
		for _, r := range rows[:3] {
			if w := lipgloss.Width(r); w != 1+2+tl.Width+2+1 {
				t.Fatalf("width %d of %q", w, r)
			}
		}
	})
}

// Found by TestTimeline_AnySpans: a scale of width over duration is infinite.
func TestTimeline_ShortestDuration(t *testing.T) {
	tl := Timeline{Duration: math.SmallestNonzeroFloat64, Width: 4, Rows: []TimelineRow{{Note: "|", Spans: []tall.Span{{Start: -1, End: 1}}}}}
	equal(t, tl.Render(Style{}), lines("  ◀██▶  |", "  0.0 s"))
}

func TestAxis(t *testing.T) {
	for _, tt := range []struct {
		duration float64
		want     string
	}{
		{0.7, "0.0 s            0.2 s            0.4 s            0.6 s"},
		{12, "0 s       2 s       4 s       6 s       8 s       10 s"},
		{400, "0 s               2:00              4:00              6:00"},
		{5000, "0 s        15:00      30:00     45:00      1:00:00    1:15:00"},
		{40000, "0 s        2:00:00    4:00:00   6:00:00    8:00:00    10:00:00"},
	} {
		if got := axis(tt.duration, 60); got != tt.want {
			t.Errorf("%v:\n%q, want\n%q", tt.duration, got, tt.want)
		}
	}
}
