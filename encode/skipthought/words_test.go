package skipthought

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall/internal/shared"
)

func readJSON(t *testing.T, path string, to any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Against NLTK's TreebankWordTokenizer and, where texts are made of sentences, its
// trained splitter before it (testdata/record_words.py).
func TestWords_EqualNLTK(t *testing.T) {
	var recorded []struct {
		Text                       string
		Treebank, Sentences, Words []string
	}
	readJSON(t, "testdata/words.json", &recorded)
	for _, r := range recorded {
		if r.Sentences == nil {
			if got := treebank(r.Text); !slices.Equal(got, r.Treebank) {
				t.Errorf("%q\n got %q\nwant %q", r.Text, got, r.Treebank)
			}
			continue
		}
		if got := Words(r.Text); !slices.Equal(got, r.Words) {
			t.Errorf("%q\n got %q\nwant %q", r.Text, got, r.Words)
		}
	}
}

// Real sentences: all of TACoS' test split, and those of ActivityNet Captions' second
// validation set of which NLTK makes several.
func TestWords_OfRealSentences(t *testing.T) {
	type movies map[string]struct{ Sentences []string }
	var recorded struct {
		Tacos   string
		Several map[string]string
	}
	readJSON(t, "testdata/real.json", &recorded)
	digits := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:4])
	}
	all := func(path string) map[string]bool {
		var m movies
		readJSON(t, shared.Path(t, path), &m)
		out := map[string]bool{}
		for _, v := range m {
			for _, s := range v.Sentences {
				out[s] = true
			}
		}
		return out
	}
	want := map[string]int{}
	for at := 0; at < len(recorded.Tacos); at += 8 {
		want[recorded.Tacos[at:at+8]]++
	}
	got := map[string]int{}
	for s := range all("annotations/tacos/test.json") {
		got[digits(strings.Join(Words(s), "\n"))]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("TACoS: %s", diff)
	}
	several := 0
	for s := range all("annotations/activitynet-captions/val_1.json") {
		if want, ok := recorded.Several[digits(s)]; ok {
			several++
			if digits(strings.Join(Words(s), "\n")) != want {
				t.Errorf("%q: %q", s, Words(s))
			}
		}
	}
	if several != len(recorded.Several) {
		t.Errorf("%d sentences of %d found", several, len(recorded.Several))
	}
}

func FuzzWords(f *testing.F) {
	f.Add("The person doesn't cut (the) carrot. Mr. X can't... 3.5 \"no\".")
	f.Add("'tis gonna '' ``.\xff")
	f.Fuzz(func(t *testing.T, text string) {
		// Nothing is lost: the words without blanks and quotes are the text without them.
		strip := func(s string) string {
			return strings.Map(func(r rune) rune {
				if isSpace(r) || strings.ContainsRune("\"'`", r) {
					return -1
				}
				return r
			}, strings.ToValidUTF8(s, "\uFFFD"))
		}
		if got, want := strip(strings.Join(Words(text), " ")), strip(text); got != want {
			t.Fatalf("%q became %q", want, got)
		}
	})
}
