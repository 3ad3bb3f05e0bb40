package report

import (
	"fmt"
	"math"
	"regexp"

	"tall/eval"
)

// headline is the name of the metric that is compared first: R@1 at IoU 0.5
// however the protocol spells it, or its first metric.
func headline(metrics []eval.Metric) string {
	for _, m := range metrics {
		if r1at5.MatchString(m.Name) {
			return m.Name
		}
	}
	if len(metrics) > 0 {
		return metrics[0].Name
	}
	return ""
}

// r1at5 knows R@1 IoU=0.5; R@1 (IoU>0.5); Rank@1,mIoU@0.5; MR-full-R1@0.5.
var r1at5 = regexp.MustCompile(`(?i)(^|[^a-z])(R|Rank|Recall) ?@?1[^0-9.](.*[^0-9.])?0?\.50?\)?$`)

// metricTable is the metrics of all systems.
type metricTable struct {
	Main     string
	Systems  []string // beside the main one
	Interval bool     // some metric has one
	Rows     []metricRow
}

type metricRow struct {
	Name, Value, Interval, Over string
	Head                        bool
	Beside                      []metricCell
}

// longestName of a metric stands on one line.
const longestName = 40

type metricCell struct {
	Text  string
	Above bool // not below the main system's
}

// manyRows is from how many metrics on those without intervals, which a
// protocol's own summary leaves out, get a table of their own.
const manyRows = 14

func (p *Page) metricTable() (table metricTable, further []metricRow) {
	head := headline(p.Result.Metrics)
	table.Main = p.name()
	for _, b := range p.Beside {
		table.Systems = append(table.Systems, clean(b.Name, 60))
	}
	var chief []metricRow
	for _, m := range p.Result.Metrics {
		row := metricRow{Name: clean(m.Name, longestName), Value: valueOf(m), Interval: intervalOf(m), Head: m.Name == head}
		best := math.NaN()
		for _, b := range p.Beside {
			cell := metricCell{Text: "–"}
			if o, ok := metricOf(b.Result, m.Name); ok && !math.IsNaN(o.Value) {
				cell = metricCell{Text: decimal(o.Value, m.Digits), Above: o.Value >= m.Value}
				best = math.Max(o.Value, ifNaN(best, o.Value))
			}
			row.Beside = append(row.Beside, cell)
		}
		if !math.IsNaN(best) {
			row.Over = signed(m.Value-best, m.Digits)
		}
		table.Interval = table.Interval || bounded(m)
		if bounded(m) || row.Head {
			chief = append(chief, row)
		} else {
			further = append(further, row)
		}
		table.Rows = append(table.Rows, row)
	}
	if len(table.Rows) > manyRows && len(chief) > 1 {
		table.Rows = chief
		return table, further
	}
	return table, nil
}

func ifNaN(v, instead float64) float64 {
	if math.IsNaN(v) {
		return instead
	}
	return v
}

func metricOf(r *eval.Result, name string) (eval.Metric, bool) {
	if r == nil {
		return eval.Metric{}, false
	}
	return r.Metric(name)
}

// verdict is the result in a sentence.
type verdict struct {
	Text  string
	Below bool // not above the strongest baseline
}

func (p *Page) verdict() verdict {
	m, ok := p.Result.Metric(headline(p.Result.Metrics))
	if !ok || math.IsNaN(m.Value) {
		return verdict{Text: "There is no metric to report."}
	}
	text := fmt.Sprintf("%s of %s is %s", clean(m.Name, longestName), p.name(), valueOf(m))
	if bounded(m) {
		text += " (95 % interval " + intervalOf(m) + ")"
	}
	i := p.strongest()
	if i < 0 {
		return verdict{Text: text + ". Nothing is set beside it, so that this number alone does not say whether the videos were of any use."}
	}
	b := p.Beside[i]
	o, _ := metricOf(b.Result, m.Name)
	over := m.Value - o.Value
	against := fmt.Sprintf("the strongest result beside it, %s (%s)", clean(b.Name, 60), decimal(o.Value, m.Digits))
	switch {
	case over <= 0:
		return verdict{text + ": not above " + against + ".", true}
	case bounded(m) && m.Low <= o.Value:
		return verdict{fmt.Sprintf("%s: %s above %s, which lies within the interval.", text, decimal(over, m.Digits), against), true}
	}
	return verdict{Text: fmt.Sprintf("%s: %s above %s.", text, decimal(over, m.Digits), against)}
}

// strongest is the index of the result beside the main one with the largest
// headline metric; -1: none has it.
func (p *Page) strongest() int {
	name, at, value := headline(p.Result.Metrics), -1, math.Inf(-1)
	for i, b := range p.Beside {
		if m, ok := metricOf(b.Result, name); ok && m.Value > value {
			at, value = i, m.Value
		}
	}
	return at
}

// standing is the headline metric of all systems, drawn.
type standing struct {
	Metric string
	Rows   []standingRow
	Axis   []mark
}

type standingRow struct {
	Name, About, Value, Interval string
	Main                         bool
	bar
}

// bar is a value from 0 on a common scale, with its interval.
type bar struct {
	To        string // where it ends
	Low, High string // "": no interval
	OtherAt   string // where another's value lies; ""
	Below     bool   // the value is below 0, and not drawn
}

// mark is a place on an axis with its label.
type mark struct{ At, Text string }

