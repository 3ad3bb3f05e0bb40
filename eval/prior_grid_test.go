package eval

import (
	"math"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"tall"
)

// bruteHits is the definition: the weight of the items that one of the cells hits.
func bruteHits(truths [][]tall.Span, items []weighted, iou float64, n int, cells ...cell) int {
	sum := 0
	for _, it := range items {
		hit := false
		for _, c := range cells {
			for _, s := range truths[it.item] {
				hit = hit || tall.HullIoU(c.span(n), s) >= iou
			}
		}
		if hit {
			sum += it.weight
		}
	}
	return sum
}

func allCells(n int) []cell {
	var out []cell
	for a := range n {
		for b := a + 1; b <= n; b++ {
			out = append(out, cell{a, b})
		}
	}
	return out
}

// drawTruths draws sentences whose spans often fall on the grid, where an
// overlap can equal the threshold.
func drawTruths(t *rapid.T, n int) ([][]tall.Span, []weighted) {
	point := rapid.OneOf(
		rapid.Float64Range(0, 1),
		rapid.Map(rapid.IntRange(0, n), func(i int) float64 { return float64(i) / float64(n) }),
	)
	truths := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) tall.Span {
		a, b := point.Draw(t, "a"), point.Draw(t, "b")
		if a == b {
			a, b = 0, 1
		}
		return tall.Span{Start: min(a, b), End: max(a, b)}
	}), 1, 4), 1, 12).Draw(t, "truths")
	items := make([]weighted, len(truths))
	for i := range items {
		items[i] = weighted{int32(i), rapid.IntRange(1, 30).Draw(t, "weight")}
	}
	return truths, items
}

var anyIoU = rapid.SampledFrom([]float64{0.1, 0.3, 0.5, 0.7, 0.95, 1})

// The ranges and sums find what trying all spans finds, to the sentence.
func TestHitGrid_BestIsThatOfBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 24).Draw(t, "n")
		truths, items := drawTruths(t, n)
		iou := anyIoU.Draw(t, "iou")
		g := newHitGrid(truths, iou, n)
		most, first, widest := 0, cell{0, n}, -1.0
		for _, c := range allCells(n) {
			h := bruteHits(truths, items, iou, n, c)
			wide := 0.0 // what it overlaps the items that it hits
			for _, it := range items {
				if one := []weighted{it}; bruteHits(truths, one, iou, n, c) > 0 {
					wide += overlapSum(c.span(n), truths, one)
				}
			}
			if h > most || h == most && h > 0 && wide > widest {
				most, first, widest = h, c, wide
			}
			for _, it := range items {
				if got, want := g.hits(c, it.item), bruteHits(truths, []weighted{{it.item, 1}}, iou, n, c) > 0; got != want {
					t.Fatalf("%v hits item %d: %v, want %v", c, it.item, got, want)
				}
			}
		}
		c, got := g.best(items, func(int) bool { return false })
		if got != most || c != first {
			t.Fatalf("best %v with %d, brute force has %v with %d", c, got, first, most)
		}
	})
}

// The list begins with the best span; what each adds never rises and sums to
// what all hit; no exchange of one of the first five hits more.
func TestHitGrid_Cover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "n")
		truths, items := drawTruths(t, n)
		iou := anyIoU.Draw(t, "iou")
		g := newHitGrid(truths, iou, n)
		top := rapid.IntRange(1, 8).Draw(t, "top")
		chosen, gains := g.cover(items, top)
		if len(chosen) > top {
			t.Fatalf("%d spans, want at most %d", len(chosen), top)
		}
		if _, most := g.best(items, func(int) bool { return false }); len(gains) > 0 && gains[0] != most {
			t.Fatalf("the first hits %d, the best %d", gains[0], most)
		}
		sum := 0
		for i := range gains {
			if i > 0 && gains[i] > gains[i-1] {
				t.Fatalf("gains rise: %v", gains)
			}
			sum += gains[i]
			if want := bruteHits(truths, items, iou, n, chosen[:i+1]...); sum != want {
				t.Fatalf("the first %d hit %d, gains %v", i+1, want, gains)
			}
		}
		five := chosen[:min(exchanged, len(chosen))]
		had := bruteHits(truths, items, iou, n, five...)
		for i := 1; i < len(five); i++ {
			other := append([]cell(nil), five...)
			for _, other[i] = range allCells(n) {
				if h := bruteHits(truths, items, iou, n, other...); h > had {
					t.Fatalf("%v in place %d hits %d, more than %d", other[i], i, h, had)
				}
			}
		}
	})
}

// Greed finds at least 1-(1-1/k)^k of what the best k spans hit together
// (Nemhauser et al. 1978); brute force over all sets of three.
func TestHitGrid_CoverIsNearTheBestSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n, k = 6, 3
		truths, items := drawTruths(t, n)
		iou := anyIoU.Draw(t, "iou")
		chosen, gains := newHitGrid(truths, iou, n).cover(items, k)
		got := 0
		for _, v := range gains {
			got += v
		}
		cells := allCells(n)
		mask := make([]uint, len(cells)) // which items a cell hits
		for i, c := range cells {
			for j, it := range items {
				if bruteHits(truths, []weighted{it}, iou, n, c) > 0 {
					mask[i] |= 1 << j
				}
			}
		}
		most := 0
		for a := range cells {
			for b := range a + 1 {
				for c := range b + 1 {
					sum := 0
					for m := mask[a] | mask[b] | mask[c]; m != 0; m &= m - 1 {
						sum += items[bits.TrailingZeros(m)].weight
					}
					most = max(most, sum)
				}
			}
		}
		if float64(got) < (1-math.Pow(1-1.0/k, k))*float64(most) {
			t.Fatalf("%v hit %d, the best set hits %d", chosen, got, most)
		}
	})
}

func TestMeanGrid_BestIsNotBeaten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 10).Draw(t, "n")
		truths, items := drawTruths(t, n)
		split := rapid.IntRange(0, len(items)).Draw(t, "background")
		_, got := newMeanGrid(truths, items[:split], n).best(items[split:])
		for _, c := range allCells(n) {
			sum, total := 0.0, 0
			for _, it := range items {
				v := 0.0
				for _, s := range truths[it.item] {
					v = max(v, tall.IoU(c.span(n), s))
				}
				sum, total = sum+v*float64(it.weight), total+it.weight
			}
			if m := sum / float64(total); m > got+1e-12 { // sums of at most 12 terms in another form
				t.Fatalf("%v has %v, the best %v", c, m, got)
			}
		}
	})
}
