package eval

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"tall"
)

// NMS is the choice of suppression before recall. The zero value is [Moving].
type NMS struct {
	kind  nmsKind
	fixed float64
}

type nmsKind int

const (
	moving nmsKind = iota
	fixed
	none
)

// margin is what the reference takes off a metric's IoU to get the threshold of
// its suppression.
const margin = 0.05

// Moving suppresses at the metric's IoU less 0.05, as the reference does.
func Moving() NMS { return NMS{} }

// Fixed suppresses at one threshold for every metric.
func Fixed(threshold float64) NMS { return NMS{fixed, threshold} }

// None takes the ranking as it is, which suits lists that were suppressed when
// they were made.
func None() NMS { return NMS{kind: none} }

// ParseNMS reads "moving", "none" or a number from 0 to 1.
func ParseNMS(text string) (NMS, error) {
	switch text {
	case "", "moving":
		return Moving(), nil
	case "none":
		return None(), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return NMS{}, fmt.Errorf("suppression %q: want moving (the metric's IoU less %g), none, or a threshold from 0 to 1", text, margin)
	}
	return Fixed(v), nil
}

func (n NMS) String() string {
	switch n.kind {
	case fixed:
		return strconv.FormatFloat(n.fixed, 'g', -1, 64)
	case none:
		return "none"
	}
	return "moving"
}

// Threshold is the suppression threshold for the metric at IoU t; ok is false
// where there is none.
func (n NMS) Threshold(t float64) (threshold float64, ok bool) {
	switch n.kind {
	case fixed:
		return n.fixed, true
	case none:
		return 0, false
	}
	return t - margin, true
}

// Options choose the metrics. Empty lists stand for the reference's.
type Options struct {
	IoU []float64 // thresholds t, ascending; the Paddle port: 0.1, 0.3, 0.5, 0.7
	Top []int     // n of R@n, ascending; the reference: 1, 5, 10
	NMS NMS
}

func (o *Options) fill() error {
	if len(o.IoU) == 0 {
		o.IoU = []float64{0.1, 0.3, 0.5, 0.7}
	}
	if len(o.Top) == 0 {
		o.Top = []int{1, 5, 10}
	}
	o.IoU, o.Top = slices.Clone(o.IoU), slices.Clone(o.Top)
	slices.Sort(o.IoU)
	slices.Sort(o.Top)
	o.IoU, o.Top = slices.Compact(o.IoU), slices.Compact(o.Top)
	for _, t := range o.IoU {
		if !(t > 0 && t <= 1) {
			return fmt.Errorf("IoU threshold %v: want a number above 0, at most 1", t)
		}
	}
	if o.Top[0] < 1 {
		return fmt.Errorf("recall at %d: want n of 1 or more", o.Top[0])
	}
	return nil
}

// Scorer accumulates sentences into a [Table]. It is not safe for concurrent use.
type Scorer struct {
	table   Table
	rows    map[string]int // video to its row
	ranked  []tall.Span    // the answer's spans, best first
	falling []float32      // 0, -1, -2, ...: scores of what is ranked already
}

// NewScorer returns an empty scorer for the metrics of o.
func NewScorer(o Options) (*Scorer, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	s := &Scorer{rows: map[string]int{}}
	s.table = Table{IoU: o.IoU, Top: o.Top, NMS: o.NMS, Total: newRow("", o)}
	return s, nil
}

// Add scores one sentence: all moments that a localizer considered, and the
// example that holds the truth. Where their clocks differ the truth is brought
// into the answer's. It refuses an answer about another video and an example
// without truth, by an error that wraps [tall.ErrShape] or [tall.ErrMissing].
func (s *Scorer) Add(answer tall.Scored, truth tall.Example) error {
	if len(answer.Spans) != len(answer.Scores) {
		return fmt.Errorf("%w: %s: %d spans and %d scores", tall.ErrShape, answer.Video, len(answer.Spans), len(answer.Scores))
	}
	if answer.Video != truth.Video {
		return fmt.Errorf("%w: sentence %s belongs to video %s, the answer is about %s", tall.ErrShape, truth.ID, truth.Video, answer.Video)
	}
	spans := truth.Truth
	if ticks(answer.FPS) != ticks(truth.FPS) {
		spans = truth.Seconds()
		for i := range spans {
			spans[i] = spans[i].Scale(ticks(answer.FPS))
		}
	}
	order := tall.Rank(answer.Scores)
	s.ranked = s.ranked[:0]
	for _, i := range order {
		s.ranked = append(s.ranked, answer.Spans[i])
	}
	bad := slices.ContainsFunc(answer.Scores, func(v float32) bool { return notFinite(float64(v)) })
	return s.add(truth, s.ranked, spans, bad)
}

