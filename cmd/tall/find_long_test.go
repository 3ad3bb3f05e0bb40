package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tall"
	"tall/internal/shared"
)

// findOut runs tall find --json with what follows and reads the answer.
func findOut(t *testing.T, args ...string) findJSON {
	t.Helper()
	code, stdout, stderr := runMain(t, append([]string{"find", "--json"}, args...)...)
	var out findJSON
	if err := json.Unmarshal([]byte(stdout), &out); code != 0 || err != nil {
		t.Fatalf("tall find %q: code %d, %v\n%s%s", args, code, err, stdout, stderr)
	}
	return out
}

// duration is the length of a file as ffprobe has it.
func duration(t *testing.T, path string) float64 {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), shared.Tool(t, "ffprobe"), "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	s, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Two real videos of opencv-doc joined: a square with people, an animation in warm
// colors from 30 s to 41 s, the square again. Found, cut and exported; each file opens in
// a reader that is not ours.
func TestFind_RealVideos(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("set TALL_LONG=1 for tests that take longer")
	}
	ffmpeg := shared.Tool(t, "ffmpeg")
	people, animation := shared.Video(t, "vtest.avi"), shared.Video(t, "Megamind.avi")
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	if err := writeClipModel("colors"); err != nil {
		t.Fatal(err)
	}
	const video = "two 'films' & more.mp4"
	fit := "fps=30000/1001,scale=640:360,setsar=1,setpts=PTS-STARTPTS"
	cmd := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", "-i", people, "-i", animation, "-filter_complex",
		"[0:v]trim=0:30,"+fit+"[a];[1:v]trim=0:11,"+fit+"[b];[0:v]trim=30:70,"+fit+"[c];[a][b][c]concat=n=3:v=1:a=0[v]",
		"-map", "[v]", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "90", video)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("this ffmpeg cannot make the video: %v\n%s", err, text)
	}
	truth := tall.Span{Start: 30, End: 41}
	begun := time.Now()
	out := findOut(t, video, "red", "--encoder", "clip:colors", "--cut", "clips", "--top", "1",
		"--export", "edl:m.edl", "--export", "fcpxml:m.fcpxml", "--export", "srt:m.srt", "--export", "vtt:m.vtt", "--export", "csv:m.csv", "--export", "json:m.json")
	first := time.Since(begun)
	best := out.Answers[0].Moments[0]
	found := tall.Span{Start: best.Start, End: best.End}
	t.Logf("found %v, IoU %.2f with %v, confidence %.4f; %v", found, tall.IoU(found, truth), truth, best.Confidence, first)
	if tall.IoU(found, truth) < 0.6 {
		t.Errorf("found %v, truth %v", found, truth)
	}

	// A second question needs no ffmpeg, and no second.
	begun = time.Now()
	again := findOut(t, video, "blue", "--encoder", "clip:colors", "--threshold", "0", "--ffmpeg", dir)
	t.Logf("the second question: %v", time.Since(begun))
	if len(again.Answers[0].Moments) == 0 {
		t.Error("nothing with threshold 0")
	}

	// The cut begins at a key frame, every 90 frames; the exact one at the frame.
	if d := duration(t, best.Clip); d < found.Len()-0.1 || d > found.Len()+3.2 {
		t.Errorf("%s has %.2f s of %.2f", best.Clip, d, found.Len())
	}
	exact := findOut(t, video, "red", "--encoder", "clip:colors", "--cut", "exact", "--exact", "--top", "1").Answers[0].Moments[0]
	if d := duration(t, exact.Clip); math.Abs(d-found.Len()) > 2*1.001/30 { // a frame at each end
		t.Errorf("%s has %.3f s of %.3f", exact.Clip, d, found.Len())
	}

	for _, name := range []string{"m.srt", "m.vtt"} {
		text, err := exec.CommandContext(t.Context(), shared.Tool(t, "ffprobe"), "-v", "error", "-show_entries", "packet=pts_time,duration_time", "-of", "csv=p=0", name).Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		from, length, _ := strings.Cut(strings.Trim(strings.TrimSpace(string(text)), ","), ",") // an empty column follows in WebVTT
		if a, err := strconv.ParseFloat(from, 64); err != nil || math.Abs(a-found.Start) > 1e-3 {
			t.Errorf("%s begins at %s, %v", name, from, found)
		}
		if l, err := strconv.ParseFloat(length, 64); err != nil || math.Abs(l-found.Len()) > 2e-3 { // two roundings
			t.Errorf("%s lasts %s, %v", name, length, found)
		}
	}
	checkEDL(t, "m.edl", found)
	checkXML(t, "m.fcpxml")
	if left, err := temporaries(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// checkEDL compares the frames of an event with seconds, at 29.97 drop-frame.
func checkEDL(t *testing.T, path string, want tall.Span) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^001  AX       V     C        00:00:(\d\d);(\d\d) 00:00:(\d\d);(\d\d) 01:00:00;00 `).FindStringSubmatch(string(text))
	if m == nil || !strings.Contains(string(text), "FCM: DROP FRAME") || !strings.Contains(string(text), "* FROM CLIP NAME: two 'films' & more.mp4") {
		t.Fatalf("%s", text)
	}
	var n [4]float64
	for i := range n {
		n[i], _ = strconv.ParseFloat(m[i+1], 64)
	}
	// Within the first minute labels count all frames.
	from, to := (30*n[0]+n[1])*1001/30000, (30*n[2]+n[3])*1001/30000
	if frame := 1001. / 30000; math.Abs(from-want.Start) > frame || math.Abs(to-want.End) > frame {
		t.Errorf("%.3f to %.3f, want %v", from, to, want)
	}
}

// checkXML reads a document to its end and looks where its file is.
func checkXML(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src := ""
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "media-rep" {
			for _, a := range e.Attr {
				if a.Name.Local == "src" {
					src = a.Value
				}
			}
		}
	}
	if !strings.HasPrefix(src, "file:///") || !strings.HasSuffix(src, "/two%20%27films%27%20&%20more.mp4") && !strings.HasSuffix(src, "/two%20'films'%20&%20more.mp4") {
		t.Errorf("%s refers to %s", path, src)
	}
}

// The Charades clip has 15000/1001 frames a second and sound.
func TestFind_Charades(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("set TALL_LONG=1 for tests that take longer")
	}
	shared.Tool(t, "ffmpeg")
	video := filepath.Join(shared.Path(t, "features/charades-Y1HGC-clip"), "charades.mp4")
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	if err := writeClipModel("colors"); err != nil {
		t.Fatal(err)
	}
	out := findOut(t, video, "a person drinks a glass of water", "--encoder", "clip:colors", "--threshold", "0", "--top", "3", "--cut", "clips", "--exact", "--export", "edl:m.edl", "--export", "fcpxml:m.fcpxml")
	if v := out.Videos[0]; math.Abs(v.Duration-30.7) > 0.1 || v.FPSNum != 15000 || v.FPSDen != 1001 {
		t.Errorf("%+v", v)
	}
	for _, m := range out.Answers[0].Moments {
		if d := duration(t, m.Clip); math.Abs(d-(m.End-m.Start)) > 2*1.001/15+0.03 { // a frame at each end, an audio frame
			t.Errorf("%s has %.3f s of %.3f", m.Clip, d, m.End-m.Start)
		}
	}
	text, err := os.ReadFile("m.edl")
	if err != nil || !strings.Contains(string(text), "FCM: NON-DROP FRAME") {
		t.Errorf("%v %s", err, text)
	}
	text, err = os.ReadFile("m.fcpxml")
	if err != nil || !strings.Contains(string(text), `frameDuration="1001/15000s"`) || xml.Unmarshal(text, new(struct{})) != nil {
		t.Errorf("%v %s", err, text)
	}
}
