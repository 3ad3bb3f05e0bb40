package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/model/ctrl"
	"tall/report"
	"tall/tensor"
)

// benchResult is one line of `tall bench --json`. Milliseconds are the least of
// the repeats, as the machine's other work only ever adds to them.
type benchResult struct {
	Name      string  `json:"name"`
	Shape     string  `json:"shape"`
	Threads   int     `json:"threads"`
	MS        float64 `json:"ms"`
	MedianMS  float64 `json:"median_ms"`
	MaxMS     float64 `json:"max_ms"`
	GFLOPS    float64 `json:"gflops"`
	PeakShare float64 `json:"peak_share"`
}

// benchCase is one thing to measure: flop is how many floating-point operations
// a run does (0: not arithmetic-bound, none reported). Its matrices are made by
// prepare, so that a case that is not asked for costs nothing.
type benchCase struct {
	name, shape string
	flop        float64
	prepare     func() (run func())
}

func newBench(g *global) *cobra.Command {
	var asJSON bool
	var repeats int
	var match string
	ofLibrary := benchLibrary{global: g}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine: matrix products, the training step, pair scoring",
		Long: "Measures, in one run, the machine's peak of fused multiply-adds and how much of it\n" +
			"the kernels reach, on one thread and on all. $TALL_KERNEL chooses the kernels.\n\n" +
			"With --library HOURS it measures search instead: over a library of that many hours, which\n" +
			"it makes in a temporary folder (9.6 MB an hour) and removes.",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("library") {
				ofLibrary.asJSON = asJSON
				return ofLibrary.run(cmd)
			}
			re, err := regexp.Compile(match)
			if err != nil {
				return fmt.Errorf("--match: %w", err)
			}
			if repeats < 1 {
				return fmt.Errorf("--repeats %d: give at least 1", repeats)
			}
			workers, err := g.workers()
			if err != nil {
				return err
			}
			counts := []int{1, workers}
			if workers == 1 {
				counts = counts[:1]
			}
			var results []benchResult
			for _, threads := range counts {
				out, err := benchThreads(cmd.Context(), threads, repeats, re, func(r benchResult) error {
					if !asJSON {
						return nil
					}
					return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
				})
				if err != nil {
					return err
				}
				results = append(results, out...)
			}
			if asJSON {
				return nil
			}
			b, err := newBackend(1)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "kernels: %s\n", b.Name())
			return benchTable(cmd, results)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "one JSON object a line: name, shape, threads, ms, median_ms, max_ms, gflops, peak_share")
	f.IntVar(&repeats, "repeats", 7, "how often each case is measured")
	f.IntVar(&ofLibrary.hours, "library", 0, "measure search over a made library of so many hours")
	f.IntVar(&ofLibrary.queries, "queries", 200, "with --library: searches that are measured")
	f.StringVar(&ofLibrary.dir, "dir", "", "with --library: where the temporary folder is made (default: the system's)")
	f.StringVar(&match, "match", "", "measure the cases whose name this regular expression matches")
	return cmd
}

