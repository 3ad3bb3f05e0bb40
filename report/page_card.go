package report

import (
	"fmt"
	"math"

	"tall"
	"tall/eval"
)

// card is one sentence drawn on the time line of its video.
type card struct {
	Anchor, Row         string // of itself; link to its row of the index
	ID, Video, Sentence string
	Meta                string
	Truth               []stretch
	First               []stretch // one or none
	Others              []stretch // the second to the fifth moment
	TruthText           string
	FirstText           string
	Curve               string // path of the line
	Area                string // and of what is below it
	CurveName           string
	CurveText           string
	Ticks               []mark
	Summary             string
	// Places of what stands one under the other, in pixels.
	Height, CurveY, CurveLabelY, AxisY int
}

// stretch is a span on a time line: shares of its width.
type stretch struct {
	From, Width   string
	Before, After bool // it goes on outside the video
}

func newCard(q *eval.QueryScore, anchor string, curve *tall.Scored) card {
	e := q.Example
	truth := e.Seconds()
	moments := q.Prediction.Moments
	c := card{
		Anchor: "t" + anchor, Row: "#" + anchor,
		ID: clean(e.ID, 80), Video: clean(e.Video, 100), Sentence: clean(sentence(q), 500),
		TruthText: spansText(truth, 12), FirstText: clockSpan(moments[0].Span),
	}
	length := e.Duration
	if !(length > 0 && length < longest) {
		length = 0
		for _, s := range truth {
			length = max(length, finiteEnd(s))
		}
		for _, m := range moments[:min(5, len(moments))] {
			length = max(length, finiteEnd(m.Span))
		}
		if length <= 0 {
			length = 1
		}
		c.Meta = "length of the video unknown"
	} else {
		c.Meta = Clock(length) + " long"
	}
	c.Meta += fmt.Sprintf(" · IoU %s · score %s", decimal(q.IoU, 2), compact(moments[0].Score))
	if q.BestIoU5 > q.IoU {
		c.Meta += fmt.Sprintf(" · best of five %s", decimal(q.BestIoU5, 2))
	}
	for _, s := range truth {
		c.Truth = appendStretch(c.Truth, s, length)
	}
	c.First = appendStretch(c.First, moments[0].Span, length)
	for _, m := range moments[1:min(5, len(moments))] {
		c.Others = appendStretch(c.Others, m.Span, length)
	}
	c.drawCurve(curveOf(curve, q.Prediction.Saliency, length))
	c.Ticks = timeTicks(length)
	c.layOut()
	c.Summary = fmt.Sprintf("Truth %s; first moment %s; IoU %s.", c.TruthText, c.FirstText, decimal(q.IoU, 2))
	return c
}

// layOut stacks the rows of the drawing: truth and first moment, 18 pixels each,
// the other moments, the curve, the axis.
func (c *card) layOut() {
	y := 38
	if c.Others != nil {
		y += 14
	}
	if c.Curve != "" {
		c.CurveY, c.CurveLabelY = y+2, y+24
		y += 40
	}
	c.AxisY, c.Height = y, y+20
}

// longest is what a video may last, in seconds (three years): more is an error in
// the data, and would leave nothing to be seen.
const longest = 1e8

func finiteEnd(s tall.Span) float64 {
	if s.Valid() && s.End < longest {
		return s.End
	}
	return 0
}

func appendStretch(list []stretch, s tall.Span, length float64) []stretch {
	if !s.Valid() {
		return list
	}
	from, to := unit(s.Start/length), unit(s.End/length)
	return append(list, stretch{From: at(from), Width: at(to - from), Before: s.Start < 0, After: s.End > length*(1+1e-9)})
}

// columns of a score curve: more cannot be told apart in a drawing.
const curveColumns = 240

// scoreCurve is a score for each of a number of equal parts of a video, NaN
// where there is none.
type scoreCurve struct {
	name   string
	values []float64
}

// saliencyClip is the length of the clips that saliency scores are of: QVHighlights
// alone has them (Lei et al. 2021, section 3).
const saliencyClip = 2.0

// curveOf is the score over time: at each moment the highest score of any window
// over it; without windows, the saliency of the clips.
func curveOf(windows *tall.Scored, saliency []float64, length float64) *scoreCurve {
	c := &scoreCurve{name: "score", values: make([]float64, curveColumns)}
	for i := range c.values {
		c.values[i] = math.NaN()
	}
	raise := func(s tall.Span, v float64) {
		if !s.Valid() || math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		from := int(math.Round(unit(s.Start/length) * curveColumns))
		to := int(math.Round(unit(s.End/length) * curveColumns))
		for i := from; i < to; i++ {
			if !(c.values[i] >= v) {
				c.values[i] = v
			}
		}
	}
	switch {
	case windows != nil && len(windows.Windows) == len(windows.Scores) && len(windows.Scores) > 0:
		fps := windows.FPS
		if !(fps > 0) {
			fps = 1
		}
		for i, w := range windows.Windows {
			raise(w.Scale(1/fps), float64(windows.Scores[i]))
		}
	case len(saliency) > 0:
		c.name = "saliency"
		for i, v := range saliency {
			raise(tall.Span{Start: saliencyClip * float64(i), End: saliencyClip * float64(i+1)}, v)
		}
	default:
		return nil
	}
	return c
}

// drawCurve draws the curve from its lowest to its highest value.
func (c *card) drawCurve(s *scoreCurve) {
	if s == nil {
		return
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range s.values {
		if !math.IsNaN(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo > hi {
		return
	}
	c.CurveName = s.name
	c.CurveText = compact(lo) + " to " + compact(hi)
	span := hi - lo
	if span == 0 || math.IsInf(span, 0) {
		span = 1
	}
	for from := 0; from < len(s.values); {
		if math.IsNaN(s.values[from]) {
			from++
			continue
		}
		to := from
		var line []point
		for ; to < len(s.values) && !math.IsNaN(s.values[to]); to++ {
			y := (s.values[to] - lo) / span
			// A step; what goes on at the same height needs no points of its own.
			if n := len(line); n >= 2 && line[n-1].y == y {
				line[n-1].x = float64(to+1) / curveColumns
				continue
			}
			line = append(line, point{float64(to) / curveColumns, y}, point{float64(to+1) / curveColumns, y})
		}
		c.Curve += path(line)
		c.Area += path(append(append([]point{{line[0].x, 0}}, line...), point{line[len(line)-1].x, 0})) + "Z"
		from = to
	}
}

// timeTicks are times at round steps, at most seven.
func timeTicks(length float64) []mark {
	step := 36000.0
	for _, s := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18000} {
		if length/s <= 6 {
			step = s
			break
		}
	}
	for length/step > 6 {
		step *= 2
	}
	var out []mark
	for i := 0; float64(i)*step <= length*(1+1e-9) && len(out) < 8; i++ {
		out = append(out, mark{at(float64(i) * step / length), tick(float64(i)*step, step)})
	}
	return out
}
