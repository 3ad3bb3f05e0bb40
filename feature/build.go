package feature

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"tall"
	"tall/numpy"
	"tall/weights"
)

// sourceError is what is wrong with the features, and not with the place where
// their pack is written.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// buildPack writes the pack of a store's files, in one pass and with constant
// memory. It is written under another name and renamed, so that a pack is
// whole or absent.
func buildPack(ctx context.Context, path string, s *Store, mark string, progress func(done, total int)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	removeStale(path)
	n := len(s.names)
	size := int64(n) * int64(s.dim) * 4
	if free, ok := tall.FreeSpace(filepath.Dir(path)); ok && free < size+size/16 {
		return fmt.Errorf("%s: %d MiB are free, the pack takes %d MiB; make room, or name another place for it", filepath.Dir(path), free>>20, size>>20)
	}
	header, err := weights.SafetensorsHeader([]weights.Spec{{Name: packTensor, Shape: []int{n, s.dim}}}, map[string]string{
		"format": packFormat,
		"stamp":  mark,
		"names":  strings.Join(s.names, "\n"), // no name holds a line break
	})
	if err != nil {
		return err
	}
	return tall.ReplaceFile(path, func(w io.Writer) error {
		if _, err := w.Write(header); err != nil {
			return err
		}
		if err := s.stream(ctx, w, progress); err != nil {
			return err
		}
		// A folder that is still being filled must not be taken for whole.
		files, _, err := list(s.dir)
		if err == nil && stamp(files) != mark {
			err = fmt.Errorf("%w: %s changed while it was packed; start again when it is complete", tall.ErrFormat, s.dir)
		}
		if err != nil {
			return &sourceError{err}
		}
		return nil
	})
}

// stream writes the features of all windows to w, in order. Chunks are read
// ahead in parallel; the first error, in the windows' order, ends it.
func (s *Store) stream(ctx context.Context, w io.Writer, progress func(done, total int)) error {
	ctx, cancel := context.WithCancel(ctx)
	type chunk struct {
		data []float32
		err  error
	}
	rows := max(1, (1<<18)/s.dim) // a chunk of about 1 MiB
	queue := make(chan chan chunk, max(4, runtime.GOMAXPROCS(0)))
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	wait.Go(func() {
		defer close(queue)
		for at := 0; at < len(s.names); at += rows {
			part := make(chan chunk, 1)
			select {
			case queue <- part:
			case <-ctx.Done():
				return
			}
			wait.Go(func() {
				data := make([]float32, min(rows, len(s.names)-at)*s.dim)
				part <- chunk{data, s.readRows(ctx, at, data)}
			})
		}
	})
	done := 0
	for part := range queue {
		c := <-part
		if c.err != nil {
			return c.err
		}
		if _, err := w.Write(numpy.FromFloat32([]int{len(c.data)}, c.data).Data); err != nil {
			return err
		}
		if done += len(c.data) / s.dim; progress != nil {
			progress(done, len(s.names))
		}
	}
	return ctx.Err()
}

// readRows reads the files of windows from on into data, (rows, D).
func (s *Store) readRows(ctx context.Context, from int, data []float32) error {
	for i := 0; i*s.dim < len(data); i++ {
		if err := ctx.Err(); err != nil {
			return &sourceError{err}
		}
		path := filepath.Join(s.dir, s.names[from+i])
		if err := readWindow(path, data[i*s.dim:(i+1)*s.dim]); err != nil {
			return &sourceError{err}
		}
	}
	return nil
}

// removeStale removes what a killed process left of a pack that it was writing:
// tall.ReplaceFile's temporary files, untouched for an hour.
func removeStale(path string) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "."+base+".tmp") {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > time.Hour {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
