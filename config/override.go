package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"tall"
)

// Override sets one key of a section as a flag does: it beats the file. The key
// may be spelt with dashes, the value is text as a command line gives it; a list
// is separated by commas. Errors name the flag.
//
// A filelist given so also chooses the data that it holds (infer_feat/ and
// infer_clip-sen.pkl), which is what the reference's README promises and its
// code does not do; sliding_clip_path and clip_sentvec given as flags stay.
func (c *Config) Override(section, key, value string) error {
	key = strings.ReplaceAll(key, "-", "_")
	fault := func(format string, args ...any) error {
		return &Error{Key: "--" + key, Msg: fmt.Sprintf(format, args...), Kind: tall.ErrFormat}
	}
	holder, g := c.holder(section)
	if holder == nil {
		return fault("cannot override %q, which is no section; there are %s", section, list(sections))
	}
	f, ok := find(section, key)
	if !ok {
		return fault("overrides no key: %s %s", section, unknownKey(section, key))
	}
	texts := []string{value}
	if f.of(holder).Kind() == reflect.Slice {
		texts = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
	}
	if err := f.set(holder, texts); err != nil {
		return fault("%s", err)
	}
	if *g == nil {
		*g = given{}
	}
	(*g)[key] = place{source: FromFlag}
	c.derive()
	return nil
}

// Merge overrides a section with those of the values whose key it may hold, and
// passes over the others, as the reference's merge_configs does with the whole
// command line. Keys are taken in sorted order.
func (c *Config) Merge(section string, values map[string]string) error {
	keys := make([]string, 0, len(values))
	for key := range values {
		if _, ok := find(section, strings.ReplaceAll(key, "-", "_")); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if err := c.Override(section, key, values[key]); err != nil {
			return err
		}
	}
	return nil
}

// deriveFilelist lets INFER's filelist name its data where it should: where it
// came later than they did (flag after file), or they were not given at all.
func (c *Config) deriveFilelist() {
	s := &c.Infer
	if s.Filelist == "" {
		return
	}
	from := s.Source("filelist")
	if p := s.Source("sliding_clip_path"); p < from {
		s.SlidingClipPath = filepath.Join(s.Filelist, "infer_feat")
	}
	if p := s.Source("clip_sentvec"); p < from {
		s.ClipSentvec = filepath.Join(s.Filelist, "infer_clip-sen.pkl")
	}
}
