package onnx

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/media"
)

// fake gives, of each row's input, what give makes of it.
type fake struct {
	give   func(input []float32, shape []int64) ([]float32, []int64)
	closed int
}

func (f *fake) run(_ context.Context, input []float32, shape []int64) ([]float32, []int64, error) {
	out, outShape := f.give(input, shape)
	return out, outShape, nil
}

func (f *fake) close() { f.closed++ }

// identity gives the input itself, (N, 3THW).
func identity(input []float32, shape []int64) ([]float32, []int64) {
	return slices.Clone(input), []int64{shape[0], int64(len(input)) / shape[0]}
}

func faked(tb testing.TB, text string, give func([]float32, []int64) ([]float32, []int64)) *Encoder {
	tb.Helper()
	c, err := Parse("net.yaml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	shape := c.Shape(1)
	shape[0] = -1
	e, err := newEncoder(c, &fake{give: give}, described{input: "in", output: "out", shape: shape}, "sha256:00", 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = e.Close() })
	return e
}

// pictures are n frames of which each pixel's values tell frame, place and channel.
type pictures struct {
	n, next       int
	width, height int
	rate          float64
	err           error // at the end, in place of io.EOF
}

func pixel(frame, x, y, c int) byte { return byte(frame*53 + y*31 + x*7 + c*101) }

func (p *pictures) Next() (media.Frame, error) {
	if p.next == p.n {
		if p.err != nil {
			return media.Frame{}, p.err
		}
		return media.Frame{}, io.EOF
	}
	f := media.Frame{Index: p.next, Time: (float64(p.next) + 0.5) / p.rate, Width: p.width, Height: p.height, Pix: make([]byte, 3*p.width*p.height)}
	for y := range p.height {
		for x := range p.width {
			for c := range 3 {
				f.Pix[3*(y*p.width+x)+c] = pixel(p.next, x, y, c)
			}
		}
	}
	p.next++
	return f, nil
}

type row struct {
	Span   tall.Span
	Values []float32
}

