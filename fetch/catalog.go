package fetch

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tall"
	"tall/config"
)

//go:embed catalog.yaml
var builtin []byte

// Kinds of a [Model]: what it is an encoder of.
const (
	KindVideo     = "video"
	KindSentence  = "sentence"
	KindBoth      = "both"      // of one space
	KindLocalizer = "localizer" // no encoder: weights for --weights
)

// Kinds lists the kinds of a model.
func Kinds() []string { return []string{KindVideo, KindSentence, KindBoth, KindLocalizer} }

// Model is an entry of a catalog.
type Model struct {
	Name    string      `yaml:"name" json:"name"`       // lower-case letters, digits, dots and dashes
	Kind    string      `yaml:"kind" json:"kind"`       // one of [Kinds]
	Encoder string      `yaml:"encoder" json:"encoder"` // as manifests name it: "clip", "minilm"
	Purpose string      `yaml:"purpose" json:"purpose"` // what it is good for
	License string      `yaml:"license" json:"license"`
	Source  string      `yaml:"source" json:"source"` // page
	Dim     int         `yaml:"dim" json:"dim,omitempty"`
	Folder  string      `yaml:"folder" json:"-"` // below the folder for downloads; "": models/NAME
	Base    string      `yaml:"base" json:"-"`   // address before the names of files without their own
	Files   []ModelFile `yaml:"files" json:"files"`
	// Convert says how to make the files of Makes, which the encoder reads, from those
	// that are downloaded.
	Convert string   `yaml:"convert" json:"convert,omitempty"`
	Makes   []string `yaml:"makes" json:"makes,omitempty"`
}

// ModelFile is a file of a model.
type ModelFile struct {
	Name   string `yaml:"name" json:"name"`               // in the model's folder, with slashes
	URL    string `yaml:"url" json:"url"`                 // "" in the YAML: base and name
	Size   int64  `yaml:"size" json:"size,omitempty"`     // bytes; 0: unknown
	SHA256 string `yaml:"sha256" json:"sha256,omitempty"` // hex; "": recorded at the first download
}

// Size is the number of bytes of all files, and whether all are known.
func (m Model) Size() (bytes int64, all bool) {
	all = true
	for _, f := range m.Files {
		bytes += f.Size
		all = all && f.Size > 0
	}
	return bytes, all
}

// Catalog is a list of models in the order of its files.
type Catalog struct {
	Models []Model
}

// CatalogName is the file in the configuration folder that adds to the catalog.
const CatalogName = "catalog.yaml"

// Load returns the catalog that the program carries, with the entries of the user's own:
// catalog.yaml in the folder tall of the system's configuration folder, where there is
// one, and the files at paths. An entry replaces one of its name. Errors name file, line
// and column ([config.Error]), or wrap [tall.ErrMissing] for a path without a file.
func Load(paths ...string) (*Catalog, error) {
	c, err := ParseCatalog("built-in catalog.yaml", builtin)
	if err != nil {
		return nil, err
	}
	if dir, err := os.UserConfigDir(); err == nil {
		own := filepath.Join(dir, "tall", CatalogName)
		if _, err := os.Stat(own); err == nil {
			paths = append([]string{own}, paths...)
		}
	}
	for _, path := range paths {
		data, err := readCatalog(path)
		if err != nil {
			return nil, err
		}
		more, err := ParseCatalog(path, data)
		if err != nil {
			return nil, err
		}
		for _, m := range more.Models {
			if i := c.index(m.Name); i >= 0 {
				c.Models[i] = m
			} else {
				c.Models = append(c.Models, m)
			}
		}
	}
	return c, nil
}

func readCatalog(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: the catalog %s does not exist; correct the path", tall.ErrMissing, path)
	}
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<20)) // ParseCatalog takes less, and says so
	if err != nil {
		return nil, fmt.Errorf("catalog %s: %w", path, err)
	}
	return data, nil
}

// ParseCatalog reads a catalog from memory; name stands in errors, which are a
// [config.Error]. Addresses of files are made whole.
func ParseCatalog(name string, data []byte) (*Catalog, error) {
	var file struct {
		Models []Model `yaml:"models"`
	}
	doc, err := config.Decode(name, data, &file)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range file.Models {
		m, at := &file.Models[i], fmt.Sprintf("$.models[%d]", i)
		if key, why := m.check(); why != "" {
			return nil, doc.Fault(at+key, "model %q: %s", m.Name, why)
		}
		if seen[m.Name] {
			return nil, doc.Fault(at+".name", "a second model with the name %q", m.Name)
		}
		seen[m.Name] = true
	}
	return &Catalog{file.Models}, nil
}

