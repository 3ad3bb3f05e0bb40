package eval

import (
	"math"
	"runtime"
	"sync"

	"tall"
)

// column is one metric before it is averaged: a value for each query.
type column struct {
	name   string
	digits int
	scale  float64   // of the mean: 100 for percent
	values []float64 // of each query; NaN: it takes no part
	// mean is how the original averages; nil: one after the other.
	mean func([]float64) float64
	// exact, if not nil, is the metric's value where it is not the mean of values,
	// by the original's order of sums.
	exact *float64
	// exactInterval, if not nil, is Low and High of a metric that is no mean over
	// queries; it has no buckets.
	exactInterval *[2]float64
	// full marks a metric of the original's whole result that its summary leaves
	// out: no interval and no bucket is made for it.
	full bool
}

// value is the metric over all queries that take part, before rounding.
func (c *column) value() float64 {
	if c.exact != nil {
		return *c.exact
	}
	return c.over(nil)
}

// over is the metric over the queries in part; nil: all.
func (c *column) over(part []int) float64 {
	taken := c.values
	if part != nil {
		taken = make([]float64, 0, len(part))
		for _, i := range part {
			taken = append(taken, c.values[i])
		}
	}
	taken = present(taken)
	m := runningMean
	if c.mean != nil {
		m = c.mean
	}
	return c.scale * m(taken)
}

// present leaves out what is not a number.
func present(values []float64) []float64 {
	for i, v := range values {
		if math.IsNaN(v) {
			out := append([]float64(nil), values[:i]...)
			for _, v := range values[i:] {
				if !math.IsNaN(v) {
					out = append(out, v)
				}
			}
			return out
		}
	}
	return values
}

// newColumn adds a column of zeros.
func (r *run) newColumn(name string, digits int, scale float64) *column {
	r.columns = append(r.columns, column{name: name, digits: digits, scale: scale, values: make([]float64, len(r.queries))})
	return &r.columns[len(r.columns)-1]
}

// grid adds columns of recalls, for each n of Top and each IoU, in this order,
// and returns their values as [top][iou].
func (r *run) grid(digits int, scale float64, name func(n int, iou float64) string) [][][]float64 {
	out := make([][][]float64, len(r.o.Top))
	for j, n := range r.o.Top {
		for _, iou := range r.o.IoU {
			out[j] = append(out[j], r.newColumn(name(n, iou), digits, scale).values)
		}
	}
	return out
}

// each calls f for all queries, on all processors. What f does to query i must
// depend on nothing but it.
func (r *run) each(f func(i int, q *query)) {
	parallel(len(r.queries), func(from, to int) {
		for i := from; i < to; i++ {
			f(i, &r.queries[i])
		}
	})
}

// parallel calls f for parts of 0 to n.
func parallel(n int, f func(from, to int)) { parallelParts(n, 256, f) }

// parallelTimes calls f for each of 0 to n.
func parallelTimes(n int, f func(i int)) {
	parallelParts(n, 1, func(i, _ int) { f(i) })
}

func parallelParts(n, part int, f func(from, to int)) {
	workers := min(runtime.GOMAXPROCS(0), (n+part-1)/part)
	if workers <= 1 {
		for from := 0; from < n; from += part {
			f(from, min(from+part, n))
		}
		return
	}
	parts := make(chan int)
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			for from := range parts {
				f(from, min(from+part, n))
			}
		})
	}
	for from := 0; from < n; from += part {
		parts <- from
	}
	close(parts)
	done.Wait()
}

// overlap is the overlap over the hull with the truth that fits best, 0 where
// none does: that of nearly all protocols.
func overlap(m tall.Span, truth []tall.Span) float64 {
	return max(0, best(m, truth)) // best is never NaN
}

// firstHit fills in recalls: a hit among the first n for every n that reaches
// the rank, counted from 0, of the first hit; -1: there is none.
func firstHit(grid [][][]float64, top []int, t, query, rank int) {
	for j, n := range top {
		if rank >= 0 && rank < n {
			grid[j][t][query] = 1
		}
	}
}

// absents returns what takes a query out of all of the columns.
func absents(columns []column) func(query int) {
	return func(i int) {
		for k := range columns {
			columns[k].values[i] = math.NaN()
		}
	}
}
