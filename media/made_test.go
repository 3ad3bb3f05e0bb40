package media

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"tall/internal/shared"
)

// Test videos carry their frames' numbers in the picture: eight squares of 16 pixels, each
// black or white, the lowest bit first, and below them the same inverted. They survive any
// codec, scaling and rotation, and tell which picture was delivered.

const (
	bitSide  = 16
	bits     = 8
	numWidth = bits * bitSide
)

func numbered(i int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, numWidth, 2*bitSide))
	for b := range bits {
		on, off := color.Gray{235}, color.Gray{20}
		if i>>b&1 == 0 {
			on, off = off, on
		}
		r := image.Rect(b*bitSide, 0, (b+1)*bitSide, bitSide)
		draw.Draw(m, r, image.NewUniform(on), image.Point{}, draw.Src)
		draw.Draw(m, r.Add(image.Pt(0, bitSide)), image.NewUniform(off), image.Point{}, draw.Src)
	}
	return m
}

// numberOf reads a frame's number, or returns -1 where it is none.
func numberOf(f Frame) int {
	n := 0
	for b := range bits {
		x := (2*b + 1) * f.Width / (2 * bits)
		up := f.Pix[(f.Height/4*f.Width+x)*3]
		down := f.Pix[(f.Height*3/4*f.Width+x)*3]
		if up > down {
			n |= 1 << b
		}
		if max(up, down)-min(up, down) < 100 {
			return -1
		}
	}
	return n
}

// numbers is a Source of n numbered frames.
type numbers struct{ i, n int }

func (s *numbers) Next() (Frame, error) {
	if s.i == s.n {
		return Frame{}, io.EOF
	}
	m := numbered(s.i)
	f := Frame{Index: s.i, Width: numWidth, Height: 2 * bitSide, Pix: make([]byte, numWidth*2*bitSide*3)}
	pack(f.Pix, m)
	s.i++
	return f, nil
}

// long skips a test that starts so many processes that it takes more than a second or two.
func long(tb testing.TB) {
	tb.Helper()
	if os.Getenv("TALL_LONG") != "1" {
		tb.Skip("set TALL_LONG=1: starts many processes")
	}
}

// ffmpeg runs ffmpeg for a test, with what stands on stdin.
func ffmpeg(tb testing.TB, stdin []byte, args ...string) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), shared.Tool(tb, "ffmpeg"), append([]string{"-hide_banner", "-v", "error", "-y"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("ffmpeg %q: %v: %s", args, err, out)
	}
}

// uneven are ffmpeg arguments that give picture N the time of an expression, milliseconds.
func uneven(tb testing.TB, m *Tools, milliseconds string) []string {
	tb.Helper()
	v, err := m.version()
	if err != nil {
		tb.Fatal(err)
	}
	mode := "-fps_mode"
	if !v.atLeast(5, 1) {
		mode = "-vsync"
	}
	return []string{"-vf", "settb=1/1000,setpts='" + milliseconds + "'", mode, "passthrough", "-enc_time_base", "1:1000"}
}

// made writes a video of n numbered frames, fps a second, with ffmpeg arguments for the
// output, and returns its path.
func made(tb testing.TB, name string, n int, fps float64, args ...string) string {
	tb.Helper()
	var raw bytes.Buffer
	s := numbers{n: n}
	for range n {
		f, err := s.Next()
		if err != nil {
			tb.Fatal(err)
		}
		raw.Write(f.Pix)
	}
	path := filepath.Join(tb.TempDir(), name)
	in := []string{"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", numWidth, 2*bitSide), "-r", strconv.FormatFloat(fps, 'f', -1, 64), "-i", "pipe:0"}
	ffmpeg(tb, raw.Bytes(), append(append(in, args...), path)...)
	return path
}

// fake makes a folder with programs called ffmpeg and ffprobe: the shell's, after a first
// line that knows -version.
func fake(tb testing.TB, ffmpeg, ffprobe string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range map[string]string{"ffmpeg": ffmpeg, "ffprobe": ffprobe} {
		text = "#!/bin/sh\n[ \"$1\" = -version ] && { echo \"" + name + " version 7.1\"; exit; }\n" + text + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
