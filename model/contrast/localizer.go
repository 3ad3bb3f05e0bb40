package contrast

import (
	"context"
	"fmt"
	"math"

	"tall"
	"tall/tensor"
)

// Defaults of [Options].
const (
	// DefaultSmooth is the standard deviation of the smoothing in seconds. Frames that
	// follow one another differ by blur and pose more than moments do by content.
	DefaultSmooth = 4.0
	// DefaultLevel is the weight of the mean similarity inside a window beside its
	// contrast. At 0.5 unrelated texts stay under a matching one on all real samples of
	// the tests, and moments are ranked as well as at 0.
	DefaultLevel = 0.5
	// DefaultMemory is how many bytes of rows a prepared video keeps: 9 hours of 512
	// values a second.
	DefaultMemory = 64 << 20
)

// Options change how moments are sought. The zero value has the defaults.
type Options struct {
	// Backend computes; nil: the processor, on all threads. A localizer takes turns on it.
	Backend tensor.Backend
	// Lanes, in place of Backend, are for searching many videos, each asked once: so many
	// goroutines as there are backends compute at a time, and prepared videos keep no rows.
	Lanes []tensor.Backend
	// Smooth is the standard deviation of the smoothing in seconds; 0: DefaultSmooth. It
	// is at most a twentieth of the video.
	Smooth float64
	// Level is the weight of the mean similarity in a score; 0: DefaultLevel, below 0: none.
	Level float64
	// MinLength and MaxLength bound windows, in seconds; 0: 2 rows, and the whole video.
	// Merged moments lie between their windows.
	MinLength, MaxLength float64
	// Memory bounds the bytes of rows that a prepared video keeps; 0: DefaultMemory. What
	// is over it is read again for each call of Localize. Results do not depend on it.
	Memory int64
}

// Localizer implements [tall.Localizer] for features of one stream whose rows share a
// space with the sentences. Several goroutines may use it; they take turns.
type Localizer struct {
	o     Options
	once  bool       // videos are asked once, and keep no rows
	lanes chan *lane // those that nobody computes on
}

// unitProducts is what a backend may have ([tensor.CPU]): products with rows as they are
// read, without a copy of length 1. Reading is what takes the time then.
type unitProducts interface {
	DotUnitRows(dst, rows []float32, d int, q []float32)
}

// lane is a backend and its memory for a tile of rows, which is used again.
type lane struct {
	b       tensor.Backend
	unit    unitProducts // b, or nil
	rows    []float32    // (readRows, D)
	x, norm tensor.Mat   // (readRows, D) and (readRows, 1); without unit
}

// resize makes room for rows of d values.
func (l *lane) resize(d int) {
	if len(l.rows) == readRows*d {
		return
	}
	l.rows = make([]float32, readRows*d)
	if l.unit == nil {
		l.x, l.norm = tensor.NewMat(l.b, readRows, d), tensor.NewMat(l.b, readRows, 1)
	}
}

