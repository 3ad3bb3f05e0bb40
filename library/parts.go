package library

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"tall"
	"tall/feature"
)

// Catalog keeps what is known of the videos. It may be used by many goroutines, and by
// several processes.
type Catalog interface {
	// Videos yields the videos that the filter takes, ordered by their first path, then by
	// ID. An error ends it.
	Videos(ctx context.Context, f Filter) iter.Seq2[Video, error]
	// Update changes one video in a transaction. Change gets it as it is (found), or with
	// its ID alone, and tells whether it stays; after an error of change all is as before.
	// Nobody else, in any process, changes anything while change runs.
	Update(ctx context.Context, id ID, change func(v *Video, found bool) (keep bool, err error)) error
	// Version changes whenever a video does, by whatever process.
	Version(ctx context.Context) (int64, error)
}

// FeatureStore keeps what encoders made of videos.
type FeatureStore interface {
	// Path is where the file of a video's features lies, or shall lie: DIR/NAME.safetensors.
	Path(encoder string, id ID) (dir, name string)
	// Open reads it. Rows are fetched from the file as they are asked for.
	Open(ctx context.Context, encoder string, id ID) (*tall.Features, io.Closer, error)
	// Remove removes it; it need not exist.
	Remove(encoder string, id ID) error
}

// Task is one piece of work: a video that an encoder has to see.
type Task struct {
	Video   ID
	Encoder string
}

// Queue keeps tasks until they are done, over crashes too.
type Queue interface {
	// Put adds tasks; one that waits or runs already is not added again.
	Put(ctx context.Context, tasks ...Task) error
	// Run does tasks, several at a time, until the context ends, or, with drain, until
	// none is left that could be done. Do is told whether a failure would be the last:
	// then the task is given up, else it comes again after a while. An error that wraps
	// ErrGiveUp ends the task at once.
	Run(ctx context.Context, workers int, drain bool, do func(ctx context.Context, t Task, last bool) error) error
	// Cancel takes the tasks of a video out of the queue.
	Cancel(ctx context.Context, id ID) error
}

// VideoEncoder turns a video file into a file of features, dir/name.safetensors, which is
// there as a whole or not at all. It is for one goroutine at a time.
type VideoEncoder interface {
	// Save tells progress, which may be nil, how many seconds of the video are done.
	Save(ctx context.Context, path, dir, name string, meta map[string]string, progress func(done, total float64)) (rows int, err error)
}

// Space is where vectors of videos and probes of sentences lie, by whose dot products
// videos are ranked before a localizer sees them.
type Space struct {
	// Name is a plain file name. Spaces of other weights have other names.
	Name string
	Indexer
}

// Indexer makes the vectors of a [Space]. It may be used by several goroutines.
type Indexer interface {
	// Vectors are those of a video, (N, D), with the seconds that each stands for.
	// Neighbors are alike, as an index may keep means of a few.
	Vectors(ctx context.Context, video *tall.Features) (spans []tall.Span, vectors tall.Stream, err error)
	// Probe is that of a sentence, (D). Sample are vectors of the collection, (n, D),
	// which tell what is usual there; there may be none.
	Probe(ctx context.Context, s tall.Sentence, sample []float32) ([]float32, error)
	// Evidence estimates the evidence (package calibrate) that the localizer would find
	// for its best moment, and where, from the products of a probe and a video's vectors.
	Evidence(spans []tall.Span, products []float32) (evidence float64, best tall.Span)
}

// Scorer is an [Indexer] whose products only estimate the scores of vectors, and that can
// score a few of them exactly: the videos that seem best are ranked again by those.
type Scorer interface {
	// Choose lists the vectors of a video that shall be scored, by their products.
	Choose(products []float32) []int
	// Scores are the exact scores of vectors (n, D).
	Scores(ctx context.Context, s tall.Sentence, vectors []float32) ([]float32, error)
	// Rescored estimates the evidence from the mean of all products of a video, and the
	// products and exact scores of the vectors that were chosen.
	Rescored(mean float64, products, scores []float32) float64
}

// Key names the vectors of a video in an index.
type Key struct {
	Space string
	Video ID
	// Source is the hash of the features that the vectors were made from; vectors of
	// others are not used.
	Source string
}

// Scan is a question to an index.
type Scan struct {
	Keys   []Key
	Probes [][]float32 // each (D)
	// Fine takes all vectors, not means of neighbors.
	Fine bool
}

// Products are those of probes and vectors of a video.
type Products struct {
	Spans  []tall.Span // seconds that each vector stands for
	Scores [][]float32 // of each probe, (N)
	// Append appends a vector, (D), to dst.
	Append func(dst []float32, vector int) []float32
}

// CandidateIndex keeps the vectors of videos. They can be made again from the features at
// any time. It may be used by many goroutines.
type CandidateIndex interface {
	// Add keeps the vectors of a video, in the place of those it had in this space.
	Add(ctx context.Context, k Key, spans []tall.Span, vectors tall.Stream) error
	// Remove removes those of a video from all spaces; there need not be any.
	Remove(ctx context.Context, id ID) error
	// Scan calls visit with the number of each key and its products, which are valid
	// until it returns, from several goroutines. It returns the numbers of keys that it
	// has no intact vectors for.
	Scan(ctx context.Context, s Scan, visit func(key int, p Products)) (missing []int, err error)
}

// IndexSampler is a [CandidateIndex] that gives examples of what it keeps.
type IndexSampler interface {
	// Sample returns up to n vectors of videos, (n, D), the same ones for the same keys.
	Sample(ctx context.Context, keys []Key, n int) ([]float32, error)
}

// IndexChecker is a [CandidateIndex] that can say whether what it keeps of a video is whole.
type IndexChecker interface {
	Check(ctx context.Context, k Key) error
}

// Engine is one way of encoding and finding.
type Engine struct {
	Name        string // "classical", "clip"
	Description feature.Description
	// Open opens the encoder of videos, one for each worker.
	Open       func() (VideoEncoder, error)
	Sentences  tall.SentenceEncoder
	Localizers []Localizer // the first is the default
	// Like finds moments that resemble another one: its sentences are the mean rows of
	// moments. nil: no search by example.
	Like *Localizer
}

// spaces lists the spaces of an engine's localizers, each once.
func (e *Engine) spaces() []*Space {
	var out []*Space
	add := func(s *Space) {
		if s != nil && !slices.ContainsFunc(out, func(have *Space) bool { return have.Name == s.Name }) {
			out = append(out, s)
		}
	}
	for i := range e.Localizers {
		add(e.Localizers[i].Space)
	}
	if e.Like != nil {
		add(e.Like.Space)
	}
	return out
}

// Localizer finds moments in the rows of an engine's features.
type Localizer struct {
	Name string
	// ID tells localizers apart by their weights and parameters.
	ID string
	tall.Localizer
	// Bank are the sentences, encoded, that confidence is measured against
	// (package calibrate); nil: not calibrated.
	Bank func(ctx context.Context) ([]tall.Sentence, error)
	// Threshold is the least confidence that counts as a match.
	Threshold float64
	// Space ranks videos for this localizer; nil: it sees all of them.
	Space *Space
}

// ErrGiveUp marks errors of tasks that would not go away by trying again.
var ErrGiveUp = errors.New("given up")
