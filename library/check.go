package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tall"
)

// Finding is something that [Library.Check] found wrong.
type Finding struct {
	Video   ID     `json:"video,omitempty"`
	Path    string `json:"path"`
	Problem string `json:"problem"`
	// Repaired says what was done about it; "": nothing.
	Repaired string `json:"repaired,omitempty"`
}

// CheckOptions say what [Library.Check] does.
type CheckOptions struct {
	// Quick leaves the contents of videos alone and looks at sizes and times only.
	Quick bool
	// Repair mends what can be mended: damaged features are removed and queued again,
	// indexes are made anew, videos that are gone are marked so.
	Repair bool
	// Progress is told after each video.
	Progress func(videos int)
	// Found is told of each finding.
	Found func(Finding)
}

// Check holds all that the library keeps against what lies on the disk: the hashes of
// videos and of features, the number of rows, the manifest of each encoder, the index. It
// returns how many videos it saw.
func (l *Library) Check(ctx context.Context, o CheckOptions) (videos int, err error) {
	for v, err := range l.o.Catalog.Videos(ctx, Filter{}) {
		if err != nil {
			return videos, err
		}
		if ctx.Err() != nil {
			return videos, context.Cause(ctx)
		}
		if err := l.checkFiles(ctx, v, o); err != nil {
			return videos, err
		}
		for _, f := range v.Features {
			if f.State != Ready && f.State != Damaged {
				continue
			}
			if err := l.checkFeatures(ctx, v, f, o); err != nil {
				return videos, err
			}
		}
		if videos++; o.Progress != nil {
			o.Progress(videos)
		}
	}
	return videos, l.checkOrphans(ctx, o)
}

// checkFiles looks for the video's own files.
func (l *Library) checkFiles(ctx context.Context, v Video, o CheckOptions) error {
	present := false
	for i, path := range v.Paths {
		look := func() string { return fileProblem(v, path, o.Quick && i == 0) }
		problem, still := look(), func() bool { return look() != "" }
		if problem == "" && !o.Quick {
			still = func() bool { return true }
			id, err := HashFile(ctx, path)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				problem = err.Error()
			} else if id != v.ID {
				problem = "the file has other content than when it was added"
			}
		}
		if problem == "" {
			present = true
			continue
		}
		f := Finding{Video: v.ID, Path: path, Problem: problem}
		if o.Repair {
			lost, err := l.lose(ctx, v.ID, path, still)
			if err != nil {
				return err
			}
			if !lost {
				present = true
				continue // it is back
			}
			f.Repaired = "the path is forgotten; add it again"
		}
		o.Found(f)
	}
	if !present || v.State != Missing {
		return nil
	}
	f := Finding{Video: v.ID, Path: v.Paths[0], Problem: "the file is marked as gone, and there"}
	if o.Repair {
		f.Repaired = "marked as there"
		err := l.o.Catalog.Update(ctx, v.ID, func(v *Video, found bool) (bool, error) {
			v.State = ""
			v.settle("")
			return found, nil
		})
		if err != nil {
			return err
		}
	}
	o.Found(f)
	return nil
}

// fileProblem says what a look at a video's file tells; "" is nothing.
func fileProblem(v Video, path string, times bool) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "the file is gone"
	case size(info) != v.Size:
		return fmt.Sprintf("the file has %d bytes, %d when it was added", size(info), v.Size)
	case times && !v.Modified.IsZero() && !modified(path, info).Equal(v.Modified):
		return "the file has been written to since it was added"
	}
	return ""
}

// checkFeatures reads a file of features.
func (l *Library) checkFeatures(ctx context.Context, v Video, f Features, o CheckOptions) error {
	file := l.featuresFile(f.Encoder, v.ID)
	look := func(ctx context.Context) (string, error) { return l.featuresProblem(ctx, v.ID, f, file) }
	problem, err := look(ctx)
	if err != nil {
		return err
	}
	found := Finding{Video: v.ID, Path: file}
	if problem == "" && f.State == Damaged {
		found.Problem = "the features are marked as damaged, and whole"
		if o.Repair {
			found.Repaired = "marked as ready"
			if err := l.whole(ctx, v.ID, f, look); err != nil {
				return err
			}
			f.State = Ready
		}
		o.Found(found)
	}
	if problem == "" {
		return l.checkIndex(ctx, v, f, file, o)
	}
	_, unknown := l.engine(f.Encoder)
	if !o.Repair || unknown != nil {
		problem, err = l.damaged(ctx, v.ID, f, look)
	} else {
		problem, err = l.unmade(ctx, v.ID, f, look)
		found.Repaired = "removed and queued again"
	}
	if err != nil || problem == "" {
		return err
	}
	found.Problem = problem
	if o.Repair && unknown != nil {
		found.Problem += "; " + unknown.Error()
	}
	o.Found(found)
	if found.Repaired == "" {
		return nil
	}
	_, err = l.want(ctx, v.ID, []string{f.Encoder})
	return err
}