// New returns a localizer.
func New(o Options) *Localizer {
	once := o.Lanes != nil
	if !once {
		if o.Backend == nil {
			o.Backend = tensor.NewCPU(0)
		}
		o.Lanes = []tensor.Backend{o.Backend}
	}
	if o.Smooth <= 0 {
		o.Smooth = DefaultSmooth
	}
	switch {
	case o.Level == 0:
		o.Level = DefaultLevel
	case o.Level < 0:
		o.Level = 0
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	l := &Localizer{o: o, once: once, lanes: make(chan *lane, len(o.Lanes))}
	for _, b := range o.Lanes {
		unit, _ := b.(unitProducts)
		l.lanes <- &lane{b: b, unit: unit}
	}
	return l
}

const (
	// rowsAtOnce is the height of a tile of rows that is kept: 4 MB at D = 512.
	rowsAtOnce = 2048
	// readRows is that of one that is not, which the second-level cache holds.
	readRows = 256
)

// Prepare brings the rows to length 1 and lays out the windows, once for a video. The
// rows must be one stream, ordered in time. Errors wrap [tall.ErrShape], or
// [tall.ErrNotFinite] for rows that hold NaN or infinities.
func (l *Localizer) Prepare(ctx context.Context, video *tall.Features) (tall.Prepared, error) {
	return l.PrepareVideo(ctx, video)
}

// PrepareVideo is [Localizer.Prepare] with the type that it returns.
func (l *Localizer) PrepareVideo(ctx context.Context, video *tall.Features) (*Prepared, error) {
	if len(video.Streams) != 1 {
		return nil, fmt.Errorf("%s: %w: %d kinds of features; similarity with a sentence needs one, from an encoder that shares a space with sentences (clip)", video.Video, tall.ErrShape, len(video.Streams))
	}
	s := video.Streams[0]
	if s.N != len(video.Spans) || s.D < 1 || s.Read == nil && len(s.Data) != s.N*s.D {
		return nil, fmt.Errorf("%s: %w: %d rows of %d values for %d spans", video.Video, tall.ErrShape, s.N, s.D, len(video.Spans))
	}
	p := &Prepared{l: l, video: video.Video, fps: video.FPS, stream: s}
	if err := p.layTime(video.Spans); err != nil {
		return nil, fmt.Errorf("%s: %w", video.Video, err)
	}
	if l.once || int64(s.N)*int64(s.D)*4 > l.o.Memory {
		return p, nil
	}
	return p, p.keep(ctx)
}

// Prepared is a video ready for questions. Several goroutines may ask.
type Prepared struct {
	l      *Localizer
	video  string
	fps    float64
	stream tall.Stream
	edges  []float64    // (N+1) between rows, in ticks of fps
	kernel []float64    // of the smoothing, half of it
	grid   []scale      // of the windows
	tiles  []tensor.Mat // (rows, D) of length 1; nil: more than Options.Memory
	kept   [][]float32  // in place of tiles where a backend has unitProducts: (rows, D) as read
}

// Len is N, the number of rows.
func (p *Prepared) Len() int { return p.stream.N }

// Windows is how many windows are compared for each sentence.
func (p *Prepared) Windows() (n int) {
	for _, s := range p.grid {
		n += s.count
	}
	return n
}

// layTime finds the boundaries of the rows, the smoothing and the windows.
func (p *Prepared) layTime(spans []tall.Span) error {
	edges, err := rowEdges(spans)
	if err != nil || len(spans) == 0 {
		return err
	}
	p.edges = edges
	fps := p.fps
	if fps <= 0 {
		fps = 1
	}
	n := len(spans)
	duration := (edges[n] - edges[0]) / fps
	perSecond := float64(n) / duration
	p.kernel = gaussian(min(p.l.o.Smooth, duration/20) * perSecond)
	shortest, longest := 2, n
	if v := p.l.o.MinLength; v > 0 {
		shortest = max(shortest, rows(v*perSecond, n))
	}
	if v := p.l.o.MaxLength; v > 0 {
		longest = min(longest, max(shortest, rows(v*perSecond, n)))
	}
	p.grid = newGrid(n, shortest, longest)
	return nil
}

// rows rounds a number of rows, which may be of any size, to at most n+1.
func rows(v float64, n int) int { return int(math.Round(min(v, float64(n+1)))) }

// rowEdges are the (N+1) boundaries between rows: the first start, the last end, and
// between two rows the middle of their centers, which is the common boundary of rows
// that touch and also serves for rows that overlap or are points in time.
func rowEdges(spans []tall.Span) ([]float64, error) {
	n := len(spans)
	if n == 0 {
		return nil, nil
	}
	edges := make([]float64, n+1)
	edges[0], edges[n] = spans[0].Start, spans[n-1].End
	center := func(i int) float64 { return spans[i].Start + spans[i].Len()/2 }
	for i := 1; i < n; i++ {
		edges[i] = center(i-1) + (center(i)-center(i-1))/2
	}
	for i := range n {
		if !(edges[i+1] > edges[i]) || math.IsInf(edges[i+1]-edges[i], 0) {
			return nil, fmt.Errorf("%w: row %d, %v, does not follow the row before it in time", tall.ErrShape, i, spans[i])
		}
	}
	return edges, nil
}

// at is the time of a place that is counted in rows, with fractions.
func (p *Prepared) at(row float64) float64 {
	k := min(int(row), len(p.edges)-2)
	return p.edges[k] + (row-float64(k))*(p.edges[k+1]-p.edges[k])
}

// keep reads all rows and brings them to length 1, or keeps them as they are.
func (p *Prepared) keep(ctx context.Context) error {
	lane := <-p.l.lanes
	defer func() { p.l.lanes <- lane }()
	b, d := lane.b, p.stream.D
	var buf, products []float32
	if lane.unit != nil {
		products = make([]float32, min(rowsAtOnce, p.stream.N))
	}
	nothing := make([]float32, d)
	for from := 0; from < p.stream.N; from += rowsAtOnce {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+rowsAtOnce, p.stream.N)
		if p.stream.Read != nil && (buf == nil || lane.unit != nil) {
			buf = make([]float32, (to-from)*d)
		}
		values, err := p.stream.Rows(from, to, buf)
		if err != nil {
			return fmt.Errorf("%s: %w", p.video, err)
		}
		if lane.unit != nil {
			part := products[:to-from]
			lane.unit.DotUnitRows(part, values, d, nothing)
			if firstNotFinite(part) >= 0 {
				if err := p.finite(values, from); err != nil {
					return err
				}
			}
			p.kept = append(p.kept, values)
			continue
		}
		if err := p.finite(values, from); err != nil {
			return err
		}
		tile := tensor.NewMat(b, to-from, d)
		b.Upload(tile, values)
		b.L2NormRows(tile, tensor.NewMat(b, to-from, 1), tile)
		p.tiles = append(p.tiles, tile)
	}
	return nil
}

