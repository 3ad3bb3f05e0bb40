package numpy

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"

	"tall"
)

// PickleTo writes a value as a pickle of protocol 0 or 2, which Python 2 and 3
// with numpy 1 or 2 open by a plain pickle.load. It takes what [Unpickle]
// returns, and int beside int64. Bytes and the data of arrays are written as
// Python 3 writes them in these protocols, spelled as Latin-1 text: Python 3
// could not read Python 2's spelling without being told an encoding.
func PickleTo(w io.Writer, v any, protocol int) error {
	if protocol != 0 && protocol != 2 {
		return fmt.Errorf("%w: pickle protocol %d cannot be written, only 0 and 2", tall.ErrFormat, protocol)
	}
	p := &pickler{w: bufio.NewWriterSize(w, 64<<10), binary: protocol == 2, memo: make(map[string]int)}
	if p.binary {
		p.op(opProto, 2)
	}
	if err := p.value(v, 0); err != nil {
		return err
	}
	p.op(opStop)
	return p.w.Flush() // the first error of all writes
}

// pickler writes opcodes. Errors stay in the buffered writer until its Flush.
type pickler struct {
	w      *bufio.Writer
	binary bool
	memo   map[string]int // of the names and types that every array repeats
}

func (p *pickler) op(bytes ...byte) { _, _ = p.w.Write(bytes) }

func (p *pickler) raw(s string) { _, _ = p.w.WriteString(s) }

func (p *pickler) value(v any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: values nested more than %d deep cannot be pickled", tall.ErrFormat, maxDepth)
	}
	switch v := v.(type) {
	case nil:
		p.op(opNone)
	case bool:
		p.boolean(v)
	case int:
		p.integer(int64(v))
	case int64:
		p.integer(v)
	case *big.Int:
		p.long(v)
	case float64:
		p.float(v)
	case string:
		return p.text(v)
	case []byte:
		return p.bytes(v)
	case List:
		return p.list(v, depth)
	case Tuple:
		return p.tuple(v, depth)
	case *Dict:
		return p.dict(v, depth)
	case *Array:
		return p.array(v)
	default:
		return fmt.Errorf("%w: a %T cannot be pickled", tall.ErrFormat, v)
	}
	return nil
}

func (p *pickler) boolean(v bool) {
	switch {
	case p.binary && v:
		p.op(opNewTrue)
	case p.binary:
		p.op(opNewFalse)
	case v:
		p.raw("I01\n")
	default:
		p.raw("I00\n")
	}
}

func (p *pickler) integer(v int64) {
	switch {
	case p.binary && v >= 0 && v <= math.MaxUint8:
		p.op(opBinInt1, byte(v))
	case p.binary && v >= 0 && v <= math.MaxUint16:
		p.op(opBinInt2, byte(v), byte(v>>8))
	case p.binary && v == int64(int32(v)):
		p.op(opBinInt)
		p.op(binary.LittleEndian.AppendUint32(nil, uint32(v))...)
	case p.binary:
		p.op(opLong1, 8)
		p.op(binary.LittleEndian.AppendUint64(nil, uint64(v))...)
	case v == int64(int32(v)):
		p.raw("I" + strconv.FormatInt(v, 10) + "\n")
	default: // INT is a C long in Python 2, of 4 bytes on some machines
		p.raw("L" + strconv.FormatInt(v, 10) + "L\n")
	}
}

// long writes LONG in either protocol: such numbers are rare.
func (p *pickler) long(v *big.Int) { p.raw("L" + v.String() + "L\n") }

func (p *pickler) float(v float64) {
	if p.binary {
		p.op(opBinFloat)
		p.op(binary.BigEndian.AppendUint64(nil, math.Float64bits(v))...)
		return
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	switch {
	case math.IsNaN(v):
		s = "nan"
	case math.IsInf(v, 1):
		s = "inf"
	case math.IsInf(v, -1):
		s = "-inf"
	}
	p.raw("F" + s + "\n")
}

func (p *pickler) text(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: the string %.40q is not UTF-8 and cannot be pickled as text", tall.ErrFormat, s)
	}
	if p.binary {
		if err := p.length(opBinUnicode, len(s)); err != nil {
			return err
		}
		p.raw(s)
		return nil
	}
	p.op(opUnicode)
	for _, r := range s {
		p.rawUnicode(r)
	}
	p.op('\n')
	return nil
}

// escaped tells the characters of Latin-1 that Python's pickler escapes for
// UNICODE: they end lines, begin escapes, or end texts somewhere.
func escaped(r rune) bool { return r == '\\' || r == '\n' || r == '\r' || r == 0 || r == 0x1a }

// rawUnicode writes a character for UNICODE.
func (p *pickler) rawUnicode(r rune) {
	switch {
	case escaped(r):
		fmt.Fprintf(p.w, "\\u%04x", r)
	case r <= 0xff:
		_ = p.w.WriteByte(byte(r))
	case r <= 0xffff:
		fmt.Fprintf(p.w, "\\u%04x", r)
	default:
		fmt.Fprintf(p.w, "\\U%08x", r)
	}
}

func (p *pickler) length(op byte, n int) error {
	if int64(n) > math.MaxUint32 {
		return fmt.Errorf("%w: a value of %d bytes is too long for pickle protocol 2; write safetensors", tall.ErrFormat, n)
	}
	p.op(op)
	p.op(binary.LittleEndian.AppendUint32(nil, uint32(n))...)
	return nil
}

