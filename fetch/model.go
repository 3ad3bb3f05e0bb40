package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tall"
)

// State says how much of a model is on this machine.
type State string

// The states of a model.
const (
	Absent    State = "no"      // nothing
	Partial   State = "partial" // some files, or parts of them
	Unmade    State = "convert" // all that is downloaded; Model.Convert says what is left to do
	Installed State = "yes"
)

// Dir is the folder of a model's files; it need not exist.
func (m Model) Dir() (string, error) {
	root, err := CacheDir()
	if err != nil {
		return "", err
	}
	if m.Folder != "" {
		return filepath.Join(root, filepath.FromSlash(m.Folder)), nil
	}
	return filepath.Join(root, "models", m.Name), nil
}

// State looks which files of a model are there, by their names and sizes; [Verify] reads
// them. It is Absent, too, where no folder can be told.
func (m Model) State() State {
	dir, err := m.Dir()
	if err != nil {
		return Absent
	}
	missing := m.missing(dir)
	switch {
	case len(missing) == 0 && len(unmade(dir, m.Makes)) > 0:
		return Unmade
	case len(unmade(dir, m.Makes)) == 0 && (len(missing) == 0 || len(m.Makes) > 0 && m.onlySources(missing)):
		return Installed
	case len(missing) < len(m.Files):
		return Partial
	}
	for _, f := range m.Files {
		if _, err := os.Stat(m.path(dir, f) + ".part"); err == nil {
			return Partial
		}
	}
	return Absent
}

// missing lists the files that are not there, or in another size.
func (m Model) missing(dir string) (out []ModelFile) {
	for _, f := range m.Files {
		info, err := os.Stat(m.path(dir, f))
		if err != nil || !info.Mode().IsRegular() || f.Size > 0 && info.Size() != f.Size {
			out = append(out, f)
		}
	}
	return out
}

// onlySources reports whether files are weights that a conversion has replaced, so that
// they may be deleted after it: whatever is no small description.
func (m Model) onlySources(missing []ModelFile) bool {
	for _, f := range missing {
		switch filepath.Ext(f.Name) {
		case ".json", ".txt":
			return false
		}
	}
	return true
}

func unmade(dir string, names []string) (out []string) {
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil || !info.Mode().IsRegular() {
			out = append(out, name)
		}
	}
	return out
}

func (m Model) path(dir string, f ModelFile) string {
	return filepath.Join(dir, filepath.FromSlash(f.Name))
}

// ModelDir returns the folder of what a user names as a model: a folder of files, or a
// name of the catalog ([Load]), whose entry is returned too. Errors wrap
// [tall.ErrMissing] and say how to get the model; the files' contents are not looked at.
func ModelDir(name string) (dir string, m Model, err error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return name, Model{}, nil
	}
	c, err := Load()
	if err != nil {
		return "", Model{}, err
	}
	if m, err = c.Find(name); err != nil {
		return "", Model{}, fmt.Errorf("%w; a folder of that name does not exist either", err)
	}
	dir, err = m.Ready()
	return dir, m, err
}

// Ready returns the model's folder once all is there that an encoder reads. Errors wrap
// [tall.ErrMissing] and say what to do.
func (m Model) Ready() (dir string, err error) {
	if dir, err = m.Dir(); err != nil {
		return "", err
	}
	switch m.State() {
	case Installed:
		return dir, nil
	case Unmade:
		return "", fmt.Errorf("%w: %s of the model %s, in %s: what was downloaded must be converted once\n%s", tall.ErrMissing, strings.Join(unmade(dir, m.Makes), ", "), m.Name, dir, strings.TrimRight(m.Convert, "\n"))
	}
	return "", fmt.Errorf("%w: the model %s is not on this machine: tall models pull %s gets it (%s)", tall.ErrMissing, m.Name, m.Name, m.License)
}

// Checked is a file that [Verify] has read.
type Checked struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
	// Known says what the hash was compared with: "catalog", "recorded" at the
	// download, or "" (nothing).
	Known string `json:"compared_with,omitempty"`
	Err   error  `json:"-"`
}

// Verify reads the files of a model and compares their hashes with the catalog's and
// those recorded when they were downloaded. A missing file is an error of its own, unless
// a conversion has taken its place. err is the context's.
func Verify(ctx context.Context, m Model) (files []Checked, err error) {
	dir, err := m.Dir()
	if err != nil {
		return nil, err
	}
	made := len(m.Makes) > 0 && len(unmade(dir, m.Makes)) == 0
	for _, f := range m.Files {
		file := m.file(dir, f)
		c := Checked{Name: f.Name, Path: file.Path}
		switch _, err := os.Stat(record(file.Path)); {
		case f.SHA256 != "":
			c.Known = "catalog"
		case err == nil:
			c.Known = "recorded"
		}
		c.SHA256, c.Err = hashFile(ctx, file.Path)
		switch {
		case ctx.Err() != nil:
			return files, ctx.Err()
		case errors.Is(c.Err, os.ErrNotExist) && made && m.onlySources([]ModelFile{f}):
			continue
		case errors.Is(c.Err, os.ErrNotExist):
			c.Err = fmt.Errorf("%w: %s does not exist; tall models pull %s fetches it", tall.ErrMissing, file.Path, m.Name)
		case c.Err == nil:
			remedy := "delete it and run tall models pull " + m.Name
			if c.Err = file.checkSize(file.Path, remedy); c.Err == nil {
				c.Err = file.check(c.SHA256, remedy)
			}
		}
		files = append(files, c)
	}
	return files, nil
}

// file is what [Get] fetches.
func (m Model) file(dir string, f ModelFile) File {
	return File{URL: f.URL, Path: m.path(dir, f), SHA256: f.SHA256, Size: f.Size, MaxBytes: maxModelBytes}
}
