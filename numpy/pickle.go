package numpy

import (
	"fmt"
	"io"
	"iter"
	"math"
	"math/big"
	"os"
	"strings"

	"tall"
)

// List is a Python list.
type List []any

// Tuple is a Python tuple.
type Tuple []any

// Unpickle reads one pickle, of any protocol from 0 to 5. What it returns is
// made of
//
//	nil, bool, int64, *big.Int, float64   None, bool, int (long), float; numpy scalars too
//	string                                Python 3 str as UTF-8; Python 2 str and unicode
//	[]byte                                Python 3 bytes, bytearray
//	List, Tuple, *Dict                    list, tuple, dict and OrderedDict
//	*Array                                numpy.ndarray
//
// and of nothing else: whatever else a pickle asks for is refused by its name
// ([tall.ErrUnsafe]), and nothing is ever called or executed.
//
// Values may be shared, as in Python: the same list in two places is one slice.
// A value that holds itself is refused, and so is one that, written out as a
// tree, would be far larger than the pickle, so that walking it is safe. Arrays
// and bytes may share data's memory.
func Unpickle(data []byte) (any, error) {
	return unpickle(&source{buf: data})
}

// UnpickleFile reads the first pickle of a file, as pickle.load does. The file
// is streamed: only what the result holds is kept in memory.
func UnpickleFile(path string) (any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := regularSize(f)
	if err != nil {
		return nil, err
	}
	v, err := UnpickleFrom(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// UnpickleFrom reads a pickle from a stream of size bytes (size < 0: unknown,
// and then all of it is read into memory first). It may read beyond the
// pickle's end.
func UnpickleFrom(r io.Reader, size int64) (any, error) {
	if size < 0 {
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		return Unpickle(data)
	}
	return unpickle(&source{r: r, left: size})
}

// Dict is a Python dict: it keeps the order of insertion, and its keys are
// equal as Python's are (1, 1.0 and True are one key). The zero value is empty.
type Dict struct {
	keys, values []any
	index        map[any]int // of canonical keys; nil while there are few
	mark         seal
}

// NewDict returns a dict of the given pairs, key, value, key, value...
func NewDict(pairs ...any) *Dict {
	d := new(Dict)
	for i := 0; i < len(pairs); i += 2 {
		d.Set(pairs[i], pairs[i+1])
	}
	return d
}

// Len is the number of keys.
func (d *Dict) Len() int { return len(d.keys) }

// All yields the pairs in the order of insertion.
func (d *Dict) All() iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		for i, k := range d.keys {
			if !yield(k, d.values[i]) {
				return
			}
		}
	}
}

// Get looks a key up.
func (d *Dict) Get(key any) (any, bool) {
	c, _, err := canonical(key)
	if err != nil {
		return nil, false
	}
	if i := d.find(c); i >= 0 {
		return d.values[i], true
	}
	return nil, false
}

// Set adds or replaces a value. It panics on a key that cannot be one (a list,
// a dict, an array), as the program chose it.
func (d *Dict) Set(key, value any) {
	if _, err := d.set(key, value); err != nil {
		panic("numpy: " + err.Error())
	}
}

// set returns what looking at the key cost, in bytes.
func (d *Dict) set(key, value any) (cost int, err error) {
	c, cost, err := canonical(key)
	if err != nil {
		return cost, err
	}
	if i := d.find(c); i >= 0 {
		d.values[i] = value
		return cost, nil
	}
	cheap := false // to make canonical again, which searching a small dict does
	switch c := c.(type) {
	case string:
		key, cheap = c, true
	case int64, float64, noneKey:
		cheap = true
	}
	d.keys, d.values = append(d.keys, key), append(d.values, value)
	switch {
	case d.index != nil:
		d.index[c] = len(d.keys) - 1
	case len(d.keys) > fewKeys || !cheap:
		d.index = make(map[any]int, len(d.keys))
		for i, k := range d.keys {
			c, _, _ := canonical(k) // it was accepted before
			d.index[c] = i
		}
	}
	return cost, nil
}

// fewKeys is the number of keys up to which a dict is searched from end to end,
// so that a pickle of a million small dicts costs no million maps.
const fewKeys = 8

func (d *Dict) find(c any) int {
	if d.index != nil {
		if i, ok := d.index[c]; ok {
			return i
		}
		return -1
	}
	for i, k := range d.keys {
		if have, _, _ := canonical(k); have == c {
			return i
		}
	}
	return -1
}

// Canonical keys of the kinds that Go cannot compare or would compare
// otherwise than Python.
type (
	noneKey  struct{}
	bigKey   string
	bytesKey string
	tupleKey string
)

// Bounds of a tuple that serves as a key. Nested tuples may share parts, so that
// a short pickle can describe an endless key.
const (
	maxKeyNodes = 1000
	maxKeyBytes = 64 << 10
)

// canonical maps a key to a value that Go compares as Python compares the key,
// and says about how many bytes the comparison looks at.
func canonical(key any) (c any, cost int, err error) {
	switch k := key.(type) {
	case nil:
		return noneKey{}, 0, nil
	case bool:
		if k {
			return int64(1), 0, nil
		}
		return int64(0), 0, nil
	case int:
		return int64(k), 0, nil
	case int64:
		return k, 0, nil
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1<<63 {
			return int64(k), 0, nil
		}
		return k, 0, nil
	case *big.Int:
		return bigKey(k.Text(16)), k.BitLen(), nil
	case string:
		return k, len(k), nil
	case str2:
		return string(k), len(k), nil
	case text:
		return string(k), len(k), nil
	case []byte:
		return bytesKey(k), len(k), nil
	case Tuple, *tuple:
		var b strings.Builder
		nodes := 0
		if err := tupleText(&b, key, &nodes); err != nil {
			return nil, b.Len(), err
		}
		return tupleKey(b.String()), b.Len(), nil
	}
	return nil, 0, fmt.Errorf("%w: a %s cannot be the key of a dict", tall.ErrFormat, kindOf(key))
}

func tupleText(b *strings.Builder, key any, nodes *int) error {
	if *nodes++; *nodes > maxKeyNodes {
		return fmt.Errorf("%w: a dict key of more than %d values", tall.ErrUnsafe, maxKeyNodes)
	}
	var items Tuple
	switch k := key.(type) {
	case Tuple:
		items = k
	case *tuple:
		items = k.items
	default:
		if n := b.Len() + length(key); n > maxKeyBytes {
			return fmt.Errorf("%w: a dict key of %d bytes", tall.ErrUnsafe, n)
		}
		c, _, err := canonical(key)
		if err != nil {
			return err
		}
		// %T and the length keep values of different kinds and places apart.
		s := fmt.Sprint(c)
		fmt.Fprintf(b, "%T %d:%s,", c, len(s), s)
		return nil
	}
	b.WriteByte('(')
	for _, item := range items {
		if err := tupleText(b, item, nodes); err != nil {
			return err
		}
	}
	b.WriteByte(')')
	return nil
}

// length of a string or bytes; 0 for the rest.
func length(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case str2:
		return len(v)
	case text:
		return len(v)
	case []byte:
		return len(v)
	}
	return 0
}

// kindOf names a value as Python does, for errors.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int, int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string, text, str2:
		return "str"
	case []byte:
		return "bytes"
	case List, *list:
		return "list"
	case Tuple, *tuple:
		return "tuple"
	case *Dict:
		return "dict"
	case *Array:
		return "numpy array"
	case *elementType:
		return "numpy.dtype"
	case global:
		return string(v)
	}
	return fmt.Sprintf("%T", v)
}
