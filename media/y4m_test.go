package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tall"
	"tall/internal/shared"
)

// nopCloser makes bytes an open file.
type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// Against ffmpeg's conversion of the same planes, in every way that they may lie.
func TestY4M_AgreesWithFFmpeg(t *testing.T) {
	shared.Tool(t, "ffmpeg")
	m := tools(t)
	dir := t.TempDir()
	for _, pixels := range []string{"yuv420p", "yuv422p", "yuv444p", "yuv411p", "gray", "yuvj420p"} {
		if pixels != "yuv420p" && os.Getenv("TALL_LONG") != "1" {
			continue
		}
		path, mkv := filepath.Join(dir, pixels+".y4m"), filepath.Join(dir, pixels+".mkv")
		ffmpeg(t, nil, "-f", "lavfi", "-i", "testsrc=s=72x50:r=10:d=0.5", "-vf", "boxblur=6", "-pix_fmt", pixels, "-strict", "-1", path)
		ffmpeg(t, nil, "-i", path, "-c:v", "ffv1", mkv)
		for _, s := range []Sampling{{Rate: 10}, {Rate: 10, Fit: FitShort, Width: 25}} {
			info, own := first(t, m, path, s)
			if info.Format != "y4m" || info.Frames != 5 || info.FPSNum != 10 || info.Duration != 0.5 {
				t.Errorf("%s: %+v", pixels, info)
			}
			_, theirs := first(t, m, mkv, s)
			if own.Width != theirs.Width || own.Height != theirs.Height {
				t.Fatalf("%s: %d x %d, ffmpeg %d x %d", pixels, own.Width, own.Height, theirs.Width, theirs.Height)
			}
			sum := 0
			for i := range own.Pix {
				d := int(own.Pix[i]) - int(theirs.Pix[i])
				sum += max(d, -d)
			}
			// The picture is soft, so that taking colors from the nearest sample (ours)
			// and between samples (ffmpeg's) differ by little; full-range files are
			// told by a word of ffmpeg's own.
			if mean := float64(sum) / float64(len(own.Pix)); mean > 3 {
				t.Errorf("%s, %+v: the mean difference is %.2f of 255", pixels, s, mean)
			}
		}
	}
}

// Known values: BT.601's black, white and primary colors.
func TestY4M_Colors(t *testing.T) {
	for yuv, want := range map[[3]byte][3]byte{
		{16, 128, 128}:  {0, 0, 0},
		{235, 128, 128}: {255, 255, 255},
		{81, 90, 240}:   {254, 0, 0},
		{145, 54, 34}:   {0, 255, 1},
		{41, 240, 110}:  {0, 0, 255},
	} {
		h, err := parseHeadY4M("YUV4MPEG2 W1 H1 F25:1 C444")
		if err != nil {
			t.Fatal(err)
		}
		var got [3]byte
		h.rgb(yuv[:], got[:])
		if !near(got, want, 1) {
			t.Errorf("%v is %v, want %v", yuv, got, want)
		}
	}
}

// y4m writes n pictures of one gray each: 10, 20, 30 ...
func y4m(n int, head string) string {
	var b strings.Builder
	b.WriteString("YUV4MPEG2 W4 H2 " + head + "\n")
	for i := range n {
		fmt.Fprintf(&b, "FRAME%s\n%s", strings.Repeat(" Ip", i%2), strings.Repeat(string([]byte{byte(16 + 10*i)}), 8)+"\x80\x80\x80\x80")
	}
	return b.String()
}

