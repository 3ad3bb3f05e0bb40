package feature

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A limit on the size of files stands for the full disk: a write fails in the
// middle of the pack. Nothing stays behind, and the features are still there.
func TestPack_DiskFull(t *testing.T) {
	dir := folderOf(t, 200, 8000) // 6.4 MB; the log that go test keeps of opened files stays below the limit
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip(err)
	}
	tight := limit
	tight.Cur = 4 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &tight); err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Error(err)
		}
	}()
	var p packing
	o := p.options()
	o.PackFile = filepath.Join(t.TempDir(), "pack")
	s := open(t, dir, o)
	if s.Packed() != "" || len(p.warnings) != 1 || !strings.Contains(p.warnings[0].Error(), "file too large") {
		t.Errorf("pack %q, warnings %v", s.Packed(), p.warnings)
	}
	if left, _ := os.ReadDir(filepath.Dir(o.PackFile)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	sameVectors(t, s, func(name string) []float32 { return value(name, 8000) })
}
