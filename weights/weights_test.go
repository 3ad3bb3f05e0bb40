package weights

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/internal/shared"
	"tall/numpy"
)

// small is the model of testdata/make_paddle.py: parameter k holds k + i/8 at
// place i.
func small() []Tensor {
	specs := []Spec{
		{"v2s_lt_weights", []int{6, 4}},
		{"s2s_lt_weights", []int{5, 4}},
		{"mid_out_weights", []int{3, 16, 1, 1}},
		{"sim_mat_weights", []int{3, 3, 1, 1}},
	}
	out := make([]Tensor, len(specs))
	for k, s := range specs {
		n := 1
		for _, d := range s.Shape {
			n *= d
		}
		out[k] = Tensor{Name: s.Name, Shape: s.Shape, Data: make([]float32, n)}
		for i := range out[k].Data {
			out[k].Data[i] = float32(k) + float32(i)/8
		}
	}
	return out
}

func specsOf(ts []Tensor) []Spec {
	out := make([]Spec, len(ts))
	for i, t := range ts {
		out[i] = Spec{t.Name, t.Shape}
	}
	return out
}

// TestRead_Paddle reads what several versions of Paddle wrote.
func TestRead_Paddle(t *testing.T) {
	files, err := filepath.Glob("testdata/paddle/*")
	if err != nil || len(files) != 17 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	want := small()
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			want := want
			format := Pdparams
			switch {
			case strings.HasSuffix(path, "-save_params"):
				format = SaveCombine
			case strings.HasSuffix(path, "-sim_mat_weights"):
				format, want = SaveCombine, want[3:]
			}
			if f.Format != format || f.Path != path {
				t.Errorf("format %s of %s", f.Format, f.Path)
			}
			got, err := f.Match(specsOf(want))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(path, "state_dict") { // the other names work as well
				got, err := f.Match([]Spec{{"part_v2s", want[0].Shape}, {"part_s2s", want[1].Shape}, {"part_mid", want[2].Shape}, {"part_sim", want[3].Shape}})
				if err != nil || !cmp.Equal(got[2].Data, want[2].Data) {
					t.Errorf("structured names: %v", err)
				}
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; n < len(data); n += 3 { // opcodes are shorter
				// A stream of tensors that is cut between two of them is a shorter stream.
				g, err := decode(bytes.NewReader(data[:n]), int64(n))
				if err == nil && (format == Pdparams || len(g.Tensors) >= len(want)) || err != nil && !errors.Is(err, tall.ErrFormat) {
					t.Fatalf("cut at %d of %d: %v", n, len(data), err)
				}
			}
		})
	}
}

func TestRead_SafetensorsRecorded(t *testing.T) {
	f, err := Read("testdata/recorded.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"format": "np", "note": "<&> €"}, f.Meta); diff != "" {
		t.Error(diff)
	}
	got := make(map[string]Tensor)
	for _, x := range f.Tensors {
		got[x.Name] = x
	}
	if len(got) != 16 {
		t.Errorf("%d tensors", len(got))
	}
	for _, name := range strings.Fields("float64 float32 float16 bfloat16 int64 int32 int16 int8 uint64 uint32 uint16 uint8") {
		if x := got[name]; !slices.Equal(x.Data, []float32{0, 1, 2, 3, 4, 5}) || !slices.Equal(x.Shape, []int{2, 3}) {
			t.Errorf("%s: %v", name, x)
		}
	}
	for name, want := range map[string]Tensor{
		"bool":            {Shape: []int{2}, Data: []float32{0, 1}},
		"no dimensions":   {Shape: []int{}, Data: []float32{1.5}},
		"empty":           {Shape: []int{0, 7}, Data: []float32{}},
		`name "quoted" €`: {Shape: []int{1}, Data: []float32{-1}},
	} {
		want.Name = name
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Error(diff)
		}
	}
}

// encode writes a file's bytes in the format of an extension.
func encode(f *File, ext string) ([]byte, error) {
	var b bytes.Buffer
	switch ext {
	case ".safetensors":
		header, err := SafetensorsHeader(specsOf(f.Tensors), f.Meta)
		if err != nil {
			return nil, err
		}
		b.Write(header)
		err = writeData(&b, f.Tensors)
		return b.Bytes(), err
	case ".pdparams":
		err := encodePdparams(&b, f.Tensors)
		return b.Bytes(), err
	}
	err := encodeSaveCombine(&b, f.Tensors)
	return b.Bytes(), err
}

