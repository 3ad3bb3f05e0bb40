package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"tall"
	"tall/nn"
	"tall/tensor"
	"tall/weights"
)

// Options of a run. Zero values switch a thing off.
type Options struct {
	Dir  string // where checkpoints and metrics go; made if missing
	Name string // of the checkpoints: NAME, NAME_epoch0, ...

	Epochs int // to train, counted from epoch 0 also when resumed; 0: by steps alone
	Steps  int // stop after so many steps in all (the TensorFlow code's schedule); 0: by epochs alone
	Seed   uint64

	LogEvery      int           // steps between logged losses
	ValidateEvery int           // epochs between validations
	SaveEvery     time.Duration // between states within an epoch; 0: each epoch's end only
	Keep          int           // newest per-epoch files to keep; 0: all

	// Meta goes into every checkpoint: preset, manifests, what was trained on.
	Meta map[string]string
	// Resume is a checkpoint to go on from. Run closes it when it has read it.
	Resume *weights.File
	// Validate returns a score, larger is better, after an epoch.
	Validate func(ctx context.Context, epoch int) (float64, error)
	// KeepBest: the checkpoint with the best validation score is kept as NAME_best.
	KeepBest bool
	// Notify is told what happens, in the goroutine of Run.
	Notify func(Event)
}

// Event is news of a run.
type Event struct {
	Kind    EventKind
	Record  Record        // Stepped, Logged
	Steps   int           // Stepped: steps that the run will have had at its end
	Path    string        // Saved
	Epoch   int           // Saved, Validated, EpochDone
	Score   float64       // Validated
	Best    bool          // Validated: the best so far
	Message string        // Noted
	Took    time.Duration // of the step, the saving, the validation
}

// EventKind tells events apart.
type EventKind int

// The kinds of events.
const (
	Noted     EventKind = iota // a remark for the log
	Stepped                    // after each step
	Logged                     // a step whose loss went into metrics.jsonl
	Saved                      // a checkpoint was written
	Validated                  // a validation was done
	EpochDone                  // an epoch ended
)

