package library

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tall"
)

// The sweep gives, for each time, the best of the windows that hold it.
func TestSweep(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := tall.Scored{FPS: rapid.SampledFrom([]float64{1, 2, 29.4}).Draw(rt, "fps")}
		for range rapid.IntRange(0, 30).Draw(rt, "windows") {
			start := float64(rapid.IntRange(0, 40).Draw(rt, "start"))
			s.Windows = append(s.Windows, tall.Span{Start: start, End: start + float64(rapid.IntRange(0, 20).Draw(rt, "length"))})
			s.Scores = append(s.Scores, float32(rapid.IntRange(-5, 5).Draw(rt, "score")))
		}
		n := rapid.IntRange(1, 60).Draw(rt, "parts")
		var c Curve
		c.draw(20, n, []tall.Scored{s})
		least := float32(0)
		if len(s.Scores) > 0 {
			least = slices.Min(s.Scores)
		}
		for i, at := range c.Times {
			want := least
			for k, w := range s.Windows {
				if w.Start <= at*s.FPS && at*s.FPS < w.End {
					want = max(want, s.Scores[k])
				}
			}
			if c.Scores[i] != want {
				rt.Fatalf("at %g: %g, want %g", at, c.Scores[i], want)
			}
		}
	})
}

func TestSequences(t *testing.T) {
	hit := func(start, end, alarm float64) Hit {
		return Hit{Span: tall.Span{Start: start, End: end}, alarm: alarm, z: -math.Log(alarm), Score: float32(1 - alarm), Confidence: 1 - alarm}
	}
	first := []Hit{hit(50, 60, 0.01), hit(10, 20, 0.02), hit(0, 5, 0.3)}
	second := []Hit{hit(15, 30, 0.001), hit(20, 25, 0.05), hit(70, 80, 0.2)}
	got := sequences([][]Hit{first, second})
	// 15-30 has only 0-5 before it; 20-25 follows 10-20; 70-80 follows the best, 50-60.
	want := [][]tall.Span{
		{{Start: 0, End: 5}, {Start: 15, End: 30}},
		{{Start: 10, End: 20}, {Start: 20, End: 25}},
		{{Start: 50, End: 60}, {Start: 70, End: 80}},
	}
	alarms := []float64{0.3, 0.05, 0.2}
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	for i, h := range got {
		if !slices.Equal(h.Parts, want[i]) || h.alarm != alarms[i] || h.Span != (tall.Span{Start: want[i][0].Start, End: want[i][1].End}) || h.Confidence != 1-alarms[i] {
			t.Errorf("%+v, want %v with alarm %g", h, want[i], alarms[i])
		}
	}
	if got := sequences([][]Hit{first}); !slices.Equal(got[0].Parts, nil) || len(got) != 3 {
		t.Errorf("one sentence: %+v", got)
	}
	if got := sequences([][]Hit{second, {hit(0, 1, 0.1)}}); len(got) != 0 {
		t.Errorf("nothing follows: %+v", got)
	}
	if got := without([][]Hit{first}, [][]Hit{{hit(49, 61, 0.005), hit(10, 20, 0.1)}}); len(got[0]) != 2 || got[0][0].Span.Start != 10 {
		t.Errorf("excluded: %+v", got)
	}
}

func TestBankScores(t *testing.T) {
	in := BankScores{1.5, math.Inf(-1), -2, 0}
	text, err := in.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var out BankScores
	if err := out.UnmarshalText(text); err != nil || !slices.Equal(in, out) {
		t.Errorf("%v, %v", out, err)
	}
	for _, bad := range []string{"AAA", "!", "AAAAAAA="} {
		if err := out.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, out)
		}
	}
}
