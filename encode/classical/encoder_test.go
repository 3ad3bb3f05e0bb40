package classical

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tall"
	"tall/media"
)

var update = flag.Bool("update", false, "write testdata/golden.json")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kitchen is a film with camera shake in which a red box goes right, a blue one down,
// and the light goes down and up.
func kitchen(frames int) *film {
	return &film{width: 160, height: 90, frames: frames, at: func(x, y float64, k int) [3]float64 {
		t := float64(k) / Rate
		x, y = x-2*math.Sin(3*t), y-1.5*math.Cos(2*t)
		c := box(x, y, 40+15*t, 60, 22, redColor, table(x, y))
		c = box(x, y, 120, 20+10*math.Mod(t, 4), 18, blueColor, c)
		for i := range c {
			c[i] *= 1 + 0.15*math.Sin(t)
		}
		return c
	}}
}

// twoThreads is an encoder on two threads.
func twoThreads() *Encoder {
	e := *oneThread()
	e.threads = 2
	return &e
}

// part returns a part of a row, by the sizes before it.
func part(row []float32, before, size int) []float32 { return row[before : before+size] }

const (
	hogAt    = layoutSize
	hofAt    = hogAt + hogSize
	mbhAt    = hofAt + hofSize
	driftAt  = mbhAt + mbhSize
	edgeAt   = driftAt + driftSize
	changeAt = edgeAt + edgeSize
	nearAt   = changeAt + changeSize
	focusAt  = nearAt + nearSize
	swayAt   = focusAt + focusSize
	gripAt   = swayAt + swaySize
)

func TestEncoder_Describe(t *testing.T) {
	e := New(0)
	d := e.Describe()
	if d.Dim != Dim || d.Stride != Stride || d.Window != Stride || d.Unknown() {
		t.Errorf("%+v", d)
	}
	s := e.Sampling(media.Info{})
	if s.Rate != Rate || s.Fit != media.FitInside || s.Width != Width || s.Height != Height {
		t.Errorf("%+v", s)
	}
	if gripAt+gripSize != Dim {
		t.Errorf("the parts fill %d of %d values", gripAt+gripSize, Dim)
	}
}

func TestEncoder_SameBitsOnAnyThreads(t *testing.T) {
	frames := newLoop(t, 45)
	play := func(threads int) [][]float32 {
		frames.next, frames.end = 0, 45
		_, rows := encode(t, New(threads), frames)
		return rows
	}
	want := play(1)
	for _, threads := range []int{2, 3, 7} {
		got := play(threads)
		if !slices.EqualFunc(got, want, slices.Equal[[]float32]) {
			t.Errorf("%d threads give other values", threads)
		}
	}
}

func TestEncoder_RowsAndSpans(t *testing.T) {
	e := twoThreads()
	for frames, want := range map[int]int{1: 1, 2: 1, 4: 1, 5: 1, 6: 2, 7: 2, 8: 2, 16: 4, 17: 4, 18: 5, 32: 8, 33: 8, 34: 9} {
		f := &film{width: 16, height: 9, frames: frames, at: func(x, y float64, _ int) [3]float64 { return table(x, y) }}
		spans, rows := encode(t, e, f)
		if len(rows) != want {
			t.Errorf("%d frames give %d rows, want %d", frames, len(rows), want)
		}
		for i, s := range spans {
			if s != (tall.Span{Start: float64(i) * Stride, End: float64(i+1) * Stride}) || len(rows[i]) != Dim {
				t.Errorf("row %d of %d frames: %v, %d values", i, frames, s, len(rows[i]))
			}
		}
	}
}

func TestEncoder_AnySize(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {3, 200}, {200, 3}, {2, 2}, {161, 91}, {16, 1}, {40, 33}} {
		f := &film{width: size[0], height: size[1], frames: 9, at: func(x, y float64, k int) [3]float64 {
			return box(x, y, float64(2*k), 5, 4, blueColor, table(x, y))
		}}
		_, rows := encode(t, twoThreads(), f)
		for _, row := range rows {
			for i, v := range row {
				if v != v || v > 20 || v < -20 {
					t.Fatalf("%v: value %d is %g", size, i, v)
				}
			}
		}
	}
}

// A frame without contrast has no gradient, one that repeats no motion and no change.
func TestEncoder_FlatAndStill(t *testing.T) {
	flat := &film{width: 160, height: 90, frames: 12, at: func(float64, float64, int) [3]float64 { return plainColor }}
	still := &film{width: 160, height: 90, frames: 12, at: func(x, y float64, _ int) [3]float64 {
		return box(x, y, 60, 40, 20, redColor, table(x, y))
	}}
	for name, f := range map[string]*film{"flat": flat, "still": still} {
		_, rows := encode(t, twoThreads(), f)
		for _, row := range rows {
			zeros := append(slices.Clone(part(row, hofAt, hofSize+mbhSize+driftSize)), part(row, changeAt, changeSize+nearSize+focusSize+swaySize+gripSize)...)
			if name == "flat" {
				zeros = append(zeros, part(row, hogAt, hogSize)...)
				zeros = append(zeros, part(row, edgeAt, edgeSize)...)
			}
			if i := slices.IndexFunc(zeros, func(v float32) bool { return v != 0 }); i >= 0 {
				t.Fatalf("%s: value %d of those that should be 0 is %g", name, i, zeros[i])
			}
		}
	}
}

