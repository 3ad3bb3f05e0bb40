package ctrl

import (
	"context"
	"fmt"
	"sync"

	"tall"
	"tall/feature"
	"tall/tensor"
)

// Localizer answers sentences about videos with a model's present parameters.
// After a training step make a new one. It may be used by several goroutines,
// which take turns on the backend, unless the model is used elsewhere meanwhile.
type Localizer struct {
	m        *Model
	visual   tall.Manifest
	sentence tall.Manifest

	mu   sync.Mutex // guards the backend and the matrices below
	x    tensor.Mat // (windowTile, F)
	rows []float32  // (windowTile, F), of features that are read
	y    tensor.Mat // (sentenceTile, E)
	q, t tensor.Mat // (sentenceTile, D), (sentenceTile, H)
	norm tensor.Mat // (sentenceTile, 1)
	h    tensor.Mat // (tile, H)
	o    tensor.Mat // (3 * tile): (3, pairs of the tile), contiguous
	host []float32  // (3, pairs of the tile)
	tile int

	alone tensor.Mat // (D, H) of an [Index], made when first asked for
}

// LocalizerOptions are what a [Localizer] may be told.
type LocalizerOptions struct {
	// Visual and Sentence say how the vectors were made that the model was
	// trained on; others are refused ([tall.ErrManifest]). The zero values
	// refuse nothing.
	Visual, Sentence tall.Manifest
	// Pairs is how many pairs are scored at a time: it bounds the memory, 4 KB a
	// pair at the reference's size. 0: 4096. Results do not depend on it.
	Pairs int
}

const (
	defaultTile = 4096 // pairs
	// Windows and sentences projected at a time: 12.6 and 4.9 MB of inputs.
	windowTile   = 256
	sentenceTile = 256
)

// NewLocalizer returns a localizer over the model.
func NewLocalizer(m *Model, o LocalizerOptions) *Localizer {
	if o.Pairs <= 0 {
		o.Pairs = defaultTile
	}
	return &Localizer{m: m, visual: o.Visual, sentence: o.Sentence, tile: o.Pairs}
}

// Prepare projects the windows of a video and computes what they add to every
// pair, once. The features must be one stream of F values a window, context
// included. Features that hold NaN or infinities are an error that counts them.
func (l *Localizer) Prepare(ctx context.Context, video *tall.Features) (tall.Prepared, error) {
	opts := l.m.opts
	if len(video.Streams) != 1 {
		return nil, fmt.Errorf("%s: %w: %d streams of features, the model takes 1", video.Video, tall.ErrShape, len(video.Streams))
	}
	s := video.Streams[0]
	n := len(video.Spans)
	if s.D != opts.VisualDim {
		return nil, fmt.Errorf("%s: %w: window features of %d values, the model takes %d (visual_feature_dim, context included)", video.Video, tall.ErrShape, s.D, opts.VisualDim)
	}
	if s.N != n || s.Read == nil && len(s.Data) != n*s.D {
		return nil, fmt.Errorf("%s: %w: %d windows, but features of %d x %d in %d values", video.Video, tall.ErrShape, n, s.N, s.D, len(s.Data))
	}
	if err := l.visual.Check(s.Manifest); err != nil {
		return nil, fmt.Errorf("%s: window features: %w", video.Video, err)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.m.b
	p := &prepared{l: l, video: video.Video, fps: video.FPS, spans: video.Spans}
	if n == 0 {
		return p, nil
	}
	if l.x.Mem == nil {
		l.x = tensor.NewMat(b, windowTile, opts.VisualDim)
	}
	p.v = tensor.NewMat(b, n, opts.SemanticDim)
	p.t = tensor.NewMat(b, n, opts.HiddenDim)
	norm := tensor.NewMat(b, n, 1)
	if s.Read != nil && l.rows == nil {
		l.rows = make([]float32, windowTile*opts.VisualDim)
	}
	var bad notFiniteRows
	for from := 0; from < n; from += windowTile {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+windowTile, n)
		rows, err := s.Rows(from, to, l.rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", video.Video, err)
		}
		if bad.count(rows, from, s.D); bad.rows > 0 {
			continue // only to count them all
		}
		x := l.x.RowRange(0, to-from)
		b.Upload(x, rows)
		l.m.embedWindows(p.v.RowRange(from, to), norm.RowRange(from, to), x)
	}
	if bad.rows > 0 {
		return nil, fmt.Errorf("%s: %w: %d values in the features of %d of %d windows, first in window %v; replace these feature files (tall doctor lists them)",
			video.Video, tall.ErrNotFinite, bad.values, bad.rows, n, video.Spans[bad.first])
	}
	l.m.windowTerms(p.t, p.v)
	return p, nil
}

// notFiniteRows counts the rows that hold values that are not finite.
type notFiniteRows struct {
	values, rows int
	first        int // number of the first such row
}

// count looks through rows of d values, the first of which has the number from.
func (b *notFiniteRows) count(rows []float32, from, d int) {
	for j := 0; j*d < len(rows); j++ {
		if k := feature.NotFinite(rows[j*d : (j+1)*d]); k > 0 {
			if b.rows == 0 {
				b.first = from + j
			}
			b.values += k
			b.rows++
		}
	}
}

