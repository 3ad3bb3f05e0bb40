package tall

// Features are the vectors of one video's windows: N spans, and for each
// stream (one encoder's output) an (N, D) matrix.
type Features struct {
	Video string
	FPS   float64 // ticks of Spans in a second; 1: Spans are seconds
	// Spans are the windows, ordered by (start, end).
	Spans   []Span
	Streams []Stream
}

// Stream is what one encoder made of a video: (N, D), a row for each span of the
// [Features] that hold it. Either Data holds the rows, or Read fetches them, so that
// a long video takes no more memory than a short one.
type Stream struct {
	Manifest Manifest
	N, D     int
	Data     []float32 // (N, D), row-major; nil where Read is set
	// Read writes the rows from the given one on into dst, a multiple of D values.
	Read func(from int, dst []float32) error
}

// Rows returns rows [from, to), row-major: a part of Data, which must not be
// written to, or, where the stream is read, the beginning of buf, which must have
// room for them.
func (s Stream) Rows(from, to int, buf []float32) ([]float32, error) {
	if s.Read == nil {
		return s.Data[from*s.D : to*s.D], nil
	}
	rows := buf[:(to-from)*s.D]
	return rows, s.Read(from, rows)
}

// Sentence is a query: its text where it is known, and its vector where an
// encoder made one.
type Sentence struct {
	Text     string
	Manifest Manifest
	Vector   []float32 // (E)
	Tokens   []float32 // (L, E), where the encoder has them
}

// Example is one line of ground truth: a sentence and the spans of its video
// that it describes.
type Example struct {
	ID       string
	Video    string
	Split    string
	Duration float64 // seconds; 0: unknown
	FPS      float64 // ticks of Truth in a second; 1: Truth is in seconds
	Sentence Sentence
	Truth    []Span
}

// Seconds returns the truth in seconds.
func (e Example) Seconds() []Span {
	out := make([]Span, len(e.Truth))
	for i, s := range e.Truth {
		out[i] = toSeconds(s, e.FPS)
	}
	return out
}

// Moment is a stretch of a video with a confidence. Its span is in seconds.
type Moment struct {
	Video string
	Span
	Score float32
}

// Scored is a localiser's answer to one sentence about one video: every moment
// it considered, NOT suppressed (evaluation's suppression moves with the
// metric; callers call [Suppress]), in the order of the video's windows.
type Scored struct {
	Video  string
	FPS    float64   // ticks of Spans in a second
	Spans  []Span    // (N) predicted, may be invalid or outside the video
	Scores []float32 // (N)
	// Windows are the spans that were scored, before the offsets: with Scores
	// they are the score curve over time.
	Windows []Span // (N)
}

// Moment returns the i-th moment in seconds.
func (s Scored) Moment(i int) Moment {
	return Moment{Video: s.Video, Span: toSeconds(s.Spans[i], s.FPS), Score: s.Scores[i]}
}

func toSeconds(s Span, fps float64) Span {
	if fps == 0 || fps == 1 {
		return s
	}
	return Span{s.Start / fps, s.End / fps}
}
