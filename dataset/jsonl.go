package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"reflect"
	"unicode/utf8"

	"tall"
)

// maxLine is the length of the longest line in bytes, docs/formats.md.
const maxLine = 16 << 20

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
	want := schemaOf(reflect.TypeFor[T]())
	for n := 1; ; n++ {
		line, whole, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		v, err := decodeNumbered[T](line, name, n, whole, want)
		if err != nil {
			return err
		}
		if err := each(n, v); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
}

// DecodeLine is [DecodeLines] of one line: the n-th of the file called name,
// without its end; whole says that it had one.
func DecodeLine[T any](line []byte, name string, n int, whole bool) (T, error) {
	return decodeNumbered[T](line, name, n, whole, schemaOf(reflect.TypeFor[T]()))
}

func decodeNumbered[T any](line []byte, name string, n int, whole bool, want *schema) (v T, err error) {
	if n == 1 && bytes.HasPrefix(line, []byte("\ufeff")) {
		return v, fmt.Errorf("%s:1: %w: the file begins with a byte order mark; save it as plain UTF-8", name, tall.ErrFormat)
	}
	if err := decodeLine(line, want, &v); err != nil {
		if !whole && !json.Valid(line) {
			return v, fmt.Errorf("%s:%d: %w: the last line was half written (it has no end); remove it, or write the file again", name, n, tall.ErrFormat)
		}
		return v, fmt.Errorf("%s:%d: %w: %w", name, n, tall.ErrFormat, err)
	}
	return v, nil
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

func decodeLine(line []byte, want *schema, v any) error {
	if !utf8.Valid(line) {
		return errors.New("the line is not UTF-8; convert the file to UTF-8")
	}
	if !json.Valid(line) {
		var raw json.RawMessage
		return fmt.Errorf("not a JSON object: %w", json.Unmarshal(line, &raw))
	}
	// encoding/json alone takes keys of any case, repeated keys, absent keys and
	// null; the walk refuses them before the value is filled.
	w := walk{text: line}
	if err := w.value(want, true); err != nil {
		return err
	}
	err := json.Unmarshal(line, v)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("%s: %s does not fit %s", fieldName(kind.Field), kind.Value, kind.Type)
	}
	return err
}

// WriteLines writes one JSON line for each value, through a temporary file that
// is renamed onto path once everything is on disk.
func WriteLines[T any](path string, values iter.Seq[T]) error {
	return tall.ReplaceFile(path, func(out io.Writer) error {
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