// Run trains until the last epoch, the last step or the end of ctx (then the
// error is [ErrStopped], after the step under way and with everything saved).
// A second process in the same folder is refused with [tall.ErrLocked].
func Run(ctx context.Context, b tensor.Backend, learner Learner, adam *nn.Adam, o Options) (err error) {
	if o.Epochs <= 0 && o.Steps <= 0 {
		return errors.New("neither epochs nor steps bound the run: give --epoch a positive number")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("save directory: %w", err)
	}
	lock := flock.New(filepath.Join(o.Dir, ".lock"))
	switch held, err := lock.TryLock(); {
	case err != nil:
		return fmt.Errorf("save directory %s: %w", o.Dir, err)
	case !held:
		return fmt.Errorf("save directory %s: %w: wait for it, or train with another --save_dir", o.Dir, tall.ErrLocked)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := removeLeftovers(o.Dir, o.Name); err != nil {
		return fmt.Errorf("save directory: %w", err)
	}
	if err := setAside(o); err != nil {
		return fmt.Errorf("save directory: %w", err)
	}

	r := &run{Options: o, backend: b, learner: learner, params: learner.Params(), adam: adam, start: time.Now()}
	r.state = State{Seed: o.Seed, Best: math.Inf(-1)}
	r.rng = rand.NewPCG(o.Seed, 0)
	if err := r.resume(); err != nil {
		return err
	}
	r.first = r.state.Step
	r.metrics, err = openMetrics(filepath.Join(o.Dir, MetricsName), r.state.Step)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	defer func() { err = errors.Join(err, r.metrics.close()) }()
	return r.epochs(ctx)
}

type run struct {
	Options
	backend tensor.Backend
	learner Learner
	params  []*nn.Param
	adam    *nn.Adam
	state   State
	rng     *rand.PCG
	metrics *metricsFile
	start   time.Time
	saved   time.Time // when the last state was written, or the run began
	first   int       // steps done before this run
	going   bool      // a state stands in Dir from which the run can go on
}

func (r *run) notify(e Event) {
	if r.Notify != nil {
		r.Notify(e)
	}
}

func (r *run) note(format string, args ...any) {
	r.notify(Event{Kind: Noted, Message: fmt.Sprintf(format, args...)})
}

func (r *run) resume() error {
	if r.Resume == nil {
		return nil
	}
	path := r.Resume.Path
	s, err := Restore(r.backend, r.params, r.Resume)
	err = errors.Join(err, r.Resume.Close())
	if r.Resume = nil; err != nil { // its values are in the parameters now
		return fmt.Errorf("resume: %w", err)
	}
	r.going = same(path, filepath.Join(r.Dir, r.Name+Extension))
	if s.Step == 0 { // somebody else's weights
		r.state.Epoch = s.Epoch
		r.note("%s holds weights alone: going on at epoch %d with fresh optimiser moments", path, s.Epoch)
		return nil
	}
	if !s.HasMoments {
		s.Seed = r.Seed
		s.Epoch++ // a per-epoch file is written after its epoch
		r.note("%s has no optimiser moments: going on at epoch %d with fresh ones (the state %s has them)",
			path, s.Epoch, r.Name)
		r.rng = rand.NewPCG(r.Seed, uint64(s.Epoch))
		r.state = s
		return nil
	}
	if s.Seed != r.Seed {
		r.note("the run was begun with seed %d and goes on with it", s.Seed)
	}
	r.adam.Step = s.AdamStep
	s.HasMoments = false // of what is written next; endEpoch and saveState say where they are
	r.state = s
	return r.rng.UnmarshalBinary(s.RNG)
}

// epochs is the loop.
func (r *run) epochs(ctx context.Context) error {
	r.saved = time.Now()
	if r.Epochs > 0 && r.state.Epoch >= r.Epochs || r.stepsDone() {
		r.note("nothing is left to train: %d epochs and %d steps are done; give a larger --epoch to go on", r.state.Epoch, r.state.Step)
	}
	for ; (r.Epochs == 0 || r.state.Epoch < r.Epochs) && !r.stepsDone(); r.state.Epoch++ {
		var err error
		if r.state.RNG, err = r.rng.MarshalBinary(); err != nil {
			return err
		}
		batches := r.learner.Batches(rand.New(r.rng))
		if r.state.Batch > len(batches) {
			return fmt.Errorf("resume: the checkpoint stands at batch %d of an epoch that has %d: %w: the training data is not what it was",
				r.state.Batch, len(batches), tall.ErrFormat)
		}
		for !r.stepsDone() && r.state.Batch < len(batches) {
			if err := r.step(ctx, batches); err != nil {
				return err
			}
		}
		if r.state.Batch < len(batches) { // ended by Steps, within the epoch
			break
		}
		if err := r.endEpoch(ctx); err != nil {
			return err
		}
	}
	if r.state.Batch > 0 {
		return r.saveState()
	}
	return nil
}

func (r *run) stepsDone() bool { return r.Steps > 0 && r.state.Step >= r.Steps }

func (r *run) step(ctx context.Context, batches [][]int) error {
	if ctx.Err() != nil {
		return r.stop(ctx)
	}
	begun := time.Now()
	members := batches[r.state.Batch]
	// The step under way is finished whatever happens to ctx: half a step
	// would leave parameters that belong to no state.
	loss, err := r.learner.Step(context.WithoutCancel(ctx), members)
	if err == nil && !finite(loss.Total) {
		err = fmt.Errorf("loss is %v: %w", loss.Total, tall.ErrNotFinite)
	}
	if err == nil {
		if norm := r.adam.Update(r.backend, r.params); !finite(norm) {
			err = fmt.Errorf("norm of the gradient is %v: %w: the learning rate is likely too high; lower --learning_rate", norm, tall.ErrNotFinite)
		}
	}
	if errors.Is(err, tall.ErrNotFinite) {
		return r.diverged(members, err)
	}
	if err != nil {
		return fmt.Errorf("step %d (epoch %d): %w", r.state.Step+1, r.state.Epoch, err)
	}
	r.state.Step++
	r.state.Batch++
	rec := Record{
		Step: r.state.Step, Epoch: r.state.Epoch, Loss: loss.Total, Parts: slices.Clone(loss.Parts),
		LR: r.adam.LR, Seconds: time.Since(r.start).Seconds(),
	}
	total := r.total(len(batches))
	r.notify(Event{Kind: Stepped, Record: rec, Steps: total, Took: time.Since(begun)})
	if r.LogEvery > 0 && (r.state.Step-1)%r.LogEvery == 0 || r.state.Step == total {
		if err := r.metrics.write(rec); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		r.notify(Event{Kind: Logged, Record: rec, Steps: total, Took: time.Since(begun)})
	}
	if r.SaveEvery > 0 && time.Since(r.saved) >= r.SaveEvery {
		return r.saveState()
	}
	return nil
}

// total is the number of steps at the run's end, if every epoch has n batches.
func (r *run) total(n int) int {
	total := r.state.Step + (n - r.state.Batch) + (r.Epochs-1-r.state.Epoch)*n
	switch {
	case r.Epochs == 0:
		return r.Steps
	case r.Steps > 0:
		return min(total, r.Steps)
	}
	return total
}

func (r *run) diverged(members []int, err error) error {
	d := &DivergedError{Step: r.state.Step + 1, Epoch: r.state.Epoch, Members: members, Err: err}
	if r.going {
		d.State = filepath.Join(r.Dir, r.Name)
	}
	return d
}

func (r *run) stop(ctx context.Context) error {
	if r.state.Step == r.first && r.state.Batch == 0 { // a state of no use must not replace another
		return fmt.Errorf("%w before the first step: %w", context.Cause(ctx), ErrStopped)
	}
	if err := r.saveState(); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w at step %d (epoch %d); go on with --resume %s",
		context.Cause(ctx), ErrStopped, r.state.Step, r.state.Epoch, filepath.Join(r.Dir, r.Name))
}

