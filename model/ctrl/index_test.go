package ctrl

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tall"
	"tall/tensor"
)

// indexed is a random model over a collection whose windows resemble one another, as those
// of videos do, and the exact and estimated scores of a sentence.
func indexed(t *testing.T, o Options, seed uint64, change func(m *Model)) (exact, estimated []float32) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 5))
	m := randomModel(t, tensor.NewCPU(2), o, rng)
	if change != nil {
		change(m)
	}
	l := NewLocalizer(m, LocalizerOptions{})
	x := l.Index()
	f, sentences := question(o, 400, 1, rng)
	spans, vectors, err := x.Vectors(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(spans, func(a, b tall.Span) int { return cmp.Compare(a.Start, b.Start) }) {
		t.Error("windows of one length are not in the order of time")
	}
	probe, err := x.Probe(t.Context(), sentences[0], vectors.Data[:200*vectors.D])
	if err != nil {
		t.Fatal(err)
	}
	for i := range spans {
		sum := float32(0)
		for k, v := range vectors.Data[i*vectors.D : (i+1)*vectors.D] {
			sum += v * probe[k]
		}
		estimated = append(estimated, sum)
	}
	return ask(t, l, f, sentences)[0].Scores, estimated
}

func ranks(values []float32) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	out := make([]float64, len(values))
	for rank, i := range order {
		out[i] = float64(rank)
	}
	return out
}

// spearman is the correlation of ranks.
func spearman(a, b []float32) float64 {
	x, y := ranks(a), ranks(b)
	mean := float64(len(x)-1) / 2
	var xy, xx float64
	for i := range x {
		xy += (x[i] - mean) * (y[i] - mean)
		xx += (x[i] - mean) * (x[i] - mean)
	}
	return xy / xx
}

// top lists the n best.
func top(values []float32, n int) []int { return tall.Rank(values)[:n] }

func indexOptions(fusion Fusion) Options {
	o, _ := Preset("tf")
	o.Fusion = fusion
	o.VisualDim, o.SentenceDim, o.SemanticDim, o.HiddenDim = 60, 20, 32, 48
	return o
}

// Where every hidden unit is above 0 for every window the score is a straight line, and
// the estimate differs from it by a constant.
func TestIndex_LinearIsExact(t *testing.T) {
	for _, fusion := range []Fusion{FusionRaw, FusionFC} {
		exact, estimated := indexed(t, indexOptions(fusion), 1, func(m *Model) {
			high := make([]float32, m.opts.HiddenDim)
			for i := range high {
				high[i] = 50
			}
			m.b.Upload(m.midBias.Value.Reshape(1, len(high)), high)
		})
		for i := range exact {
			// Scores near 50 times the sum of weights are exact to 1e-4 or so.
			if d := float64(exact[i] - exact[0] - (estimated[i] - estimated[0])); math.Abs(d) > 2e-3 {
				t.Fatalf("%s: window %d is %g above the first, estimated %g", fusion, i, exact[i]-exact[0], estimated[i]-estimated[0])
			}
		}
	}
}

// Of random models, which bend more than trained ones, the estimate ranks windows much as
// the score does, and its best tenth holds the best window.
func TestIndex_Ranks(t *testing.T) {
	for _, fusion := range []Fusion{FusionRaw, FusionFC} {
		found, sum, least := 0, 0.0, 1.0
		const models = 40
		for seed := range uint64(models) {
			exact, estimated := indexed(t, indexOptions(fusion), seed, nil)
			r := spearman(exact, estimated)
			sum, least = sum+r/models, min(least, r)
			if slices.Contains(top(estimated, len(exact)/10), top(exact, 1)[0]) {
				found++
			}
		}
		t.Logf("%s: rank correlation %.3f, least %.3f; best window among the best tenth %d of %d times", fusion, sum, least, found, models)
		if sum < 0.8 || found < models*9/10 {
			t.Errorf("%s: rank correlation %.3f, found %d of %d", fusion, sum, found, models)
		}
	}
}

