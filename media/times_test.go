package media

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"testing"
)

// shown is a delivered frame: which picture of the file, and its time.
type shown struct {
	picture int
	at      float64
}

// collect probes a video and reads all frames of a sampling; warnings are errors.
func collect(tb testing.TB, m *Tools, path string, s Sampling) (Info, []shown) {
	tb.Helper()
	info, err := m.Probe(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := m.Frames(tb.Context(), info, s)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	var out []shown
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, shown{numberOf(f), f.Time})
	}
	if w := r.Warning(); w != "" {
		tb.Errorf("%+v: warning %s", s, w)
	}
	return info, out
}

// expected is what a player shows of n pictures that begin at the times at(i): the oracle
// for every container.
func expected(s Sampling, n int, at func(int) float64, end float64) (out []shown) {
	if s.Rate == 0 {
		for i := range n {
			if at(i) >= s.From-slack && (s.To == 0 || at(i) < s.To-slack) {
				out = append(out, shown{i, at(i)})
			}
		}
		return out
	}
	for k := 0; s.From+float64(k)/s.Rate < end-slack; k++ {
		tick, picture := s.From+float64(k)/s.Rate, 0
		for i := range n {
			if at(i) <= tick+slack {
				picture = i
			}
		}
		out = append(out, shown{picture, tick})
	}
	return out
}

func compare(got, want []shown) string {
	for i := range min(len(got), len(want)) {
		// Containers round to a millisecond at worst.
		if got[i].picture != want[i].picture || math.Abs(got[i].at-want[i].at) > 0.00101 {
			return fmt.Sprintf("frame %d shows %+v, want %+v", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d frames, want %d", len(got), len(want))
	}
	return ""
}

// Each container has times of its own kind: exact, in milliseconds, those of decoding only,
// beginning anywhere. Whatever they are, frame k shows what a player shows at From + k/Rate.
func TestFrames_TrueTimes(t *testing.T) {
	m := tools(t)
	steady := func(fps float64) func(int) float64 { return func(i int) float64 { return float64(i) / fps } }
	stepwise := func(i int) float64 { return float64(i+2*(i/3)+i/7*5) / 10 }
	vfr := uneven(t, m, "100*(N+2*floor(N/3)+5*floor(N/7))")
	h264 := func(more ...string) []string {
		return append([]string{"-c:v", "libx264", "-g", "12", "-pix_fmt", "yuv420p"}, more...)
	}
	quick := []Sampling{{}, {Rate: 10. / 3, From: 2.35, To: 4.25}}
	all := append(slices.Clone(quick), Sampling{Rate: 10}, Sampling{Rate: 3}, Sampling{From: 2.35, To: 4.25}, Sampling{Rate: 1, From: 5.95})
	for _, c := range []struct {
		name  string
		quick bool
		fps   float64
		at    func(int) float64
		args  []string
	}{
		{"variable.mp4", true, 10, stepwise, h264(vfr...)},
		{"late.ts", false, 10, steady(10), h264("-output_ts_offset", "5")},
		{"order.avi", false, 10, steady(10), h264()},
		{"a.mp4", false, 29.97, steady(29.97), h264()},
		{"variable.mkv", false, 10, stepwise, h264(vfr...)},
		{"a.mkv", false, 30, steady(30), h264()},
		{"late.mkv", false, 10, steady(10), h264("-output_ts_offset", "5")},
		{"late.mp4", false, 10, steady(10), h264("-output_ts_offset", "5")},
		{"a.webm", false, 10, steady(10), []string{"-c:v", "libvpx-vp9", "-g", "12", "-deadline", "realtime"}},
		{"a.avi", false, 10, steady(10), []string{"-c:v", "mpeg4", "-g", "12"}},
		{"order4.avi", false, 10, steady(10), []string{"-c:v", "mpeg4", "-bf", "2", "-g", "12"}},
		{"a.mpg", false, 25, steady(25), []string{"-c:v", "mpeg2video", "-g", "12", "-q:v", "2"}},
		{"a.flv", false, 10, steady(10), h264()},
		{"a.ogv", false, 10, steady(10), []string{"-c:v", "libtheora", "-q:v", "9", "-g", "12"}},
		{"a.gif", false, 10, steady(10), nil},
		{"a.apng", false, 10, steady(10), []string{"-plays", "0"}},
		{"a.wmv", false, 10, steady(10), []string{"-c:v", "wmv2", "-g", "12"}},
		{"a.mxf", false, 25, steady(25), []string{"-c:v", "mpeg2video", "-q:v", "2"}},
		{"jpeg.mov", false, 10, steady(10), []string{"-c:v", "mjpeg"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			samplings := all
			if os.Getenv("TALL_LONG") != "1" {
				if samplings = quick; !c.quick {
					t.Skip("set TALL_LONG=1 for every container")
				}
			}
			const n = 60
			path := made(t, c.name, n, c.fps, c.args...)
			end := c.at(n-1) + 1/c.fps
			for _, s := range samplings {
				if s.From >= end {
					continue
				}
				if s.To > 0 && s.To > end {
					s.From, s.To = 1.02, 1.82
				}
				info, got := collect(t, m, path, s)
				// A container's length may be a picture off; MPEG's is a guess.
				if c.name != "a.mpg" && math.Abs(info.Duration-end) > 1/c.fps+0.001 {
					t.Errorf("it lasts %g s, want %g", info.Duration, end)
				}
				to := end
				if s.To > 0 {
					to = s.To
				}
				if diff := compare(got, expected(s, n, c.at, to)); diff != "" {
					t.Errorf("%+v: %s", s, diff)
				}
			}
		})
	}
}
