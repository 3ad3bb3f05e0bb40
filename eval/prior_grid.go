package eval

import (
	"cmp"
	"slices"

	"tall"
)

// A span on the grid is a pair of indices a < b: from a/n to b/n of the video.
type cell struct{ a, b int }

func (c cell) span(n int) tall.Span {
	return tall.Span{Start: float64(c.a) / float64(n), End: float64(c.b) / float64(n)}
}

// hitGrid knows for sentences which spans of the grid hit them at one IoU.
//
// For a fixed start the overlap with a truth first rises and then falls as the
// end moves to the right, and rounding keeps that order, so that the ends that
// hit are a range. The ranges are found with [tall.HullIoU] itself: what counts
// here as a hit is what [Scorer] counts. With them the hits of all n(n+1)/2 spans
// are one sum over differences, and the best span is exact.
type hitGrid struct {
	truths [][]tall.Span // (items)
	n      int           // spans begin at 0..n-1 and end at 1..n
	first  []int32       // (items+1) index of an item's first truth in ends
	ends   []int16       // (truths, n, 2) first and last end that hit, by start; first > last: none
	diff   []int         // (n, n+2) scratch
}

// newHitGrid prepares the sentences' truths, in shares of the video's length.
func newHitGrid(truths [][]tall.Span, iou float64, n int) *hitGrid {
	g := &hitGrid{truths: truths, n: n, first: make([]int32, len(truths)+1), diff: make([]int, n*(n+2))}
	total := 0
	for i, t := range truths {
		total += len(t)
		g.first[i+1] = int32(total)
	}
	g.ends = make([]int16, 0, 2*n*total)
	for _, truth := range truths {
		for _, s := range truth {
			for a := range n {
				lo, hi := endsThatHit(s, iou, a, n)
				g.ends = append(g.ends, int16(lo), int16(hi))
			}
		}
	}
	return g
}

// endsThatHit returns the first and the last b for which the span from a/n to
// b/n overlaps truth by iou or more; 1, 0 where there is none.
func endsThatHit(truth tall.Span, iou float64, a, n int) (lo, hi int) {
	hit := func(b int) bool { return tall.HullIoU(cell{a, b}.span(n), truth) >= iou }
	// The overlap is largest at the end of the grid next to the truth's, on
	// either side.
	peak := min(max(int(truth.End*float64(n)), a+1), n)
	if !hit(peak) {
		if peak == n || !hit(peak+1) {
			return 1, 0
		}
		peak++
	}
	// Bisection: misses before the range, hits in it, misses after it.
	below, in := a, peak
	for in-below > 1 {
		if mid := (below + in) / 2; hit(mid) {
			in = mid
		} else {
			below = mid
		}
	}
	lo = in
	in, above := peak, n+1
	for above-in > 1 {
		if mid := (above + in) / 2; hit(mid) {
			in = mid
		} else {
			above = mid
		}
	}
	return lo, in
}

// hits tells whether a span hits an item.
func (g *hitGrid) hits(c cell, item int32) bool {
	for t := g.first[item]; t < g.first[item+1]; t++ {
		at := 2 * (int(t)*g.n + c.a)
		if int(g.ends[at]) <= c.b && c.b <= int(g.ends[at+1]) {
			return true
		}
	}
	return false
}

// weighted is an item of the grid and how much it counts.
type weighted struct {
	item   int32
	weight int
}

// best returns the span that hits the most weight among the items that skip
// leaves. Equals are common where sentences are few: of these the one that
// overlaps what it hits most, as one from the middle is likelier to hit what was
// not seen; then the first by (start, end). Where nothing is hit, most is 0.
func (g *hitGrid) best(items []weighted, skip func(k int) bool) (top cell, most int) {
	clear(g.diff)
	width := g.n + 2
	left := make([]weighted, 0, len(items))
	for k, it := range items {
		if skip(k) {
			continue
		}
		left = append(left, it)
		from, to := g.first[it.item], g.first[it.item+1]
		if to-from == 1 {
			ends := g.ends[2*int(from)*g.n:][:2*g.n]
			for a := range g.n {
				if lo, hi := ends[2*a], ends[2*a+1]; lo <= hi {
					g.diff[a*width+int(lo)] += it.weight
					g.diff[a*width+int(hi)+1] -= it.weight
				}
			}
			continue
		}
		for a := range g.n {
			g.addUnion(a, from, to, it.weight)
		}
	}
	var equal []cell
	for a := range g.n {
		sum := 0
		for b, d := range g.diff[a*width:][:g.n+1] {
			if sum += d; sum > most {
				equal, most = equal[:0], sum
			}
			if sum == most && most > 0 {
				equal = append(equal, cell{a, b})
			}
		}
	}
	switch len(equal) {
	case 0:
		return cell{0, g.n}, 0
	case 1:
		return equal[0], most
	}
	widest, hit := -1.0, make([]weighted, 0, len(left))
	for _, c := range equal {
		hit = hit[:0]
		for _, it := range left {
			if g.hits(c, it.item) {
				hit = append(hit, it)
			}
		}
		if v := overlapSum(c.span(g.n), g.truths, hit); v > widest {
			top, widest = c, v
		}
	}
	return top, most
}

