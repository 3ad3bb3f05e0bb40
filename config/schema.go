package config

import (
	"reflect"
	"slices"
	"strings"
)

// field is one key of a section, as the tags of its struct field state it.
type field struct {
	key   string
	index int      // in the struct
	def   string   // text of the default
	one   []string // allowed words
	tag   reflect.StructTag
}

// schema lists the keys of a section in the order of its struct; nil for an
// unknown section.
func schema(section string) []field {
	var t reflect.Type
	switch section {
	case model:
		t = reflect.TypeFor[Model]()
	case Train, Valid, Test, Infer:
		t = reflect.TypeFor[Section]()
	default:
		return nil
	}
	var out []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		key, in := tag.Get("key"), tag.Get("in")
		if key == "" || in != "" && !slices.Contains(strings.Fields(in), section) {
			continue
		}
		out = append(out, field{key: key, index: i, def: tag.Get("def"), one: strings.Fields(tag.Get("one")), tag: tag})
	}
	return out
}

func find(section, key string) (field, bool) {
	fields := schema(section)
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// of returns the field's value within a section's struct, given its pointer.
func (f field) of(holder any) reflect.Value { return reflect.ValueOf(holder).Elem().Field(f.index) }

func fillDefaults(holder any, section string) {
	for _, f := range schema(section) {
		if f.def == "" {
			continue
		}
		texts := []string{f.def}
		if f.of(holder).Kind() == reflect.Slice {
			texts = strings.Fields(f.def)
		}
		if err := f.set(holder, texts); err != nil {
			panic("config: default of " + f.key + ": " + err.Error()) // a wrong tag
		}
	}
}
