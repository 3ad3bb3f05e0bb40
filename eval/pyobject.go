package eval

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"tall"
)

// PyObject is a JSON object whose keys have an order: what a Python program
// would have written. Values are float64, int, string, PyObject, lists of them,
// and json.RawMessage.
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
	case json.RawMessage:
		w.raw(v)
	default:
		panic("eval: a PyObject holds numbers, strings, objects and lists of them")
	}
}

// raw writes JSON that a Go program made, within the layout.
func (w *pyWriter) raw(text json.RawMessage) {
	var out bytes.Buffer
	err := json.Compact(&out, text)
	if w.indent != "" {
		out.Reset()
		err = json.Indent(&out, text, strings.Repeat(w.indent, w.depth), w.indent)
	}
	if err != nil {
		panic("eval: a PyObject holds raw text that is no JSON")
	}
	w.print(out.String())
}

func writeList[T any](w *pyWriter, list []T, write func(T)) {
	w.open('[')
	for _, v := range list {
		w.item()
		write(v)
	}
	w.close(']')
}