// AddPrediction scores one line of predictions, ranked as it is listed, in the
// clock of the example. It is how [Score] compares by TALL's protocol, so that
// what was added here and what a file of the same lines scores are the same.
func (s *Scorer) AddPrediction(p Prediction, truth tall.Example) error {
	if p.Video != truth.Video {
		return fmt.Errorf("%w: sentence %s belongs to video %s, the prediction is about %s", tall.ErrShape, truth.ID, truth.Video, p.Video)
	}
	bad := slices.ContainsFunc(p.Moments, func(m Found) bool { return notFinite(m.Score) })
	return s.add(truth, listed(&p, truth.FPS), truth.Truth, bad)
}

func ticks(fps float64) float64 {
	if fps == 0 {
		return 1
	}
	return fps
}

func notFinite(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// add scores a ranking, best first.
func (s *Scorer) add(e tall.Example, ranked, truth []tall.Span, bad bool) error {
	if len(truth) == 0 {
		return fmt.Errorf("%w: sentence %s of %s has no truth to be scored against", tall.ErrMissing, e.ID, e.Video)
	}
	t := &s.table
	at, ok := s.rows[e.Video]
	if !ok {
		at = len(t.Videos)
		s.rows[e.Video] = at
		t.Videos = append(t.Videos, newRow(e.Video, Options{IoU: t.IoU, Top: t.Top}))
	}
	row := &t.Videos[at]
	most := t.Top[len(t.Top)-1]

	for i, iou := range t.IoU {
		first := slices.IndexFunc(s.kept(ranked, iou, most), func(k int) bool { return best(ranked[k], truth) >= iou })
		if first < 0 {
			continue
		}
		for j, n := range t.Top {
			if first < n {
				row.Hits[i][j]++
				t.Total.Hits[i][j]++
			}
		}
	}
	overlap := 0.0
	if len(ranked) > 0 { // the first moment survives any suppression
		overlap = max(0, best(ranked[0], truth))
	}
	bad = bad || slices.ContainsFunc(ranked, func(m tall.Span) bool { return notFinite(m.Start) || notFinite(m.End) })
	for _, r := range []*Row{row, &t.Total} {
		r.Sentences++
		r.sumIoU += overlap
		if bad {
			r.NotFinite++
		}
		if len(ranked) == 0 {
			r.Empty++
		}
	}
	return nil
}

// kept returns the indices of the moments that remain for the metric at iou,
// best first, at most most.
func (s *Scorer) kept(ranked []tall.Span, iou float64, most int) []int {
	for len(s.falling) < max(len(ranked), most) {
		s.falling = append(s.falling, -float32(len(s.falling)))
	}
	threshold, ok := s.table.NMS.Threshold(iou)
	if !ok {
		threshold = math.Inf(1) // nothing overlaps by more
	}
	// The ranking is made once for all thresholds: with scores that fall along
	// it, the sort within Suppress is a single pass.
	return tall.Suppress(ranked, s.falling[:len(ranked)], threshold, most)
}

// best is the largest overlap of m with one of the truths. An overlap with
// something that is not a number counts as none.
func best(m tall.Span, truth []tall.Span) float64 {
	top := math.Inf(-1)
	for _, g := range truth {
		if v := tall.HullIoU(m, g); v > top {
			top = v
		}
	}
	return top
}

// Table returns what was added so far. It is a copy.
func (s *Scorer) Table() *Table {
	t := s.table
	t.IoU, t.Top = slices.Clone(t.IoU), slices.Clone(t.Top)
	t.Total = t.Total.clone()
	t.Videos = make([]Row, len(s.table.Videos))
	for i, r := range s.table.Videos {
		t.Videos[i] = r.clone()
	}
	return &t
}
