package numpy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/internal/shared"
)

// npy builds a file by hand, of any version.
func npy(version byte, dict string, data []byte) []byte {
	b := append([]byte(magic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(dict)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(dict)))
	}
	return append(append(b, dict...), data...)
}

func decode(b []byte) (*Array, error) { return Decode(bytes.NewReader(b), int64(len(b))) }

func TestDecode_Versions(t *testing.T) {
	data := []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40} // 1, 2
	for version := byte(1); version <= 3; version++ {
		for _, dict := range []string{
			"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }          \n",
			`{"shape":(2,),"descr":"<f4","fortran_order":False}`,
			"{'descr': '<f4', 'fortran_order': True, 'shape': (2L, 1L), }\n",
		} {
			a, err := decode(npy(version, dict, data))
			if err != nil {
				t.Fatalf("version %d, %s: %v", version, dict, err)
			}
			if diff := cmp.Diff([]float32{1, 2}, a.Float32()); diff != "" {
				t.Errorf("version %d, %s: %s", version, dict, diff)
			}
		}
	}
}

func TestDecode_Refuses(t *testing.T) {
	good := "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
	replace := func(old, new string) []byte {
		return npy(1, strings.Replace(good, old, new, 1), make([]byte, 8))
	}
	for name, test := range map[string]struct {
		file []byte
		want error
		says string
	}{
		"empty":              {nil, tall.ErrFormat, "the file is empty"},
		"magic":              {[]byte("<html><body>404</body>"), tall.ErrFormat, "<html>"},
		"version":            {npy(9, good, nil), tall.ErrFormat, "version 9.0"},
		"cut in header":      {npy(1, good, nil)[:30], tall.ErrFormat, "truncated"},
		"cut in data":        {npy(1, good, make([]byte, 7)), tall.ErrFormat, "8 bytes of data, found 7"},
		"2^60 elements":      {replace("(2,)", "(1152921504606846976,)"), tall.ErrUnsafe, "(1152921504606846976,)"},
		"overflow":           {replace("(2,)", "(4294967296, 4294967296, 4294967296)"), tall.ErrUnsafe, "4294967296"},
		"overflow by zero":   {replace("(2,)", "(4294967296, 4294967296, 4294967296, 0)"), tall.ErrUnsafe, "4294967296"},
		"dimension overflow": {replace("(2,)", "(99999999999999999999,)"), tall.ErrFormat, "too large"},
		"larger than file":   {replace("(2,)", "(1000000,)"), tall.ErrFormat, "4000000 bytes of data, found 8"},
		"negative":           {replace("(2,)", "(-2,)"), tall.ErrFormat, "number expected"},
		"not a tuple":        {replace("(2,)", "(2)"), tall.ErrFormat, "comma"},
		"65 dimensions":      {npy(1, strings.Replace(good, "(2,)", "("+strings.Repeat("1,", 65)+")", 1), nil), tall.ErrFormat, "too many dimensions"},
		"object":             {replace("<f4", "|O"), tall.ErrFormat, `"|O"`},
		"string":             {replace("<f4", "<U7"), tall.ErrFormat, `"<U7"`},
		"complex":            {replace("<f4", "<c8"), tall.ErrFormat, `"<c8"`},
		"f16":                {replace("<f4", "<f16"), tall.ErrFormat, `"<f16"`},
		"b2":                 {replace("<f4", "<b2"), tall.ErrFormat, `"<b2"`},
		"structured":         {replace("'<f4'", "[('x', '<f4')]"), tall.ErrFormat, "structured"},
		"key twice":          {replace("}", "'descr': '<f4'}"), tall.ErrFormat, "twice"},
		"key absent":         {replace("'fortran_order': False, ", ""), tall.ErrFormat, "absent"},
		"unknown key":        {replace("}", "'x': True}"), tall.ErrFormat, "unknown key"},
		"code for a value":   {replace("False", "__import__('os')"), tall.ErrFormat, "True or False"},
		"after the dict":     {replace("}", "} + 1"), tall.ErrFormat, "after the dict"},
		"header of 4 GB":     {append([]byte(magic), 2, 0, 255, 255, 255, 255), tall.ErrUnsafe, "4294967295"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode(test.file)
			if !errors.Is(err, test.want) || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("got %v; want %v, saying %q", err, test.want, test.says)
			}
			// The path for vectors reads headers itself.
			path := filepath.Join(t.TempDir(), "x.npy")
			if err := os.WriteFile(path, test.file, 0o644); err != nil {
				t.Fatal(err)
			}
			err = ReadVector(path, make([]float32, 2))
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("ReadVector: %v", err)
			}
			if _, err := ReadFileHeader(path); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("ReadFileHeader: %v", err)
			}
		})
	}
}

