//go:build accel && (amd64 || arm64)

package onnx

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"tall"
	"tall/media"
)

// resident is the memory of this process, bytes.
func resident(tb testing.TB) int {
	tb.Helper()
	runtime.GC()
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Skip(err)
	}
	var all, held int
	if _, err := fmt.Sscan(string(text), &all, &held); err != nil {
		tb.Fatal(err)
	}
	return held * os.Getpagesize()
}

// TestReal_Frees is the first to run, as its file is: larger networks would leave room in
// which leaks go unseen. Sessions, tensors, statuses and names are given back, whether a network
// is closed, dropped, runs or fails.
func TestReal_Frees(t *testing.T) {
	library := real(t)
	good := put(t, small+"fit: stretch\noutput: features\n", testdata(t, "tiny.onnx"))
	bad := put(t, small+"output: class\n", testdata(t, "tiny.onnx"))
	const frames = 400
	cycle := func(times int) {
		for i := range times {
			e, err := Open(good, Options{Library: library, Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Encode(t.Context(), media.Info{Path: "v"}, &pictures{n: frames, width: 12, height: 8, rate: 1}, func(tall.Span, []float32) error { return nil }); err != nil {
				t.Fatal(err)
			}
			// The library says no to an input of another shape.
			if _, _, err := e.session.run(t.Context(), make([]float32, 4), []int64{1, 1, 2, 2}); err == nil {
				t.Fatal("an input of another shape was taken")
			}
			if i%2 == 0 {
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Open(bad, Options{Library: library, Threads: 1}); err == nil {
				t.Fatal("a network without the output was opened")
			}
		}
	}
	cycle(20)
	before := resident(t)
	cycle(100)
	after := resident(t)
	t.Logf("%d KiB, then %d KiB after %d networks and %d frames", before>>10, after>>10, 200, 100*frames)
	// A session takes some 100 KiB, an input of a batch 9 KiB: what is not freed would be 10 MiB at least.
	if after > before+6<<20 {
		t.Errorf("%d KiB more", (after-before)>>10)
	}
}
