package c3d

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/internal/shared"
	"tall/media"
	"tall/tensor"
	"tall/weights"
)

// recorded is what testdata/record.py writes.
type recorded struct {
	Crops []struct {
		Width, Height int
		SHA256        string
	}
	Nets []struct {
		Frames, Size, Out int
		Channels          [8]int
		Pool5, FC6        []float64
	}
	Video struct {
		Frames, Width, Height, Out int
		Channels                   [8]int
		Windows                    []struct {
			Start, End int
			FC6        []float64
		}
	}
}

func readRecorded(t *testing.T) (r recorded) {
	t.Helper()
	text, err := os.ReadFile("testdata/recorded.json")
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// noise is 24 random bits, as in testdata/record.py.
func noise(seed, i int) uint32 {
	z := uint64(seed+i) * 0x9E3779B97F4A7C15
	z ^= z >> 32
	z *= 0xD6E8FEB86659FD93
	z ^= z >> 32
	return uint32(z >> 40)
}

func picture(seed, width, height int) []byte {
	out := make([]byte, 3*width*height)
	for i := range out {
		out[i] = byte(noise(seed, i))
	}
	return out
}

func uniform(seed, n int, bound float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = (float32(noise(seed, i))/(1<<23) - 1) * float32(bound)
	}
	return out
}

// smallPlan is a network of C3D's kind.
func smallPlan(frames, size, out int, channels [8]int) plan {
	return plan{frames: frames, size: size, channels: channels, out: out, meanWidth: scaledWidth, meanHeight: scaledHeight}
}

// randomParams are those of testdata/record.py.
func randomParams(p plan) []weights.Tensor {
	var out []weights.Tensor
	seed := 1000
	for i, s := range p.specs() {
		n, fan := 1, 1
		for k, d := range s.Shape {
			if n *= d; k > 0 {
				fan *= d
			}
		}
		data := uniform(seed, n, math.Sqrt(6/float64(fan)))
		if i%2 == 1 {
			data = uniform(seed+500, n, 0.3)
			seed += 100000
		}
		out = append(out, weights.Tensor{Name: s.Name, Shape: s.Shape, Data: data})
	}
	return out
}

// channelsLast turns (3, frames, size, size) into (frames, size, size, 3).
func channelsLast(x []float32, c int) []float32 {
	n := len(x) / c
	out := make([]float32, len(x))
	for i := range n {
		for k := range c {
			out[i*c+k] = x[k*n+i]
		}
	}
	return out
}

func channelsFirst(x []float32, c int) []float32 { return channelsLast(x, len(x)/c) }

// apart is the largest difference as a share of the largest value.
func apart(got []float32, want []float64) float64 {
	var diff, most float64
	if len(got) != len(want) {
		return math.Inf(1)
	}
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); d > diff || d != d {
			diff = d
		}
		most = max(most, math.Abs(w))
	}
	return diff / most
}

// tolerance is for sums of some thousand products in float32, relative to the largest
// value: eight layers of rounding by 6e-8 that mostly cancels.
const tolerance = 3e-6

func TestResizer_EqualsOpenCV(t *testing.T) {
	for _, c := range readRecorded(t).Crops {
		got := make([]byte, 3*cropSize*cropSize)
		newResizer(c.Width, c.Height).crop(got, picture(c.Width*7+c.Height, c.Width, c.Height))
		if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != c.SHA256 {
			t.Errorf("%dx%d differs from cv::resize", c.Width, c.Height)
		}
	}
}

