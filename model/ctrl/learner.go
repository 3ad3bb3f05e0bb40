package ctrl

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"tall"
	"tall/feature"
	"tall/nn"
)

// Inputs are the window features that a model is trained on. Several goroutines
// read them at a time.
type Inputs interface {
	// Input writes the features of a window, context included, into dst (F).
	Input(window int, dst []float32) error
}

// FromStore returns a store's features with their context as inputs.
func FromStore(s *feature.Store, c feature.Context) Inputs { return storeInputs{s, c} }

type storeInputs struct {
	store   *feature.Store
	context feature.Context
}

func (s storeInputs) Input(window int, dst []float32) error {
	return s.store.Input(window, s.context, dst)
}

// Data are the pairs of one split and where their inputs come from.
type Data struct {
	Inputs   Inputs
	Examples []tall.Example // with sentence vectors of E values
	Pairs    []Pair         // by FindPairs
}

// check returns an error unless the sentences fit the model.
func (d Data) check(o Options) error {
	for _, p := range d.Pairs {
		e := d.Examples[p.Example]
		if n := len(e.Sentence.Vector); n != o.SentenceDim {
			return fmt.Errorf("%w: the sentence vector of %s has %d values, the model takes %d (sentence_embedding_size)", tall.ErrShape, e.ID, n, o.SentenceDim)
		}
	}
	return nil
}

// readers is how many inputs are read at a time: features that the page cache
// does not hold are a wait for the disk each.
const readers = 8