// featuresProblem says what is wrong with a file of features; "" is nothing.
func (l *Library) featuresProblem(ctx context.Context, id ID, f Features, file string) (problem string, err error) {
	hash, err := fileHash(ctx, file)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return err.Error(), nil
	case hash != f.Hash:
		return fmt.Sprintf("its SHA-256 is %.12s…, it was written with %.12s…", hash, f.Hash), nil
	}
	features, closer, err := l.o.Features.Open(ctx, f.Encoder, id)
	if err != nil {
		return err.Error(), nil
	}
	defer closer.Close()
	if err := rowsAre(features, f); err != nil {
		return err.Error(), nil
	}
	// It may be of an encoder that this program was not given.
	if e, err := l.engine(f.Encoder); err == nil {
		if err := e.Description.Check(features.Streams[0].Manifest); err != nil {
			return err.Error(), nil
		}
	}
	return problemOf(readable(features)), nil
}

// checkIndex looks at what the index keeps of intact features. It is made anew where it is
// not whole; without it the video is searched, only slower.
func (l *Library) checkIndex(ctx context.Context, v Video, f Features, file string, o CheckOptions) error {
	c, ok := l.o.Index.(IndexChecker)
	e, err := l.engine(f.Encoder)
	if !ok || err != nil {
		return nil //nolint:nilerr // of an encoder that this program was not given
	}
	for _, space := range e.spaces() {
		problem := c.Check(ctx, Key{space.Name, v.ID, f.Hash})
		if problem == nil {
			continue
		}
		found := Finding{Video: v.ID, Path: file, Problem: "index: " + problem.Error()}
		if o.Repair {
			err := l.reindex(ctx, e, v.ID, f)
			now, getErr := l.Video(ctx, v.ID)
			if errors.Is(getErr, tall.ErrMissing) || getErr == nil && !same(featuresOf(now, f.Encoder), f) {
				return l.forget(ctx, v.ID, f.Encoder) // removed, or encoded anew, meanwhile
			}
			if err != nil {
				return err
			}
			found.Repaired = "the index is made anew"
		}
		o.Found(found)
		if o.Repair {
			return nil // of all spaces
		}
	}
	return nil
}

// reindex makes the index of intact features anew.
func (l *Library) reindex(ctx context.Context, e *Engine, id ID, f Features) error {
	features, closer, err := l.o.Features.Open(ctx, e.Name, id)
	if err != nil {
		return err
	}
	defer closer.Close()
	return l.addToIndex(ctx, e, Key{Video: id, Source: f.Hash}, features)
}

// checkOrphans looks for files of features that no video has.
func (l *Library) checkOrphans(ctx context.Context, o CheckOptions) error {
	for _, e := range l.o.Engines {
		dir, _ := l.o.Features.Path(e.Name, "")
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // nothing was encoded yet
		}
		for _, entry := range entries {
			name, ok := trimExt(entry.Name())
			if !ok {
				continue
			}
			id, err := ParseID(name)
			if err != nil {
				continue // not ours
			}
			v, err := l.Video(ctx, id)
			if err != nil && !errors.Is(err, tall.ErrMissing) {
				return err
			}
			if err == nil && featuresOf(v, e.Name) != nil {
				continue
			}
			f := Finding{Video: id, Path: filepath.Join(dir, entry.Name()), Problem: "features of a video that is not in the catalog"}
			if o.Repair {
				if err := l.forget(ctx, id, e.Name); err != nil {
					return err
				}
				f.Repaired = "removed"
			}
			o.Found(f)
		}
	}
	return nil
}

func trimExt(name string) (string, bool) {
	base := name[:len(name)-len(filepath.Ext(name))]
	return base, filepath.Ext(name) == featuresExt
}
