package weights

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"

	"tall"
	"tall/numpy"
)

// Keys in a .pdparams that are no parameters (paddle/fluid/dygraph/checkpoint.py
// and paddle/framework/io.py).
const (
	nameTable = "StructuredToParameterName@@" // {structured name: parameter name}
	bigParams = "UnpackBigParamInfor@@"       // {name: {"OriginShape": ..., "slices": [part, ...]}}
)

// isPickle knows a pickled dict: protocols 2 and later by their first opcode, 0
// and 1 by the opcodes that make a dict, or name what makes one (an OrderedDict,
// or what no file of weights should ask for, which is then refused by name).
func isPickle(head []byte) bool {
	if len(head) > 1 && head[0] == 0x80 {
		return head[1] <= 5
	}
	for _, start := range []string{"(d", "}q", "}(", "}."} {
		if bytes.HasPrefix(head, []byte(start)) {
			return true
		}
	}
	return pickledGlobal.Match(head)
}

// pickledGlobal is the opcode GLOBAL with a module and a name in it.
var pickledGlobal = regexp.MustCompile(`^c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n`)

// readPdparams reads a pickled dict of arrays as any Paddle since fluid 1.6
// writes it.
func readPdparams(r io.Reader, size int64) (*File, error) {
	v, err := numpy.UnpickleFrom(r, size)
	if err != nil {
		return nil, err
	}
	dict, ok := v.(*numpy.Dict)
	if !ok {
		return nil, fmt.Errorf("%w: a pickle of %s, where .pdparams holds a dict of arrays", tall.ErrFormat, describe(v))
	}
	f := &File{Format: Pdparams, parameter: make(map[string]string)}
	var big *numpy.Dict
	for key, value := range dict.All() {
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("%w: .pdparams with the key %v, which is no name", tall.ErrFormat, describe(key))
		}
		switch name {
		case nameTable:
			err = f.readTable(value)
		case bigParams:
			big, ok = value.(*numpy.Dict)
			if !ok {
				err = fmt.Errorf("%w: .pdparams: %s is %s, not a dict", tall.ErrFormat, bigParams, describe(value))
			}
		default:
			err = f.add(name, value)
		}
		if err != nil {
			return nil, err
		}
	}
	if big != nil {
		if err := f.join(big); err != nil {
			return nil, err
		}
	}
	if len(f.Tensors) == 0 {
		return nil, fmt.Errorf("%w: .pdparams: a dict without any array", tall.ErrFormat)
	}
	return f, nil
}

// add takes an array, or the pair (parameter name, array) that Paddle 2.1 and
// later make of a tensor.
func (f *File) add(name string, value any) error {
	if pair, ok := value.(numpy.Tuple); ok && len(pair) == 2 {
		if parameter, ok := pair[0].(string); ok {
			f.parameter[name] = parameter
			value = pair[1]
		}
	}
	a, ok := value.(*numpy.Array)
	if !ok {
		hint := ""
		if d, ok := value.(*numpy.Dict); ok {
			hint = fmt.Sprintf("; if these %d entries are the weights, save them alone", d.Len())
		}
		return fmt.Errorf("%w: .pdparams: %.100q is %s, not an array%s", tall.ErrFormat, name, describe(value), hint)
	}
	f.Tensors = append(f.Tensors, Tensor{Name: name, Shape: a.Shape, Data: a.Float32()})
	return nil
}

func (f *File) readTable(v any) error {
	table, ok := v.(*numpy.Dict)
	if !ok {
		return fmt.Errorf("%w: .pdparams: %s is %s, not a dict", tall.ErrFormat, nameTable, describe(v))
	}
	for key, value := range table.All() {
		structured, ok1 := key.(string)
		parameter, ok2 := value.(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("%w: .pdparams: %s holds something else than names", tall.ErrFormat, nameTable)
		}
		f.parameter[structured] = parameter
	}
	return nil
}