// What moves, moves in its direction, and under its color.
func TestEncoder_MotionOfColors(t *testing.T) {
	const right, left, down, up = 1, 2, 3, 4 // values of a color's drift
	for name, tc := range map[string]struct {
		dx, dy     float64 // pixels a frame
		bin, value int
	}{"right": {2, 0, 0, right}, "down": {0, 2, 2, down}, "left": {-2, 0, 4, left}, "up": {0, -2, 6, up}} {
		f := &film{width: 160, height: 90, frames: 9, at: func(x, y float64, k int) [3]float64 {
			c := box(x, y, 40, 45, 20, blueColor, table(x, y)) // stands
			return box(x, y, 100+float64(k)*tc.dx, 45+float64(k)*tc.dy, 20, redColor, c)
		}}
		_, rows := encode(t, twoThreads(), f)
		var sum [directions]float32
		hof := part(rows[0], hofAt, hofSize)
		for i := range cells {
			for k := range sum {
				v := hof[i*directions+k] / hofGain
				sum[k] += v * v
			}
		}
		total := float32(0)
		for _, v := range sum {
			total += v
		}
		if sum[tc.bin] < 0.5*total { // the rest lies around the box's corners
			t.Errorf("%s: flow %.4f", name, sum)
		}
		drift := part(rows[0], driftAt, driftSize)
		const red, blue = 5, 11
		at := func(color, value int) float32 { return drift[7*color+value] }
		for v := right; v <= up; v++ {
			if v != tc.value && at(red, v)*at(red, v) > 0.2*at(red, tc.value)*at(red, tc.value) {
				t.Errorf("%s: red moves by %.3f, of it %.3f in direction %d", name, at(red, tc.value), at(red, v), v)
			}
		}
		if at(blue, 0) > 0.2*at(red, 0) {
			t.Errorf("%s: blue moves by %.3f, red by %.3f", name, at(blue, 0), at(red, 0))
		}
	}
}

func TestEncoder_LightChangesLittle(t *testing.T) {
	lit := func(factor float64) *film {
		return &film{width: 160, height: 90, frames: 12, at: func(x, y float64, k int) [3]float64 {
			c := box(x, y, 60+float64(2*k), 45, 24, redColor, table(x, y))
			for i := range c {
				c[i] *= factor * (1 + 0.02*float64(k)) // grows brighter at that
			}
			return c
		}}
	}
	_, dark := encode(t, twoThreads(), lit(0.7))
	_, bright := encode(t, twoThreads(), lit(1))
	// A lamp that gives 30 % less: gradients and motion by themselves stay, but for the
	// noise of rounding to 8 bits.
	for name, tc := range map[string]struct {
		at, size int
		limit    float64
	}{"gradients": {hogAt, hogSize, 0.25}, "flow": {hofAt, hofSize, 0.05}, "boundaries": {mbhAt, mbhSize, 0.2}} {
		for r := range dark {
			if d := distance(part(dark[r], tc.at, tc.size), part(bright[r], tc.at, tc.size)); d > tc.limit {
				t.Errorf("row %d: %s differ by %.3f", r, name, d)
			}
		}
	}
}

// A mirrored film has mirrored histograms.
func TestEncoder_Mirror(t *testing.T) {
	plain := kitchen(17)
	mirrored := &film{width: plain.width, height: plain.height, frames: plain.frames, at: func(x, y float64, k int) [3]float64 {
		return plain.at(float64(plain.width)-x, y, k)
	}}
	_, a := encode(t, twoThreads(), plain)
	_, b := encode(t, twoThreads(), mirrored)
	for r := range a {
		want := mirror(a[r])
		for i, v := range b[r][:nearAt] {
			// The order of sums differs, and the nearest pixels of rounding at 0.5;
			// square roots make much of little next to 0.
			if math.Abs(float64(v-want[i])) > 0.15 {
				t.Fatalf("row %d, value %d: %g, want %g", r, i, v, want[i])
			}
		}
		// The focus may jump to the next pixel where two are nearly the largest.
		if d := distance(b[r][nearAt:], want[nearAt:]); d > 0.15 {
			t.Errorf("row %d: around the focus the mirrored row is off by %.3f", r, d)
		}
	}
}

// distance is that of two vectors, relative to the second's length.
func distance(a, b []float32) float64 {
	sum, norm := 0.0, 0.0
	for k := range a {
		sum += float64((a[k] - b[k]) * (a[k] - b[k]))
		norm += float64(b[k] * b[k])
	}
	return math.Sqrt(sum / norm)
}

