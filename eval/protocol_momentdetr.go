package eval

import (
	"fmt"
	"slices"
	"strconv"

	"tall"
	"tall/dataset"
)

// The protocol of Moment-DETR (standalone_eval/eval.py), in which results on
// QVHighlights are published:
//
//   - R1 looks at the first window as listed, whatever its score, and at the truth
//     that overlaps it most (over the true union, the earlier of equals); a hit
//     when the overlap with that, over the hull, is >= t.
//   - mAP takes the first 10 windows as listed, in the order of their scores, and
//     each query by itself: [detectionAP]. It is averaged over queries, then over
//     IoU 0.5 to 0.95.
//   - short, middle and long keep the truths whose length is in (0, 10], (10, 30],
//     (30, 150] seconds, and the queries that have such. full keeps all.
//   - Highlights: scoreHighlights.
//
// All is in percent, rounded to 2 decimals before it is printed and stored.
//
// The original fails on a query without windows and on a set without truths in
// one of the ranges. Here the former is a miss, the latter gives 0, and a
// finding says so.

// maxWindows is how many windows the average precision looks at.
const maxWindows = 10

// lengthRange keeps truths longer than above, not longer than upTo, in seconds.
type lengthRange struct {
	name        string
	above, upTo float64
	all         bool // keeps every truth, of any length
}

// momentRanges are in the order in which the original prints them.
var momentRanges = []lengthRange{
	{name: "full", all: true},
	{name: "long", above: 30, upTo: 150},
	{name: "middle", above: 10, upTo: 30},
	{name: "short", above: 0, upTo: 10},
}

