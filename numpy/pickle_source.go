package numpy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"tall"
)

// window is how much of a streamed pickle is held at a time.
const window = 256 << 10

// source is a pickle's bytes: all in memory (r is nil), or a window that moves
// over a stream whose length is known.
type source struct {
	buf     []byte
	pos     int
	r       io.Reader
	left    int64 // bytes that r still holds
	gone    int64 // bytes before buf
	scratch []byte
}

// offset of the next byte.
func (s *source) offset() int64 { return s.gone + int64(s.pos) }

// remaining is the number of bytes from here to the end.
func (s *source) remaining() int64 { return int64(len(s.buf)-s.pos) + s.left }

// more moves the window on so that it holds further bytes after the unread
// ones.
func (s *source) more() error {
	if s.r == nil || s.left == 0 {
		return truncated("a byte", 1, 0)
	}
	unread := len(s.buf) - s.pos
	if s.buf == nil {
		s.buf = make([]byte, 0, min(window, s.left))
	} else {
		copy(s.buf[:cap(s.buf)], s.buf[s.pos:])
	}
	s.gone += int64(s.pos)
	s.pos = 0
	if unread == cap(s.buf) { // the callers that need so much ask take
		return fmt.Errorf("%w: a line of more than %d bytes", tall.ErrFormat, unread)
	}
	n, err := io.ReadAtLeast(s.r, s.buf[unread:min(int64(cap(s.buf)), int64(unread)+s.left)], 1)
	s.buf = s.buf[:unread+n]
	s.left -= int64(n)
	if errors.Is(err, io.EOF) {
		return truncated("a byte", 1, 0)
	}
	return err
}

func truncated(what string, want, found int64) error {
	return fmt.Errorf("%w: truncated: %s of %d bytes, %d remain; fetch or write the file again", tall.ErrFormat, what, want, found)
}

func (s *source) byte() (byte, error) {
	if s.pos == len(s.buf) {
		if err := s.more(); err != nil {
			return 0, err
		}
	}
	b := s.buf[s.pos]
	s.pos++
	return b, nil
}

// short returns the next n bytes, n far below the window. They are valid until
// the next call.
func (s *source) short(n int) ([]byte, error) {
	if int64(n) > s.remaining() {
		return nil, truncated("an argument", int64(n), s.remaining())
	}
	for len(s.buf)-s.pos < n {
		if err := s.more(); err != nil {
			return nil, err
		}
	}
	b := s.buf[s.pos : s.pos+n]
	s.pos += n
	return b, nil
}

// take returns the next n bytes for good: a part of the input where it is all
// in memory, else a copy.
func (s *source) take(n uint64) ([]byte, error) {
	if n > uint64(s.remaining()) {
		return nil, fmt.Errorf("%w: truncated: a value of %d bytes, %d remain; fetch or write the file again", tall.ErrFormat, n, s.remaining())
	}
	if s.r == nil {
		b := s.buf[s.pos : s.pos+int(n) : s.pos+int(n)]
		s.pos += int(n)
		return b, nil
	}
	if in := uint64(len(s.buf) - s.pos); n <= in {
		b := bytes.Clone(s.buf[s.pos : s.pos+int(n)])
		s.pos += int(n)
		if b == nil {
			b = []byte{}
		}
		return b, nil
	}
	head := s.buf[s.pos:]
	rest := int64(n) - int64(len(head))
	out, err := readBytes(io.MultiReader(bytes.NewReader(head), io.LimitReader(s.r, rest)), int64(n), true)
	if err != nil {
		return nil, err
	}
	s.left -= rest
	s.gone += int64(s.pos) + int64(n)
	s.buf, s.pos = s.buf[:0], 0
	return out, nil
}

// maxLine bounds the arguments that are lines of text: numbers, names, memo
// keys. Strings have lines of their own ([source.quoted], [source.rawUnicode]).
const maxLine = 8 << 10

// line returns the bytes up to the next newline, which it skips. They are valid
// until the next call.
func (s *source) line() ([]byte, error) {
	for searched := 0; ; {
		unread := s.buf[s.pos:]
		if i := bytes.IndexByte(unread[searched:], '\n'); i >= 0 && searched+i <= maxLine {
			s.pos += searched + i + 1
			return unread[:searched+i], nil
		}
		if searched = len(unread); searched > maxLine {
			return nil, fmt.Errorf("%w: a line of more than %d bytes where a number or a name belongs", tall.ErrUnsafe, maxLine)
		}
		if err := s.more(); err != nil {
			return nil, err
		}
	}
}

// ahead makes sure that n more bytes can be looked at.
func (s *source) ahead(n int) error {
	for len(s.buf)-s.pos < n {
		if err := s.more(); err != nil {
			return err
		}
	}
	return nil
}

// settle hands out what was decoded into scratch: a copy of the right size, or
// scratch itself when it has become large.
func (s *source) settle(out []byte) []byte {
	if cap(out) > 4*window {
		s.scratch = nil
		return slices.Clip(out)
	}
	s.scratch = out[:0]
	return append(make([]byte, 0, len(out)), out...)
}

