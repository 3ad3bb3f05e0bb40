package feature

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// tacosWindows is the number of training windows of TACoS (tall-reference).
const tacosWindows = 161_396

// tacosFolder makes a folder with as many windows as TACoS has for training, in
// 75 videos and its four lengths. TALL_SCALE_DIM sets the values of a window
// (4096 makes it as large as TACoS, 2.6 GB).
func tacosFolder(tb testing.TB) (string, int) {
	tb.Helper()
	if os.Getenv("TALL_LONG") != "1" {
		tb.Skip("TALL_LONG=1 makes 161,396 files")
	}
	dim := 8
	if text := os.Getenv("TALL_SCALE_DIM"); text != "" {
		var err error
		if dim, err = strconv.Atoi(text); err != nil {
			tb.Fatal(err)
		}
	}
	dir := filepath.Join(tb.TempDir(), "feat")
	if err := os.Mkdir(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	data := npy(tb, value("", dim))
	n := 0
	for at := 0; n < tacosWindows; at++ {
		for v := 0; v < 75 && n < tacosWindows; v++ {
			for _, length := range []int{64, 128, 256, 512} {
				if at%(length/64) != 0 || n == tacosWindows {
					continue
				}
				start := 1 + at/(length/64)*(length/5)
				name := FileName("s"+strconv.Itoa(v)+"-d1.avi", start, start+length)
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					tb.Fatal(err)
				}
				n++
			}
		}
	}
	return dir, dim
}

// A warm pack of TACoS's size must be open well within the 10 s that a training
// run may take to its first step, and take little memory beside the mapping.
func TestOpen_TACoSScale(t *testing.T) {
	dir, dim := tacosFolder(t)
	timed := func(o Options) (*Store, time.Duration, int64) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		s := open(t, dir, o)
		took := time.Since(start)
		runtime.GC()
		runtime.ReadMemStats(&after)
		return s, took, int64(after.HeapAlloc) - int64(before.HeapAlloc)
	}
	for _, c := range []struct {
		name string
		pack bool
		most time.Duration
	}{{"files", false, 10 * time.Second}, {"pack, made", true, 10 * time.Minute}, {"pack, warm", true, 10 * time.Second}} {
		s, took, heap := timed(Options{Pack: c.pack})
		t.Logf("%-10s %d windows of %d values: %v, %d MiB of heap kept", c.name, s.Len(), s.Dim(), took.Round(time.Millisecond), heap>>20)
		if s.Len() != tacosWindows || s.Dim() != dim || took > c.most || heap > 100<<20 || (s.Packed() != "") != c.pack {
			t.Errorf("%s: %d windows, dim %d, %v, %d bytes, pack %q", c.name, s.Len(), s.Dim(), took, heap, s.Packed())
		}
	}
}

func BenchmarkOpen_TACoSScale(b *testing.B) {
	dir, _ := tacosFolder(b)
	for b.Loop() {
		s, err := Open(dir, Options{Pack: true})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

func BenchmarkParseName(b *testing.B) {
	for b.Loop() {
		if _, _, _, err := ParseName("s27-d50.avi_1021_1277.npy"); err != nil {
			b.Fatal(err)
		}
	}
}

// Input from a pack, as training reads it: 3 x 4096 values of a window.
func BenchmarkInput(b *testing.B) {
	dir := folderOf(b, 300, 4096)
	for _, pack := range []bool{true, false} {
		s := open(b, dir, Options{Pack: pack})
		dst := make([]float32, 3*4096)
		name := map[bool]string{true: "pack", false: "files"}[pack]
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(dst)))
			for i := 0; b.Loop(); i++ {
				if err := s.Input(i%s.Len(), DefaultContext, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
