package numpy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"tall"
)

// number reads an unsigned little-endian argument of 1, 2, 4 or 8 bytes.
func (m *machine) number(size int) (uint64, error) {
	b, err := m.src.short(size)
	if err != nil {
		return 0, err
	}
	return unsigned(b, size, binary.LittleEndian), nil
}

// maxDigits is the length of decimal numbers that Python itself converts
// (sys.int_info.default_max_str_digits); converting takes quadratic time.
const maxDigits = 4300

// decimal reads a number written out as a line of text.
func (m *machine) decimal(op byte) error {
	line, err := m.src.line()
	if err != nil {
		return err
	}
	s := strings.TrimSpace(string(line))
	bad := func() error { return fmt.Errorf("%w: %.40q is no number", tall.ErrFormat, s) }
	switch {
	case op == opFloat:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) { // beyond float64: infinity, as in Python
			return bad()
		}
		return m.push(f, costNumber)
	case op == opInt && (s == "00" || s == "01"):
		return m.push(s == "01", 0)
	case op == opLong:
		s = strings.TrimSuffix(s, "L")
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return m.push(n, costNumber)
	}
	if len(s) > maxDigits {
		return fmt.Errorf("%w: a number of %d digits, at most %d", tall.ErrUnsafe, len(s), maxDigits)
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.IsInt64() { // what ParseInt refuses and SetString takes is odd
		return bad()
	}
	return m.push(n, len(s))
}

// long reads an integer in little-endian two's complement.
func (m *machine) long(op byte) error {
	size := 1
	if op == opLong4 {
		size = 4
	}
	n, err := m.number(size)
	if err != nil {
		return err
	}
	if n > maxDigits {
		return fmt.Errorf("%w: an integer of %d bytes, at most %d", tall.ErrUnsafe, n, maxDigits)
	}
	b, err := m.src.short(int(n))
	if err != nil {
		return err
	}
	negative := n > 0 && b[n-1]&0x80 != 0
	if n <= 8 {
		var word [8]byte
		for i := range word {
			if negative {
				word[i] = 0xff
			}
		}
		copy(word[:], b)
		return m.push(int64(binary.LittleEndian.Uint64(word[:])), costNumber)
	}
	reversed := make([]byte, n)
	for i, c := range b {
		if negative {
			c = ^c
		}
		reversed[int(n)-1-i] = c
	}
	v := new(big.Int).SetBytes(reversed)
	if negative {
		v.Not(v)
	}
	if v.IsInt64() { // spelled with more bytes than it needs
		return m.push(v.Int64(), costNumber)
	}
	return m.push(v, int(n))
}

// bytes reads a string or bytes.
func (m *machine) bytes(op byte) error {
	var size int
	switch op {
	case opString:
		b, err := m.src.quoted()
		if err != nil {
			return err
		}
		return m.push(str2(b), costBytes+len(b))
	case opUnicode:
		b, err := m.src.rawUnicode()
		if err != nil {
			return err
		}
		return m.push(text(b), costBytes+len(b))
	case opShortBinString, opShortBinUnicode, opShortBinBytes:
		size = 1
	case opBinString, opBinUnicode, opBinBytes:
		size = 4
	case opBinUnicode8, opBinBytes8, opByteArray8:
		size = 8
	}
	n, err := m.number(size)
	if err != nil {
		return err
	}
	if op == opBinString && int32(n) < 0 {
		return fmt.Errorf("%w: a string of negative length", tall.ErrFormat)
	}
	b, err := m.src.take(n)
	if err != nil {
		return err
	}
	cost := costBytes + len(b)
	switch op {
	case opBinString, opShortBinString:
		return m.push(str2(b), cost)
	case opBinUnicode, opShortBinUnicode, opBinUnicode8:
		if _, ok := latin1Length(b); !ok && !utf8.Valid(b) { // arrays spelled as text are long, and pass the quicker test
			return fmt.Errorf("%w: a unicode string that is not UTF-8", tall.ErrFormat)
		}
		return m.push(text(b), cost)
	}
	return m.push(b, cost)
}