// Against plain bilinear interpolation in float64. The fixed-point weights are exact to
// 2^-12 each and the sums are cut off to 1/4 twice: less than 1 off before rounding.
func TestResizer_IsBilinear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 400).Draw(t, "width"), rapid.IntRange(1, 300).Draw(t, "height")
		if w == 2*scaledWidth && h == 2*scaledHeight {
			return // a mean of pixels instead
		}
		pix := picture(w+h, w, h)
		got := make([]byte, 3*cropSize*cropSize)
		r := newResizer(w, h)
		r.crop(got, picture(1, w, h))
		r.crop(got, pix) // what is kept of one picture must not reach the next
		for range 50 {
			x, y, c := rapid.IntRange(0, cropSize-1).Draw(t, "x"), rapid.IntRange(0, cropSize-1).Draw(t, "y"), rapid.IntRange(0, 2).Draw(t, "c")
			sx := min(max((float64(x+cropX)+0.5)*float64(w)/scaledWidth-0.5, 0), float64(w-1))
			sy := min(max((float64(y+cropY)+0.5)*float64(h)/scaledHeight-0.5, 0), float64(h-1))
			at := func(x, y int) float64 { return float64(pix[3*(min(y, h-1)*w+min(x, w-1))+2-c]) }
			x0, y0 := int(sx), int(sy)
			fx, fy := sx-float64(x0), sy-float64(y0)
			want := (at(x0, y0)*(1-fx)+at(x0+1, y0)*fx)*(1-fy) + (at(x0, y0+1)*(1-fx)+at(x0+1, y0+1)*fx)*fy
			if d := math.Abs(float64(got[3*(y*cropSize+x)+c]) - want); d > 1 {
				t.Fatalf("%dx%d at %d,%d: %d, want %.2f", w, h, x, y, got[3*(y*cropSize+x)+c], want)
			}
		}
	})
}

func TestNetwork_EqualsPyTorch(t *testing.T) {
	for _, n := range readRecorded(t).Nets {
		p := smallPlan(n.Frames, n.Size, n.Out, n.Channels)
		net := newNetwork(tensor.NewCPU(2), p, randomParams(p))
		clip := channelsLast(uniform(77, 3*n.Frames*n.Size*n.Size, 1), 3)
		for range 2 { // buffers are used again
			got := make([]float32, p.pooled().values())
			net.pool5(got, clip)
			if d := apart(channelsFirst(got, p.pooled().channels), n.Pool5); d > tolerance {
				t.Errorf("%d frames of %d: pool5 differs by %.2g", n.Frames, n.Size, d)
			}
			if d := apart(net.features(got, 1), n.FC6); d > tolerance {
				t.Errorf("%d frames of %d: fc6 differs by %.2g", n.Frames, n.Size, d)
			}
		}
	}
}

// naive is the network in float64, by its definition.
func naive(p plan, params []weights.Tensor, clip []float32) []float64 {
	v := volume{p.frames, p.size, colors}
	x := make([]float64, len(clip))
	for i, c := range clip {
		x[i] = float64(c)
	}
	at := func(v volume, t, y, x, c int) int { return ((t*v.size+y)*v.size+x)*v.channels + c }
	for i, l := range layers {
		w, bias := params[2*i].Data, params[2*i+1].Data
		to := volume{v.frames, v.size, p.channels[i]}
		y := make([]float64, to.values())
		for t := range to.frames {
			for h := range to.size {
				for b := range to.size {
					for o := range to.channels {
						sum := float64(bias[o])
						for c := range v.channels {
							for k := range 27 {
								ft, fh, fb := t+k/9-1, h+k/3%3-1, b+k%3-1
								if ft < 0 || fh < 0 || fb < 0 || ft >= v.frames || fh >= v.size || fb >= v.size {
									continue
								}
								sum += float64(w[(o*v.channels+c)*27+k]) * x[at(v, ft, fh, fb, c)]
							}
						}
						y[at(to, t, h, b, o)] = max(0, sum)
					}
				}
			}
		}
		x, v = y, to
		if l.overSpace == 0 {
			continue
		}
		small := volume{(v.frames + l.overTime - 1) / l.overTime, (v.size + 1) / 2, v.channels}
		y = make([]float64, small.values())
		for t := range v.frames {
			for h := range v.size {
				for b := range v.size {
					for c := range v.channels {
						to := at(small, t/l.overTime, h/2, b/2, c)
						y[to] = max(y[to], x[at(v, t, h, b, c)]) // nothing is below 0
					}
				}
			}
		}
		x, v = y, small
	}
	out := make([]float64, p.out)
	place := v.frames * v.size * v.size
	for o := range out {
		sum := float64(params[17].Data[o])
		for k := range place {
			for c := range v.channels {
				sum += float64(params[16].Data[o*v.values()+c*place+k]) * x[k*v.channels+c]
			}
		}
		out[o] = max(0, sum)
	}
	return out
}