// TestEncode_RoundTrip: whatever is written is read back to the bit, in every
// format.
func TestEncode_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zé_.<"\\]{1,12}`), 1, 5, rapid.ID[string]).Draw(t, "names")
		f := &File{Meta: rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "meta")}
		for _, name := range names {
			x := Tensor{Name: name, Shape: append([]int{}, rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(t, "shape")...)}
			n := 1
			for _, d := range x.Shape {
				n *= d
			}
			x.Data = make([]float32, n)
			for i := range x.Data {
				x.Data[i] = math.Float32frombits(rapid.Uint32().Draw(t, "x")) // NaNs too
			}
			f.Tensors = append(f.Tensors, x)
		}
		for _, ext := range Extensions() {
			file, err := encode(f, ext)
			if err != nil {
				t.Fatal(err)
			}
			g, err := readBytes(file)
			if err != nil {
				t.Fatalf("%s: %v", ext, err)
			}
			got, err := g.Match(specsOf(f.Tensors))
			if err != nil {
				t.Fatalf("%s: %v", ext, err)
			}
			bits := cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
			if diff := cmp.Diff(f.Tensors, got, bits); diff != "" {
				t.Fatalf("%s: %s", ext, diff)
			}
			if ext == ".safetensors" {
				if diff := cmp.Diff(f.Meta, g.Meta); diff != "" && len(f.Meta)+len(g.Meta) > 0 {
					t.Fatal(diff)
				}
			}
		}
	})
}

