package config

import (
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// fraction finds a number such as 12.5 that is read into an integer, which the decoder
// would cut to 12.
func fraction(n ast.Node, t reflect.Type) ast.Node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := n.(type) {
	case *ast.FloatNode:
		if k := t.Kind(); k >= reflect.Int && k <= reflect.Uint64 && n.Value != float64(int64(n.Value)) {
			return n
		}
	case *ast.InfinityNode, *ast.NanNode:
		if k := t.Kind(); k >= reflect.Int && k <= reflect.Uint64 {
			return n
		}
	case *ast.SequenceNode:
		if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			for _, value := range n.Values {
				if found := fraction(value, t.Elem()); found != nil {
					return found
				}
			}
		}
	case *ast.MappingValueNode:
		if inside := keyed(n.Key.String(), t); inside != nil {
			return fraction(n.Value, inside)
		}
	case *ast.MappingNode:
		for _, value := range n.Values {
			if found := fraction(value, t); found != nil {
				return found
			}
		}
	}
	return nil
}

// keyed is the type of the value at a key of a struct or map, nil where there is none.
func keyed(key string, t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem()
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name == key {
				return f.Type
			}
		}
	}
	return nil
}
