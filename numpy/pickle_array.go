package numpy

import (
	"fmt"
	"math"
	"slices"

	"tall"
)

// frombuffer is numpy's protocol 5: (buffer, dtype, shape, order), and since
// numpy 2.2 order 'K' with a permutation of the axes. A nil array without an
// error means that the arguments are not of that form.
func (m *machine) frombuffer(args Tuple) (*Array, int, error) {
	if len(args) != 4 && len(args) != 5 {
		return nil, 0, nil
	}
	b, ok1 := raw(args[0])
	d, ok2 := args[1].(*elementType)
	shape, ok3 := dimensions(args[2])
	order, ok4 := str(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, 0, nil
	}
	a := &Array{Shape: shape, DType: d.DType, Fortran: order == "F", Data: b}
	if err := a.check(); err != nil {
		return nil, 0, err
	}
	switch order {
	case "C", "F":
		return a, costArray, nil
	case "K":
		if len(args) == 4 || args[4] == nil {
			return a, costArray, nil
		}
		axes, ok := dimensions(args[4])
		if !ok {
			return nil, 0, nil
		}
		if err := m.spend(len(b)); err != nil { // before it is made
			return nil, 0, err
		}
		a, err := permute(a, axes)
		return a, costArray, err
	}
	return nil, 0, nil
}

// permute is numpy's transpose: axis i of the result is axis axes[i] of a,
// which is in C order, as the result is.
func permute(a *Array, axes []int) (*Array, error) {
	seen := make([]bool, len(a.Shape))
	stride := make([]int, len(a.Shape)) // of a's axes, in bytes
	step := a.DType.Size
	for i, n := range slices.Backward(a.Shape) {
		stride[i] = step
		step *= n
	}
	shape, from := make([]int, len(axes)), make([]int, len(axes))
	for i, axis := range axes {
		if axis >= len(seen) || seen[axis] || len(axes) != len(seen) {
			return nil, fmt.Errorf("%w: %s is no order of the axes of an array of shape %s", tall.ErrFormat, shapeString(axes), shapeString(a.Shape))
		}
		seen[axis] = true
		shape[i], from[i] = a.Shape[axis], stride[axis]
	}
	out := make([]byte, 0, len(a.Data))
	index, at := make([]int, len(axes)), 0
	for len(out) < len(a.Data) {
		out = append(out, a.Data[at:at+a.DType.Size]...)
		for i := len(axes) - 1; i >= 0; i-- {
			index[i]++
			at += from[i]
			if index[i] < shape[i] {
				break
			}
			at -= from[i] * shape[i]
			index[i] = 0
		}
	}
	return &Array{Shape: shape, DType: a.DType, Data: out}, nil
}

// dimensions reads a tuple of small non-negative integers.
func dimensions(v any) ([]int, bool) {
	t, ok := v.(*tuple)
	if !ok || len(t.items) > maxDims {
		return nil, false
	}
	out := make([]int, len(t.items))
	for i, item := range t.items {
		n, ok := item.(int64)
		if !ok || n < 0 || n > math.MaxInt {
			return nil, false
		}
		out[i] = int(n)
	}
	return out, true
}

// build gives an array or an element type its state.
func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	onto, err := m.top()
	if err != nil {
		return err
	}
	t, ok := state.(*tuple)
	if !ok {
		return refused(fmt.Sprintf("a %s with a %s for its state", kindOf(onto), kindOf(state)))
	}
	switch onto := onto.(type) {
	case *Array:
		return buildArray(onto, t.items)
	case *elementType:
		return buildType(onto, t.items)
	}
	return refused(fmt.Sprintf("a %s with a state", kindOf(onto)))
}

// buildArray: (version, shape, dtype, fortran order, bytes); numpy before 1.0
// had no version.
func buildArray(a *Array, state Tuple) error {
	if len(state) == 5 {
		if v, ok := state[0].(int64); !ok || v < 0 || v > 1 {
			return fmt.Errorf("%w: a numpy array of an unknown version", tall.ErrFormat)
		}
		state = state[1:]
	}
	if len(state) != 4 {
		return fmt.Errorf("%w: a numpy array with a state of %d values", tall.ErrFormat, len(state))
	}
	shape, ok1 := dimensions(state[0])
	d, ok2 := state[1].(*elementType)
	fortran, ok3 := truth(state[2])
	data, ok4 := raw(state[3])
	if _, objects := state[3].(*list); objects {
		return refused("a numpy array of Python objects")
	}
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return fmt.Errorf("%w: a numpy array with the state (%s, %s, %s, %s)", tall.ErrFormat, kindOf(state[0]), kindOf(state[1]), kindOf(state[2]), kindOf(state[3]))
	}
	made := Array{Shape: shape, DType: d.DType, Fortran: fortran, Data: data}
	if err := made.check(); err != nil {
		return err
	}
	*a = made
	return nil
}

// buildType: (version, byte order, sub-array, names, fields, size, alignment,
// flags, and metadata in version 4).
func buildType(d *elementType, state Tuple) error {
	if len(state) < 2 {
		return fmt.Errorf("%w: a numpy.dtype with a state of %d values", tall.ErrFormat, len(state))
	}
	order, ok := str(state[1])
	if !ok {
		return fmt.Errorf("%w: a numpy.dtype with a %s for its byte order", tall.ErrFormat, kindOf(state[1]))
	}
	for _, v := range state[2:min(5, len(state))] {
		if v != nil {
			return fmt.Errorf("%w: a structured (record) element type; save each field as an array of its own", tall.ErrFormat)
		}
	}
	switch order {
	case "<", "|", "=":
		d.Big = false
	case ">":
		d.Big = true
	default:
		return fmt.Errorf("%w: byte order %.10q", tall.ErrFormat, order)
	}
	return nil
}

func truth(v any) (bool, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case int64:
		return v != 0, v == 0 || v == 1
	}
	return false, false
}
