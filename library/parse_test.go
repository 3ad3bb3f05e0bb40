package library

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tall"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text               string
		sentences, exclude []string
	}{
		{"a red car", []string{"a red car"}, nil},
		{"  a\tred \n car ", []string{"a red car"}, nil},
		{"a car -truck", []string{"a car"}, []string{"truck"}},
		{`-truck a car -"police  car" stops`, []string{"a car stops"}, []string{"truck", "police car"}},
		{"a t-shirt and a close-up", []string{"a t-shirt and a close-up"}, nil},
		{"a dash - alone, -- twice", []string{"a dash - alone, -- twice"}, nil},
		{`"opens the fridge" then "pours milk"`, []string{"opens the fridge", "pours milk"}, nil},
		{`"a" THEN "b"then"c" -d`, []string{"a", "b", "c"}, []string{"d"}},
		{`"one sentence"`, []string{"one sentence"}, nil},
		{`he says "hello" then leaves`, []string{`he says "hello" then leaves`}, nil},
		{`"a" and "b"`, []string{`"a" and "b"`}, nil},
		{`"a" then "b`, []string{`"a" then "b`}, nil},
		{`a -"never closed`, []string{"a"}, []string{"never closed"}},
		{`"a -b" then "c"`, []string{"a -b", "c"}, nil},
		{"-", []string{"-"}, nil},
		{"\xff", []string{"\uFFFD"}, nil},
	} {
		sentences, exclude, err := Parse(c.text)
		if err != nil || !slices.Equal(sentences, c.sentences) || !slices.Equal(exclude, c.exclude) {
			t.Errorf("%q: %q without %q, %v", c.text, sentences, exclude, err)
		}
	}
	for _, text := range []string{"", " \n", "-only", `""`[:0], strings.Repeat("a", maxQuery+1)} {
		if _, _, err := Parse(text); !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a -b", `"a" then "b" -"c d"`, `-"`, `"`, "a\x00\xff", `"" then ""`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sentences, exclude, err := Parse(text)
		if err != nil {
			return
		}
		for _, s := range slices.Concat(sentences, exclude) {
			if s == "" || s != strings.Join(strings.Fields(s), " ") {
				t.Errorf("%q gives %q", text, s)
			}
		}
		if len(sentences) == 0 {
			t.Errorf("%q asks for nothing", text)
		}
	})
}
