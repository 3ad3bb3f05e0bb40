//go:build accel && (linux || darwin || windows) && (amd64 || arm64)

package onnx

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tall"
	"tall/internal/shared"
	"tall/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEntries_Header compares the places of functions with the library's header, as
// testdata/api.py recorded it.
func TestEntries_Header(t *testing.T) {
	names := strings.Fields(string(testdata(t, "api.txt")))
	if len(names) != tableSize {
		t.Errorf("%d functions", len(names))
	}
	for _, e := range new(library).entries() {
		if names[e.at] != e.name {
			t.Errorf("function %d is %s, not %s", e.at, names[e.at], e.name)
		}
	}
}

// real is the folder of the real library.
func real(tb testing.TB) string {
	tb.Helper()
	if path := os.Getenv(Variable); path != "" {
		return path
	}
	return shared.Asset(tb, "onnxruntime")
}

func openReal(tb testing.TB, path string, o Options) *Encoder {
	tb.Helper()
	o.Library = real(tb)
	e, err := Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = e.Close() })
	return e
}

// convolved is tiny.onnx computed slowly: a convolution of 3 x 3 with padding 1, and its mean.
func convolved(pixels [3][8][12]float64) (out [4]float64) {
	for o := range 4 {
		sum := 0.0
		for y := range 8 {
			for x := range 12 {
				for c := range 3 {
					for i := range 9 {
						if v, u := y+i/3-1, x+i%3-1; v >= 0 && v < 8 && u >= 0 && u < 12 {
							sum += pixels[c][v][u] * float64((o*27+c*9+i)*7%11-5) / 16
						}
					}
				}
			}
		}
		out[o] = sum/96 + float64(o)/8
	}
	return out
}

func TestReal_Tiny(t *testing.T) {
	for _, model := range []string{"tiny.onnx", "fixed.onnx"} { // of any batch, and of 2 rows
		for _, output := range []string{"features", "pooled"} {
			path := put(t, small+"fit: stretch\nwhite: 255\nmean: [127, 128, 129]\nstd: [64, 64, 32]\ncolor: BGR\ninput: pixels\ndim: 4\noutput: "+output+"\n", testdata(t, model))
			e := openReal(t, path, Options{})
			rows := encodeAll(t, e, &pictures{n: 11, width: 12, height: 8, rate: 1})
			if len(rows) != 11 {
				t.Fatalf("%d rows", len(rows))
			}
			for n, r := range rows {
				var in [3][8][12]float64
				for c := range 3 {
					for y := range 8 {
						for x := range 12 {
							in[c][y][x] = (float64(pixel(n, x, y, 2-c)) - float64(127+c)) / []float64{64, 64, 32}[c]
						}
					}
				}
				for i, want := range convolved(in) {
					// Sums of 2592 products of size about 1 in float32.
					if math.Abs(float64(r.Values[i])-want) > 1e-5 {
						t.Errorf("%s, row %d: %v, want %g at %d", model, n, r.Values, want, i)
					}
				}
			}
			if m := e.Manifest(); m.Encoder != "onnx:m" || m.Dim != 4 || !strings.HasPrefix(m.WeightsHash, "sha256:") || len(m.WeightsHash) != 71 {
				t.Errorf("%+v", m)
			}
		}
	}
}

func TestReal_Window(t *testing.T) {
	path := put(t, small+"fit: stretch\nwhite: 255\nwindow: 4\nstride: 3\nbatch: 3\n", testdata(t, "window.onnx"))
	rows := encodeAll(t, openReal(t, path, Options{}), &pictures{n: 8, width: 12, height: 8, rate: 1})
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	for k, r := range rows {
		for c := range 3 {
			for f := range 4 {
				sum := 0.0
				for i := range 96 {
					sum += float64(pixel(min(3*k+f, 7), i%12, i/12, c))
				}
				// A mean of 96 bytes in float32.
				if got := r.Values[4*c+f]; math.Abs(float64(got)-sum/96) > 1e-4 {
					t.Errorf("window %d, channel %d, frame %d: %g, want %g", k, c, f, got, sum/96)
				}
			}
		}
	}
}