// momentThresholds are the IoU of R1 and mAP, as the original writes them.
var momentThresholds = []string{"0.5", "0.55", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85", "0.9", "0.95"}

// lowThresholds are those that CG-DETR's copy adds to R1.
var lowThresholds = []string{"0.3", "0.35", "0.4", "0.45"}

func scoreMomentDETR(r *run) error { return r.momentDETR(nil, false) }

// scoreCGDETR adds R1 from IoU 0.3 and the mean IoU of the first windows, as the
// copy of the evaluator in CG-DETR does, and its followers after it.
func scoreCGDETR(r *run) error { return r.momentDETR(lowThresholds, true) }

func (r *run) momentDETR(low []string, mean bool) error {
	r1 := slices.Concat(low, momentThresholds)
	var brief, full PyObject
	if r.any(func(p *Prediction) bool { return len(p.Moments) > 0 }) {
		rounded := map[string]float64{}
		for _, l := range momentRanges {
			part := r.momentRange(l, r1, mean)
			full = append(full, PyMember{l.name, part})
			name := "MR-" + l.name
			rounded[name+"-mAP"] = part.Get("MR-mAP").(PyObject).Get("average").(float64)
			if !l.all {
				continue
			}
			for _, t := range []string{"0.5", "0.75"} {
				rounded[name+"-mAP@"+t] = part.Get("MR-mAP").(PyObject).Get(t).(float64)
			}
			for _, t := range []string{"0.3", "0.5", "0.7"} {
				if v, ok := part.Get("MR-R1").(PyObject).Get(t).(float64); ok {
					rounded[name+"-R1@"+t] = v
				}
			}
			if mean {
				rounded[name+"-mIoU"] = part.Get("MR-mIoU").(float64)
			}
		}
		for _, name := range momentBrief {
			if v, ok := rounded[name]; ok {
				brief = append(brief, PyMember{name, v})
			}
		}
	}
	var highlights PyObject
	if r.corpus.Saliency != nil && r.any(func(p *Prediction) bool { return p.Saliency != nil }) {
		highlights = r.highlights()
		for _, h := range highlights {
			v := h.Value.(PyObject)
			brief = append(brief, PyMember{h.Key + "-mAP", v.Get("HL-mAP")}, PyMember{h.Key + "-Hit1", v.Get("HL-Hit1")})
		}
	}
	if brief == nil {
		return fmt.Errorf("%w: no prediction has a window or a saliency score", tall.ErrMissing)
	}
	r.order(brief)
	// Sorted by their names, highlights come first.
	r.result.Full = slices.Concat(PyObject{{"brief", brief}}, highlights, full)
	return nil
}

// momentBrief are the keys of the summary, sorted as the original sorts them.
var momentBrief = []string{
	"MR-full-R1@0.3", "MR-full-R1@0.5", "MR-full-R1@0.7", "MR-full-mAP", "MR-full-mAP@0.5", "MR-full-mAP@0.75",
	"MR-full-mIoU", "MR-long-mAP", "MR-middle-mAP", "MR-short-mAP",
}

func (r *run) any(has func(*Prediction) bool) bool {
	for i := range r.queries {
		if p := r.queries[i].prediction; p != nil && has(p) {
			return true
		}
	}
	return false
}

// momentRange scores the queries with truths in a range, and returns what the
// original's file holds of it.
func (r *run) momentRange(l lengthRange, r1 []string, mean bool) PyObject {
	first := len(r.columns)
	column := func(metric, t string) { r.newColumn("MR-"+l.name+"-"+metric+t, 2, 100).full = true }
	for _, t := range r1 {
		column("R1@", t)
	}
	for _, t := range momentThresholds {
		column("mAP@", t)
	}
	column("mAP", "")
	column("mIoU", "")
	columns := r.columns[first:]
	recall, ap := columns[:len(r1)], columns[len(r1):len(r1)+len(momentThresholds)]
	average, miou := &columns[len(columns)-2], &columns[len(columns)-1]
	miou.mean = pairwiseMean

	recallAt, apAt := numbers(r1), numbers(momentThresholds)
	absent := absents(columns)
	r.each(func(i int, q *query) {
		truth := l.keep(q.truth)
		if len(truth) == 0 {
			absent(i)
			return
		}
		if len(q.moments()) == 0 {
			return
		}
		v := pairedIoU(q.moments()[0].Span, truth)
		miou.values[i] = v
		for t := range recall {
			if v >= recallAt[t] {
				recall[t].values[i] = 1
			}
		}
		sum := 0.0
		for t, v := range detectionAP(q.moments()[:min(maxWindows, len(q.moments()))], truth, apAt) {
			ap[t].values[i] = v
			sum += v
		}
		average.values[i] = sum / float64(len(ap))
	})
	if len(present(average.values)) == 0 {
		r.notes.add(dataset.Note, "ranges of length without any truth", "none; their metrics are written as 0, which stands for no number", l.name)
	}
	means := make([]float64, len(ap))
	var mapMembers, r1Members PyObject
	for t := range ap {
		means[t] = runningMean(present(ap[t].values))
		mapMembers = append(mapMembers, PyMember{momentThresholds[t], twoDecimals(100 * means[t])})
	}
	overall := 100 * pairwiseMean(means)
	average.exact = &overall
	mapMembers = append(mapMembers, PyMember{"average", twoDecimals(overall)})
	for t := range recall {
		r1Members = append(r1Members, PyMember{r1[t], twoDecimals(recall[t].value())})
	}
	var out PyObject
	if mean {
		out = append(out, PyMember{"MR-mIoU", twoDecimals(miou.value())})
	}
	return append(out, PyMember{"MR-mAP", mapMembers}, PyMember{"MR-R1", r1Members})
}

// keep are the truths in the range.
func (l lengthRange) keep(truth []tall.Span) []tall.Span {
	if l.all {
		return truth
	}
	var out []tall.Span
	for _, g := range truth {
		if g.Len() > l.above && g.Len() <= l.upTo {
			out = append(out, g)
		}
	}
	return out
}

// pairedIoU is the overlap over the hull of a window and the truth that overlaps
// it most over the true union.
func pairedIoU(m tall.Span, truth []tall.Span) float64 {
	at, most := 0, -1.0
	for j, g := range truth {
		if v := tall.IoU(m, g); v > most {
			at, most = j, v
		}
	}
	return overlap(m, truth[at:at+1])
}

// order puts the columns that the summary names first, in its order.
func (r *run) order(brief PyObject) {
	var front, rest []column
	byName := map[string]int{}
	for i, c := range r.columns {
		byName[c.name] = i
	}
	for _, m := range brief {
		c := r.columns[byName[m.Key]]
		c.full = false
		front = append(front, c)
		byName[m.Key] = -1
	}
	for _, c := range r.columns {
		switch {
		case byName[c.name] < 0:
		case c.name == "MR-full-mIoU": // the original has none, but it is asked for everywhere
			c.full = false
			front = append(front, c)
		default:
			rest = append(rest, c)
		}
	}
	r.columns = slices.Concat(front, rest)
	for i := range r.columns {
		v := twoDecimals(r.columns[i].value())
		r.columns[i].exact = &v
	}
}

// twoDecimals rounds as Python's float(f"{v:.2f}") does.
func twoDecimals(v float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', 2, 64), 64)
	if err != nil {
		return v
	}
	return out
}

func numbers(texts []string) []float64 {
	out := make([]float64, len(texts))
	for i, t := range texts {
		v, err := strconv.ParseFloat(t, 64)
		if err != nil {
			panic("eval: " + err.Error())
		}
		out[i] = v
	}
	return out
}
