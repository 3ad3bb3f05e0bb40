package ctrl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tall"
	"tall/feature"
	"tall/nn"
	"tall/tensor"
)

// inMemory is features in memory.
type inMemory [][]float32

func (f inMemory) Input(window int, dst []float32) error {
	if window >= len(f) {
		return fmt.Errorf("%w: window %d", tall.ErrMissing, window)
	}
	copy(dst, f[window])
	return nil
}

// tinyData has a window, a sentence and a pair for each of n true clips of one video.
func tinyData(o Options, n int, rng *rand.Rand) Data {
	var d Data
	var inputs inMemory
	for i := range n {
		batch := randomBatch(o, 1, rng)
		inputs = append(inputs, batch.Windows)
		truth := tall.Span{Start: float64(100 * i), End: float64(100*i + 90)}
		d.Examples = append(d.Examples, tall.Example{
			ID: fmt.Sprintf("s27#%d", i), Video: "s27", FPS: 29.4, Truth: []tall.Span{truth},
			Sentence: tall.Sentence{Vector: batch.Sentences},
		})
		d.Pairs = append(d.Pairs, Pair{
			Example: i, Clip: i, Truth: truth,
			Window: feature.Window{Span: tall.Span{Start: float64(100*i - 2), End: float64(100*i + 93)}, Index: i},
		})
	}
	d.Inputs = inputs
	return d
}

func TestLearner_StepGathersItsMembers(t *testing.T) {
	o := tinyOptions(t, "paddle")
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomModel(t, tensor.NewCPU(1), o, rng)
	data := tinyData(o, 9, rng)
	l, err := NewLearner(m, data)
	if err != nil {
		t.Fatal(err)
	}
	for _, members := range [][]int{{8, 0, 3, 4}, {1, 2, 5, 6}, {7, 1}} {
		batch := o.NewBatch(len(members))
		for k, i := range members {
			copy(batch.Windows[k*o.VisualDim:], data.Inputs.(inMemory)[i])
			copy(batch.Sentences[k*o.SentenceDim:], data.Examples[i].Sentence.Vector)
			batch.Offsets[k], batch.Offsets[len(members)+k] = 2, -3
		}
		want, grads, _ := twinOf(m).step(batch)
		got, err := l.Step(t.Context(), members)
		if err != nil {
			t.Fatal(err)
		}
		compareLoss(t, got, want, 1e-5)
		compareGrads(t, m, grads)
		if again, err := l.Loss(t.Context(), members); err != nil || again != got {
			t.Errorf("Loss %v, %v, Step %v", again, err, got)
		}
	}
	if !slices.Equal(l.Params(), m.Params()) {
		t.Error("Params are not the model's")
	}
}

func TestLearner_Learns(t *testing.T) {
	for _, preset := range Presets() {
		o := tinyOptions(t, preset)
		o.VisualDim, o.SentenceDim, o.SemanticDim, o.HiddenDim = 40, 30, 24, 32
		o.LearningRate = 0.005
		rng := rand.New(rand.NewPCG(3, 4))
		m, err := New(tensor.NewCPU(0), o, 1)
		if err != nil {
			t.Fatal(err)
		}
		l, err := NewLearner(m, tinyData(o, 8, rng))
		if err != nil {
			t.Fatal(err)
		}
		adam := o.Adam()
		var first, last float64
		for range 200 {
			for _, members := range l.Batches(rng) {
				loss, err := l.Step(t.Context(), members)
				if err != nil {
					t.Fatal(err)
				}
				if first == 0 {
					first = loss.Total
				}
				last = loss.Total
				adam.Update(m.b, l.Params())
			}
		}
		if !(last < first/10) {
			t.Errorf("%s: loss from %v to %v", preset, first, last)
		}
	}
}

func TestLearner_FewerPairsThanABatch(t *testing.T) {
	o := tinyOptions(t, "paddle")
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomModel(t, tensor.NewCPU(1), o, rng)
	if _, err := NewLearner(m, tinyData(o, 3, rng)); err == nil || !strings.Contains(err.Error(), "--batch_size") || !strings.Contains(err.Error(), "3 training pairs") {
		t.Errorf("error %v", err)
	}
	o.DistinctClips = true
	m = randomModel(t, tensor.NewCPU(1), o, rng)
	data := tinyData(o, 8, rng)
	for i := range data.Pairs {
		data.Pairs[i].Clip = i / 4
	}
	if _, err := NewLearner(m, data); err == nil || !strings.Contains(err.Error(), "--batch_size") || !strings.Contains(err.Error(), "2 annotated clips") {
		t.Errorf("error %v", err)
	}
}