func (p *Page) standing() *standing {
	name := headline(p.Result.Metrics)
	if name == "" || len(p.Beside) == 0 {
		return nil
	}
	all := append([]NamedResult{{Name: p.name(), Result: p.Result}}, p.Beside...)
	var metrics []eval.Metric
	s := &standing{Metric: clean(name, longestName)}
	for i, b := range all {
		m, ok := metricOf(b.Result, name)
		if !ok || math.IsNaN(m.Value) {
			continue
		}
		metrics = append(metrics, m)
		s.Rows = append(s.Rows, standingRow{Name: clean(b.Name, 60), About: clean(b.About, 120), Value: valueOf(m), Interval: intervalOf(m), Main: i == 0})
	}
	scale := newScale(metrics)
	for i, m := range metrics {
		s.Rows[i].bar = scale.bar(m, math.NaN())
	}
	s.Axis = scale.axis()
	return s
}

// scale is an axis from 0 to a round number.
type scale struct{ to, step float64 }

func newScale(metrics []eval.Metric) scale {
	top := 0.0
	for _, m := range metrics {
		for _, v := range []float64{m.Value, m.High} {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				top = max(top, v)
			}
		}
	}
	if top <= 0 {
		return scale{1, 0.25}
	}
	step := math.Pow(10, math.Floor(math.Log10(top/2)))
	for _, k := range []float64{1, 2, 2.5, 5, 10} {
		if k*step*5 >= top {
			step *= k
			break
		}
	}
	return scale{math.Ceil(top/step-1e-9) * step, step}
}

func (s scale) bar(m eval.Metric, other float64) bar {
	b := bar{To: at(max(0, m.Value) / s.to), Below: m.Value < 0}
	if bounded(m) {
		b.Low, b.High = at(max(0, m.Low)/s.to), at(max(0, m.High)/s.to)
	}
	if !math.IsNaN(other) {
		b.OtherAt = at(max(0, other) / s.to)
	}
	return b
}

func (s scale) axis() []mark {
	var out []mark
	for i := 0.0; i*s.step <= s.to*(1+1e-9) && len(out) < 20; i++ {
		out = append(out, mark{at(i * s.step / s.to), number(i*s.step, s.step)})
	}
	return out
}

// partTable is the result over parts of the queries.
type partTable struct {
	Kind, About, Metric, Other string
	Rows                       []partRow
	Axis                       []mark
	Metrics                    []string // of the table with all
}

type partRow struct {
	Label, Value, Interval, Other string
	Queries                       int
	All                           []string
	bar
}

// partNames says what the kinds of parts are.
var partNames = []struct{ kind, name, about string }{
	{"length", "By length of the true span", ""},
	{"position", "By position of the true span", "Where the middle of the truth lies in the video."},
	{"words", "By words of the sentence", ""},
}

func (p *Page) partTables() []partTable {
	var kinds []partTable
	seen := map[string]int{}
	for _, n := range partNames {
		seen[n.kind] = len(kinds)
		kinds = append(kinds, partTable{Kind: n.name, About: n.about})
	}
	parts := map[int][]eval.Bucket{}
	for _, b := range p.Result.Buckets {
		i, ok := seen[b.Kind]
		if !ok {
			i = len(kinds)
			seen[b.Kind] = i
			kinds = append(kinds, partTable{Kind: "By " + clean(b.Kind, 60)})
		}
		parts[i] = append(parts[i], b)
	}
	var out []partTable
	for i, t := range kinds {
		// Where nothing is known there is nothing to tell apart.
		if n := len(parts[i]); n > 1 || n == 1 && parts[i][0].Label != "unknown" {
			out = append(out, p.partTable(t, parts[i]))
		}
	}
	return out
}

func (p *Page) partTable(t partTable, parts []eval.Bucket) partTable {
	name := headline(p.Result.Metrics)
	if _, ok := bucketMetric(parts[0], name); !ok {
		name = headline(parts[0].Metrics)
	}
	t.Metric = clean(name, longestName)
	other := NamedResult{}
	if i := p.strongest(); i >= 0 && len(p.Beside[i].Result.Buckets) > 0 {
		other = p.Beside[i]
		t.Other = clean(other.Name, 60)
	}
	var metrics, all []eval.Metric
	var others []float64
	for _, b := range parts {
		m, ok := bucketMetric(b, name)
		if !ok {
			m.Value, m.Low, m.High = math.NaN(), math.NaN(), math.NaN()
		}
		metrics = append(metrics, m)
		others = append(others, bucketValue(other.Result, b, name))
		all = append(all, m, eval.Metric{Value: others[len(others)-1], High: math.NaN()})
	}
	sc := newScale(all)
	for _, m := range parts[0].Metrics {
		t.Metrics = append(t.Metrics, clean(m.Name, longestName))
	}
	for i, b := range parts {
		m := metrics[i]
		row := partRow{Label: clean(b.Label, 60), Queries: b.Queries, Value: valueOf(m), Interval: intervalOf(m), Other: decimal(others[i], m.Digits), bar: sc.bar(m, others[i])}
		for _, m := range parts[0].Metrics {
			text := "–"
			if v, ok := bucketMetric(b, m.Name); ok {
				text = valueOf(v)
			}
			row.All = append(row.All, text)
		}
		t.Rows = append(t.Rows, row)
	}
	t.Axis = sc.axis()
	return t
}

func bucketMetric(b eval.Bucket, name string) (eval.Metric, bool) {
	for _, m := range b.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return eval.Metric{}, false
}

func bucketValue(r *eval.Result, like eval.Bucket, name string) float64 {
	if r != nil {
		for _, b := range r.Buckets {
			if b.Kind == like.Kind && b.Label == like.Label {
				if m, ok := bucketMetric(b, name); ok {
					return m.Value
				}
			}
		}
	}
	return math.NaN()
}
