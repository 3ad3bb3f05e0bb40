package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"tall"
)

// Bounds of a corpus's JSON. Beyond them nothing is allocated that the file does
// not hold the bytes for.
const (
	maxText  = 1 << 20 // bytes of a string
	maxDepth = 64      // of values within values
	maxDigit = 64      // bytes of a number

	maxPassed = 64 // keys that nobody asked for are counted by name
)

// jsonText reads other people's JSON from a stream, value by value. It differs
// from encoding/json in what it keeps: the line and column of every value; bytes
// that are not UTF-8, which encoding/json would replace; NaN and Infinity, which
// Python writes. It is as strict about everything else.
type jsonText struct {
	in      *bufio.Reader
	name    string // of the file, for errors
	at      position
	depth   int
	buf     []byte
	passed  []unreadKey // keys that no reader asked for
	started bool
	lines   bool // every line is a text of its own
	marked  bool // the file began with a byte order mark
}

// position in a file; bytes of a line count from 1.
type position struct{ line, column int }

func newJSONText(r io.Reader, name string) *jsonText {
	return &jsonText{in: bufio.NewReaderSize(r, 1<<16), name: name, at: position{1, 1}}
}

// line turns to the n-th line of a file that is read by lines.
func (j *jsonText) line(n int, text []byte) {
	j.in.Reset(bytes.NewReader(text))
	j.at, j.depth, j.started, j.lines = position{n, 1}, 0, true, true
}

func (j *jsonText) fail(at position, format string, args ...any) error {
	return fmt.Errorf("%s:%d:%d: %w: %s", j.name, at.line, at.column, tall.ErrFormat, fmt.Sprintf(format, args...))
}

// read takes the next byte.
func (j *jsonText) read() (byte, error) {
	c, err := j.in.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		if j.lines {
			return 0, j.fail(j.at, "the line ends within a value; get the file again")
		}
		return 0, j.fail(j.at, "the file ends within a value, it was half written; get it again")
	case err != nil:
		return 0, fmt.Errorf("%s:%d: %w", j.name, j.at.line, err)
	case c == '\n':
		j.at.line++
		j.at.column = 1
	default:
		j.at.column++
	}
	return c, nil
}

// next passes over blanks and returns the byte behind them without taking it;
// 0 at the end of the file.
func (j *jsonText) next() (byte, error) {
	if !j.started {
		j.started = true
		mark, err := j.in.Peek(3)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("%s:%d: %w", j.name, j.at.line, err)
		}
		if bytes.Equal(mark, []byte("\ufeff")) {
			j.marked = true
			_, _ = j.in.Discard(3)
		}
	}
	for {
		peek, err := j.in.Peek(1)
		switch {
		case errors.Is(err, io.EOF):
			return 0, nil
		case err != nil:
			return 0, fmt.Errorf("%s:%d: %w", j.name, j.at.line, err)
		}
		switch peek[0] {
		case ' ', '\t', '\r', '\n':
			if _, err := j.read(); err != nil {
				return 0, err
			}
		case 0:
			return 0, j.fail(j.at, "a zero byte where a value should be; this is no JSON")
		default:
			return peek[0], nil
		}
	}
}

// open takes the first byte of a value of a kind ([kindOf]) and returns where it
// stood.
func (j *jsonText) open(kind string) (position, error) {
	c, err := j.next()
	if err != nil {
		return j.at, err
	}
	at := j.at
	if c == 0 {
		_, err := j.read()
		return at, err
	}
	if got := begins(c); got != kind {
		return at, j.fail(at, "%s, must be %s", got, kind)
	}
	if _, err = j.read(); err != nil {
		return at, err
	}
	if c == '{' || c == '[' {
		if j.depth++; j.depth > maxDepth {
			return at, j.fail(at, "values nest deeper than %d", maxDepth)
		}
	}
	return at, nil
}

// begins names the kind of value that begins with c, or c where none does.
func begins(c byte) string {
	kind := kindOf(c)
	if kind == "a number" && bytes.IndexByte([]byte("-0123456789NI"), c) < 0 {
		return strconv.QuoteRune(rune(c))
	}
	return kind
}

// more takes the comma between two members or the mark that closes them, and
// reports whether another one follows. n is how many came before.
func (j *jsonText) more(n int, closing byte) (bool, error) {
	c, err := j.next()
	if err != nil {
		return false, err
	}
	switch {
	case c == closing:
		j.depth--
		_, err = j.read()
		return false, err
	case n == 0 && c != 0:
		return true, nil
	}
	at := j.at
	if c, err = j.read(); err != nil {
		return false, err
	}
	if c != ',' {
		return false, j.fail(at, "%q where a comma or %q should be", c, closing)
	}
	if c, err = j.next(); err == nil && c == closing {
		err = j.fail(j.at, "a comma before %q", closing)
	}
	return true, err
}

