package tall_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// imports is the table of docs/architecture.md: which packages of the module,
// and which modules from outside, a package may import. Everything may import
// the standard library. Widening a row needs a line in docs/decisions.md.
var imports = map[string][]string{
	".":                     {},
	"tensor":                {"golang.org/x/sys"},
	"tensor/asm":            {"github.com/mmcloughlin/avo"}, // a module of its own
	"nn":                    {"tensor"},
	"numpy":                 {"."},
	"weights":               {".", "numpy"},
	"feature":               {".", "numpy", "weights", "github.com/edsrzf/mmap-go"},
	"dataset":               {".", "feature", "numpy"},
	"synth":                 {".", "dataset", "feature", "numpy", "media"},
	"synth/kitchen":         {".", "dataset", "media", "golang.org/x/image"},
	"synth/kitchen/example": {"."},
	"synth/collection":      {".", "feature", "weights"},
	"model/ctrl":            {".", "feature", "nn", "tensor", "weights"},
	"train":                 {".", "dataset", "eval", "nn", "tensor", "weights", "github.com/gofrs/flock"},
	"eval":                  {".", "dataset"},
	"report":                {".", "eval", "charm.land/lipgloss", "gonum.org/v1/plot"},
	"media":                 {".", "golang.org/x/image", "golang.org/x/sys"},
	"encode":                {".", "media", "feature", "nn", "tensor", "weights", "numpy", "encode/clip", "encode/bert", "encode/c3d", "encode/skipthought", "encode/classical", "encode/onnx"},
	"encode/clip":           {".", "media", "feature", "nn", "tensor", "weights", "golang.org/x/text", "golang.org/x/image"},
	"encode/bert":           {".", "nn", "tensor", "weights", "golang.org/x/text"},
	"encode/c3d":            {".", "media", "feature", "nn", "tensor", "weights", "numpy"},
	"encode/skipthought":    {".", "nn", "tensor", "weights", "numpy", "github.com/edsrzf/mmap-go"},
	"encode/classical":      {".", "media", "feature", "tensor"},
	"encode/onnx":           {".", "media", "feature", "config", "github.com/ebitengine/purego", "golang.org/x/sys"},
	"model/contrast":        {".", "tensor"},
	"calibrate":             {"."},
	"export":                {"."},
	"library":               {".", "calibrate", "feature", "tensor"},
	"library/sqlite":        {".", "library", "feature", "tensor", "weights", "modernc.org/sqlite", "github.com/riverqueue/river", "github.com/edsrzf/mmap-go", "github.com/gofrs/flock"},
	"server":                {".", "export", "library", "github.com/danielgtaylor/huma", "github.com/prometheus/client_golang", "golang.org/x/time"},
	"config":                {".", "github.com/goccy/go-yaml"},
	"fetch":                 {".", "config", "github.com/gofrs/flock"},
	"internal/shared":       {},
	"internal/testcmd":      {"*"},
	"cmd/tall":              {"*"},
}

// testOnly may be imported by any package's tests.
var testOnly = []string{
	"internal/shared", "github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak",
	"github.com/rogpeppe/go-internal", "github.com/chromedp/chromedp", "github.com/chromedp/cdproto",
}

func TestImports_FollowTheTable(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == "testdata" || name != "." && strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		row, ok := imports[pkg]
		if !ok {
			t.Errorf("%s: package %s is not in the table", path, pkg)
			return nil
		}
		seen[pkg] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			if !allowed(pkg, row, name, strings.HasSuffix(path, "_test.go")) {
				t.Errorf("%s: package %s may not import %s", path, pkg, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range imports {
		if !seen[pkg] && !strings.HasPrefix(pkg, "internal/") {
			t.Errorf("the table lists %s, which does not exist", pkg)
		}
	}
}

func allowed(pkg string, row []string, name string, test bool) bool {
	ours, isOurs := strings.CutPrefix(name, "tall/")
	if name == "tall" {
		ours, isOurs = ".", true
	}
	if isOurs {
		name = ours
	} else if !strings.Contains(strings.SplitN(name, "/", 2)[0], ".") {
		return true // standard library
	}
	if slices.Contains(row, "*") || name == pkg {
		return true
	}
	match := func(rule string) bool { return name == rule || !isOurs && strings.HasPrefix(name, rule+"/") }
	if slices.ContainsFunc(row, match) {
		return true
	}
	// Tests may reach sideways: a test of the model reads real data.
	return test && (isOurs && !strings.HasPrefix(name, "cmd/") || slices.ContainsFunc(testOnly, match))
}
