package eval

import "math"

// finish turns columns into metrics, and adds what is the same for all
// protocols: queries, curve, buckets.
func (r *run) finish() {
	res := &r.result
	res.Queries = make([]QueryScore, len(r.queries))
	r.each(func(i int, q *query) {
		s := QueryScore{Example: *q.example, Prediction: q.prediction}
		for k, m := range q.moments() {
			if k == 5 {
				break
			}
			v := overlap(m.Span, q.truth)
			if k == 0 {
				s.IoU = v
			}
			s.BestIoU5 = max(s.BestIoU5, v)
		}
		res.Queries[i] = s
	})
	res.Curve = r.curve()

	parts := r.partitions()
	all, groups := r.bootstrap(parts)
	for i := range r.columns {
		c := &r.columns[i]
		m := Metric{c.name, c.value(), all.low[i], all.high[i], c.digits}
		if c.exactInterval != nil {
			m.Low, m.High = c.exactInterval[0], c.exactInterval[1]
		}
		res.Metrics = append(res.Metrics, m)
		if !c.full {
			res.Summary = i + 1
		}
	}
	res.Buckets = r.buckets(parts, groups)
	res.Findings = r.notes.list()
}

// curve is R@1 against the IoU that counts as a hit (>=); a query without a
// moment is a miss at any.
func (r *run) curve() []CurvePoint {
	const steps = 20
	out := make([]CurvePoint, steps+1)
	for k := range out {
		t := float64(k) / steps
		hits := 0
		for i := range r.result.Queries {
			if len(r.queries[i].moments()) > 0 && r.result.Queries[i].IoU >= t {
				hits++
			}
		}
		out[k] = CurvePoint{t, share(float64(hits), len(r.queries))}
	}
	return out
}

// Metric returns the metric of a name.
func (r *Result) Metric(name string) (Metric, bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// HasInterval reports whether Low and High are known.
func (m Metric) HasInterval() bool { return !math.IsNaN(m.Low) && !math.IsNaN(m.High) }
