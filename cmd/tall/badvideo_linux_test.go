package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tall/internal/shared"
)

// childrenOf lists the processes whose parent is pid, the dead that nobody waited for
// among them.
func childrenOf(pid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // ended
		}
		// pid (name) state ppid ...; the name may hold anything.
		fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, child)
		}
	}
	return pids
}

// nothingLeft checks that a command that has ended left no goroutine, no process, and no
// temporary file in the folders.
func nothingLeft(t *testing.T, before goleak.Option, folders ...string) {
	t.Helper()
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	if left := childrenOf(os.Getpid()); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	for _, dir := range folders {
		noTemporaries(t, dir)
	}
}

// makeVideo makes a video with ffmpeg.
func makeVideo(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shared.Tool(t, "ffmpeg"), append([]string{"-hide_banner", "-v", "error", "-y"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %q: %v: %s", args, err, out)
	}
}

// Damaged, hostile and odd videos: find and encode end with an error that names the file,
// or with an answer, and leave nothing behind.
func TestVideos_BadInput(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	temp := filepath.Join(dir, "temp")
	t.Setenv("TMPDIR", temp)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("NO_COLOR", "1")
	for _, name := range []string{temp, "in"} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeClipModel("colors"); err != nil {
		t.Fatal(err)
	}
	makeVideo(t, "-f", "lavfi", "-i", "color=gray:s=64x48:r=10:d=4[a];color=red:s=64x48:r=10:d=4[b];color=gray:s=64x48:r=10:d=4[c];[a][b][c]concat=n=3,noise=alls=9:allf=t", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "good.mp4")
	good, err := os.ReadFile("good.mp4")
	if err != nil {
		t.Fatal(err)
	}
	index := strings.Index(string(good), "moov")
	if index < len(good)/2 {
		t.Fatalf("the index is at %d of %d", index, len(good))
	}
	files := map[string]string{ // and what is said of them; "": an answer
		"cut.mp4":              "the index",
		"zero.mp4":             "empty",
		"device.mp4":           "device",
		"hls.mp4":              "a list of other files or addresses (hls)",
		"concat.mp4":           "a list of other files or addresses (concat)",
		"text.mp4":             "bad format",
		"-a 'b\" $(id)\nc.mp4": "",
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join("in", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("cut.mp4", string(good[:index-4]))
	write("zero.mp4", "")
	if err := os.Symlink("/dev/zero", "in/device.mp4"); err != nil {
		t.Fatal(err)
	}
	absolute := filepath.Join(dir, "good.mp4")
	write("hls.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n"+absolute+"\n#EXT-X-ENDLIST\n")
	write("concat.mp4", "ffconcat version 1.0\nfile '"+absolute+"'\n")
	write("text.mp4", strings.Repeat("This is a letter, not a video.\n", 100))
	write("-a 'b\" $(id)\nc.mp4", string(good))
	if os.Getenv("TALL_LONG") == "1" {
		moreOddVideos(t, files)
	}

	before := goleak.IgnoreCurrent()
	for name, says := range files {
		path := filepath.Join("in", name)
		begun := time.Now()
		code, stdout, stderr := runMain(t, "find", path, "red", "--encoder", "clip:colors", "--threshold", "0", "--json")
		t.Logf("%q: find %v, %s", name, time.Since(begun).Round(time.Millisecond), strings.TrimSpace(stderr))
		if says == "" {
			var out findJSON
			if err := json.Unmarshal([]byte(stdout), &out); err != nil || code != 0 && code != exitNoMatch || len(out.Videos) != 1 || out.Videos[0].Path != path {
				t.Errorf("%q: code %d, %v\n%s%s", name, code, err, stdout, stderr)
			}
		} else if code != exitFailed || !strings.Contains(stderr, name) || !strings.Contains(stderr, says) || stdout != "" {
			t.Errorf("%q: code %d, it lacks %q\n%s%s", name, code, says, stdout, stderr)
		}
		nothingLeft(t, before, dir)
	}

	// All at once, into a folder of features.
	code, _, stderr := runMain(t, "encode", "in", "--out", "out", "--jobs", "3")
	bad := 0
	for name, says := range files {
		_, err := os.Stat(filepath.Join("out", strings.TrimSuffix(name, ".mp4")+featuresExt))
		if says != "" {
			bad++
		}
		if (err == nil) != (says == "") || says != "" && !strings.Contains(stderr, name+": ") {
			t.Errorf("%q: %v\n%s", name, err, stderr)
		}
	}
	if !strings.Contains(stderr, fmt.Sprintf("%d of %d videos could not be encoded", bad, len(files))) || code != exitFailed {
		t.Errorf("code %d\n%s", code, stderr)
	}
	nothingLeft(t, before, dir)
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
}

// moreOddVideos makes those that take ffmpeg a while.
func moreOddVideos(t *testing.T, files map[string]string) {
	t.Helper()
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	made := func(name, says string, args ...string) {
		makeVideo(t, append(args, filepath.Join("in", name))...)
		files[name] = says
	}
	made("one.mp4", "", append([]string{"-f", "lavfi", "-i", "color=red:s=64x48:r=10", "-frames:v", "1"}, x264...)...)
	tracks := []string{"-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=6", "-f", "lavfi", "-i", "sine=d=6"}
	for range 16 {
		tracks = append(tracks, "-map", "1")
	}
	made("tracks.mp4", "", append(tracks, append([]string{"-map", "0", "-c:a", "aac"}, x264...)...)...)
	made("8k.mp4", "", append([]string{"-f", "lavfi", "-i", "testsrc=s=7680x4320:r=5:d=1"}, x264...)...)
	made("hdr.mp4", "", "-f", "lavfi", "-i", "testsrc=s=320x180:r=10:d=6,format=yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc", "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
	made("sound.mp4", "sound only", "-f", "lavfi", "-i", "sine=d=2")
	// An index at the beginning: what there is of the video is searched, with a warning.
	makeVideo(t, "-i", "good.mp4", "-c", "copy", "-movflags", "+faststart", "whole.mp4")
	data, err := os.ReadFile("whole.mp4")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("in/half.mp4", data[:len(data)*6/10], 0o644); err != nil {
		t.Fatal(err)
	}
	files["half.mp4"] = ""
	for range 2 { // the second time from the cache
		if _, _, stderr := runMain(t, "find", "in/half.mp4", "red", "--encoder", "clip:colors"); !strings.Contains(stderr, "half.mp4") || !strings.Contains(stderr, "pictures end at") {
			t.Errorf("no warning:\n%s", stderr)
		}
	}
}

// longVideo writes a video of ten minutes, which takes some seconds to encode.
func longVideo(t *testing.T, dir string) {
	t.Helper()
	part, whole := filepath.Join(dir, "part.mp4"), filepath.Join(dir, "long.mp4")
	makeVideo(t, "-f", "lavfi", "-i", "testsrc=s=160x90:r=10:d=10", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", part)
	makeVideo(t, "-stream_loop", "59", "-i", part, "-c", "copy", whole)
}

// decoders waits for children of a process and returns them; none, where it ended before.
func decoders(pid int, ended <-chan struct{}) []int {
	for {
		if pids := childrenOf(pid); len(pids) > 0 {
			return pids
		}
		select {
		case <-ended:
			return nil
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// gone waits until processes are no more, which takes a decoder a moment whose reader was
// killed.
func gone(t *testing.T, pids []int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		pids = slices.DeleteFunc(pids, func(pid int) bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			return err != nil || strings.Contains(string(stat), ") Z") // the system's to bury
		})
		if len(pids) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("decoders live on: %v", pids)
		}
	}
}

// Ctrl-C, SIGTERM and kill -9 during encode and find: no decoder lives on, nothing
// half-written stays, and the next run does the work.
func TestVideos_Interrupted(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("set TALL_LONG=1 for tests that take longer")
	}
	dir := t.TempDir()
	longVideo(t, dir)
	if err := writeClipModel(filepath.Join(dir, "colors")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for _, args := range [][]string{
		{"encode", "long.mp4", "part.mp4", "--jobs", "2", "--out", "out"},
		{"find", "long.mp4", "red", "--encoder", "clip:colors", "--rate", "8"},
		{"find", "long.mp4", "red", "--encoder", "clip:colors", "--threshold", "0", "--cut", "out", "--exact", "--top", "40"},
	} {
		for _, s := range []struct {
			signal os.Signal
			code   int
		}{{os.Interrupt, exitInterrupted}, {os.Kill, -9}} {
			for _, wait := range []time.Duration{0, 300 * time.Millisecond, 1500 * time.Millisecond} {
				for _, name := range []string{out, filepath.Join(dir, "cache")} {
					if err := os.RemoveAll(name); err != nil {
						t.Fatal(err)
					}
				}
				cmd, stderr := program(t, dir, args...)
				start(t, cmd)
				ended := make(chan struct{})
				var err error
				go func() { err = cmd.Wait(); close(ended) }()
				decoders(cmd.Process.Pid, ended)
				time.Sleep(wait)
				pids := childrenOf(cmd.Process.Pid)
				begun := time.Now()
				_ = cmd.Process.Signal(s.signal)
				<-ended
				got := code(t, err)
				t.Logf("%s, %v after %v: code %d in %v, %d decoders", args[0], s.signal, wait, got, time.Since(begun).Round(time.Millisecond), len(pids))
				if got != s.code && got != 0 && got != exitNoMatch { // it was done before
					t.Fatalf("code %d\n%s", got, stderr)
				}
				gone(t, pids)
				left := hidden(t, dir)
				if s.signal == os.Interrupt && len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
				if s.signal == os.Kill {
					nextRunCleans(t, dir, left)
				}
			}
		}
	}
	mustRun(t, dir, "encode", "part.mp4", "--out", "out")
}

// hidden lists the files whose names begin with a dot.
func hidden(t *testing.T, dir string) (left []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// nextRunCleans checks that what a killed process left goes once it is old enough not to
// be at work.
func nextRunCleans(t *testing.T, dir string, left []string) {
	t.Helper()
	old := time.Now().Add(-2 * abandonedAfter)
	for _, path := range left {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		if err := removeAbandoned(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
	if left := hidden(t, dir); len(left) > 0 {
		t.Errorf("never removed: %v", left)
	}
}