// gather writes the members' inputs and targets into a batch of their number.
func (d Data) gather(ctx context.Context, batch Batch, members []int, o Options) error {
	n, f, e := len(members), o.VisualDim, o.SentenceDim
	errs := make([]error, n)
	var wg sync.WaitGroup
	for r := range min(readers, n) {
		wg.Go(func() {
			for k := r; k < n; k += readers {
				if errs[k] = ctx.Err(); errs[k] != nil {
					return
				}
				window := d.Pairs[members[k]].Window.Index
				errs[k] = d.Inputs.Input(window, batch.Windows[k*f:(k+1)*f])
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	for k, i := range members {
		p := d.Pairs[i]
		copy(batch.Sentences[k*e:(k+1)*e], d.Examples[p.Example].Sentence.Vector)
		batch.Offsets[k], batch.Offsets[n+k] = p.Offsets()
	}
	return nil
}

// Describe names the pairs of a batch, a line each.
func (d Data) Describe(members []int) string {
	var b strings.Builder
	for k, i := range members {
		if k > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(d.describe(i))
	}
	return b.String()
}

func (d Data) describe(member int) string {
	p := d.Pairs[member]
	e := d.Examples[p.Example]
	return fmt.Sprintf("pair %d: sentence %s, video %s, window %v, truth %v", member, e.ID, e.Video, p.Window.Span, p.Truth)
}

// Learner trains a model on pairs, a batch a step. While a step computes it reads
// the batch that follows in the epoch's plan: features that the page cache does not
// hold come from the disk meanwhile.
type Learner struct {
	m     *Model
	data  Data
	batch Batch // on the host
	plan  [][]int
	done  int // batches of the plan up to the last step's

	ahead        Batch // what was read ahead,
	aheadMembers []int // nil: nothing
}

// NewLearner returns a learner, and gives the model room for gradients and
// moments. Fewer pairs than a batch are an error.
func NewLearner(m *Model, data Data) (*Learner, error) {
	o := m.opts
	if err := data.check(o); err != nil {
		return nil, err
	}
	if n := len(data.Pairs); n < o.BatchSize {
		return nil, fmt.Errorf("%d training pairs are fewer than a batch of %d: lower --batch_size, or add windows or sentences (a pair needs IoU > %g and nIoL < %g)",
			n, o.BatchSize, o.MinIoU, o.MaxNIoL)
	}
	if n := distinctClips(data.Pairs); o.DistinctClips && n < o.BatchSize {
		return nil, fmt.Errorf("the training pairs are of %d annotated clips, fewer than a batch of %d, and no clip may be twice in a batch: lower --batch_size, or switch distinct clips off",
			n, o.BatchSize)
	}
	m.Train()
	return &Learner{m: m, data: data}, nil
}

// Batches plans an epoch from rng alone: each batch lists indices of pairs. The
// incomplete last batch is dropped.
func (l *Learner) Batches(rng *rand.Rand) [][]int {
	l.plan, l.done = batches(l.data.Pairs, l.m.opts.BatchSize, l.m.opts.DistinctClips, rng), 0
	return l.plan
}

// Step computes the loss of the members, and leaves the gradients in Params. A
// loss that is NaN or infinite is an error that wraps [tall.ErrNotFinite], and
// names the first quantity that went wrong, its pair, and the likely cause.
func (l *Learner) Step(ctx context.Context, members []int) (Loss, error) {
	if err := l.gather(ctx, members); err != nil {
		return Loss{}, err
	}
	wait := l.readAhead(ctx, l.next(members))
	loss := l.m.Step(l.batch)
	wait()
	return loss, l.m.checkLoss(loss, l.data, members)
}

// next returns the batch that follows members in the plan, nil where none does.
func (l *Learner) next(members []int) []int {
	is := func(batch []int) bool { return slices.Equal(batch, members) }
	at := l.done
	if at >= len(l.plan) || !is(l.plan[at]) { // a resumed epoch begins in the middle
		if at = slices.IndexFunc(l.plan, is); at < 0 {
			return nil
		}
	}
	l.done = at + 1
	if l.done == len(l.plan) {
		return nil
	}
	return l.plan[l.done]
}

// readAhead begins to read a batch, and returns what waits for it: no read outlives
// its step, after which the features may be closed.
func (l *Learner) readAhead(ctx context.Context, members []int) (wait func()) {
	if l.aheadMembers = nil; members == nil {
		return func() {}
	}
	l.ahead = l.room(l.ahead, len(members))
	done := make(chan error, 1)
	go func() { done <- l.data.gather(ctx, l.ahead, members, l.m.opts) }()
	return func() {
		if err := <-done; err == nil { // an error comes again when the batch's turn comes
			l.aheadMembers = members
		}
	}
}

// Loss computes the loss of the members alone.
func (l *Learner) Loss(ctx context.Context, members []int) (Loss, error) {
	if err := l.gather(ctx, members); err != nil {
		return Loss{}, err
	}
	loss := l.m.Loss(l.batch)
	return loss, l.m.checkLoss(loss, l.data, members)
}

func (l *Learner) gather(ctx context.Context, members []int) error {
	if l.aheadMembers != nil && slices.Equal(l.aheadMembers, members) {
		l.batch, l.ahead, l.aheadMembers = l.ahead, l.batch, nil
		return nil
	}
	l.batch = l.room(l.batch, len(members))
	return l.data.gather(ctx, l.batch, members, l.m.opts)
}

// room returns a batch of n: b where it has that size.
func (l *Learner) room(b Batch, n int) Batch {
	if len(b.Offsets) == 2*n {
		return b
	}
	return l.m.opts.NewBatch(n)
}

// Params lists the model's parameters with their gradients.
func (l *Learner) Params() []*nn.Param { return l.m.Params() }

// Describe names the pairs of a batch, a line each.
func (l *Learner) Describe(members []int) string { return l.data.Describe(members) }

// validationSeed fixes the batches of the validation loss: pairs of one clip
// follow each other in a listing, and would be each other's mismatches.
const validationSeed = 56

// ValidationLoss is the mean loss over the whole batches of a split, which are
// the same at every call; fewer pairs than a batch make one batch.
func ValidationLoss(ctx context.Context, m *Model, data Data) (Loss, error) {
	if len(data.Pairs) == 0 {
		return Loss{}, fmt.Errorf("%w: the validation split has no pairs of a sentence and a window", tall.ErrMissing)
	}
	if err := data.check(m.opts); err != nil {
		return Loss{}, err
	}
	size := min(m.opts.BatchSize, len(data.Pairs))
	if m.opts.DistinctClips {
		size = min(size, distinctClips(data.Pairs))
	}
	plan := batches(data.Pairs, size, m.opts.DistinctClips, rand.New(rand.NewPCG(validationSeed, 0)))
	batch := m.opts.NewBatch(size)
	var sum Loss
	for _, members := range plan {
		if err := data.gather(ctx, batch, members, m.opts); err != nil {
			return Loss{}, err
		}
		loss := m.Loss(batch)
		if err := m.checkLoss(loss, data, members); err != nil {
			return Loss{}, err
		}
		sum.Total += loss.Total
		sum.Align += loss.Align
		sum.Reg += loss.Reg
	}
	n := float64(len(plan))
	return Loss{Total: sum.Total / n, Align: sum.Align / n, Reg: sum.Reg / n}, nil
}
