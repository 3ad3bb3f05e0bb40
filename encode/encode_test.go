package encode

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/dataset"
	"tall/internal/shared"
)

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                     nil,
		"He took out a glass.":                 {"he", "took", "out", "a", "glass"},
		"The man's t-shirt -- it's close-up's": {"the", "man's", "t-shirt", "it's", "close-up's"},
		"'quoted' rock-'n'-roll -5":            {"quoted", "rock", "n", "roll", "5"},
		"Être\tÜBER\n12.5%":                    {"être", "über", "12", "5"},
		"man’s e\u0301te\u0301":                {"man's", "e\u0301te\u0301"},
		"\u0301x":                              {"x"},
		"\xff\xfe ok":                          {"ok"},
	} {
		if diff := cmp.Diff(want, Words(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	for word, want := range map[string][]string{
		"close-up": {"close", "up"}, "man's": {"man", "'s"}, "x": {"x"}, "close-up's": {"close", "up", "'s"}, "don't": {"don", "'t"},
	} {
		if diff := cmp.Diff(want, parts(word)); diff != "" {
			t.Errorf("%q: %s", word, diff)
		}
	}
}

func encodeOne(tb testing.TB, e tall.SentenceEncoder, text string) []float32 {
	tb.Helper()
	out, err := e.EncodeSentences(tb.Context(), []string{text})
	if err != nil {
		tb.Fatal(err)
	}
	return out[0].Vector
}

func hash(tb testing.TB, dim int) *Hash {
	tb.Helper()
	h, err := NewHash(dim)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// The vectors stand in checkpoints' place: they may never change. The bits were
// computed once by testdata/hash.py, an implementation of the definition in Python.
func TestHash_Recorded(t *testing.T) {
	text, err := os.ReadFile("testdata/hash.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		sentence, values, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			t.Fatalf("line %q", line)
		}
		var got []string
		for _, x := range encodeOne(t, hash(t, 8), sentence) {
			got = append(got, fmt.Sprintf("%08x", math.Float32bits(x)))
		}
		if strings.Join(got, " ") != values {
			t.Errorf("%q: %v, recorded %s", sentence, got, values)
		}
		n++
	}
	if n < 4 {
		t.Errorf("%d recorded sentences", n)
	}
}

func TestHash_Property(t *testing.T) {
	h := hash(t, 256)
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.String().Draw(rt, "text")
		v := encodeOne(t, h, text)
		norm := dot(v, v)
		// A sum of opposite signs may cancel, which is rare; otherwise the length is
		// 1 to float32's rounding of 256 values.
		if norm != 0 && math.Abs(norm-1) > 1e-5 || norm != 0 && len(Words(text)) == 0 {
			rt.Fatalf("%q has length %g", text, norm)
		}
		if again := encodeOne(t, h, strings.ToUpper(strings.ToLower(text))); strings.EqualFold(text, strings.ToLower(text)) && len(text) == len(strings.ToLower(text)) && isASCII(text) && !slices.Equal(v, again) {
			rt.Fatalf("%q: letter case matters", text)
		}
	})
	// What shares a stem is nearer than what shares nothing.
	a, b, c := encodeOne(t, h, "cuts the carrots"), encodeOne(t, h, "cutting a carrot"), encodeOne(t, h, "opens his fridge")
	if dot(a, b) < dot(a, c)+0.2 {
		t.Errorf("likeness %g to the same words in another form, %g to others", dot(a, b), dot(a, c))
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}

const tiny = "2 3\nthe 0.5 1 -2\nman 1 1 1\n's 0 0 3\nat home 4 4 4\nthe 9 9 9\n"

func TestGlove_Mean(t *testing.T) {
	for name, keep := range map[string]func([]byte) bool{"all": nil, "some": keepOf([]string{"The man's"})} {
		g, err := ReadGlove(strings.NewReader(tiny), keep)
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string][]float32{
			"The MAN's zzz!": {0.5, 2.0 / 3, 2.0 / 3},
			"man":            {1, 1, 1},
			"zzz":            {0, 0, 0},
			"":               {0, 0, 0},
		} {
			if diff := cmp.Diff(want, encodeOne(t, g, text)); diff != "" {
				t.Errorf("%s, %q: %s", name, text, diff)
			}
		}
		if known, words := g.Known("The man's zzz"); known != 2 || words != 3 || g.Dim() != 3 {
			t.Errorf("%d of %d known, dim %d", known, words, g.Dim())
		}
	}
}

