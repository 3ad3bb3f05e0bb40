package bert

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tall"
	"tall/internal/shared"
)

const tiny = "testdata/tiny"

// sentence is a text of the recorded files, or one of many words.
type sentence string

func (s *sentence) UnmarshalJSON(data []byte) error {
	var many struct {
		Unit  string
		Times int
	}
	if data[0] != '{' {
		return json.Unmarshal(data, (*string)(s))
	}
	err := json.Unmarshal(data, &many)
	*s = sentence(strings.Repeat(many.Unit, many.Times))
	return err
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

type recorded struct {
	Text sentence `json:"text"`
	IDs  []int    `json:"ids"`
}

func openTokenizer(t testing.TB, dir string) *Tokenizer {
	t.Helper()
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// Ids equal those of Hugging Face's fast tokenizer, by either of the files.
func TestTokenizer_Tiny(t *testing.T) {
	var want []recorded
	readJSON(t, "testdata/tiny.json", &want)
	data, err := os.ReadFile(tiny + "/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ParseVocabulary(data)
	if err != nil {
		t.Fatal(err)
	}
	full := openTokenizer(t, tiny)
	for _, w := range want {
		for name, tok := range map[string]*Tokenizer{"tokenizer.json": full, "vocab.txt": plain} {
			if got := tok.Encode(string(w.Text), 40); !slices.Equal(got, w.IDs) {
				t.Errorf("%s: %.60q: %v, want %v", name, w.Text, got, w.IDs)
			}
		}
	}
}

// 1,100 strings, 900 of them noise from all over Unicode, by the real vocabulary.
func TestTokenizer_MiniLM(t *testing.T) {
	tok := openTokenizer(t, shared.Asset(t, "minilm"))
	f, err := os.Open("testdata/tokens.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	lines := bufio.NewScanner(f)
	for ; lines.Scan(); n++ {
		var text string
		var want []int
		if err := json.Unmarshal(lines.Bytes(), &[]any{&text, &want}); err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode(text, 256); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if n < 1000 {
		t.Errorf("%d strings", n)
	}
}

// A limit takes the beginning, and keeps [SEP]; texts beyond one piece of cleaning are
// cut into the same pieces as short ones.
func TestTokenizer_Limit(t *testing.T) {
	tok := openTokenizer(t, tiny)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab eggé蛋.[MASK] \n"))).Draw(t, "text")
		text = strings.Repeat(text, rapid.IntRange(1, 3).Draw(t, "times"))
		all := tok.Encode(text, 0)
		limit := rapid.IntRange(2, 30).Draw(t, "limit")
		want := all
		if len(all) > limit {
			want = append(slices.Clone(all[:limit-1]), tok.sep)
		}
		if got := tok.Encode(text, limit); !slices.Equal(got, want) {
			t.Fatalf("%q, limit %d: %v, want %v", text, limit, got, want)
		}
		long := strings.Repeat(" ", cleanBytes-3) + text + " " + text
		want = append(slices.Clone(all[:len(all)-1]), all[1:]...)
		if got := tok.Encode(long, 0); !slices.Equal(got, want) {
			t.Fatalf("%q twice: %v, want %v", text, got, want)
		}
	})
}

func TestTokenizer_Configured(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, tiny, dir, "vocab.txt")
	for config, want := range map[string]string{
		`{}`:                       "cafe cafe",
		`{"strip_accents": false}`: "[UNK] cafe",
		`{"do_lower_case": false}`: "[UNK] [UNK]",
		`{"do_lower_case": false, "strip_accents": true}`: "cafe [UNK]",
	} {
		write(t, filepath.Join(dir, "tokenizer_config.json"), config)
		tok := openTokenizer(t, dir)
		if got := pieces(tok, tok.Encode("cafê Cafe", 0)); got != "[CLS] "+want+" [SEP]" {
			t.Errorf("%s: %s", config, got)
		}
	}
	// The general class leaves tokenizer.json as it is.
	data, err := os.ReadFile(tiny + "/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	cased := strings.Replace(string(data), `"lowercase": true`, `"lowercase": false`, 1)
	write(t, filepath.Join(dir, "tokenizer.json"), cased)
	for class, want := range map[string]string{"BertTokenizer": "the the", "PreTrainedTokenizerFast": "the [UNK]", "TokenizersBackend": "the [UNK]"} {
		write(t, filepath.Join(dir, "tokenizer_config.json"), `{"tokenizer_class": "`+class+`"}`)
		tok := openTokenizer(t, dir)
		if got := pieces(tok, tok.Encode("the The", 0)); got != "[CLS] "+want+" [SEP]" || cased == string(data) {
			t.Errorf("%s: %s", class, got)
		}
	}
	tok := openTokenizer(t, tiny)
	if got := pieces(tok, tok.Encode("the person cracks 鸡蛋ß", 0)); got != "[CLS] the person crack ##s 鸡 蛋 ß [SEP]" {
		t.Error(got)
	}
}

// pieces names ids.
func pieces(t *Tokenizer, ids []int) string {
	names := make([]string, t.Size())
	for p, id := range t.words {
		names[id] = p
	}
	var out []string
	for _, id := range ids {
		out = append(out, names[id])
	}
	return strings.Join(out, " ")
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// copyFiles copies files between folders; names say which, none: all.
func copyFiles(t testing.TB, from, to string, names ...string) {
	t.Helper()
	if names == nil {
		names = []string{"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "sentence_bert_config.json", "modules.json", "1_Pooling/config.json", WeightsName}
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), string(data))
	}
}

func TestParseTokenizer_Refuses(t *testing.T) {
	data, err := os.ReadFile(tiny + "/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(data, &whole); err != nil {
		t.Fatal(err)
	}
	set := func(path string, value any) []byte {
		data, _ := json.Marshal(whole)
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		at := v
		keys := strings.Split(path, ".")
		for _, k := range keys[:len(keys)-1] {
			at = at[k].(map[string]any)
		}
		at[keys[len(keys)-1]] = value
		data, _ = json.Marshal(v)
		return data
	}
	for _, c := range []struct {
		data []byte
		says string
	}{
		{[]byte(`{`), "unexpected end"},
		{[]byte(`{}`), "only WordPiece"},
		{set("model.type", "BPE"), `the type "BPE"`},
		{set("model.vocab", []string{"a"}), "cannot unmarshal array"},
		{set("model.vocab.egg", -1), "id -1"},
		{set("model.vocab.egg", maxPieces), "ids reach"},
		{set("model.vocab."+strings.Repeat("x", maxPieceSize+1), 7), "at most 1024 bytes"},
		{set("model.vocab.[CLS]", 7), "has id 2, in the vocabulary 7"},
		{set("model.unk_token", "<unk>"), `no "<unk>"`},
		{set("normalizer.type", "NFC"), "BertNormalizer"},
		{set("normalizer", nil), "BertNormalizer"},
		{set("pre_tokenizer.type", "ByteLevel"), "BertPreTokenizer"},
		{set("post_processor.type", "RobertaProcessing"), `"RobertaProcessing" is not read`},
		{set("post_processor", map[string]any{"type": "BertProcessing"}), "without cls and sep"},
		{set("post_processor", map[string]any{"type": "TemplateProcessing"}), "post_processor puts"},
		{set("added_tokens", []any{map[string]any{"id": 4, "content": "[MASK]", "lstrip": true}}), "lstrip"},
	} {
		if _, err := ParseTokenizer(c.data); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
	for text, says := range map[string]string{
		"":                           `no "[UNK]"`,
		"[UNK]\n[CLS]\n":             `no "[SEP]"`,
		"[UNK]\n[CLS]\n[SEP]\n[UNK]": "line 4",
	} {
		if _, err := ParseVocabulary([]byte(text)); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Every code point by itself, normalized as Hugging Face's BertNormalizer does it; the
// tables are made of its answers, lower case and decompositions come from Go.
func TestCleaning_LettersGrow(t *testing.T) {
	c := cleaning{clean: true, cjk: true, accents: true, lower: true}
	for in, want := range map[string]string{
		"ȺȾaȺ":           "ⱥⱦaⱥ", // lower case takes a byte more
		"É蛋x":            "e 蛋 x",
		"a\u0000\ufffdb": "ab",
		"a\xffb":         "ab",
		"İ":              "i",
		"ﬁ":              "ﬁ",
		"\u1100\u1161":   "\u1100\u1161",
		"각":              "\u1100\u1161\u11a8",
	} {
		if got := string(c.appendClean(nil, in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := string(cleaning{lower: true}.appendClean([]byte("X"), "İ")); got != "Xi̇" {
		t.Errorf("%q", got)
	}
}

func FuzzTokenizer(f *testing.F) {
	tok := openTokenizer(f, tiny)
	for _, s := range []string{"", "The person cracks the egg.", "[MASK]蛋é\u0301", "\xff\xfe", strings.Repeat("a", 300)} {
		f.Add(s, 16)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 2 + limit&63
		all := tok.Encode(text, 0)
		ids := tok.Encode(text, limit)
		if len(ids) < 2 || len(ids) > limit || ids[0] != tok.cls || ids[len(ids)-1] != tok.sep {
			t.Fatalf("%q: %v", text, ids)
		}
		if !slices.Equal(ids[:len(ids)-1], all[:len(ids)-1]) {
			t.Fatalf("%q: %v is no beginning of %v", text, ids, all)
		}
		for _, id := range all {
			if id < 0 || id >= tok.Size() {
				t.Fatalf("%q: id %d", text, id)
			}
		}
	})
}

func FuzzParseTokenizer(f *testing.F) {
	for _, name := range []string{"/tokenizer.json", "/vocab.txt", "/tokenizer_config.json"} {
		data, err := os.ReadFile(tiny + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func([]byte) (*Tokenizer, error){ParseTokenizer, ParseVocabulary} {
			tok, err := parse(data)
			if err != nil {
				if !errors.Is(err, tall.ErrFormat) {
					t.Fatal(err)
				}
				continue
			}
			_ = tok.configure(data)
			for _, id := range tok.Encode("the EGG é蛋 [MASK]", 0) {
				if id < 0 || id >= tok.Size() {
					t.Fatal(fmt.Sprint("id ", id))
				}
			}
		}
	})
}
