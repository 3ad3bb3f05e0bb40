package numpy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"tall"
)

const magic = "\x93NUMPY"

// maxHeader bounds the text of a header. numpy itself refuses more than 10,000
// characters of untrusted header; version 1 can say 65,535.
const maxHeader = 1 << 16

// Header describes the array of an npy file.
type Header struct {
	Shape   []int
	DType   DType
	Fortran bool
	Offset  int64 // of the data in the file
}

// Len is the number of elements.
func (h Header) Len() int { return (&Array{Shape: h.Shape}).Len() }

// Bytes is the length of the data.
func (h Header) Bytes() int64 { return int64(h.Len()) * int64(h.DType.Size) }

// header is a Header without allocations, for folders of very many files.
type header struct {
	dtype    DType
	fortran  bool
	dims     [maxDims]int
	ndim     int
	offset   int   // of the data
	elements int64 // product of the dimensions
	bytes    int64 // of the data
}

func (h *header) shape() []int { return h.dims[:h.ndim] }

func (h *header) public() Header {
	return Header{Shape: slices.Clone(h.shape()), DType: h.dtype, Fortran: h.fortran, Offset: int64(h.offset)}
}

// ReadHeader reads the header of an npy stream and leaves r at the data. The
// shape is checked for overflow; whether the data is there is for the caller to
// check ([Header.Bytes]).
func ReadHeader(r io.Reader) (Header, error) {
	var h header
	if err := h.read(r); err != nil {
		return Header{}, err
	}
	return h.public(), nil
}

// ReadFileHeader reads the header of an npy file and checks that the file
// holds all the data that it describes.
func ReadFileHeader(path string) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer f.Close()
	h, err := ReadHeader(f)
	if err == nil {
		var info os.FileInfo
		if info, err = f.Stat(); err == nil && info.Mode().IsRegular() {
			err = enough(h.Bytes(), info.Size()-h.Offset)
		}
	}
	if err != nil {
		return Header{}, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// enough compares the bytes that a header asks for with those that remain.
func enough(want, found int64) error {
	if found < want {
		return fmt.Errorf("%w: truncated: the header describes %d bytes of data, found %d; fetch or write the file again", tall.ErrFormat, want, max(found, 0))
	}
	return nil
}

func (h *header) read(r io.Reader) error {
	var pre [12]byte
	got, err := io.ReadFull(r, pre[:10])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if got < 10 {
		_, _, err := textLength(pre[:got], nil) // says what the bytes lack
		return err
	}
	n, start, err := textLength(pre[:10], func() ([]byte, error) { return pre[:], readHead(r, pre[10:]) })
	if err != nil {
		return err
	}
	text := make([]byte, n)
	if err := readHead(r, text); err != nil {
		return err
	}
	h.offset = start + n
	return h.parse(text)
}

// decode reads a header from the front of a file's bytes.
func (h *header) decode(b []byte) error {
	n, start, err := textLength(b, func() ([]byte, error) { return b, nil })
	if err != nil {
		return err
	}
	if len(b)-start < n {
		return fmt.Errorf("%w: truncated in the npy header: %d bytes expected, %d found", tall.ErrFormat, start+n, len(b))
	}
	h.offset = start + n
	return h.parse(b[start : start+n])
}

// textLength reads magic, version and length: versions 2 and 3 have two more
// bytes of length, for which it calls more.
func textLength(b []byte, more func() ([]byte, error)) (n, start int, err error) {
	switch {
	case len(b) == 0:
		return 0, 0, fmt.Errorf("%w: the file is empty; fetch or write it again", tall.ErrFormat)
	case len(b) < 10 && bytes.HasPrefix([]byte(magic), b[:min(6, len(b))]):
		return 0, 0, fmt.Errorf("%w: truncated: %d bytes are too few for an npy file; fetch or write it again", tall.ErrFormat, len(b))
	case len(b) < 10:
		return 0, 0, fmt.Errorf("%w: not an npy file: it holds %q", tall.ErrFormat, b)
	case string(b[:6]) != magic:
		return 0, 0, fmt.Errorf("%w: not an npy file: it begins with %q, not %q", tall.ErrFormat, b[:6], magic)
	}
	switch b[6] {
	case 1:
		return int(binary.LittleEndian.Uint16(b[8:])), 10, nil
	case 2, 3:
		if b, err = more(); err != nil {
			return 0, 0, err
		}
		if len(b) < 12 {
			return 0, 0, fmt.Errorf("%w: truncated in the npy header", tall.ErrFormat)
		}
		if n := binary.LittleEndian.Uint32(b[8:]); n <= maxHeader {
			return int(n), 12, nil
		}
		return 0, 0, fmt.Errorf("%w: %w: npy header of %d bytes, at most %d are read", tall.ErrUnsafe, tall.ErrFormat, binary.LittleEndian.Uint32(b[8:]), maxHeader)
	}
	return 0, 0, fmt.Errorf("%w: npy version %d.%d, known are 1, 2 and 3", tall.ErrFormat, b[6], b[7])
}

func readHead(r io.Reader, b []byte) error {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: truncated in the npy header: %d more bytes expected, %d found; fetch or write the file again", tall.ErrFormat, len(b), n)
	}
	return err
}

