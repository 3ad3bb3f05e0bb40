package clip

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"tall"
	"tall/internal/shared"
)

// openAITokenizer is CLIP's real one.
func openAITokenizer(tb testing.TB) *Tokenizer {
	tb.Helper()
	t, err := OpenTokenizer(shared.Path(tb, "conformance/clip-preprocess"))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// recordedTokens are texts and the ids of the original; testdata/tokens.py made them.
type recordedTokens struct {
	Limit int       `json:"limit"`
	Texts []string  `json:"texts"`
	IDs   [][]int32 `json:"ids"`
}

func readRecordedTokens(tb testing.TB) (out recordedTokens) {
	tb.Helper()
	f, err := os.Open("testdata/tokens.json.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err == nil {
		err = json.NewDecoder(z).Decode(&out)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestTokenizer_AgreesWithHuggingFace(t *testing.T) {
	tok := openAITokenizer(t)
	want := readRecordedTokens(t)
	if len(want.Texts) != 1000 || len(want.IDs) != 1000 {
		t.Fatalf("%d texts recorded, %d ids", len(want.Texts), len(want.IDs))
	}
	bad := 0
	for i, text := range want.Texts {
		if got := tok.Encode(text, want.Limit); !slices.Equal(got, want.IDs[i]) {
			if bad++; bad <= 5 {
				t.Errorf("%d: %q\n got %v\nwant %v", i, text, got, want.IDs[i])
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d texts differ", bad, len(want.Texts))
	}
}

// tinyVocab is a vocabulary of bytes and a few merges, in the form of vocab.json and
// merges.txt.
func tinyVocab(tb testing.TB) (vocab, merges []byte) {
	tb.Helper()
	ids := map[string]int{}
	put := func(token string) { ids[token] = len(ids) }
	for _, r := range byteRunes() {
		put(string(r))
	}
	for _, r := range byteRunes() {
		put(string(r) + wordEnd)
	}
	list := []string{"e g", "g g</w>", "e gg</w>", "t h", "th e</w>"}
	for _, m := range list {
		put(strings.ReplaceAll(m, " ", ""))
	}
	put(startToken)
	put(endToken)
	vocab, err := json.Marshal(ids)
	if err != nil {
		tb.Fatal(err)
	}
	return vocab, []byte("#version: 0.2\n" + strings.Join(list, "\n") + "\n")
}

func tinyTokenizer(tb testing.TB) *Tokenizer {
	tb.Helper()
	t, err := ParseVocab(tinyVocab(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// names turns ids back into tokens.
func names(tb testing.TB, ids []int32) []string {
	tb.Helper()
	vocab, _ := tinyVocab(tb)
	var byName map[string]int32
	if err := json.Unmarshal(vocab, &byName); err != nil {
		tb.Fatal(err)
	}
	out := make([]string, len(ids))
	for name, id := range byName {
		for i := range ids {
			if ids[i] == id {
				out[i] = name
			}
		}
	}
	return out
}

func TestTokenizer_SplitsAndJoins(t *testing.T) {
	tok := tinyTokenizer(t)
	for text, want := range map[string]string{
		"":                    "",
		"The  EGG\n":          "the</w> eg g</w>", // "e g" comes before "g g</w>", and then nothing joins
		"eg":                  "e g</w>",
		"it's 10":             "i t</w> ' s</w> 1</w> 0</w>",
		"e\u0301":             "Ã ©</w>",
		"é":                   "Ã ©</w>",
		"a<|endoftext|>b":     "a</w> <|endoftext|> b</w>",
		"<|EndOfText|>!":      "< |</w> e n d o f t e x t</w> | ></w> !</w>",
		"\xff":                "ï ¿ ½</w>", // not UTF-8: U+FFFD
		"a\u00a0b\u2003c\x1c": "a</w> b</w> c</w> Ĝ</w>",
	} {
		got := names(t, tok.Encode(text, 77))
		if joined := strings.Join(got, " "); joined != strings.TrimSpace(startToken+" "+want)+" "+endToken {
			t.Errorf("%q: %s, want %s", text, joined, want)
		}
	}
}

func TestTokenizer_CutsKeepTheEnd(t *testing.T) {
	tok := tinyTokenizer(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		limit := rapid.IntRange(0, 40).Draw(t, "limit")
		full, cut := tok.Encode(text, 1<<20), tok.Encode(text, limit)
		limit = max(limit, 2)
		if len(cut) != min(limit, len(full)) || cut[0] != tok.start || cut[len(cut)-1] != tok.end {
			t.Fatalf("limit %d of %d: %v", limit, len(full), cut)
		}
		if !slices.Equal(cut[:len(cut)-1], full[:len(cut)-1]) {
			t.Fatalf("the cut changes what stands before it: %v, %v", cut, full)
		}
	})
}

// TestJoinAll_IsTheSlowWay compares the heap with a search for the best pair at each step.
func TestJoinAll_IsTheSlowWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		joins := map[pair]join{}
		for rank := range rapid.IntRange(0, 30).Draw(t, "joins") {
			p := pair{int32(rapid.IntRange(0, 6).Draw(t, "l")), int32(rapid.IntRange(0, 6).Draw(t, "r"))}
			joins[p] = join{int32(rank), int32(rapid.IntRange(0, 8).Draw(t, "id"))}
		}
		ids := rapid.SliceOfN(rapid.Int32Range(0, 6), 1, 60).Draw(t, "ids")
		want := slices.Clone(ids)
		for {
			best, at := join{rank: 1 << 30}, -1
			for i := range len(want) - 1 {
				if j, ok := joins[pair{want[i], want[i+1]}]; ok && j.rank < best.rank {
					best, at = j, i
				}
			}
			if at < 0 {
				break
			}
			want = slices.Replace(want, at, at+2, best.id)
		}
		if got := joinAll(joins, slices.Clone(ids)); !slices.Equal(got, want) {
			t.Fatalf("%v: %v, want %v", ids, got, want)
		}
	})
}

func TestCompose_SlowWayIsFormC(t *testing.T) {
	some := []rune("aAe\u0301\u0300\u0316\u0323\u0327\u0344\u0f73\u0f71\u1100\u1161\u11a8\uac00\u0130\u212b\u0958\ufb2a\u0b47\u0b57\u1e69\u034f x\U0001d15e")
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.SampledFrom(some), 0, 12).Draw(t, "text")) + rapid.StringN(0, 5, 20).Draw(t, "more")
		if got, want := composeSlowly(text), norm.NFC.String(text); got != want {
			t.Fatalf("%+q: %+q, want %+q", text, got, want)
		}
	})
	// Every character that decomposes or combines, between two others.
	for r := rune(0x80); r < 0x30000; r++ {
		p := norm.NFC.PropertiesString(string(r))
		if p.BoundaryBefore() && p.Decomposition() == nil && (r < 0xac00 || r > 0xac40) || !utf8.ValidRune(r) {
			continue
		}
		if text := "a" + string(r) + "\u0301"; norm.NFC.String(text) != composeSlowly(text) {
			t.Errorf("%U: %+q, want %+q", r, composeSlowly(text), norm.NFC.String(text))
		}
	}
	// 0F73 is a starter that falls apart into two marks.
	if got := compose(strings.Repeat("\u0f73", 40)); got != strings.Repeat("\u0f71", 40)+strings.Repeat("\u0f72", 40) {
		t.Errorf("%+q", got)
	}
	if got := compose("a" + strings.Repeat("\u0301", 100)); got != "á"+strings.Repeat("\u0301", 99) {
		t.Errorf("%+q", got)
	}
}

