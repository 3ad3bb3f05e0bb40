package ctrl

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"tall"
	"tall/tensor"
)

// counted counts how often each window is read, and whether one is being read.
type counted struct {
	Inputs
	reads  []atomic.Int32
	inside *atomic.Int32
}

func (c counted) Input(window int, dst []float32) error {
	c.inside.Add(1)
	defer c.inside.Add(-1)
	c.reads[window].Add(1)
	return c.Inputs.Input(window, dst)
}

// A learner that reads the plan's batches ahead computes what one without a plan
// computes, from whichever batch on, reads each window of the plan once, and reads
// nothing when a step has returned.
func TestLearner_ReadsAhead(t *testing.T) {
	o := tinyOptions(t, "paddle")
	const n = 18 // four batches, and two pairs that are dropped
	for from := range 4 {
		rng := rand.New(rand.NewPCG(5, 6))
		data := tinyData(o, n, rng)
		m := randomModel(t, tensor.NewCPU(1), o, rng)
		plain, err := NewLearner(m, data)
		if err != nil {
			t.Fatal(err)
		}
		c := counted{data.Inputs, make([]atomic.Int32, n), new(atomic.Int32)}
		data.Inputs = c
		l, err := NewLearner(m, data)
		if err != nil {
			t.Fatal(err)
		}
		plan := l.Batches(rng)
		for i, members := range plan[from:] {
			got, err := l.Step(t.Context(), members)
			if err != nil {
				t.Fatal(err)
			}
			if c.inside.Load() != 0 {
				t.Error("a read outlived its step")
			}
			gradients := make([][]float32, 0, len(l.Params()))
			for _, p := range l.Params() {
				gradients = append(gradients, download(m.b, p.Grad))
			}
			want, err := plain.Step(t.Context(), members)
			if err != nil || got != want {
				t.Errorf("from batch %d: batch %d: loss %v, without reading ahead %v, %v", from, from+i, got, want, err)
			}
			for k, p := range l.Params() {
				if !slices.Equal(gradients[k], download(m.b, p.Grad)) {
					t.Errorf("from batch %d: batch %d: other gradients of %s", from, from+i, p.Name)
				}
			}
			// A loss of other members comes between, as a validation may.
			if _, err := plain.Loss(t.Context(), []int{0, 1}); err != nil {
				t.Fatal(err)
			}
		}
		for _, members := range plan[from:] {
			for _, i := range members {
				if reads := c.reads[i].Load(); reads != 1 {
					t.Errorf("from batch %d: window %d was read %d times", from, i, reads)
				}
			}
		}
	}
}

// failing fails once, as a disk may.
type failing struct {
	Inputs
	window int
	left   *atomic.Int32
}

func (f failing) Input(window int, dst []float32) error {
	if window == f.window && f.left.Add(-1) >= 0 {
		return fmt.Errorf("%w: window %d", tall.ErrMissing, window)
	}
	return f.Inputs.Input(window, dst)
}

// What fails to be read ahead is tried again when its turn comes, and is an error
// then.
func TestLearner_ReadingAheadFails(t *testing.T) {
	o := tinyOptions(t, "paddle")
	for fails, want := range map[int32]error{1: nil, 2: tall.ErrMissing} {
		rng := rand.New(rand.NewPCG(5, 6))
		data := tinyData(o, 8, rng)
		f := failing{Inputs: data.Inputs, left: new(atomic.Int32)}
		l, err := NewLearner(randomModel(t, tensor.NewCPU(1), o, rng), data)
		if err != nil {
			t.Fatal(err)
		}
		plan := l.Batches(rng)
		f.window = plan[1][2] // the windows of tinyData have their pairs' numbers
		f.left.Store(fails)
		l.data.Inputs = f
		if _, err := l.Step(t.Context(), plan[0]); err != nil {
			t.Errorf("the batch before: %v", err)
		}
		if _, err := l.Step(t.Context(), plan[1]); !errors.Is(err, want) {
			t.Errorf("failing %d times: %v, want %v", fails, err, want)
		}
	}
}
