package dataset

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tall"
)

const goodLine = `{"id":"a#0","video":"v.avi","duration":80.2,"split":"test","sentence":"He took out a glass","spans":[{"start":7.9,"end":16.5}]}`

func decodeAll(text string) ([]annotation, error) {
	var out []annotation
	err := DecodeLines(strings.NewReader(text), "f.jsonl", func(_ int, a annotation) error {
		out = append(out, a)
		return nil
	})
	return out, err
}

func TestDecodeLines_Accepts(t *testing.T) {
	for name, text := range map[string]string{
		"one line":        goodLine + "\n",
		"no newline":      goodLine,
		"crlf":            goodLine + "\r\n",
		"empty lines":     "\n\n" + goodLine + "\n  \n",
		"blanks":          ` { "id" : "a#0" , "video":"v.avi","sentence":"He took out a glass", "spans" : [ {"end":16.5,"start":7.9} ],"split":"test","duration":8.02e1 } ` + "\n",
		"its own version": strings.Replace(goodLine, `{"id"`, `{"version":1,"id"`, 1),
		"escaped key":     strings.Replace(goodLine, `"split"`, `"\u0073plit"`, 1),
	} {
		got, err := decodeAll(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		d := 80.2
		want := []annotation{{"a#0", "v.avi", &d, "test", "He took out a glass", []tall.Span{{Start: 7.9, End: 16.5}}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestDecodeLines_Refuses(t *testing.T) {
	swap := func(old, with string) string { return goodLine + "\n" + strings.Replace(goodLine, old, with, 1) + "\n" }
	for name, c := range map[string]struct{ text, says string }{
		"unknown key":         {swap(`"split"`, `"splt"`), `unknown key "splt"; the keys are id, video, duration, split, sentence, spans`},
		"key of another case": {swap(`"split"`, `"Split"`), `unknown key "Split"`},
		"unknown nested key":  {swap(`"start"`, `"begin"`), `unknown key "spans[0].begin"; the keys are start, end`},
		"unknown with object": {swap(`"split":"test"`, `"more":{"a":[1,{"b":"]}"}]}`), `unknown key "more"`},
		"key twice":           {swap(`"split":"test"`, `"id":"b"`), `key "id" is given twice`},
		"missing key":         {swap(`"video":"v.avi",`, ``), `key "video" is missing`},
		"missing nested key":  {swap(`,"end":16.5`, ``), `key "spans[0].end" is missing`},
		"null":                {swap(`"test"`, `null`), `"split" is null, must be a string`},
		"null for a slice":    {swap(`[{"start":7.9,"end":16.5}]`, `null`), `"spans" is null, must be an array`},
		"another type":        {swap(`7.9`, `"7.9"`), `"spans[0].start" is a string, must be a number`},
		"array for object":    {swap(`{"start":7.9,"end":16.5}`, `[7.9,16.5]`), `"spans[0]" is an array, must be an object`},
		"too large a number":  {swap(`7.9`, `1e999`), `does not fit`},
		"NaN":                 {swap(`7.9`, `NaN`), `not a JSON object`},
		"not an object":       {goodLine + "\n[1]\n", `the line is an array, must be an object`},
		"two objects":         {goodLine + "\n" + goodLine + goodLine + "\n", `not a JSON object`},
		"not UTF-8":           {swap(`glass`, "gl\xffss"), `not UTF-8`},
		"later version":       {swap(`{"id"`, `{"novel":{},"version":2,"id"`), `later version of the format: 2, this program reads up to 1`},
		"huge version":        {swap(`{"id"`, `{"version":99999999999999999999,"id"`), `later version`},
		"version of no kind":  {swap(`{"id"`, `{"version":"1","id"`), `must be a whole number`},
		"half written":        {goodLine + "\n" + goodLine[:40], `the last line was half written`},
	} {
		_, err := decodeAll(c.text)
		if !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "f.jsonl:2: ") {
			t.Errorf("%s: error %v, want f.jsonl:2, %q", name, err, c.says)
		}
	}
	if _, err := decodeAll("\ufeff" + goodLine); err == nil || !strings.Contains(err.Error(), "byte order mark") {
		t.Errorf("byte order mark: %v", err)
	}
	if _, err := decodeAll(strings.Repeat("a", maxLine+1)); err == nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
		t.Errorf("endless line: %v", err)
	}
}

// A line longer than the reader's buffer must come out whole.
func TestDecodeLines_LongLine(t *testing.T) {
	text := strings.Repeat("word ", 100_000)
	got, err := decodeAll(strings.Replace(goodLine, "He took out a glass", text, 1) + "\n" + goodLine)
	if err != nil || len(got) != 2 || got[0].Sentence != text {
		t.Fatalf("%d lines, error %v", len(got), err)
	}
}

func TestAnnotations_RoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Float64Range(-1e6, 1e6)
		n := 0
		line := rapid.Custom(func(t *rapid.T) tall.Example {
			n++
			return tall.Example{
				ID: rapid.String().Draw(t, "id") + string(rune('0'+n%10)) + strings.Repeat("x", n), Video: "v" + rapid.String().Draw(t, "video"),
				Split: rapid.String().Draw(t, "split"), Duration: rapid.Float64Range(0.1, 1e6).Draw(t, "duration"), FPS: 1,
				Sentence: tall.Sentence{Text: rapid.String().Draw(t, "text")},
				Truth: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) tall.Span {
					return tall.Span{Start: number.Draw(t, "start"), End: number.Draw(t, "end")} // reversed ones too
				}), 0, 3).Draw(t, "truth"),
			}
		})
		want := rapid.SliceOfN(line, 0, 5).Draw(t, "examples")
		path := filepath.Join(dir, "a.jsonl")
		if err := WriteAnnotations(path, want); err != nil {
			t.Fatal(err)
		}
		got, err := ReadAnnotations(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Frames become seconds when they are written.
func TestWriteAnnotations_Seconds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	e := tall.Example{ID: "a", Video: "v", FPS: 29.4, Truth: []tall.Span{{Start: 294, End: 588}}}
	if err := WriteAnnotations(path, []tall.Example{e}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	want := `{"id":"a","video":"v","sentence":"","spans":[{"start":10,"end":20}]}` + "\n"
	if err != nil || string(text) != want {
		t.Fatalf("%s, error %v, want %s", text, err, want)
	}
}

func TestWriteAnnotations_Refuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	good := tall.Example{ID: "a", Video: "v", FPS: 1}
	for says, examples := range map[string][]tall.Example{
		`id "a" is used twice`: {good, good},
		`"id" is empty`:        {{Video: "v"}},
		`"video" is empty`:     {{ID: "a"}},
		`is not UTF-8`:         {{ID: "a", Video: "v\xff"}},
		`JSON has no such`:     {{ID: "a", Video: "v", Truth: []tall.Span{{Start: math.NaN()}}}},
	} {
		if err := WriteAnnotations(path, examples); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("files left behind: %v", left)
	}
}

