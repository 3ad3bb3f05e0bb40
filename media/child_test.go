//go:build unix

package media

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tall"
)

// A decoder that hangs, talks too much, dies or leaves children is ended, and said so.
func TestChild_Misbehaves(t *testing.T) {
	video := write(t, filepath.Join(t.TempDir(), "a.mp4"), "not empty")
	info := Info{Path: video, Width: 16, Height: 16, Duration: 100, FPSNum: 10, FPSDen: 1, Format: "mov"}
	pidFile := filepath.Join(t.TempDir(), "pid")
	for name, c := range map[string]struct {
		ffmpeg, ffprobe string
		says            string
	}{
		"hangs":        {"sleep 60 & echo $! > " + pidFile + "; wait", "sleep 60", "stuck"},
		"dies":         {"echo '[h264 @ 0x55aa] [error] no such luck' >&2; exit 3", "echo 'no such luck' >&2; exit 3", "no such luck"},
		"silent death": {"exit 3", "exit 3", "without a word"},
		"half a frame": {"head -c 700 /dev/zero", "echo '{'", "ends within frame 0"},
		"nothing":      {"exit 0", "echo '{}'", "no picture"},
		"talks":        {"yes '[error] a' >&2 & yes; exit 1", "yes", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Find(Options{FFmpeg: fake(t, c.ffmpeg, c.ffprobe), StallTime: 300 * time.Millisecond, ProbeTime: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if info, err := m.Probe(t.Context(), video); err == nil || !strings.Contains(err.Error(), video) {
				t.Errorf("probe: %+v, %v", info, err)
			} else if name == "talks" && !errors.Is(err, tall.ErrUnsafe) {
				t.Errorf("probe: %v", err)
			}
			r, err := m.Frames(t.Context(), info, Sampling{Rate: 10})
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; err == nil && n < 100; n++ {
				_, err = r.Next()
			}
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), video)) {
				t.Errorf("frames: %v", err)
			}
			r.Close()
			if pid, err := os.ReadFile(pidFile); err == nil && name == "hangs" {
				// The grandchild is the system's to bury, which takes it a moment.
				for range 100 {
					if _, err := os.Stat("/proc/" + strings.TrimSpace(string(pid))); err != nil {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				if stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat"); err == nil && !strings.Contains(string(stat), ") Z") {
					t.Errorf("the decoder's child lives on: %s", stat)
				}
			}
			if left := children(); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
		})
	}
}

func TestFind_Missing(t *testing.T) {
	video := write(t, filepath.Join(t.TempDir(), "a.mp4"), "not empty")
	t.Setenv("PATH", t.TempDir())
	m, err := Find(Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Probe(t.Context(), video)
	if !errors.Is(err, tall.ErrMissing) {
		t.Fatal(err)
	}
	for _, say := range []string{"apt install ffmpeg", "brew install ffmpeg", "winget install ffmpeg", "--ffmpeg PATH"} {
		if !strings.Contains(err.Error(), say) {
			t.Errorf("%v: it lacks %q", err, say)
		}
	}
	if _, err := Find(Options{FFmpeg: "/nowhere/ffmpeg"}); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "/nowhere/ffmpeg") {
		t.Error(err)
	}
	if _, err := Find(Options{Threads: -1}); err == nil {
		t.Error("-1 threads")
	}
	// A folder without it, and an ffmpeg without ffprobe.
	dir := t.TempDir()
	lone := fake(t, "", "")
	if err := os.Remove(filepath.Join(lone, "ffprobe")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "/bin:/nowhere")
	for path, say := range map[string]string{dir: "holds no ffmpeg", video: "no ffmpeg that runs here"} {
		m, err := Find(Options{FFmpeg: path})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Probe(t.Context(), video); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), say) && !strings.Contains(err.Error(), "ffprobe") {
			t.Errorf("%s: %v", path, err)
		}
	}
	m, err = Find(Options{FFmpeg: filepath.Join(lone, "ffmpeg")})
	if err != nil {
		t.Fatal(err)
	}
	if _, ffprobe, version, err := m.Programs(); err == nil && filepath.Dir(ffprobe) == lone || version != "7.1" && err == nil {
		t.Errorf("%s of %s: %v", ffprobe, version, err)
	}
	// Under names with a version, one finds the other.
	if err := os.Rename(filepath.Join(lone, "ffmpeg"), filepath.Join(lone, "ffmpeg7")); err != nil {
		t.Fatal(err)
	}
	other := fake(t, "", "")
	if err := os.Rename(filepath.Join(other, "ffprobe"), filepath.Join(lone, "ffprobe7")); err != nil {
		t.Fatal(err)
	}
	if m, err = Find(Options{FFmpeg: filepath.Join(lone, "ffmpeg7")}); err != nil {
		t.Fatal(err)
	}
	if _, ffprobe, _, err := m.Programs(); err != nil || filepath.Base(ffprobe) != "ffprobe7" {
		t.Errorf("%s: %v", ffprobe, err)
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]version{
		"ffmpeg version 5.1.9-0+deb12u1 Copyright":   {"5.1.9-0+deb12u1", 5, 1},
		"ffmpeg version n7.1 Copyright":              {"n7.1", 7, 1},
		"ffmpeg version 4.4.2-0ubuntu0.22.04.1":      {"4.4.2-0ubuntu0.22.04.1", 4, 4},
		"ffmpeg version N-109468-gd39b34123d-tessus": {"N-109468-gd39b34123d-tessus", 1 << 20, 0},
		"ffmpeg version N-47683-g0e8eb07980-static https://example.org/  Copyright (c) 2000-2018 the FFmpeg developers": {"N-47683-g0e8eb07980-static", 4, 3},
		"ffmpeg version 2024-11-06-git-4047b887fc-full":                                                                 {"2024-11-06-git-4047b887fc-full", 1 << 20, 0},
		"ffmpeg version 8.0-essentials_build-www":                                                                       {"8.0-essentials_build-www", 8, 0},
	} {
		if got, ok := parseVersion(text); !ok || got != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if _, ok := parseVersion("bash: 5.1"); ok {
		t.Error("bash is an ffmpeg")
	}
}