func TestIndex_Errors(t *testing.T) {
	o := indexOptions(FusionRaw)
	l := NewLocalizer(randomModel(t, tensor.NewCPU(1), o, rand.New(rand.NewPCG(1, 1))), LocalizerOptions{})
	x := l.Index()
	if _, err := x.Probe(context.Background(), tall.Sentence{Vector: make([]float32, 3)}, nil); !errors.Is(err, tall.ErrShape) {
		t.Error(err)
	}
	ok := tall.Sentence{Vector: make([]float32, o.SentenceDim)}
	ok.Vector[0] = 1
	if _, err := x.Probe(context.Background(), ok, make([]float32, 33)); !errors.Is(err, tall.ErrShape) {
		t.Error(err)
	}
	if probe, err := x.Probe(context.Background(), ok, nil); err != nil || len(probe) != o.SemanticDim {
		t.Error(probe, err)
	}
	if e, _ := x.Evidence(nil, nil); !math.IsInf(e, -1) {
		t.Error(e)
	}
	spans := []tall.Span{{Start: 0, End: 1}, {Start: 1, End: 2}, {Start: 2, End: 3}}
	if e, best := x.Evidence(spans, []float32{1, 6, 2}); e != 3 || best != spans[1] {
		t.Error(e, best)
	}
}

// Rescoring the windows that are chosen gives nearly the evidence of all windows.
func TestIndex_Rescored(t *testing.T) {
	worst, sum := 0.0, 0.0
	const models = 30
	for seed := range uint64(models) {
		rng := rand.New(rand.NewPCG(seed, 6))
		l := NewLocalizer(randomModel(t, tensor.NewCPU(1), indexOptions(FusionRaw), rng), LocalizerOptions{})
		x := l.Index()
		f, sentences := question(indexOptions(FusionRaw), 400, 1, rng)
		_, vectors, err := x.Vectors(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		probe, err := x.Probe(t.Context(), sentences[0], vectors.Data)
		if err != nil {
			t.Fatal(err)
		}
		products := make([]float32, vectors.N)
		mean := 0.0
		for i := range products {
			for k, v := range vectors.Data[i*vectors.D : (i+1)*vectors.D] {
				products[i] += v * probe[k]
			}
			mean += float64(products[i]) / float64(len(products))
		}
		var few, chosen []float32
		for _, i := range x.Choose(products) {
			few = append(few, products[i])
			chosen = append(chosen, vectors.Data[i*vectors.D:(i+1)*vectors.D]...)
		}
		scores, err := x.Scores(t.Context(), sentences[0], chosen)
		if err != nil {
			t.Fatal(err)
		}
		exact := ask(t, l, f, sentences)[0].Scores
		best, all, square := math.Inf(-1), 0.0, 0.0
		for _, v := range exact {
			best = max(best, float64(v))
			all += float64(v) / float64(len(exact))
			square += float64(v) * float64(v) / float64(len(exact))
		}
		d := math.Abs(x.Rescored(mean, few, scores)-(best-all)) / math.Sqrt(square-all*all)
		worst, sum = max(worst, d), sum+d/models
	}
	// The mean of 24 differences between score and estimate errs by a fifth of their
	// deviation, which is a third of that of the scores.
	t.Logf("off by %.3f deviations of a video's scores, %.3f at most", sum, worst)
	if sum > 0.1 || worst > 0.5 {
		t.Errorf("off by %.3f deviations of the scores, %.3f at most", sum, worst)
	}
	if got := (&Index{}).Choose([]float32{3, 1, 2}); len(got) != 6 {
		t.Error(got)
	}
	if got, err := (&Index{l: NewLocalizer(randomModel(t, tensor.NewCPU(1), indexOptions(FusionRaw), rand.New(rand.NewPCG(1, 1))), LocalizerOptions{})}).Scores(t.Context(), tall.Sentence{}, nil); err != nil || got != nil {
		t.Error(got, err)
	}
}