func TestReadAnnotations_Refuses(t *testing.T) {
	dir := t.TempDir()
	for says, text := range map[string]string{
		"a.jsonl:3: bad format: id \"a#0\" stands on line 1 already": goodLine + "\n\n" + goodLine,
		`"duration" is 0, must be above 0`:                           strings.Replace(goodLine, "80.2", "0", 1),
		`"id" is empty`:                                              strings.Replace(goodLine, "a#0", "", 1),
	} {
		path := filepath.Join(dir, "a.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadAnnotations(path); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
	if _, err := ReadAnnotations(filepath.Join(dir, "none.jsonl")); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("absent file: %v", err)
	}
}

// The document's own examples must be read by the code.
func TestFormatsDocument(t *testing.T) {
	doc, err := os.ReadFile("../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "## Annotations")
	_, rest, _ = strings.Cut(rest, "```json\n")
	sample, _, _ := strings.Cut(rest, "```")
	if got, err := decodeAll(sample); err != nil || len(got) != 1 {
		t.Fatalf("%d lines, error %v", len(got), err)
	}
	for _, key := range schemaOf(reflect.TypeFor[annotation]()).keys {
		if !strings.Contains(string(doc), "| `"+key+"` |") {
			t.Errorf("docs/formats.md does not describe the key %q", key)
		}
	}
}

func FuzzDecodeLines(f *testing.F) {
	f.Add([]byte(goodLine + "\n" + goodLine))
	f.Add([]byte(`{"version":2,"a":[{"b":"\"}"}]}`))
	f.Add([]byte(`{"id":"\ud800","video":"\/","sentence":"","spans":[]}`))
	f.Add([]byte(goodLine[:60]))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeAll(string(data))
		if err != nil {
			return
		}
		// What was read can be written and is read as the same again.
		var text strings.Builder
		for _, a := range got {
			line, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(line)
			text.WriteByte('\n')
		}
		again, err := decodeAll(text.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Lines like those of a prediction file: 300 spans each.
func BenchmarkDecodeLines(b *testing.B) {
	line := strings.Replace(goodLine, `{"start":7.9,"end":16.5}`, strings.Repeat(`{"start":7.925170068027211,"end":16.49659863945578},`, 299)+`{"start":7.9,"end":16.5}`, 1)
	text := strings.Repeat(line+"\n", 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if got, err := decodeAll(text); err != nil || len(got) != 100 {
			b.Fatal(err)
		}
	}
}
