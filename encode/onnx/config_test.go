package onnx

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/config"
)

const small = "model: m.onnx\nwidth: 12\nheight: 8\n"

func TestParse_Defaults(t *testing.T) {
	got, err := Parse("dir/net.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Path: "dir/net.yaml", Model: "m.onnx", Name: "m", Width: 12, Height: 8, Fit: "crop", Short: 12, Layout: "NCHW", Color: "RGB", White: 1,
		Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1}, Rate: 1, Window: 1, Stride: 1, Normalize: "none",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = Parse("net.yaml", []byte(`
model: sub/c3d.onnx
name: Clip_16.v2
input: frames
output: fc6
width: 112
height: 112
fit: crop
short: 128
layout: NTHWC
color: BGR
white: 255
mean: [104, 117, 123.5]
std: [1, 2, 3]
rate: 12.5
window: 16
stride: 8
normalize: l2
dim: 4096
batch: 2
`))
	if err != nil {
		t.Fatal(err)
	}
	want = &Config{
		Path: "net.yaml", Model: "sub/c3d.onnx", Name: "Clip_16.v2", Input: "frames", Output: "fc6", Width: 112, Height: 112, Fit: "crop", Short: 128,
		Layout: "NTHWC", Color: "BGR", White: 255, Mean: []float64{104, 117, 123.5}, Std: []float64{1, 2, 3}, Rate: 12.5, Window: 16, Stride: 8,
		Normalize: "l2", Dim: 4096, Batch: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		is         error
		says       []string // each in the error
	}{
		{"empty", "", tall.ErrFormat, []string{"empty"}},
		{"no YAML", "model: [\n", tall.ErrFormat, []string{"net.yaml:"}},
		{"unknown key", small + "widht: 3\n", tall.ErrFormat, []string{"net.yaml:4:1", `"widht"`, "width"}},
		{"twice", small + "width: 3\n", tall.ErrFormat, []string{"net.yaml:4"}},
		{"another type", "model: m.onnx\nwidth: wide\nheight: 8\n", tall.ErrFormat, []string{"net.yaml:2"}},
		{"list in place of text", "model: [a]\nwidth: 3\nheight: 8\n", tall.ErrFormat, []string{"net.yaml:1"}},
		{"a fraction of a pixel", "model: m.onnx\nwidth: 12.5\nheight: 8\n", tall.ErrFormat, []string{"net.yaml:2"}},
		{"nothing", "rate: 1\n", tall.ErrFormat, []string{"model is missing", "width is 0", "height is 0"}},
		{"absolute", small[14:] + "model: /etc/passwd\n", tall.ErrUnsafe, []string{"net.yaml:3:8", "/etc/passwd"}},
		{"up", small[14:] + "model: ../m.onnx\n", tall.ErrUnsafe, []string{"net.yaml:3:8", "leaves the folder"}},
		{"up within", small[14:] + "model: a/../../m.onnx\n", tall.ErrUnsafe, []string{"leaves the folder"}},
		{"back slash", small[14:] + "model: ..\\m.onnx\n", tall.ErrUnsafe, []string{"leaves the folder"}},
		{"name", small + "name: a b\n", tall.ErrFormat, []string{"net.yaml:4:7", `"a b"`}},
		{"name of the file", strings.Replace(small, "m.onnx", "m m.onnx", 1), tall.ErrFormat, []string{"name"}},
		{"large", "model: m.onnx\nwidth: 5000\nheight: 8\n", tall.ErrFormat, []string{"net.yaml:2:8", "4096"}},
		{"fit", small + "fit: pad\n", tall.ErrFormat, []string{"net.yaml:4:6", "crop, stretch"}},
		{"short", small + "short: 11\n", tall.ErrFormat, []string{"net.yaml:4:8", "12"}},
		{"short of stretch", small + "fit: stretch\nshort: 12\n", tall.ErrFormat, []string{"net.yaml:5:8"}},
		{"layout", small + "layout: NCWH\n", tall.ErrFormat, []string{"net.yaml:4:9", "NCHW, NHWC"}},
		{"layout of pictures for windows", small + "window: 4\nlayout: NCHW\n", tall.ErrFormat, []string{"net.yaml:5:9", "NCTHW"}},
		{"color", small + "color: rgb\n", tall.ErrFormat, []string{"net.yaml:4:8"}},
		{"white", small + "white: 256\n", tall.ErrFormat, []string{"net.yaml:4:8", "1 or 255"}},
		{"mean", small + "mean: [1, 2]\n", tall.ErrFormat, []string{"net.yaml:4", "2 values"}},
		{"mean NaN", small + "mean: [1, 2, .nan]\n", tall.ErrFormat, []string{"net.yaml:4", "NaN"}},
		{"std 0", small + "std: [1, 0, 1]\n", tall.ErrFormat, []string{"net.yaml:4", "holds 0"}},
		{"rate", small + "rate: -1\n", tall.ErrFormat, []string{"net.yaml:4:7"}},
		{"rate NaN", small + "rate: .nan\n", tall.ErrFormat, []string{"net.yaml:4:7"}},
		{"rate infinite", small + "rate: .inf\n", tall.ErrFormat, []string{"net.yaml:4:7"}},
		{"window", small + "window: -1\n", tall.ErrFormat, []string{"net.yaml:4:9"}},
		{"stride", small + "stride: -1\n", tall.ErrFormat, []string{"net.yaml:4:9"}},
		{"normalize", small + "normalize: L2\n", tall.ErrFormat, []string{"net.yaml:4:12", "none, l2"}},
		{"dim", small + "dim: -1\n", tall.ErrFormat, []string{"net.yaml:4:6"}},
		{"batch", small + "batch: 1000\n", tall.ErrFormat, []string{"net.yaml:4:8"}},
		{"too much", "model: m.onnx\nwidth: 4096\nheight: 4096\nwindow: 2\n", tall.ErrFormat, []string{"values at once"}},
		{"two documents", small + "---\n" + small, tall.ErrFormat, []string{"net.yaml:5"}},
		{"alias", "model: &a m.onnx\nname: *a\n", tall.ErrFormat, []string{"net.yaml:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("net.yaml", []byte(c.text))
			if !errors.Is(err, c.is) {
				t.Fatalf("%v; want %v", err, c.is)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v; it does not say %q", err, s)
				}
			}
		})
	}
}

