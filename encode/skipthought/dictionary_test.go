package skipthought

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tall"
)

func FuzzParseDictionary(f *testing.F) {
	f.Add([]byte("<eos>\nUNK\n the \r\n\n\u00a0x"))
	f.Add([]byte("a\na\n\xff"))
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := parseDictionary(content)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		all := bytes.Split(content, []byte("\n"))
		if len(all[len(all)-1]) == 0 {
			all = all[:len(all)-1]
		}
		if len(d.words) != len(all) {
			t.Fatalf("%d lines, want %d", len(d.words), len(all))
		}
		want := map[string]int{} // the plain way
		for i, line := range all {
			if word := string(bytes.TrimFunc(line, isSpace)); word != "" {
				want[word] = i
			}
		}
		for w, i := range want {
			if got, ok := d.row(w); !ok || got != i {
				t.Fatalf("%q is row %d (%v), want %d", w, got, ok, i)
			}
			if _, ok := want[w+"x"]; !ok {
				if _, ok := d.row(w + "x"); ok {
					t.Fatalf("%q is known", w+"x")
				}
			}
		}
		if _, ok := d.row(""); ok {
			t.Fatal("no word is known")
		}
	})
}

// BenchmarkParseDictionary is a dictionary of the published size.
func BenchmarkParseDictionary(b *testing.B) {
	var text strings.Builder
	for i := range 930911 {
		fmt.Fprintf(&text, "w%d\n", i)
	}
	content := []byte(text.String())
	for b.Loop() {
		if _, err := parseDictionary(content); err != nil {
			b.Fatal(err)
		}
	}
}
