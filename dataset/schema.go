package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// lineVersion is the version of the lines that this package reads and writes.
const lineVersion = 1

var errNewer = errors.New("the line is of a later version of the format")

// schema is what a line of JSON must look like to fill a Go type.
type schema struct {
	kind     string    // as kindOf names it
	keys     []string  // of an object
	optional []bool    // of each key
	fields   []*schema // of each key
	elem     *schema   // of an array
}

// schemaOf reads the json tags of a type made of structs, slices, strings,
// numbers and bools.
func schemaOf(t reflect.Type) *schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		s := &schema{kind: "an object"}
		for _, f := range reflect.VisibleFields(t) {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "-" || !f.IsExported() {
				continue
			}
			s.keys = append(s.keys, name)
			s.optional = append(s.optional, strings.HasPrefix(options, "omit"))
			s.fields = append(s.fields, schemaOf(f.Type))
		}
		if len(s.keys) > 64 {
			panic("dataset: a line of more than 64 keys")
		}
		return s
	case reflect.Slice:
		return &schema{kind: "an array", elem: schemaOf(t.Elem())}
	case reflect.String:
		return &schema{kind: "a string"}
	case reflect.Bool:
		return &schema{kind: "true or false"}
	}
	return &schema{kind: "a number"}
}

// walk goes through one valid JSON text beside the schema that it must fit.
type walk struct {
	text []byte
	at   int
}

// misfit says what is wrong with the value at path, which is completed on the
// way up. The message has one %s, for the path.
type misfit struct{ message, path string }

func (e *misfit) Error() string { return fmt.Sprintf(e.message, fieldName(e.path)) }

func within(step string, err error) error {
	if m := new(misfit); errors.As(err, &m) {
		if m.path != "" && m.path[0] != '[' {
			step += "."
		}
		m.path = step + m.path
	}
	return err
}

func fieldName(field string) string {
	if field == "" {
		return "the line"
	}
	return strconv.Quote(field)
}

// value checks the next value; line says that it is the whole line.
func (w *walk) value(s *schema, line bool) error {
	if got := kindOf(w.next()); got != s.kind {
		return &misfit{"%s is " + got + ", must be " + s.kind, ""}
	}
	switch s.kind {
	case "an object":
		return w.object(s, line)
	case "an array":
		return w.array(s)
	}
	w.skip()
	return nil
}

func (w *walk) object(s *schema, line bool) error {
	var seen uint64 // a bit for each key
	var first error // kept to the end, as a version above ours explains it better
	w.at++          // {
	for w.next() != '}' {
		key, err := w.key()
		if err != nil {
			return err
		}
		start := w.at
		if err := w.member(s, string(key), &seen, line); err != nil {
			if !line || errors.Is(err, errNewer) {
				return err
			}
			if first == nil {
				first = err
			}
			w.at = start
			w.skip()
		}
		if w.next() == ',' {
			w.at++
		}
	}
	w.at++ // }
	if first != nil {
		return first
	}
	for i, key := range s.keys {
		if seen&(1<<i) == 0 && !s.optional[i] {
			return &misfit{"key %s is missing", key}
		}
	}
	return nil
}

// key reads a key and the colon behind it.
func (w *walk) key() ([]byte, error) {
	start := w.at
	w.skip()
	key := w.text[start+1 : w.at-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		var text string
		if err := json.Unmarshal(w.text[start:w.at], &text); err != nil {
			return nil, err
		}
		key = []byte(text)
	}
	w.next()
	w.at++ // :
	w.next()
	return key, nil
}

func (w *walk) member(s *schema, key string, seen *uint64, line bool) error {
	if line && key == "version" {
		return w.version()
	}
	i := slices.Index(s.keys, key)
	if i < 0 {
		return &misfit{"unknown key %s; the keys are " + strings.Join(s.keys, ", "), key}
	}
	if *seen&(1<<i) != 0 {
		return &misfit{"key %s is given twice", key}
	}
	*seen |= 1 << i
	if err := w.value(s.fields[i], false); err != nil {
		return within(key, err)
	}
	return nil
}

func (w *walk) array(s *schema) error {
	w.at++ // [
	for i := 0; w.next() != ']'; i++ {
		if err := w.value(s.elem, false); err != nil {
			return within("["+strconv.Itoa(i)+"]", err)
		}
		if w.next() == ',' {
			w.at++
		}
	}
	w.at++ // ]
	return nil
}

func (w *walk) version() error {
	start := w.at
	w.skip()
	text := string(w.text[start:w.at])
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && n > lineVersion:
		return fmt.Errorf("%w: %s, this program reads up to %d; use a newer one", errNewer, text, lineVersion)
	case err != nil || n == 0:
		return fmt.Errorf("\"version\" is %s, must be a whole number from 1", text)
	}
	return nil
}

// next passes over blanks and returns the first byte behind them.
func (w *walk) next() byte {
	for w.at < len(w.text) {
		switch c := w.text[w.at]; c {
		case ' ', '\t', '\r', '\n':
			w.at++
		default:
			return c
		}
	}
	return 0
}

// skip passes over one value.
func (w *walk) skip() {
	for depth := 0; ; {
		switch w.next() {
		case '"':
			for w.at++; w.text[w.at] != '"'; w.at++ {
				if w.text[w.at] == '\\' {
					w.at++
				}
			}
			w.at++
		case '{', '[':
			w.at++
			depth++
		case '}', ']':
			w.at++
			depth--
		case ',', ':':
			w.at++
		default: // a number, true, false, null
			for w.at < len(w.text) && w.text[w.at] > ' ' && w.text[w.at] != ',' && w.text[w.at] != ']' && w.text[w.at] != '}' {
				w.at++
			}
		}
		if depth == 0 {
			return
		}
	}
}

func kindOf(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}
