package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A folder that may not be read, as lost+found on a drive, does not hide the others.
func TestVideosBelow_Locked(t *testing.T) {
	dir := t.TempDir()
	locked, hidden, video := filepath.Join(dir, "lost+found"), filepath.Join(dir, ".Trash"), filepath.Join(dir, "sub", "a.mp4")
	err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Mkdir(locked, 0), os.Mkdir(hidden, 0), os.Mkdir(filepath.Dir(video), 0o755), os.WriteFile(video, nil, 0o666))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // whom nothing keeps out; of this thread alone
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Setfsuid(0); err != nil {
				t.Error(err)
			}
		}()
	}
	var warned []string
	got, err := findVideos([]string{dir}, func(text string) { warned = append(warned, text) })
	if err != nil || !slices.Equal(got, []string{video}) {
		t.Errorf("%q, %v", got, err)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], locked) {
		t.Errorf("told %q", warned)
	}
	if _, err := findVideos([]string{locked}, nil); !errors.Is(err, os.ErrPermission) {
		t.Errorf("named itself: %v", err)
	}
}
