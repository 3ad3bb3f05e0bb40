package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string. Bytes that are not UTF-8 stay as they are, and half a
// surrogate pair becomes three bytes that are not UTF-8 either.
func (j *jsonText) text() (string, error) {
	at, err := j.open("a string")
	if err != nil {
		return "", err
	}
	j.buf = j.buf[:0]
	for {
		c, err := j.read()
		switch {
		case err != nil:
			return "", err
		case c == '"':
			return string(j.buf), nil
		case c < ' ':
			return "", j.fail(j.at, "a control character within a string")
		case len(j.buf) >= maxText:
			return "", j.fail(at, "a string of more than %d MiB", maxText>>20)
		case c == '\\':
			if err := j.escape(); err != nil {
				return "", err
			}
		default:
			j.buf = append(j.buf, c)
		}
	}
}

func (j *jsonText) escape() error {
	at := j.at
	c, err := j.read()
	if err != nil {
		return err
	}
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return j.unicode(at)
	default:
		return j.fail(at, "no escape \\%c in JSON", c)
	}
	j.buf = append(j.buf, c)
	return nil
}

func (j *jsonText) unicode(at position) error {
	r, err := j.hex(at)
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		peek, err := j.in.Peek(6)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s:%d: %w", j.name, at.line, err)
		}
		if r < 0xdc00 && len(peek) == 6 && peek[0] == '\\' && peek[1] == 'u' {
			if low, err := strconv.ParseUint(string(peek[2:]), 16, 16); err == nil && low >= 0xdc00 && low < 0xe000 {
				for range 6 {
					if _, err := j.read(); err != nil {
						return err
					}
				}
				j.buf = utf8.AppendRune(j.buf, utf16.DecodeRune(r, rune(low)))
				return nil
			}
		}
		j.buf = append(j.buf, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
		return nil
	}
	j.buf = utf8.AppendRune(j.buf, r)
	return nil
}

func (j *jsonText) hex(at position) (rune, error) {
	var digits [4]byte
	for i := range digits {
		var err error
		if digits[i], err = j.read(); err != nil {
			return 0, err
		}
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 16)
	if err != nil {
		return 0, j.fail(at, "\\u%q is no character", digits)
	}
	return rune(n), nil
}

// literal reads a number, true, false or null as it is written.
func (j *jsonText) literal() (string, position, error) {
	c, err := j.next()
	if err != nil {
		return "", j.at, err
	}
	at := j.at
	if c == 0 {
		_, err := j.read()
		return "", at, err
	}
	j.buf = j.buf[:0]
	for {
		peek, err := j.in.Peek(1)
		switch {
		case errors.Is(err, io.EOF):
			return string(j.buf), at, nil
		case err != nil:
			return "", at, fmt.Errorf("%s:%d: %w", j.name, at.line, err)
		case bytes.IndexByte([]byte(" \t\r\n,:]}[{\""), peek[0]) >= 0:
			return string(j.buf), at, nil
		}
		if len(j.buf) == maxDigit {
			return "", at, j.fail(at, "%.20q... is no value", j.buf)
		}
		c, _ := j.read()
		j.buf = append(j.buf, c)
	}
}

// number reads a number. NaN and Infinity, which Python's json writes, are read
// as such, and what is beyond a float64 as infinite.
func (j *jsonText) number() (float64, error) {
	c, err := j.next()
	if err != nil {
		return 0, err
	}
	if kind := begins(c); c != 0 && kind != "a number" {
		return 0, j.fail(j.at, "%s, must be a number", kind)
	}
	s, at, err := j.literal()
	if err != nil {
		return 0, err
	}
	switch s {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if !isNumber(s) {
		return 0, j.fail(at, "%.40q is no number", s)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, j.fail(at, "%.40q is no number", s)
	}
	return v, nil
}

// isNumber reports whether s is a number as RFC 8259 writes it.
func isNumber(s string) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	if len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' || !digits() {
		return false
	}
	if s != "" && s[0] == '.' {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return s == ""
}

// whole reads a whole number. NaN is none.
func (j *jsonText) whole() (int, error) {
	if _, err := j.next(); err != nil {
		return 0, err
	}
	at := j.at
	v, err := j.number()
	if err != nil {
		return 0, err
	}
	if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
		return 0, j.fail(at, "%v, must be a whole number", v)
	}
	return int(v), nil
}
