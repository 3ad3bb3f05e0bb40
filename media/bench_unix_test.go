//go:build unix

package media

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tall/internal/shared"
)

// BenchmarkFrames reads 60 s of 720p H.264 at 1 and 2 frames a second, and lets bare
// ffmpeg do the same with the same filters, one after the other in each round. It reports
// the ratio of the two times, that of the processors' time, which other work on the machine
// spoils less, and how many seconds of video a second takes.
func BenchmarkFrames(b *testing.B) {
	m := tools(b)
	path := filepath.Join(b.TempDir(), "720p.mp4")
	ffmpeg(b, nil, "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25:d=60", "-vf", "noise=alls=3:allf=t", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", path)
	info, err := m.Probe(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	for _, rate := range []float64{1, 2} {
		b.Run(fmt.Sprintf("%g-a-second", rate), func(b *testing.B) {
			s := Sampling{Rate: rate, Fit: FitShort, Width: 224}
			var ours, bare, oursBusy, bareBusy time.Duration
			for b.Loop() {
				begin, busyBegin := time.Now(), busy(b)
				r, err := m.Frames(b.Context(), info, s)
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for ; err == nil; n++ {
					_, err = r.Next()
				}
				if !errors.Is(err, io.EOF) || n != int(60*rate)+1 {
					b.Fatal(n, err)
				}
				r.Close()
				ours, oursBusy = ours+time.Since(begin), oursBusy+busy(b)-busyBegin

				begin, busyBegin = time.Now(), busy(b)
				p := m.plan(info, s, abilities{version: version{major: 5, minor: 1}}, 0)
				cmd := exec.CommandContext(b.Context(), shared.Tool(b, "ffmpeg"), "-nostdin", "-v", "error", "-i", path, "-vf", p.chain, "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
				out, err := cmd.StdoutPipe()
				if err != nil {
					b.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, out); err != nil {
					b.Fatal(err)
				}
				if err := cmd.Wait(); err != nil {
					b.Fatal(err)
				}
				bare, bareBusy = bare+time.Since(begin), bareBusy+busy(b)-busyBegin
			}
			b.ReportMetric(float64(ours)/float64(bare), "x-bare-ffmpeg")
			b.ReportMetric(float64(oursBusy)/float64(bareBusy), "x-bare-processor")
			b.ReportMetric(60*float64(b.N)/ours.Seconds(), "x-real-time")
		})
	}
}

// busy is the processors' time of this process and of all children that have ended.
func busy(tb testing.TB) (sum time.Duration) {
	tb.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			tb.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}
