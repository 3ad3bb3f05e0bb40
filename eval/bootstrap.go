package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// The intervals are percentile bootstraps over queries (Efron 1979): as many
// queries as there are, drawn with replacement, scored again, many times over;
// 95 % of the results lie between Low and High.
const (
	mostResamples  = 1000
	leastResamples = 200
	// resampleWork bounds resamples times queries times metrics, some seconds of
	// work; with so many queries the intervals are narrow.
	resampleWork = 1 << 28
)

// partition puts each query into one of its groups.
type partition struct {
	kind   string
	labels []string
	of     []int // of each query
}

// interval is Low and High of each metric of one group; NaN where unknown.
type interval struct{ low, high []float64 }

func unknown(n int) interval {
	v := interval{make([]float64, n), make([]float64, n)}
	for i := range n {
		v.low[i], v.high[i] = math.NaN(), math.NaN()
	}
	return v
}

// resamples is how often the queries are drawn.
func (r *run) resamples(columns int) int {
	switch {
	case r.o.Resamples > 0:
		return r.o.Resamples
	case r.o.Resamples < 0:
		return 0
	}
	work := len(r.queries) * max(1, columns)
	return min(mostResamples, max(leastResamples, resampleWork/work))
}

// bootstrap returns the intervals of all columns: over all queries, and over
// each group of each partition, which are drawn together.
func (r *run) bootstrap(parts []partition) (all interval, groups [][]interval) {
	all = unknown(len(r.columns))
	for _, p := range parts {
		g := make([]interval, len(p.labels))
		for i := range g {
			g[i] = unknown(len(r.columns))
		}
		groups = append(groups, g)
	}
	d := r.drawn(parts)
	times := r.resamples(len(d.columns))
	if times == 0 || len(d.columns) == 0 || len(r.queries) < 2 {
		return all, groups
	}
	r.result.Resamples = times
	means := d.means(times, r.o.Seed)
	into := []interval{all}
	for _, g := range groups {
		into = append(into, g...)
	}
	for g, v := range into {
		for j, c := range d.columns {
			v.low[c], v.high[c] = percentiles(means[g*len(d.columns)+j], r.columns[c].scale)
		}
	}
	return all, groups
}

// draws is what a resample needs, side by side in memory.
type draws struct {
	columns []int     // of the run
	counts  []int     // of each column, where in a row it stands what takes part
	width   int       // 1, the columns, and for those with gaps 1 where a query takes part
	rows    []float64 // (queries, width)
	groups  []int32   // (queries, kinds): 0 is all queries
	kinds   int
	of      int // groups
}

func (r *run) drawn(parts []partition) *draws {
	d := &draws{kinds: 1 + len(parts), of: 1}
	for i := range r.columns {
		if c := &r.columns[i]; !c.full && c.exactInterval == nil {
			d.columns = append(d.columns, i)
		}
	}
	d.width = 1 + len(d.columns)
	for _, c := range d.columns {
		at := 0
		if slices.ContainsFunc(r.columns[c].values, math.IsNaN) {
			at = d.width
			d.width++
		}
		d.counts = append(d.counts, at)
	}
	d.rows = make([]float64, len(r.queries)*d.width)
	d.groups = make([]int32, len(r.queries)*d.kinds)
	for i := range r.queries {
		row := d.rows[i*d.width : (i+1)*d.width]
		row[0] = 1
		for j, c := range d.columns {
			if v := r.columns[c].values[i]; !math.IsNaN(v) {
				row[1+j], row[d.counts[j]] = v, 1
			}
		}
	}
	for k, p := range parts {
		for i, g := range p.of {
			d.groups[i*d.kinds+k+1] = int32(d.of + g)
		}
		d.of += len(p.labels)
	}
	return d
}

// means are the means of each column in each group, [group, column][resample].
// Each resample has random numbers of its own, so that the result is the same
// for any number of processors.
func (d *draws) means(times int, seed uint64) [][]float64 {
	out := make([][]float64, d.of*len(d.columns))
	for i := range out {
		out[i] = make([]float64, times)
	}
	n := uint64(len(d.groups) / d.kinds)
	pool := sync.Pool{New: func() any { return &resample{make([]uint16, n), make([]float64, d.of*d.width)} }}
	parallelTimes(times, func(b int) {
		s := pool.Get().(*resample)
		defer pool.Put(s)
		clear(s.weights)
		clear(s.sums)
		rng := rand.NewPCG(seed, uint64(b))
		for i := uint64(0); i < n; i += 2 {
			u := rng.Uint64()
			s.weights[(u>>32)*n>>32]++
			if i+1 < n {
				s.weights[(u&math.MaxUint32)*n>>32]++
			}
		}
		for i, w := range s.weights {
			if w == 0 {
				continue
			}
			row := d.rows[i*d.width : (i+1)*d.width]
			for _, g := range d.groups[i*d.kinds : (i+1)*d.kinds] {
				sums := s.sums[int(g)*d.width:][:len(row)]
				for j, v := range row {
					sums[j] += float64(w) * v
				}
			}
		}
		for g := range d.of {
			sums := s.sums[g*d.width : (g+1)*d.width]
			for j, at := range d.counts {
				out[g*len(d.columns)+j][b] = sums[1+j] / sums[at] // NaN where none was drawn
			}
		}
	})
	return out
}

type resample struct {
	weights []uint16
	sums    []float64 // (groups, width)
}

// percentiles are those at 2.5 and 97.5, with linear interpolation.
func percentiles(values []float64, scale float64) (low, high float64) {
	values = slices.Clone(present(values))
	if len(values) == 0 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(values)
	at := func(q float64) float64 {
		x := q * float64(len(values)-1)
		i := int(x)
		j := min(i+1, len(values)-1)
		return scale * (values[i] + (x-float64(i))*(values[j]-values[i]))
	}
	return at(0.025), at(0.975)
}
