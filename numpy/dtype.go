package numpy

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"tall"
)

// maxDims is the number of dimensions numpy 2 allows; numpy 1 stops at 32.
const maxDims = 64

// maxBytes bounds one array. No file of features or weights comes near it; a
// sparse file on disk can claim any size at no cost.
const maxBytes = 1 << 36

// DType is the type of an array's elements.
type DType struct {
	Kind byte // 'f' float, 'i' signed integer, 'u' unsigned integer, 'b' bool
	Size int  // bytes: f 2, 4, 8; i and u 1, 2, 4, 8; b 1
	Big  bool // big-endian
}

// float32LE is the element type of everything this package writes for features
// and weights: little-endian, 4 bytes.
var float32LE = DType{Kind: 'f', Size: 4}

// String is numpy's spelling: "<f4", ">i8", "|b1".
func (d DType) String() string {
	order := byte('<')
	switch {
	case d.Size == 1:
		order = '|'
	case d.Big:
		order = '>'
	}
	return fmt.Sprintf("%c%c%d", order, d.Kind, d.Size)
}

func (d DType) order() binary.ByteOrder {
	if d.Big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// parseDType reads numpy's spelling. The byte order may be absent, as it is in
// pickles, where it follows in the type's state.
func parseDType(s []byte) (DType, error) {
	var d DType
	spelling := s
	if len(s) > 0 {
		switch s[0] {
		case '>':
			d.Big = true
			s = s[1:]
		case '<', '|', '=':
			s = s[1:]
		}
	}
	if len(s) == 2 && s[1] >= '1' && s[1] <= '8' {
		d.Kind, d.Size = s[0], int(s[1]-'0')
	}
	if !d.valid() {
		return DType{}, fmt.Errorf("%w: element type %.20q: only floats (f2, f4, f8), integers (i1 to i8, u1 to u8) and bool (b1) are read; convert with numpy's astype", tall.ErrFormat, spelling)
	}
	return d, nil
}

func (d DType) valid() bool {
	switch d.Kind {
	case 'f':
		return d.Size == 2 || d.Size == 4 || d.Size == 8
	case 'i', 'u':
		return d.Size == 1 || d.Size == 2 || d.Size == 4 || d.Size == 8
	case 'b':
		return d.Size == 1
	}
	return false
}

// extent multiplies out a shape: the number of elements and of bytes. It
// refuses shapes whose product overflows, also where a zero among the
// dimensions hides it, because callers size other things by single dimensions.
func extent(shape []int, size int) (elements, bytes int64, err error) {
	if len(shape) > maxDims {
		return 0, 0, fmt.Errorf("%w: %d dimensions, at most %d", tall.ErrFormat, len(shape), maxDims)
	}
	product, zero := uint64(size), false
	for _, n := range shape {
		if n < 0 {
			return 0, 0, fmt.Errorf("%w: negative dimension in shape %s", tall.ErrFormat, shapeString(shape))
		}
		if n == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul64(product, uint64(n))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, 0, fmt.Errorf("%w: %w: shape %s of %d-byte elements is more than any memory holds", tall.ErrUnsafe, tall.ErrFormat, shapeString(shape), size)
		}
		product = lo
	}
	if product > maxBytes {
		return 0, 0, fmt.Errorf("%w: %w: shape %s asks for %d bytes, more than the limit of %d", tall.ErrUnsafe, tall.ErrFormat, shapeString(shape), product, int64(maxBytes))
	}
	if zero {
		return 0, 0, nil
	}
	return int64(product) / int64(size), int64(product), nil
}

// shapeString writes a shape as numpy does, without repeating a hostile one in
// full.
func shapeString(shape []int) string {
	const most = 8
	s := "("
	for i, n := range shape {
		if i == most {
			return s + fmt.Sprintf(", ... %d more)", len(shape)-most)
		}
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprint(n)
	}
	if len(shape) == 1 {
		s += ","
	}
	return s + ")"
}

// half widens an IEEE 754 binary16 number.
func half(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent := uint32(h>>10) & 0x1f
	mantissa := uint32(h) & 0x3ff
	switch exponent {
	case 0: // zero or subnormal: mantissa x 2^-24, exact in float32
		f := float32(mantissa) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1f: // infinity or NaN, payload kept
		return math.Float32frombits(sign | 0x7f800000 | mantissa<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | mantissa<<13)
}
