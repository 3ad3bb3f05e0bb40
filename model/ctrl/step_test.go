package ctrl

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"tall/tensor"
)

// smallOptions draws a preset with small dimensions.
func smallOptions(t *rapid.T) Options {
	o, err := Preset(rapid.SampledFrom(Presets()).Draw(t, "preset"))
	if err != nil {
		t.Fatal(err)
	}
	o.VisualDim = rapid.IntRange(1, 40).Draw(t, "F")
	o.SentenceDim = rapid.IntRange(1, 30).Draw(t, "E")
	// In one or two dimensions unit vectors have hardly a gradient left, and
	// what remains is rounding.
	o.SemanticDim = rapid.IntRange(4, 33).Draw(t, "D")
	// With a few hidden units all of a gradient may cancel.
	o.HiddenDim = rapid.IntRange(8, 37).Draw(t, "H")
	o.BatchSize = rapid.IntRange(1, 9).Draw(t, "B")
	return o
}

// randomModel returns a model in which no parameter is 0, biases included.
func randomModel(t rapid.TB, b tensor.Backend, o Options, rng *rand.Rand) *Model {
	t.Helper()
	m, err := New(b, o, 1)
	if err != nil {
		t.Fatal(err)
	}
	m.Train()
	for _, p := range m.Params() {
		values := make([]float32, p.Len())
		for i := range values {
			values[i] = float32(rng.NormFloat64()) * 0.5
		}
		b.Upload(p.Value, values)
		for i := range values {
			values[i] = float32(math.NaN()) // Step must overwrite gradients
		}
		b.Upload(p.Grad, values)
	}
	return m
}

func randomBatch(o Options, n int, rng *rand.Rand) Batch {
	batch := o.NewBatch(n)
	for i := range batch.Windows {
		batch.Windows[i] = float32(max(0, rng.NormFloat64()))
	}
	for i := range batch.Sentences {
		batch.Sentences[i] = float32(rng.NormFloat64())
	}
	for i := range batch.Offsets {
		batch.Offsets[i] = float32(rng.NormFloat64()) * 2
	}
	return batch
}

// kinkMargin is how far from a bend of ReLU or |d| a case must stay: a thousand
// roundings of float32 at 1.
const kinkMargin = 1e-4

// gradTolerance bounds the error of a gradient by the largest value of its
// parameter. A float32 rounding is 6e-8; sums here have up to 81*35 terms that
// partly cancel, most of all in the backward of l2norm. Measured: 1e-6 to 2e-5. A
// wrong formula is wrong by 1e-1.
const gradTolerance = 1e-4

func TestModel_StepEqualsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := smallOptions(t)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		m := randomModel(t, tensor.NewCPU(2), o, rng)
		batch := randomBatch(o, o.BatchSize, rng)
		want, grads, kink := twinOf(m).step(batch)
		if kink < kinkMargin {
			t.Skip("too close to a bend")
		}
		compareLoss(t, m.Step(batch), want, 1e-5)
		compareGrads(t, m, grads)
		if got := m.Loss(batch); math.Abs(got.Total-want.Total) > 1e-5*want.Total {
			t.Errorf("Loss %v, want %v", got, want)
		}
	})
}

func TestNaive_EqualsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := smallOptions(t)
		o.Fusion = FusionRaw
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		m := randomModel(t, tensor.NewCPU(2), o, rng)
		naive, err := NewNaive(m)
		if err != nil {
			t.Fatal(err)
		}
		batch := randomBatch(o, o.BatchSize, rng)
		want, grads, kink := twinOf(m).step(batch)
		if kink < kinkMargin {
			t.Skip("too close to a bend")
		}
		compareLoss(t, naive.Step(batch), want, 1e-5)
		compareGrads(t, m, grads)
	})
}

func TestNaive_RefusesOtherFusion(t *testing.T) {
	o := tinyOptions(t, "paper")
	m := randomModel(t, tensor.NewCPU(1), o, rand.New(rand.NewPCG(1, 1)))
	if _, err := NewNaive(m); err == nil {
		t.Error("no error")
	}
}

func compareLoss(t rapid.TB, got, want Loss, tolerance float64) {
	t.Helper()
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"total", got.Total, want.Total}, {"align", got.Align, want.Align}, {"reg", got.Reg, want.Reg}} {
		if !(math.Abs(c.got-c.want) <= tolerance*math.Abs(c.want)) {
			t.Errorf("loss %s = %v, want %v (relative error %.1e)", c.name, c.got, c.want, math.Abs(c.got-c.want)/math.Abs(c.want))
		}
	}
}

func compareGrads(t rapid.TB, m *Model, want map[string][]float64) {
	t.Helper()
	for _, p := range m.Params() {
		scale, worst, at := 0.0, 0.0, 0
		got := download(m.b, p.Grad)
		for i, w := range want[p.Name] {
			scale = max(scale, math.Abs(w))
			if e := math.Abs(float64(got[i]) - w); !(e <= worst) {
				worst, at = e, i
			}
		}
		// 1e-9: where all hidden units are off, the gradient is 0 in both.
		if !(worst <= gradTolerance*scale+1e-9) {
			t.Errorf("gradient of %s: [%d] = %v, want %v, largest %v", p.Name, at, got[at], want[p.Name][at], scale)
		}
	}
}

