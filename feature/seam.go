package feature

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"tall"
)

type packHeader struct {
	meta   map[string]string
	shape  []int
	offset int64
}

func writeHeader(w io.Writer, n, dim int, meta map[string]string) error {
	m := map[string]any{"__metadata__": meta, packTensor: map[string]any{"dtype": "F32", "shape": []int{n, dim}, "data_offsets": []int{0, n * dim * 4}}}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	for len(b)%64 != 56 {
		b = append(b, ' ')
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(b)))); err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func readHeader(f *os.File) (h packHeader, err error) {
	var n [8]byte
	if _, err := io.ReadFull(f, n[:]); err != nil {
		return h, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	b := make([]byte, min(binary.LittleEndian.Uint64(n[:]), 100<<20))
	if _, err := io.ReadFull(f, b); err != nil {
		return h, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return h, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	json.Unmarshal(m["__metadata__"], &h.meta)
	var t struct{ Shape []int }
	json.Unmarshal(m[packTensor], &t)
	h.shape, h.offset = t.Shape, int64(8+len(b))
	return h, nil
}