// put writes a YAML file and a model beside it.
func put(tb testing.TB, text string, model []byte) string {
	tb.Helper()
	dir := tb.TempDir()
	path := filepath.Join(dir, "net.yaml")
	for name, data := range map[string][]byte{path: []byte(text), filepath.Join(dir, "m.onnx"): model} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return path
}

func testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestRead_Files(t *testing.T) {
	path := put(t, small, testdata(t, "tiny.onnx"))
	c, err := Read(path)
	if err != nil || c.Path != path {
		t.Fatal(c, err)
	}
	dir := filepath.Dir(path)
	if _, err := Read(filepath.Join(dir, "none.yaml")); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "none.yaml") {
		t.Error(err)
	}
	if _, err := Read(dir); !errors.Is(err, tall.ErrFormat) {
		t.Error(err)
	}
	model := filepath.Join(dir, "m.onnx")
	if err := os.Remove(model); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "m.onnx") {
		t.Error(err)
	}
	if err := os.Mkdir(model, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); !errors.Is(err, tall.ErrFormat) {
		t.Error(err)
	}
	if err := os.Remove(model); err != nil {
		t.Fatal(err)
	}
	// A link that leads out of the folder.
	outside := filepath.Join(t.TempDir(), "other.onnx")
	if err := os.WriteFile(outside, testdata(t, "tiny.onnx"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, model); err != nil {
		t.Skip(err)
	}
	if _, err := Read(path); !errors.Is(err, tall.ErrUnsafe) {
		t.Error(err)
	}
	long := put(t, strings.Repeat("# long\n", 1<<16), nil)
	if _, err := Read(long); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "larger") {
		t.Error(err)
	}
}

func TestCheckModel(t *testing.T) {
	for _, name := range []string{"tiny.onnx", "fixed.onnx", "window.onnx", "long.onnx"} {
		data := testdata(t, name)
		if err := checkModel(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range data {
			if err := checkModel(data[:n]); n > 40 && err == nil {
				// Only what follows the graph, the version of the operators, may be missing.
				if n < len(data)-5 {
					t.Errorf("%s, cut after %d of %d bytes", name, n, len(data))
				}
			}
		}
	}
	if err := checkModel(testdata(t, "external.onnx")); !errors.Is(err, tall.ErrUnsafe) || !strings.Contains(err.Error(), "external data") {
		t.Error(err)
	}
	deep := []byte{}
	for range 300 {
		// A node in a graph in an attribute in a node, in turns, around nothing.
		for _, number := range []byte{6, 5, 1} {
			deep = append(append([]byte{number<<3 | 2}, uvarint(len(deep))...), deep...)
		}
	}
	deep = append(append([]byte{7<<3 | 2}, uvarint(len(deep))...), deep...)
	if err := checkModel(deep); !errors.Is(err, tall.ErrUnsafe) {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "html": "<!DOCTYPE html>", "zip": "PK\x03\x04", "pointer": "version https://git-lfs.github.com/spec/v1\n", "zeros": "\x00\x00\x00",
	} {
		if err := checkModel([]byte(text)); !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func uvarint(n int) (out []byte) {
	for ; n > 127; n >>= 7 {
		out = append(out, byte(n)|128)
	}
	return append(out, byte(n))
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"", small, small + "window: 16\nlayout: NTHWC\nmean: [1, 2, 3]\nstd: [1, 1, 1]\n", "model: ../x\n", "mean: {a: 1}\n", "width: .inf\n", "model: |\n  a\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("net.yaml", text)
		if err != nil {
			var one *config.Error
			var many config.Errors
			if !errors.As(err, &one) && !errors.As(err, &many) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if !filepath.IsLocal(c.Model) || c.values() < 1 || c.values() > maxValues || len(c.Shape(1)) != len(c.Layout) {
			t.Errorf("%+v", c)
		}
	})
}

func FuzzCheckModel(f *testing.F) {
	for _, name := range []string{"tiny.onnx", "long.onnx", "external.onnx"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := checkModel(data); err != nil && !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrUnsafe) {
			t.Error(err)
		}
	})
}
