package media

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// Three hours take no more memory than one minute: below 300 MB, here and in ffmpeg.
func TestFrames_ThreeHours(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("set TALL_LONG=1: makes and reads a video of three hours")
	}
	m := tools(t)
	path := filepath.Join(t.TempDir(), "long.mp4")
	ffmpeg(t, nil, "-f", "lavfi", "-i", "testsrc2=s=320x180:r=5:d=10800", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path)
	info, err := m.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Frames(t.Context(), info, Sampling{Rate: 1, Fit: FitShort, Width: 224})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n, theirs, ours := 0, 0, uint64(0)
	for ; ; n++ {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n%1000 == 999 {
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			ours = max(ours, s.Sys)
			for _, child := range children() {
				theirs = max(theirs, peakKB(child))
			}
		}
	}
	t.Logf("%d frames; this process %d MB, ffmpeg %d MB at most", n, ours>>20, theirs>>10)
	if n != 10800 {
		t.Errorf("%d frames", n)
	}
	if ours > 300<<20 || theirs > 300<<10 || theirs == 0 {
		t.Errorf("this process took %d MB, ffmpeg %d MB", ours>>20, theirs>>10)
	}
}

// peakKB is the most memory that a process, as children lists it, has had resident.
func peakKB(child string) int {
	data, err := os.ReadFile(filepath.Join(filepath.Dir(strings.Fields(child)[0]), "status"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	if fields := strings.Fields(rest); len(fields) > 0 {
		kb, _ := strconv.Atoi(fields[0])
		return kb
	}
	return 0
}