// TestWrite_Files: the files are the encoded bytes, and Read knows each by its
// content, whatever it is called.
func TestWrite_Files(t *testing.T) {
	dir := t.TempDir()
	f := &File{Tensors: small(), Meta: map[string]string{"step": "7"}}
	for _, ext := range Extensions() {
		path := filepath.Join(dir, "x"+ext)
		if err := Write(path, f); err != nil {
			t.Fatal(err)
		}
		want, err := encode(f, ext)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d, %v", ext, len(got), len(want), err)
		}
		renamed := filepath.Join(dir, "weights")
		if err := os.Rename(path, renamed); err != nil {
			t.Fatal(err)
		}
		g, err := Read(renamed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := g.Match(specsOf(small()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(small(), got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWrite_Refuses(t *testing.T) {
	dir := t.TempDir()
	good := Tensor{Name: "a", Shape: []int{1}, Data: []float32{1}}
	for name, test := range map[string]struct {
		ts   []Tensor
		want error
	}{
		"twice":    {[]Tensor{good, good}, tall.ErrFormat},
		"no name":  {[]Tensor{{Shape: []int{1}, Data: []float32{1}}}, tall.ErrMissing},
		"shape":    {[]Tensor{{Name: "a", Shape: []int{2}, Data: []float32{1}}}, tall.ErrShape},
		"negative": {[]Tensor{{Name: "a", Shape: []int{-1, -1}, Data: []float32{1}}}, tall.ErrShape},
	} {
		for _, ext := range Extensions() {
			path := filepath.Join(dir, "x"+ext)
			if err := Write(path, &File{Tensors: test.ts}); !errors.Is(err, test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s%s: %v", name, ext, err)
			}
		}
	}
	for _, f := range []*File{
		{Tensors: []Tensor{{Name: metadata, Shape: []int{}, Data: []float32{1}}}},
		{Tensors: []Tensor{{Name: "\xff", Shape: []int{}, Data: []float32{1}}}},
		{Tensors: []Tensor{good}, Meta: map[string]string{"k": "\xff"}},
	} {
		if err := Write(filepath.Join(dir, "x.safetensors"), f); !errors.Is(err, tall.ErrFormat) {
			t.Error(err)
		}
	}
	if err := Write(filepath.Join(dir, "x.pt"), &File{Tensors: []Tensor{good}}); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), ".safetensors, .pdparams") {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left over: %v", entries)
	}
}

func TestMatch_NamesEverything(t *testing.T) {
	f := &File{Path: "x.safetensors", Format: Safetensors, Tensors: append(small(), Tensor{Name: "adam.m.v2s_lt_weights", Shape: []int{6, 4}})}
	if _, err := f.Match(specsOf(small())); err != nil {
		t.Errorf("with the optimiser's state: %v", err)
	}
	if _, err := f.Match([]Spec{{"adam.m.v2s_lt_weights", []int{6, 4}}}); err != nil {
		t.Errorf("the optimiser's state alone: %v", err)
	}
	_, err := f.Match([]Spec{
		{"v2s_lt_weights", []int{6, 5}},
		{"s2s_lt_weights", []int{4, 5}},
		{"mid_out_weights", []int{3, 16}}, // trailing ones do not count
		{"bias", []int{3}},
		{"scale", []int{4}},
	})
	for _, says := range []string{
		"x.safetensors", "bias [3]", "scale [4]",
		"v2s_lt_weights is [6 4], the model has [6 5]", "s2s_lt_weights is [5 4], the model has [4 5]",
		"not in the model: sim_mat_weights [3 3 1 1]",
	} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; should say %q", err, says)
		}
	}
	if !errors.Is(err, tall.ErrMissing) || !errors.Is(err, tall.ErrShape) {
		t.Error(err)
	}
	if _, err := f.Match(specsOf(small())[:3]); !errors.Is(err, tall.ErrShape) || errors.Is(err, tall.ErrMissing) {
		t.Errorf("a tensor left over: %v", err)
	}
}

func TestMatch_Order(t *testing.T) {
	var nameless []Tensor
	for _, name := range []string{"mid_out_weights", "s2s_lt_weights", "sim_mat_weights", "v2s_lt_weights"} { // as Python sorts them
		for _, x := range small() {
			if x.Name == name {
				nameless = append(nameless, Tensor{Shape: x.Shape, Data: x.Data})
			}
		}
	}
	f := &File{Path: "TALL_final", Format: SaveCombine, Tensors: nameless}
	got, err := f.Match(specsOf(small()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(small(), got); diff != "" {
		t.Error(diff)
	}
	for n, want := range map[int]error{3: tall.ErrShape, 5: tall.ErrMissing} {
		specs := append(specsOf(small()), Spec{"zz", []int{1}})[:n]
		if _, err := f.Match(specs); !errors.Is(err, want) {
			t.Errorf("%d specs: %v", n, err)
		}
	}
	wrong := specsOf(small())
	wrong[0].Shape = []int{7, 4}
	if _, err := f.Match(wrong); !errors.Is(err, tall.ErrShape) || !strings.Contains(err.Error(), "tensor 4 of the stream, v2s_lt_weights by its place, is [6 4], the model has [7 4]") {
		t.Error(err)
	}
}

// TestRead_Foreign: the error says what a file is, where that is known.
func TestRead_Foreign(t *testing.T) {
	dir := t.TempDir()
	for content, says := range map[string]string{
		"":                                          "empty",
		"PK\x03\x04......archive/data.pkl":          "PyTorch",
		"PK\x03\x04......weights.npy":               "zip",
		"\x89HDF\r\n\x1a\n":                         "HDF5",
		"\x93NUMPY\x01\x00":                         "numpy",
		"\x1f\x8b\x08":                              "gzip",
		"BZh91AY":                                   "compressed",
		"<!DOCTYPE html><html>":                     "web page",
		"\n <HTML><body>404":                        "web page",
		"<?xml version='1.0'?><Error>":              "web page",
		`{"code":"NoSuchKey","message":""}`:         "JSON",
		"version https://git-lfs.github.com/":       "LFS",
		strings.Repeat("\x00", 257) + "ustar\x0000": "tar",
		"hello, world":                              "first bytes",
		"\x0a\x0b\x08\x00":                          "first bytes",
	} {
		path := filepath.Join(dir, "x.pdparams")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%.20q: %v; should say %q", content, err, says)
		}
	}
	if _, err := Read(dir); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "folder") {
		t.Error(err)
	}
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func pickled(tb testing.TB, v any) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := numpy.PickleTo(&b, v, 2); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func readBytes(b []byte) (*File, error) { return decode(bytes.NewReader(b), int64(len(b))) }

func TestPdparams_Refuses(t *testing.T) {
	a := numpy.FromFloat32([]int{2}, []float32{1, 2})
	big := func(pairs ...any) *numpy.Dict {
		return numpy.NewDict("w@@.0", a, "w@@.1", a, bigParams, numpy.NewDict("w", numpy.NewDict(pairs...)))
	}
	for says, v := range map[string]any{
		"without any array":               numpy.NewDict(),
		"which is no name":                numpy.NewDict(1, a),
		`"step" is the value 3`:           numpy.NewDict("w", a, "step", 3),
		"save them alone":                 numpy.NewDict("model", numpy.NewDict("w", a)),
		`"w" is a tuple of 3`:             numpy.NewDict("w", numpy.Tuple{"a", a, 1}),
		nameTable + " is a list":          numpy.NewDict(nameTable, numpy.List{}),
		"something else than names":       numpy.NewDict("w", a, nameTable, numpy.NewDict("w", 1)),
		bigParams + " is None":            numpy.NewDict("w", a, bigParams, nil),
		"not a name and a dict":           numpy.NewDict("w", a, bigParams, numpy.NewDict("w", 1)),
		"without its OriginShape":         big("slices", numpy.List{"w@@.0"}),
		"without its list":                big("OriginShape", numpy.Tuple{4}),
		"a dimension that is None":        big("OriginShape", numpy.Tuple{nil}, "slices", numpy.List{"w@@.0"}),
		"is not in the file":              big("OriginShape", numpy.Tuple{4}, "slices", numpy.List{"w@@.2"}),
		"used twice":                      big("OriginShape", numpy.Tuple{4}, "slices", numpy.List{"w@@.0", "w@@.0"}),
		"hold 4 numbers, shape [5]":       big("OriginShape", numpy.Tuple{5}, "slices", numpy.List{"w@@.0", "w@@.1"}),
		"more than any memory":            big("OriginShape", numpy.Tuple{1 << 40, 1 << 40}, "slices", numpy.List{"w@@.0", "w@@.1"}),
		"negative":                        big("OriginShape", numpy.Tuple{-1}, "slices", numpy.List{"w@@.0", "w@@.1"}),
		"it is there whole and in slices": numpy.NewDict("w", a, bigParams, numpy.NewDict("w", numpy.NewDict())),
	} {
		if _, err := readBytes(pickled(t, v)); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; should say %q", err, says)
		}
	}
	if _, err := readBytes([]byte("\x80\x02]q\x00.")); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "a list of 0") {
		t.Error(err)
	}
	if _, err := readBytes([]byte("\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.")); !errors.Is(err, tall.ErrUnsafe) || !strings.Contains(err.Error(), "posix.system") {
		t.Error(err)
	}
}

