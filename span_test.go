package tall_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tall"
)

// counted computes overlaps by counting the unit cells of whole-number spans.
func counted(a, b tall.Span) (inter, union int) {
	for x := -60; x < 60; x++ {
		c := float64(x)
		inA, inB := c >= a.Start && c < a.End, c >= b.Start && c < b.End
		if inA && inB {
			inter++
		}
		if inA || inB {
			union++
		}
	}
	return inter, union
}

func drawSpan(t *rapid.T, name string) tall.Span {
	start := rapid.IntRange(-50, 40).Draw(t, name+".start")
	return tall.Span{Start: float64(start), End: float64(start + rapid.IntRange(1, 15).Draw(t, name+".len"))}
}

func TestIoU_AgainstCounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSpan(t, "a"), drawSpan(t, "b")
		inter, union := counted(a, b)
		if got := tall.Intersection(a, b); got != float64(inter) {
			t.Fatalf("Intersection(%v, %v) = %v, want %d", a, b, got, inter)
		}
		if got, want := tall.IoU(a, b), float64(inter)/float64(union); got != want {
			t.Fatalf("IoU(%v, %v) = %v, want %v", a, b, got, want)
		}
		if got, want := tall.NIoL(a, b), (a.Len()-float64(inter))/a.Len(); got != want {
			t.Fatalf("NIoL(%v, %v) = %v, want %v", a, b, got, want)
		}
		hull := tall.HullIoU(a, b)
		if inter > 0 && hull != tall.IoU(a, b) {
			t.Fatalf("HullIoU(%v, %v) = %v of overlapping spans, want their IoU %v", a, b, hull, tall.IoU(a, b))
		}
		if inter == 0 && hull > 0 {
			t.Fatalf("HullIoU(%v, %v) = %v of disjoint spans, want at most 0", a, b, hull)
		}
		if tall.IoU(a, b) != tall.IoU(b, a) || hull != tall.HullIoU(b, a) {
			t.Fatalf("overlap of %v and %v is not symmetric", a, b)
		}
	})
}

func TestHullIoU_DisjointIsNegativeByDistance(t *testing.T) {
	got := tall.HullIoU(tall.Span{Start: 0, End: 10}, tall.Span{Start: 20, End: 40})
	if want := -0.25; got != want {
		t.Errorf("HullIoU = %v, want %v", got, want)
	}
}

func TestSpan_Valid(t *testing.T) {
	inf := math.Inf(1)
	for span, want := range map[tall.Span]bool{
		{Start: 0, End: 1}: true, {Start: 1, End: 1}: false, {Start: 2, End: 1}: false,
		{Start: 0, End: inf}: false, {Start: math.NaN(), End: 1}: false, {Start: 0, End: math.NaN()}: false,
	} {
		if got := span.Valid(); got != want {
			t.Errorf("%v.Valid() = %v, want %v", span, got, want)
		}
	}
}

// suppressReference is nms_temporal of the reference, loop for loop: a stable
// ascending sort whose last element is taken until none is left.
func suppressReference(spans []tall.Span, scores []float32, threshold float64) []int {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return 0
	})
	var pick []int
	for len(order) > 0 {
		i := order[len(order)-1]
		pick = append(pick, i)
		var rest []int
		for _, j := range order[:len(order)-1] {
			inter := max(0, min(spans[i].End, spans[j].End)-max(spans[i].Start, spans[j].Start))
			if inter/(spans[i].Len()+spans[j].Len()-inter) <= threshold {
				rest = append(rest, j)
			}
		}
		order = rest
	}
	return pick
}

func TestSuppress_AgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 25).Draw(t, "n")
		spans, scores := make([]tall.Span, n), make([]float32, n)
		for i := range spans {
			spans[i] = drawSpan(t, "span")
			scores[i] = float32(rapid.IntRange(0, 6).Draw(t, "score")) // few values: many ties
		}
		threshold := float64(rapid.IntRange(0, 10).Draw(t, "threshold")) / 10
		want := suppressReference(spans, scores, threshold)
		if got := tall.Suppress(spans, scores, threshold, 0); !slices.Equal(got, want) {
			t.Fatalf("Suppress(%v, %v, %v) = %v, want %v", spans, scores, threshold, got, want)
		}
		top := rapid.IntRange(1, 5).Draw(t, "top")
		if got := tall.Suppress(spans, scores, threshold, top); !slices.Equal(got, want[:min(top, len(want))]) {
			t.Fatalf("Suppress(top %d) = %v, want the head of %v", top, got, want)
		}
	})
}

func TestSuppress_NaNScoresComeLast(t *testing.T) {
	spans := []tall.Span{{Start: 0, End: 1}, {Start: 5, End: 6}, {Start: 9, End: 10}}
	scores := []float32{float32(math.NaN()), -3, float32(math.Inf(-1))}
	if got, want := tall.Suppress(spans, scores, 0.5, 0), []int{1, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("Suppress = %v, want %v", got, want)
	}
}

func ExampleSuppress() {
	windows := []tall.Span{{Start: 1, End: 129}, {Start: 26, End: 154}, {Start: 201, End: 329}}
	scores := []float32{0.9, 0.7, 0.2}
	for _, i := range tall.Suppress(windows, scores, 0.45, 5) {
		fmt.Println(windows[i], scores[i])
	}
	// Output:
	// 1-129 0.9
	// 201-329 0.2
}

func ExampleIoU() {
	fmt.Printf("%.3f\n", tall.IoU(tall.Span{Start: 0, End: 10}, tall.Span{Start: 5, End: 15}))
	// Output: 0.333
}
