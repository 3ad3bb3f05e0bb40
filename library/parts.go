package library

import (
	"context"
	"errors"
	"io"
	"iter"

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

// Indexer makes vectors by whose dot products candidates are ranked.
type Indexer interface {
	// Vectors are those of a video, (N, D), with the seconds that each stands for.
	Vectors(ctx context.Context, video *tall.Features) (spans []tall.Span, vectors tall.Stream, err error)
	// Probe is that of a sentence, (D).
	Probe(ctx context.Context, s tall.Sentence) ([]float32, error)
}

// Candidate is a stretch of a video that may hold the moment.
type Candidate struct {
	Video ID
	Span  tall.Span // seconds
	Score float32
}

// CandidateIndex finds candidates among the vectors of all videos. What it keeps can be
// made again from the features at any time.
type CandidateIndex interface {
	Add(ctx context.Context, id ID, spans []tall.Span, vectors tall.Stream) error
	Remove(ctx context.Context, id ID) error
	// Candidates returns the best ones, best first, among videos that allowed takes.
	Candidates(ctx context.Context, probe []float32, allowed func(ID) bool, limit int) ([]Candidate, error)
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
	// moments.
	Like    tall.Localizer
	Indexer Indexer
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
}

// ErrGiveUp marks errors of tasks that would not go away by trying again.
var ErrGiveUp = errors.New("given up")
