package weights

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tall"
	"tall/numpy"
)

// within reads untrusted bytes as a given format. The reader must not panic,
// must say by a sentinel what is wrong, and must not ask for more memory than a
// multiple of what it was given.
func within(t *testing.T, file []byte, bound int64, format string) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := decode(bytes.NewReader(file), int64(len(file)))
	runtime.ReadMemStats(&after)
	if used := int64(after.TotalAlloc - before.TotalAlloc); used > bound {
		t.Errorf("%d bytes allocated for %d, bound %d", used, len(file), bound)
	}
	if err != nil {
		if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrUnsafe) {
			t.Errorf("%v wraps no sentinel", err)
		}
		return
	}
	for _, x := range f.Tensors {
		n := 1
		for _, d := range x.Shape {
			n *= d
		}
		if n != len(x.Data) {
			t.Errorf("%d numbers for shape %v", len(x.Data), x.Shape)
		}
	}
	if f.Format != format || format == SaveCombine {
		return
	}
	// What was read can be written, and is then the same.
	if checkTensors(f.Tensors) != nil { // a name may be empty in the formats, not with us
		return
	}
	again, err := encode(f, "."+format)
	if err != nil {
		if strings.Contains(err.Error(), "UTF-8") { // a Python 2 str need not be text
			return
		}
		t.Fatal(err)
	}
	g, err := readBytes(again)
	if err != nil || len(g.Tensors) != len(f.Tensors) {
		t.Errorf("written and not read: %v", err)
	}
}

func seed(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func FuzzSafetensors(f *testing.F) {
	f.Add(safe(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"__metadata__":{"k":"v"}}`, 4))
	f.Add(safe(`{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}`, 0))
	seed(f, "testdata/recorded.safetensors")
	f.Fuzz(func(t *testing.T, file []byte) {
		// The header's lines become structs of about a hundred bytes each.
		within(t, file, 100*int64(len(file))+1<<20, Safetensors)
	})
}

func FuzzSaveCombine(f *testing.F) {
	seed(f, "testdata/paddle/*save_params")
	seed(f, "testdata/paddle/*sim_mat_weights")
	f.Add([]byte(strings.Repeat("\x00", 16) + "\x07\x00\x00\x00\x08\x04\x12\x03\x80\x80\x01"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if isPickle(file) || isSafetensors(file, int64(len(file))) {
			return
		}
		// An empty tensor of 20 bytes becomes a struct of about a hundred.
		within(t, file, 50*int64(len(file))+1<<20, SaveCombine)
	})
}

func FuzzPdparams(f *testing.F) {
	// Small seeds: the fuzzer spends its time on shortening large ones. The
	// opcodes of all protocols are the business of package numpy's fuzzing.
	a := numpy.FromFloat32([]int{2}, []float32{1, 2})
	f.Add(pickled(f, numpy.NewDict("w", a)))
	f.Add(pickled(f, numpy.NewDict("w@@.0", a, "w@@.1", a, bigParams,
		numpy.NewDict("w", numpy.NewDict("OriginShape", numpy.Tuple{4}, "slices", numpy.List{"w@@.0", "w@@.1"})))))
	f.Add(pickled(f, numpy.NewDict("w", numpy.Tuple{"p", a}, nameTable, numpy.NewDict("w", "p"))))
	f.Fuzz(func(t *testing.T, file []byte) {
		// The pickle reader's own account, which its tests hold it to.
		within(t, file, 256<<20+200*int64(len(file)), Pdparams)
	})
}
