package tensor

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDotUnitRows_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			one, two := newTestCPU(t, 1, kernel), newTestCPU(t, 2, kernel)
			n, d, queries := rapid.IntRange(0, 9).Draw(t, "n"), rapid.IntRange(1, 70).Draw(t, "d"), rapid.IntRange(1, 3).Draw(t, "queries")
			value := rapid.Float32Range(-2, 2)
			rows := rapid.SliceOfN(value, n*d, n*d).Draw(t, "rows")
			q := rapid.SliceOfN(value, queries*d, queries*d).Draw(t, "q")
			got, again := make([]float32, queries*n), make([]float32, queries*n)
			one.DotUnitRows(got, rows, d, q)
			two.DotUnitRows(again, rows, d, q)
			if !slices.Equal(got, again) {
				t.Fatal("threads change the products")
			}
			for i := range queries {
				for r := range n {
					var dot, sum, size float64
					for k := range d {
						x, y := float64(rows[r*d+k]), float64(q[i*d+k])
						dot, sum, size = dot+x*y, sum+x*x, size+math.Abs(x*y)
					}
					root := math.Sqrt(max(sum, 1e-12))
					// Sums in another order, in float64, and one rounding to float32.
					if want := dot / root; math.Abs(float64(got[i*n+r])-want) > 1e-7*math.Abs(want)+1e-13*size/root+1e-44 {
						t.Fatalf("query %d, row %d: %g, want %g", i, r, got[i*n+r], want)
					}
				}
			}
		})
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			rows, got := make([]float32, 3*20), make([]float32, 3)
			rows[25] = bad
			q := make([]float32, 20)
			q[5], q[6] = 1, 1
			newTestCPU(t, 1, kernel).DotUnitRows(got, rows, 20, q)
			if got[0] != 0 || got[1] == got[1] || got[2] != 0 {
				t.Errorf("with %v: %v", bad, got)
			}
		}
	})
}