// endEpoch writes the epoch's weights, validates, and moves the state on. The
// order lets a kill lose nothing: until the state is written, a resumed run
// does the end of the epoch again and writes the same files.
func (r *run) endEpoch(ctx context.Context) error {
	epoch := r.state.Epoch
	if err := r.save(fmt.Sprintf("%s_epoch%d", r.Name, epoch), r.state); err != nil {
		return err
	}
	if err := prune(r.Dir, r.Name, epoch, r.Keep); err != nil {
		return fmt.Errorf("keep %d epochs: %w", r.Keep, err)
	}
	if r.Validate != nil && r.ValidateEvery > 0 && (epoch+1)%r.ValidateEvery == 0 {
		if err := r.validate(ctx); err != nil {
			return err
		}
	}
	r.state.Batch = 0
	next := r.state
	next.Epoch++
	var err error
	if next.RNG, err = r.rng.MarshalBinary(); err != nil {
		return err
	}
	next.HasMoments, next.AdamStep = true, r.adam.Step
	if err := r.save(r.Name, next); err != nil {
		return err
	}
	r.saved = time.Now()
	r.notify(Event{Kind: EpochDone, Epoch: epoch})
	return nil
}

func (r *run) validate(ctx context.Context) error {
	begun := time.Now()
	score, err := r.Validate(ctx, r.state.Epoch)
	if err != nil {
		if ctx.Err() != nil {
			return r.stop(ctx)
		}
		// What was trained is kept: a resumed run does the end of the epoch again.
		return errors.Join(fmt.Errorf("validation after epoch %d: %w", r.state.Epoch, err), r.saveState())
	}
	best := r.KeepBest && score > r.state.Best
	if best {
		r.state.Best = score
		if err := r.save(r.Name+"_best", r.state); err != nil {
			return err
		}
	}
	r.notify(Event{Kind: Validated, Epoch: r.state.Epoch, Score: score, Best: best, Took: time.Since(begun)})
	return nil
}

// saveState writes the latest state, from which a run can be resumed.
func (r *run) saveState() error {
	s := r.state
	s.HasMoments, s.AdamStep = true, r.adam.Step
	if err := r.save(r.Name, s); err != nil {
		return err
	}
	r.saved = time.Now()
	return nil
}

func (r *run) save(name string, s State) error {
	begun := time.Now()
	path := filepath.Join(r.Dir, name+Extension)
	if err := save(path, r.backend, r.params, s, r.Meta); err != nil {
		err = fmt.Errorf("checkpoint: %w", err)
		if r.going {
			err = fmt.Errorf("%w; the state before it is whole: go on with --resume %s", err, filepath.Join(r.Dir, r.Name))
		}
		return err
	}
	r.going = r.going || s.HasMoments
	r.notify(Event{Kind: Saved, Path: path, Epoch: s.Epoch, Took: time.Since(begun)})
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
