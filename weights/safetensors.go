package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"tall"
	"tall/numpy"
)

// maxHeader is the limit of the format's own implementation.
const maxHeader = 100_000_000

// metadata is the key of the header that holds no tensor.
const metadata = "__metadata__"

// isSafetensors looks for the length of the header and its first brace.
func isSafetensors(head []byte, size int64) bool {
	if len(head) < 9 || head[8] != '{' {
		return false
	}
	// JSON text that happens to begin with eight characters and a brace has a
	// length of more than any file in front.
	return binary.LittleEndian.Uint64(head) <= uint64(max(maxHeader, size))
}

// entry is a tensor's line in the header.
type entry struct {
	name  string
	DType string  `json:"dtype"`
	Shape []int64 `json:"shape"`
	At    []int64 `json:"data_offsets"` // begin and end, from the end of the header
}

func readSafetensors(r io.Reader, size int64) (*File, error) {
	entries, meta, _, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{Format: Safetensors, Meta: meta, Tensors: make([]Tensor, len(entries))}
	for i, e := range entries { // in the order of their data
		raw := make([]byte, e.At[1]-e.At[0])
		if err := readFull(r, raw); err != nil {
			return nil, err
		}
		f.Tensors[i] = e.tensor(raw)
	}
	return f, nil
}

// readHeader reads up to the data of a file of size bytes, and says where that
// begins. The entries are checked against the size, in the order of their data.
func readHeader(r io.Reader, size int64) (entries []entry, meta map[string]string, start int64, err error) {
	var length [8]byte
	if err := readFull(r, length[:]); err != nil {
		return nil, nil, 0, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader {
		return nil, nil, 0, fmt.Errorf("%w: %w: a safetensors header of %d bytes, at most %d", tall.ErrUnsafe, tall.ErrFormat, n, maxHeader)
	}
	if int64(n) > size-8 {
		return nil, nil, 0, fmt.Errorf("%w: truncated: a safetensors header of %d bytes, %d remain; fetch or write the file again", tall.ErrFormat, n, size-8)
	}
	header := make([]byte, n)
	if err := readFull(r, header); err != nil {
		return nil, nil, 0, err
	}
	if entries, meta, err = parseHeader(header); err != nil {
		return nil, nil, 0, err
	}
	start = 8 + int64(n)
	return entries, meta, start, checkOffsets(entries, size-start)
}

// readFull reads what the sizes checked before promise.
func readFull(r io.Reader, b []byte) error {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: truncated: %d bytes expected, %d found; fetch or write the file again", tall.ErrFormat, len(b), n)
	}
	return err
}

// parseHeader reads the JSON object by its tokens, because a key that comes
// twice must be an error.
func parseHeader(text []byte) ([]entry, map[string]string, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: safetensors header: %s", tall.ErrFormat, fmt.Sprintf(format, args...))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, bad("not a JSON object")
	}
	var entries []entry
	var meta map[string]string
	seen := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, nil, bad("%v at byte %d", err, d.InputOffset())
		}
		name, _ := t.(string) // a key is always one
		if seen[name] {
			return nil, nil, bad("%.100q twice", name)
		}
		seen[name] = true
		if name == metadata {
			if err := d.Decode(&meta); err != nil {
				return nil, nil, bad("%s: %v", metadata, err)
			}
			continue
		}
		e := entry{name: name}
		if err := d.Decode(&e); err != nil {
			return nil, nil, bad("tensor %.100q: %v", name, err)
		}
		if len(e.At) != 2 || e.Shape == nil {
			return nil, nil, bad("tensor %.100q: without its shape or its two data_offsets", name)
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, bad("%v at byte %d", err, d.InputOffset())
	}
	if rest := bytes.TrimRight(text[d.InputOffset():], " "); len(rest) != 0 { // the format pads with spaces
		return nil, nil, bad("%d bytes after the JSON object", len(rest))
	}
	return entries, meta, nil
}

