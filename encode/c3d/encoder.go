package c3d

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"tall"
	"tall/feature"
	"tall/media"
	"tall/tensor"
)

// Dim is the number of values of a row.
const Dim = 4096

// batch is how many windows wait for fc6 together, whose weights are the most of the
// memory that a window has to read.
const batch = 8

// Options of an encoder. The zero value makes TALL's test features.
type Options struct {
	Backend tensor.Backend // nil: the CPU
	// Mean is the file of the mean cube; "": in or beside the weights.
	Mean string
	// Lengths of the windows in frames, ascending; nil: 128 and 256, as TALL is tested.
	// It is trained on 64, 128, 256 and 512.
	Lengths []int
	// Rate is the clock in which windows count, frames a second; 0: every frame of the
	// file, as TALL did.
	Rate float64
}

// Encoder is C3D to fc6. Its methods are for one goroutine at a time.
type Encoder struct {
	net      *network
	mean     []float32 // (16, 112, 112, 3) of the middle, blue, green, red
	manifest tall.Manifest
	lengths  []int
	rate     float64
}

// Open reads the network of a folder or file; see the package's documentation for
// names. Errors wrap [tall.ErrMissing], [tall.ErrFormat], [tall.ErrShape] or
// [tall.ErrNotFinite].
func Open(path string, o Options) (*Encoder, error) {
	return open(path, o, sports1M)
}

func open(path string, o Options, p plan) (*Encoder, error) {
	lengths, err := checkLengths(o.Lengths)
	if err != nil {
		return nil, err
	}
	if o.Rate < 0 || math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0) {
		return nil, fmt.Errorf("%w: %v frames a second", tall.ErrFormat, o.Rate)
	}
	params, cube, err := readModel(path, o.Mean, p)
	if err != nil {
		return nil, err
	}
	if o.Backend == nil {
		o.Backend = tensor.NewCPU(0)
	}
	e := &Encoder{net: newNetwork(o.Backend, p, params), mean: p.cropMean(cube), lengths: lengths, rate: o.Rate}
	e.manifest = tall.Manifest{
		Encoder: "c3d", WeightsHash: hashModel(params, cube), Normalization: "none", Dim: p.out, Context: "none",
		Stride: strideShare, Rate: o.Rate,
	}
	for _, l := range lengths {
		e.manifest.WindowLengths = append(e.manifest.WindowLengths, float64(l))
	}
	return e, nil
}

// cropMean is the part of the mean cube (3, frames, height, width) that is subtracted,
// with channels last.
func (p plan) cropMean(cube []float32) []float32 {
	out := make([]float32, p.frames*p.size*p.size*colors)
	x0, y0 := (p.meanWidth-p.size)/2, (p.meanHeight-p.size)/2
	for c := range colors {
		for t := range p.frames {
			for y := range p.size {
				from := cube[((c*p.frames+t)*p.meanHeight+y+y0)*p.meanWidth+x0:]
				for x := range p.size {
					out[((t*p.size+y)*p.size+x)*colors+c] = from[x]
				}
			}
		}
	}
	return out
}

// Describe says how the rows are made: windows of two lengths, which overlap, so that
// there is no one stride of seconds.
func (e *Encoder) Describe() feature.Description {
	return feature.Description{Manifest: e.manifest}
}

// Sampling asks for frames in the size of the video, every one or [Options.Rate] a
// second.
func (e *Encoder) Sampling(media.Info) media.Sampling {
	return media.Sampling{Rate: e.rate, Fit: media.FitNone}
}

// Encode computes the rows of a video's windows in the order of (start, end); a span
// goes from the time of the window's first frame to that of the frame behind its last.
// It keeps as many frames as the longest window has, 37 KB each.
func (e *Encoder) Encode(ctx context.Context, video media.Info, frames media.Source, emit func(span tall.Span, row []float32) error) error {
	return e.EncodeWindows(ctx, video, frames, nil, func(_ Window, span tall.Span, row []float32) error {
		return emit(span, row)
	})
}

// EncodeWindows is [Encoder.Encode] for those who count in frames. It passes over windows
// that want, if not nil, does not want.
func (e *Encoder) EncodeWindows(ctx context.Context, video media.Info, frames media.Source, want func(Window) bool, emit func(w Window, span tall.Span, row []float32) error) error {
	r := newRun(ctx, e, video, want, emit)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return r.end()
		}
		if err == nil {
			err = r.add(f)
		}
		if err != nil {
			return err
		}
	}
}

// run is the encoding of one video.
type run struct {
	*Encoder
	ctx   context.Context
	want  func(Window) bool
	emit  func(w Window, span tall.Span, row []float32) error
	rate  float64 // frames a second; 0: unknown
	scale *resizer

	ring     [][]byte  // of the longest window's frames, frame n at n modulo its length
	times    []float64 // of the same frames
	count    int       // frames so far
	schedule *schedule

	clip    []float32 // the network's input
	pool5   []float32 // (batch, values)
	waiting []row     // those in pool5
}