// TestDecode_UnknownSize: a stream that does not say how long it is must not
// make the reader allocate what the header says.
func TestDecode_UnknownSize(t *testing.T) {
	file := npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000,), }", make([]byte, 3<<20))
	used := allocated(func() {
		if _, err := Decode(bytes.NewReader(file), -1); !errors.Is(err, tall.ErrFormat) {
			t.Error(err)
		}
	})
	if used > 16<<20 { // 1 + 2 + 4 MiB while growing, not 8 GB
		t.Errorf("%d bytes allocated for a stream of 3 MiB", used)
	}
	whole := npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (800000,), }", make([]byte, 3200000))
	a, err := Decode(bytes.NewReader(whole), -1)
	if err != nil || a.Len() != 800000 {
		t.Errorf("%v, %v", a, err)
	}
}

// allocated is the memory that a function asks for, garbage included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestArray_Float32 converts every element type, byte order and memory order,
// against a conversion element by element.
func TestArray_Float32(t *testing.T) {
	types := []string{"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}
	rapid.Check(t, func(t *rapid.T) {
		d, err := parseDType([]byte(rapid.SampledFrom([]string{"<", ">", "|", ""}).Draw(t, "order") + rapid.SampledFrom(types).Draw(t, "type")))
		if err != nil {
			t.Fatal(err)
		}
		shape := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(t, "shape")
		a := &Array{Shape: shape, DType: d, Fortran: rapid.Bool().Draw(t, "fortran")}
		a.Data = rapid.SliceOfN(rapid.Byte(), a.Len()*d.Size, a.Len()*d.Size).Draw(t, "data")
		if err := a.check(); err != nil {
			t.Fatal(err)
		}
		got := a.Float32()
		into := make([]float32, len(got))
		if err := a.CopyFloat32(into); err != nil {
			t.Fatal(err)
		}
		index := make([]int, len(shape))
		for i := range got {
			rest := i
			for k := len(shape) - 1; k >= 0; k-- {
				index[k] = rest % shape[k]
				rest /= shape[k]
			}
			at, step := 0, 1
			for k := range shape {
				j := k
				if !a.Fortran {
					j = len(shape) - 1 - k
				}
				at += index[j] * step
				step *= shape[j]
			}
			want := element(a.Data[at*d.Size:][:d.Size], d)
			same := func(x float32) bool {
				return math.Float32bits(x) == math.Float32bits(want) || (x != x && want != want)
			}
			if !same(got[i]) || !same(into[i]) {
				t.Fatalf("%s, fortran %t, %v: element %v is %v and %v, want %v", d, a.Fortran, shape, index, got[i], into[i], want)
			}
		}
	})
}

// element is the slow twin of convert.
func element(b []byte, d DType) float32 {
	var bits uint64
	for i := range b {
		k := i
		if d.Big {
			k = len(b) - 1 - i
		}
		bits |= uint64(b[k]) << (8 * i)
	}
	switch d.String()[1:] {
	case "f2":
		exponent, mantissa := int(bits>>10&31), float64(bits&1023)
		x := math.Ldexp(1+mantissa/1024, exponent-15)
		switch {
		case exponent == 0:
			x = math.Ldexp(mantissa/1024, -14)
		case exponent == 31 && mantissa == 0:
			x = math.Inf(1)
		case exponent == 31:
			x = math.NaN()
		}
		if bits>>15 != 0 {
			x = math.Copysign(x, -1)
		}
		return float32(x)
	case "f4":
		return math.Float32frombits(uint32(bits))
	case "f8":
		return float32(math.Float64frombits(bits))
	case "i1":
		return float32(int8(bits))
	case "i2":
		return float32(int16(bits))
	case "i4":
		return float32(int32(bits))
	case "i8":
		return float32(int64(bits))
	case "b1":
		if bits == 0 {
			return 0
		}
		return 1
	}
	return float32(bits)
}

func TestCopyFloat32_Length(t *testing.T) {
	a := FromFloat32([]int{2, 2}, make([]float32, 4))
	if err := a.CopyFloat32(make([]float32, 3)); !errors.Is(err, tall.ErrShape) {
		t.Error(err)
	}
}

func TestEncode_RoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(0, 6), 0, 4).Draw(t, "shape")
		want := make([]float32, (&Array{Shape: shape}).Len())
		for i := range want {
			want[i] = rapid.Float32().Draw(t, "x")
		}
		var b bytes.Buffer
		if err := Encode(&b, shape, want); err != nil {
			t.Fatal(err)
		}
		if at := b.Len() - 4*len(want); at%64 != 0 {
			t.Fatalf("data begins at %d, not at a multiple of 64", at)
		}
		a, err := decode(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, a.Float32()); diff != "" || !cmp.Equal(append([]int{}, shape...), a.Shape) {
			t.Fatalf("shape %v: %s", a.Shape, diff)
		}
		path := filepath.Join(dir, "v.npy")
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(want))
		if err := ReadVector(path, got); err != nil || !cmp.Equal(want, got) {
			t.Fatalf("ReadVector: %v, %v", got, err)
		}
	})
}

