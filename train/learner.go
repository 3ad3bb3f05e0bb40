// Package train is the one training loop: batches, steps, checkpoints, resume.
// It knows a model only as a [Learner].
//
// A run is reproducible: the order of the batches comes from one PCG stream
// whose state is part of every checkpoint, so that a run that was cut off and
// resumed gives the same bits as one that was not.
package train

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"tall/nn"
)

// Learner is what the loop trains.
type Learner interface {
	// Batches plans an epoch: the members of each batch, drawn from rng alone.
	Batches(rng *rand.Rand) [][]int
	// Step computes the loss of a batch and leaves its gradients in Params.
	Step(ctx context.Context, members []int) (Loss, error)
	// Params are the trained parameters, always the same, in the same order.
	Params() []*nn.Param
}

// Loss of one batch: the total and its named parts, in a fixed order.
type Loss struct {
	Total float64
	Parts []Part
}

// Part is a summand of the loss, such as "align" or "reg".
type Part struct {
	Name  string
	Value float64
}

// ErrStopped is the error of a run that its context ended. Everything done so far
// is in the checkpoint.
var ErrStopped = errors.New("training stopped, and everything so far is saved")

// DivergedError says where a run met a loss or gradient that is not finite.
// The parameters were not touched by that step, and the last checkpoint holds.
type DivergedError struct {
	Step    int // the step that failed, counted from 1
	Epoch   int
	Members []int  // of the batch
	Err     error  // what is not finite, and the likely cause
	State   string // the last good state, for --resume; "" where there is none
}

func (e *DivergedError) Error() string {
	remains := "nothing was saved before it"
	if e.State != "" {
		remains = fmt.Sprintf("the last good state is intact: --resume %s", e.State)
	}
	return fmt.Sprintf("training diverged at step %d (epoch %d): %v; batch members %v; %s", e.Step, e.Epoch, e.Err, e.Members, remains)
}

func (e *DivergedError) Unwrap() error { return e.Err }
