package dataset

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tall"
)

// corpusFile is a file of annotations.
type corpusFile struct {
	path  string
	split string // "": its name tells none, and none was asked for
}

// Kinds of files beside those of [Corpora] that belong to a corpus.
const (
	durationsFile = "durations" // of videos
	unknownFile   = ""
)

// splitWord finds a split in the name of a file.
var splitWord = regexp.MustCompile(`(?i)(?:^|[^a-z0-9])(train|training|val_1|val_2|val|valid|validation|dev|test)(?:[^a-z0-9]|$)`)

// fileSplit is the split that a file's name tells, "" where it tells none or
// several.
func fileSplit(path string) string {
	found, rest := "", filepath.Base(path)
	for {
		at := splitWord.FindStringSubmatchIndex(rest)
		if at == nil {
			return canonicalSplit(found)
		}
		if found != "" {
			return ""
		}
		found = rest[at[2]:at[3]]
		rest = rest[at[3]:] // what ends this word may begin the next
	}
}

func canonicalSplit(s string) string {
	switch s = strings.ToLower(s); s {
	case "training":
		return "train"
	case "valid", "validation", "dev":
		return "val"
	}
	return s
}

// corpusFiles finds the files to read, and the corpus where name is "".
func (g *gathering) corpusFiles(name, path string) (string, []corpusFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	if info.IsDir() {
		return g.folder(name, path)
	}
	if !info.Mode().IsRegular() { // it is read twice: what it is, and what it holds
		return "", nil, fmt.Errorf("%w: %s is no regular file; write what it gives into one", tall.ErrFormat, path)
	}
	if name == "" {
		if name, err = sniffFile(path); err != nil {
			return "", nil, err
		}
		if name == unknownFile || name == durationsFile {
			return "", nil, fmt.Errorf("%w: %s is of no form that is read here; if it is one, name it: %s", tall.ErrFormat, path, strings.Join(Corpora(), ", "))
		}
	}
	split := fileSplit(path)
	if want := canonicalSplit(g.o.Split); want != "" {
		if name != Annotations && split != "" && split != want {
			return "", nil, fmt.Errorf("%w: %s is by its name of split %s, not %s; name the other file, or leave the split out", tall.ErrMissing, path, split, want)
		}
		split = cmp.Or(split, want)
	}
	return name, []corpusFile{{path, split}}, nil
}

// folder finds the files of a folder that are of a corpus.
func (g *gathering) folder(name, dir string) (string, []corpusFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	of := map[string][]string{}
	var other []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		ext := strings.ToLower(filepath.Ext(path))
		if !slices.Contains([]string{".json", ".jsonl", ".txt", ".csv", ".pkl", ".pickle"}, ext) {
			continue
		}
		switch kind, err := sniffFile(path); {
		case err != nil && !errors.Is(err, tall.ErrFormat):
			return "", nil, err
		case err != nil || kind == unknownFile:
			if ext != ".txt" { // a license, a list
				other = append(other, path)
			}
		default:
			of[kind] = append(of[kind], path)
		}
	}
	delete(of, durationsFile)
	if name == "" {
		var kinds []string
		for _, k := range Corpora() {
			if of[k] != nil {
				kinds = append(kinds, k)
			}
		}
		switch len(kinds) {
		case 0:
			return "", nil, fmt.Errorf("%w: %s holds no file of a form that is read here: %s", tall.ErrMissing, dir, strings.Join(Corpora(), ", "))
		case 1:
			name = kinds[0]
		default:
			return "", nil, fmt.Errorf("%w: %s holds files of %s: name one of them, or a file", tall.ErrFormat, dir, strings.Join(kinds, " and "))
		}
	}
	files, err := g.ofSplit(name, dir, of[name])
	for _, path := range other {
		g.note(passedOver, spot{file: path}, "")
	}
	return name, files, err
}

// ofSplit picks the files of the split that is asked for.
func (g *gathering) ofSplit(name, dir string, paths []string) ([]corpusFile, error) {
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: %s holds no file of %s; see docs/datasets.md for its form", tall.ErrMissing, dir, name)
	}
	var out []corpusFile
	var splits []string
	want := canonicalSplit(g.o.Split)
	for _, path := range paths {
		split := fileSplit(path)
		if name == Annotations || want == "" || split == want || split == "" && len(paths) == 1 {
			out = append(out, corpusFile{path, cmp.Or(split, want)})
		}
		splits = append(splits, fmt.Sprintf("%s (%s)", filepath.Base(path), cmp.Or(split, "no split in its name")))
	}
	if out == nil {
		return nil, fmt.Errorf("%w: %s holds no file of split %s, only %s", tall.ErrMissing, dir, want, strings.Join(splits, ", "))
	}
	return out, nil
}

