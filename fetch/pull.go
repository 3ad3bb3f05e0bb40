package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"tall"
)

// PullOptions change how a model is fetched.
type PullOptions struct {
	Options
	// From is a folder on this machine, or one that is mounted, to copy the files from
	// instead of the network: From/NAME/FILE, or From/FILE.
	From string
	// File is called before each file.
	File func(f ModelFile)
}

// Pull fetches the files of a model that are not there yet into its folder, each by
// [Get]: resumed after a kill, verified, and under its name only once it is whole. It
// returns the folder. Files of other sizes or hashes than the catalog's are refused.
//
// Where files cannot be had, the error lists all that are missing, where they come from
// and where to put them.
func Pull(ctx context.Context, m Model, o PullOptions) (dir string, err error) {
	o.fill()
	if dir, err = m.Dir(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("folder of the model %s: %w", m.Name, err)
	}
	if err := o.room(filepath.Join(dir, m.Name), m.left(dir)); err != nil {
		return "", err
	}
	for _, f := range m.Files {
		if o.File != nil {
			o.File(f)
		}
		file := m.file(dir, f)
		if o.From != "" {
			err = o.copy(ctx, m, f, file)
		} else {
			_, err = Get(ctx, file, o.Options)
		}
		if err != nil {
			return "", m.explain(ctx, dir, f, err)
		}
	}
	return dir, nil
}

// left is the number of bytes that are still to come, as far as that is known.
func (m Model) left(dir string) (n int64) {
	for _, f := range m.missing(dir) {
		n += f.Size
		if info, err := os.Stat(m.path(dir, f) + ".part"); err == nil {
			n -= min(f.Size, info.Size())
		}
	}
	return n
}

// explain adds to an error of one file what to do about all.
func (m Model) explain(ctx context.Context, dir string, f ModelFile, err error) error {
	err = fmt.Errorf("model %s, %s: %w", m.Name, f.Name, err)
	if ctx.Err() != nil || errors.Is(err, errNoRoom) || !errors.Is(err, tall.ErrMissing) {
		return err
	}
	var b strings.Builder
	for _, f := range m.missing(dir) {
		fmt.Fprintf(&b, "\n  %s\n    from %s", m.path(dir, f), f.URL)
		if f.Size > 0 {
			fmt.Fprintf(&b, " (%d bytes)", f.Size)
		}
	}
	if b.Len() == 0 {
		return err
	}
	return fmt.Errorf("%w\nwithout a network, place these files, or put them into a folder and run tall models pull %s --from FOLDER:%s", err, m.Name, b.String())
}

// copy takes a file from the local mirror.
func (o *PullOptions) copy(ctx context.Context, m Model, f ModelFile, to File) error {
	if _, err := verify(ctx, to); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	from, err := o.find(m, f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to.Path), 0o755); err != nil {
		return fmt.Errorf("folder of the model: %w", err)
	}
	lock := flock.New(to.Path + ".lock")
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return fmt.Errorf("%s: %w", to.Path, err)
	}
	defer lock.Close()
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is no regular file", tall.ErrFormat, from)
	}
	if f.Size > 0 && info.Size() != f.Size {
		return fmt.Errorf("%w: %s has %d bytes, must have %d; it is another file, or cut", tall.ErrFormat, from, info.Size(), f.Size)
	}
	if err := o.room(to.Path, info.Size()); err != nil {
		return err
	}
	sum := sha256.New()
	err = tall.ReplaceFile(to.Path, func(w io.Writer) error {
		done := int64(0)
		buf := make([]byte, 1<<20)
		for {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("%s: %w", from, context.Cause(ctx))
			}
			n, err := src.Read(buf)
			sum.Write(buf[:n])
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			done += int64(n)
			o.Progress(done, info.Size())
			if errors.Is(err, io.EOF) {
				return to.check(hex.EncodeToString(sum.Sum(nil)), from+" is another file")
			}
			if err != nil {
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	return writeRecord(to.Path, hex.EncodeToString(sum.Sum(nil)))
}

// find looks for a file in the mirror. One model's files may lie there directly, but not
// beside a folder of the model's name, where another's config.json would be taken for it.
func (o *PullOptions) find(m Model, f ModelFile) (string, error) {
	dir := o.From
	if info, err := os.Stat(filepath.Join(o.From, m.Name)); err == nil && info.IsDir() {
		dir = filepath.Join(o.From, m.Name)
	}
	path := filepath.Join(dir, filepath.FromSlash(f.Name))
	switch _, err := os.Stat(path); {
	case err == nil:
		return path, nil
	case dir == o.From:
		return "", fmt.Errorf("%w: it is neither at %s nor at %s", tall.ErrMissing, path, filepath.Join(dir, m.Name, filepath.FromSlash(f.Name)))
	}
	return "", fmt.Errorf("%w: it is not at %s", tall.ErrMissing, path)
}
