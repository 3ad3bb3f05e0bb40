package tall

import (
	"context"
	"errors"
)

// Localizer finds sentences in videos. Prepare does everything that does not
// depend on the sentence, once for each video.
type Localizer interface {
	Prepare(ctx context.Context, video *Features) (Prepared, error)
}

// Prepared is a video ready for questions. Localize answers all sentences
// together, one [Scored] each, in their order.
type Prepared interface {
	Localize(ctx context.Context, sentences []Sentence) ([]Scored, error)
}

// VideoEncoder turns a video file into features.
type VideoEncoder interface {
	EncodeVideo(ctx context.Context, path string) (*Features, error)
}

// SentenceEncoder turns texts into sentence vectors.
type SentenceEncoder interface {
	EncodeSentences(ctx context.Context, texts []string) ([]Sentence, error)
}

// Errors that callers tell apart with errors.Is. Every error that wraps one
// names the file or field and the remedy.
var (
	// ErrFormat: the bytes of a file are not what its format asks for.
	ErrFormat = errors.New("bad format")
	// ErrUnsafe: a file asks for something that data never needs (running
	// code, leaving its folder, more memory than it holds bytes for).
	ErrUnsafe = errors.New("refused as unsafe")
	// ErrShape: dimensions disagree with the configuration or each other.
	ErrShape = errors.New("shape mismatch")
	// ErrManifest: vectors were made otherwise than the model expects.
	ErrManifest = errors.New("features do not fit the model")
	// ErrMissing: something that was named does not exist.
	ErrMissing = errors.New("missing")
	// ErrNotFinite: NaN or infinity where numbers are needed.
	ErrNotFinite = errors.New("not finite")
	// ErrLocked: another process works in the folder.
	ErrLocked = errors.New("locked by another process")
)
