package library

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Watcher keeps a library in step with what a listing of files says, by looking again and
// again: that works on every file system, network drives included, where notices of
// changes do not come.
type Watcher struct {
	library *Library
	list    func() ([]string, error)
	// Report, if not nil, is told of each file that was added.
	Report func(Added)

	known map[string]fileStamp // as of the last look
	taken map[string]fileStamp // as it was added
}

// fileStamp is the state of a file as its folder tells it.
type fileStamp struct {
	size     int64
	modified time.Time
}

// NewWatcher watches the files that list names.
func NewWatcher(l *Library, list func() ([]string, error)) *Watcher {
	return &Watcher{library: l, list: list, known: map[string]fileStamp{}, taken: map[string]fileStamp{}}
}

// Look adds the files that have not changed since the look before, so that one that is
// still being written waits, and marks videos of the listing's folders that are gone. It
// tells whether there is work now.
func (w *Watcher) Look(ctx context.Context) (changed bool, err error) {
	paths, err := w.list()
	if err != nil {
		return false, err
	}
	now := map[string]fileStamp{}
	var ready []string
	for _, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			return false, err
		}
		info, err := os.Stat(path)
		if err != nil {
			continue // gone since it was listed
		}
		stamp := fileStamp{size(info), modified(path, info)}
		now[path] = stamp
		old := time.Since(stamp.modified) > time.Minute
		if w.taken[path] != stamp && (old || w.known[path] == stamp) {
			ready = append(ready, path)
		}
	}
	lost := w.lost(now)
	w.known = now
	err = w.library.Add(ctx, ready, nil, func(a Added) {
		changed = changed || a.queued
		w.taken[a.Path] = now[a.Path]
		if w.Report != nil {
			w.Report(a)
		}
	})
	if err != nil {
		return changed, err
	}
	// After adding, so that a renamed file is where it went before it is missed where it was.
	for _, path := range lost {
		delete(w.taken, path)
		v, err := w.library.at(ctx, path)
		if err != nil {
			return changed, err
		}
		if v == nil {
			continue
		}
		if _, err := w.library.lose(ctx, v.ID, path, func() bool { return gone(path) }); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// lost are the files that were added and are no longer listed, whose folder is still there:
// a drive that is not plugged in has lost nothing.
func (w *Watcher) lost(now map[string]fileStamp) []string {
	var out []string
	for path := range w.taken {
		if _, ok := now[path]; ok {
			continue
		}
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			continue
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			out = append(out, path)
		}
	}
	return out
}
