package classical

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"

	"tall"
	"tall/feature"
	"tall/media"
)

// Of the frames that an [Encoder] asks for, and its rows.
const (
	// Rate is in frames a second.
	Rate = 8
	// Width bounds the frames; their shape is kept.
	Width = 160
	// Height bounds the frames likewise.
	Height = 120
	// Stride is how many seconds a row tells of, and lie between two rows.
	Stride = 0.5

	perRow = int(Rate * Stride) // frames
)

// formula is the version of what a row holds, in manifests in the place of a hash of
// weights: a model refuses rows of another one. Whatever changes a row's values needs
// a new number here.
const formula = "none, formula 1"

// batch is how many frames are worked on at once: the bound of memory, and the number
// of threads that can be used.
const batch = 16

// maxSide bounds a frame's width and height.
const maxSide = 1 << 14

// Encoder turns frames into rows of [Dim] values, [Stride] seconds apart. It is for one
// goroutine at a time.
type Encoder struct {
	threads int
	palette *palette
	root    [256]byte // square root, 0 to 255
}

// New returns an encoder on so many threads; 0: one for each processor. The rows have
// the same bits for any number.
func New(threads int) *Encoder {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	e := &Encoder{threads: threads, palette: newPalette()}
	for v := range e.root {
		e.root[v] = byte(math.Round(math.Sqrt(float64(v) * 255)))
	}
	return e
}

// Describe says how the rows are made.
func (e *Encoder) Describe() feature.Description {
	return feature.Description{
		Manifest: tall.Manifest{
			Encoder: "classical", WeightsHash: formula, Normalization: "hellinger", Dim: Dim, Context: "none",
			WindowLengths: []float64{Stride}, Stride: 1, Rate: 1,
		},
		Window: Stride, Stride: Stride,
	}
}

// Sampling asks for [Rate] frames a second that fit into [Width] x [Height].
func (e *Encoder) Sampling(media.Info) media.Sampling {
	return media.Sampling{Rate: Rate, Fit: media.FitInside, Width: Width, Height: Height}
}

// Encode reads all frames, of one size, and hands a row to emit for each [Stride]
// seconds, valid during the call. Frame k counts as the one at k/Rate seconds after the
// first. The last row may tell of less: of at least half its frames, or of all there
// are.
//
// Frames are read while those before are worked on. Errors wrap [tall.ErrShape] (a frame
// whose size is none, or changes), [tall.ErrFormat] (no frames), or are those of frames,
// emit and ctx.
func (e *Encoder) Encode(ctx context.Context, video media.Info, frames media.Source, emit func(span tall.Span, row []float32) error) error {
	j := &job{Encoder: e, video: video.Path, emit: emit, workers: make([]worker, e.threads)}
	for i := range j.workers {
		j.workers[i].light = newLight()
	}
	next, err := j.read(ctx, frames)
	for err == nil {
		type result struct {
			stills []*still
			err    error
		}
		now, ahead := next, make(chan result, 1)
		go func() {
			stills, err := j.read(ctx, frames)
			ahead <- result{stills, err}
		}()
		err = j.work(now)
		r := <-ahead // always: the source is not left in another goroutine's hands
		if err == nil {
			next, err = r.stills, r.err
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return j.end()
}

// job is the encoding of one video.
type job struct {
	*Encoder
	video         string
	emit          func(span tall.Span, row []float32) error
	width, height int // of frames
	origin        float64
	taken         int // frames read
	ended         bool

	sets    [2][]*still // read into in turns
	turn    int
	before  *still // last of the frames worked on
	pairs   [batch]pair
	workers []worker

	rows    rows
	frame   int // frames worked on
	emitted int
}

// worker is what a thread needs for itself.
type worker struct {
	flow  flow
	light *light
}

// read reads up to batch frames; io.EOF where there are none.
func (j *job) read(ctx context.Context, frames media.Source) ([]*still, error) {
	if j.ended {
		return nil, io.EOF
	}
	set := j.sets[j.turn][:0]
	defer func() { j.sets[j.turn] = set; j.turn = 1 - j.turn }()
	for len(set) < batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := frames.Next()
		if errors.Is(err, io.EOF) && len(set) > 0 {
			j.ended = true
			break
		}
		if err != nil {
			return nil, err
		}
		if err := j.check(f); err != nil {
			return nil, err
		}
		j.taken++
		if len(set) < cap(set) {
			set = set[:len(set)+1]
		} else {
			set = append(set, nil)
		}
		s := &set[len(set)-1]
		if *s == nil {
			*s = &still{}
		}
		(*s).width, (*s).height = f.Width, f.Height
		(*s).pix = append((*s).pix[:0], f.Pix...)
	}
	return set, nil
}

func (j *job) check(f media.Frame) error {
	switch {
	case f.Width < 1 || f.Height < 1 || f.Width > maxSide || f.Height > maxSide || len(f.Pix) != 3*f.Width*f.Height:
		return fmt.Errorf("%w: %s: frame %d has %d x %d pixels and %d bytes", tall.ErrShape, j.video, j.taken, f.Width, f.Height, len(f.Pix))
	case j.taken == 0:
		j.width, j.height, j.origin = f.Width, f.Height, f.Time
	case f.Width != j.width || f.Height != j.height:
		return fmt.Errorf("%w: %s: frame %d has %d x %d pixels, those before it %d x %d; ask for frames of one size", tall.ErrShape, j.video, j.taken, f.Width, f.Height, j.width, j.height)
	}
	return nil
}

// work describes frames and the motion into each, and adds them to rows.
func (j *job) work(stills []*still) error {
	each(len(j.workers), len(stills), func(_, i int) { stills[i].prepare(j.palette, &j.root) })
	previous := func(i int) *still {
		if i > 0 {
			return stills[i-1]
		}
		return j.before
	}
	each(len(j.workers), len(stills), func(w, i int) {
		if from := previous(i); from != nil {
			j.workers[w].compare(&j.pairs[i], from, stills[i])
		}
	})
	for i, s := range stills {
		if previous(i) != nil {
			j.rows.pair(&j.pairs[i], s)
		}
		if j.frame > 0 && j.frame%perRow == 0 {
			if err := j.row(); err != nil {
				return err
			}
		}
		j.rows.still(s)
		j.frame++
	}
	j.keep(stills)
	return nil
}

// keep takes the last still out of its set, as the set is read into anew before the
// still has been compared with its successor.
func (j *job) keep(stills []*still) {
	last := &stills[len(stills)-1]
	j.before, *last = *last, j.before
}

// compare describes the motion between two frames.
func (w *worker) compare(p *pair, from, to *still) {
	a, b := &from.pyramid, &to.pyramid
	gain := w.light.gain(&a.levels[0], &b.levels[0])
	m := camera(a, b, (gain[0]+2*gain[1]+gain[2])*0.25)
	w.flow.between(a, b, m, gain)
	p.describe(from, &w.flow, m, Rate/float32(w.flow.width))
}

// row hands on the row that is complete.
func (j *job) row() error {
	start := j.origin + float64(j.emitted)*Stride
	j.emitted++
	return j.emit(tall.Span{Start: start, End: start + Stride}, j.rows.finish())
}

// end hands on the last row.
func (j *job) end() error {
	if j.frame == 0 {
		return fmt.Errorf("%w: %s has no frames", tall.ErrFormat, j.video)
	}
	if rest := j.rows.frames; 2*rest >= perRow || j.emitted == 0 {
		return j.row()
	}
	return nil
}