// The twin itself against finite differences of its own loss: central
// differences of 1e-5 in float64 are right to about 1e-10 absolute, and losses
// here are of the order of 1.
func TestTwin_FiniteDifferences(t *testing.T) {
	for _, preset := range Presets() {
		t.Run(preset, func(t *testing.T) {
			o := tinyOptions(t, preset)
			rng := rand.New(rand.NewPCG(7, uint64(len(preset))))
			m := randomModel(t, tensor.NewCPU(1), o, rng)
			tw := twinOf(m)
			batch := randomBatch(o, o.BatchSize, rng)
			_, grads, kink := tw.step(batch)
			const step = 1e-5
			if kink < step {
				t.Fatal("too close to a bend, take another seed")
			}
			for _, p := range m.Params() {
				values := tw.p[p.Name]
				for i, old := range values {
					values[i] = old + step
					up, _, _ := tw.step(batch)
					values[i] = old - step
					down, _, _ := tw.step(batch)
					values[i] = old
					want := (up.Total - down.Total) / (2 * step)
					if got := grads[p.Name][i]; math.Abs(got-want) > 1e-6*math.Abs(want)+1e-9 {
						t.Errorf("%s[%d]: gradient %v, difference quotient %v", p.Name, i, got, want)
					}
				}
			}
		})
	}
}

// A float32 model against finite differences of its own loss along its own
// gradient: the loss falls by |g|^2 for each unit. The quotient of float32 losses
// (rounding 1e-7) over a step of 1e-3 is right to about 1e-3.
func TestModel_FiniteDifferences(t *testing.T) {
	for _, preset := range Presets() {
		t.Run(preset, func(t *testing.T) {
			o := tinyOptions(t, preset)
			b := tensor.NewCPU(1)
			rng := rand.New(rand.NewPCG(11, uint64(len(preset))))
			m := randomModel(t, b, o, rng)
			batch := randomBatch(o, o.BatchSize, rng)
			m.Step(batch)
			for _, p := range m.Params() {
				norm := math.Sqrt(b.SumSquares(p.Grad))
				if norm == 0 {
					continue
				}
				const step = 1e-3
				direction := tensor.NewMat(b, p.Grad.Rows, p.Grad.Cols)
				b.Copy(direction, p.Grad)
				move := float32(step / norm)
				b.Axpy(p.Value, move, direction)
				up := m.Loss(batch)
				b.Axpy(p.Value, -2*move, direction)
				down := m.Loss(batch)
				b.Axpy(p.Value, move, direction)
				got := (up.Total - down.Total) / (2 * step)
				if math.Abs(got-norm) > 0.02*norm+1e-4 {
					t.Errorf("%s: the loss rises by %v along the gradient, whose norm is %v", p.Name, got, norm)
				}
			}
		})
	}
}

func TestModel_StepHasTheSameBitsForAnyThreads(t *testing.T) {
	for _, preset := range Presets() {
		o := tinyOptions(t, preset)
		var want []float32
		for _, threads := range []int{1, 2, 3, 7} {
			rng := rand.New(rand.NewPCG(3, 4))
			m := randomModel(t, tensor.NewCPU(threads), o, rng)
			adam := o.Adam()
			for range 3 {
				m.Step(randomBatch(o, o.BatchSize, rng))
				adam.Update(m.b, m.Params())
			}
			var got []float32
			for _, p := range m.Params() {
				got = append(got, download(m.b, p.Value)...)
			}
			if want == nil {
				want = got
			}
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%s: value %d is %v with %d threads, %v with 1", preset, i, got[i], threads, want[i])
				}
			}
		}
	}
}

// Scores of a thousand would overflow log(1 + exp(score)).
func TestModel_LossDoesNotOverflow(t *testing.T) {
	o := tinyOptions(t, "paddle")
	b := tensor.NewCPU(1)
	rng := rand.New(rand.NewPCG(5, 6))
	m := randomModel(t, b, o, rng)
	b.Axpy(m.out.Value, 1e5, m.out.Value)
	if loss := m.Step(randomBatch(o, o.BatchSize, rng)); !finite(loss.Total) || loss.Align < 100 {
		t.Errorf("loss %v, want a large finite one", loss)
	}
}

func TestModel_StepPanicsOnShapes(t *testing.T) {
	o := tinyOptions(t, "paddle")
	m := randomModel(t, tensor.NewCPU(1), o, rand.New(rand.NewPCG(5, 6)))
	batch := o.NewBatch(3)
	batch.Sentences = batch.Sentences[1:]
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	m.Step(batch)
}

// tinyOptions is a preset with dimensions that a test walks through in full.
func tinyOptions(t rapid.TB, preset string) Options {
	t.Helper()
	o, err := Preset(preset)
	if err != nil {
		t.Fatal(err)
	}
	o.VisualDim, o.SentenceDim, o.SemanticDim, o.HiddenDim, o.BatchSize = 9, 7, 6, 8, 4
	return o
}
