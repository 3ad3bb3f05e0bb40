package clip

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"

	"tall"
	"tall/feature"
	"tall/media"
)

// Describe says how rows are made, and that each tells of 1/Rate seconds.
func (m *Model) Describe() feature.Description {
	d := feature.Description{Manifest: m.manifest, Window: 1 / m.rate, Stride: 1 / m.rate}
	d.WindowLengths, d.Manifest.Stride, d.Rate = []float64{1 / m.rate}, 1, 1
	return d
}

// folder is the Format of an Info of a folder of pictures.
const folder = "images"

// Sampling asks for Rate frames a second, with the shorter side as the tower wants it:
// decoders scale while they decode. Pictures in folders come as they are, and are resized
// as PIL does it. The first frame is taken in the middle of the first row's stretch, and
// so are all others: a row that showed the beginning of its stretch would put every
// moment half a row too late.
func (m *Model) Sampling(video media.Info) media.Sampling {
	s := media.Sampling{Rate: m.rate, From: 0.5 / m.rate}
	if video.Duration > 0 {
		s.From = min(s.From, video.Duration/2)
	}
	if video.Format != folder {
		s.Fit, s.Width, s.Height = media.FitShort, m.prep.Short, m.prep.Short
	}
	return s
}

// Encode reads frames and hands each as a row (D) of length 1 to emit, which may keep it
// until it returns, with the stretch of 1/Rate seconds around its time. Frames are taken
// in any size; those that are not of the size that Sampling asks for are resized as PIL
// does it. Frames wait until a batch is full. Errors wrap [tall.ErrShape] (a frame whose
// pixels are not of its size), [tall.ErrFormat] (no frames), what reading the weights
// gives, or are those of frames, emit and ctx.
func (m *Model) Encode(ctx context.Context, video media.Info, frames media.Source, emit func(span tall.Span, row []float32) error) error {
	size := 3 * m.prep.Crop * m.prep.Crop
	pictures := make([]float32, m.batch*size)
	spans := make([]tall.Span, 0, m.batch)
	flush := func() error {
		rows, err := m.encode(ctx, pictures, len(spans))
		if err != nil {
			return err
		}
		for i, s := range spans {
			if err := emit(s, rows[i*m.manifest.Dim:(i+1)*m.manifest.Dim]); err != nil {
				return err
			}
		}
		spans = spans[:0]
		return nil
	}
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := frames.Next()
		if errors.Is(err, io.EOF) {
			if n == 0 {
				return fmt.Errorf("%s: %w: no frames; is the part that was asked for within the video?", video.Path, tall.ErrFormat)
			}
			return flush()
		}
		if err != nil {
			return err
		}
		if f.Width < 1 || f.Height < 1 || len(f.Pix)/3/f.Width != f.Height || len(f.Pix)%(3*f.Width) != 0 {
			return fmt.Errorf("%s: %w: frame %d has %d bytes for %d x %d pixels", video.Path, tall.ErrShape, f.Index, len(f.Pix), f.Width, f.Height)
		}
		m.prep.prepare(pictures[len(spans)*size:(len(spans)+1)*size], picture{f.Width, f.Height, f.Pix})
		spans = append(spans, m.span(f.Time, video.Duration))
		if len(spans) == m.batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// span is the stretch of the row whose frame shows the video at a time.
func (m *Model) span(at, duration float64) tall.Span {
	start := max(at-0.5/m.rate, 0)
	// Multiples of 1/Rate are meant where only rounding separates from one.
	if k := math.Round(start * m.rate); math.Abs(start*m.rate-k) < 1e-6 {
		start = k / m.rate
	}
	end := start + 1/m.rate
	if duration > start {
		end = min(end, duration)
	}
	return tall.Span{Start: start, End: end}
}

// EncodeImages encodes pictures into vectors (D) of length 1. Errors wrap
// [tall.ErrFormat] (a picture without pixels), or are what reading the weights gives and
// ctx's.
func (m *Model) EncodeImages(ctx context.Context, pictures []image.Image) ([][]float32, error) {
	size, dim := 3*m.prep.Crop*m.prep.Crop, m.manifest.Dim
	out := make([][]float32, 0, len(pictures))
	buf := make([]float32, min(len(pictures), m.batch)*size)
	for len(out) < len(pictures) {
		part := pictures[len(out):min(len(out)+m.batch, len(pictures))]
		for i, p := range part {
			if err := m.prep.Image(buf[i*size:(i+1)*size], p); err != nil {
				return nil, fmt.Errorf("picture %d: %w", len(out)+i+1, err)
			}
		}
		rows, err := m.encode(ctx, buf, len(part))
		if err != nil {
			return nil, err
		}
		for i := range part {
			out = append(out, rows[i*dim:(i+1)*dim:(i+1)*dim])
		}
	}
	return out, nil
}

// encode encodes n prepared pictures.
func (m *Model) encode(ctx context.Context, pictures []float32, n int) ([]float32, error) {
	if n == 0 {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.vision == nil {
		v := newVision(m.b, m.config)
		if err := m.archive.load(m.b, v.params()); err != nil {
			return nil, err
		}
		v.ready(m.b)
		m.vision = v
	}
	rows := m.download(m.vision.forward(m.b, pictures, n))
	if feature.NotFinite(rows) > 0 {
		return nil, m.overflow("a picture")
	}
	return rows, nil
}