var (
	modelName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Bounds of an entry.
const (
	maxModelFiles = 256
	maxModelBytes = 1 << 40
)

// check completes an entry. It returns the key at fault and what is wrong with it.
func (m *Model) check() (key, why string) {
	switch {
	case !modelName.MatchString(m.Name):
		return ".name", "a name has lower-case letters, digits, dots and dashes, at most 64"
	case !slices.Contains(Kinds(), m.Kind):
		return ".kind", fmt.Sprintf("there is no kind %q%s; there are %s", m.Kind, config.Meant(m.Kind, Kinds()), strings.Join(Kinds(), ", "))
	case m.Encoder == "":
		return ".encoder", "without encoder, the program that reads it: clip, minilm, c3d, ..."
	case m.Dim < 0:
		return ".dim", "dim is the length of its vectors"
	case m.Folder != "" && !filepath.IsLocal(m.Folder):
		return ".folder", "folder must lie below the folder for downloads"
	case len(m.Files) == 0:
		return ".files", "without files"
	case len(m.Files) > maxModelFiles:
		return ".files", fmt.Sprintf("more than %d files", maxModelFiles)
	case m.Base != "" && !isAddress(m.Base):
		return ".base", fmt.Sprintf("%q is no http or https address", m.Base)
	case (m.Convert == "") != (len(m.Makes) == 0):
		return ".convert", "convert, how to make files, and makes, their names, go together"
	}
	seen := map[string]bool{}
	for i := range m.Files {
		f := &m.Files[i]
		if f.URL == "" && m.Base != "" {
			f.URL = strings.TrimSuffix(m.Base, "/") + "/" + f.Name
		}
		key, why := f.check()
		if why == "" && seen[f.Name] {
			key, why = ".name", fmt.Sprintf("%s twice", f.Name)
		}
		if why != "" {
			return fmt.Sprintf(".files[%d]%s", i, key), why
		}
		seen[f.Name] = true
	}
	for i, name := range m.Makes {
		if !isFileName(name) || seen[name] {
			return fmt.Sprintf(".makes[%d]", i), fmt.Sprintf("%q is no name of a further file in the folder", name)
		}
	}
	return "", ""
}

func (f *ModelFile) check() (key, why string) {
	f.SHA256 = strings.ToLower(f.SHA256)
	_, address := In("", f.URL)
	switch {
	case !isFileName(f.Name):
		return ".name", fmt.Sprintf("%q is no name of a file in the model's folder", f.Name)
	case f.URL == "":
		return ".url", fmt.Sprintf("%s has no url, and the model no base", f.Name)
	case address != nil:
		return ".url", fmt.Sprintf("%q is no http or https address of a file", f.URL)
	case f.Size < 0 || f.Size > maxModelBytes:
		return ".size", "size is the number of bytes"
	case f.SHA256 != "" && !hexSHA256.MatchString(f.SHA256):
		return ".sha256", "a SHA-256 has 64 hexadecimal digits"
	}
	return "", ""
}

// isFileName tells a path that stays in its folder on every system, and is none of the
// names that downloads use beside their files.
func isFileName(name string) bool {
	for _, part := range strings.Split(name, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\\:*?\"<>|\x00") || len(part) > 128 {
			return false
		}
	}
	return len(name) <= 256 && filepath.IsLocal(filepath.FromSlash(name)) && !slices.Contains(sideFiles, filepath.Ext(name))
}

// sideFiles are the extensions of what lies beside a download.
var sideFiles = []string{".part", ".tag", ".sha256", ".lock"}

func isAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func (c *Catalog) index(name string) int {
	return slices.IndexFunc(c.Models, func(m Model) bool { return m.Name == name })
}

// All lists the models; none for a nil catalog.
func (c *Catalog) All() []Model {
	if c == nil {
		return nil
	}
	return c.Models
}

// Names lists the models' names.
func (c *Catalog) Names() []string {
	names := make([]string, len(c.Models))
	for i, m := range c.Models {
		names[i] = m.Name
	}
	return names
}

// Find returns the model of a name, in any case of letters. The error wraps
// [tall.ErrMissing] and suggests the nearest name.
func (c *Catalog) Find(name string) (Model, error) {
	if i := c.index(strings.ToLower(name)); i >= 0 {
		return c.Models[i], nil
	}
	hint := config.Meant(strings.ToLower(name), c.Names())
	if hint == "" { // a part of a name
		like := slices.DeleteFunc(c.Names(), func(n string) bool { return !strings.Contains(n, strings.ToLower(name)) })
		if len(like) == 0 {
			like = c.Names()
		}
		hint = "; there are " + strings.Join(like, ", ")
	}
	return Model{}, fmt.Errorf("%w: no model %q in the catalog%s (tall models list)", tall.ErrMissing, name, hint)
}
