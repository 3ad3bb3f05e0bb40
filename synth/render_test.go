package synth

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNormal_HasMomentsOfTheNormalDistribution(t *testing.T) {
	src := rand.NewPCG(1, 2)
	const n = 1 << 20
	var sum, squares, fourth, beyond float64
	for range n {
		x := float64(normal(src))
		sum += x
		squares += x * x
		fourth += x * x * x * x
		if math.Abs(x) > 1.96 {
			beyond++
		}
	}
	// Deviations of these estimates: 0.001, 0.0013, 0.007.
	if mean, variance := sum/n, squares/n; math.Abs(mean) > 0.005 || math.Abs(variance-1) > 0.006 {
		t.Errorf("mean %.4f, variance %.4f", mean, variance)
	}
	// Irwin and Hall: kurtosis 3 - 6/(5 x 4) = 2.7.
	if k := fourth / n; math.Abs(k-2.7) > 0.04 {
		t.Errorf("kurtosis %.3f, want 2.7", k)
	}
	if share := beyond / n; math.Abs(share-0.05) > 0.01 {
		t.Errorf("%.3f lie beyond 1.96 deviations, want about 0.05", share)
	}
}

// The features look like C3D fc6 of TACoS's s27-d50: 73.2 % zeros, mean 0.626,
// deviation 1.460, mean norm 101.3 (measured over its 136 windows).
func TestStage_FeaturesLookLikeC3D(t *testing.T) {
	o, err := Preset("small")
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCorpus(o)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(&o)
	x := make([]float32, o.Dims.Feature)
	var n, zeros, sum, squares, norms, windows float64
	for i := range 6 {
		s := w.stage(&c.videos[i])
		for start, end := range grid(c.videos[i].frames, testLengths) {
			s.window(x, start, end)
			norm := 0.0
			for _, v := range x {
				if v == 0 {
					zeros++
				}
				sum += float64(v)
				norm += float64(v) * float64(v)
			}
			n += float64(len(x))
			squares += norm
			norms += math.Sqrt(norm)
			windows++
		}
	}
	mean := sum / n
	deviation := math.Sqrt(squares/n - mean*mean)
	t.Logf("zeros %.3f, mean %.3f, deviation %.3f, norm %.1f", zeros/n, mean, deviation, norms/windows)
	// Within a tenth: how alike is a matter of taste, the order is not.
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"share of zeros", zeros / n, 0.732},
		{"mean", mean, 0.626},
		{"deviation", deviation, 1.460},
		{"mean norm", norms / windows, 101.3},
	} {
		if math.Abs(c.got/c.want-1) > 0.1 {
			t.Errorf("%s %.3f, the real features have %.3f", c.name, c.got, c.want)
		}
	}
}

func TestWorld_SentencesLookLikeSkipThought(t *testing.T) {
	o, err := Preset("small")
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCorpus(o)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(&o)
	v := &c.videos[0]
	var all [][]float32
	for _, clip := range v.clips {
		for k := range clip.phrasings {
			x := w.sentence(v, clip, k)
			half := len(x) / 2
			for _, part := range [][]float32{x[:half], x[half:]} {
				// float32 rounds each of 2400 squares: the sum is off by 1e-7 or so.
				if norm := math.Sqrt(dot(part, part)); math.Abs(norm-1) > 1e-5 {
					t.Fatalf("a half has norm %.7f", norm)
				}
			}
			all = append(all, x)
		}
	}
	// Real ones: 0.62 to 0.92 between the sentences of s27-d50.
	var cosines []float64
	for i := range all {
		for j := range i {
			cosines = append(cosines, dot(all[i], all[j])/2)
		}
	}
	slices.Sort(cosines)
	if low, high := cosines[0], cosines[len(cosines)-1]; low < 0.3 || high > 0.98 {
		t.Errorf("cosines between sentences run from %.2f to %.2f", low, high)
	}
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func BenchmarkStage_Window(b *testing.B) {
	o, err := Preset("small")
	if err != nil {
		b.Fatal(err)
	}
	c, err := newCorpus(o)
	if err != nil {
		b.Fatal(err)
	}
	s := newWorld(&o).stage(&c.videos[0])
	x := make([]float32, o.Dims.Feature)
	b.SetBytes(int64(4 * len(x)))
	for b.Loop() {
		s.window(x, 100, 356)
	}
}