// checkOffsets sorts the entries by their place and checks that they cover the
// data without overlaps, gaps or a rest, each in the size of its shape.
func checkOffsets(entries []entry, data int64) error {
	slices.SortStableFunc(entries, func(a, b entry) int {
		// Empty tensors share their place with the next one.
		if a.At[0] != b.At[0] {
			return compare(a.At[0], b.At[0])
		}
		return compare(a.At[1], b.At[1])
	})
	at := int64(0)
	for _, e := range entries {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%w: safetensors: tensor %.100q: %s", tall.ErrFormat, e.name, fmt.Sprintf(format, args...))
		}
		size := elementSize(e.DType)
		if size == 0 {
			return fail("element type %.20q is not read (only F16, BF16, F32, F64, integers and BOOL)", e.DType)
		}
		from, to := e.At[0], e.At[1]
		switch {
		case from < 0 || to < from || to > data:
			return fail("its data lies at %d to %d of %d bytes; is the file truncated?", from, to, data)
		case from < at:
			return fail("its data begins at %d, where another tensor reaches to %d", from, at)
		case from > at:
			return fail("the data has a gap of %d bytes before it", from-at)
		}
		want, err := product(e.Shape, size)
		if err != nil {
			return fail("%v", err)
		}
		if want != to-from {
			return fail("shape %v of %s takes %d bytes, the header gives it %d", e.Shape, e.DType, want, to-from)
		}
		at = to
	}
	if at != data {
		return fmt.Errorf("%w: safetensors: %d bytes after the last tensor", tall.ErrFormat, data-at)
	}
	return nil
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// maxDims bounds the dimensions of a tensor.
const maxDims = 64

// product multiplies out a shape, in bytes. A product that overflows is an
// error even where a zero among the dimensions hides it.
func product(shape []int64, size int) (int64, error) {
	if len(shape) > maxDims {
		return 0, fmt.Errorf("%d dimensions, at most %d", len(shape), maxDims)
	}
	bytes, zero := uint64(size), false
	for _, n := range shape {
		if n < 0 {
			return 0, fmt.Errorf("negative dimension in shape %v", shape)
		}
		if n == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul64(bytes, uint64(n))
		if hi != 0 || lo > math.MaxInt64/2 {
			return 0, fmt.Errorf("shape %v is more than any memory holds", shape)
		}
		bytes = lo
	}
	if zero {
		return 0, nil
	}
	return int64(bytes), nil
}

// elementSize is 0 for types that are not read.
func elementSize(dtype string) int {
	if dtype == "BF16" {
		return 2
	}
	return elementType(dtype).Size
}

// elementType maps safetensors' names to numpy's types, where numpy has them.
func elementType(dtype string) numpy.DType {
	switch dtype {
	case "F16":
		return numpy.DType{Kind: 'f', Size: 2}
	case "F32":
		return numpy.DType{Kind: 'f', Size: 4}
	case "F64":
		return numpy.DType{Kind: 'f', Size: 8}
	case "I8":
		return numpy.DType{Kind: 'i', Size: 1}
	case "I16":
		return numpy.DType{Kind: 'i', Size: 2}
	case "I32":
		return numpy.DType{Kind: 'i', Size: 4}
	case "I64":
		return numpy.DType{Kind: 'i', Size: 8}
	case "U8":
		return numpy.DType{Kind: 'u', Size: 1}
	case "U16":
		return numpy.DType{Kind: 'u', Size: 2}
	case "U32":
		return numpy.DType{Kind: 'u', Size: 4}
	case "U64":
		return numpy.DType{Kind: 'u', Size: 8}
	case "BOOL":
		return numpy.DType{Kind: 'b', Size: 1}
	}
	return numpy.DType{}
}

// tensor converts the bytes of a checked entry.
func (e entry) tensor(raw []byte) Tensor {
	shape := ints(e.Shape)
	return Tensor{Name: e.name, Shape: shape, Data: widen(e.DType, shape, raw)}
}

// widen converts the bytes of a tensor of a type that safetensors names.
func widen(dtype string, shape []int, raw []byte) []float32 {
	if dtype == "BF16" {
		return brain(raw)
	}
	a := numpy.Array{Shape: shape, DType: elementType(dtype), Data: raw}
	return a.Float32()
}

// brain widens bfloat16: the upper half of a float32.
func brain(raw []byte) []float32 {
	out := make([]float32, len(raw)/2)
	for i := range out {
		out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(raw[2*i:])) << 16)
	}
	return out
}

func ints(shape []int64) []int {
	out := make([]int, len(shape))
	for i, n := range shape {
		out[i] = int(n)
	}
	return out
}

// Entry is one tensor of a safetensors file and where it lies.
type Entry struct {
	Name   string
	DType  string // safetensors' own name: "F32"
	Shape  []int
	Offset int64 // from the beginning of the file
	Size   int64 // bytes
}

