package encode

import (
	"context"

	"tall"
	"tall/feature"
	"tall/media"
)

// Video turns the frames of a video into rows of features, in one pass and in memory
// that does not grow with the video's length. It is for one goroutine at a time; its
// results have the same bits for any number of threads.
type Video interface {
	// Describe says how the rows are made and what lies in time behind them.
	Describe() feature.Description
	// Sampling says which frames of a video the encoder wants.
	Sampling(video media.Info) media.Sampling
	// Encode reads all frames and hands each row to emit, in order of (start, end), with
	// the seconds it tells of. Emit must not keep row. An error of frames or emit ends it.
	Encode(ctx context.Context, video media.Info, frames media.Source, emit func(span tall.Span, row []float32) error) error
}
