package onnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"

	"tall"
	"tall/feature"
	"tall/media"
)

// Name begins the encoder's name in manifests: "onnx:NAME".
const Name = "onnx"

// Options are how an Encoder computes.
type Options struct {
	// Library is libonnxruntime, a file or the folder that holds it; "": the environment
	// variable TALL_ONNXRUNTIME, or where systems keep it.
	Library string
	// Threads to compute with; 0: GOMAXPROCS.
	Threads int
	// Rate is how many frames a second are seen, in place of the YAML file's; 0: its own.
	Rate float64
}

// Encoder encodes frames with a network. Several goroutines may use it at once.
type Encoder struct {
	config   *Config
	rate     float64
	batch    int
	manifest tall.Manifest
	session  session
	close    func()
}

// session is a network that is ready to run.
type session interface {
	// run computes the output, of the shape that it returns, for an input of a shape.
	run(ctx context.Context, input []float32, shape []int64) (output []float32, outputShape []int64, err error)
	// close frees the network; nothing runs then or later.
	close()
}

// described is what a network says of itself.
type described struct {
	input, output string
	// shape is that of the input, -1 where it is free.
	shape []int64
}

// Open opens the network that a YAML file describes, and runs it once, on a black picture.
//
// Errors wrap [tall.ErrMissing] (no such file, no library, or a build without it),
// [tall.ErrFormat], [tall.ErrUnsafe] or [tall.ErrShape] (a network that takes or gives
// something else than the YAML file says).
func Open(path string, o Options) (*Encoder, error) {
	c, err := Read(path)
	if err != nil {
		return nil, err
	}
	if o.Rate < 0 || o.Rate > maxRate || math.IsNaN(o.Rate) {
		return nil, fmt.Errorf("%w: a rate of %g frames a second; give one above 0, at most %d", tall.ErrFormat, o.Rate, maxRate)
	}
	if o.Threads < 1 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	library, err := openLibrary(o.Library)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	data, hash, err := c.read()
	if err != nil {
		return nil, err
	}
	s, d, err := start(library, data, c, o.Threads)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	e, err := newEncoder(c, s, d, hash, o.Rate)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// newEncoder checks a network against what the YAML file says of it.
func newEncoder(c *Config, s session, d described, hash string, rate float64) (*Encoder, error) {
	e := &Encoder{config: c, rate: cmp.Or(rate, c.Rate), batch: cmp.Or(c.Batch, defaultBatch), session: s}
	c.Output = d.output
	if err := e.fits(d.shape); err != nil {
		return nil, err
	}
	if c.values()*e.batch > maxValues {
		return nil, fmt.Errorf("%w: a batch of %d windows makes %d values at once, the most is %d; give a smaller batch", tall.ErrUnsafe, e.batch, c.values()*e.batch, maxValues)
	}
	e.manifest = tall.Manifest{Encoder: Name + ":" + c.Name, WeightsHash: hash, Normalization: c.normalization(), Context: "none"}
	rows, err := e.forward(context.Background(), make([]float32, e.batch*c.values()))
	if err != nil {
		return nil, err
	}
	e.manifest.Dim = len(rows) / e.batch
	if c.Dim != 0 && c.Dim != e.manifest.Dim {
		return nil, fmt.Errorf("%w: output %q has rows of %d values, the YAML file says dim: %d", tall.ErrShape, d.output, e.manifest.Dim, c.Dim)
	}
	// Encoders are dropped without Close, too: the network's memory goes with them.
	once := sync.OnceFunc(s.close)
	cleanup := runtime.AddCleanup(e, func(free func()) { free() }, once)
	e.close = func() { cleanup.Stop(); once() }
	return e, nil
}

// fits compares the shape of the network's input, and takes its size of batch.
func (e *Encoder) fits(shape []int64) error {
	c := e.config
	want := c.Shape(e.batch)
	ok := len(shape) == len(want)
	for i := 1; ok && i < len(want); i++ {
		ok = shape[i] < 0 || shape[i] == want[i]
	}
	if ok && shape[0] >= 0 {
		n := shape[0]
		ok = n >= 1 && n <= maxBatch && (c.Batch == 0 || n == int64(c.Batch))
		e.batch = int(n)
	}
	if !ok {
		return fmt.Errorf("%w: the network takes %v (-1: any), and the YAML file says %v (%s); correct width, height, layout, window or batch", tall.ErrShape, shape, want, c.Layout)
	}
	return nil
}

// Close frees the network. The encoder must not be used then or later.
func (e *Encoder) Close() error {
	e.close()
	return nil
}

// Manifest says how rows are made.
func (e *Encoder) Manifest() tall.Manifest { return e.manifest }

// Describe says how rows are made and what lies in time behind them: Window frames for
// each, Stride frames from one to the next.
func (e *Encoder) Describe() feature.Description {
	d := feature.Description{Manifest: e.manifest, Window: float64(e.config.Window) / e.rate, Stride: float64(e.config.Stride) / e.rate}
	d.WindowLengths, d.Manifest.Stride, d.Rate = []float64{d.Window}, float64(e.config.Stride)/float64(e.config.Window), 1
	return d
}

// Sampling asks for Rate frames a second in the size that the YAML file says. The first
// frame is taken in the middle of its stretch of 1/Rate seconds, and so are all others.
func (e *Encoder) Sampling(video media.Info) media.Sampling {
	s := media.Sampling{Rate: e.rate, From: 0.5 / e.rate, Fit: media.FitShort, Width: e.config.Short}
	if e.config.Fit != "crop" {
		s.Fit, s.Width, s.Height = media.FitStretch, e.config.Width, e.config.Height
	}
	if video.Duration > 0 {
		s.From = min(s.From, video.Duration/2)
	}
	return s
}

// Encode reads all frames and hands a row (D) for each window of T frames to emit, which
// may keep it until it returns. Frames must be as Sampling asks for them. Where frames
// are left at the end that no window holds, a last one is filled up with the last frame.
// Errors wrap [tall.ErrShape] (a frame of another size, a row of another length),
// [tall.ErrNotFinite], [tall.ErrFormat] (no frames, or the network fails), or are those of
// frames, emit and ctx, which also stops a network that is running.
func (e *Encoder) Encode(ctx context.Context, video media.Info, frames media.Source, emit func(span tall.Span, row []float32) error) error {
	c := e.config
	b := &batch{encoder: e, video: video, emit: emit, input: make([]float32, e.batch*c.values())}
	pixels, ring := newPixels(c), make([][]byte, c.Window)
	begins := make([]float64, c.Window)
	next := 0 // the first frame of the next window
	window := func(last int) error {
		fill := func(k int) []byte { return ring[min(next+k, last)%c.Window] }
		err := b.add(ctx, pixels, fill, begins[next%c.Window])
		next += c.Stride
		return err
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
			if covered := next - c.Stride + c.Window; next < n && (next == 0 || covered < n) {
				if err := window(n - 1); err != nil {
					return err
				}
			}
			return b.flush(ctx)
		}
		if err != nil {
			return err
		}
		if ring[n%c.Window], err = pixels.cut(ring[n%c.Window], f); err != nil {
			return fmt.Errorf("%s: %w", video.Path, err)
		}
		begins[n%c.Window] = f.Time
		if n == next+c.Window-1 {
			if err := window(n); err != nil {
				return err
			}
		}
	}
}

