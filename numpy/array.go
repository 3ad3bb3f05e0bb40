package numpy

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"tall"
)

// Array is an array as its file holds it.
type Array struct {
	Shape   []int
	DType   DType
	Fortran bool   // Data is in Fortran (column-major) order
	Data    []byte // product of Shape x DType.Size bytes; may share the bytes it was read from
}

// FromFloat32 wraps numbers in C order as an array of type f4. The array may
// share data's memory. It panics where shape and data disagree: both come from
// the program.
func FromFloat32(shape []int, data []float32) *Array {
	if n, _, err := extent(shape, 4); err != nil || n != int64(len(data)) {
		panic(fmt.Sprintf("numpy: %d numbers for shape %v", len(data), shape))
	}
	return &Array{Shape: slices.Clone(shape), DType: float32LE, Data: float32Bytes(data)}
}

// Len is the number of elements.
func (a *Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// check says whether Data is as long as the shape asks. Every reader calls it
// before it hands an array out.
func (a *Array) check() error {
	_, want, err := extent(a.Shape, a.DType.Size)
	if err != nil {
		return err
	}
	if want != int64(len(a.Data)) {
		return fmt.Errorf("%w: an array of shape %s and type %s takes %d bytes, found %d", tall.ErrFormat, shapeString(a.Shape), a.DType, want, len(a.Data))
	}
	return nil
}

// Float32 returns the elements in C order. Float64 values are rounded to the
// nearest float32 (beyond its range: infinity), integers likewise; bools are 0
// and 1. The result may share memory with Data (when that is little-endian f4
// in C order already): treat it as read-only or clone it.
func (a *Array) Float32() []float32 {
	if a.DType == float32LE && a.rowMajor() {
		if view, ok := float32View(a.Data); ok {
			return view
		}
	}
	out := make([]float32, a.Len())
	a.fill(out)
	return out
}

// CopyFloat32 writes the elements in C order to dst, which must hold exactly
// [Array.Len] numbers.
func (a *Array) CopyFloat32(dst []float32) error {
	if n := a.Len(); n != len(dst) {
		return fmt.Errorf("%w: an array of shape %s holds %d numbers, %d wanted", tall.ErrShape, shapeString(a.Shape), n, len(dst))
	}
	a.fill(dst)
	return nil
}

// rowMajor reports whether Data is in C order; with at most one dimension
// longer than 1 the two orders are the same.
func (a *Array) rowMajor() bool {
	long := 0
	for _, n := range a.Shape {
		if n != 1 {
			long++
		}
	}
	return !a.Fortran || long < 2
}

func (a *Array) fill(dst []float32) {
	if a.rowMajor() {
		convert(dst, a.Data, a.DType)
		return
	}
	flat := make([]float32, len(dst))
	convert(flat, a.Data, a.DType)
	transpose(dst, flat, a.Shape)
}

// transpose copies src, an array of the given shape in Fortran order, to dst in
// C order. The last dimension moves fastest in dst.
func transpose(dst, src []float32, shape []int) {
	if len(dst) == 0 {
		return
	}
	stride := make([]int, len(shape)) // of each dimension in src
	step := 1
	for i, n := range shape {
		stride[i] = step
		step *= n
	}
	last := len(shape) - 1
	index := make([]int, len(shape))
	base := 0
	for at := 0; at < len(dst); {
		from := base
		for range shape[last] {
			dst[at] = src[from]
			from += stride[last]
			at++
		}
		for i := last - 1; i >= 0; i-- {
			index[i]++
			base += stride[i]
			if index[i] < shape[i] {
				break
			}
			base -= stride[i] * shape[i]
			index[i] = 0
		}
	}
}

// convert widens or narrows src, len(dst) elements of type d, to float32.
func convert(dst []float32, src []byte, d DType) {
	if d == float32LE {
		if view, ok := float32View(src); ok {
			copy(dst, view)
			return
		}
	}
	order := d.order()
	switch {
	case d.Kind == 'f' && d.Size == 2:
		for i := range dst {
			dst[i] = half(order.Uint16(src[2*i:]))
		}
	case d.Kind == 'f' && d.Size == 4:
		for i := range dst {
			dst[i] = math.Float32frombits(order.Uint32(src[4*i:]))
		}
	case d.Kind == 'f' && d.Size == 8:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(order.Uint64(src[8*i:])))
		}
	case d.Kind == 'u':
		for i := range dst {
			dst[i] = float32(unsigned(src[i*d.Size:], d.Size, order))
		}
	case d.Kind == 'i':
		for i := range dst {
			dst[i] = float32(signed(src[i*d.Size:], d.Size, order))
		}
	case d.Kind == 'b':
		for i := range dst {
			dst[i] = 0
			if src[i] != 0 {
				dst[i] = 1
			}
		}
	default:
		panic("numpy: element type " + d.String()) // no reader lets one through
	}
}

func unsigned(b []byte, size int, order binary.ByteOrder) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(order.Uint16(b))
	case 4:
		return uint64(order.Uint32(b))
	}
	return order.Uint64(b)
}

func signed(b []byte, size int, order binary.ByteOrder) int64 {
	shift := 64 - 8*size
	return int64(unsigned(b, size, order)<<shift) >> shift
}

// littleEndian tells whether this machine stores numbers as the files do.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// float32View reads bytes as numbers in place where the machine can.
func float32View(b []byte) ([]float32, bool) {
	if len(b) == 0 {
		return []float32{}, true
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if !littleEndian || uintptr(p)%4 != 0 {
		return nil, false
	}
	return unsafe.Slice((*float32)(p), len(b)/4), true
}

// float32Bytes is the little-endian form of numbers, in place where the machine
// can.
func float32Bytes(f []float32) []byte {
	if littleEndian && len(f) > 0 {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), 4*len(f))
	}
	out := make([]byte, 0, 4*len(f))
	for _, x := range f {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}
