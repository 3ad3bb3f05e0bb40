package ctrl

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"tall/tensor"
)

// timed is a backend that adds up the time of its operations, by name and shape.
// Operations that take next to no time, and those that a step does not use, are
// not counted.
type timed struct {
	tensor.Backend
	took map[string]time.Duration
}

func (b *timed) count(start time.Time, format string, args ...any) {
	b.took[fmt.Sprintf(format, args...)] += time.Since(start)
}

func (b *timed) Upload(dst tensor.Mat, src []float32) {
	defer b.count(time.Now(), "Upload")
	b.Backend.Upload(dst, src)
}

func (b *timed) Gemm(c tensor.Mat, alpha float32, a tensor.Mat, transA bool, x tensor.Mat, transB bool, beta float32) {
	k, op := a.Cols, []byte("NN")
	if transA {
		k, op[0] = a.Rows, 'T'
	}
	if transB {
		op[1] = 'T'
	}
	defer b.count(time.Now(), "Gemm%s %dx%dx%d", op, c.Rows, k, c.Cols)
	b.Backend.Gemm(c, alpha, a, transA, x, transB, beta)
}

func (b *timed) PairNT(c, v, q, w tensor.Mat) {
	defer b.count(time.Now(), "PairNT %dx%dx%d", c.Rows, w.Cols, c.Cols)
	b.Backend.PairNT(c, v, q, w)
}

func (b *timed) PairTN(c tensor.Mat, alpha float32, g, v, q tensor.Mat, beta float32) {
	defer b.count(time.Now(), "PairTN %dx%dx%d", c.Rows, g.Rows, c.Cols)
	b.Backend.PairTN(c, alpha, g, v, q, beta)
}

func (b *timed) PairFold(dv, dq, dz, v, q tensor.Mat) {
	defer b.count(time.Now(), "PairFold")
	b.Backend.PairFold(dv, dq, dz, v, q)
}

func (b *timed) PairReLU(h, tv, ts tensor.Mat) {
	defer b.count(time.Now(), "PairReLU")
	b.Backend.PairReLU(h, tv, ts)
}

func (b *timed) PairReLUBackward(dh, dtv, dts, h tensor.Mat) {
	defer b.count(time.Now(), "PairReLUBackward")
	b.Backend.PairReLUBackward(dh, dtv, dts, h)
}

func (b *timed) Copy(dst, src tensor.Mat) {
	defer b.count(time.Now(), "Copy")
	b.Backend.Copy(dst, src)
}

func (b *timed) Axpy(y tensor.Mat, alpha float32, x tensor.Mat) {
	defer b.count(time.Now(), "Axpy")
	b.Backend.Axpy(y, alpha, x)
}

func (b *timed) SumSquares(m tensor.Mat) float64 {
	defer b.count(time.Now(), "SumSquares")
	return b.Backend.SumSquares(m)
}

func (b *timed) Adam(p, m, v, g tensor.Mat, step tensor.AdamStep) {
	defer b.count(time.Now(), "Adam")
	b.Backend.Adam(p, m, v, g, step)
}

// BenchmarkStep is a whole training step, forward, backward and Adam, of the
// paddle preset at the reference's dimensions, 56 pairs. With TALL_PHASES=1 it
// reports the nanoseconds of each operation of the backend.
func BenchmarkStep(b *testing.B) {
	benchmarkStep(b, func(m *Model) func(Batch) Loss { return m.Step })
}

// BenchmarkNaiveStep is the same with the concatenated pairs of the ports.
func BenchmarkNaiveStep(b *testing.B) {
	benchmarkStep(b, func(m *Model) func(Batch) Loss {
		naive, err := NewNaive(m)
		if err != nil {
			b.Fatal(err)
		}
		return naive.Step
	})
}

func benchmarkStep(b *testing.B, of func(*Model) func(Batch) Loss) {
	o, err := Preset("paddle")
	if err != nil {
		b.Fatal(err)
	}
	backend := &timed{Backend: tensor.NewCPU(0), took: map[string]time.Duration{}}
	m, err := New(backend, o, 1)
	if err != nil {
		b.Fatal(err)
	}
	m.Train()
	step, adam := of(m), o.Adam()
	batch := randomBatch(o, o.BatchSize, rand.New(rand.NewPCG(1, 2)))
	step(batch) // allocates
	adam.Update(backend, m.Params())
	clear(backend.took)
	for b.Loop() {
		step(batch)
		adam.Update(backend, m.Params())
	}
	if os.Getenv("TALL_PHASES") != "1" {
		return
	}
	var total time.Duration
	for name, d := range backend.took {
		total += d
		b.ReportMetric(float64(d.Nanoseconds())/float64(b.N), strings.ReplaceAll(name, " ", ":")+"-ns")
	}
	b.ReportMetric(float64((b.Elapsed()-total).Nanoseconds())/float64(b.N), "other-ns")
}

// BenchmarkLocalize scores TACoS's smallest test movie: 136 windows, 6 sentences.
func BenchmarkLocalize(b *testing.B) {
	o, err := Preset("paddle")
	if err != nil {
		b.Fatal(err)
	}
	m, err := New(tensor.NewCPU(0), o, 1)
	if err != nil {
		b.Fatal(err)
	}
	l := NewLocalizer(m, LocalizerOptions{})
	f, sentences := question(o, 136, 6, rand.New(rand.NewPCG(1, 2)))
	b.Run("Prepare", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Prepare(b.Context(), f); err != nil {
				b.Fatal(err)
			}
		}
	})
	p, err := l.Prepare(b.Context(), f)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Localize", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Localize(b.Context(), sentences); err != nil {
				b.Fatal(err)
			}
		}
	})
}
