package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tall/library"
)

// watch looks at all files of the bench, which count as grown.
func (b *bench) watch() *library.Watcher {
	return library.NewWatcher(b.Library.Library, func() ([]string, error) {
		paths, err := filepath.Glob(filepath.Join(b.videos, "*"))
		for _, path := range paths {
			b.age(path, time.Hour)
		}
		return paths, err
	})
}

// age sets the time of a file's last change.
func (b *bench) age(path string, ago time.Duration) {
	b.t.Helper()
	at := time.Now().Add(-ago).Truncate(time.Hour)
	if err := os.Chtimes(path, at, at); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) look(w *library.Watcher, changed bool) {
	b.t.Helper()
	if got, err := w.Look(b.t.Context()); err != nil || got != changed {
		b.t.Errorf("there is work: %v, want %v; %v", got, changed, err)
	}
}

// A watch that begins anew goes on with what the one before had not encoded.
func TestWatcher_GoesOn(t *testing.T) {
	b := newBench(t)
	b.put("one", "1234")
	b.look(b.watch(), true)
	w := b.watch()
	b.look(w, true)
	b.work()
	b.check("one ready 4")
	b.look(w, false)
	b.look(b.watch(), false)
}

// Files that are gone are missed, unless they are back when that is said.
func TestWatcher_Gone(t *testing.T) {
	b := newBench(t)
	one, two := b.put("one", "1234"), b.put("two", "12345")
	w := b.watch()
	b.look(w, true)
	b.work()
	for _, path := range []string{one, two} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	b.put("three", "123456")
	w.Report = func(library.Added) { b.put("two", "12345") }
	b.look(w, true)
	b.work()
	b.check(" missing 4", "three ready 6", "two ready 5")
}