// prepared is a video in the joint space, on the backend.
type prepared struct {
	l     *Localizer
	video string
	fps   float64
	spans []tall.Span
	v     tensor.Mat // (N, D)
	t     tensor.Mat // (N, H): what each window adds to the hidden units
}

// Localize scores every window for every sentence. A moment is its window moved
// by the predicted offsets, in the clock of the features; it may be reversed or
// lie outside the video.
func (p *prepared) Localize(ctx context.Context, sentences []tall.Sentence) ([]tall.Scored, error) {
	s, n := len(sentences), len(p.spans)
	for i, sentence := range sentences {
		if err := p.l.checkSentence(sentence); err != nil {
			return nil, fmt.Errorf("sentence %d of %d for %s: %w", i+1, s, p.video, err)
		}
	}
	scored := make([]tall.Scored, s)
	for i := range scored {
		scored[i] = tall.Scored{
			Video: p.video, FPS: p.fps, Windows: p.spans,
			Spans: make([]tall.Span, n), Scores: make([]float32, n),
		}
	}
	if s == 0 || n == 0 {
		return scored, nil
	}

	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	for i := 0; i < s; i += sentenceTile {
		to := min(i+sentenceTile, s)
		if err := p.localize(ctx, scored[i:to], sentences[i:to]); err != nil {
			return nil, err
		}
	}
	return scored, nil
}

// localize answers at most sentenceTile sentences.
func (p *prepared) localize(ctx context.Context, scored []tall.Scored, sentences []tall.Sentence) error {
	l, opts := p.l, p.l.m.opts
	s, n := len(sentences), len(p.spans)
	if l.y.Mem == nil {
		l.y, l.norm = tensor.NewMat(l.m.b, sentenceTile, opts.SentenceDim), tensor.NewMat(l.m.b, sentenceTile, 1)
		l.q, l.t = tensor.NewMat(l.m.b, sentenceTile, opts.SemanticDim), tensor.NewMat(l.m.b, sentenceTile, opts.HiddenDim)
	}
	for i, sentence := range sentences {
		l.m.b.Upload(l.y.RowRange(i, i+1), sentence.Vector)
	}
	q, t := l.q.RowRange(0, s), l.t.RowRange(0, s)
	l.m.embedSentences(q, l.norm.RowRange(0, s), l.y.RowRange(0, s))
	l.m.sentenceTerms(t, q)

	// A tile is all windows for a few sentences, or, for long videos, a part of
	// the windows for one.
	width := min(n, l.tile)
	height := min(s, max(1, l.tile/width))
	for i := 0; i < s; i += height {
		for j := 0; j < n; j += width {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := p.score(scored, q, t, i, min(i+height, s), j, min(j+width, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// score fills in the pairs of sentences [i0, i1) and windows [j0, j1).
func (p *prepared) score(scored []tall.Scored, q, t tensor.Mat, i0, i1, j0, j1 int) error {
	l := p.l
	width := j1 - j0
	pairs := (i1 - i0) * width
	if l.h.Rows < pairs {
		l.h = tensor.NewMat(l.m.b, pairs, l.m.opts.HiddenDim)
		l.o = tensor.NewMat(l.m.b, 1, outputs*pairs)
		l.host = make([]float32, outputs*pairs)
	}
	o, host := l.o.ColRange(0, outputs*pairs).Reshape(outputs, pairs), l.host[:outputs*pairs]
	l.m.pairs(o, l.h.RowRange(0, pairs), p.v.RowRange(j0, j1), q.RowRange(i0, i1), p.t.RowRange(j0, j1), t.RowRange(i0, i1))
	l.m.b.Download(host, o)
	if n := feature.NotFinite(host); n > 0 {
		return fmt.Errorf("%s: %w: %d of %d scores and offsets, though features and sentences are finite; the weights are damaged or do not belong to these features",
			p.video, tall.ErrNotFinite, n, len(host))
	}
	for i := i0; i < i1; i++ {
		for j := j0; j < j1; j++ {
			k := (i-i0)*width + j - j0
			scored[i].Scores[j] = host[k]
			scored[i].Spans[j] = tall.Span{
				Start: p.spans[j].Start + float64(host[pairs+k]),
				End:   p.spans[j].End + float64(host[2*pairs+k]),
			}
		}
	}
	return nil
}

func (l *Localizer) checkSentence(s tall.Sentence) error {
	if len(s.Vector) != l.m.opts.SentenceDim {
		return fmt.Errorf("%w: a vector of %d values, the model takes %d (sentence_embedding_size)", tall.ErrShape, len(s.Vector), l.m.opts.SentenceDim)
	}
	if n := feature.NotFinite(s.Vector); n > 0 {
		return fmt.Errorf("%w: %d of %d values of the vector; replace it", tall.ErrNotFinite, n, len(s.Vector))
	}
	return l.sentence.Check(s.Manifest)
}
