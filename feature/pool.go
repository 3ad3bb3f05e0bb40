package feature

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"tall"
)

// DefaultTicks is the clock of pooled windows, in ticks a second. CTRL regresses
// offsets in frames, and weighs that loss accordingly (0.01); in seconds it would
// be a thirtieth of what the reference has.
const DefaultTicks = 30

// DefaultPoolStride is the stride of windows as a share of their length: 0.2, the
// overlap of 0.8 of the reference's folders.
const DefaultPoolStride = 0.2

// defaultScales are the default lengths of windows, in rows.
func defaultScales() []float64 { return []float64{2, 4, 8, 16, 32} }

// Pooling says how windows are made of per-clip features.
//
// A window of m rows is the mean of those rows (each normalized before, where the
// kind says so). For each length in seconds, windows begin at the first row and then
// every stride, a share of the length rounded to whole rows, at least one; the last
// window ends with the last row. A video shorter than a length gets one window of all
// its rows in its place. Windows that two lengths share exist once.
type Pooling struct {
	// Lengths of the windows in seconds; none: 2, 4, 8, 16 and 32 rows.
	Lengths []float64
	// Stride is a share of the window's length; 0: DefaultPoolStride.
	Stride float64
	// Mode is how the context is found, ContextLength seconds on each side (0: the
	// window's own length): Exact means only where the video has that much before
	// or behind the window, Nearest as much of it as there is. Where there is
	// nothing, the window itself stands there, as in [Context].
	Mode          Mode
	ContextLength float64
	// Ticks is the clock of the windows' spans, ticks a second; 0: DefaultTicks.
	Ticks float64
}

func (p *Pooling) fill(t Times) error {
	p.Lengths = slices.Clone(p.Lengths)
	if len(p.Lengths) == 0 {
		for _, rows := range defaultScales() {
			p.Lengths = append(p.Lengths, t.Window+(rows-1)*t.Stride)
		}
	}
	slices.Sort(p.Lengths)
	if p.Stride == 0 {
		p.Stride = DefaultPoolStride
	}
	if p.Mode == "" {
		p.Mode = Nearest
	}
	if p.Ticks == 0 {
		p.Ticks = DefaultTicks
	}
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case !slices.Contains(Modes(), string(p.Mode)):
		return Context{Mode: p.Mode}.Check()
	case !(p.Stride > 0 && p.Stride <= 1):
		return fmt.Errorf("%w: windows whose stride is %g of their length; give a share above 0, at most 1", tall.ErrFormat, p.Stride)
	case !(p.ContextLength >= 0) || !finite(p.ContextLength):
		return fmt.Errorf("%w: a context of %g seconds", tall.ErrFormat, p.ContextLength)
	case !(p.Ticks > 0) || !finite(p.Ticks):
		return fmt.Errorf("%w: %g ticks a second", tall.ErrFormat, p.Ticks)
	}
	for _, l := range p.Lengths {
		if !(l > 0) || !finite(l) {
			return fmt.Errorf("%w: a window of %g seconds; lengths are above 0", tall.ErrFormat, l)
		}
	}
	return nil
}

// about is the pooling's context as a manifest holds it.
func (p Pooling) about() string {
	switch {
	case p.Mode == None:
		return "pooled none"
	case p.ContextLength == 0:
		return fmt.Sprintf("pooled %s window", p.Mode)
	}
	return fmt.Sprintf("pooled %s %gs", p.Mode, p.ContextLength)
}

// rowsOf is how many rows, at least one, come nearest to a length in seconds.
func (t Times) rowsOf(seconds float64) int {
	more := math.Round((seconds - t.Window) / t.Stride)
	return 1 + int(max(0, min(more, maxRows)))
}

