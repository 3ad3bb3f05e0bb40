package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"tall"
)

// Added says what became of one path.
type Added struct {
	Path string
	ID   ID
	What What
	Err  error // of [Refused]

	queued bool // there is something to be made of it
}

// What became of a path that was added.
type What string

// What can become of a path.
const (
	New     What = "new"     // queued
	Known   What = "known"   // nothing to do
	Moved   What = "moved"   // known under a path that is gone
	Copy    What = "copy"    // known under another path as well
	Changed What = "changed" // other content than before at this path: queued
	Refused What = "refused" // see Added.Err
)

// Add takes files into the library and queues their encoding by the engines named (nil:
// all); [Library.Work] does it. A file that cannot be read does not keep the others from
// being added: report is told of each.
func (l *Library) Add(ctx context.Context, paths []string, engines []string, report func(Added)) error {
	if engines == nil {
		engines = l.Engines()
	}
	for _, name := range engines {
		if _, err := l.engine(name); err != nil {
			return err
		}
	}
	for _, path := range paths {
		a, err := l.add(ctx, path, engines)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			a.What, a.Err = Refused, err
			if errors.Is(err, tall.ErrLocked) || errors.Is(err, syscall.ENOSPC) {
				return err
			}
		}
		if report != nil {
			report(a)
		}
	}
	return nil
}

func (l *Library) add(ctx context.Context, path string, engines []string) (Added, error) {
	path, err := filepath.Abs(path)
	a := Added{Path: path}
	if err != nil {
		return a, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return a, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	written := modified(path, info)
	before, err := l.at(ctx, path)
	if err != nil {
		return a, err
	}
	if before != nil && before.Size == size(info) && before.Paths[0] == path && before.Modified.Equal(written) {
		a.ID, a.What = before.ID, Known
		a.queued, err = l.want(ctx, before.ID, engines)
		return a, err
	}
	facts, err := l.o.Probe(ctx, path)
	if err != nil {
		return a, err
	}
	if a.ID, err = HashFile(ctx, path); err != nil {
		return a, err
	}
	// Another process may have added it while it was read.
	if before, err = l.at(ctx, path); err != nil {
		return a, err
	}
	if before != nil && before.ID != a.ID {
		// The old content is no longer here; it may be elsewhere.
		if _, err := l.lose(ctx, before.ID, path, func() bool { return true }); err != nil {
			return a, err
		}
		a.What = Changed
	}
	err = l.o.Catalog.Update(ctx, a.ID, func(v *Video, found bool) (bool, error) {
		if !found {
			v.Added, v.State = time.Now().UTC(), Waiting
			if a.What == "" {
				a.What = New
			}
		}
		v.Size, v.Facts = size(info), facts
		here := slices.Contains(v.Paths, path)
		lost := len(v.Paths) == 0 || v.Paths[0] != path && gone(v.Paths[0]) // the one that is played
		kept := slices.DeleteFunc(slices.Clone(v.Paths), func(p string) bool { return p != path && gone(p) })
		switch {
		case a.What != "":
		case here:
			a.What = Known // only its time of modification has changed
		case len(kept) < len(v.Paths):
			a.What = Moved
		default:
			a.What = Copy
		}
		switch {
		case lost: // of the others no time is known
			kept = slices.DeleteFunc(kept, func(p string) bool { return p == path })
			kept = slices.Insert(kept, 0, path)
		case !here:
			kept = append(kept, path)
		}
		if v.Paths = kept; kept[0] == path {
			v.Modified = written.UTC()
		}
		if v.State == Missing {
			v.State = ""
			v.settle("")
		}
		return true, nil
	})
	if err != nil {
		return a, err
	}
	a.queued, err = l.want(ctx, a.ID, engines)
	return a, err
}

// size of a file; folders of pictures count as 0.
func size(info fs.FileInfo) int64 {
	if info.IsDir() {
		return 0
	}
	return info.Size()
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// at finds the video of a path, nil where there is none.
func (l *Library) at(ctx context.Context, path string) (*Video, error) {
	for v, err := range l.o.Catalog.Videos(ctx, Filter{Path: path}) {
		return &v, err
	}
	return nil, nil
}

// lose takes a path off a video, if still says so while the catalog stands still: the file
// may be back, and added again, since it was looked for.
func (l *Library) lose(ctx context.Context, id ID, path string, still func() bool) (lost bool, err error) {
	err = l.o.Catalog.Update(ctx, id, func(v *Video, found bool) (bool, error) {
		if lost = found && still(); !lost {
			return found, nil
		}
		played := len(v.Paths) > 0 && v.Paths[0] == path
		v.Paths = slices.DeleteFunc(v.Paths, func(p string) bool { return p == path })
		switch {
		case len(v.Paths) == 0:
			v.State, v.Reason = Missing, "its file is gone or has other content now: "+path
		case played:
			v.Modified = time.Time{}
			if info, err := os.Stat(v.Paths[0]); err == nil && size(info) == v.Size {
				v.Modified = modified(v.Paths[0], info).UTC()
			}
		}
		return true, nil
	})
	return lost, err
}

// want queues what engines have still to make of a video, and tells whether there is
// anything. What was given up before is tried anew.
func (l *Library) want(ctx context.Context, id ID, engines []string) (queued bool, err error) {
	var tasks []Task
	err = l.o.Catalog.Update(ctx, id, func(v *Video, found bool) (bool, error) {
		tasks = tasks[:0]
		if !found {
			return false, nil
		}
		for _, name := range engines {
			if featuresOf(*v, name) == nil {
				v.Features = append(v.Features, Features{Encoder: name})
			}
			if f := featuresOf(*v, name); f.State != Ready {
				if f.State == Damaged {
					// Work would take the file for one that a crash left whole.
					if err := l.o.Features.Remove(name, id); err != nil {
						return false, err
					}
					*f = Features{Encoder: name}
				}
				if f.State != Working {
					f.State, f.Reason = Waiting, ""
				}
				tasks = append(tasks, Task{id, name})
			}
		}
		v.settle("")
		return true, nil
	})
	if err != nil || len(tasks) == 0 {
		return false, err
	}
	return true, l.o.Queue.Put(ctx, tasks...)
}
