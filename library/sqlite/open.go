package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tall"
	"tall/library"
)

// Options are what a library on one machine needs beside its folder.
type Options struct {
	Engines []library.Engine
	// Probe tells what a video file holds.
	Probe func(ctx context.Context, path string) (library.Facts, error)
	// Threads is how many processors a search takes; 0: all of GOMAXPROCS.
	Threads int
	// Make makes the folder where it is missing; without it that is an error.
	Make bool
}

// FileName is the file of catalog and queue in a library's folder.
const FileName = "library.db"

// Library is a [library.Library] in a folder:
//
//	library.db           catalog and queue
//	features/ENCODER/    manifest.json and a file of features for each video
//	index/SPACE/         candidate index, made from the features
//	work.lock            held by the process that encodes
type Library struct {
	*library.Library
	Dir     string
	Catalog *Catalog
	Queue   *Queue
	Index   *Index
}

// Open opens the library of a folder. Several processes may have it open.
func Open(ctx context.Context, dir string, o Options) (*Library, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err != nil && !o.Make {
		return nil, fmt.Errorf("%w: no library in %s; `tall index add` makes one", tall.ErrMissing, dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	catalog, err := OpenCatalog(ctx, path)
	if err != nil {
		return nil, err
	}
	queue, err := OpenQueue(ctx, catalog)
	if err != nil {
		return nil, errors.Join(err, catalog.Close())
	}
	queue.begin = func() error { return clean(dir) }
	index := NewIndex(filepath.Join(dir, "index"), o.Threads)
	l, err := library.Open(library.Options{
		Catalog: catalog, Queue: queue, Features: NewStore(filepath.Join(dir, "features")), Index: index,
		Engines: o.Engines, Probe: o.Probe,
	})
	if err != nil {
		return nil, errors.Join(err, catalog.Close())
	}
	return &Library{Library: l, Dir: dir, Catalog: catalog, Queue: queue, Index: index}, nil
}

// Close closes the files. No other method may run.
func (l *Library) Close() error { return errors.Join(l.Index.Close(), l.Catalog.Close()) }

// OpenExisting opens the catalog of a library alone, for those who only look.
func OpenExisting(ctx context.Context, dir string) (*Catalog, error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: no library in %s; `tall index add` makes one", tall.ErrMissing, dir)
	}
	return OpenCatalog(ctx, path)
}

// abandoned is how old a temporary file of the index is that nobody writes any more.
const abandoned = time.Minute

// clean removes what a process that was killed had not finished: temporary files, whose
// names begin with a dot (tall.ReplaceFile, encode.Files). No other process may write
// features; the index is mended by others as well ([library.Library.Check]).
func clean(dir string) error {
	root := os.DirFS(dir) // its name is no pattern
	for pattern, age := range map[string]time.Duration{"features/*/.*": 0, "index/*/.*": abandoned} {
		files, err := fs.Glob(root, pattern)
		if err != nil {
			return err
		}
		for _, name := range files {
			file := filepath.Join(dir, filepath.FromSlash(name))
			if info, err := os.Lstat(file); err != nil || time.Since(info.ModTime()) < age {
				continue
			}
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