type row struct {
	Window
	span tall.Span
}

func newRun(ctx context.Context, e *Encoder, video media.Info, want func(Window) bool, emit func(Window, tall.Span, []float32) error) *run {
	longest := e.lengths[len(e.lengths)-1]
	r := &run{
		Encoder: e, ctx: ctx, want: want, emit: emit, rate: e.rate,
		ring: make([][]byte, longest), times: make([]float64, longest), schedule: newSchedule(e.lengths),
		clip: make([]float32, len(e.mean)), pool5: make([]float32, batch*e.net.fc6.Cols),
	}
	if r.rate == 0 {
		r.rate = video.FPS()
	}
	return r
}

// add takes the next frame and computes the windows that end with it.
func (r *run) add(f media.Frame) error {
	if f.Width < 1 || f.Height < 1 || len(f.Pix) < 3*f.Width*f.Height {
		return fmt.Errorf("%w: frame %d of %dx%d has %d bytes", tall.ErrShape, f.Index, f.Width, f.Height, len(f.Pix))
	}
	if r.scale == nil || r.scale.width != f.Width || r.scale.height != f.Height {
		r.scale = newResizer(f.Width, f.Height)
	}
	at := r.count % len(r.ring)
	// A video may yet turn out to be too short for any window, and then its only window
	// takes other frames.
	if r.count < r.lengths[0] || samples(r.lengths, r.count) {
		if r.ring[at] == nil {
			r.ring[at] = make([]byte, 3*cropSize*cropSize)
		}
		r.scale.crop(r.ring[at], f.Pix)
	}
	r.times[at] = f.Time
	r.count++
	for {
		w, length := r.schedule.head()
		if length < 0 || w.End-1 > r.count {
			return nil
		}
		r.schedule.pop(length)
		if err := r.window(w); err != nil {
			return err
		}
	}
}

// end computes the windows that waited for a longer one before them.
func (r *run) end() error {
	if r.count == 0 {
		return fmt.Errorf("%w: the video has no frames", tall.ErrMissing)
	}
	if r.count < r.lengths[0] {
		if err := r.window(Window{1, r.count + 1}); err != nil {
			return err
		}
		return r.flush()
	}
	for w, length := r.schedule.head(); length >= 0; w, length = r.schedule.head() {
		if w.End-1 > r.count {
			r.schedule.drop(length)
			continue
		}
		r.schedule.pop(length)
		if err := r.window(w); err != nil {
			return err
		}
	}
	return r.flush()
}

// window computes a window to pool5.
func (r *run) window(w Window) error {
	if r.want != nil && !r.want(w) {
		return nil
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	size := len(r.clip) / clipFrames
	parallel(clipFrames, func(k int) {
		pix := r.ring[w.frame(k)%len(r.ring)]
		clip, mean := r.clip[k*size:(k+1)*size], r.mean[k*size:(k+1)*size]
		for i, m := range mean {
			clip[i] = float32(pix[i]) - m
		}
	})
	n := r.net.fc6.Cols
	r.net.pool5(r.pool5[len(r.waiting)*n:(len(r.waiting)+1)*n], r.clip)
	r.waiting = append(r.waiting, row{w, r.span(w)})
	if len(r.waiting) == batch {
		return r.flush()
	}
	return nil
}

// span is the time of a window whose last frame has come.
func (r *run) span(w Window) tall.Span {
	time := func(frame int) float64 { return r.times[(frame-1)%len(r.times)] }
	start, last := time(w.Start), time(w.End-1)
	if w.End <= r.count {
		return tall.Span{Start: start, End: time(w.End)}
	}
	step := 1.0
	if r.rate > 0 {
		step = 1 / r.rate
	} else if w.Len() > 1 {
		step = (last - start) / float64(w.Len()-1)
	}
	return tall.Span{Start: start, End: last + step}
}

// flush computes fc6 of the windows that wait, and hands them out.
func (r *run) flush() error {
	n := len(r.waiting)
	if n == 0 {
		return nil
	}
	rows := r.net.features(r.pool5[:n*r.net.fc6.Cols], n)
	if bad := feature.NotFinite(rows); bad > 0 {
		return fmt.Errorf("%w: %d values of C3D's output; its weights are damaged", tall.ErrNotFinite, bad)
	}
	dim := r.net.fc6.Rows
	for i, w := range r.waiting {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.emit(w.Window, w.span, rows[i*dim:(i+1)*dim]); err != nil {
			return err
		}
	}
	r.waiting = r.waiting[:0]
	return nil
}
