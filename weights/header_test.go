package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/numpy"
)

// A header written alone, with its data behind it, is a file that Read opens,
// and the places that ReadSafetensorsHeader gives are those of the data.
func TestSafetensorsHeader(t *testing.T) {
	specs := []Spec{{"b", []int{2, 3}}, {"empty", []int{0, 4}}, {"a", []int{1}}}
	meta := map[string]string{"names": "x\ny", "format": "test"}
	file, err := SafetensorsHeader(specs, meta)
	if err != nil {
		t.Fatal(err)
	}
	start := int64(len(file))
	if start%8 != 0 {
		t.Errorf("the data begins at %d", start)
	}
	data := []float32{1, 2, 3, 4, 5, 6, 7}
	file = append(file, numpy.FromFloat32([]int{7}, data).Data...)
	size := int64(len(file))

	entries, gotMeta, err := ReadSafetensorsHeader(bytes.NewReader(file), size)
	want := []Entry{{"b", "F32", []int{2, 3}, start, 24}, {"empty", "F32", []int{0, 4}, start + 24, 0}, {"a", "F32", []int{1}, start + 24, 4}}
	if diff := cmp.Diff(want, entries); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if diff := cmp.Diff(meta, gotMeta); diff != "" {
		t.Error(diff)
	}
	f, err := readSafetensors(bytes.NewReader(file), size)
	if err != nil || len(f.Tensors) != 3 {
		t.Fatal(f, err)
	}
	if diff := cmp.Diff(Tensor{"b", []int{2, 3}, data[:6]}, f.Tensors[0]); diff != "" {
		t.Error(diff)
	}
	for _, size := range []int64{0, 7, start - 1, size - 1, size + 1} { // as if the file were cut or longer
		if _, _, err := ReadSafetensorsHeader(bytes.NewReader(file), size); !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := SafetensorsHeader([]Spec{{"a", []int{1 << 40, 1 << 40}}}, nil); !errors.Is(err, tall.ErrShape) {
		t.Errorf("overflow: %v", err)
	}
}

// The bytes of one tensor, sought in the file, become its numbers.
func TestEntry_Float32(t *testing.T) {
	header := `{"half":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"brain":{"dtype":"BF16","shape":[1,2],"data_offsets":[4,8]}}`
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	file = append(file, 0x00, 0x3c, 0x00, 0xc0 /**/, 0x80, 0x3f, 0x20, 0xc1) // 1, -2; 1, -10
	entries, _, err := ReadSafetensorsHeader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]float32{"half": {1, -2}, "brain": {1, -10}}
	for _, e := range entries {
		raw := file[e.Offset : e.Offset+e.Size]
		got, err := e.Float32(raw)
		if err != nil || !slices.Equal(got, want[e.Name]) {
			t.Errorf("%s: %v %v", e.Name, got, err)
		}
		if _, err := e.Float32(raw[1:]); !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%s: too few bytes: %v", e.Name, err)
		}
	}
}