// cut returns the windows of a video of n rows, as ranges of rows ordered by
// (start, end).
func (p Pooling) cut(n int, t Times) [][2]int {
	if n == 0 {
		return nil
	}
	var out [][2]int
	for _, l := range p.Lengths {
		m := min(t.rowsOf(l), n)
		step := max(1, int(math.Round(p.Stride*float64(m))))
		at := 0
		for ; at+m < n; at += step {
			out = append(out, [2]int{at, at + m})
		}
		out = append(out, [2]int{n - m, n})
	}
	slices.SortFunc(out, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(out)
}

// pooled are the windows of per-clip features, of one kind or several side by side.
type pooled struct {
	kinds []*Tracks
	Pooling
	times  Times
	dim    int // D of all kinds together
	videos []string
	n      []int    // rows of each video: those that all kinds have
	first  []int    // index of each video's first window; the last is their number
	ranges [][2]int // rows of each window
}

// newPooled puts kinds of tracks side by side. Videos that not all of them have are
// left out, and a row more or less is cut off; warn is told of both.
func newPooled(kinds []*Tracks, p Pooling, warn func(error)) (*pooled, error) {
	s := &pooled{kinds: kinds, Pooling: p, times: kinds[0].times}
	if err := s.fill(s.times); err != nil {
		return nil, err
	}
	for _, k := range kinds {
		s.dim += k.dim
		if !near(k.times.Window, s.times.Window) || !near(k.times.Stride, s.times.Stride) {
			return nil, fmt.Errorf("%w: the rows of %s tell of %g seconds every %g, those of %s of %g every %g; features side by side must have the same rows", tall.ErrShape, kinds[0].path, s.times.Window, s.times.Stride, k.path, k.times.Window, k.times.Stride)
		}
	}
	all := map[string]bool{}
	for _, k := range kinds {
		for _, video := range k.videos {
			all[video] = true
		}
	}
	cutOff, example := 0, ""
	for _, video := range kinds[0].videos {
		low, high := kinds[0].Len(video), kinds[0].Len(video)
		missing := false
		for _, k := range kinds[1:] {
			_, ok := slices.BinarySearch(k.videos, video)
			missing = missing || !ok
			low, high = min(low, k.Len(video)), max(high, k.Len(video))
		}
		switch {
		case missing:
			continue
		case high-low > 1:
			return nil, fmt.Errorf("%w: %s has %s; features side by side may differ by one row", tall.ErrShape, video, s.counts(video))
		case high != low:
			if cutOff++; example == "" {
				example = fmt.Sprintf("%s has %s", video, s.counts(video))
			}
		}
		s.videos, s.n = append(s.videos, video), append(s.n, low)
	}
	if len(s.videos) == 0 {
		return nil, fmt.Errorf("%w: %s and %s have no video in common; their videos are named like %q and %q", tall.ErrMissing, kinds[0].path, kinds[1].path, kinds[0].videos[0], kinds[1].videos[0])
	}
	if left := len(all) - len(s.videos); warn != nil && left > 0 {
		warn(fmt.Errorf("%d of %d videos lack one of the kinds of features and are left out", left, len(all)))
	}
	if warn != nil && cutOff > 0 {
		warn(fmt.Errorf("%d videos have a row more in one kind of features than in another, which is cut off; the first: %s", cutOff, example))
	}
	for _, n := range s.n {
		s.first = append(s.first, len(s.ranges))
		s.ranges = append(s.ranges, s.cut(n, s.times)...)
	}
	s.first = append(s.first, len(s.ranges))
	return s, nil
}

// counts says how many rows each kind has of a video.
func (s *pooled) counts(video string) string {
	text := ""
	for i, k := range s.kinds {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%d rows in %s", k.Len(video), k.path)
	}
	return text
}

// near allows for the rounding of 1/rate.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(a, b) }

func (s *pooled) fps() float64    { return s.Ticks }
func (s *pooled) size() int       { return len(s.ranges) }
func (s *pooled) names() []string { return s.videos }
func (s *pooled) close() error    { return nil }
func (s *pooled) inputDim() int   { return 3 * s.dim }

func (s *pooled) windows(video string) []Window {
	v, ok := slices.BinarySearch(s.videos, video)
	if !ok {
		return nil
	}
	out := make([]Window, 0, s.first[v+1]-s.first[v])
	for i := s.first[v]; i < s.first[v+1]; i++ {
		out = append(out, Window{s.span(s.ranges[i]), i})
	}
	return out
}

// span is what rows cover, in ticks.
func (s *pooled) span(rows [2]int) tall.Span {
	start := float64(rows[0]) * s.times.Stride
	end := float64(rows[1]-1)*s.times.Stride + s.times.Window
	return tall.Span{Start: start * s.Ticks, End: end * s.Ticks}
}

func (s *pooled) input(i int, dst []float32) error {
	v := sort.SearchInts(s.first, i+1) - 1
	clip := s.ranges[i]
	left, right := s.context(clip, s.n[v])
	at := 0
	for _, k := range s.kinds {
		rows, err := k.Rows(s.videos[v])
		if err != nil {
			return err
		}
		for side, r := range [][2]int{left, clip, right} {
			mean(dst[side*s.dim+at:side*s.dim+at+k.dim], rows, r, k.dim)
		}
		at += k.dim
	}
	return nil
}

// context returns the rows on the left and right of a window in a video of n rows.
func (s *pooled) context(clip [2]int, n int) (left, right [2]int) {
	size := clip[1] - clip[0]
	if s.ContextLength > 0 {
		size = s.times.rowsOf(s.ContextLength)
	}
	left, right = clip, clip
	if s.Mode == None {
		return left, right
	}
	if l := [2]int{max(0, clip[0]-size), clip[0]}; l[1]-l[0] == size || s.Mode == Nearest && l[1] > l[0] {
		left = l
	}
	if r := [2]int{clip[1], min(n, clip[1]+size)}; r[1]-r[0] == size || s.Mode == Nearest && r[1] > r[0] {
		right = r
	}
	return left, right
}

// mean writes the mean of a range of rows to dst (D), as numpy.mean over the first
// axis does: summed in order in float32, then divided.
func mean(dst, rows []float32, r [2]int, dim int) {
	copy(dst, rows[r[0]*dim:(r[0]+1)*dim])
	for k := r[0] + 1; k < r[1]; k++ {
		for j, x := range rows[k*dim : (k+1)*dim] {
			dst[j] += x
		}
	}
	if n := r[1] - r[0]; n > 1 {
		for j := range dst {
			dst[j] /= float32(n)
		}
	}
}

func (s *pooled) manifest() tall.Manifest {
	parts := make([]tall.Manifest, len(s.kinds))
	for i, k := range s.kinds {
		parts[i] = k.Manifest()
	}
	m := sideBySide(parts)
	m.Dim, m.Context, m.Rate, m.Stride = 3*s.dim, s.about(), s.Ticks, s.Stride
	for _, l := range s.Lengths {
		m.WindowLengths = append(m.WindowLengths, l*s.Ticks)
	}
	return m
}

func (s *pooled) expect(int, int) {} // tracks are read whole

func (s *pooled) stamps() map[string]string {
	out := map[string]string{}
	for _, k := range s.kinds {
		out[k.path] = "stamp:" + k.stamp
	}
	return out
}