// quoted reads the argument of STRING: what Python 2's repr makes of a str, in
// single or double quotes, to the end of the line. Arrays in Python-2 pickles
// of protocol 0 are such strings, so this is the hot path of those files.
func (s *source) quoted() ([]byte, error) {
	quote, err := s.byte()
	if err != nil {
		return nil, err
	}
	if quote != '\'' && quote != '"' {
		return nil, fmt.Errorf("%w: a string without quotes", tall.ErrFormat)
	}
	const step = 64 << 10 // what is decoded before out is grown again
	out := s.scratch[:0]
	for {
		if s.pos == len(s.buf) {
			if err := s.more(); err != nil {
				return nil, err
			}
		}
		in := s.buf[s.pos:min(len(s.buf), s.pos+step)]
		out = slices.Grow(out, len(in)) // decoding never lengthens
		to, n, i := out[:cap(out)], len(out), 0
	plain:
		for i < len(in) {
			c := in[i]
			switch {
			case c != '\\' && c != quote && c != '\n':
				to[n] = c
				i++
				n++
			case c != '\\' || len(in)-i < 4: // the longest escape, \x and two digits, has four bytes
				break plain
			case in[i+1] == 'x':
				hi, lo := hexDigit[in[i+2]], hexDigit[in[i+3]]
				if hi|lo > 15 {
					return nil, fmt.Errorf("%w: bad escape %q in a string", tall.ErrFormat, in[i:i+4])
				}
				to[n] = hi<<4 | lo
				i += 4
				n++
			default:
				longer, taken := unescape(to[:n], in[i+1:])
				i += 1 + taken
				n = len(longer)
			}
		}
		out = to[:n]
		s.pos += i
		if i == len(in) {
			continue
		}
		switch in[i] {
		case quote:
			if err := s.ahead(2); err != nil {
				return nil, err
			}
			if s.buf[s.pos+1] != '\n' {
				return nil, fmt.Errorf("%w: a quote inside a string", tall.ErrFormat)
			}
			s.pos += 2
			return s.settle(out), nil
		case '\n':
			return nil, fmt.Errorf("%w: a string without its closing quote", tall.ErrFormat)
		}
		// A backslash close to the end of what is here: its string still needs a
		// quote, a newline and a STOP, so in a whole pickle four bytes follow.
		if err := s.ahead(4); err != nil {
			return nil, err
		}
	}
}

// unescape appends what an escape stands for, given the bytes after its
// backslash, and says how many of them it took.
func unescape(out, after []byte) (_ []byte, taken int) {
	switch c := after[0]; c {
	case 'n':
		return append(out, '\n'), 1
	case 't':
		return append(out, '\t'), 1
	case 'r':
		return append(out, '\r'), 1
	case '\\', '\'', '"':
		return append(out, c), 1
	case 'a':
		return append(out, 7), 1
	case 'b':
		return append(out, 8), 1
	case 'v':
		return append(out, 11), 1
	case 'f':
		return append(out, 12), 1
	case '\n':
		return out, 1
	case '0', '1', '2', '3', '4', '5', '6', '7':
		value, n := 0, 0
		for n < 3 && after[n] >= '0' && after[n] <= '7' {
			value = value<<3 | int(after[n]-'0')
			n++
		}
		return append(out, byte(value)), n
	default: // Python keeps the backslash of an escape it does not know
		return append(out, '\\', c), 1
	}
}

// hexDigit holds the value of a hexadecimal digit, 255 for other bytes.
var hexDigit = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = byte(c - '0')
		case c >= 'a' && c <= 'f':
			t[c] = byte(c - 'a' + 10)
		case c >= 'A' && c <= 'F':
			t[c] = byte(c - 'A' + 10)
		default:
			t[c] = 255
		}
	}
	return t
}()

// rawUnicode reads the argument of UNICODE, a line in Python's
// raw-unicode-escape: Latin-1, and \uXXXX or \UXXXXXXXX for the rest. The
// result is UTF-8.
func (s *source) rawUnicode() ([]byte, error) {
	out := s.scratch[:0]
	high := rune(-1) // the first half of a surrogate pair, as narrow builds of Python 2 write them
	for {
		chunk := s.buf[s.pos:]
		i := 0
		for ; i < len(chunk); i++ {
			c := chunk[i]
			if c == '\n' || c == '\\' {
				break
			}
			if high >= 0 {
				return nil, errSurrogate
			}
			if c < utf8.RuneSelf {
				out = append(out, c)
			} else {
				out = utf8.AppendRune(out, rune(c))
			}
		}
		s.pos += i
		if i == len(chunk) {
			if err := s.more(); err != nil {
				return nil, err
			}
			continue
		}
		if chunk[i] == '\n' {
			s.pos++
			if high >= 0 {
				return nil, errSurrogate
			}
			return s.settle(out), nil
		}
		if err := s.ahead(2); err != nil {
			return nil, err
		}
		var digits int
		switch c := s.buf[s.pos+1]; c {
		case 'u':
			digits = 4
		case 'U':
			digits = 8
		default: // a backslash that escapes nothing
			if high >= 0 {
				return nil, errSurrogate
			}
			out = append(out, '\\')
			s.pos++
			if c == '\\' {
				out = append(out, '\\')
				s.pos++
			}
			continue
		}
		if err := s.ahead(2 + digits); err != nil {
			return nil, err
		}
		r := rune(0)
		for _, c := range s.buf[s.pos+2 : s.pos+2+digits] {
			d := hexDigit[c]
			if d > 15 || r > utf8.MaxRune {
				return nil, fmt.Errorf("%w: bad escape %q in a unicode string", tall.ErrFormat, s.buf[s.pos:s.pos+2+digits])
			}
			r = r<<4 | rune(d)
		}
		s.pos += 2 + digits
		switch {
		case high >= 0:
			if r = utf16.DecodeRune(high, r); r == utf8.RuneError {
				return nil, errSurrogate
			}
			high = -1
		case utf16.IsSurrogate(r):
			high = r
			continue
		}
		if !utf8.ValidRune(r) {
			return nil, errSurrogate
		}
		out = utf8.AppendRune(out, r)
	}
}

var errSurrogate = fmt.Errorf("%w: half a surrogate pair or no character at all in a unicode string", tall.ErrFormat)
