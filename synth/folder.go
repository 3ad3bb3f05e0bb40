package synth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tall"
)

const (
	marker     = ".tall-synth" // in a folder that this package may fill again
	markerText = "This folder holds a synthetic corpus. Writing another one here replaces it.\n"
	workPrefix = ".synth-" // of hidden folders in which a corpus is built
)

// place is the folder of a corpus while it is written.
type place struct {
	dir  string // absolute
	work string // hidden folder in dir in which the corpus is built

	made, fresh bool // dir is new; dir was empty
	published   bool
}

// claim checks that a corpus may be written into dir, and makes it.
func claim(dir string, force bool) (*place, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	p := &place{dir: abs}
	entries, err := os.ReadDir(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.made, p.fresh = true, true
		return p, os.MkdirAll(abs, 0o777)
	case err != nil:
		return nil, fmt.Errorf("synthetic corpus: %w", err)
	case len(entries) == 0:
		p.fresh = true
		return p, nil
	}
	if _, err := os.Lstat(filepath.Join(abs, marker)); err != nil && !force {
		return nil, fmt.Errorf("synthetic corpus: %s holds other things, such as %s; name a new or empty folder, or use force to write beside them",
			abs, entries[0].Name())
	}
	return p, nil
}

// clear removes the hidden folders of runs that were killed; a run that is still
// at work thereby fails, and does not mix its files with ours.
func (p *place) clear() error {
	others, err := p.hidden()
	if err != nil {
		return err
	}
	for _, path := range others {
		// Renamed first, so that nobody writes into it while it is removed.
		stale := path + ".stale"
		if err := os.Rename(path, stale); err != nil {
			return err
		}
		if err := os.RemoveAll(stale); err != nil {
			return err
		}
	}
	return nil
}

// begin marks the folder and makes the hidden one.
func (p *place) begin() (err error) {
	if err := os.WriteFile(filepath.Join(p.dir, marker), []byte(markerText), 0o666); err != nil {
		return err
	}
	if p.work, err = os.MkdirTemp(p.dir, workPrefix); err != nil {
		return err
	}
	// Two that began in the same moment see each other here.
	others, err := p.hidden()
	if err == nil && len(others) > 1 {
		err = fmt.Errorf("synthetic corpus: %s: %w: another run has begun to write here; wait for it, or name another folder", p.dir, tall.ErrLocked)
	}
	return err
}

// hidden lists the folders in which corpora are being built.
func (p *place) hidden() (paths []string, err error) {
	entries, err := os.ReadDir(p.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), workPrefix) {
			paths = append(paths, filepath.Join(p.dir, e.Name()))
		}
	}
	return paths, err
}

// publish moves the corpus to its place; tall.yaml goes first and comes last.
func (p *place) publish(yaml string) error {
	config := filepath.Join(p.dir, configName)
	if err := os.Remove(config); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(p.work)
	if err != nil {
		return err
	}
	for _, e := range entries {
		target := filepath.Join(p.dir, e.Name())
		if err := os.RemoveAll(target); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(p.work, e.Name()), target); err != nil {
			return err
		}
	}
	err = tall.ReplaceFile(config, func(w io.Writer) error {
		_, err := io.WriteString(w, yaml)
		return err
	})
	p.published = err == nil
	return err
}

// release removes the hidden folder, and all traces where nothing came of it.
func (p *place) release() {
	if p.work != "" {
		os.RemoveAll(p.work)
	}
	if p.published || !p.fresh {
		return
	}
	if entries, err := os.ReadDir(p.dir); err != nil || len(entries) > 1 {
		return // somebody else has begun to write here
	}
	os.Remove(filepath.Join(p.dir, marker))
	if p.made {
		os.Remove(p.dir) // only if empty
	}
}

// totalBytes is the size of all files below root.
func totalBytes(root string) (sum int64, err error) {
	err = filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