// mirror is the row of the mirrored frames.
func mirror(row []float32) []float32 {
	out := make([]float32, Dim)
	grid := func(at, columns, count, size int, bin func(int) int) {
		for i := range count {
			to := i/columns*columns + columns - 1 - i%columns
			for k := range size {
				out[at+to*size+bin(k)] = row[at+i*size+k]
			}
		}
	}
	flip := func(k int) int { return (4 - k + directions) % directions }
	same := func(k int) int { return k }
	turned := func(k int) int { return (orientations - k) % orientations }
	grid(0, layoutColumns, layoutCells, Colors, same)
	grid(hogAt, layoutColumns, layoutCells, orientations, turned)
	grid(hofAt, gridColumns, cells, directions, flip)
	// Of the flow's first component the sign changes as well: u's gradient turns about.
	grid(mbhAt, 1, 1, 2*directions, func(k int) int {
		if k < directions {
			return (flip(k) + directions/2) % directions
		}
		return directions + flip(k-directions)
	})
	grid(focusAt, focusCells, focusCells*focusCells, Colors, same)
	grid(swayAt, focusCells, focusCells*focusCells, directions, flip)
	grid(gripAt, focusCells, focusCells*focusCells, orientations, turned)
	copy(out[nearAt:], row[nearAt:][:nearSize])
	for c := range Colors {
		d := row[driftAt+7*c:][:7]
		copy(out[driftAt+7*c:], []float32{d[0], d[2], d[1], d[3], d[4], -d[5], d[6]})
		copy(out[edgeAt+c:], row[edgeAt+c:][:1])
		e := row[changeAt+4*c:][:4]
		copy(out[changeAt+4*c:], []float32{e[0], -e[1], e[2], e[3]})
	}
	return out
}

func TestEncoder_MemoryDoesNotGrow(t *testing.T) {
	measure := func(frames int) uint64 {
		f := &film{width: 32, height: 18, frames: frames, at: func(x, y float64, _ int) [3]float64 { return table(x, y) }}
		e := twoThreads()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := e.Encode(context.Background(), media.Info{}, f, func(tall.Span, []float32) error { return nil })
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	short, long := measure(64), measure(1024)
	// Each batch of 16 frames starts a goroutine and a few closures: under 8 KiB.
	if long > short+60*8<<10 {
		t.Errorf("64 frames allocate %d bytes, 1024 %d", short, long)
	}
}

// source is a [media.Source] made of a function.
type source func(k int) (media.Frame, error)

type counted struct {
	f source
	k int
}

func (c *counted) Next() (media.Frame, error) {
	c.k++
	return c.f(c.k - 1)
}

func TestEncoder_Errors(t *testing.T) {
	frame := func(w, h int) media.Frame { return media.Frame{Width: w, Height: h, Pix: make([]byte, 3*w*h)} }
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(context.Background())
	for name, tc := range map[string]struct {
		f    source
		emit error
		want error
	}{
		"no frames":    {f: func(int) (media.Frame, error) { return media.Frame{}, io.EOF }, want: tall.ErrFormat},
		"no pixels":    {f: func(int) (media.Frame, error) { return media.Frame{}, nil }, want: tall.ErrShape},
		"short":        {f: func(int) (media.Frame, error) { return media.Frame{Width: 5, Height: 5, Pix: make([]byte, 74)}, nil }, want: tall.ErrShape},
		"other size":   {f: func(k int) (media.Frame, error) { return frame(8+k/20, 8), nil }, want: tall.ErrShape},
		"source fails": {f: func(k int) (media.Frame, error) { return frame(8, 8), map[bool]error{true: broken}[k == 37] }, want: broken},
		"emit fails":   {f: func(k int) (media.Frame, error) { return frame(8, 8), map[bool]error{true: io.EOF}[k == 99] }, emit: broken, want: broken},
		"ends as asked": {f: func(k int) (media.Frame, error) {
			if k == 20 {
				cancel()
			}
			return frame(8, 8), nil
		}, want: context.Canceled},
	} {
		use := context.Background()
		if tc.want == context.Canceled { //nolint:errorlint // the very value
			use = ctx
		}
		err := twoThreads().Encode(use, media.Info{Path: "film.mp4"}, &counted{f: tc.f}, func(tall.Span, []float32) error { return tc.emit })
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestEncoder_Golden(t *testing.T) {
	_, got := encode(t, twoThreads(), kitchen(14))
	path := filepath.Join("testdata", "golden.json")
	if *update {
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want [][]float32
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	// Processors that fuse multiplication and addition differ in the last bits, which
	// nine rounds of flow and a square root magnify.
	near := cmp.Comparer(func(a, b float32) bool { return math.Abs(float64(a-b)) < 0.02 })
	if d := cmp.Diff(want, got, near); d != "" {
		t.Errorf("the rows changed: raise formula's number, then write them anew with -update\n%s", d)
	}
}
