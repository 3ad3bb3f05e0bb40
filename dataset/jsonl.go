package dataset

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tall"
	"tall/numpy"
)

const (
	maxLine     = 16 << 20 // bytes of one line, docs/formats.md
	lineVersion = 1        // of the lines that this package reads and writes
)

// ReadLines reads a JSON Lines file by the rules of docs/formats.md and calls
// each with every line's number, from 1, and its value. T is a struct whose json
// tags are the keys; a key without omitempty is required. It stops at the first
// error, which wraps [tall.ErrFormat] and names the file and the line, or is what
// each returned, with the file and the line put before it.
func ReadLines[T any](path string, each func(line int, v T) error) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return DecodeLines(f, path, each)
}

// DecodeLines is [ReadLines] of an open reader; name stands in errors.
func DecodeLines[T any](r io.Reader, name string, each func(line int, v T) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		line, whole, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if n == 1 && bytes.HasPrefix(line, []byte("\ufeff")) {
			return fmt.Errorf("%s:1: %w: the file begins with a byte order mark; save it as plain UTF-8", name, tall.ErrFormat)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var v T
		if err := decodeLine(line, &v); err != nil {
			if !whole && !json.Valid(line) {
				return fmt.Errorf("%s:%d: %w: the last line was half written (it has no end); remove it, or write the file again", name, n, tall.ErrFormat)
			}
			return fmt.Errorf("%s:%d: %w: %w", name, n, tall.ErrFormat, err)
		}
		if err := each(n, v); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
}

// readLine returns the next line without its end, and whether it had one. The
// line is valid until the next call.
func readLine(in *bufio.Reader) (line []byte, whole bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if err == nil && line == nil {
			return bytes.TrimSuffix(part[:len(part)-1], []byte("\r")), true, nil
		}
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, false, fmt.Errorf("%w: the line is longer than %d MiB; this is no file of JSON lines", tall.ErrFormat, maxLine>>20)
		case err == nil:
			return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), true, nil
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, false, io.EOF
		case errors.Is(err, io.EOF):
			return line, false, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		}
	}
}

func decodeLine(line []byte, v any) error {
	if !utf8.Valid(line) {
		return errors.New("the line is not UTF-8; convert the file to UTF-8")
	}
	// Unmarshal into RawMessage, not Valid, because its errors say what is wrong.
	var raw json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return fmt.Errorf("not a JSON object: %w", err)
	}
	// encoding/json alone takes keys of any case, repeated keys, absent keys and
	// null; the walk refuses them before it fills the value.
	w := walk{text: line}
	if err := w.value(reflect.TypeOf(v).Elem(), ""); err != nil {
		return err
	}
	err := json.Unmarshal(line, v)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("%s: %s does not fit %s", fieldName(kind.Field), kind.Value, kind.Type)
	}
	return err
}

func fieldName(field string) string {
	if field == "" {
		return "the line"
	}
	return strconv.Quote(field)
}

var errNewer = errors.New("the line is of a later version of the format")

// walk goes through one valid JSON text beside the type that it is to fill.
type walk struct {
	text []byte
	at   int
}

// value checks the next value against t. Keys are named with their path.
func (w *walk) value(t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	c := w.next()
	want := func(what string) error {
		return fmt.Errorf("%s is %s, must be %s", fieldName(path), kindOf(c), what)
	}
	switch t.Kind() {
	case reflect.Struct:
		if c != '{' {
			return want("an object")
		}
		return w.object(t, path)
	case reflect.Slice:
		if c != '[' {
			return want("an array")
		}
		return w.array(t, path)
	case reflect.String:
		if c != '"' {
			return want("a string")
		}
	case reflect.Bool:
		if c != 't' && c != 'f' {
			return want("true or false")
		}
	default:
		if c != '-' && (c < '0' || c > '9') {
			return want("a number")
		}
	}
	w.skip()
	return nil
}

func (w *walk) object(t reflect.Type, path string) error {
	var seen []string
	var first error // kept to the end, as a version above ours explains it better
	w.at++          // {
	for w.next() != '}' {
		start := w.at
		w.skip()
		key, err := strconv.Unquote(string(w.text[start:w.at]))
		if err != nil { // JSON's \/ and surrogate escapes are not Go's
			if err := json.Unmarshal(w.text[start:w.at], &key); err != nil {
				return err
			}
		}
		w.next()
		w.at++ // :
		full := strings.TrimPrefix(path+"."+key, ".")
		if slices.Contains(seen, key) {
			return fmt.Errorf("key %q is given twice", full)
		}
		seen = append(seen, key)
		w.next()
		start = w.at
		if err := w.member(t, path, key, full); err != nil {
			if path != "" || errors.Is(err, errNewer) {
				return err
			}
			first = cmp.Or(first, err)
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
	for _, key := range keysOf(t) {
		if field, _ := fieldOf(t, key); !slices.Contains(seen, key) && !strings.Contains(field.Tag.Get("json"), ",omit") {
			return fmt.Errorf("key %q is missing", strings.TrimPrefix(path+"."+key, "."))
		}
	}
	return nil
}

func (w *walk) member(t reflect.Type, path, key, full string) error {
	if path == "" && key == "version" {
		return w.version()
	}
	field, ok := fieldOf(t, key)
	if !ok {
		return fmt.Errorf("unknown key %q; the keys are %s", full, strings.Join(keysOf(t), ", "))
	}
	return w.value(field.Type, full)
}

func (w *walk) array(t reflect.Type, path string) error {
	w.at++ // [
	for i := 0; w.next() != ']'; i++ {
		if err := w.value(t.Elem(), path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
		if w.next() == ',' {
			w.at++
		}
	}
	w.at++ // ]
	return nil
}

func (w *walk) version() error {
	w.next()
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
		switch c := w.next(); c {
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
			for w.at < len(w.text) && !strings.ContainsRune(" \t\r\n,:]}", rune(w.text[w.at])) {
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

// fieldOf finds the field whose json tag is key, embedded structs included.
func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key && name != "" && f.IsExported() {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && f.IsExported() {
			keys = append(keys, name)
		}
	}
	return keys
}

// WriteLines writes one JSON line for each value, through a temporary file that
// is renamed onto path once everything is on disk.
func WriteLines[T any](path string, values iter.Seq[T]) error {
	return numpy.ReplaceFile(path, func(out io.Writer) error {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		n := 0
		for v := range values {
			n++
			err := enc.Encode(v)
			var bad *json.UnsupportedValueError
			if errors.As(err, &bad) {
				return fmt.Errorf("%s:%d: %w: %s; JSON has no such number", path, n, tall.ErrNotFinite, bad.Str)
			}
			if err != nil {
				return fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
		return nil
	})
}
