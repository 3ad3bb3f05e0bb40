package tall_test

import (
	"errors"
	"slices"
	"testing"

	"tall"
)

// Rows are a part of what is in memory, or what is read into the buffer.
func TestStream_Rows(t *testing.T) {
	data := []float32{0, 1, 10, 11, 20, 21}
	held := tall.Stream{N: 3, D: 2, Data: data}
	read := tall.Stream{N: 3, D: 2, Read: func(from int, dst []float32) error {
		copy(dst, data[2*from:])
		return nil
	}}
	buf := make([]float32, 6)
	for from := range 3 {
		for to := from; to <= 3; to++ {
			for _, s := range []tall.Stream{held, read} {
				got, err := s.Rows(from, to, buf)
				if err != nil || !slices.Equal(got, data[2*from:2*to]) {
					t.Errorf("rows %d to %d: %v, %v", from, to, got, err)
				}
			}
		}
	}
	broken := errors.New("the disk is gone")
	read.Read = func(int, []float32) error { return broken }
	if _, err := read.Rows(0, 1, buf); !errors.Is(err, broken) {
		t.Error(err)
	}
}