// safe makes a safetensors file of a header and data.
func safe(header string, data int) []byte {
	b := make([]byte, 8, 8+len(header)+data)
	n := len(header)
	for i := range 4 {
		b[i] = byte(n >> (8 * i))
	}
	return append(append(b, header...), make([]byte, data)...)
}

func TestSafetensors_Refuses(t *testing.T) {
	entry := func(name, dtype, shape string, from, to int) string {
		return fmt.Sprintf(`"%s":{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, name, dtype, shape, from, to)
	}
	ab := func(a, b string) string { return "{" + a + "," + b + "}" }
	a := entry("a", "F32", "[2]", 0, 8)
	for says, test := range map[string]struct {
		header string
		data   int
	}{
		"found 1":                       {"{" + a + "}", 1}, // cut off below
		"is the file truncated":         {"{" + a + "}", 7},
		"1 bytes after the last tensor": {"{" + a + "}", 9},
		"a gap of 4 bytes":              {ab(a, entry("b", "F32", "[1]", 12, 16)), 16},
		"where another tensor reaches":  {ab(a, entry("b", "F32", "[1]", 4, 8)), 8},
		`"a" twice`:                     {ab(a, a), 8},
		"takes 12 bytes":                {"{" + entry("a", "F32", "[3]", 0, 8) + "}", 8},
		"more than any memory":          {"{" + entry("a", "F32", "[4294967296,4294967296]", 0, 8) + "}", 8},
		"shape [1152921504606846976]":   {"{" + entry("a", "F32", "[1152921504606846976]", 0, 8) + "}", 8},
		"negative":                      {"{" + entry("a", "F32", "[-2]", 0, 8) + "}", 8},
		"lies at -8":                    {"{" + entry("a", "F32", "[2]", -8, 0) + "}", 8},
		"lies at 8 to 0":                {"{" + entry("a", "F32", "[2]", 8, 0) + "}", 8},
		`"F8_E4M3"`:                     {"{" + entry("a", "F8_E4M3", "[8]", 0, 8) + "}", 8},
		"64":                            {"{" + entry("a", "F32", "["+strings.Repeat("1,", 64)+"1]", 0, 4) + "}", 4},
		"unknown field":                 {`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 4},
		"two data_offsets":              {`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4},
		"without its shape":             {`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4},
		"bytes after the JSON object":   {"{" + a + "} {}", 8},
		`tensor "a"`:                    {`{"a":[]}`, 0},
		metadata:                        {`{"__metadata__":{"a":1}}`, 0},
		"at byte":                       {"{" + a, 8},
		"cannot unmarshal number 1e3":   {`{"a":{"dtype":"F32","shape":[1e3],"data_offsets":[0,4000]}}`, 4000},
	} {
		file := safe(test.header, test.data)
		if strings.HasPrefix(says, "found") {
			file = file[:20]
			says = "remain"
		}
		if _, err := readBytes(file); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; should say %q", test.header, err, says)
		}
	}
	f, err := readBytes(safe("{}      ", 0))
	if err != nil || len(f.Tensors) != 0 {
		t.Errorf("no tensors: %v, %v", f, err)
	}
}