func TestReadGlove_Refuses(t *testing.T) {
	for name, c := range map[string]struct {
		is         error
		text, says string
	}{
		"empty":      {tall.ErrFormat, "", "no word vectors"},
		"no numbers": {tall.ErrFormat, "word\n", "a word and 0 numbers"},
		"no number":  {tall.ErrFormat, "a 1 2\nb 1 x\n", `line 2: bad format: value 2 of the word "b" is "x"`},
		"too few":    {tall.ErrFormat, "a 1 2\nb 1\n", "line 2: bad format: a word and fewer than 2 numbers"},
		"NaN":        {tall.ErrNotFinite, "a 1 NaN\n", `"NaN"`},
		"html":       {tall.ErrFormat, "<html> <body>\n", "value 1"},
		"long line":  {tall.ErrFormat, strings.Repeat("x", maxGloveLine+2), "line 1"},
	} {
		if _, err := ReadGlove(strings.NewReader(c.text), nil); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	if _, err := OpenGlove(dir+"/none", nil); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("no file: %v", err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(strings.Repeat(tiny[4:], 1000))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"cut": b.Bytes()[:b.Len()/2], "checksum": append(b.Bytes()[:b.Len()-8:b.Len()-8], "12345678"...), "head": []byte("\x1f\x8bxxxxxxxxxx")} {
		if err := os.WriteFile(dir+"/g.gz", data, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenGlove(dir+"/g.gz", nil); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "g.gz") {
			t.Errorf("gzip, %s: %v", name, err)
		}
	}
}

func FuzzReadGlove(f *testing.F) {
	for _, text := range []string{tiny, "a 1\n", "a  1\n", " 1 2\n", "1 2\n3 4\n", "a 1e999\n", "a 0x1p-2\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ReadGlove(bytes.NewReader(data), nil)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrNotFinite) {
				t.Errorf("%v", err)
			}
			return
		}
		for word, v := range g.vectors {
			if len(v) != g.dim || notFinite(v) {
				t.Errorf("%q: %v of dim %d", word, v, g.dim)
			}
		}
	})
}

func notFinite(v []float32) bool {
	return slices.ContainsFunc(v, func(x float32) bool { return x-x != 0 })
}

// The real sample: its number of words, and how much of two corpora it covers, which its
// provenance file states as 89 % of TACoS's and 97 % of Charades-STA's tokens.
func TestGlove_Real(t *testing.T) {
	path := shared.Path(t, "weights/glove-twitter-25d/glove_twitter_25d.txt.gz")
	g, err := OpenGlove(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.vectors) != 11925 || g.Dim() != 25 {
		t.Errorf("%d words of %d values", len(g.vectors), g.Dim())
	}
	if the := g.vectors["the"]; len(the) != 25 || the[0] != -0.010167 || the[24] != -0.31208 {
		t.Errorf("the: %v", the)
	}
	for name, want := range map[string]float64{"tacos/test.json": 0.89, "charades-sta/charades_sta_test.txt": 0.97} {
		corpus, err := dataset.OpenCorpus("", shared.Path(t, "annotations/"+name), dataset.CorpusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		known, words := 0, 0
		for _, e := range corpus.Examples {
			k, w := g.Known(e.Sentence.Text)
			known, words = known+k, words+w
		}
		// The provenance speaks of all splits and rounds to a percent.
		if share := float64(known) / float64(words); math.Abs(share-want) > 0.015 {
			t.Errorf("%s: %.3f of %d words are known, want %.2f", name, share, words, want)
		}
	}
	some, err := OpenGlove(path, []string{"person opens the door"})
	if err != nil {
		t.Fatal(err)
	}
	if len(some.vectors) != 4 || !slices.Equal(encodeOne(t, some, "the door"), encodeOne(t, g, "the door")) {
		t.Errorf("%d words kept", len(some.vectors))
	}
	if a, b := some.Manifest().WeightsHash, g.Manifest().WeightsHash; a != b || !strings.HasPrefix(a, "sha256:") || len(a) != 71 {
		t.Errorf("hashes %s and %s", a, b)
	}
}
