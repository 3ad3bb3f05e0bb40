package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"tall"
)

// Bounds on a file that a stranger wrote. The reference's has 1,592 bytes and
// one level of nesting. The parser takes time quadratic in the nesting (64 KiB
// of "[" keep it busy for half a minute), hence the bound on what opens a level.
const (
	maxBytes = 64 << 10
	maxOpen  = 256
)

// Load reads a configuration file. Errors are an [Errors] of all faults of the
// file, or wrap [tall.ErrMissing] where there is none.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: configuration %s: name an existing file with --config (the reference's is configs/tall.yaml; the path is relative to the working directory)", tall.ErrMissing, path)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%w: configuration %s is a folder; name the file in it with --config", tall.ErrFormat, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return Parse(path, data)
}

// Parse reads a configuration from memory; name stands in errors.
func Parse(name string, data []byte) (*Config, error) {
	c := New()
	c.Path = name
	r := reader{c: c, lines: strings.Split(string(data), "\n"), anchors: map[string]ast.Node{}}
	r.read(data)
	if r.faults == nil {
		c.derive()
		r.consistent()
	}
	if r.faults != nil {
		sortErrors(r.faults)
		return nil, r.faults
	}
	return c, nil
}

// reader walks the syntax tree of one file.
type reader struct {
	c       *Config
	lines   []string
	anchors map[string]ast.Node
	faults  Errors
}

func (r *reader) fault(at ast.Node, section, key, format string, args ...any) {
	e := &Error{File: r.c.Path, Section: section, Key: key, Msg: fmt.Sprintf(format, args...), Kind: tall.ErrFormat}
	if at != nil && at.GetToken() != nil && at.GetToken().Position != nil {
		p := at.GetToken().Position
		r.place(e, p.Line, p.Column)
	}
	r.faults = append(r.faults, e)
}

func (r *reader) place(e *Error, line, col int) {
	e.Line, e.Col = line, col
	if line >= 1 && line <= len(r.lines) {
		e.source = strings.TrimRight(r.lines[line-1], "\r")
	}
}

func (r *reader) read(data []byte) {
	if why := bounds(data); why != "" {
		r.fault(nil, "", "", "%s", why)
		return
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey()) // entries reports them, with their section
	if err != nil {
		r.syntax(err)
		return
	}
	var docs []ast.Node
	for _, d := range file.Docs {
		if d != nil && d.Body != nil {
			docs = append(docs, d.Body)
		}
	}
	switch {
	case len(docs) == 0:
		r.fault(nil, "", "", "the file is empty; it needs the sections %s", list(sections))
		return
	case len(docs) > 1:
		r.fault(docs[1], "", "", "a second document begins here; a configuration is one document, remove the line ---")
		return
	}
	entries, ok := r.entries(docs[0], "", 0)
	if !ok {
		r.fault(docs[0], "", "", "the file must hold the sections %s, each with keys and values below it", list(sections))
		return
	}
	for _, e := range entries {
		r.section(e)
	}
}

// bounds says why data is refused before it is parsed, or nothing.
func bounds(data []byte) string {
	switch {
	case len(data) > maxBytes:
		return fmt.Sprintf("the file is larger than %d KiB; this is no configuration", maxBytes>>10)
	case !isText(data):
		return "the file is not UTF-8 text; this is no configuration"
	case opened(data) > 4*maxOpen:
		return fmt.Sprintf("the file opens more than %d lists, sections and values; this is no configuration", 4*maxOpen)
	}
	return ""
}

func isText(data []byte) bool { return bytes.IndexByte(data, 0) < 0 && utf8.Valid(data) }

// opened counts what may open a level of nesting.
func opened(data []byte) (open int) {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		for i, c := range line {
			last := i+1 == len(line)
			switch c {
			case '[', '{', '&', '*', '!':
				open++
			case '-', '?', ':':
				if last || line[i+1] == ' ' || line[i+1] == '\t' {
					open++
				}
			}
		}
	}
	return open
}

func (r *reader) syntax(err error) {
	e := &Error{File: r.c.Path, Kind: tall.ErrFormat, Msg: "not YAML: " + strings.TrimSpace(err.Error())}
	var y yaml.Error
	if errors.As(err, &y) {
		e.Msg = "not YAML: " + y.GetMessage()
		if t := y.GetToken(); t != nil && t.Position != nil {
			r.place(e, t.Position.Line, t.Position.Column)
		}
	}
	r.faults = append(r.faults, e)
}