// array reads an array: each is called before every element, and reads it.
func (j *jsonText) array(each func(i int) error) error {
	if _, err := j.open("an array"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if more, err := j.more(i, ']'); err != nil || !more {
			return err
		}
		if err := each(i); err != nil {
			return err
		}
	}
}

// entries reads an object whose keys are data: each is called behind every key,
// and reads the value. The same key may come again.
func (j *jsonText) entries(each func(key string, at position) error) error {
	if _, err := j.open("an object"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if more, err := j.more(i, '}'); err != nil || !more {
			return err
		}
		if _, err := j.next(); err != nil {
			return err
		}
		at := j.at
		key, err := j.text()
		if err != nil {
			return err
		}
		c, err := j.next()
		if err != nil {
			return err
		}
		if c != ':' {
			return j.fail(j.at, "no colon behind the key %.40q", key)
		}
		if _, err := j.read(); err != nil {
			return err
		}
		if err := each(key, at); err != nil {
			return err
		}
	}
}

// field is a key of an object and what reads its value.
type field struct {
	key      string
	optional bool
	read     func() error
}

// object reads an object of known keys. Others are passed over and counted; a
// known key that comes twice or not at all is an error. It returns the position
// of the object and which fields were there.
func (j *jsonText) object(fields ...field) (at position, seen []bool, err error) {
	if _, err := j.next(); err != nil {
		return j.at, nil, err
	}
	at = j.at
	seen = make([]bool, len(fields))
	err = j.entries(func(key string, at position) error {
		for i, f := range fields {
			if f.key != key {
				continue
			}
			if seen[i] {
				return j.fail(at, "key %q is given twice", key)
			}
			seen[i] = true
			return j.within(key, f.read())
		}
		j.pass(key, at)
		return j.skip()
	})
	if err != nil {
		return at, seen, err
	}
	for i, f := range fields {
		if !seen[i] && !f.optional {
			return at, seen, j.fail(at, "key %q is missing", f.key)
		}
	}
	return at, seen, nil
}

// pass counts a key that no reader asked for.
func (j *jsonText) pass(key string, at position) {
	i := slices.IndexFunc(j.passed, func(k unreadKey) bool { return k.key == key })
	switch {
	case i >= 0:
		j.passed[i].n++
	case len(j.passed) < maxPassed:
		j.passed = append(j.passed, unreadKey{key, spot{j.name, at.line, at.column}, 1})
	}
}

// within puts the key before the message of an error in its value.
func (j *jsonText) within(key string, err error) error {
	var m *inKey
	if err == nil || errors.As(err, &m) {
		return err // the innermost key says most
	}
	return &inKey{key, err}
}

type inKey struct {
	key string
	err error
}

func (e *inKey) Error() string { return fmt.Sprintf("%v (in %q)", e.err, e.key) }
func (e *inKey) Unwrap() error { return e.err }

// pair reads an array of two numbers.
func (j *jsonText) pair() (p [2]float64, at position, err error) {
	if _, err := j.next(); err != nil {
		return p, j.at, err
	}
	at = j.at
	n := 0
	err = j.array(func(i int) error {
		v, err := j.number()
		if n = i + 1; i < 2 {
			p[i] = v
		}
		return err
	})
	if err == nil && n != 2 {
		err = j.fail(at, "an array of %d, must be two numbers, start and end", n)
	}
	return p, at, err
}

// skip passes over one value, which must be JSON.
func (j *jsonText) skip() error {
	c, err := j.next()
	if err != nil {
		return err
	}
	switch kindOf(c) {
	case "an object":
		return j.entries(func(string, position) error { return j.skip() })
	case "an array":
		return j.array(func(int) error { return j.skip() })
	case "a string":
		_, err := j.text()
		return err
	case "a number":
		_, err := j.number()
		return err
	}
	s, at, err := j.literal()
	if err == nil && s != "true" && s != "false" && s != "null" {
		err = j.fail(at, "%.40q is no value", s)
	}
	return err
}

// end checks that nothing follows the value that was read.
func (j *jsonText) end() error {
	c, err := j.next()
	if err != nil || c == 0 {
		return err
	}
	return j.fail(j.at, "more behind the end of the value")
}
