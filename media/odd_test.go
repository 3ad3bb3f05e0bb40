package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// first reads the first frame of a video.
func first(tb testing.TB, m *Tools, path string, s Sampling) (Info, Frame) {
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
	f, err := r.Next()
	if err != nil {
		tb.Fatal(err)
	}
	f.Pix = append([]byte(nil), f.Pix...)
	return info, f
}

// pixel is the color at a share of the frame's width and height.
func (f Frame) pixel(x, y float64) [3]byte {
	return [3]byte(f.Pix[(int(y*float64(f.Height))*f.Width+int(x*float64(f.Width)))*3:])
}

func near(a, b [3]byte, tolerance int) bool {
	for i := range a {
		if d := int(a[i]) - int(b[i]); d < -tolerance || d > tolerance {
			return false
		}
	}
	return true
}

// A picture that lies on its side in the file, with pixels twice as high as wide, comes
// upright and square, through every way of fitting.
func TestFrames_UprightAndSquare(t *testing.T) {
	m := tools(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "turned.mp4")
	// Red is left and blue is right in the file.
	ffmpeg(t, nil, "-f", "lavfi", "-i", "color=red:s=40x60:r=10:d=0.3[r];color=blue:s=40x60:r=10:d=0.3[b];[r][b]hstack,setsar=1/2", "-c:v", "libx264", "-pix_fmt", "yuv420p", filepath.Join(dir, "flat.mp4"))
	data, err := os.ReadFile(filepath.Join(dir, "flat.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	// The matrix of the track header (ISO 14496-12, 8.3.2) as telephones write it that are
	// held upright: x' = -y, y' = x, a quarter turn clockwise.
	at := bytes.Index(data, []byte("tkhd")) + 4 + 40
	for i, v := range []uint32{0, 1 << 16, 0, 0xffff0000, 0, 0, 60 << 16, 0, 1 << 30} {
		binary.BigEndian.PutUint32(data[at+4*i:], v)
	}
	write(t, path, string(data))
	info, f := first(t, m, path, Sampling{})
	// 80 x 60 of half-wide pixels is 40 x 60; turned, 60 x 40.
	if info.Width != 60 || info.Height != 40 || f.Width != 60 || f.Height != 40 {
		t.Fatalf("%d x %d, frames %d x %d", info.Width, info.Height, f.Width, f.Height)
	}
	red, blue := [3]byte{254, 0, 0}, [3]byte{0, 0, 254}
	// Turned clockwise, the left side is on top.
	if top, bottom := f.pixel(0.5, 0.2), f.pixel(0.5, 0.8); !near(top, red, 6) || !near(bottom, blue, 6) {
		t.Errorf("top %v, bottom %v", top, bottom)
	}
	for _, c := range []struct {
		s    Sampling
		w, h int
	}{
		{Sampling{Rate: 5, Fit: FitShort, Width: 20}, 30, 20},
		{Sampling{Rate: 5, Fit: FitStretch, Width: 7, Height: 9}, 7, 9},
		{Sampling{Rate: 5, Fit: FitInside, Width: 30, Height: 30}, 30, 20},
		{Sampling{Rate: 5, Fit: FitInside, Width: 300, Height: 300}, 60, 40},
	} {
		if _, f := first(t, m, path, c.s); f.Width != c.w || f.Height != c.h {
			t.Errorf("%+v: %d x %d", c.s, f.Width, f.Height)
		}
	}
}

func TestSampling_Size(t *testing.T) {
	for _, c := range []struct {
		s          Sampling
		w, h       int
		outW, outH int
	}{
		{Sampling{}, 1920, 1080, 1920, 1080},
		{Sampling{Fit: FitShort, Width: 224}, 480, 270, 398, 224}, // 398.2
		{Sampling{Fit: FitShort, Width: 224}, 270, 480, 224, 398},
		{Sampling{Fit: FitShort, Width: 224}, 100, 100, 224, 224},
		{Sampling{Fit: FitShort, Width: 1}, 10000, 1, 10000, 1},
		{Sampling{Fit: FitInside, Width: 100, Height: 100}, 480, 270, 100, 56},
		{Sampling{Fit: FitInside, Width: 100, Height: 10}, 480, 270, 18, 10},
		{Sampling{Fit: FitInside, Width: 100, Height: 100}, 10000, 1, 100, 1},
		{Sampling{Fit: FitStretch, Width: 3, Height: 4}, 480, 270, 3, 4},
	} {
		if w, h := c.s.size(c.w, c.h); w != c.outW || h != c.outH {
			t.Errorf("%+v of %d x %d: %d x %d", c.s, c.w, c.h, w, h)
		}
	}
	nan, inf := math.NaN(), math.Inf(1)
	for _, s := range []Sampling{
		{Rate: -1},
		{Rate: nan},
		{Rate: inf},
		{Rate: 1e-9},
		{Rate: 1e6},
		{From: -1},
		{From: 3, To: 2},
		{To: nan},
		{From: inf},
		{Fit: "big"},
		{Fit: FitShort},
		{Fit: FitInside, Width: 3},
		{Fit: FitStretch, Width: -1, Height: 2},
		{Fit: FitStretch, Width: 1 << 20, Height: 2},
	} {
		if s.check() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

// Files that are strange, but right.
func TestFrames_OddFiles(t *testing.T) {
	m := tools(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	run := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			if name != "sound first" && name != "size changes" {
				long(t)
			}
			test(t)
		})
	}

	run("one frame", func(t *testing.T) {
		for _, s := range []Sampling{{}, {Rate: 1}, {Rate: 30}} {
			info, got := collect(t, m, made(t, "one.mp4", 1, 10, "-c:v", "libx264"), s)
			if want := map[float64]int{0: 1, 1: 1, 30: 3}[s.Rate]; len(got) != want || got[0].at != 0 || info.Frames != 1 {
				t.Errorf("%+v: %+v of %+v", s, got, info)
			}
		}
	})
	run("16 audio tracks", func(t *testing.T) {
		args := []string{"-f", "lavfi", "-i", "color=green:s=64x48:r=10:d=1", "-f", "lavfi", "-i", "sine=d=1"}
		for range 16 {
			args = append(args, "-map", "1")
		}
		ffmpeg(t, nil, append(args, "-map", "0", "-c:v", "libx264", "-c:a", "aac", path("tracks.mp4"))...)
		info, f := first(t, m, path("tracks.mp4"), Sampling{Rate: 2})
		if info.Audio != 16 || info.Stream != 16 || !near(f.pixel(0.5, 0.5), [3]byte{0, 128, 0}, 4) {
			t.Errorf("%+v, %v", info, f.pixel(0.5, 0.5))
		}
	})
	run("several videos", func(t *testing.T) {
		// The larger one is a player's choice, also where a cover picture is larger still.
		ffmpeg(t, nil, "-f", "lavfi", "-i", "color=blue:s=300x300", "-frames:v", "1", path("cover.jpg"))
		ffmpeg(t, nil, "-f", "lavfi", "-i", "color=red:s=32x32:r=10:d=1", "-f", "lavfi", "-i", "color=green:s=64x64:r=10:d=1", "-i", path("cover.jpg"), "-map", "0", "-map", "1", "-map", "2",
			"-c:v:0", "libx264", "-c:v:1", "libx264", "-c:v:2", "copy", "-disposition:v:0", "default", "-disposition:v:1", "default", "-disposition:v:2", "attached_pic", path("several.mp4"))
		info, f := first(t, m, path("several.mp4"), Sampling{Rate: 2})
		if info.Width != 64 || !near(f.pixel(0.5, 0.5), [3]byte{0, 128, 0}, 4) {
			t.Errorf("%+v, %v", info, f.pixel(0.5, 0.5))
		}
	})
	run("sound first", func(t *testing.T) {
		for _, name := range []string{"delay.ts", "delay.mp4", "delay.mkv"} {
			if name != "delay.ts" && os.Getenv("TALL_LONG") != "1" {
				break
			}
			video := made(t, "v.mp4", 20, 10, "-c:v", "libx264")
			ffmpeg(t, nil, "-f", "lavfi", "-i", "sine=d=3", "-itsoffset", "0.8", "-i", video, "-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "aac", path(name))
			info, got := collect(t, m, path(name), Sampling{Rate: 5})
			// Sound packets last 21 ms: the container's beginning is that much unsure.
			if math.Abs(info.Delay-0.8) > 0.025 {
				t.Errorf("%s: the pictures begin at %g s", name, info.Delay)
			}
			_, every := collect(t, m, path(name), Sampling{})
			if len(every) != 20 || math.Abs(every[0].at-info.Delay) > 0.0011 {
				t.Errorf("%s: %d pictures from %g on", name, len(every), every[0].at)
			}
			for k, f := range got {
				want := max(0, int(math.Floor((f.at-info.Delay)*10+0.01)))
				if f.picture != min(want, 19) {
					t.Errorf("%s: frame %d at %g shows %d, want %d", name, k, f.at, f.picture, want)
				}
			}
		}
	})
	run("size changes", func(t *testing.T) {
		var all []byte
		for i, size := range []string{"128x32", "256x64", "64x16"} {
			part := made(t, fmt.Sprint(i, ".ts"), 10, 10, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-vf", "scale="+size+":flags=neighbor", "-output_ts_offset", fmt.Sprint(i+1))
			data, err := os.ReadFile(part)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, data...)
		}
		write(t, path("sizes.ts"), string(all))
		info, err := m.Probe(t.Context(), path("sizes.ts"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Frames(t.Context(), info, Sampling{Rate: 5})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		n := 0
		for ; ; n++ {
			f, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.Width != info.Width || numberOf(f) != n*2%10 {
				t.Errorf("frame %d: %d wide, picture %d", n, f.Width, numberOf(f))
			}
		}
		if n != 15 {
			t.Errorf("%d frames", n)
		}
	})
	run("8K", func(t *testing.T) {
		ffmpeg(t, nil, "-f", "lavfi", "-i", "color=orange:s=7680x4320:r=10", "-frames:v", "2", "-c:v", "mjpeg", "-q:v", "20", path("8k.mov"))
		info, f := first(t, m, path("8k.mov"), Sampling{Rate: 1, Fit: FitShort, Width: 224})
		if info.Width != 7680 || f.Width != 398 || f.Height != 224 || !near(f.pixel(0.5, 0.5), [3]byte{255, 165, 0}, 6) {
			t.Errorf("%+v, %d x %d, %v", info, f.Width, f.Height, f.pixel(0.5, 0.5))
		}
	})
	run("10-bit HDR", func(t *testing.T) {
		// PQ's code for 203 cd/m2, an HDR video's white, is 0.58 of the range (BT.2408):
		// 64 + 0.58 * 876 of 10 bits. Beside it black, and a strong red.
		for _, bars := range []struct {
			y, u, v int
			low, hi [3]byte
		}{
			{573, 512, 512, [3]byte{185, 185, 185}, [3]byte{250, 250, 250}},
			{64, 512, 512, [3]byte{0, 0, 0}, [3]byte{3, 3, 3}},
			{300, 460, 720, [3]byte{120, 0, 0}, [3]byte{255, 60, 60}},
		} {
			ffmpeg(t, nil, "-f", "lavfi", "-i", "color=black:s=64x64:r=10:d=0.3,format=yuv420p10le,geq="+fmt.Sprintf("lum=%d:cb=%d:cr=%d", bars.y, bars.u, bars.v),
				"-c:v", "libx265", "-x265-params", "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc", "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", path("hdr.mp4"))
			info, f := first(t, m, path("hdr.mp4"), Sampling{Rate: 1, Fit: FitShort, Width: 32})
			if info.Pixels != "yuv420p10le" || info.Transfer != "smpte2084" || info.Matrix != "bt2020nc" || f.Width != 32 {
				t.Errorf("%+v", info)
			}
			p := f.pixel(0.5, 0.5)
			for i := range p {
				if m.tonemaps() && (p[i] < bars.low[i] || p[i] > bars.hi[i]) {
					t.Errorf("%d, %d, %d is %v, want %v to %v", bars.y, bars.u, bars.v, p, bars.low, bars.hi)
					break
				}
			}
		}
	})
	run("no length", func(t *testing.T) {
		// As a browser's recorder writes: a stream, without length and index.
		video := made(t, "v.mkv", 20, 10, "-c:v", "libx264")
		ffmpeg(t, nil, "-i", video, "-c", "copy", "-f", "matroska", "-live", "1", path("live.mkv"))
		info, got := collect(t, m, path("live.mkv"), Sampling{Rate: 5})
		if math.Abs(info.Duration-2) > 0.01 || info.Frames != 20 || len(got) != 10 {
			t.Errorf("%+v, %d frames", info, len(got))
		}
	})
	run("a last picture that stays", func(t *testing.T) {
		video := made(t, "slides.mkv", 4, 10, append(uneven(t, m, "if(eq(N,3),2000,N*100)"), "-c:v", "libx264")...)
		ffmpeg(t, nil, "-i", video, "-f", "lavfi", "-i", "sine=d=9", "-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "aac", path("slides.mp4"))
		info, err := m.Probe(t.Context(), path("slides.mp4"))
		if err != nil {
			t.Fatal(err)
		}
		info.Duration = 9 // to the end of the sound
		for _, s := range []Sampling{{Rate: 1}, {Rate: 1, From: 5.5}} {
			r, err := m.Frames(t.Context(), info, s)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for ; ; n++ {
				f, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				want := 2 // of 0, 0.1, 0.2 and 2 s
				if f.Time == 0 {
					want = 0
				} else if f.Time >= 2 {
					want = 3
				}
				if numberOf(f) != want {
					t.Errorf("%+v: at %g picture %d, want %d", s, f.Time, numberOf(f), want)
				}
			}
			if want := s.count(9); n != want {
				t.Errorf("%+v: %d frames, want %d", s, n, want)
			}
			if w := r.Warning(); w != "" {
				t.Error(w)
			}
			r.Close()
		}
	})
}