// eachRows calls visit with the rows as they are, a few at a time.
func (p *Prepared) eachRows(ctx context.Context, lane *lane, visit func(rows []float32, from int) error) error {
	for i, rows := range p.kept {
		if err := visit(rows, i*rowsAtOnce); err != nil {
			return err
		}
	}
	if p.kept != nil {
		return ctx.Err()
	}
	lane.resize(p.stream.D)
	for from := 0; from < p.stream.N; from += readRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		values, err := p.stream.Rows(from, min(from+readRows, p.stream.N), lane.rows)
		if err != nil {
			return fmt.Errorf("%s: %w", p.video, err)
		}
		if err := visit(values, from); err != nil {
			return err
		}
	}
	return nil
}

// eachTile calls visit with the rows, brought to length 1, a tile at a time.
func (p *Prepared) eachTile(ctx context.Context, lane *lane, visit func(tile tensor.Mat, from int) error) error {
	for i, tile := range p.tiles {
		if err := visit(tile, i*rowsAtOnce); err != nil {
			return err
		}
	}
	if p.tiles != nil {
		return ctx.Err()
	}
	lane.resize(p.stream.D)
	for from := 0; from < p.stream.N; from += readRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+readRows, p.stream.N)
		values, err := p.stream.Rows(from, to, lane.rows)
		if err != nil {
			return fmt.Errorf("%s: %w", p.video, err)
		}
		tile := lane.x.RowRange(0, to-from)
		lane.b.Upload(tile, values)
		lane.b.L2NormRows(tile, lane.norm.RowRange(0, to-from), tile)
		if err := visit(tile, from); err != nil {
			// A similarity that is no number comes from a row that holds one; say which.
			if bad := p.finite(values, from); bad != nil {
				return bad
			}
			return err
		}
	}
	return nil
}

// finite refuses rows, the first of which has the number from.
func (p *Prepared) finite(rows []float32, from int) error {
	if i := firstNotFinite(rows); i >= 0 {
		return fmt.Errorf("%s: %w: row %d of its features holds NaN or infinity; encode the video again", p.video, tall.ErrNotFinite, from+i/p.stream.D)
	}
	return nil
}

func firstNotFinite(values []float32) int {
	for i, v := range values {
		if v-v != 0 {
			return i
		}
	}
	return -1
}
