package media

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tall"
	"tall/internal/shared"
)

// The pictures of a cut are those of the span that is reported, in every format.
func TestCut_Numbered(t *testing.T) {
	m := tools(t)
	video := made(t, "v.mkv", 60, 10, "-c:v", "libx264", "-g", "12", "-sc_threshold", "0", "-pix_fmt", "yuv420p")
	source := filepath.Join(t.TempDir(), "source.mp4")
	ffmpeg(t, nil, "-i", video, "-f", "lavfi", "-i", "sine=d=6", "-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "aac", source)
	info, err := m.Probe(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	asked := tall.Span{Start: 2.75, End: 4.15}
	for _, c := range []struct {
		name        string
		exact       bool
		want        tall.Span
		first, last int
	}{
		{"copy.mp4", false, tall.Span{Start: 2.4, End: 4.2}, 24, 41}, // key frames are 1.2 s apart
		{"copy.mkv", false, tall.Span{Start: 2.4, End: 4.2}, 24, 41},
		{"exact.mp4", true, tall.Span{Start: 2.75, End: 4.15}, 27, 40},
		{"copy.ts", false, tall.Span{Start: 2.4, End: 4.2}, 24, 41},
		{"exact.webm", true, tall.Span{Start: 2.75, End: 4.15}, 27, 40},
		{"exact.avi", true, tall.Span{Start: 2.75, End: 4.15}, 27, 40},
		{"h264.webm", false, tall.Span{Start: 2.75, End: 4.15}, 27, 40}, // which holds no H.264: encoded
	} {
		if os.Getenv("TALL_LONG") != "1" && !strings.HasSuffix(c.name, ".mp4") {
			continue
		}
		out := filepath.Join(t.TempDir(), c.name)
		got, err := m.Cut(t.Context(), info, asked, out, c.exact)
		if err != nil {
			t.Error(err)
			continue
		}
		// A copy holds a few pictures more: they are decoded in another order.
		if math.Abs(got.Start-c.want.Start) > 0.002 || got.End < c.want.End-0.002 || got.End > c.want.End+0.31 || c.exact && got.End > c.want.End+0.002 {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		cut, frames := collect(t, m, out, Sampling{})
		if frames[0].picture != c.first || frames[len(frames)-1].picture < c.last || c.exact && frames[len(frames)-1].picture != c.last {
			t.Errorf("%s: pictures %d to %d, want %d to %d", c.name, frames[0].picture, frames[len(frames)-1].picture, c.first, c.last)
		}
		// The tool that is not ours: how long, and that there is sound.
		length, sound := confirm(t, out)
		if math.Abs(length-got.Len()) > 0.15 || !sound || cut.Audio != 1 {
			t.Errorf("%s: ffprobe finds %g s (sound: %v), reported %g", c.name, length, sound, got.Len())
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), ".*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// An exact cut holds what a player shows in the span, to its end, with all of its sound:
// between pictures that are far apart, within the last one, and where sound and pictures
// lie apart in the file.
func TestCut_Odd(t *testing.T) {
	m := tools(t)
	sound := []string{"-f", "lavfi", "-i", "sine=d=8", "-map", "0", "-map", "1", "-c:v", "copy"}
	dir := t.TempDir()
	add := func(name, video string, args ...string) string {
		path := filepath.Join(dir, name)
		ffmpeg(t, nil, slices.Concat([]string{"-i", video}, sound, args, []string{path})...)
		return path
	}
	h264 := []string{"-c:v", "libx264", "-pix_fmt", "yuv420p"}
	far := slices.Concat(h264, uneven(t, m, "100*N+5000*floor(N/10)")) // nothing new from 0.9 to 6 s
	gap := add("gap.mp4", made(t, "gap.mkv", 20, 10, far...), "-c:a", "aac")
	silent := made(t, "silent.mp4", 20, 10, h264...)
	mpeg := add("v.mpg", made(t, "v.mkv", 200, 25, "-c:v", "mpeg2video", "-q:v", "2", "-g", "12"), "-c:a", "mp2")
	for _, c := range []struct {
		source      string
		span        tall.Span
		first, last int
		length      float64
	}{
		{gap, tall.Span{Start: 3, End: 5}, 9, 9, 2},
		{gap, tall.Span{Start: 5, End: 6.5}, 9, 14, 1.5},
		{gap, tall.Span{Start: 3, End: 3.01}, 9, 9, 0.1},
		{silent, tall.Span{Start: 1.98, End: 2}, 19, 19, 0.1}, // shorter than a picture
		{mpeg, tall.Span{Start: 2.75, End: 4.15}, -1, -1, 1.4},
	} {
		info, err := m.Probe(t.Context(), c.source)
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, "out.mp4")
		if _, err := m.Cut(t.Context(), info, c.span, out, true); err != nil {
			t.Errorf("%s: %v", c.span, err)
			continue
		}
		_, frames := collect(t, m, out, Sampling{})
		if c.first >= 0 && (frames[0].picture != c.first || frames[len(frames)-1].picture != c.last) {
			t.Errorf("%s: pictures %d to %d, want %d to %d", c.span, frames[0].picture, frames[len(frames)-1].picture, c.first, c.last)
		}
		// A picture's length, or a packet's of sound, is the most by which it may differ.
		for _, track := range lengths(t, out) {
			if math.Abs(track-c.length) > 0.11 {
				t.Errorf("%s: a track of %g s, want %g", c.span, track, c.length)
			}
		}
	}
}

// A video that was trimmed without encoding begins within the pictures of a key frame that
// is not shown. A copy of its beginning needs them.
func TestCut_Trimmed(t *testing.T) {
	m := tools(t)
	whole := made(t, "v.mp4", 40, 10, "-c:v", "libx264", "-g", "12", "-sc_threshold", "0", "-pix_fmt", "yuv420p")
	dir := t.TempDir()
	trimmed, out := filepath.Join(dir, "trimmed.mp4"), filepath.Join(dir, "out.mp4")
	ffmpeg(t, nil, "-ss", "1.7", "-i", whole, "-c", "copy", trimmed)
	info, err := m.Probe(t.Context(), trimmed)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Cut(t.Context(), info, tall.Span{Start: 0, End: 1}, out, false)
	if err != nil {
		t.Fatal(err)
	}
	_, frames := collect(t, m, out, Sampling{})
	if frames[0].picture != 17 || frames[len(frames)-1].picture < 26 || got.Start != 0 || got.End < 1 || got.End > 1.5 {
		t.Errorf("pictures %d to %d, reported %s; want 17 to 26 or more from 0 s on", frames[0].picture, frames[len(frames)-1].picture, got)
	}
}

// lengths asks ffprobe for the lengths of a file's tracks, seconds.
func lengths(tb testing.TB, path string) (seconds []float64) {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), shared.Tool(tb, "ffprobe"), "-v", "error", "-show_entries", "stream=duration", "-of", "csv=p=0", path).Output()
	if err != nil {
		tb.Fatal(err)
	}
	for _, line := range strings.Fields(string(out)) {
		v, err := strconv.ParseFloat(line, 64)
		if err != nil {
			tb.Fatalf("%s: %v", out, err)
		}
		seconds = append(seconds, v)
	}
	return seconds
}

// confirm asks ffprobe, by another way than Probe, for a file's length and sound.
func confirm(tb testing.TB, path string) (seconds float64, sound bool) {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), shared.Tool(tb, "ffprobe"), "-v", "error", "-show_entries", "format=duration:stream=codec_type", "-of", "csv=p=0", path).Output()
	if err != nil {
		tb.Fatal(err)
	}
	lines := strings.Fields(string(out))
	seconds, err = strconv.ParseFloat(lines[len(lines)-1], 64)
	if err != nil {
		tb.Fatalf("%s: %v", out, err)
	}
	return seconds, strings.Contains(string(out), "audio")
}

