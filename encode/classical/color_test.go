package classical

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestLab_KnownColors(t *testing.T) {
	// Of sRGB's primaries under D65, to the two digits that color tables give.
	for rgb, want := range map[[3]float64][3]float64{
		{255, 0, 0}:     {53.24, 80.09, 67.20},
		{0, 255, 0}:     {87.73, -86.18, 83.18},
		{0, 0, 255}:     {32.30, 79.19, -107.86},
		{255, 255, 255}: {100, 0, 0},
		{0, 0, 0}:       {0, 0, 0},
	} {
		got := lab(rgb[0], rgb[1], rgb[2])
		for k := range got {
			if math.Abs(got[k]-want[k]) > 0.02 {
				t.Errorf("%v: %.2f, want %.2f", rgb, got, want)
				break
			}
		}
	}
}

func TestPalette_PrototypesBelongToTheirClass(t *testing.T) {
	p := oneThread().palette
	for i, c := range prototypes() {
		m := p.of(byte(c[0]), byte(c[1]), byte(c[2]))
		if int(m.class[0]) != i || m.weight[0] < share/2 {
			t.Errorf("prototype %d, %v: %v", i, c, *m)
		}
	}
}

func TestPalette_WeightsSumToOneShare(t *testing.T) {
	p := oneThread().palette
	for i, m := range p {
		sum := 0
		for k, w := range m.weight {
			sum += int(w)
			if m.class[k] >= Colors {
				t.Fatalf("color %d: %v", i, m)
			}
		}
		if sum != share {
			t.Fatalf("color %d: %v sums to %d", i, m, sum)
		}
	}
}

func TestAngle_IsTheArcTangent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float32Range(-1e3, 1e3).Draw(t, "x")
		y := rapid.Float32Range(-1e3, 1e3).Draw(t, "y")
		if max(x, -x)+max(y, -y) < 1e-30 {
			return // the ratio of two subnormal numbers tells nothing
		}
		want := math.Atan2(float64(y), float64(x)) * 4 / math.Pi
		if want < 0 {
			want += 8
		}
		got := float64(angle(x, y))
		off := math.Abs(got - want)
		if off = min(off, 8-off); off > 0.005 || got < 0 || got >= 8 { // the approximation's own error
			t.Fatalf("(%g, %g): %g, want %g", x, y, got, want)
		}
	})
	if angle(0, 0) != 0 {
		t.Error("the direction of nothing is not 0")
	}
}

func TestVote_KeepsTheWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{directions, orientations}).Draw(t, "n")
		a := rapid.Float32Range(0, float32(n)).Draw(t, "a")
		bins := make([]float32, n)
		vote(bins, a, 2)
		sum, used := 0.0, 0
		for _, v := range bins {
			sum += float64(v)
			if v != 0 {
				used++
			}
		}
		if math.Abs(sum-2) > 1e-5 || used > 2 { // float32
			t.Fatalf("%v", bins)
		}
	})
}

func TestLight_FindsTheGainBehindMovement(t *testing.T) {
	for _, want := range []float64{1, 0.8, 1.25, 1.5, 0.6} {
		f := &film{width: 160, height: 90, frames: 2, at: func(x, y float64, k int) [3]float64 {
			c := box(x, y, 50+20*float64(k), 45, 50, redColor, table(x+float64(k), y))
			if k == 1 {
				for i := range c {
					c[i] *= want
				}
			}
			return c
		}}
		a, b := f.still(0), f.still(1)
		got := newLight().gain(&a.pyramid.levels[0], &b.pyramid.levels[0])
		for _, g := range got {
			// Bins of 1.1 %, and values of about 100 rounded to whole numbers.
			if math.Abs(float64(g)-want) > 0.015*want {
				t.Errorf("%v, want %g", got, want)
				break
			}
		}
		if want == 1 && got != [3]float32{1, 1, 1} {
			t.Errorf("an unchanged light gives %v", got)
		}
	}
}