func TestReal_Refuses(t *testing.T) {
	library := real(t)
	for _, c := range []struct {
		name, text string
		model      []byte
		is         error
		says       string
	}{
		{"another size", "model: m.onnx\nwidth: 8\nheight: 12\noutput: features\n", testdata(t, "tiny.onnx"), tall.ErrShape, "[-1 3 8 12]"},
		{"another layout", small + "layout: NHWC\noutput: features\n", testdata(t, "tiny.onnx"), tall.ErrShape, "NHWC"},
		{"windows", small + "window: 2\noutput: features\n", testdata(t, "tiny.onnx"), tall.ErrShape, "NCTHW"},
		{"no input of the name", small + "input: image\noutput: features\n", testdata(t, "tiny.onnx"), tall.ErrMissing, `no input "image"; it has pixels`},
		{"no output of the name", small + "output: class\n", testdata(t, "tiny.onnx"), tall.ErrMissing, "features, pooled, map, nan"},
		{"which output", small, testdata(t, "tiny.onnx"), tall.ErrShape, "say which one (output:)"},
		{"a map", small + "output: map\n", testdata(t, "tiny.onnx"), tall.ErrShape, "[8 4 8 12]"},
		{"another dim", small + "output: features\ndim: 5\n", testdata(t, "tiny.onnx"), tall.ErrShape, "dim: 5"},
		{"another batch", small + "output: features\nbatch: 3\n", testdata(t, "fixed.onnx"), tall.ErrShape, "[2 3 8 12]"},
		{"cut off", small + "output: features\n", testdata(t, "tiny.onnx")[:500], tall.ErrFormat, "m.onnx"},
		{"empty", small, nil, tall.ErrFormat, "m.onnx"},
		// An operator that there is not: the library refuses it.
		{"corrupt", small + "output: features\n", []byte(strings.Replace(string(testdata(t, "tiny.onnx")), "Conv", "Cony", 1)), tall.ErrFormat, "Cony"},
		{"external data", small, testdata(t, "external.onnx"), tall.ErrUnsafe, "external data"},
	} {
		_, err := Open(put(t, c.text, c.model), Options{Library: library})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "net.yaml") && !strings.Contains(err.Error(), "m.onnx") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	path := put(t, small+"output: features\n", testdata(t, "tiny.onnx"))
	for _, rate := range []float64{-1, 1e6, math.NaN()} {
		if _, err := Open(path, Options{Library: library, Rate: rate}); !errors.Is(err, tall.ErrFormat) {
			t.Error(rate, err)
		}
	}
	// Bytes changed here and there: refused or run, but never a crash.
	model := testdata(t, "tiny.onnx")
	for at := 0; at < len(model); at += 17 {
		bad := slices.Clone(model)
		bad[at] ^= 0x55
		if e, err := Open(put(t, small+"output: features\n", bad), Options{Library: library, Threads: 1}); err == nil {
			_ = e.Close()
		}
	}
}

func TestReal_NaN(t *testing.T) {
	e := openReal(t, put(t, small+"output: nan\n", testdata(t, "tiny.onnx")), Options{})
	err := e.Encode(t.Context(), media.Info{Path: "v.mp4"}, &pictures{n: 1, width: 12, height: 12, rate: 1}, func(tall.Span, []float32) error { return nil })
	if !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), "v.mp4") {
		t.Error(err)
	}
}

