package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// abandonedName is the name of a file that waits to take another name, as
// [tall.ReplaceFile] and package media make them.
var abandonedName = regexp.MustCompile(`^\..+\.[0-9a-f]{8}\.tmp$`)

// abandonedAfter is how long nobody has written to a file before it counts as left behind
// by a process that was killed. Whatever writes one writes all the time.
const abandonedAfter = 10 * time.Minute

// removeAbandoned removes from a folder the half-written files of processes that were
// killed. The folder need not exist.
func removeAbandoned(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !abandonedName.MatchString(e.Name()) {
			continue
		}
		if info, err := e.Info(); err != nil || time.Since(info.ModTime()) < abandonedAfter {
			continue // gone, or at work
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
