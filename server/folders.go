package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tall"
	"tall/library"
)

// folders are those that the server may read videos from: roots, and that of uploads.
type folders struct {
	list    []folder
	uploads *folder // nil: none
}

// folder is opened once: what is opened below it cannot lead out of it, whatever links are
// made meanwhile.
type folder struct {
	given  string // absolute
	real   string // with links resolved
	root   *os.Root
	upload bool // clients name no paths here
}

func openFolders(roots []Root, uploads string) (*folders, error) {
	f := &folders{}
	for _, r := range roots {
		if err := f.add(r.Path, false); err != nil {
			return nil, errors.Join(err, f.close())
		}
	}
	if uploads == "" {
		return f, nil
	}
	if err := os.MkdirAll(uploads, 0o700); err != nil {
		return nil, errors.Join(err, f.close())
	}
	if err := f.add(uploads, true); err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.uploads = &f.list[len(f.list)-1]
	if err := f.sweep(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *folders) add(path string, upload bool) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return fmt.Errorf("%w: folder %s: %w", tall.ErrMissing, path, err)
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return fmt.Errorf("folder %s: %w", path, err)
	}
	f.list = append(f.list, folder{abs, real, root, upload})
	return nil
}

func (f *folders) close() error {
	var errs []error
	for _, one := range f.list {
		errs = append(errs, one.root.Close())
	}
	return errors.Join(errs...)
}

// below is a path as seen from a folder; ok where it lies in it.
func below(dir, path string) (rel string, ok bool) {
	rel, err := filepath.Rel(dir, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

var errOutside = fmt.Errorf("%w: the path is not below one of the folders that this server may read (--root)", tall.ErrUnsafe)

// resolve returns the real path of one that a client named, which must lie below a root
// both as it is written and with links resolved. Whether something outside exists is not
// told.
func (f *folders) resolve(path string) (string, error) {
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%w: %s is no absolute path", tall.ErrFormat, quoteShort(path))
	}
	path = filepath.Clean(path)
	inside, missing := false, false
	for _, one := range f.list {
		for _, dir := range []string{one.given, one.real} {
			if rel, ok := below(dir, path); ok && !one.upload {
				_, err := one.root.Stat(rel) // follows no link that leads out
				inside, missing = true, missing || errors.Is(err, fs.ErrNotExist)
			}
		}
	}
	if !inside {
		return "", errOutside
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil && !missing {
		return "", errOutside
	}
	if err != nil {
		return "", fmt.Errorf("%w: there is no %s", tall.ErrMissing, quoteShort(path))
	}
	if one, _ := f.find(real); one == nil || one.upload {
		return "", errOutside
	}
	return real, nil
}

// find returns the folder that a real path lies in, and the path as seen from there.
func (f *folders) find(real string) (*folder, string) {
	for i := range f.list {
		if rel, ok := below(f.list[i].real, real); ok {
			return &f.list[i], rel
		}
	}
	return nil, ""
}

// open opens a video's file. It must be the one that was added: in one of the folders with
// links resolved, or exactly what the catalog says of it, so that nothing else can be put
// in its place to be read through the server.
func (f *folders) open(v library.Video) (*os.File, string, error) {
	errs := []error{fmt.Errorf("%w: the video's file is not where it was", tall.ErrMissing)}
	for i, path := range v.Paths {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		// Looking first, as opening a pipe would wait for its other end.
		if info, err := os.Stat(real); err != nil || !info.Mode().IsRegular() {
			continue
		}
		var file *os.File
		if one, rel := f.find(real); one != nil {
			file, err = one.root.Open(rel)
		} else {
			file, err = os.Open(real)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", tall.ErrMissing, err))
			continue
		}
		info, err := file.Stat()
		if err == nil && info.Mode().IsRegular() && info.Size() == v.Size && (i > 0 || info.ModTime().Equal(v.Modified)) {
			return file, real, nil
		}
		file.Close()
		errs = append(errs, fmt.Errorf("%w: %s is no longer the file that was added; add it again", tall.ErrMissing, filepath.Base(path)))
	}
	return nil, "", errs[len(errs)-1]
}

// removeUpload removes a file that was uploaded; others stay.
func (f *folders) removeUpload(path string) error {
	if f.uploads == nil {
		return nil
	}
	for _, dir := range []string{f.uploads.real, f.uploads.given} {
		if rel, ok := below(dir, path); ok {
			return f.uploads.root.Remove(rel)
		}
	}
	return nil
}

// partPrefix begins the names of uploads that are not complete.
const partPrefix = ".upload-"

// pendingPrefix begins the names of empty files that stand for whole uploads that are not
// in the library yet: a server that ends meanwhile leaves them to the next one.
const pendingPrefix = ".pending-"

// pending lists the uploads that an earlier server did not come to.
func (f *folders) pending() ([]string, error) {
	if f.uploads == nil {
		return nil, nil
	}
	entries, err := os.ReadDir(f.uploads.real)
	var paths []string
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), pendingPrefix)
		if !ok {
			continue
		}
		if _, err := f.uploads.root.Lstat(name); err == nil {
			paths = append(paths, filepath.Join(f.uploads.real, name))
		} else if err := f.settled(name); err != nil {
			return nil, err
		}
	}
	return paths, err
}

// settled ends that an upload is pending.
func (f *folders) settled(name string) error { return removeFile(f.uploads.root, pendingPrefix+name) }

// sweep removes what uploads left that a crash cut off.
func (f *folders) sweep() error {
	entries, err := os.ReadDir(f.uploads.real)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), partPrefix) {
			if err := f.uploads.root.Remove(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
