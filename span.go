package tall

import (
	"fmt"
	"math"
)

// Span is a stretch of time, from Start to End, in the clock its holder states
// (frames or seconds).
type Span struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// Valid reports whether the span has finite ends and a positive length.
func (s Span) Valid() bool {
	return s.End > s.Start && !math.IsInf(s.Start, 0) && !math.IsInf(s.End, 0)
}

// Len is End - Start; negative when the span is reversed.
func (s Span) Len() float64 { return s.End - s.Start }

// Scale returns the span in a clock that ticks k times as fast.
func (s Span) Scale(k float64) Span { return Span{s.Start * k, s.End * k} }

// Compare orders spans by start, then by end.
func (s Span) Compare(o Span) int {
	switch {
	case s.Start < o.Start:
		return -1
	case s.Start > o.Start:
		return 1
	case s.End < o.End:
		return -1
	case s.End > o.End:
		return 1
	}
	return 0
}

func (s Span) String() string { return fmt.Sprintf("%g-%g", s.Start, s.End) }

// Intersection is the length that two spans share, 0 when they are disjoint.
func Intersection(a, b Span) float64 {
	return max(0, min(a.End, b.End)-max(a.Start, b.Start))
}

// IoU is the intersection over the true union, |a|+|b|-|a and b|, in [0, 1] for
// valid spans. The reference's suppression uses it (nms_temporal). Where the
// union is 0 (two points, or a point and its mirror) it is 0.
func IoU(a, b Span) float64 {
	inter := Intersection(a, b)
	union := a.Len() + b.Len() - inter
	if union == 0 {
		return 0
	}
	return inter / union
}

// HullIoU is the signed overlap over the hull (the smallest span that holds
// both): negative for disjoint spans, by their distance. For overlapping valid
// spans it equals [IoU]. The reference's recall and pair search use it
// (calculate_IoU). Where the hull is empty it is 0.
func HullIoU(a, b Span) float64 {
	hull := max(a.End, b.End) - min(a.Start, b.Start)
	if hull == 0 {
		return 0
	}
	return (min(a.End, b.End) - max(a.Start, b.Start)) / hull
}

// NIoL is the share of window w that lies outside truth g, (|w|-|w and g|)/|w|
// (Gao et al. 2017, section 3.3; the reference's calculate_nIoL). It is 1 for
// disjoint spans of any distance, as w then holds nothing of g.
func NIoL(w, g Span) float64 {
	if w.Len() == 0 {
		return 0
	}
	return (w.Len() - Intersection(w, g)) / w.Len()
}