func TestTokenizer_LongWordsTakeLittleTime(t *testing.T) {
	// The square of 1 MB would take hours.
	tok := tinyTokenizer(t)
	if got := tok.Encode(strings.Repeat("eg", 1<<19), 77); len(got) != 77 {
		t.Errorf("%d tokens", len(got))
	}
	if got := tok.Encode(strings.Repeat(endToken, 1<<16), 77); len(got) != 77 {
		t.Errorf("%d tokens", len(got))
	}
}

// tinyTokenizerJSON is tinyVocab as a tokenizer.json.
func tinyTokenizerJSON(tb testing.TB, old bool) []byte {
	tb.Helper()
	vocab, merges := tinyVocab(tb)
	var list []string
	for _, line := range strings.Split(strings.TrimSpace(string(merges)), "\n")[1:] {
		if old {
			list = append(list, fmt.Sprintf("%q", line))
		} else {
			left, right, _ := strings.Cut(line, " ")
			list = append(list, fmt.Sprintf("[%q, %q]", left, right))
		}
	}
	pattern := namesPattern + clipPattern
	if old {
		pattern = clipPattern
	}
	quoted, err := json.Marshal(pattern)
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Appendf(nil, `{"version": "1.0", "truncation": null, "padding": null,
"added_tokens": [{"id": 517, "content": "<|startoftext|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": %t, "special": true},
 {"id": 518, "content": "<|endoftext|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": %t, "special": true}],
"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]},
"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": %s}, "behavior": "Removed", "invert": true},
 {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}]},
"post_processor": {"type": "RobertaProcessing", "sep": ["<|endoftext|>", 518], "cls": ["<|startoftext|>", 517], "trim_offsets": false, "add_prefix_space": false},
"model": {"type": "BPE", "dropout": null, "unk_token": "<|endoftext|>", "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false,
 "vocab": %s, "merges": [%s]}}`, old, old, quoted, vocab, strings.Join(list, ","))
}

