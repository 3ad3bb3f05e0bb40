package media

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tall"
	"tall/internal/shared"
)

func TestEncodeMP4(t *testing.T) {
	m := tools(t)
	dir := t.TempDir()
	var before []byte
	for i := range 2 {
		out := filepath.Join(dir, "new", "a.mp4")
		e, err := m.EncodeMP4(t.Context(), out, numWidth, 2*bitSide, 12.5, &numbers{n: 30}, EncodeOptions{CRF: 20, KeyFrames: 10})
		if err != nil {
			t.Fatal(err)
		}
		if e.Frames != 30 || e.Codec == "libx264" && e.Note != "" {
			t.Errorf("%+v", e)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 && !bytes.Equal(data, before) {
			t.Error("the same frames give other bytes")
		}
		before = data
		// The index comes before the data.
		if bytes.Index(data, []byte("moov")) > bytes.Index(data, []byte("mdat")) {
			t.Error("the index is at the end")
		}
	}
	info, got := collect(t, m, filepath.Join(dir, "new", "a.mp4"), Sampling{})
	if info.FPSNum != 25 || info.FPSDen != 2 || info.Pixels != "yuv420p" || info.Matrix != "bt709" || info.Frames != 30 {
		t.Errorf("%+v", info)
	}
	if diff := compare(got, expected(Sampling{}, 30, func(i int) float64 { return float64(i) / 12.5 }, 2.4)); diff != "" {
		t.Error(diff)
	}
}

// Colors come back as they were.
func TestEncodeMP4_Colors(t *testing.T) {
	long(t)
	m := tools(t)
	for _, c := range [][3]byte{{200, 30, 40}, {20, 160, 60}, {250, 220, 10}, {128, 128, 128}} {
		out := filepath.Join(t.TempDir(), "a.mp4")
		if _, err := m.EncodeMP4(t.Context(), out, 64, 64, 10, &plain1{c, 3}, EncodeOptions{CRF: 5}); err != nil {
			t.Fatal(err)
		}
		// Limited range has 219 steps, and the encoder loses some.
		if _, f := first(t, m, out, Sampling{Rate: 1}); !near(f.pixel(0.5, 0.5), c, 4) {
			t.Errorf("%v came back as %v", c, f.pixel(0.5, 0.5))
		}
	}
}

// plain1 is a Source of n frames of 64 x 64 in one color.
type plain1 struct {
	c [3]byte
	n int
}

func (s *plain1) Next() (Frame, error) {
	if s.n--; s.n < 0 {
		return (&numbers{}).Next()
	}
	return Frame{Width: 64, Height: 64, Pix: bytes.Repeat(s.c[:], 64*64)}, nil
}

// failing is a Source that fails after some frames.
type failing struct {
	numbers
	err error
}

func (s *failing) Next() (Frame, error) {
	if s.i == 5 {
		return Frame{}, s.err
	}
	return s.numbers.Next()
}

func TestEncodeMP4_Fails(t *testing.T) {
	m := tools(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "a.mp4")
	write(t, out, "old")
	mine := errors.New("my own trouble")
	ctx, cancel := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		ctx           context.Context
		width, height int
		fps           float64
		frames        Source
		o             EncodeOptions
		is            error
		says          string
	}{
		"odd size":   {ctx, 3, 4, 25, &numbers{n: 1}, EncodeOptions{}, tall.ErrShape, "even"},
		"rate":       {ctx, 4, 4, 0, &numbers{n: 1}, EncodeOptions{}, tall.ErrShape, "a second"},
		"other size": {ctx, 64, 64, 25, &numbers{n: 1}, EncodeOptions{}, tall.ErrShape, "frame 0"},
		"none":       {ctx, 64, 64, 25, &numbers{}, EncodeOptions{}, nil, ""},
		"source":     {ctx, numWidth, 2 * bitSide, 25, &failing{numbers{n: 9}, mine}, EncodeOptions{}, mine, "frame 5"},
		"codec":      {ctx, numWidth, 2 * bitSide, 25, &numbers{n: 1 << 16}, EncodeOptions{Codec: "nonsense"}, tall.ErrFormat, "nonsense"},
		"canceled":   {canceled(), numWidth, 2 * bitSide, 25, &numbers{n: 9}, EncodeOptions{}, context.Canceled, ""},
	} {
		_, err := m.EncodeMP4(c.ctx, out, c.width, c.height, c.fps, c.frames, c.o)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), out) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cancel()
	if data, err := os.ReadFile(out); err != nil || string(data) != "old" {
		t.Errorf("what stood there is %q, %v", data, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("left: %v", files)
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// An ffmpeg without libx264 writes MPEG-4, and says so.
func TestEncodeMP4_WithoutX264(t *testing.T) {
	long(t)
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := fake(t, "case \"$*\" in *-encoders*) echo ' V..... mpeg4'; exit;; esac\nexec "+shared.Tool(t, "ffmpeg")+" \"$@\"", "exec "+shared.Tool(t, "ffprobe")+" \"$@\"")
	m, err := Find(Options{FFmpeg: dir})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "a.mp4")
	e, err := m.EncodeMP4(t.Context(), out, numWidth, 2*bitSide, 10, &numbers{n: 5}, EncodeOptions{})
	if err != nil || e.Codec != "mpeg4" || !strings.Contains(e.Note, "libx264") {
		t.Fatalf("%+v, %v", e, err)
	}
	if info, got := collect(t, m, out, Sampling{Rate: 10}); info.Codec != "mpeg4" || len(got) != 5 {
		t.Errorf("%+v, %d frames", info, len(got))
	}
}