func TestSaveCombine_Refuses(t *testing.T) {
	head := func(desc string) string {
		return strings.Repeat("\x00", 16) + string([]byte{byte(len(desc)), 0, 0, 0}) + desc
	}
	for says, file := range map[string]string{
		"data for shape [256 57]":   head("\x08\x05\x10\x80\x02\x10\x39") + "1234",
		"more than any memory":      head("\x08\x05\x10\xff\xff\xff\xff\xff\xff\xff\x7f\x10\xff\xff\xff\xff\xff\xff\xff\x7f"),
		"negative":                  head("\x08\x05\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		"data type 23":              head("\x08\x17\x10\x01"),
		"without a data type":       head("\x10\x01"),
		"unknown field 3":           head("\x08\x05\x18\x01"),
		"cut off":                   head("\x08\x05\x10"),
		"% packed":                  head("\x08\x05\x12\x05\x01"),
		"description of 1025 bytes": strings.Repeat("\x00", 16) + "\x01\x04\x00\x00",
		"a description of 9 bytes":  strings.Repeat("\x00", 16) + "\x09\x00\x00\x00",
		"a LoD level of 7":          strings.Repeat("\x00", 4) + "\x01" + strings.Repeat("\x00", 7) + "\x00\x00\x00\x00\x00\x00\x00\x01",
		"LoDTensor version 1":       head("\x08\x05") + "1234\x01\x00\x00\x00",
	} {
		says = strings.TrimPrefix(says, "% packed")
		if _, err := readBytes([]byte(file)); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v; should say %q", file, err, says)
		}
	}
	// Packed dimensions, and a level of LoD, which is passed over.
	lod := "\x00\x00\x00\x00\x01" + strings.Repeat("\x00", 7) + "\x10" + strings.Repeat("\x00", 7) + strings.Repeat("\xaa", 16) +
		"\x00\x00\x00\x00\x06\x00\x00\x00\x08\x05\x12\x02\x01\x01" + "\x00\x00\x80\x3f"
	f, err := readBytes([]byte(lod))
	if err != nil || !cmp.Equal(f.Tensors, []Tensor{{Shape: []int{1, 1}, Data: []float32{1}}}) {
		t.Errorf("%v, %v", f, err)
	}
}

func TestRead_Real(t *testing.T) {
	for name, shape := range map[string][]int{"fc_4.w_0": {256, 57}, "fc_4.b_0": {57}, "gru_2.b_0": {1, 384}, "fc_0.w_0": {128, 384}, "crfw": {59, 57}} {
		f, err := Read(shared.Path(t, "formats/paddle-lodtensor/"+name))
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := f.Match([]Spec{{name, shape}})
		if err != nil {
			t.Error(err)
			continue
		}
		finite(t, got)
	}
	for file, specs := range map[string][]Spec{
		"protocol2_LR_model.pdparams": {{"fc.weight", []int{13, 1}}, {"linear_0.b_0", []int{1}}},
		"protocol2_mnist.pdparams":    {{"fc.weight", []int{784, 1}}, {"fc.bias", []int{1}}},
		"protocol2_mnist_netmodel.pdparams": {
			{"fc1.weight", []int{784, 10}},
			{"fc1.bias", []int{10}},
			{"fc2.weight", []int{10, 10}},
			{"fc2.bias", []int{10}},
			{"fc3.weight", []int{10, 1}},
			{"fc3.bias", []int{1}},
		},
	} {
		f, err := Read(shared.Path(t, "formats/paddle-pdparams/"+file))
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := f.Match(specs)
		if err != nil {
			t.Error(err)
			continue
		}
		finite(t, got)
	}
}

// finite checks that numbers look like weights and not like misread bytes.
func finite(t *testing.T, ts []Tensor) {
	t.Helper()
	for _, x := range ts {
		for _, v := range x.Data {
			if !(math.Abs(float64(v)) < 100) {
				t.Errorf("%s holds %v", x.Name, v)
				break
			}
		}
	}
}