// entry is one key of a mapping.
type entry struct {
	key   string
	at    ast.Node // the key
	value ast.Node
}

// entries lists the keys of a mapping, those of a merged one (<<: *name) that
// it does not hold itself included. depth bounds chains of merges.
func (r *reader) entries(n ast.Node, section string, depth int) (own []entry, ok bool) {
	n = r.resolve(n)
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	seen := map[string]int{} // key to line
	var merged []entry
	for _, v := range values {
		if _, isMerge := v.Key.(*ast.MergeKeyNode); isMerge {
			more, ok := r.entries(v.Value, section, depth+1)
			if !ok || depth > 8 {
				r.fault(v.Key, section, "", "merges something that is no section; write <<: *name of an &name")
				continue
			}
			merged = append(merged, more...)
			continue
		}
		tok := v.Key.GetToken()
		key := tok.Value
		if line, ok := seen[key]; ok {
			r.fault(v.Key, section, key, "is given twice, first on line %d; remove one of the two", line)
			continue
		}
		seen[key] = tok.Position.Line
		r.resolve(v.Value) // registers the anchor
		own = append(own, entry{key: key, at: v.Key, value: v.Value})
	}
	for _, m := range merged {
		if _, ok := seen[m.key]; !ok {
			seen[m.key] = 0
			own = append(own, m)
		}
	}
	return own, true
}

// resolve strips tags and anchors from a node and follows an alias. A nil
// result is an alias to nothing.
func (r *reader) resolve(n ast.Node) ast.Node {
	for range 16 {
		switch v := n.(type) {
		case *ast.AnchorNode:
			r.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.TagNode:
			n = v.Value
		case *ast.AliasNode:
			n = r.anchors[v.Value.GetToken().Value]
		default:
			return n
		}
	}
	return nil // an anchor that holds itself
}

func (r *reader) section(e entry) {
	holder, g := r.c.holder(e.key)
	if holder == nil {
		msg := fmt.Sprintf("there is no section %q", e.key)
		hint := Meant(e.key, sections)
		if hint == "" {
			hint = "; there are " + list(sections)
		}
		r.fault(e.at, "", "", "%s%s", msg, hint)
		return
	}
	if s := r.c.section(e.key); s != nil {
		s.Present = true
	}
	entries, ok := r.entries(e.value, e.key, 0)
	if !ok {
		r.fault(e.at, e.key, "", "must hold keys and values, indented below it")
		return
	}
	for _, kv := range entries {
		f, ok := find(e.key, kv.key)
		if !ok {
			r.fault(kv.at, e.key, "", "%s", unknownKey(e.key, kv.key))
			continue
		}
		texts, err := r.texts(kv.value)
		if err == nil {
			err = f.set(holder, texts)
		}
		if err != nil {
			at := kv.value
			if at == nil {
				at = kv.at
			}
			r.fault(at, e.key, kv.key, "%s", err)
			continue
		}
		if *g == nil {
			*g = given{}
		}
		p := kv.value.GetToken().Position
		(*g)[kv.key] = place{FromFile, p.Line, p.Column}
	}
}

// texts returns the text of a scalar, or those of a list of scalars. Quotes make
// no difference, as the reference passes every text to literal_eval.
func (r *reader) texts(n ast.Node) ([]string, error) {
	n = r.resolve(n)
	if seq, ok := n.(*ast.SequenceNode); ok {
		out := make([]string, 0, len(seq.Values))
		for _, v := range seq.Values {
			text, err := r.scalar(v)
			if err != nil {
				return nil, fmt.Errorf("holds a value that %w", err)
			}
			out = append(out, text)
		}
		return out, nil
	}
	text, err := r.scalar(n)
	return []string{text}, err
}

func (r *reader) scalar(n ast.Node) (string, error) {
	switch n := r.resolve(n).(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	case *ast.NullNode:
		return "", errors.New("is empty; give it a value, or leave the key out")
	case *ast.MappingNode, *ast.MappingValueNode:
		return "", errors.New("is a section, must be a single value; check the indentation")
	case *ast.SequenceNode:
		return "", errors.New("is a list, must be a single value")
	case nil:
		return "", errors.New("refers to a name (*name) that no &name before it gives")
	}
	return "", errors.New("is no plain value")
}
