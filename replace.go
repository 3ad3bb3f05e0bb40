package tall

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
)

// ReplaceFile writes a file so that a reader, a crash or a full disk never sees
// half of it: the bytes go to a temporary file in the same folder, are forced to
// disk, and take the name by a rename. When write or any step before the rename
// fails, the old file stays as it was and the temporary one is removed. The
// folder is made where it is missing.
func ReplaceFile(path string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := createTemp(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	renamed := false
	defer func() { // also when write panics
		if !renamed {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := fillAndSync(f, write); err != nil {
		return fmt.Errorf("write %s: %w (what stood there before is unchanged)", path, bare(err, f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w (what stood there before is unchanged)", path, bare(err, f.Name()))
	}
	renamed = true
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: the file is complete, but its folder could not be forced to disk: %w", path, err)
	}
	return nil
}

// bare takes the name of the temporary file, which means nothing to anybody, out
// of an error.
func bare(err error, temp string) error {
	var p *fs.PathError
	if errors.As(err, &p) && p.Path == temp {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) && l.Old == temp {
		return l.Err
	}
	return err
}

// createTemp makes a new hidden file beside path. Unlike os.CreateTemp it
// leaves the permissions to the umask, or takes those of the file that it will
// replace.
func createTemp(path string) (*os.File, error) {
	mode, old := fs.FileMode(0o666), false
	if info, err := os.Stat(path); err == nil {
		switch {
		case info.IsDir():
			return nil, errors.New("there is a folder of that name")
		case !info.Mode().IsRegular(): // root could replace /dev/null
			return nil, fmt.Errorf("%w: there is a device or pipe of that name", ErrUnsafe)
		}
		mode, old = info.Mode().Perm(), true
	}
	for try := 0; ; try++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x.tmp", filepath.Base(path), rand.Uint32()))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		switch {
		case errors.Is(err, fs.ErrExist) && try < 100:
			continue
		case err != nil:
			return nil, err
		case old:
			// The umask may have taken away what the old file had; a file system
			// without permissions is no reason to fail.
			_ = f.Chmod(mode)
		}
		return f, nil
	}
}

func fillAndSync(f *os.File, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// syncDir makes a rename last. Windows has no such call, and no need of it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