func TestNetwork_EqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var channels [8]int
		for i := range channels {
			channels[i] = rapid.IntRange(1, 4).Draw(t, "channels")
		}
		p := smallPlan(rapid.IntRange(1, 6).Draw(t, "frames"), rapid.IntRange(1, 13).Draw(t, "size"), rapid.IntRange(1, 5).Draw(t, "out"), channels)
		params := randomParams(p)
		clip := uniform(rapid.IntRange(0, 1000).Draw(t, "seed"), 3*p.frames*p.size*p.size, 1)
		net := newNetwork(tensor.NewCPU(1), p, params)
		got := make([]float32, p.pooled().values())
		net.pool5(got, clip)
		want := naive(p, params, clip)
		row := net.features(got, 1)
		for i := range want { // no share of the largest, which may be next to nothing
			if math.Abs(float64(row[i])-want[i]) > tolerance*max(1, want[i]) {
				t.Fatalf("%+v: %g, want %g", p, row[i], want[i])
			}
		}
	})
}

// source delivers noise as frames.
type source struct {
	n, width, height int
	rate             float64
	at               int
}

func (s *source) Next() (media.Frame, error) {
	if s.at == s.n {
		return media.Frame{}, io.EOF
	}
	f := media.Frame{Index: s.at, Time: float64(s.at) / s.rate, Width: s.width, Height: s.height, Pix: picture(100000*s.at, s.width, s.height)}
	s.at++
	return f, nil
}

// save writes a model and its mean for Open.
func save(t testing.TB, p plan) string {
	t.Helper()
	mean := uniform(5, 3*p.frames*scaledHeight*scaledWidth, 40)
	for i := range mean {
		mean[i] += 100
	}
	ts := append(randomParams(p), weights.Tensor{Name: meanName, Shape: p.meanShape(), Data: mean})
	path := filepath.Join(t.TempDir(), "c3d.safetensors")
	if err := weights.WriteSafetensors(path, &weights.File{Tensors: ts}); err != nil {
		t.Fatal(err)
	}
	return path
}

type emitted struct {
	Window
	Span tall.Span
	Row  []float32
}