// TestReal_Canceled: long.onnx would run for hours.
func TestReal_Canceled(t *testing.T) {
	e := openReal(t, put(t, small, testdata(t, "long.onnx")), Options{Threads: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	err := e.Encode(ctx, media.Info{Path: "v.mp4"}, &pictures{n: 1, width: 12, height: 12, rate: 1}, func(tall.Span, []float32) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// Far above what stopping takes, far below what the network takes.
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("stopped after %v", took)
	}
	// The network still works.
	if _, err := e.forward(t.Context(), make([]float32, e.batch*e.config.values())); err != nil {
		t.Error(err)
	}
}

// TestReal_SameBits: neither threads nor the size of batches change a row.
func TestReal_SameBits(t *testing.T) {
	path := func(batch string) string {
		return put(t, small+"white: 255\noutput: features\nbatch: "+batch+"\n", testdata(t, "tiny.onnx"))
	}
	encode := func(batch string, threads int) (values []float32) {
		for _, r := range encodeAll(t, openReal(t, path(batch), Options{Threads: threads}), &pictures{n: 9, width: 12, height: 12, rate: 1}) {
			values = append(values, r.Values...)
		}
		return values
	}
	want := encode("8", 1)
	for _, batch := range []string{"1", "4", "9"} {
		for _, threads := range []int{1, 2, 3} {
			if got := encode(batch, threads); !slices.Equal(got, want) {
				t.Errorf("batches of %s, %d threads: %v, want %v", batch, threads, got, want)
			}
		}
	}
}

func TestFindLibrary(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Variable, "")
	path := put(t, small+"output: features\n", testdata(t, "tiny.onnx"))
	for given, want := range map[string]struct {
		is   error
		says string
	}{
		filepath.Join(dir, "none.so"): {tall.ErrMissing, "--onnxruntime: "},
		dir:                           {tall.ErrMissing, "holds no"},
		"config.go":                   {tall.ErrFormat, "cannot be opened"},
	} {
		if _, err := Open(path, Options{Library: given}); !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.says) || !strings.Contains(err.Error(), given) {
			t.Errorf("%s: %v", given, err)
		}
	}
	t.Setenv(Variable, filepath.Join(dir, "other"))
	if _, err := Open(path, Options{}); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), Variable) {
		t.Error(err)
	}
	t.Setenv(Variable, "")
	// A system may have the library.
	if _, _, err := findLibrary(""); err != nil {
		for _, says := range []string{"onnxruntime-node", "PyPI", "--onnxruntime PATH", Variable} {
			if !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), says) {
				t.Errorf("%v; it does not say %q", err, says)
			}
		}
	}
	for _, name := range []string{"libonnxruntime.so.1.9.0", "libonnxruntime.so.1.21.0", "libonnxruntime_providers_shared.so"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if runtime.GOOS == "linux" {
		if got, err := libraryAt(dir); err != nil || filepath.Base(got) != "libonnxruntime.so.1.21.0" {
			t.Error(got, err)
		}
	}
	t.Setenv(Variable, real(t))
	e, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// formula is the synthetic pictures of testdata/efficientnet.py.
type formula struct{ next, n int }

func (f *formula) Next() (media.Frame, error) {
	if f.next == f.n {
		return media.Frame{}, io.EOF
	}
	k := f.next % 3
	p := media.Frame{Index: f.next, Time: float64(f.next) + 0.5, Width: 256, Height: 256, Pix: make([]byte, 3*256*256)}
	for i := range p.Pix {
		c, x, y := i%3, i/3%256, i/768
		p.Pix[i] = byte(x*(3+k) + y*(5-k) + (x*y>>5)*c + 40*c)
	}
	f.next++
	return p, nil
}

const lite0 = `
model: m.onnx
name: efficientnet-lite0
width: 224
height: 224
short: 256
white: 255
mean: [127, 127, 127]
std: [128, 128, 128]
`

// TestReal_EfficientNet compares a real pretrained network with what PyTorch computed in
// float64 (testdata/efficientnet.py). Of 3 pictures of random-like bytes, relative error of
// rows: under 1e-5 is asked for, of float32 sums over 50 layers.
func TestReal_EfficientNet(t *testing.T) {
	library := real(t)
	model, err := os.ReadFile(shared.Asset(t, "efficientnet-lite0/efficientnet-lite0.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Pictures []map[string]string `json:"pictures"`
	}
	if err := json.Unmarshal(testdata(t, "efficientnet.json"), &recorded); err != nil || len(recorded.Pictures) != 3 {
		t.Fatal(err)
	}
	for output, dim := range map[string]int{"features": 1280, "logits": 1000} {
		var first []row
		for _, batch := range []string{"", "batch: 2\n"} {
			e, err := Open(put(t, lite0+"output: "+output+"\n"+batch, model), Options{Library: library, Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			var rows []row
			if err := e.Encode(t.Context(), media.Info{Path: "v", Duration: 3}, &formula{n: 3}, func(s tall.Span, r []float32) error {
				rows = append(rows, row{s, slices.Clone(r)})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if first == nil {
				first = rows
			}
			for k, r := range rows {
				raw, err := base64.StdEncoding.DecodeString(recorded.Pictures[k][output])
				if err != nil || len(raw) != 4*dim || len(r.Values) != dim {
					t.Fatalf("%d bytes, %d values: %v", len(raw), len(r.Values), err)
				}
				diff, size, batches := 0.0, 0.0, 0.0
				for i, got := range r.Values {
					want := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
					diff += (float64(got) - want) * (float64(got) - want)
					size += want * want
					batches = max(batches, math.Abs(float64(got-first[k].Values[i])))
				}
				t.Logf("%s of picture %d, %s: relative error %.2g of length %.3g; differs from the first batches by %.2g", output, k, batch, math.Sqrt(diff/size), math.Sqrt(size), batches)
				if math.Sqrt(diff/size) > 1e-5 {
					t.Errorf("%s of picture %d: relative error %g", output, k, math.Sqrt(diff/size))
				}
			}
		}
	}
}