func TestCut_Refuses(t *testing.T) {
	m := tools(t)
	video := made(t, "v.mp4", 20, 10, "-c:v", "libx264")
	info, err := m.Probe(t.Context(), video)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "link.mp4")
	if err := os.Symlink(video, link); err != nil {
		t.Skip(err)
	}
	old := write(t, filepath.Join(dir, "old.mp4"), "old")
	for _, c := range []struct {
		is   error
		says string
		span tall.Span
		out  string
	}{
		{tall.ErrShape, "2 s", tall.Span{Start: 5, End: 6}, "a.mp4"},
		{tall.ErrShape, "", tall.Span{Start: 1, End: 1}, "a.mp4"},
		{tall.ErrShape, "", tall.Span{Start: math.NaN(), End: 1}, "a.mp4"},
		{tall.ErrShape, "", tall.Span{Start: 1.5, End: 0.5}, "old.mp4"},
		{tall.ErrFormat, ".mkv", tall.Span{Start: 0, End: 1}, "a.exe"},
		{tall.ErrUnsafe, "source", tall.Span{Start: 0, End: 1}, "link.mp4"},
		{tall.ErrUnsafe, "folder", tall.Span{Start: 0, End: 1}, ".mp4"},
	} {
		if c.out == ".mp4" {
			if err := os.MkdirAll(filepath.Join(dir, c.out), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.Cut(t.Context(), info, c.span, filepath.Join(dir, c.out), false); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if data, err := os.ReadFile(old); err != nil || string(data) != "old" {
		t.Errorf("what stood there is %q, %v", data, err)
	}
	// A span beyond the end is cut down to it.
	if got, err := m.Cut(t.Context(), info, tall.Span{Start: -3, End: 1e9}, filepath.Join(dir, "all.mp4"), true); err != nil || got != (tall.Span{Start: 0, End: 2}) {
		t.Errorf("%s, %v", got, err)
	}
}

// joined puts parts of three real videos after each other: people who walk seen from
// above, a tree, a person in a doorway. It returns the path and the boundaries.
func joined(tb testing.TB) (path string, parts []tall.Span) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "joined.mp4")
	part := func(from, frames int) string {
		return fmt.Sprintf("trim=start=%d,setpts=PTS-STARTPTS,fps=15,trim=end_frame=%d,scale=320:240,setsar=1", from, frames)
	}
	filter := "[0:v]" + part(0, 90) + "[a];[1:v]" + part(0, 75) + "[b];[2:v]" + part(2, 105) + "[c];[a][b][c]concat=n=3[v]"
	ffmpeg(tb, nil, "-i", shared.Video(tb, "vtest.avi"), "-i", shared.Video(tb, "tree.avi"), "-i", shared.Path(tb, charades),
		"-filter_complex", filter, "-map", "[v]", "-c:v", "libx264", "-preset", "veryfast", "-g", "45", path)
	return path, []tall.Span{{Start: 0, End: 6}, {Start: 6, End: 11}, {Start: 11, End: 18}}
}