// name pushes a global; the second time from the memo.
func (p *pickler) name(module, name string) {
	p.once(module+" "+name, func() {
		p.op(opGlobal)
		p.raw(module + "\n" + name + "\n")
	})
}

// once writes a value that many arrays share; later times it is taken from the
// memo.
func (p *pickler) once(key string, write func()) {
	op, short := byte(opPut), byte(opBinPut)
	at, known := p.memo[key]
	if known {
		op, short = opGet, opBinGet
	} else {
		write()
		at = len(p.memo) // far fewer than 256: names and element types
		p.memo[key] = at
	}
	if p.binary {
		p.op(short, byte(at))
		return
	}
	p.op(op)
	p.raw(strconv.Itoa(at) + "\n")
}

// bytes writes _codecs.encode(text, 'latin1').
func (p *pickler) bytes(b []byte) error {
	if len(b) == 0 {
		p.name("__builtin__", "bytes")
		p.emptyTuple()
		p.op(opReduce)
		return nil
	}
	p.name("_codecs", "encode")
	p.op(opMark)
	if p.binary {
		n := len(b)
		for _, c := range b {
			n += int(c >> 7)
		}
		if err := p.length(opBinUnicode, n); err != nil {
			return err
		}
		p.utf8(b)
	} else {
		p.op(opUnicode)
		p.rawLatin1(b)
		p.op('\n')
	}
	p.once("latin1", func() { _ = p.text("latin1") })
	p.op(opTuple, opReduce)
	return nil
}

// utf8 writes bytes as the characters U+0000 to U+00FF. The second half of them
// takes two bytes; which ones is beyond a processor's prediction, so there are
// no branches.
func (p *pickler) utf8(b []byte) {
	var buf [4096]byte
	for chunk := range slices.Chunk(b, len(buf)/2) {
		at := 0
		for _, c := range chunk {
			high := c >> 7
			buf[at] = 0xc2 | c>>6&1
			at += int(high)
			buf[at] = c &^ (high << 6)
			at++
		}
		p.op(buf[:at]...)
	}
}

// rawLatin1 writes bytes as the characters U+0000 to U+00FF for UNICODE.
func (p *pickler) rawLatin1(b []byte) {
	start := 0
	for i, c := range b {
		if escaped(rune(c)) {
			p.op(b[start:i]...)
			p.rawUnicode(rune(c))
			start = i + 1
		}
	}
	p.op(b[start:]...)
}

func (p *pickler) emptyTuple() {
	if p.binary {
		p.op(opEmptyTuple)
	} else {
		p.op(opMark, opTuple)
	}
}

func (p *pickler) list(v List, depth int) error {
	p.op(opMark)
	for _, item := range v {
		if err := p.value(item, depth+1); err != nil {
			return err
		}
	}
	p.op(opList)
	return nil
}

func (p *pickler) tuple(v Tuple, depth int) error {
	p.op(opMark)
	for _, item := range v {
		if err := p.value(item, depth+1); err != nil {
			return err
		}
	}
	p.op(opTuple)
	return nil
}

func (p *pickler) dict(v *Dict, depth int) error {
	p.op(opMark)
	for key, value := range v.All() {
		if err := p.value(key, depth+1); err != nil {
			return err
		}
		if err := p.value(value, depth+1); err != nil {
			return err
		}
	}
	p.op(opDict)
	return nil
}

// array writes what ndarray.__reduce__ returns: an empty array made by
// _reconstruct, and its state (1, shape, dtype, fortran order, bytes).
func (p *pickler) array(a *Array) error {
	if err := a.check(); err != nil {
		return err
	}
	p.name("numpy.core.multiarray", "_reconstruct")
	p.once("_reconstruct's arguments", func() {
		p.op(opMark)
		p.name("numpy", "ndarray")
		p.op(opMark)
		p.integer(0)
		p.op(opTuple)
		_ = p.bytes([]byte("b")) // one byte is not too long
		p.op(opTuple)
	})
	p.op(opReduce)
	p.op(opMark)
	p.integer(1)
	p.op(opMark)
	for _, n := range a.Shape {
		p.integer(int64(n))
	}
	p.op(opTuple)
	p.once(a.DType.String(), func() { p.elementType(a.DType) })
	p.boolean(a.Fortran)
	if err := p.bytes(a.Data); err != nil {
		return fmt.Errorf("array of shape %s: %w", shapeString(a.Shape), err)
	}
	p.op(opTuple, opBuild)
	return nil
}

// elementType writes dtype('f4', False, True) with the state (3, '<', None,
// None, None, -1, -1, 0).
func (p *pickler) elementType(d DType) {
	spelling := d.String()
	p.name("numpy", "dtype")
	p.op(opMark)
	_ = p.text(spelling[1:]) // ASCII: text has nothing to refuse
	p.boolean(false)
	p.boolean(true)
	p.op(opTuple, opReduce, opMark)
	p.integer(3)
	_ = p.text(spelling[:1])
	p.op(opNone, opNone, opNone)
	p.integer(-1)
	p.integer(-1)
	p.integer(0)
	p.op(opTuple, opBuild)
}