func TestParseTokenizer_IsTheSameTokenizer(t *testing.T) {
	want := tinyTokenizer(t)
	for _, old := range []bool{false, true} {
		got, err := ParseTokenizer(tinyTokenizerJSON(t, old))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"the egg is there", "<|startoftext|>a<|endoftext|>", "É 12"} {
			if a, b := got.Encode(text, 77), want.Encode(text, 77); !slices.Equal(a, b) {
				t.Errorf("%q: %v, want %v", text, a, b)
			}
		}
		// Files that normalize the names find them in any case.
		if n := len(got.Encode("<|EndOfText|>", 77)); (n == 3) != old {
			t.Errorf("old %t: %d tokens", old, n)
		}
	}
	// New files keep the name apart from signs beside it.
	young, err := ParseTokenizer(tinyTokenizerJSON(t, false))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(t, young.Encode("<|EndOfText|>!", 77)), " "); !strings.HasSuffix(got, "| ></w> !</w> "+endToken) {
		t.Error(got)
	}
}

func TestOpenTokenizer_BadFiles(t *testing.T) {
	vocab, merges := tinyVocab(t)
	good := string(tinyTokenizerJSON(t, true))
	for _, c := range []struct {
		name  string
		files map[string]string
		kind  error
		says  string
	}{
		{"nothing", nil, tall.ErrMissing, "neither tokenizer.json nor vocab.json"},
		{"no merges", map[string]string{vocabFile: string(vocab)}, tall.ErrMissing, mergesFile},
		{"not JSON", map[string]string{vocabFile: "{", mergesFile: ""}, tall.ErrFormat, vocabFile},
		{"bad line", map[string]string{vocabFile: string(vocab), mergesFile: "e g\nt h e\n"}, tall.ErrFormat, "line 2"},
		{"unknown merge", map[string]string{vocabFile: string(vocab), mergesFile: "e g\nq q\n"}, tall.ErrFormat, "merge 2"},
		{"two of one id", map[string]string{vocabFile: `{"a": 1, "b": 1}`, mergesFile: ""}, tall.ErrFormat, "same id 1"},
		{"huge id", map[string]string{vocabFile: `{"a": 4294967296}`, mergesFile: ""}, tall.ErrFormat, "outside"},
		{"no bytes", map[string]string{vocabFile: `{"a": 1}`, mergesFile: ""}, tall.ErrFormat, "byte-level"},
		{"no ends", map[string]string{vocabFile: strings.Replace(string(vocab), "startoftext", "start", 1), mergesFile: ""}, tall.ErrFormat, "lacks <|startoftext|>"},
		{"word pieces", map[string]string{tokenizerFile: strings.Replace(good, `"BPE"`, `"WordPiece"`, 1)}, tall.ErrFormat, "WordPiece"},
		{"other split", map[string]string{tokenizerFile: strings.Replace(good, `|[\\p{N}]|`, `|[\\p{N}]+|`, 1)}, tall.ErrFormat, "pattern"},
		{"no lower case", map[string]string{tokenizerFile: strings.Replace(good, `, {"type": "Lowercase"}`, "", 1)}, tall.ErrFormat, "normalizer"},
		{"other suffix", map[string]string{tokenizerFile: strings.Replace(good, `"end_of_word_suffix": "</w>"`, `"end_of_word_suffix": null`, 1)}, tall.ErrFormat, "end_of_word_suffix"},
		{"other id", map[string]string{tokenizerFile: strings.Replace(good, `"id": 518`, `"id": 7`, 1)}, tall.ErrFormat, "518"},
		{"merge of three", map[string]string{tokenizerFile: strings.Replace(good, `"t h"`, `["t","h","e"]`, 1)}, tall.ErrFormat, "merge"},
		{"not gzip", map[string]string{openAIFile: "x"}, tall.ErrFormat, openAIFile},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := OpenTokenizer(dir)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%v; want %v, %q and the folder", err, c.kind, c.says)
			}
		})
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{vocabFile: vocab, mergesFile: merges} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if tok, err := OpenTokenizer(dir); err != nil || tok.Size() != 519 || tok.End() != 518 {
		t.Errorf("%v, %v", tok, err)
	}
}