func encodeAll(t testing.TB, e *Encoder, n, width, height int, rate float64) []emitted {
	t.Helper()
	var out []emitted
	err := e.EncodeWindows(t.Context(), media.Info{FPSNum: int(rate * 10), FPSDen: 10}, &source{n: n, width: width, height: height, rate: rate}, nil,
		func(w Window, span tall.Span, row []float32) error {
			out = append(out, emitted{w, span, slices.Clone(row)})
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The whole way, from RGB frames to rows, against OpenCV and PyTorch.
func TestEncoder_EqualsOpenCVAndPyTorch(t *testing.T) {
	v := readRecorded(t).Video
	p := smallPlan(16, cropSize, v.Out, v.Channels)
	e, err := open(save(t, p), Options{}, p)
	if err != nil {
		t.Fatal(err)
	}
	got := encodeAll(t, e, v.Frames, v.Width, v.Height, 29.4)
	if len(got) != len(v.Windows) {
		t.Fatalf("%d windows, want %d", len(got), len(v.Windows))
	}
	for i, w := range v.Windows {
		if got[i].Window != (Window{w.Start, w.End}) {
			t.Errorf("window %d is %v", i, got[i].Window)
		}
		if d := apart(got[i].Row, w.FC6); d > tolerance {
			t.Errorf("%v differs by %.2g", got[i].Window, d)
		}
		want := tall.Span{Start: float64(w.Start-1) / 29.4, End: float64(w.End-1) / 29.4}
		if math.Abs(got[i].Span.Start-want.Start)+math.Abs(got[i].Span.End-want.End) > 1e-9 { // float64 rounding
			t.Errorf("span %v, want %v", got[i].Span, want)
		}
	}
}

// The windows that TALL's authors released of a test movie of 2430 frames.
func TestWindows_OfTACoS(t *testing.T) {
	files, err := os.ReadDir(shared.Path(t, "features/tall-tacos-s27-d50/infer_feat"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range files {
		want = append(want, f.Name())
	}
	ws, err := Windows(2430)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range ws {
		got = append(got, w.FileName("s27-d50.avi"))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A stream that does not know its length gives the windows that a known length gives, in
// order, each from its own frames.
func TestEncoder_WindowsOfAnyLength(t *testing.T) {
	p := smallPlan(16, cropSize, 2, [8]int{1, 1, 1, 1, 1, 1, 1, 1})
	e, err := open(save(t, p), Options{Lengths: []int{20, 40}}, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{19, 20, 41, 52} {
		want, err := Windows(n, 20, 40)
		if err != nil {
			t.Fatal(err)
		}
		got := encodeAll(t, e, n, 8, 6, 10)
		var windows []Window
		for i, g := range got {
			windows = append(windows, g.Window)
			if math.Abs(g.Span.Start-float64(g.Start-1)/10)+math.Abs(g.Span.End-float64(g.End-1)/10) > 1e-9 { // float64 rounding
				t.Errorf("%d frames: %v at %v", n, g.Window, g.Span)
			}
			if i > 0 && tall.Span.Compare(got[i-1].Span, g.Span) >= 0 {
				t.Errorf("%d frames: %v after %v", n, g.Span, got[i-1].Span)
			}
		}
		if diff := cmp.Diff(want, windows); diff != "" {
			t.Errorf("%d frames: %s", n, diff)
		}
		if n != 52 {
			continue
		}
		// One window's frames alone.
		w := got[len(got)-3]
		var clip []float32
		r := newResizer(8, 6)
		crop := make([]byte, 3*cropSize*cropSize)
		for k := range clipFrames {
			r.crop(crop, picture(100000*(w.Start-1+k*w.Len()/16), 8, 6))
			for i, b := range crop {
				clip = append(clip, float32(b)-e.mean[k*len(crop)+i])
			}
		}
		pool5 := make([]float32, p.pooled().values())
		e.net.pool5(pool5, clip)
		if diff := cmp.Diff(e.net.features(pool5, 1), w.Row); diff != "" {
			t.Errorf("%v: %s", w.Window, diff)
		}
	}
}

// Rows have the same bits for any number of threads and any company in the batch.
func TestEncoder_SameBits(t *testing.T) {
	p := smallPlan(16, cropSize, 9, [8]int{3, 5, 4, 4, 4, 4, 4, 3})
	path := save(t, p)
	rows := func(threads int, want func(Window) bool) map[Window]string {
		e, err := open(path, Options{Backend: tensor.NewCPU(threads), Lengths: []int{16}}, p)
		if err != nil {
			t.Fatal(err)
		}
		out := map[Window]string{}
		err = e.EncodeWindows(t.Context(), media.Info{}, &source{n: 27, width: 20, height: 20, rate: 1}, want, func(w Window, _ tall.Span, row []float32) error {
			var b bytes.Buffer
			for _, v := range row {
				fmt.Fprintf(&b, "%08x", math.Float32bits(v))
			}
			out[w] = b.String()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	all := rows(1, nil)
	if len(all) != 4 {
		t.Fatalf("%d windows", len(all))
	}
	if diff := cmp.Diff(all, rows(4, nil)); diff != "" {
		t.Error(diff)
	}
	for w, bits := range rows(2, func(w Window) bool { return w.Start == 10 }) {
		if all[w] != bits {
			t.Errorf("%v alone differs", w)
		}
	}
}