func TestLearner_SentenceOfAnotherLength(t *testing.T) {
	o := tinyOptions(t, "paddle")
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomModel(t, tensor.NewCPU(1), o, rng)
	data := tinyData(o, 8, rng)
	data.Examples[5].Sentence.Vector = make([]float32, 3)
	if _, err := NewLearner(m, data); !errors.Is(err, tall.ErrShape) || !strings.Contains(err.Error(), "s27#5 has 3 values") {
		t.Errorf("error %v", err)
	}
}

func TestLearner_StopsWhenAsked(t *testing.T) {
	o := tinyOptions(t, "paddle")
	rng := rand.New(rand.NewPCG(1, 2))
	l, err := NewLearner(randomModel(t, tensor.NewCPU(1), o, rng), tinyData(o, 8, rng))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Step(ctx, []int{0, 1, 2, 3}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	l.data.Pairs[2].Window.Index = 100
	if _, err := l.Step(t.Context(), []int{0, 1, 2, 3}); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("error %v", err)
	}
}

// A loss that is not finite names where it began, the pair, and what to do.
func TestLearner_NotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	set := func(p *nn.Param, v float32) func(*Learner) {
		return func(l *Learner) {
			values := download(l.m.b, p.Value)
			values[1] = v
			l.m.b.Upload(p.Value, values)
		}
	}
	fill := func(m *Model, x tensor.Mat) { // with numbers whose sums overflow
		m.b.Upload(x, slices.Repeat([]float32{3e38}, x.Rows*x.Cols))
	}
	o := tinyOptions(t, "tf")
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name  string
		spoil func(*Learner)
		want  []string
	}{
		{
			"window", func(l *Learner) { l.data.Inputs.(inMemory)[6][2] = nan },
			[]string{"window features hold 1", "sentence s27#6, video s27, window 598-693", "tall doctor"},
		},
		{
			"sentence", func(l *Learner) { l.data.Examples[6].Sentence.Vector[0] = inf },
			[]string{"sentence vectors hold 1", "s27#6"},
		},
		{
			"target", func(l *Learner) { l.data.Pairs[6].Truth.End = math.Inf(1) },
			[]string{"true offsets hold 1", "end offsets", "annotations"},
		},
		{
			"weight", func(l *Learner) { set(l.m.mid, nan)(l) },
			[]string{"1 of the 192 values of mid_out_weights", "--learning_rate"},
		},
		{
			"projection", func(l *Learner) { fill(l.m, l.m.visual.W.Value) },
			[]string{"projected windows V are not", "float32"},
		},
		{
			"hidden", func(l *Learner) { fill(l.m, l.m.mid.Value) },
			[]string{"hidden units h are not", "first in pair 7: sentence s27#7, video s27, window", "--learning_rate"},
		},
		{
			"scores", func(l *Learner) { fill(l.m, l.m.out.Value.RowRange(0, 1)) },
			[]string{"scores are not", "--learning_rate"},
		},
		{
			"offsets", func(l *Learner) { fill(l.m, l.m.out.Value.RowRange(2, 3)) },
			[]string{"end offsets are not", "--learning_rate"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := NewLearner(randomModel(t, tensor.NewCPU(1), o, rng), tinyData(o, 8, rng))
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(l)
			_, err = l.Step(t.Context(), []int{7, 6, 2, 3})
			if !errors.Is(err, tall.ErrNotFinite) {
				t.Fatalf("error %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestData_Describe(t *testing.T) {
	o := tinyOptions(t, "paddle")
	d := tinyData(o, 3, rand.New(rand.NewPCG(1, 2)))
	want := "pair 2: sentence s27#2, video s27, window 198-293, truth 200-290\n" +
		"pair 0: sentence s27#0, video s27, window -2-93, truth 0-90"
	if got := d.Describe([]int{2, 0}); got != want {
		t.Errorf("%s", got)
	}
}

func TestValidationLoss(t *testing.T) {
	o := tinyOptions(t, "tf")
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomModel(t, tensor.NewCPU(1), o, rng)
	data := tinyData(o, 11, rng)
	got, err := ValidationLoss(t.Context(), m, data)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ValidationLoss(t.Context(), m, data); err != nil || again != got {
		t.Errorf("a second call gives %v, %v, the first %v", again, err, got)
	}
	// Fewer pairs than a batch: one batch of all.
	few := tinyData(o, 3, rng)
	got, err = ValidationLoss(t.Context(), m, few)
	if err != nil {
		t.Fatal(err)
	}
	l := &Learner{m: m, data: few}
	want, err := l.Loss(t.Context(), []int{0, 1, 2})
	if err != nil || math.Abs(got.Total-want.Total) > 1e-6*want.Total {
		t.Errorf("loss %v, want %v (%v)", got, want, err)
	}
	few.Pairs = nil
	if _, err := ValidationLoss(t.Context(), m, few); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("error %v", err)
	}
}