// batch gathers windows until the network is run on them.
type batch struct {
	encoder *Encoder
	video   media.Info
	emit    func(span tall.Span, row []float32) error
	input   []float32
	spans   []tall.Span
}

func (b *batch) add(ctx context.Context, pixels *pixels, frame func(k int) []byte, begin float64) error {
	size := b.encoder.config.values()
	pixels.write(b.input[len(b.spans)*size:(len(b.spans)+1)*size], frame)
	b.spans = append(b.spans, b.encoder.span(begin, b.video.Duration))
	if len(b.spans) == b.encoder.batch {
		return b.flush(ctx)
	}
	return nil
}

// flush runs the network and emits its rows.
func (b *batch) flush(ctx context.Context) error {
	if len(b.spans) == 0 {
		return nil
	}
	// The network always runs on a whole batch: its results may depend on the size.
	clear(b.input[len(b.spans)*b.encoder.config.values():])
	rows, err := b.encoder.forward(ctx, b.input)
	if err != nil {
		return fmt.Errorf("%s: %w", b.video.Path, err)
	}
	dim := b.encoder.manifest.Dim
	for i, span := range b.spans {
		row := rows[i*dim : (i+1)*dim]
		if feature.NotFinite(row) > 0 {
			return fmt.Errorf("%s: %w: output %q of %s for %.2f to %.2f s; are mean, std and white those of its training?",
				b.video.Path, tall.ErrNotFinite, b.encoder.config.Output, b.encoder.config.Model, span.Start, span.End)
		}
		if b.encoder.config.Normalize == "l2" {
			normalize(row)
		}
		if err := b.emit(span, row); err != nil {
			return err
		}
	}
	b.spans = b.spans[:0]
	return nil
}

// forward runs the network on a whole batch and checks the shape of what it gives.
func (e *Encoder) forward(ctx context.Context, input []float32) ([]float32, error) {
	rows, shape, err := e.session.run(ctx, input, e.config.Shape(e.batch))
	if err != nil {
		return nil, err
	}
	// (N, D), or with sides of 1, as (N, D, 1, 1) is.
	dim, long := int64(1), 0
	ok := len(shape) >= 2 && shape[0] == int64(e.batch)
	for i := 1; ok && i < len(shape); i++ {
		if shape[i] != 1 {
			dim = shape[i]
			long++
		}
	}
	if !ok || long > 1 || dim < 1 || dim > maxDim || int64(len(rows)) != dim*int64(e.batch) {
		return nil, fmt.Errorf("%w: output %q of %s has the shape %v for %d rows; name an output of one vector a row (output:), such as the pooled one, before the classes",
			tall.ErrShape, e.config.Output, e.config.Model, shape, e.batch)
	}
	if want := e.manifest.Dim; want != 0 && want != int(dim) {
		return nil, fmt.Errorf("%w: output %q of %s has rows of %d values, and had %d before", tall.ErrShape, e.config.Output, e.config.Model, dim, want)
	}
	return rows, nil
}

// span is the stretch of the window whose first frame shows the video at a time.
func (e *Encoder) span(at, duration float64) tall.Span {
	start := max(at-0.5/e.rate, 0)
	// Multiples of 1/Rate are meant where only rounding separates from one.
	if k := math.Round(start * e.rate); math.Abs(start*e.rate-k) < 1e-6 {
		start = k / e.rate
	}
	end := start + float64(e.config.Window)/e.rate
	if duration > start {
		end = min(end, duration)
	}
	return tall.Span{Start: start, End: end}
}

// normalize brings a row to length 1; zeros stay.
func normalize(row []float32) {
	sum := 0.0
	for _, x := range row {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range row {
		row[i] = float32(float64(x) * scale)
	}
}
