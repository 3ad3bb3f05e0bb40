package tall_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tall"
)

func TestReplaceFile_FailureKeepsTheOld(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	check := func(err error) {
		t.Helper()
		data, readErr := os.ReadFile(path)
		entries, _ := os.ReadDir(dir)
		if err == nil || readErr != nil || string(data) != "old" || len(entries) != 1 {
			t.Errorf("after %v: %q, %v, %d files", err, data, readErr, len(entries))
		}
	}
	for _, written := range []int{0, 10, 3 << 20} {
		err := tall.ReplaceFile(path, func(w io.Writer) error {
			if _, err := w.Write(make([]byte, written)); err != nil {
				return err
			}
			return full
		})
		if !errors.Is(err, full) || !strings.Contains(err.Error(), path) {
			t.Error(err)
		}
		check(err)
	}
	func() {
		defer func() { check(fmt.Errorf("panic: %v", recover())) }()
		_ = tall.ReplaceFile(path, func(io.Writer) error { panic("bug") })
	}()
	if err := tall.ReplaceFile(dir, nil); err == nil {
		t.Error("replaced a folder")
	}
	if err := tall.ReplaceFile(filepath.Join(path, "x"), nil); err == nil {
		t.Error("wrote into a file as if it were a folder")
	}
	if runtime.GOOS != "windows" {
		device := filepath.Join(dir, "device")
		if err := os.Symlink(os.DevNull, device); err != nil {
			t.Fatal(err)
		}
		if err := tall.ReplaceFile(device, func(io.Writer) error { return nil }); !errors.Is(err, tall.ErrUnsafe) {
			t.Errorf("replaced a device: %v", err)
		}
	}
	made := filepath.Join(dir, "new", "folder", "x")
	if err := tall.ReplaceFile(made, func(io.Writer) error { return nil }); err != nil {
		t.Error(err)
	}
}
