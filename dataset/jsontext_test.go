package dataset

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"tall"
)

// anyValue reads a value as encoding/json would into an any.
func (j *jsonText) anyValue() (any, error) {
	c, err := j.next()
	if err != nil {
		return nil, err
	}
	switch begins(c) {
	case "an object":
		out := map[string]any{}
		return out, j.entries(func(key string, _ position) (err error) {
			out[key], err = j.anyValue()
			return err
		})
	case "an array":
		out := []any{}
		return out, j.array(func(int) error {
			v, err := j.anyValue()
			out = append(out, v)
			return err
		})
	case "a string":
		return j.text()
	case "a number":
		return j.number()
	}
	s, _, err := j.literal()
	switch {
	case err != nil:
		return nil, err
	case s == "null":
		return nil, nil
	case s == "true" || s == "false":
		return s == "true", nil
	}
	return nil, j.fail(j.at, "%q", s)
}

// decodeAny reads a whole text both by value and by skipping, which must agree on
// whether it is JSON.
func decodeAny(t *testing.T, text string) (any, error) {
	j := newJSONText(strings.NewReader(text), "f.json")
	v, err := j.anyValue()
	if err == nil {
		err = j.end()
	}
	k := newJSONText(iotest.OneByteReader(strings.NewReader(text)), "f.json")
	skipped := k.skip()
	if skipped == nil {
		skipped = k.end()
	}
	if (err == nil) != (skipped == nil) || err == nil && j.at != k.at {
		t.Fatalf("%q: read %v at %v, skipped %v at %v", text, err, j.at, skipped, k.at)
	}
	if err != nil && (!errors.Is(err, tall.ErrFormat) || !strings.HasPrefix(err.Error(), "f.json:")) {
		t.Fatalf("%q: %v", text, err)
	}
	return v, err
}

func TestJSONText_Values(t *testing.T) {
	for text, want := range map[string]any{
		"\t[\n]\r\n":                 []any{},
		`{"a":{},"b":[1,-2.5e+1,0]}`: map[string]any{"a": map[string]any{}, "b": []any{1.0, -25.0, 0.0}},
		"\ufeff[true,false,null]":    []any{true, false, nil},
		`"\"\\\/\b\f\n\r\t\u00e9"`:   "\"\\/\b\f\n\r\té",
		`"\ud83d\ude00"`:             "😀",
		`"\ud83dx"`:                  "\xed\xa0\xbdx", // half a pair: kept, and no UTF-8
		`"\ude00\ud83d"`:             "\xed\xb8\x80\xed\xa0\xbd",
		`"\ud83d\u0041"`:             "\xed\xa0\xbdA",
		"\"gl\xffss\"":               "gl\xffss",
		`1e999`:                      math.Inf(1), // as Python reads it
		`-Infinity`:                  math.Inf(-1),
	} {
		if got, err := decodeAny(t, text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v, want %#v", text, got, err, want)
		}
	}
	if got, err := decodeAny(t, `NaN`); err != nil || !math.IsNaN(got.(float64)) {
		t.Error(got, err)
	}
}

func TestJSONText_Refuses(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	for text, says := range map[string]string{
		``:                      `1:1: bad format: the file ends within a value`,
		"[\n1,\n":               "3:1: bad format: the file ends within a value",
		`[1,]`:                  `1:4: bad format: a comma before ']'`,
		`[1 2]`:                 `1:4: bad format: '2' where a comma or ']' should be`,
		`[,1]`:                  `1:2: bad format`,
		`{"a" 1}`:               `1:6: bad format: no colon behind the key "a"`,
		`{a:1}`:                 `1:2: bad format: 'a', must be a string`,
		`{"a":1,}`:              `a comma before '}'`,
		`01`:                    `"01" is no number`,
		`+1`:                    `bad format`,
		`1.`:                    `"1." is no number`,
		`-`:                     `"-" is no number`,
		`nan`:                   `"nan"`,
		`True`:                  `bad format`,
		`"a`:                    `the file ends within a value`,
		"\"a\nb\"":              `a control character within a string`,
		`"\x41"`:                `no escape \x in JSON`,
		`"\u12g4"`:              `is no character`,
		"[\x00]":                `a zero byte where a value should be`,
		`[] []`:                 `1:4: bad format: more behind the end of the value`,
		deep:                    `values nest deeper than 64`,
		strings.Repeat("1", 65): `is no value`,
		`"` + strings.Repeat("a", maxText+1) + `"`: `a string of more than 1 MiB`,
	} {
		if _, err := decodeAny(t, text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.80q: error %v, want %q", text, err, says)
		}
	}
	broken := newJSONText(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(`[1]`))), "f.json")
	if err := broken.skip(); !errors.Is(err, iotest.ErrTimeout) || errors.Is(err, tall.ErrFormat) {
		t.Errorf("a disk that fails: %v", err)
	}
}

// encoding/json is the oracle, for all but what jsonText reads on purpose (NaN,
// byte order marks) or refuses by its bounds.
func FuzzJSONText(f *testing.F) {
	for _, text := range []string{
		tacosJSON, goodLine, `[{"a":[1e5,-0.0,"\ud83d\ude00\ud83d"]},NaN,null]`, "\ufeff{}", `[[[]]] `, `"\u00`, `{"a":1,"a":2}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := decodeAny(t, text)
		valid := json.Valid([]byte(text))
		extended := strings.Contains(text, "NaN") || strings.Contains(text, "Infinity") || strings.HasPrefix(text, "\ufeff")
		bounded := strings.Count(text, "[")+strings.Count(text, "{") <= maxDepth && len(text) <= maxDigit
		switch {
		case err == nil && !valid && !extended:
			t.Fatalf("%q is taken, and is no JSON", text)
		case err != nil && valid && bounded:
			t.Fatalf("%q is JSON: %v", text, err)
		case err != nil || !valid || !utf8.ValidString(text) || strings.Contains(text, `\u`):
			return
		}
		var want any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			return // a number beyond float64
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %#v, want %#v", text, got, want)
		}
	})
}
