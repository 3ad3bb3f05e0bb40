package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads JSON texts from memory, in one pass, several times as fast as
// encoding/json, into numbers and strings that the caller asks for in turn. It
// takes the words NaN, Infinity and -Infinity for numbers, as Python writes
// them. Errors are [scanError].
type scanner struct {
	data []byte
	at   int
}

// scanError says what is wrong at an offset of the text.
type scanError struct {
	at   int
	text string
}

func (e *scanError) Error() string { return e.text }

// errHalf is the end of a text within a value.
var errHalf = errors.New("the text ends within a value")

func (s *scanner) fail(format string, args ...any) error {
	return &scanError{s.at, fmt.Sprintf(format, args...)}
}

// next passes over blanks and returns the byte behind them, 0 at the end.
func (s *scanner) next() byte {
	for s.at < len(s.data) {
		switch c := s.data[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// need passes over one byte that must stand next.
func (s *scanner) need(c byte) error {
	if got := s.next(); got != c {
		return s.unexpected("'" + string(c) + "'")
	}
	s.at++
	return nil
}

func (s *scanner) unexpected(want string) error {
	if s.next() == 0 && s.at >= len(s.data) {
		return errHalf
	}
	r, _ := utf8.DecodeRune(s.data[s.at:])
	return s.fail("%q where %s belongs", r, want)
}

// more is called before each element of a list or object that ends with end,
// with first true for the first; it reports whether there is one.
func (s *scanner) more(end byte, first bool) (bool, error) {
	switch c := s.next(); {
	case c == end:
		s.at++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		s.at++
		if s.next() == end {
			return false, s.fail("'%c' behind a comma", end)
		}
		return true, nil
	}
	return false, s.unexpected("',' or '" + string(end) + "'")
}

// key reads a key and its colon.
func (s *scanner) key() ([]byte, error) {
	k, err := s.text()
	if err != nil {
		return nil, err
	}
	return k, s.need(':')
}

// text reads a string. The bytes may be those of the text itself.
func (s *scanner) text() ([]byte, error) {
	if s.next() != '"' {
		return nil, s.unexpected("a string")
	}
	start := s.at
	for i := start + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.at = i + 1
			if raw := s.data[start+1 : i]; utf8.Valid(raw) {
				return raw, nil
			}
			s.at = start
			return nil, s.fail("the text is not UTF-8; convert the file to UTF-8")
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			s.at = i
			return nil, s.fail("a control character within a string")
		}
	}
	return nil, errHalf
}

func (s *scanner) escaped(start int) ([]byte, error) {
	for i := start + 1; i < len(s.data); i++ {
		switch s.data[i] {
		case '\\':
			i++
		case '"':
			var out string
			if !utf8.Valid(s.data[start:i]) {
				return nil, s.fail("the text is not UTF-8; convert the file to UTF-8")
			}
			if err := json.Unmarshal(s.data[start:i+1], &out); err != nil {
				return nil, s.fail("a string that is none: %v", err)
			}
			s.at = i + 1
			return []byte(out), nil
		}
	}
	return nil, errHalf
}

// pow10 are the powers of ten that uint64 holds.
var pow10 = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// quotient is mantissa / divisor, rounded once, to the nearest float64, ties to
// even: what a decimal of up to 19 digits stands for. The divisor is not 0.
func quotient(mantissa, divisor uint64) float64 {
	const exactly = 1 << 53
	if mantissa <= exactly && divisor <= exactly {
		return float64(mantissa) / float64(divisor) // both are exact
	}
	// Both are shifted until their highest bits are set, so that the quotient has
	// 64 bits, of which float64 keeps 53.
	up, down := bits.LeadingZeros64(mantissa), bits.LeadingZeros64(divisor)
	high, low, shift := mantissa<<up, uint64(0), down-up-64
	divisor <<= down
	if high >= divisor {
		high, low, shift = high>>1, high<<63, shift+1
	}
	q, rest := bits.Div64(high, low, divisor)
	const dropped = 64 - 53
	kept, tail := q>>dropped, q&(1<<dropped-1)
	const half = 1 << (dropped - 1)
	if tail > half || tail == half && (rest != 0 || kept&1 == 1) {
		kept++
	}
	return math.Ldexp(float64(kept), shift+dropped)
}

// number reads a number.
func (s *scanner) number() (float64, error) {
	c := s.next()
	start, i := s.at, s.at
	data := s.data
	negative := c == '-'
	if negative {
		i++
	}
	var mantissa uint64
	digits, point := 0, 0
	for ; i < len(data) && data[i]-'0' <= 9; i++ {
		mantissa = mantissa*10 + uint64(data[i]-'0')
		digits++
	}
	whole := digits
	if digits == 0 || whole > 1 && data[i-whole] == '0' {
		return s.word(start)
	}
	if i < len(data) && data[i] == '.' {
		i++
		for ; i < len(data) && data[i]-'0' <= 9; i++ {
			mantissa = mantissa*10 + uint64(data[i]-'0')
			digits++
		}
		if point = digits - whole; point == 0 {
			return s.word(start)
		}
	}
	exact := digits <= 19 // neither mantissa nor divisor overflows
	if i < len(data) && data[i]|0x20 == 'e' {
		exact = false
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		from := i
		for ; i < len(data) && data[i]-'0' <= 9; i++ {
		}
		if i == from {
			return s.word(start)
		}
	}
	s.at = i
	if exact {
		v := quotient(mantissa, pow10[point])
		if negative {
			v = -v
		}
		return v, nil
	}
	v, err := strconv.ParseFloat(string(data[start:i]), 64)
	if err != nil && !math.IsInf(v, 0) {
		s.at = start
		return 0, s.fail("%q is no number", data[start:i])
	}
	return v, nil // too large is infinite, as in Python
}

// notNumbers are Python's words for what is no number.
var notNumbers = []struct {
	text  string
	value float64
}{{"NaN", math.NaN()}, {"Infinity", math.Inf(1)}, {"-Infinity", math.Inf(-1)}}

// word reads what stands for a number that has no digits.
func (s *scanner) word(start int) (float64, error) {
	s.at = start
	rest := s.data[start:]
	for _, w := range notNumbers {
		if bytes.HasPrefix(rest, []byte(w.text)) {
			s.at += len(w.text)
			return w.value, nil
		}
		if strings.HasPrefix(w.text, string(rest[:min(len(rest), len(w.text))])) {
			return 0, errHalf // the text ends within the word
		}
	}
	return 0, s.unexpected("a number")
}

// skip passes over a value of any kind.
func (s *scanner) skip() error {
	var open []byte // brackets to be closed
	for {
		switch c := s.next(); c {
		case '{', '[':
			s.at++
			end := c + 2 // in ASCII
			if s.next() == end {
				s.at++
				break
			}
			open = append(open, end)
			if len(open) > maxDepth {
				return s.fail("values are nested more than %d deep", maxDepth)
			}
			if end == '}' {
				if _, err := s.key(); err != nil {
					return err
				}
			}
			continue
		case '"':
			if _, err := s.text(); err != nil {
				return err
			}
		case 't', 'f', 'n':
			if err := s.literal(); err != nil {
				return err
			}
		default:
			if _, err := s.number(); err != nil {
				return err
			}
		}
		// A value is complete; so may be those around it.
		for len(open) > 0 {
			end := open[len(open)-1]
			another, err := s.more(end, false)
			if err != nil {
				return err
			}
			if another {
				if end == '}' {
					if _, err := s.key(); err != nil {
						return err
					}
				}
				break
			}
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			return nil
		}
	}
}

// maxDepth bounds the nesting of values that are passed over.
const maxDepth = 1000

func (s *scanner) literal() error {
	for _, word := range []string{"true", "false", "null"} {
		rest := s.data[s.at:]
		if bytes.HasPrefix(rest, []byte(word)) {
			s.at += len(word)
			return nil
		}
		if len(rest) < len(word) && bytes.HasPrefix([]byte(word), rest) {
			return errHalf
		}
	}
	return s.unexpected("a value")
}

// null passes over null if it stands next.
func (s *scanner) null() bool {
	if s.next() == 'n' && bytes.HasPrefix(s.data[s.at:], []byte("null")) {
		s.at += 4
		return true
	}
	return false
}

// end reports an error unless nothing but blanks is left.
func (s *scanner) end() error {
	if s.next() != 0 || s.at < len(s.data) {
		return s.unexpected("the end")
	}
	return nil
}
