package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"tall"
)

// maxDesc bounds a tensor's description: its type and up to maxDims dimensions,
// at most 11 bytes each.
const maxDesc = 1 << 10

// isSaveCombine knows the start of a stream: version 0, a small number of LoD
// levels and, where there are none, the tensor's version 0.
func isSaveCombine(head []byte) bool {
	if len(head) < 20 || binary.LittleEndian.Uint32(head) != 0 {
		return false
	}
	levels := binary.LittleEndian.Uint64(head[4:])
	return levels <= maxDims && (levels > 0 || binary.LittleEndian.Uint32(head[12:]) == 0)
}

// combined reads a stream of LoDTensors, counting what remains.
type combined struct {
	r    io.Reader
	left int64
}

// readSaveCombine reads a stream written by fluid's save_combine, or by its
// save, whose stream has one tensor. Names and their order are the program's
// (SerializeToStream in paddle/fluid/framework/lod_tensor.cc and
// tensor_util.cc).
func readSaveCombine(r io.Reader, size int64) (*File, error) {
	c := &combined{r: r, left: size}
	f := &File{Format: SaveCombine}
	for c.left > 0 {
		t, err := c.tensor()
		if err != nil {
			return nil, fmt.Errorf("save_combine stream, tensor %d, ending %d bytes before the end: %w", len(f.Tensors)+1, c.left, err)
		}
		f.Tensors = append(f.Tensors, t)
	}
	return f, nil
}

// take reads n bytes that a length in the stream asks for.
func (c *combined) take(n uint64, what string) ([]byte, error) {
	if n > uint64(c.left) {
		return nil, fmt.Errorf("%w: truncated: %s of %d bytes, %d remain; fetch or write the file again", tall.ErrFormat, what, n, c.left)
	}
	b := make([]byte, n)
	c.left -= int64(n)
	return b, readFull(c.r, b)
}

func (c *combined) uint32(what string) (uint32, error) {
	b, err := c.take(4, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (c *combined) uint64(what string) (uint64, error) {
	b, err := c.take(8, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (c *combined) version(what string) error {
	v, err := c.uint32(what)
	if err == nil && v != 0 {
		err = fmt.Errorf("%w: %s %d, only 0 is known", tall.ErrFormat, what, v)
	}
	return err
}

func (c *combined) tensor() (Tensor, error) {
	var none Tensor
	if err := c.version("LoDTensor version"); err != nil {
		return none, err
	}
	if err := c.skipLevels(); err != nil {
		return none, err
	}
	if err := c.version("tensor version"); err != nil {
		return none, err
	}
	n, err := c.uint32("the length of a description")
	if err != nil {
		return none, err
	}
	if n > maxDesc {
		return none, fmt.Errorf("%w: %w: a tensor description of %d bytes, at most %d", tall.ErrUnsafe, tall.ErrFormat, int32(n), maxDesc)
	}
	desc, err := c.take(uint64(n), "a description")
	if err != nil {
		return none, err
	}
	kind, shape, err := parseDesc(desc)
	if err != nil {
		return none, err
	}
	e := entry{DType: kind, Shape: shape}
	size, err := product(shape, elementSize(kind))
	if err != nil {
		return none, fmt.Errorf("%w: %w: %w", tall.ErrUnsafe, tall.ErrFormat, err)
	}
	raw, err := c.take(uint64(size), fmt.Sprintf("data for shape %v", shape))
	if err != nil {
		return none, err
	}
	return e.tensor(raw), nil
}

// skipLevels passes over the LoD, which groups the rows of variable-length
// data; parameters have none.
func (c *combined) skipLevels() error {
	levels, err := c.uint64("the number of LoD levels")
	if err != nil {
		return err
	}
	if levels > maxDims {
		return fmt.Errorf("%w: %d LoD levels, at most %d", tall.ErrFormat, levels, maxDims)
	}
	for range levels {
		n, err := c.uint64("the length of a LoD level")
		if err != nil {
			return err
		}
		if n > uint64(c.left) {
			return fmt.Errorf("%w: truncated: a LoD level of %d bytes, %d remain", tall.ErrFormat, n, c.left)
		}
		c.left -= int64(n)
		if _, err := io.CopyN(io.Discard, c.r, int64(n)); err != nil {
			return fmt.Errorf("%w: truncated in a LoD level", tall.ErrFormat)
		}
	}
	return nil
}

// dataType maps the values of VarType.Type (paddle/fluid/framework/framework.proto)
// that tensors of weights have to safetensors' names.
func dataType(v uint64) string {
	switch v {
	case 0:
		return "BOOL"
	case 1:
		return "I16"
	case 2:
		return "I32"
	case 3:
		return "I64"
	case 4:
		return "F16"
	case float32Type:
		return "F32"
	case 6:
		return "F64"
	case 20:
		return "U8"
	case 21:
		return "I8"
	case 22:
		return "BF16"
	}
	return ""
}

const float32Type = 5

// Tags of TensorDesc's fields in protobuf: number << 3 | wire type (0 varint, 2
// bytes).
const (
	typeTag   = 0x08
	dimTag    = 0x10
	packedTag = 0x12
)

// parseDesc reads VarType.TensorDesc, a protobuf message of two fields: 1, the
// data type, and 2, the dimensions (one by one, or packed).
func parseDesc(b []byte) (kind string, shape []int64, err error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: tensor description % x: %s", tall.ErrFormat, b, fmt.Sprintf(format, args...))
	}
	shape = []int64{}
	rest := b
	varint := func() (uint64, bool) {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			return 0, false
		}
		rest = rest[n:]
		return v, true
	}
	for len(rest) > 0 {
		tag, ok := varint()
		if !ok {
			return "", nil, bad("cut off")
		}
		v, ok := varint()
		if !ok {
			return "", nil, bad("cut off")
		}
		switch tag {
		case typeTag:
			if kind = dataType(v); kind == "" {
				return "", nil, bad("data type %d is not read", v)
			}
		case dimTag:
			shape = append(shape, int64(v))
		case packedTag:
			if v > uint64(len(rest)) {
				return "", nil, bad("cut off")
			}
			for end := len(rest) - int(v); len(rest) > end; {
				n, ok := varint()
				if !ok || len(rest) < end {
					return "", nil, bad("cut off")
				}
				shape = append(shape, int64(n))
			}
		default:
			return "", nil, bad("unknown field %d", tag>>3)
		}
	}
	if kind == "" {
		return "", nil, bad("without a data type")
	}
	return kind, shape, nil
}

// WriteSaveCombine writes the tensors as fluid's save_combine does: without
// names, in the order of their names as Python strings.
func WriteSaveCombine(path string, ts []Tensor) error {
	if err := checkTensors(ts); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return tall.ReplaceFile(path, func(w io.Writer) error { return encodeSaveCombine(w, ts) })
}

func encodeSaveCombine(w io.Writer, ts []Tensor) error {
	sorted := slices.Clone(ts)
	slices.SortFunc(sorted, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range sorted {
		desc := []byte{typeTag, float32Type}
		for _, n := range t.Shape {
			desc = binary.AppendUvarint(append(desc, dimTag), uint64(n))
		}
		var head bytes.Buffer
		head.Write(make([]byte, 4+8+4)) // version 0, no LoD levels, tensor version 0
		head.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(desc))))
		head.Write(desc)
		if _, err := w.Write(head.Bytes()); err != nil {
			return err
		}
		if err := writeData(w, []Tensor{t}); err != nil {
			return err
		}
	}
	return nil
}