// addUnion adds an item of several truths, which a span hits once at most.
func (g *hitGrid) addUnion(a int, from, to int32, weight int) {
	var room [8][2]int
	ranges := room[:0]
	for t := from; t < to; t++ {
		at := 2 * (int(t)*g.n + a)
		if lo, hi := int(g.ends[at]), int(g.ends[at+1]); lo <= hi {
			ranges = append(ranges, [2]int{lo, hi})
		}
	}
	slices.SortFunc(ranges, func(x, y [2]int) int { return cmp.Compare(x[0], y[0]) })
	row, done := g.diff[a*(g.n+2):], 0
	for _, r := range ranges {
		if lo := max(r[0], done+1); lo <= r[1] {
			row[lo] += weight
			row[r[1]+1] -= weight
			done = r[1]
		}
	}
}

// cover chooses up to top spans. The first is the best single one. Those up to
// the fifth are chosen so that together they hit the most: each the best for
// what the ones before it leave, then exchanged while an exchange of one of them
// hits more. More spans follow greedily. gains are what each adds to those
// before it; they never rise.
//
// The best first span is exact. The best five would be a maximum coverage
// problem, which is NP-hard; what greed finds is at least 1-1/e of it.
func (g *hitGrid) cover(items []weighted, top int) (chosen []cell, gains []int) {
	count := make([]int, len(items)) // how many of chosen hit the item
	change := func(c cell, by int) {
		for k, it := range items {
			if g.hits(c, it.item) {
				count[k] += by
			}
		}
	}
	missed := func(k int) bool { return count[k] > 0 }
	grow := func(limit int) {
		for len(chosen) < limit {
			c, gain := g.best(items, missed)
			if gain == 0 {
				return
			}
			chosen = append(chosen, c)
			change(c, 1)
		}
	}
	grow(min(top, exchanged))
	for again := len(chosen) > 1; again; {
		again = false
		for i := 1; i < len(chosen); i++ {
			old := chosen[i]
			change(old, -1)
			was := 0
			for k, it := range items {
				if count[k] == 0 && g.hits(old, it.item) {
					was += it.weight
				}
			}
			c, gain := g.best(items, missed)
			if gain <= was {
				c = old
			} else {
				again = true // terminates: the weight that is hit grows
			}
			chosen[i] = c
			change(c, 1)
		}
	}
	g.order(items, chosen)
	grow(top)
	return chosen, g.gains(items, chosen)
}

// exchanged is how many spans are chosen together: R@5 is what the field reports.
const exchanged = 5

// order puts the spans after the first in the order of what they add.
func (g *hitGrid) order(items []weighted, chosen []cell) {
	left := slices.Clone(items)
	drop := func(c cell) {
		left = slices.DeleteFunc(left, func(it weighted) bool { return g.hits(c, it.item) })
	}
	for i := range chosen {
		if i > 0 {
			at, most := i, -1
			for j := i; j < len(chosen); j++ {
				sum := 0
				for _, it := range left {
					if g.hits(chosen[j], it.item) {
						sum += it.weight
					}
				}
				if sum > most {
					at, most = j, sum
				}
			}
			chosen[i], chosen[at] = chosen[at], chosen[i]
		}
		drop(chosen[i])
	}
}

func (g *hitGrid) gains(items []weighted, chosen []cell) []int {
	out := make([]int, len(chosen))
	for _, it := range items {
		for i, c := range chosen {
			if g.hits(c, it.item) {
				out[i] += it.weight
				break
			}
		}
	}
	return out
}

// meanGrid finds spans by their mean overlap. Groups of sentences share a
// background, whose sums are made once.
type meanGrid struct {
	truths     [][]tall.Span // (items)
	n          int
	background []float64 // (n(n+1)/2) weighted overlap with each span, by (start, end)
	weight     int       // of the background
}

func newMeanGrid(truths [][]tall.Span, background []weighted, n int) *meanGrid {
	g := &meanGrid{truths: truths, n: n, background: make([]float64, 0, n*(n+1)/2)}
	for _, it := range background {
		g.weight += it.weight
	}
	for a := range n {
		for b := a + 1; b <= n; b++ {
			g.background = append(g.background, overlapSum(cell{a, b}.span(n), truths, background))
		}
	}
	return g
}

// best returns the span with the largest weighted mean overlap with the items
// and the background, disjoint spans counted as 0, the first by (start, end)
// among equals.
func (g *meanGrid) best(items []weighted) (top cell, mean float64) {
	total := g.weight
	for _, it := range items {
		total += it.weight
	}
	most, i := -1.0, 0
	for a := range g.n {
		for b := a + 1; b <= g.n; b++ {
			if v := g.background[i] + overlapSum(cell{a, b}.span(g.n), g.truths, items); v > most {
				top, most = cell{a, b}, v
			}
			i++
		}
	}
	return top, most / float64(max(total, 1))
}

// overlapSum is the weighted sum of what a span overlaps each item's best truth.
func overlapSum(s tall.Span, truths [][]tall.Span, items []weighted) float64 {
	sum := 0.0
	for _, it := range items {
		truth := truths[it.item]
		v := tall.HullIoU(s, truth[0])
		if len(truth) > 1 {
			v = best(s, truth)
		}
		if v > 0 {
			sum += float64(float64(it.weight) * v) // not fused: the same on every processor
		}
	}
	return sum
}
