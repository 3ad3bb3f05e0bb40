package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"tall"
)

// Bounds on a file for [Decode], looser than those on a configuration.
const (
	maxDocumentBytes = 256 << 10
	maxDocumentOpen  = 8192
)

// Document is a YAML file that [Decode] read: it knows where values stand.
type Document struct {
	name  string
	lines []string
	file  *ast.File
}

// Decode reads a small YAML file of ours that is no configuration, such as a list of
// models, into the struct that out points to, by the yaml tags of its fields. It is as
// strict as [Parse]: a key that the struct does not have, a key given twice, another type
// or a second document is an [Error] with line and column; name stands in it.
func Decode(name string, data []byte, out any) (*Document, error) {
	d := &Document{name: name, lines: strings.Split(string(data), "\n")}
	if why := d.bounds(data); why != "" {
		return nil, d.error(0, 0, why)
	}
	var err error
	if d.file, err = parser.ParseBytes(data, 0); err != nil {
		return nil, d.syntax(err)
	}
	var bodies []ast.Node
	for _, doc := range d.file.Docs {
		if doc != nil && doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		return nil, d.error(0, 0, "the file is empty")
	case len(bodies) > 1:
		line, col := begin(bodies[1])
		return nil, d.error(line, col, "a second document begins here; remove the line ---")
	}
	if n := special(bodies[0]); n != nil {
		line, col := begin(n)
		return nil, d.error(line, col, "tags, anchors and aliases (!, &, *) are not read here; write the value itself")
	}
	if err := decode(data, out); err != nil {
		return nil, d.decoding(err, out)
	}
	if n := fraction(bodies[0], reflect.TypeOf(out)); n != nil {
		line, col := begin(n)
		return nil, d.error(line, col, n.String()+" is no whole number")
	}
	return d, nil
}

// decode runs the decoder, which panics on some values of unexpected kinds.
func decode(data []byte, out any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("a value is of a kind that cannot be read")
		}
	}()
	err = yaml.NewDecoder(bytes.NewReader(data), yaml.DisallowUnknownField()).Decode(out)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// special finds the first node that stands for something else than its own text.
func special(n ast.Node) ast.Node {
	v := &specialVisitor{}
	ast.Walk(v, n)
	return v.found
}

type specialVisitor struct{ found ast.Node }

func (v *specialVisitor) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.TagNode, *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		if v.found == nil {
			v.found = n
		}
	}
	if v.found != nil {
		return nil
	}
	return v
}

func (d *Document) bounds(data []byte) string {
	switch {
	case len(data) > maxDocumentBytes:
		return fmt.Sprintf("the file is larger than %d KiB; this is no such file", maxDocumentBytes>>10)
	case !isText(data):
		return "the file is not UTF-8 text"
	case opened(data) > maxDocumentOpen:
		return fmt.Sprintf("the file opens more than %d lists, sections and values", maxDocumentOpen)
	}
	return ""
}

// Fault is an error about the value at a path such as "$.models[2].files[0].url", or
// about the nearest of the values around it that the file holds.
func (d *Document) Fault(path, format string, args ...any) *Error {
	msg := fmt.Sprintf(format, args...)
	for p := path; p != "" && p != "$"; p = p[:strings.LastIndexAny(p, ".[")] {
		y, err := yaml.PathString(p)
		if err != nil {
			continue
		}
		node, err := y.FilterFile(d.file)
		if err != nil || node == nil || node.GetToken() == nil {
			continue
		}
		line, col := begin(node)
		return d.error(line, col, msg)
	}
	return d.error(0, 0, msg)
}

// begin is where a node begins; the token of a mapping is its first colon.
func begin(n ast.Node) (line, col int) {
	switch m := n.(type) {
	case *ast.MappingNode:
		if len(m.Values) > 0 {
			return begin(m.Values[0])
		}
	case *ast.MappingValueNode:
		n = m.Key
	}
	p := n.GetToken().Position
	return p.Line, p.Column
}

func (d *Document) error(line, col int, msg string) *Error {
	e := &Error{File: d.name, Line: line, Col: col, Msg: msg, Kind: tall.ErrFormat}
	if line >= 1 && line <= len(d.lines) {
		e.source = strings.TrimRight(d.lines[line-1], "\r")
	}
	return e
}

func (d *Document) syntax(err error) error { return d.yaml(err, "not YAML: ") }

// decoding explains an error of the decoder.
func (d *Document) decoding(err error, out any) error {
	var unknown *yaml.UnknownFieldError
	if !errors.As(err, &unknown) || unknown.Token == nil {
		return d.yaml(err, "")
	}
	key := unknown.Token.Value
	names := fields(reflect.TypeOf(out), map[reflect.Type]bool{})
	hint := Meant(key, names)
	if hint == "" {
		hint = "; there are " + strings.Join(names, ", ")
	}
	p := unknown.Token.Position
	return d.error(p.Line, p.Column, fmt.Sprintf("there is no key %q%s", key, hint))
}

func (d *Document) yaml(err error, prefix string) error {
	var y yaml.Error
	if !errors.As(err, &y) {
		return d.error(0, 0, prefix+strings.TrimSpace(err.Error()))
	}
	line, col := 0, 0
	if t := y.GetToken(); t != nil && t.Position != nil {
		line, col = t.Position.Line, t.Position.Column
	}
	return d.error(line, col, prefix+y.GetMessage())
}

// fields lists the keys that a type and those within it take.
func fields(t reflect.Type, seen map[reflect.Type]bool) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return nil
	}
	seen[t] = true
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
		names = append(names, fields(f.Type, seen)...)
	}
	return names
}