// parse reads the header's text, a Python dict literal with exactly the keys
// descr, fortran_order and shape.
func (h *header) parse(text []byte) error {
	l := literal{text: text}
	var seen [3]bool
	once := func(i int) {
		if seen[i] {
			l.fail("a key twice")
		}
		seen[i] = true
	}
	l.want('{')
	for !l.bad && !l.skip('}') {
		key := l.quoted()
		l.want(':')
		switch string(key) {
		case "descr":
			once(0)
			if l.peek() == '[' {
				return fmt.Errorf("%w: a structured (record) element type; save each field as an array of its own", tall.ErrFormat)
			}
			descr := l.quoted()
			if l.bad {
				break
			}
			d, err := parseDType(descr)
			if err != nil {
				return err
			}
			h.dtype = d
		case "fortran_order":
			once(1)
			h.fortran = l.boolean()
		case "shape":
			once(2)
			h.ndim = l.tuple(h.dims[:])
		default:
			l.fail("unknown key")
		}
		if !l.skip(',') {
			l.want('}')
			break
		}
	}
	l.end()
	if seen != [3]bool{true, true, true} {
		l.fail("a key is absent")
	}
	if l.bad {
		return fmt.Errorf("%w: npy header %.80q: %s at byte %d; wanted {'descr': ..., 'fortran_order': ..., 'shape': ...}", tall.ErrFormat, text, l.why, l.at)
	}
	var err error
	h.elements, h.bytes, err = extent(h.shape(), h.dtype.Size)
	return err
}

// literal is a parser for the little of Python's literals that numpy's headers
// use. After a mistake it stays bad and yields zero values.
type literal struct {
	text []byte
	at   int
	bad  bool
	why  string
}

func (l *literal) fail(why string) {
	if !l.bad {
		l.bad, l.why = true, why
	}
}

func (l *literal) space() {
	for l.at < len(l.text) && (l.text[l.at] == ' ' || l.text[l.at] == '\n' || l.text[l.at] == '\t' || l.text[l.at] == '\r') {
		l.at++
	}
}

// peek returns the next character that is not a blank; 0 at the end.
func (l *literal) peek() byte {
	l.space()
	if l.at >= len(l.text) {
		return 0
	}
	return l.text[l.at]
}

func (l *literal) skip(c byte) bool {
	if l.bad || l.peek() != c {
		return false
	}
	l.at++
	return true
}

func (l *literal) want(c byte) {
	if !l.bad && !l.skip(c) {
		l.fail(string([]byte{'\'', c, '\'', ' '}) + "expected")
	}
}

func (l *literal) end() {
	if !l.bad && l.peek() != 0 {
		l.fail("something after the dict")
	}
}

// quoted reads a string without escapes.
func (l *literal) quoted() []byte {
	quote := l.peek()
	if l.bad || (quote != '\'' && quote != '"') {
		l.fail("string expected")
		return nil
	}
	l.at++
	start := l.at
	for l.at < len(l.text) && l.text[l.at] != quote {
		if l.text[l.at] == '\\' {
			l.fail("escape in a string")
			return nil
		}
		l.at++
	}
	if l.at == len(l.text) {
		l.fail("unfinished string")
		return nil
	}
	l.at++
	return l.text[start : l.at-1]
}

func (l *literal) boolean() bool {
	l.space()
	for _, word := range [...]string{"True", "False"} {
		if end := l.at + len(word); !l.bad && end <= len(l.text) && string(l.text[l.at:end]) == word {
			l.at = end
			return word == "True"
		}
	}
	l.fail("True or False expected")
	return false
}

// tuple reads (), (1,), (1, 2), (1, 2,) into dims; Python 2 wrote 1L for large
// numbers.
func (l *literal) tuple(dims []int) (n int) {
	l.want('(')
	for !l.bad && !l.skip(')') {
		if n == len(dims) {
			l.fail("too many dimensions")
			return 0
		}
		dims[n] = l.integer()
		n++
		if !l.skip(',') {
			if n == 1 {
				l.fail("a tuple of one needs a comma")
			}
			l.want(')')
			break
		}
	}
	return n
}

func (l *literal) integer() int {
	l.space()
	start, value := l.at, 0
	for l.at < len(l.text) && l.text[l.at] >= '0' && l.text[l.at] <= '9' {
		digit := int(l.text[l.at] - '0')
		if value > (math.MaxInt-digit)/10 {
			l.fail("a dimension too large for any file")
			return 0
		}
		value = value*10 + digit
		l.at++
	}
	if l.at == start {
		l.fail("number expected")
	}
	if l.at < len(l.text) && l.text[l.at] == 'L' {
		l.at++
	}
	return value
}