// TestReadVector_Types: files larger than the pooled buffer, element types that
// convert, and a wrong count.
func TestReadVector_Types(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.npy")
	for _, n := range []int{0, 1, 4096, 5000, 40000} {
		data := make([]byte, 0, 8*n)
		for i := range n {
			data = binary.BigEndian.AppendUint64(data, math.Float64bits(float64(i)))
		}
		file := npy(2, fmt.Sprintf("{'descr': '>f8', 'fortran_order': False, 'shape': (%d, 1), }", n), data)
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, n)
		if err := ReadVector(path, dst); err != nil {
			t.Fatal(err)
		}
		for i, x := range dst {
			if x != float32(i) {
				t.Fatalf("%d elements: element %d is %v", n, i, x)
			}
		}
		if err := ReadVector(path, make([]float32, n+1)); !errors.Is(err, tall.ErrShape) {
			t.Errorf("%d elements into %d: %v", n, n+1, err)
		}
	}
	if err := ReadVector(filepath.Join(t.TempDir(), "none.npy"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := ReadVector(t.TempDir(), nil); err == nil {
		t.Error("a folder was read")
	}
}

func TestReadFile_Real(t *testing.T) {
	dir := shared.Path(t, "features/tall-tacos-s27-d50/infer_feat")
	a, err := ReadFile(filepath.Join(dir, "s27-d50.avi_1001_1129.npy"))
	if err != nil {
		t.Fatal(err)
	}
	x := a.Float32()
	zeros := 0
	for _, v := range x {
		if v == 0 {
			zeros++
		}
		if v < 0 {
			t.Fatalf("%v after a ReLU", v)
		}
	}
	// C3D's fc6 is read after its ReLU: about 73 % zeros.
	if len(x) != 4096 || zeros < 4096/2 {
		t.Errorf("%d numbers, %d zeros", len(x), zeros)
	}
	v := make([]float32, 4096)
	if err := ReadVector(filepath.Join(dir, "s27-d50.avi_1001_1129.npy"), v); err != nil || !cmp.Equal(x, v) {
		t.Error("ReadVector differs", err)
	}

	half, err := ReadFile(shared.Path(t, "features/clip-vitb32-class-text/coco_clip_a+cname.npy"))
	if err != nil {
		t.Fatal(err)
	}
	if half.DType.String() != "<f2" || !cmp.Equal(half.Shape, []int{80, 512}) {
		t.Errorf("%v %v", half.DType, half.Shape)
	}
}

// BenchmarkReadVector reads one window of TACoS's 161,396.
func BenchmarkReadVector(b *testing.B) {
	path := filepath.Join(b.TempDir(), "v.npy")
	if err := WriteFile(path, []int{4096}, make([]float32, 4096)); err != nil {
		b.Fatal(err)
	}
	dst := make([]float32, 4096)
	b.SetBytes(16512)
	b.ReportAllocs()
	for b.Loop() {
		if err := ReadVector(path, dst); err != nil {
			b.Fatal(err)
		}
	}
}
