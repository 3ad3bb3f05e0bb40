package fetch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tall"
	"tall/config"
)

// The entries of the program itself are sound, and hold what the documents promise.
func TestCatalog_Builtin(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"clip-vit-b-32", "clip-vit-b-16", "clip-vit-l-14", "tinyclip-vit-8m-16", "all-minilm-l6-v2",
		"all-minilm-l12-v2", "c3d-sports1m", "skip-thoughts", "glove", "tall-released",
	} {
		m, err := c.Find(strings.ToUpper(name))
		if err != nil {
			t.Error(err)
			continue
		}
		if m.Purpose == "" || m.License == "" || m.Source == "" {
			t.Errorf("%s: no purpose, license or source", name)
		}
		if m.Kind != KindLocalizer && m.Dim == 0 {
			t.Errorf("%s: no dim", name)
		}
	}
	released, err := c.Find("tall-released")
	if err != nil {
		t.Fatal(err)
	}
	if released.Files[0].URL != ReleasedURL {
		t.Errorf("the released weights lie at %s, and at %s", released.Files[0].URL, ReleasedURL)
	}
	// tall eval keeps its download in the same place.
	dir, err := released.Dir()
	cache, err2 := CacheDir()
	if err != nil || err2 != nil || dir != cache {
		t.Errorf("%s and %s, %v %v", dir, cache, err, err2)
	}
	_, err = c.Find("clip-vit-b32")
	if !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), `did you mean "clip-vit-b-32"?`) {
		t.Error(err)
	}
}

const ownCatalog = `models:
  - name: mine
    kind: sentence
    encoder: minilm
    purpose: tests
    license: none
    source: http://example.org
    dim: 4
    base: http://example.org/files
    files:
      - name: config.json
      - name: sub/weights.bin
        url: https://example.org/other.bin
        size: 12
`

func TestLoad_Own(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("HOME", dir)
	own, err := os.UserConfigDir()
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(own, "tall", CatalogName)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, path, ownCatalog)
	flag := filepath.Join(dir, "flag.yaml")
	write(t, flag, strings.NewReplacer("mine", "glove", "purpose: tests", "purpose: replaced").Replace(ownCatalog))
	c, err := Load(flag)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Find("mine")
	if err != nil {
		t.Fatal(err)
	}
	if m.Files[0].URL != "http://example.org/files/config.json" || m.Files[1].URL != "https://example.org/other.bin" {
		t.Errorf("%+v", m.Files)
	}
	if m, err := c.Find("glove"); err != nil || m.Purpose != "replaced" {
		t.Errorf("%+v %v", m, err)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestParseCatalog_Faults(t *testing.T) {
	for _, c := range []struct{ old, now, says string }{
		{"kind: sentence", "kind: sentnce", `c.yaml:3:11: model "mine": there is no kind "sentnce": did you mean "sentence"?`},
		{"name: mine", "name: ../mine", `c.yaml:2:11: model "../mine": a name has`},
		{"encoder: minilm", "encodr: minilm", `c.yaml:4:5: there is no key "encodr": did you mean "encoder"?`},
		{"encoder: minilm", "kind: both", `c.yaml:4:5: not YAML: mapping key "kind" already defined`},
		{"dim: 4", "dim: four", `c.yaml:8:10: `},
		{"dim: 4", "dim: -4", `c.yaml:8:10: model "mine": dim is`},
		{"base: http://example.org/files", "base: ftp://example.org", `c.yaml:9:11: model "mine": "ftp://example.org" is no http`},
		{"base: http://example.org/files", "folder: ../up", `c.yaml:9:13: model "mine": folder must lie below`},
		{"base: http://example.org/files", "purpose2: x", `c.yaml:9:5: there is no key "purpose2"`},
		{"    base: http://example.org/files\n", "", `config.json has no url, and the model no base`},
		{"name: sub/weights.bin", "name: sub/../../weights.bin", `c.yaml:12:15: model "mine": "sub/../../weights.bin" is no name`},
		{"name: sub/weights.bin", "name: weights.bin.sha256", `is no name`},
		{"name: sub/weights.bin", "name: config.json", `c.yaml:12:15: model "mine": config.json twice`},
		{"https://example.org/other.bin", "https://example.org/", `c.yaml:13:14: model "mine": "https://example.org/" is no http`},
		{"https://example.org/other.bin", "file:///etc/passwd", `is no http or https address of a file`},
		{"size: 12", "sha256: 12", `a SHA-256 has 64`},
		{"size: 12", "size: -1", `c.yaml:14:15: model "mine": size is`},
		{"size: 12", "size: 12\n    convert: by hand", `c.yaml:15:14: model "mine": convert`},
		{"size: 12", "size: 12\n    convert: by hand\n    makes: [config.json]", `is no name of a further file`},
		{"models:\n", "models: [\n", `not YAML`},
		{ownCatalog, "", `c.yaml: the file is empty`},
		{ownCatalog, "models: []\n---\nmodels: []\n", `a second document`},
		{ownCatalog, "models:\n  - {}\n", `c.yaml:2:5: model "": a name has`},
		{ownCatalog, ownCatalog + strings.TrimPrefix(ownCatalog, "models:\n"), `c.yaml:15:11: a second model with the name "mine"`},
		{ownCatalog, "\x00", `not UTF-8 text`},
		{ownCatalog, strings.Repeat("[", 1<<17), `opens more than`},
		{ownCatalog, strings.Repeat("# \n", 1<<17), `larger than 256 KiB`},
	} {
		_, err := ParseCatalog("c.yaml", []byte(strings.Replace(ownCatalog, c.old, c.now, 1)))
		var e *config.Error
		if !errors.As(err, &e) || !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q for %q: %v, want %q", c.now, c.old, err, c.says)
		}
	}
}

func FuzzParseCatalog(f *testing.F) {
	f.Add(builtin)
	f.Add([]byte(ownCatalog))
	f.Add([]byte("models: &a\n  - *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCatalog("c.yaml", data)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) {
				t.Fatalf("not wrapped: %v", err)
			}
			return
		}
		for _, m := range c.Models {
			for _, f := range m.Files {
				if path := m.path("root", f); !strings.HasPrefix(path, "root"+string(filepath.Separator)) {
					t.Fatalf("%s leaves its folder", path)
				}
			}
		}
	})
}

// The catalog that docs/models.md shows is one.
func TestParseCatalog_Document(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "models.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "    models:\n")
	if !ok {
		t.Fatal("no catalog in it")
	}
	// The block ends with the first line that is not indented.
	var lines []string
	for line := range strings.Lines(block) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "    ") {
			break
		}
		lines = append(lines, line)
	}
	c, err := ParseCatalog("models.md", []byte("    models:\n"+strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := c.Find("e5-small"); err != nil || len(m.Files) != 4 {
		t.Errorf("%+v %v", m, err)
	}
}
