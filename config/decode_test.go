package config

import (
	"errors"
	"strings"
	"testing"

	"tall"
)

type decoded struct {
	Name  string    `yaml:"name"`
	Size  int       `yaml:"size"`
	Parts []decoded `yaml:"parts"`
}

func TestDecode(t *testing.T) {
	var d decoded
	doc, err := Decode("d.yaml", []byte("name: a\nsize: 7\nparts:\n  - name: b\n  - {name: c,\n     size: 1}\n"), &d)
	if err != nil || d.Name != "a" || d.Size != 7 || len(d.Parts) != 2 || d.Parts[1].Size != 1 {
		t.Fatalf("%+v %v", d, err)
	}
	for path, want := range map[string]string{
		"$.size":             "d.yaml:2:7: wrong",
		"$.parts[0].name":    "d.yaml:4:11: wrong",
		"$.parts[1].size":    "d.yaml:6:12: wrong",
		"$.parts[1].missing": "d.yaml:5:6: wrong", // the nearest around it
		"$.parts[0]":         "d.yaml:4:5: wrong",
		"$.nothing":          "d.yaml: wrong",
	} {
		e := doc.Fault(path, "wr%s", "ong")
		if e.Error() != want || !errors.Is(e, tall.ErrFormat) {
			t.Errorf("%s: %v, want %s", path, e, want)
		}
		if e.Line > 0 && !strings.HasSuffix(e.Excerpt(), "^") {
			t.Errorf("%s: %s", path, e.Excerpt())
		}
	}
}

func TestDecode_Refuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                                 "empty",
		"# nothing\n":                      "empty",
		"name: [":                          "not YAML",
		"namo: a\n":                        `d.yaml:1:1: there is no key "namo": did you mean "name"?`,
		"other: a\n":                       "there are name, size, parts",
		"parts:\n  - nam: a\n":             `d.yaml:2:5: there is no key "nam"`,
		"size: big\n":                      "d.yaml:1:7",
		"size: 1\nsize: 2\n":               "d.yaml:2:1",
		"name: a\nparts:\n - size: 1.5\n":  "d.yaml:3:10: 1.5 is no whole number",
		"size: .inf\n":                     "d.yaml:1:7",
		"name: a\n---\nname: b\n":          "d.yaml:3:1: a second document",
		"name: !x a\n":                     "tags, anchors and aliases",
		"name: &x a\n":                     "tags, anchors and aliases",
		"name: \xff\n":                     "not UTF-8",
		"parts: !000000 ":                  "tags, anchors and aliases", // the decoder panics on it
		"parts:\n  <<: {name: a}\n":        "tags, anchors and aliases",
		strings.Repeat("- ", 9000) + "a\n": "opens more than 8192",
		strings.Repeat("#", 300<<10):       "larger than 256 KiB",
	} {
		var d decoded
		_, err := Decode("d.yaml", []byte(text), &d)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v, want %q", text, err, says)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"name: a\nparts:\n  - {name: b, size: 1}\n", "parts: !!x [", "name: |\n  text\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var d decoded
		doc, err := Decode("d.yaml", data, &d)
		if err == nil {
			_ = doc.Fault("$.parts[0].name", "wrong").Error()
		} else if !errors.Is(err, tall.ErrFormat) {
			t.Fatal(err)
		}
	})
}