func encodeAll(tb testing.TB, e *Encoder, p *pictures) []row {
	tb.Helper()
	var rows []row
	err := e.Encode(tb.Context(), media.Info{Path: "v.mp4", Duration: float64(p.n) / p.rate}, p, func(s tall.Span, r []float32) error {
		rows = append(rows, row{s, slices.Clone(r)})
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

// TestEncode_Layouts compares each value of the input, in all layouts, with the pixel
// that it is of.
func TestEncode_Layouts(t *testing.T) {
	const w, h = 4, 3
	for _, layout := range append(slices.Clone(frameLayouts), windowLayouts...) {
		for _, color := range []string{"RGB", "BGR"} {
			frames := 1
			if strings.Contains(layout, "T") {
				frames = 2
			}
			e := faked(t, "model: m.onnx\nwidth: 4\nheight: 3\nshort: 5\nwindow: "+string(rune('0'+frames))+"\nlayout: "+layout+"\ncolor: "+color+
				"\nwhite: 255\nmean: [1, 2, 3]\nstd: [2, 4, 8]\nbatch: 2\n", identity)
			rows := encodeAll(t, e, &pictures{n: 3 * frames, width: 8, height: 5, rate: 1})
			if len(rows) != 3 {
				t.Fatalf("%d rows", len(rows))
			}
			size := map[byte]int{'T': frames, 'C': 3, 'H': h, 'W': w}
			for n, r := range rows {
				for i, got := range r.Values {
					at, rest := map[byte]int{}, i
					for k := len(layout) - 1; k > 0; k-- {
						at[layout[k]], rest = rest%size[layout[k]], rest/size[layout[k]]
					}
					c := at['C']
					source := c
					if color == "BGR" {
						source = 2 - c
					}
					v := pixel(n*frames+at['T'], at['W']+2, at['H']+1, source)
					// Powers of two divide exactly; v - mean is exact.
					if want := (float32(v) - float32(c+1)) / float32(int(2)<<c); math.Abs(float64(got-want)) > 1e-5 {
						t.Fatalf("%s %s, row %d, %v: %g, want %g", layout, color, n, at, got, want)
					}
				}
			}
		}
	}
}

// TestEncode_Windows compares the frames of each row with a slow reckoning.
func TestEncode_Windows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n, window, stride := rapid.IntRange(1, 20).Draw(rt, "n"), rapid.IntRange(1, 6).Draw(rt, "window"), rapid.IntRange(1, 8).Draw(rt, "stride")
		c, err := Parse("net.yaml", []byte("model: m.onnx\nwidth: 1\nheight: 1\nfit: stretch\nrate: 4\nwhite: 255\nbatch: 3\n"))
		if err != nil {
			rt.Fatal(err)
		}
		c.Window, c.Stride = window, stride
		if window > 1 {
			c.Layout = "NTCHW"
		}
		shape := c.Shape(1)
		shape[0] = -1
		e, err := newEncoder(c, &fake{give: identity}, described{shape: shape}, "", 0)
		if err != nil {
			rt.Fatal(err)
		}
		var want [][]int
		for begin := 0; begin < n; begin += stride {
			if begin > 0 && begin-stride+window >= n {
				break // all frames are in earlier windows
			}
			var frames []int
			for k := range window {
				frames = append(frames, min(begin+k, n-1))
			}
			want = append(want, frames)
		}
		rows := encodeAll(t, e, &pictures{n: n, width: 1, height: 1, rate: 4})
		var got [][]int
		for i, r := range rows {
			var frames []int
			for k := range window {
				f := 0
				for ; float32(pixel(f, 0, 0, 0)) != r.Values[3*k]; f++ {
				}
				frames = append(frames, f)
			}
			got = append(got, frames)
			begin := float64(i*stride) / 4
			if span := (tall.Span{Start: begin, End: min(begin+float64(window)/4, float64(n)/4)}); r.Span != span {
				rt.Fatalf("row %d of %d frames: %v, want %v", i, n, r.Span, span)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func TestEncoder_Describes(t *testing.T) {
	e := faked(t, small+"window: 4\nstride: 2\nrate: 8\nname: net\nnormalize: l2\n", identity)
	d := e.Describe()
	if d.Window != 0.5 || d.Stride != 0.25 || d.Encoder != "onnx:net" || d.WeightsHash != "sha256:00" || d.Dim != 3*4*12*8 || d.Manifest.Stride != 0.5 || d.Context != "none" {
		t.Errorf("%+v", d)
	}
	if want := `short side 12, cut to 12x8, RGB to 1, mean [0 0 0], std [1 1 1], 4 frames, output "out", l2`; d.Normalization != want {
		t.Error(d.Normalization)
	}
	if diff := cmp.Diff(media.Sampling{Rate: 8, From: 0.0625, Fit: media.FitShort, Width: 12}, e.Sampling(media.Info{Duration: 5})); diff != "" {
		t.Error(diff)
	}
	if s := e.Sampling(media.Info{Duration: 0.01}); s.From != 0.005 {
		t.Errorf("%+v", s)
	}
	if s := faked(t, small+"fit: stretch\n", identity).Sampling(media.Info{}); s.Fit != media.FitStretch || s.Width != 12 || s.Height != 8 {
		t.Errorf("%+v", s)
	}
	for _, r := range encodeAll(t, e, &pictures{n: 9, width: 12, height: 12, rate: 8}) {
		sum := 0.0
		for _, x := range r.Values {
			sum += float64(x) * float64(x)
		}
		// 1152 values rounded to float32 each.
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("length %g", math.Sqrt(sum))
		}
	}
	zero := []float32{0, 0}
	if normalize(zero); zero[0] != 0 {
		t.Error(zero)
	}
}

// TestNewEncoder_Refuses: networks that take or give something else.
func TestNewEncoder_Refuses(t *testing.T) {
	shaped := func(shape ...int64) func([]float32, []int64) ([]float32, []int64) {
		return func([]float32, []int64) ([]float32, []int64) {
			n := int64(1)
			for _, d := range shape {
				n *= d
			}
			return make([]float32, n), shape
		}
	}
	free := []int64{-1, 3, 8, 12}
	for _, c := range []struct {
		name, more string
		shape      []int64
		give       func([]float32, []int64) ([]float32, []int64)
		is         error
		says       string
	}{
		{"another size", "", []int64{-1, 3, 224, 224}, identity, tall.ErrShape, "[-1 3 224 224]"},
		{"another layout", "", []int64{-1, 8, 12, 3}, identity, tall.ErrShape, "NCHW"},
		{"another rank", "", []int64{-1, 3, 4, 8, 12}, identity, tall.ErrShape, "window"},
		{"another batch", "batch: 4\n", []int64{2, 3, 8, 12}, identity, tall.ErrShape, "batch"},
		{"no batch", "", []int64{0, 3, 8, 12}, identity, tall.ErrShape, "batch"},
		{"a map", "", free, shaped(8, 4, 7, 7), tall.ErrShape, "one vector a row"},
		{"one row", "", free, shaped(1, 4), tall.ErrShape, "[1 4] for 8 rows"},
		{"a list", "", free, shaped(8), tall.ErrShape, "[8]"},
		{"nothing", "", free, shaped(8, 0), tall.ErrShape, "[8 0]"},
		{"another dim", "dim: 5\n", free, shaped(8, 4), tall.ErrShape, "dim: 5"},
	} {
		conf, err := Parse("net.yaml", []byte(small+c.more))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newEncoder(conf, &fake{give: c.give}, described{output: "out", shape: c.shape}, "", 0); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, ok := range []struct {
		shape []int64
		give  func([]float32, []int64) ([]float32, []int64)
		dim   int
	}{{free, shaped(8, 4, 1, 1), 4}, {free, shaped(8, 1, 1, 4), 4}, {free, shaped(8, 1), 1}, {[]int64{2, 3, 8, 12}, shaped(2, 4), 4}, {[]int64{-1, -1, -1, -1}, shaped(8, 4), 4}} {
		conf, err := Parse("net.yaml", []byte(small))
		if err != nil {
			t.Fatal(err)
		}
		f := &fake{give: ok.give}
		e, err := newEncoder(conf, f, described{shape: ok.shape}, "", 0)
		if err != nil || e.Manifest().Dim != ok.dim {
			t.Fatal(ok.shape, err)
		}
		if err := errors.Join(e.Close(), e.Close()); err != nil || f.closed != 1 {
			t.Errorf("closed %d times: %v", f.closed, err)
		}
	}
}

func TestEncode_Refuses(t *testing.T) {
	e := faked(t, small, identity)
	info := media.Info{Path: "v.mp4", Duration: 3}
	none := func(tall.Span, []float32) error { return nil }
	if err := e.Encode(t.Context(), info, &pictures{rate: 1}, none); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "v.mp4") {
		t.Error(err)
	}
	for _, size := range [][2]int{{12, 8}, {13, 13}, {0, 0}} {
		if err := e.Encode(t.Context(), info, &pictures{n: 1, width: size[0], height: size[1], rate: 1}, none); !errors.Is(err, tall.ErrShape) {
			t.Error(size, err)
		}
	}
	broken := errors.New("broken")
	if err := e.Encode(t.Context(), info, &pictures{n: 1, width: 12, height: 12, rate: 1, err: broken}, none); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := e.Encode(t.Context(), info, &pictures{n: 9, width: 12, height: 12, rate: 1}, func(tall.Span, []float32) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Encode(ctx, info, &pictures{n: 9, width: 12, height: 12, rate: 1}, none); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		e := faked(t, small, func(_ []float32, shape []int64) ([]float32, []int64) {
			out := make([]float32, shape[0]*2)
			out[1] = float32(bad)
			return out, []int64{shape[0], 2}
		})
		err := e.Encode(t.Context(), info, &pictures{n: 1, width: 12, height: 12, rate: 1}, none)
		if !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), "0.00 to 1.00 s") {
			t.Error(err)
		}
	}
}