// join puts parameters together again that were cut because protocols 2 and 3
// cannot hold large arrays (_unpack_saved_dict in paddle/framework/io.py).
func (f *File) join(big *numpy.Dict) error {
	at := make(map[string]int, len(f.Tensors))
	for i, t := range f.Tensors {
		at[t.Name] = i
	}
	part := make([]bool, len(f.Tensors))
	var joined []Tensor
	for key, value := range big.All() {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%w: .pdparams: %s: %s: %s", tall.ErrFormat, bigParams, describe(key), fmt.Sprintf(format, args...))
		}
		name, ok1 := key.(string)
		info, ok2 := value.(*numpy.Dict)
		if !ok1 || !ok2 {
			return fail("not a name and a dict")
		}
		if _, ok := at[name]; ok {
			return fail("it is there whole and in slices")
		}
		shape, err := bigShape(info)
		if err != nil {
			return fail("%v", err)
		}
		total, err := product(shape, 4)
		if err != nil {
			return fail("%v", err)
		}
		cut, _ := info.Get("slices")
		list, ok := cut.(numpy.List)
		if !ok {
			return fail("without its list of slices")
		}
		// Each slice may be used once, so that what is joined is no more than what
		// was read, and its size is known before it is allocated.
		found := int64(0)
		places := make([]int, len(list))
		for i, v := range list {
			slice, ok1 := v.(string)
			place, ok2 := at[slice]
			if !ok1 || !ok2 {
				return fail("slice %s is not in the file", describe(v))
			}
			if part[place] {
				return fail("slice %s is used twice", describe(v))
			}
			part[place], places[i] = true, place
			found += 4 * int64(len(f.Tensors[place].Data))
		}
		if found != total {
			return fail("its slices hold %d numbers, shape %v takes %d", found/4, shape, total/4)
		}
		t := Tensor{Name: name, Shape: ints(shape), Data: make([]float32, 0, total/4)}
		for _, place := range places {
			t.Data = append(t.Data, f.Tensors[place].Data...)
			f.Tensors[place].Data = nil
		}
		joined = append(joined, t)
	}
	kept := f.Tensors[:0]
	for i, t := range f.Tensors {
		if !part[i] {
			kept = append(kept, t)
		}
	}
	f.Tensors = slices.Concat(kept, joined)
	return nil
}

func bigShape(info *numpy.Dict) ([]int64, error) {
	v, _ := info.Get("OriginShape")
	var items []any
	switch v := v.(type) {
	case numpy.Tuple:
		items = v
	case numpy.List:
		items = v
	default:
		return nil, fmt.Errorf("without its OriginShape")
	}
	shape := make([]int64, len(items))
	for i, item := range items {
		n, ok := item.(int64)
		if !ok {
			return nil, fmt.Errorf("a dimension that is %s", describe(item))
		}
		shape[i] = n
	}
	return shape, nil
}

// describe names what a pickle holds, for errors.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case *numpy.Array:
		return fmt.Sprintf("an array of shape %v", v.Shape)
	case *numpy.Dict:
		return fmt.Sprintf("a dict of %d entries", v.Len())
	case numpy.List:
		return fmt.Sprintf("a list of %d", len(v))
	case numpy.Tuple:
		return fmt.Sprintf("a tuple of %d", len(v))
	case string:
		return fmt.Sprintf("the text %.40q", v)
	case []byte:
		return "bytes"
	}
	return fmt.Sprintf("the value %.40s", fmt.Sprint(v))
}

// WritePdparams writes the tensors as a pickled dict of protocol 2, {name:
// array}, which Python's pickle.load opens with numpy, and Paddle with
// paddle.load.
func WritePdparams(path string, ts []Tensor) error {
	if err := checkTensors(ts); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return tall.ReplaceFile(path, func(w io.Writer) error { return encodePdparams(w, ts) })
}

func encodePdparams(w io.Writer, ts []Tensor) error {
	d := numpy.NewDict()
	for _, t := range ts {
		d.Set(t.Name, numpy.FromFloat32(t.Shape, t.Data))
	}
	return numpy.PickleTo(w, d, 2)
}
