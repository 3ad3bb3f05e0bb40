package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tall/eval"
)

// Drawings use shares of their box for places and pixels for letters and lines,
// so that they fill any width and stay legible on a telephone. A path, which
// knows no shares, is drawn in a box of 1000 by 1000 that is stretched over it.

// curvePlot is R@1 against the IoU that counts as a hit.
type curvePlot struct {
	Lines   []curveLine
	X, Y    []mark
	IoU     []string
	Summary string
}

type curveLine struct {
	Name   string
	Style  int    // 0: the main one
	Path   string // of the line
	Band   string // of its interval; "": none
	Values []string
}

// mostLines are drawn: more cannot be told apart.
const mostLines = 9

func (p *Page) curvePlot() *curvePlot {
	if len(p.Result.Curve) < 2 || len(p.Result.Queries) == 0 {
		return nil
	}
	c := &curvePlot{}
	for i := 0; i <= 5; i++ {
		v := float64(i) / 5
		c.X = append(c.X, mark{at(v), decimal(v, 1)})
		c.Y = append(c.Y, mark{at(1 - v), decimal(100*v, 0)})
	}
	for _, pt := range p.Result.Curve {
		c.IoU = append(c.IoU, decimal(pt.IoU, 2))
	}
	c.Lines = append(c.Lines, newCurveLine(p.name(), 0, p.Result))
	var texts []string
	for _, b := range p.Beside {
		if b.Result != nil && sameIoU(b.Result.Curve, p.Result.Curve) && len(c.Lines) < mostLines {
			c.Lines = append(c.Lines, newCurveLine(clean(b.Name, 60), len(c.Lines), b.Result))
		}
	}
	for _, l := range c.Lines {
		for _, iou := range []string{"0.30", "0.50", "0.70"} {
			if i := slices.Index(c.IoU, iou); i >= 0 {
				texts = append(texts, fmt.Sprintf("%s %s %% at %s", l.Name, l.Values[i], iou))
			}
		}
	}
	c.Summary = strings.Join(texts, "; ")
	return c
}

func sameIoU(a, b []eval.CurvePoint) bool {
	return slices.EqualFunc(a, b, func(x, y eval.CurvePoint) bool { return x.IoU == y.IoU })
}

func newCurveLine(name string, style int, r *eval.Result) curveLine {
	l := curveLine{Name: name, Style: style}
	var line, low, high []point
	for _, pt := range r.Curve {
		line = append(line, point{pt.IoU, pt.Recall})
		lo, hi := wilson(pt.Recall, len(r.Queries))
		low, high = append(low, point{pt.IoU, lo}), append(high, point{pt.IoU, hi})
		l.Values = append(l.Values, decimal(100*pt.Recall, 1))
	}
	l.Path = path(line)
	if style == 0 && len(r.Queries) > 0 {
		slices.Reverse(high)
		l.Band = path(append(low, high...)) + "Z"
	}
	return l
}

// point is a place in a drawing: from 0 to 1, y upward.
type point struct{ x, y float64 }

// path is a line through points in a box of 1000 by 1000, y downward.
func path(points []point) string {
	var b strings.Builder
	for i, p := range points {
		c := byte('L')
		if i == 0 {
			c = 'M'
		}
		fmt.Fprintf(&b, "%c%d %d", c, int(math.Round(1000*unit(p.x))), int(math.Round(1000*(1-unit(p.y)))))
	}
	return b.String()
}

// unit is a share from 0 to 1, whatever it was.
func unit(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return max(0, min(v, 1))
}

// wilson is the 95 % interval of a share of n trials (Wilson 1927), which stays
// within 0 and 1 for few trials, too.
func wilson(share float64, n int) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	const z = 1.959964
	k := z * z / float64(n)
	mid := (share + k/2) / (1 + k)
	half := z / (1 + k) * math.Sqrt(share*(1-share)/float64(n)+k/float64(4*n))
	return max(0, mid-half), min(1, mid+half)
}

// calibration sets the score of the first moment against how often it is right.
type calibration struct {
	Text    []string
	Bins    []calibrationBin // none: it cannot be drawn
	Chance  bool             // scores are from 0 to 1, so that there is a line to lie on
	Line    string           // path through the bins
	Ideal   string           // path of that line
	X, Y    []mark
	Summary string
}

type calibrationBin struct {
	Scores, Mean, Hits, Interval string
	Queries                      int
	X, Y, Low, High              string
}

// hitIoU is the overlap that counts as a hit where the page speaks of one.
const hitIoU = 0.5

// mostBins of scores; a bin holds at least fewest queries.
const mostBins, fewest = 10, 5

type outcome struct {
	score float64
	hit   bool
}