func benchThreads(ctx context.Context, threads, repeats int, match *regexp.Regexp, each func(benchResult) error) ([]benchResult, error) {
	peak := tensor.MeasurePeak(threads)
	out := []benchResult{{Name: "peak", Shape: "fused multiply-adds", Threads: threads, GFLOPS: peak, PeakShare: 1}}
	if err := each(out[0]); err != nil {
		return nil, err
	}
	for _, build := range []func(*tensor.CPU) []benchCase{productCases, elementCases, modelCases} {
		b, err := newBackend(threads)
		if err != nil {
			return nil, err
		}
		for _, c := range build(b) {
			if !match.MatchString(c.name) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r := c.measure(repeats)
			r.Threads = threads
			// The machine's other work can only hide its peak: the highest counts.
			peak = max(peak, tensor.MeasurePeak(threads))
			r.PeakShare = r.GFLOPS / peak
			if err := each(r); err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	return out, nil
}

func (c benchCase) measure(repeats int) benchResult {
	run := c.prepare()
	run() // warm caches, workspaces and pages
	times := make([]float64, repeats)
	for i := range times {
		begun := time.Now()
		run()
		times[i] = float64(time.Since(begun).Nanoseconds()) / 1e6
	}
	slices.Sort(times)
	r := benchResult{Name: c.name, Shape: c.shape, MS: times[0], MedianMS: times[repeats/2], MaxMS: times[repeats-1]}
	r.GFLOPS = c.flop / 1e6 / r.MS
	return r
}

// randomMat is a (rows, cols) matrix of standard normals.
func randomMat(b tensor.Backend, rng *rand.Rand, rows, cols int) tensor.Mat {
	m := tensor.NewMat(b, rows, cols)
	b.Upload(m, normals(rng, rows*cols))
	return m
}

func normals(rng *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}

func productCases(b *tensor.CPU) []benchCase {
	rng := rand.New(rand.NewPCG(1, 1))
	gemm := func(kind string, m, k, n int) benchCase {
		return benchCase{
			"gemm/" + kind, fmt.Sprintf("[%d,%d]x[%d,%d]", m, k, k, n), 2 * float64(m) * float64(k) * float64(n),
			func() func() {
				a, w, c := randomMat(b, rng, m, k), randomMat(b, rng, k, n), tensor.NewMat(b, m, n)
				if kind == "tn" {
					a = a.Reshape(k, m)
				}
				if kind == "nt" {
					w = w.Reshape(n, k)
				}
				return func() { b.Gemm(c, 1, a, kind == "tn", w, kind == "nt", 0) }
			},
		}
	}
	const batch, d, h = 56, 1024, 1000
	const flop = 2.0 * batch * batch * d * h
	return []benchCase{
		gemm("nn", 3136, 1024, 1000),
		gemm("tn", 3136, 1024, 1000),
		gemm("nt", 3136, 1024, 1000),
		gemm("nn", 56, 12288, 1024),
		gemm("tn", 12288, 56, 1024),
		gemm("nt", 56, 1024, 12288),
		{"pair/nt", "[56*56,1024]x[1024,1000]", flop, func() func() {
			v, q, w := randomMat(b, rng, batch, d), randomMat(b, rng, batch, d), randomMat(b, rng, h, d)
			hidden := tensor.NewMat(b, batch*batch, h)
			return func() { b.PairNT(hidden, v, q, w) }
		}},
		{"pair/tn", "[1000,56*56]x[56*56,1024]", flop, func() func() {
			v, q, hidden := randomMat(b, rng, batch, d), randomMat(b, rng, batch, d), randomMat(b, rng, batch*batch, h)
			gradient := tensor.NewMat(b, h, d)
			return func() { b.PairTN(gradient, 1, hidden, v, q, 0) }
		}},
	}
}

func elementCases(b *tensor.CPU) []benchCase {
	const n = 21_597_112 // parameters of CTRL at the reference's size
	rng := rand.New(rand.NewPCG(2, 2))
	return []benchCase{
		{"adam", "[21597112]", 0, func() func() {
			p, m, v, g := tensor.NewMat(b, 1, n), tensor.NewMat(b, 1, n), tensor.NewMat(b, 1, n), randomMat(b, rng, 1, n)
			step := tensor.AdamStep{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Rate: 1e-3, GradScale: 1}
			return func() { b.Adam(p, m, v, g, step) }
		}},
		{"sumsquares", "[21597112]", 0, func() func() {
			g := randomMat(b, rng, 1, n)
			return func() { b.SumSquares(g) }
		}},
	}
}

// modelCases measures CTRL at the reference's size. The naive step is the one of
// the ports: every pair's 4096 channels are built and multiplied. Its share of
// the peak counts its own operations, of which it needs 3.4 times as many.
func modelCases(b *tensor.CPU) []benchCase {
	o, err := ctrl.Preset("paddle")
	if err != nil {
		panic(err) // the preset is ours
	}
	model := sync.OnceValue(func() *ctrl.Model {
		m, err := ctrl.New(b, o, 1)
		if err != nil {
			panic(err)
		}
		m.Train()
		return m
	})
	rng := rand.New(rand.NewPCG(3, 3))
	batch := sync.OnceValue(func() ctrl.Batch {
		batch := o.NewBatch(o.BatchSize)
		for i, x := range normals(rng, len(batch.Windows)) {
			batch.Windows[i] = max(0, x) // features come after a ReLU
		}
		copy(batch.Sentences, normals(rng, len(batch.Sentences)))
		copy(batch.Offsets, normals(rng, len(batch.Offsets)))
		return batch
	})
	shape := fmt.Sprintf("batch %d", o.BatchSize)
	return []benchCase{
		{"step/factorized", shape, stepFlop(o), func() func() {
			m, batch, adam := model(), batch(), o.Adam()
			return func() { m.Step(batch); adam.Update(b, m.Params()) }
		}},
		{"step/naive", shape, naiveFlop(o), func() func() {
			m, batch, adam := model(), batch(), o.Adam()
			naive, err := ctrl.NewNaive(m)
			if err != nil {
				panic(err)
			}
			return func() { naive.Step(batch); adam.Update(b, m.Params()) }
		}},
		scoreCase(o, model, rng),
	}
}

// stepFlop counts the products of the factorized step, forward and backward;
// the inputs themselves get no gradient.
func stepFlop(o ctrl.Options) float64 {
	b, d, h := float64(o.BatchSize), float64(o.SemanticDim), float64(o.HiddenDim)
	inputs := 2 * 2 * b * d * float64(o.VisualDim+o.SentenceDim)
	perItem := 3 * 2 * 2 * b * d * h
	return inputs + perItem + 3*2*b*b*d*h
}

func naiveFlop(o ctrl.Options) float64 {
	b, d, h := float64(o.BatchSize), float64(o.SemanticDim), float64(o.HiddenDim)
	return 2*2*b*d*float64(o.VisualDim+o.SentenceDim) + 3*2*b*b*4*d*h
}

func scoreCase(o ctrl.Options, model func() *ctrl.Model, rng *rand.Rand) benchCase {
	const windows, sentences = 500, 40
	const pairs = windows * sentences
	return benchCase{
		"score", fmt.Sprintf("%d sentences x %d windows", sentences, windows),
		2*pairs*float64(o.SemanticDim*o.HiddenDim) + 2*sentences*float64(o.SentenceDim*o.SemanticDim+o.SemanticDim*o.HiddenDim),
		func() func() {
			video := &tall.Features{
				Video: "bench", FPS: 1, Spans: make([]tall.Span, windows),
				Streams: []tall.Stream{{N: windows, D: o.VisualDim, Data: normals(rng, windows*o.VisualDim)}},
			}
			queries := make([]tall.Sentence, sentences)
			for i := range queries {
				queries[i].Vector = normals(rng, o.SentenceDim)
			}
			prepared, err := ctrl.NewLocalizer(model(), ctrl.LocalizerOptions{}).Prepare(context.Background(), video)
			if err != nil {
				panic(err)
			}
			return func() {
				if _, err := prepared.Localize(context.Background(), queries); err != nil {
					panic(err)
				}
			}
		},
	}
}

func benchTable(cmd *cobra.Command, results []benchResult) error {
	t := report.Table{Header: []string{"case", "shape", "threads", "min ms", "median", "max", "GFLOP/s", "of peak"}}
	for _, r := range results {
		row := []string{r.Name, r.Shape, fmt.Sprint(r.Threads), "", "", "", "", ""}
		if r.MS > 0 {
			row[3], row[4], row[5] = fmt.Sprintf("%.2f", r.MS), fmt.Sprintf("%.2f", r.MedianMS), fmt.Sprintf("%.2f", r.MaxMS)
		}
		if r.GFLOPS > 0 {
			row[6], row[7] = fmt.Sprintf("%.1f", r.GFLOPS), fmt.Sprintf("%.0f %%", 100*r.PeakShare)
		}
		t.Rows = append(t.Rows, row)
	}
	return t.Write(cmd.OutOrStdout())
}