func TestY4M_Sampling(t *testing.T) {
	m, err := Find(Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, filepath.Join(t.TempDir(), "a"), y4m(10, "F5:1 A2:1")+"FRAME\nhalf")
	t.Setenv("PATH", "") // none of this needs ffmpeg
	info, err := m.Probe(t.Context(), path)
	if err != nil || info.Width != 8 || info.Height != 2 || info.Frames != 10 || info.Duration != 2 {
		t.Fatalf("%+v, %v", info, err)
	}
	gray := func(i int) [3]byte {
		v := byte((i*10*255 + 109) / 219)
		return [3]byte{v, v, v}
	}
	steady := func(i int) float64 { return float64(i) / 5 }
	for _, s := range []Sampling{{}, {Rate: 5}, {Rate: 2}, {Rate: 13}, {From: 0.5, To: 1.3}, {Rate: 3, From: 0.5, To: 1.3}, {Rate: 5, Fit: FitStretch, Width: 3, Height: 3}} {
		r, err := m.Frames(t.Context(), info, s)
		if err != nil {
			t.Fatal(err)
		}
		want := expected(s, 10, steady, s.end(info))
		n := 0
		for ; ; n++ {
			f, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if n < len(want) && (!near(f.pixel(0.5, 0.5), gray(want[n].picture), 1) || f.Time != want[n].at) {
				t.Errorf("%+v: frame %d at %g is %v, want %+v", s, n, f.Time, f.pixel(0.5, 0.5), want[n])
			}
		}
		if n != len(want) {
			t.Errorf("%+v: %d frames, want %d", s, n, len(want))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestY4M_Refuses(t *testing.T) {
	m, err := Find(Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for says, text := range map[string]string{
		"lacks the size":         "YUV4MPEG2 W4\n",
		"\"420p10\"":             "YUV4MPEG2 W4 H2 C420p10\n",
		"\"W-4\"":                "YUV4MPEG2 W-4 H2\n",
		"\"F0:0\"":               "YUV4MPEG2 W4 H2 F0:0\n",
		"larger than 8192":       "YUV4MPEG2 W60000 H60000\n",
		"\"W99999999999999999\"": "YUV4MPEG2 W99999999999999999 H2\n",
		"does not end":           "YUV4MPEG2 W4 H2",
		"longer than":            "YUV4MPEG2 W4 H2 X" + strings.Repeat("x", 1<<17) + "\n",
		"no whole picture":       "YUV4MPEG2 W4 H2 F25:1\nFRAME\nabc",
		"begin with FRAME":       y4m(2, "F5:1") + "GARBAGE\n",
	} {
		path := write(t, filepath.Join(dir, "a.y4m"), text)
		if _, err := m.Probe(t.Context(), path); !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrUnsafe) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", says, err)
		}
	}
	// A file that changes between the two calls.
	path := write(t, filepath.Join(dir, "a.y4m"), y4m(5, "F5:1"))
	info, err := m.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, y4m(5, "F5:1")[:70])
	r, err := m.Frames(t.Context(), info, Sampling{Rate: 5})
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "cut off") {
		t.Error(err)
	}
	r.Close()
}

func FuzzY4M(f *testing.F) {
	for _, head := range []string{"F5:1", "F30000:1001 Ip A1:1 C420jpeg", "C444 XCOLORRANGE=FULL", "Cmono", "C422", "C411 It"} {
		f.Add([]byte(y4m(3, head)))
	}
	f.Add([]byte("YUV4MPEG2 W8191 H8191\nFRAME\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		y, err := openY4M("fuzz", nopCloser{bytes.NewReader(data)})
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrUnsafe) {
				t.Errorf("%v", err)
			}
			return
		}
		n, err := y.count(int64(len(data)))
		if err != nil && !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%v", err)
		}
		if y.head.frameSize() > 1<<20 {
			return // a picture's memory is bounded by maxPixels; not each time here
		}
		if y, err = openY4M("fuzz", nopCloser{bytes.NewReader(data)}); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			pix, err := y.picture(i, nil)
			if err != nil || len(pix) != y.head.width*y.head.height*3 {
				t.Fatalf("picture %d of %d: %d bytes, %v", i, n, len(pix), err)
			}
		}
		if _, err := y.picture(n, nil); err == nil {
			t.Errorf("there is a picture more than the %d that were counted", n)
		}
	})
}