// look is a picture's mean difference to another one of the same size, 0 to 255.
func look(a, b Frame) float64 {
	sum := 0
	for i := range a.Pix {
		d := int(a.Pix[i]) - int(b.Pix[i])
		sum += max(d, -d)
	}
	return float64(sum) / float64(len(a.Pix))
}

// Real videos: the boundaries are where they were made, to the frame; cuts, thumbnails and
// a contact sheet show the right parts.
func TestReal_Joined(t *testing.T) {
	long(t)
	m := tools(t)
	path, parts := joined(t)
	info, err := m.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(info.Duration-18) > 0.1 || info.Width != 320 || info.FPS() != 15 {
		t.Fatalf("%+v", info)
	}
	still := func(info Info, at float64) Frame {
		f, err := m.still(t.Context(), info, at, 160)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	frame := 1.0 / 15
	for _, p := range parts[:2] {
		within, across := look(still(info, p.End-2*frame), still(info, p.End-frame)), look(still(info, p.End-frame), still(info, p.End))
		if across < 4*within || across < 15 {
			t.Errorf("at %g s the picture changes by %.1f, before it by %.1f", p.End, across, within)
		}
	}
	out := filepath.Join(t.TempDir(), "tree.mp4")
	got, err := m.Cut(t.Context(), info, parts[1], out, true)
	if err != nil || math.Abs(got.Start-6) > 0.001 || math.Abs(got.End-11) > 0.001 {
		t.Fatalf("%s, %v", got, err)
	}
	if length, sound := confirm(t, out); math.Abs(length-5) > 0.02 || sound {
		t.Errorf("ffprobe finds %g s, sound: %v", length, sound)
	}
	tree, err := m.Probe(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	// The first and the last picture of the cut are those of the part: encoding them
	// anew changes little beside another video.
	for _, at := range []float64{0, 5 - frame} {
		if d := look(still(tree, at), still(info, 6+at)); d > 6 {
			t.Errorf("the cut's picture at %g s differs by %.1f", at, d)
		}
	}
	for _, c := range []struct{ columns, rows int }{{3, 2}, {1, 1}} {
		data, err := m.ContactSheet(t.Context(), info, c.columns, c.rows, 96)
		if err != nil {
			t.Fatal(err)
		}
		sheet, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil || sheet.Bounds().Dx() != 96*c.columns || sheet.Bounds().Dy() != 72*c.rows {
			t.Errorf("%v: %v, %v", c, sheet.Bounds(), err)
		}
	}
	if _, err := m.ContactSheet(t.Context(), info, 0, 1, 96); !errors.Is(err, tall.ErrShape) {
		t.Error(err)
	}
	data, err := m.Thumbnail(t.Context(), info, 1e9, 100)
	if err != nil {
		t.Fatal(err)
	}
	if config, err := jpeg.DecodeConfig(bytes.NewReader(data)); err != nil || config.Width != 100 || config.Height != 75 {
		t.Errorf("%+v, %v", config, err)
	}
}