func FuzzTokenizer(f *testing.F) {
	for _, text := range []string{"", "the egg", "it's", "<|endoftext|>", "<|ENDOFTEXT|>>", "e\u0301\xff", "İ", "\u0344"} {
		f.Add(text, 77)
	}
	tok := tinyTokenizer(f)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit %= 1000
		ids := tok.Encode(text, limit)
		if len(ids) < 2 || len(ids) > max(limit, 2) || ids[0] != tok.start || ids[len(ids)-1] != tok.end {
			t.Fatalf("%q, %d: %v", text, limit, ids)
		}
		for _, id := range ids {
			if id < 0 || int(id) >= tok.Size() {
				t.Fatalf("%q: id %d", text, id)
			}
		}
	})
}

func FuzzParseVocab(f *testing.F) {
	vocab, merges := tinyVocab(f)
	f.Add(vocab, merges)
	f.Add([]byte(`{"a": 1}`), []byte("a b\n"))
	f.Fuzz(func(t *testing.T, vocab, merges []byte) {
		if tok, err := ParseVocab(vocab, merges); err == nil {
			tok.Encode("the egg <|endoftext|>", 77)
		} else if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrUnsafe) {
			t.Fatal(err)
		}
	})
}

// FuzzParseTokenizer varies what stands before and behind the 519 tokens, which it could
// hardly find by itself; @ stands for them.
func FuzzParseTokenizer(f *testing.F) {
	vocab, _ := tinyVocab(f)
	for _, old := range []bool{true, false} {
		f.Add(bytes.Replace(tinyTokenizerJSON(f, old), vocab, []byte("@"), 1))
	}
	f.Add([]byte(`{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [null]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if tok, err := ParseTokenizer(bytes.Replace(text, []byte("@"), vocab, 1)); err == nil {
			tok.Encode("the egg <|endoftext|>", 77)
		} else if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrUnsafe) {
			t.Fatal(err)
		}
	})
}

func FuzzParseOpenAI(f *testing.F) {
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		if _, err := ParseOpenAI(packed); err != nil && !errors.Is(err, tall.ErrFormat) {
			t.Fatal(err)
		}
	})
}
