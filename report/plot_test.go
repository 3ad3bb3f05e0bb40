package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
	"pgregory.net/rapid"

	"tall"
)

// texts returns the words of an SVG, which must be well-formed.
func texts(t *testing.T, svg []byte) []string {
	t.Helper()
	var out []string
	inside := false
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			inside = tok.Name.Local == "text"
		case xml.EndElement:
			inside = false
		case xml.CharData:
			if inside {
				out = append(out, strings.TrimRight(string(tok), "\u00a0"))
			}
		}
	}
}

func loss(steps int) *Lines {
	var l Lines
	for i := range steps {
		x := float64(i + 1)
		align, reg := 0.7*math.Exp(-x/200), 8+60*math.Exp(-x/300)
		l.Add("loss", x, align+0.01*reg)
		l.Add("align", x, align)
		l.Add("reg", x, reg)
	}
	return &l
}

func TestLines_SVG(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "loss.svg")
	if err := loss(100).WriteSVG(path, PlotOptions{Title: "Training <loss> & more", X: "step", Y: "loss"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(texts(t, data), "|")
	for _, want := range []string{"Training <loss> & more", "step", "|loss", "align", "reg", "|20|", "|100", "|10|"} {
		if !strings.Contains(words, want) {
			t.Errorf("no %q among %s", want, words)
		}
	}
	for _, c := range []string{"#0072B2", "#D55E00", "#009E73"} {
		if !bytes.Contains(data, []byte(c)) {
			t.Errorf("no line in color %s", c)
		}
	}
	var again bytes.Buffer
	if err := loss(100).EncodeSVG(&again, PlotOptions{Title: "Training <loss> & more", X: "step", Y: "loss"}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, again.Bytes()) {
		t.Error("the same lines, another file")
	}
}

func TestLines_ManyPointsStaySmall(t *testing.T) {
	var b bytes.Buffer
	if err := loss(100_000).EncodeSVG(&b, PlotOptions{}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 200<<10 {
		t.Errorf("%d bytes for 300,000 points", b.Len())
	}
}

func TestLines_Degenerate(t *testing.T) {
	for name, add := range map[string]func(l *Lines){
		"one point":     func(l *Lines) { l.Add("a", 1, 0.5) },
		"one value":     func(l *Lines) { l.Add("a", 1, 0); l.Add("a", 2, 0) },
		"one step":      func(l *Lines) { l.Add("a", 1, 1); l.Add("a", 1, 2) },
		"negative":      func(l *Lines) { l.Add("a", 1, -5); l.Add("a", 2, 5) },
		"not finite":    func(l *Lines) { l.Add("a", 1, 2); l.Add("a", 2, math.NaN()); l.Add("b", 1, math.Inf(1)) },
		"huge":          func(l *Lines) { l.Add("a", 1, 1e300); l.Add("a", 2, 1e-300) },
		"huge and near": func(l *Lines) { l.Add("a", 1e15, 1e15); l.Add("a", 1e15+1, 1e15+1) },
		"tiny":          func(l *Lines) { l.Add("a", 0, 1e-12); l.Add("a", 1e-9, 2e-12) },
	} {
		var l Lines
		add(&l)
		var b bytes.Buffer
		if err := l.EncodeSVG(&b, PlotOptions{Title: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, w := range texts(t, b.Bytes()) {
			if w == "NaN" || strings.HasPrefix(w, "-0") && strings.Trim(w, "-0.") == "" {
				t.Errorf("%s: tick %q", name, w)
			}
		}
		if bytes.Contains(b.Bytes(), []byte("NaN")) {
			t.Errorf("%s: NaN in the drawing", name)
		}
	}
}

func TestLines_NothingToPlot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.svg")
	var l Lines
	l.Add("loss", 1, math.NaN())
	if err := l.WriteSVG(path, PlotOptions{}); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("an empty plot was written")
	}
}

func TestThin(t *testing.T) {
	var points plotter.XYs
	for i := range 1003 {
		points = append(points, plotter.XY{X: float64(i), Y: float64(i % 7)})
	}
	mean, extremes := thin(points, 100)
	if len(mean) != 100 || len(extremes) != 200 {
		t.Fatalf("%d means, %d extremes", len(mean), len(extremes))
	}
	for i, e := range extremes {
		if i > 0 && e.X < extremes[i-1].X {
			t.Errorf("extremes go back at %d", i)
		}
	}
	sum, want := 0.0, 0.0
	for _, m := range mean {
		sum += m.Y / 100
	}
	for _, p := range points {
		want += p.Y / 1003
	}
	if math.Abs(sum-want) > 0.02 { // runs hold 10 or 11 points and weigh the same
		t.Errorf("mean %v, want %v", sum, want)
	}
}

func TestTicks_AscendWithinRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(-1e6, 1e6).Draw(t, "lo")
		hi := lo + rapid.Float64Range(1e-3, 1e6).Draw(t, "width")
		ticks := linearTicks(lo, hi)
		if len(ticks) < 3 || len(ticks) > 12 {
			t.Fatalf("%d ticks in %v to %v", len(ticks), lo, hi)
		}
		seen := map[string]bool{}
		for i, tick := range ticks {
			slack := 1e-6 * (hi - lo)
			if tick.Value < lo-slack || tick.Value > hi+slack || i > 0 && tick.Value <= ticks[i-1].Value {
				t.Fatalf("tick %v in %v to %v", tick.Value, lo, hi)
			}
			if seen[tick.Label] && tick.Value < 1e6 && hi-lo > 1e-2 {
				t.Fatalf("label %q twice in %v to %v", tick.Label, lo, hi)
			}
			seen[tick.Label] = true
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		lo := math.Pow(10, rapid.Float64Range(-8, 4).Draw(t, "lo"))
		hi := lo * math.Pow(10, rapid.Float64Range(1.31, 12).Draw(t, "decades"))
		labels := 0
		for _, tick := range logTicks(lo, hi) {
			if tick.Value < lo || tick.Value > hi {
				t.Fatalf("tick %v in %v to %v", tick.Value, lo, hi)
			}
			if tick.Label != "" {
				labels++
			}
		}
		if labels < 2 || labels > 14 {
			t.Fatalf("%d labels in %v to %v", labels, lo, hi)
		}
	})
}