// Float32 converts the entry's bytes, which the caller read from its place, to
// numbers in C order. They may share memory with raw.
func (e Entry) Float32(raw []byte) ([]float32, error) {
	if int64(len(raw)) != e.Size {
		return nil, fmt.Errorf("%w: tensor %q takes %d bytes, %d were read", tall.ErrFormat, e.Name, e.Size, len(raw))
	}
	return widen(e.DType, e.Shape, raw), nil
}

// ReadSafetensorsHeader reads the header of a file of size bytes, in the order
// of the data, for those who map or seek the data. Every entry lies within the
// file and is as large as its shape.
func ReadSafetensorsHeader(r io.Reader, size int64) ([]Entry, map[string]string, error) {
	entries, meta, start, err := readHeader(r, size)
	if err != nil {
		return nil, nil, err
	}
	out := make([]Entry, len(entries))
	for i, e := range entries {
		out[i] = Entry{e.name, e.DType, ints(e.Shape), start + e.At[0], e.At[1] - e.At[0]}
	}
	return out, meta, nil
}

// WriteSafetensors writes the tensors as F32, in their order, and f.Meta. The
// file is replaced as a whole or not at all.
func WriteSafetensors(path string, f *File) error {
	if err := checkTensors(f.Tensors); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	specs := make([]Spec, len(f.Tensors))
	for i, t := range f.Tensors {
		specs[i] = Spec{t.Name, t.Shape}
	}
	header, err := SafetensorsHeader(specs, f.Meta)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return tall.ReplaceFile(path, func(w io.Writer) error {
		if _, err := w.Write(header); err != nil {
			return err
		}
		return writeData(w, f.Tensors)
	})
}

func writeData(w io.Writer, ts []Tensor) error {
	for _, t := range ts {
		if _, err := w.Write(numpy.FromFloat32(t.Shape, t.Data).Data); err != nil {
			return err
		}
	}
	return nil
}

// SafetensorsHeader is what precedes the data of a file of F32 tensors that lie
// one after the other: the length and the JSON text, padded with spaces so that
// the data begins at a multiple of 8. It is for those who write data that does
// not fit into memory; [WriteSafetensors] does the rest by itself.
func SafetensorsHeader(specs []Spec, meta map[string]string) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 8))
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	sep := "{"
	put := func(key string, value any) error {
		b.WriteString(sep)
		sep = ","
		if !utf8.ValidString(key) {
			return fmt.Errorf("%w: the name %q is not UTF-8", tall.ErrFormat, key)
		}
		if err := enc.Encode(key); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the encoder's newline
		b.WriteString(":")
		if err := enc.Encode(value); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1)
		return nil
	}
	if len(meta) > 0 {
		for k, v := range meta {
			if !utf8.ValidString(k + v) {
				return nil, fmt.Errorf("%w: metadata %q is not UTF-8", tall.ErrFormat, k)
			}
		}
		if err := put(metadata, meta); err != nil {
			return nil, err
		}
	}
	at := int64(0)
	for _, t := range specs {
		if t.Name == metadata {
			return nil, fmt.Errorf("%w: a tensor cannot be called %s in safetensors", tall.ErrFormat, metadata)
		}
		e := entry{DType: "F32", Shape: []int64{}}
		for _, n := range t.Shape {
			e.Shape = append(e.Shape, int64(n))
		}
		size, err := product(e.Shape, 4)
		if err != nil {
			return nil, fmt.Errorf("%w: tensor %s: %w", tall.ErrShape, t.Name, err)
		}
		e.At = []int64{at, at + size}
		if err := put(t.Name, e); err != nil {
			return nil, err
		}
		at = e.At[1]
	}
	if sep == "{" {
		b.WriteString(sep)
	}
	b.WriteString("}")
	b.WriteString(strings.Repeat(" ", (8-b.Len()%8)%8))
	n := b.Len() - 8
	if n > maxHeader {
		return nil, fmt.Errorf("%w: a safetensors header of %d bytes, at most %d", tall.ErrFormat, n, maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(n))
	return b.Bytes(), nil
}

// checkTensors finds the mistakes that would make an unreadable file.
func checkTensors(ts []Tensor) error {
	specs := make([]Spec, len(ts))
	for i, t := range ts {
		specs[i] = Spec{t.Name, t.Shape}
	}
	if err := checkSpecs(specs); err != nil {
		return err
	}
	for _, t := range ts {
		if elements(t.Shape) != len(t.Data) {
			return fmt.Errorf("%w: %s has %d numbers for shape %v", tall.ErrShape, t.Name, len(t.Data), t.Shape)
		}
	}
	return nil
}
