package eval

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"tall"
)

// The kernel density estimate of Otani et al. 2020 (their Prior-Only and, by
// verb, Action-Aware Blind baselines): Gaussian kernels over (start, length) in
// shares of the video, with the covariance of the training spans times
// n^(-1/3), the square of Scott's factor in two dimensions. For a query 100
// spans are drawn, ordered by density, suppressed at IoU 0.45 and cut to ten.
const (
	kdeDraws = 100
	kdeNMS   = 0.45
	kdeTop   = 10
	// frequent is how many verbs, the most frequent ones, have a density of their
	// own; the others share that of all.
	frequent = 50
	// poolSize is how many spans are drawn from a density once; queries draw
	// from these without replacement, so that each density is evaluated so often
	// and not 100 times for every query.
	poolSize = 1000
	poolSeed = 2020
)

// pool is what was drawn from a density, the most likely first.
type pool struct {
	spans   []tall.Span // shares of the video
	density []float64   // never rises
}

func (p *Prior) makePools() map[string]*pool {
	byVerb := map[string][]tall.Span{}
	for _, it := range p.Items {
		byVerb[""] = append(byVerb[""], it.Truth...)
		if it.Verb != "" {
			byVerb[it.Verb] = append(byVerb[it.Verb], it.Truth...)
		}
	}
	verbs := slices.SortedFunc(maps.Keys(byVerb), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(byVerb[b]), len(byVerb[a])), cmp.Compare(a, b))
	})
	out := map[string]*pool{}
	for _, verb := range verbs[:min(1+frequent, len(verbs))] { // "", all sentences, comes first
		out[verb] = newDensity(byVerb[verb]).pool(rand.New(rand.NewPCG(poolSeed, textHash(verb))), poolSize)
	}
	return out
}

// density is a Gaussian kernel density over (start, length).
type density struct {
	at   [][2]float64
	chol [3]float64 // lower triangle of the bandwidth's root: l11, l21, l22
}

// flat is the least variance of a kernel: spans that are all alike have none.
const flat = 1e-8

func newDensity(spans []tall.Span) *density {
	d := &density{at: make([][2]float64, len(spans))}
	var mean [2]float64
	for i, s := range spans {
		d.at[i] = [2]float64{s.Start, s.Len()}
		mean[0] += s.Start / float64(len(spans))
		mean[1] += s.Len() / float64(len(spans))
	}
	var c11, c12, c22 float64
	for _, x := range d.at {
		u, v := x[0]-mean[0], x[1]-mean[1]
		c11, c12, c22 = c11+u*u, c12+u*v, c22+v*v
	}
	n := float64(len(spans))
	k := math.Pow(n, -1.0/3) / max(1, n-1)
	c11, c12, c22 = c11*k+flat, c12*k, c22*k+flat
	l11 := math.Sqrt(c11)
	l21 := c12 / l11
	d.chol = [3]float64{l11, l21, math.Sqrt(max(flat, c22-l21*l21))}
	return d
}

// value is the density at (start, length).
func (d *density) value(start, length float64) float64 {
	l11, l21, l22 := d.chol[0], d.chol[1], d.chol[2]
	sum := 0.0
	for _, x := range d.at {
		u := (start - x[0]) / l11
		v := (length - x[1] - l21*u) / l22
		sum += math.Exp(-0.5 * (u*u + v*v))
	}
	return sum / (2 * math.Pi * l11 * l22 * float64(len(d.at)))
}

// pool draws n spans, cuts them at the video's ends and leaves out the empty.
func (d *density) pool(rng *rand.Rand, n int) *pool {
	type draw struct {
		span    tall.Span
		density float64
	}
	draws := make([]draw, 0, n)
	for range n {
		x := d.at[rng.IntN(len(d.at))]
		u, v := rng.NormFloat64(), rng.NormFloat64()
		start, length := x[0]+d.chol[0]*u, x[1]+d.chol[1]*u+d.chol[2]*v
		likely := d.value(start, length)
		start = min(max(start, 0), 1)
		length = min(max(length, 0), 1-start)
		if s := (tall.Span{Start: start, End: start + length}); s.Start < s.End {
			draws = append(draws, draw{s, likely})
		}
	}
	slices.SortStableFunc(draws, func(a, b draw) int { return cmp.Compare(b.density, a.density) })
	out := &pool{}
	for _, x := range draws {
		out.spans = append(out.spans, x.span)
		out.density = append(out.density, x.density)
	}
	return out
}

// answer draws the list for one query.
func (p *pool) answer(rng *rand.Rand) (spans []tall.Span, scores []float64) {
	drawn := rng.Perm(len(p.spans))
	drawn = drawn[:min(kdeDraws, len(drawn))]
	slices.Sort(drawn) // the pool is ordered by density
	all, falling := make([]tall.Span, len(drawn)), make([]float32, len(drawn))
	for i, k := range drawn {
		all[i], falling[i] = p.spans[k], -float32(i)
	}
	for _, i := range tall.Suppress(all, falling, kdeNMS, kdeTop) {
		spans = append(spans, all[i])
		scores = append(scores, p.density[drawn[i]])
	}
	return spans, scores
}
