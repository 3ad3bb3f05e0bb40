package numpy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"tall"
)

// ReadFile reads the array of an npy file. What follows the array in the file
// is left alone, as numpy.load leaves it.
func ReadFile(path string) (*Array, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := regularSize(f)
	if err != nil {
		return nil, err
	}
	a, err := Decode(bufio.NewReaderSize(f, 4096), size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// regularSize is the number of bytes in a regular file; -1 for a pipe or
// device, which does not say.
func regularSize(f *os.File) (int64, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return 0, err
	case info.IsDir():
		return 0, fmt.Errorf("%s: %w: a folder, not a file", f.Name(), tall.ErrFormat)
	case !info.Mode().IsRegular():
		return -1, nil
	}
	return info.Size(), nil
}

// Decode reads an npy stream of size bytes; size < 0 when that is not known.
// No more is allocated than the stream turns out to hold.
func Decode(r io.Reader, size int64) (*Array, error) {
	var h header
	if err := h.read(r); err != nil {
		return nil, err
	}
	if size >= 0 {
		if err := enough(h.bytes, size-int64(h.offset)); err != nil {
			return nil, err
		}
	}
	data, err := readBytes(r, h.bytes, size >= 0)
	if err != nil {
		return nil, err
	}
	p := h.public()
	return &Array{Shape: p.Shape, DType: p.DType, Fortran: p.Fortran, Data: data}, nil
}

// readBytes reads n bytes. Unless they are known to be there, memory grows with
// what arrives and not with what was promised. A file's size is not believed
// beyond a GiB either: sparse files claim any size at no cost.
func readBytes(r io.Reader, n int64, known bool) ([]byte, error) {
	have := min(n, 1<<20)
	if known {
		have = min(n, 1<<30)
	}
	buf := make([]byte, have)
	for at := int64(0); ; {
		got, err := io.ReadFull(r, buf[at:])
		at += int64(got)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, enough(n, at)
		}
		if err != nil {
			return nil, err
		}
		if at == n {
			return buf, nil
		}
		grown := make([]byte, min(n, 2*at))
		copy(grown, buf)
		buf = grown
	}
}

// vectors holds read buffers for ReadVector.
var vectors = sync.Pool{New: func() any { b := make([]byte, 20<<10); return &b }}

// ReadVector reads an npy file of exactly len(dst) elements (of any shape and
// element type) into dst, in C order. It is meant for folders of very many
// small files: it allocates next to nothing and may be called from several
// goroutines.
func ReadVector(path string, dst []float32) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = readVector(f, dst)
	f.Close()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func readVector(f *os.File, dst []float32) error {
	pooled := vectors.Get().(*[]byte)
	defer vectors.Put(pooled)
	buf := *pooled
	n, err := readUpTo(f, buf)
	if err != nil {
		return err
	}
	var h header
	if err := h.decode(buf[:n]); err != nil {
		return err
	}
	if h.elements != int64(len(dst)) {
		return fmt.Errorf("%w: the array has shape %s, %d numbers were wanted", tall.ErrShape, shapeString(h.shape()), len(dst))
	}
	total := h.offset + int(h.bytes) // at most 8 len(dst) + header: dst vouches for the size
	if total > len(buf) {
		grown := make([]byte, total)
		copy(grown, buf[:n])
		more, err := readUpTo(f, grown[n:])
		if err != nil {
			return err
		}
		buf, n = grown, n+more
		*pooled = grown
	}
	if err := enough(h.bytes, int64(n-h.offset)); err != nil {
		return err
	}
	a := Array{Shape: h.shape(), DType: h.dtype, Fortran: h.fortran, Data: buf[h.offset:total]}
	a.fill(dst)
	return nil
}

// readUpTo fills b, or less at the end of the file.
func readUpTo(f *os.File, b []byte) (n int, err error) {
	n, err = io.ReadFull(f, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}

// AppendHeader appends the version 1 header of a little-endian f4 array in C
// order, padded as numpy pads it, so that the data begins at a multiple of 64.
func AppendHeader(b []byte, shape []int) []byte {
	var dict strings.Builder
	fmt.Fprintf(&dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (")
	for i, n := range shape {
		if i > 0 {
			dict.WriteString(", ")
		}
		fmt.Fprint(&dict, n)
	}
	if len(shape) == 1 {
		dict.WriteByte(',')
	}
	dict.WriteString("), }")
	const fixed = len(magic) + 4
	pad := (64 - (fixed+dict.Len()+1)%64) % 64
	n := dict.Len() + pad + 1
	b = append(b, magic...)
	b = append(b, 1, 0, byte(n), byte(n>>8))
	b = append(b, dict.String()...)
	for range pad {
		b = append(b, ' ')
	}
	return append(b, '\n')
}

// Encode writes numbers in C order as an npy stream of type f4, version 1.
func Encode(w io.Writer, shape []int, data []float32) error {
	a := FromFloat32(shape, data)
	if _, err := w.Write(AppendHeader(nil, shape)); err != nil {
		return err
	}
	_, err := w.Write(a.Data)
	return err
}

// WriteFile writes an npy file by way of [tall.ReplaceFile]. For very many small
// files, whose loss costs nothing, [Encode] into a plain file is quicker: this
// waits for the disk.
func WriteFile(path string, shape []int, data []float32) error {
	return tall.ReplaceFile(path, func(w io.Writer) error { return Encode(w, shape, data) })
}