func calibrate(queries []eval.QueryScore) calibration {
	var all []outcome
	hits, without := 0, 0
	for _, q := range queries {
		if q.Prediction == nil || len(q.Prediction.Moments) == 0 {
			continue
		}
		s := q.Prediction.Moments[0].Score
		if math.IsNaN(s) || math.IsInf(s, 0) {
			without++
			continue
		}
		hit := q.IoU >= hitIoU
		if hit {
			hits++
		}
		all = append(all, outcome{s, hit})
	}
	slices.SortStableFunc(all, func(a, b outcome) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		}
		return 0
	})
	c := calibration{}
	if without > 0 {
		c.Text = append(c.Text, fmt.Sprintf("%s without a finite score took no part.", plural(without, "first moment")))
	}
	if len(all) == 0 {
		c.Text = append(c.Text, "No first moment has a score, so that there is nothing to calibrate.")
		return c
	}
	lo, hi := all[0].score, all[len(all)-1].score
	if lo == hi {
		c.Text = append(c.Text, fmt.Sprintf("All first moments have the same score, %s: it says nothing about which of them are right.", compact(lo)))
		return c
	}
	bins := binned(all)
	c.Chance = lo >= 0 && hi <= 1
	var line, ideal []point
	off := 0.0
	for i, b := range bins {
		// Bins stand side by side: on an axis of scores most would lie on one another.
		x := (float64(i) + 0.5) / float64(len(bins))
		rate := float64(b.hits) / float64(b.n)
		low, high := wilson(rate, b.n)
		line, ideal = append(line, point{x, rate}), append(ideal, point{x, b.mean})
		off += math.Abs(b.mean-rate) * float64(b.n) / float64(len(all))
		c.Bins = append(c.Bins, calibrationBin{
			Scores: compact(b.low) + " to " + compact(b.high), Mean: compact(b.mean), Queries: b.n,
			Hits: decimal(100*rate, 1), Interval: decimal(100*low, 1) + " to " + decimal(100*high, 1),
			X: at(x), Y: at(1 - rate), Low: at(1 - low), High: at(1 - high),
		})
		m := mark{at(x), ""}
		if i%2 == (len(bins)-1)%2 { // every other one has room on a telephone
			m.Text = compact(b.mean)
		}
		c.X = append(c.X, m)
	}
	c.Line = path(line)
	if c.Chance {
		c.Ideal = path(ideal)
	}
	for i := 0; i <= 5; i++ {
		c.Y = append(c.Y, mark{at(1 - float64(i)/5), decimal(20*float64(i), 0)})
	}
	c.Text = append(c.Text, calibrationText(c.Chance, lo, hi, off), rankText(auc(all), hits, len(all)))
	c.Summary = fmt.Sprintf("Hit rate of %s %% in the bin of the lowest scores, of %s %% in that of the highest.", c.Bins[0].Hits, c.Bins[len(c.Bins)-1].Hits)
	return c
}

func calibrationText(chance bool, lo, hi, off float64) string {
	if chance {
		return fmt.Sprintf("Scores run from %s to %s. Read as the probability of a hit they are off by %s percentage points on average (expected calibration error over the bins); the dashed line is where they would be right. "+
			"That they lie between 0 and 1 does not make them probabilities: where a model was never asked for any, being off the line is no fault, and only their order counts.", compact(lo), compact(hi), decimal(100*off, 1))
	}
	return fmt.Sprintf("Scores run from %s to %s and are not probabilities: their size means nothing by itself, and there is no line on which they should lie. "+
		"What can be asked of them is that the curve rises: a higher score should be right more often. A threshold for saying that nothing was found can then be read off it.", compact(lo), compact(hi))
}

func rankText(auc float64, hits, n int) string {
	if math.IsNaN(auc) {
		return fmt.Sprintf("%d of %d first moments are hits; with hits or misses alone, order cannot be judged.", hits, n)
	}
	return fmt.Sprintf("AUC %s: how likely the first moment of a query that was hit has a higher score than that of one that was missed; 0.5 is chance.", decimal(auc, 3))
}

type scoreBin struct {
	low, high, mean float64
	n, hits         int
}

// binned cuts outcomes, ordered by score, into bins of about equally many. Equal
// scores are never parted.
func binned(all []outcome) []scoreBin {
	want := max(1, min(mostBins, len(all)/fewest))
	var out []scoreBin
	for from := 0; from < len(all); {
		to := len(all)
		if left := want - len(out); left > 1 {
			to = from + max(1, (len(all)-from)/left)
		}
		for to < len(all) && all[to].score == all[to-1].score {
			to++
		}
		b := scoreBin{low: all[from].score, high: all[to-1].score, n: to - from}
		for _, o := range all[from:to] {
			b.mean += o.score / float64(b.n)
			if o.hit {
				b.hits++
			}
		}
		out = append(out, b)
		from = to
	}
	return out
}

// auc is the area under the ROC curve of outcomes that are ordered by score:
// equal scores count half. NaN where there are hits or misses alone.
func auc(all []outcome) float64 {
	hits, below, sum := 0, 0, 0.0 // below: misses of a lower score
	for from := 0; from < len(all); {
		to, h := from, 0
		for to < len(all) && all[to].score == all[from].score {
			if all[to].hit {
				h++
			}
			to++
		}
		misses := to - from - h
		sum += float64(h) * (float64(below) + float64(misses)/2)
		hits, below, from = hits+h, below+misses, to
	}
	if hits == 0 || below == 0 {
		return math.NaN()
	}
	return sum / (float64(hits) * float64(below))
}

func plural(n int, what string) string {
	if n != 1 && strings.HasSuffix(what, "y") {
		what = strings.TrimSuffix(what, "y") + "ie"
	}
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
