package contrast

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"tall"
)

// means are those of groups of values, and the seconds of each group.
func means(curve []float64, group int) (spans []tall.Span, out []float32) {
	for from := 0; from < len(curve); from += group {
		to := min(from+group, len(curve))
		sum := 0.0
		for _, v := range curve[from:to] {
			sum += v
		}
		spans = append(spans, tall.Span{Start: float64(from), End: float64(to)})
		out = append(out, float32(sum/float64(to-from)))
	}
	return spans, out
}

// The estimate is near the score of the best moment, from all rows and from means of 8.
func TestIndex_Evidence(t *testing.T) {
	l := New(Options{})
	x := l.Index()
	// Scores are near 0.2. Of moments as short as a group, means keep about half.
	for group, tolerance := range map[int]float64{1: 0.03, 8: 0.06} {
		hits, sum, worst := 0, 0.0, 0.0
		const videos = 100
		for seed := range uint64(videos) {
			rng := rand.New(rand.NewPCG(seed, 1))
			n := 400 + rng.IntN(1500)
			curve := make([]float64, n)
			for i := range curve {
				curve[i] = 0.2 + 0.02*rng.NormFloat64()
			}
			length := 8 + rng.IntN(100)
			start := rng.IntN(n - length)
			for i := start; i < start+length; i++ {
				curve[i] += 0.1
			}
			p, err := l.PrepareVideo(t.Context(), withCurve(curve))
			if err != nil {
				t.Fatal(err)
			}
			exact, err := p.Best(t.Context(), []tall.Sentence{east})
			if err != nil {
				t.Fatal(err)
			}
			estimated, best := x.Evidence(means(curve, group))
			d := estimated - exact[0]
			sum, worst = sum+d/videos, max(worst, math.Abs(d))
			if tall.Intersection(best, tall.Span{Start: float64(start), End: float64(start + length)}) > 0 {
				hits++
			}
		}
		t.Logf("groups of %d: mean difference %.4f, at most %.4f; in the moment %d of %d times", group, sum, worst, hits, videos)
		if worst > tolerance || hits < videos*97/100 {
			t.Errorf("groups of %d: off by up to %g, in the moment %d of %d times", group, worst, hits, videos)
		}
	}
	if e, _ := x.Evidence(nil, nil); !math.IsInf(e, -1) {
		t.Error(e)
	}
	if e, best := x.Evidence(means([]float64{1, 1, 1, 1}, 1)); !math.IsInf(e, -1) || best.Valid() {
		t.Errorf("nothing stands out: %g %v", e, best)
	}
}

func TestIndex_Vectors(t *testing.T) {
	x := New(Options{}).Index()
	f := video([]float32{3, 4, 0, 0, 0, -2}, 2)
	f.FPS = 2 // ticks a second
	spans, v, err := x.Vectors(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 6)
	if err := v.Read(0, got); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{0.6, 0.8, 0, 0, 0, -1} {
		if math.Abs(float64(got[i]-want)) > 1e-6 { // of float32
			t.Errorf("%v", got)
			break
		}
	}
	if spans[2] != (tall.Span{Start: 1, End: 1.5}) {
		t.Error(spans)
	}
	probe, err := x.Probe(t.Context(), tall.Sentence{Vector: []float32{0, 5}}, nil)
	if err != nil || probe[1] != 1 {
		t.Error(probe, err)
	}
	if _, err := x.Probe(t.Context(), tall.Sentence{Vector: []float32{0, float32(math.NaN())}}, nil); !errors.Is(err, tall.ErrNotFinite) {
		t.Error(err)
	}
	f.Streams = append(f.Streams, f.Streams[0])
	if _, _, err := x.Vectors(t.Context(), f); !errors.Is(err, tall.ErrShape) {
		t.Error(err)
	}
}