// sniffFile finds out from a file's content what it is: one of [Corpora],
// durations, or unknown. It reads no more than the first entry.
func sniffFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return sniff(f, path)
}

// sniffed is how much of a text file's first line is looked at.
const sniffed = 64 << 10

func sniff(r io.Reader, name string) (string, error) {
	in := bufio.NewReaderSize(r, sniffed)
	head, err := in.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if kind, ok := sniffPickle(head); ok {
		return kind, nil
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if len(text) == 0 {
		return unknownFile, nil
	}
	if text[0] == '{' || text[0] == '[' {
		return sniffJSON(newJSONText(in, name))
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if _, err := charadesLine(string(line)); err == nil {
		return CharadesSTA, nil
	}
	if columns := strings.Split(strings.TrimSpace(string(line)), ","); slices.Contains(columns, "id") && slices.Contains(columns, "length") {
		return durationsFile, nil
	}
	return unknownFile, nil
}

// sniffPickle tells a pickled list (of clips) from a pickled dict (of lengths) by
// its first opcodes.
func sniffPickle(head []byte) (kind string, ok bool) {
	binary := len(head) >= 2 && head[0] == 0x80 // PROTO
	if binary {
		if head = head[2:]; len(head) >= 9 && head[0] == 0x95 { // FRAME
			head = head[9:]
		}
	}
	if len(head) < 2 {
		return unknownFile, binary
	}
	// An empty list or dict, to be filled, or MARK and what is in it: of clips,
	// another list; of lengths, a name.
	switch first, second := head[0], head[1]; {
	case first == ']', first == '(' && bytes.IndexByte([]byte("l(]"), second) >= 0:
		return TACoS, true
	case first == '}', first == '(' && bytes.IndexByte([]byte("dSTUVX\x8c"), second) >= 0:
		return durationsFile, true
	}
	return unknownFile, binary
}

// errSniffed ends the reading of a file whose kind is known.
var errSniffed = errors.New("enough is known")

// sniffJSON looks at the keys of the first entry.
func sniffJSON(j *jsonText) (string, error) {
	c, err := j.next()
	if err != nil {
		return "", err
	}
	var keys, inner []string
	values := map[string]string{} // kinds, by key
	entry := func(list *[]string) func(string, position) error {
		return func(key string, _ position) error {
			*list = append(*list, key)
			return j.skip()
		}
	}
	array := c == '['
	if array {
		err = j.array(func(int) error {
			if c, err := j.next(); err != nil || c != '{' {
				return cmp.Or(err, errSniffed)
			}
			return cmp.Or(j.entries(entry(&keys)), errSniffed)
		})
	} else {
		err = j.entries(func(key string, _ position) error {
			keys = append(keys, key)
			c, err := j.next()
			if err != nil {
				return err
			}
			values[key] = begins(c)
			if c == '{' && len(keys) == 1 { // an object of videos
				return cmp.Or(j.entries(entry(&inner)), errSniffed)
			}
			return j.skip()
		})
	}
	if err != nil && !errors.Is(err, errSniffed) {
		return "", err
	}
	has := func(list []string, want ...string) bool {
		return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(list, w) })
	}
	switch {
	case array && has(keys, "annotation_id", "description", "times"):
		return DiDeMo, nil
	case array:
		return unknownFile, nil
	case has(inner, "timestamps", "sentences", "fps", "num_frames"):
		return TACoS2DTAN, nil
	case has(inner, "timestamps", "sentences", "duration"):
		return ActivityNet, nil
	case has(keys, "qid", "query", "vid"):
		return QVHighlights, nil
	case has(keys, "id", "video", "sentence", "spans"):
		return Annotations, nil
	case len(keys) > 0 && inner == nil && !slices.ContainsFunc(keys, func(k string) bool { return values[k] != "a number" }):
		return durationsFile, nil
	}
	return unknownFile, nil
}

// lines calls each with the lines of a file that are not blank, numbered from 1,
// and whether they had an end. A line is valid during the call.
func (g *gathering) lines(r io.Reader, f corpusFile, each func(n int, line []byte, whole bool) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		line, whole, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", f.path, n, err)
		}
		if n == 1 && bytes.HasPrefix(line, []byte("\ufeff")) {
			g.note(byteOrder, spot{file: f.path}, "")
			line = line[3:]
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := each(n, line, whole); err != nil {
			return err
		}
	}
}
