package eval

import (
	"bytes"
	"io"
	"strconv"

	"tall"
)

// PyObject is a JSON object whose keys have an order: what a Python program
// would have written. Values are float64, int, string, PyObject and lists of
// them.
type PyObject []PyMember

// PyMember is a key of a [PyObject] and its value.
type PyMember struct {
	Key   string
	Value any
}

// Get returns the value of a key, nil where there is none.
func (o PyObject) Get(key string) any {
	for _, m := range o {
		if m.Key == key {
			return m.Value
		}
	}
	return nil
}

// MarshalJSON implements [encoding/json.Marshaler].
func (o PyObject) MarshalJSON() ([]byte, error) {
	w := pyWriter{indent: ""}
	w.value(o)
	return w.out.Bytes(), nil
}

// WriteFile writes the object byte for byte as Python's json.dumps(o, indent=n)
// does, atomically.
func (o PyObject) WriteFile(path string, indent int) error {
	w := pyWriter{indent: string(bytes.Repeat([]byte(" "), indent))}
	w.value(o)
	return tall.ReplaceFile(path, func(out io.Writer) error {
		_, err := out.Write(w.out.Bytes())
		return err
	})
}

func (w *pyWriter) value(v any) {
	switch v := v.(type) {
	case PyObject:
		w.open('{')
		for _, m := range v {
			w.key(m.Key)
			w.value(m.Value)
		}
		w.close('}')
	case []float64:
		writeList(w, v, w.float)
	case []string:
		writeList(w, v, w.text)
	case []PyObject:
		writeList(w, v, func(o PyObject) { w.value(o) })
	case float64:
		w.float(v)
	case int:
		w.print(strconv.Itoa(v))
	case string:
		w.text(v)
	default:
		panic("eval: a PyObject holds numbers, strings, objects and lists of them")
	}
}

func writeList[T any](w *pyWriter, list []T, write func(T)) {
	w.open('[')
	for _, v := range list {
		w.item()
		write(v)
	}
	w.close(']')
}
