package bert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tall"
)

// Bounds on the files of a tokenizer.
const (
	maxJSON      = 64 << 20 // tokenizer.json of a million pieces
	maxVocab     = 16 << 20
	maxPieces    = 1 << 20
	maxPieceSize = 1 << 10
)

// The special tokens of BERT.
const (
	unkToken = "[UNK]"
	clsToken = "[CLS]"
	sepToken = "[SEP]"
)

// specialTokens are those that a vocab.txt does not mark.
var specialTokens = []string{"[PAD]", unkToken, clsToken, sepToken, "[MASK]"}

// OpenTokenizer reads the tokenizer of a model's folder: tokenizer.json, or vocab.txt
// where there is none, and what tokenizer_config.json says of normalization. Errors wrap
// [tall.ErrMissing] or [tall.ErrFormat] and name the file.
func OpenTokenizer(dir string) (*Tokenizer, error) {
	t, err := openVocabulary(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "tokenizer_config.json")
	data, err := readFile(path, maxConfig)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	if err := t.configure(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func openVocabulary(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, "tokenizer.json")
	data, err := readFile(path, maxJSON)
	parse := ParseTokenizer
	if errors.Is(err, os.ErrNotExist) {
		path = filepath.Join(dir, "vocab.txt")
		data, err = readFile(path, maxVocab)
		parse = ParseVocabulary
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: the model in %s has neither tokenizer.json nor vocab.txt; fetch it again", tall.ErrMissing, dir)
		}
	}
	if err != nil {
		return nil, err
	}
	t, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: no regular file", path, tall.ErrFormat)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %w: larger than %d bytes; this is no such file", path, tall.ErrUnsafe, limit)
	}
	return data, nil
}

// ParseVocabulary reads a vocab.txt, a piece a line, of an uncased BERT: pieces within
// words begin with "##". Errors wrap [tall.ErrFormat].
func ParseVocabulary(data []byte) (*Tokenizer, error) {
	ids := map[string]int{}
	id := 0
	for line := range bytes.Lines(data) {
		piece := strings.TrimRight(string(line), " \t\r\n")
		if _, ok := ids[piece]; ok && piece != "" {
			return nil, fmt.Errorf("line %d: %w: %.50q stands on line %d already", id+1, tall.ErrFormat, piece, ids[piece]+1)
		}
		if piece != "" {
			ids[piece] = id
		}
		id++
	}
	var specials []special
	for _, s := range specialTokens {
		if id, ok := ids[s]; ok {
			specials = append(specials, special{s, id})
		}
	}
	t := &Tokenizer{cleaning: cleaning{clean: true, cjk: true, accents: true, lower: true}, maxWord: defaultMaxWord, special: specials}
	return t, t.fill(ids, "##", unkToken, clsToken, sepToken)
}

// tokenizerJSON is the part of tokenizer.json that matters.
type tokenizerJSON struct {
	AddedTokens []struct {
		ID         int    `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		Normalized bool   `json:"normalized"`
	} `json:"added_tokens"`
	Normalizer *struct {
		Type    string `json:"type"`
		Clean   bool   `json:"clean_text"`
		CJK     bool   `json:"handle_chinese_chars"`
		Accents *bool  `json:"strip_accents"`
		Lower   bool   `json:"lowercase"`
	} `json:"normalizer"`
	PreTokenizer *struct {
		Type string `json:"type"`
	} `json:"pre_tokenizer"`
	PostProcessor *postProcessor `json:"post_processor"`
	Model         struct {
		Type    string         `json:"type"`
		Unknown string         `json:"unk_token"`
		Prefix  *string        `json:"continuing_subword_prefix"`
		MaxWord int            `json:"max_input_chars_per_word"`
		Vocab   map[string]int `json:"vocab"`
	} `json:"model"`
}

type postProcessor struct {
	Type   string            `json:"type"`
	Sep    []json.RawMessage `json:"sep"` // BertProcessing: token and id
	Cls    []json.RawMessage `json:"cls"`
	Single []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
		Sequence *struct{} `json:"Sequence"`
	} `json:"single"`
}

// ends are the tokens before and after a sentence.
func (p *postProcessor) ends() (cls, sep string, err error) {
	if p == nil {
		return clsToken, sepToken, nil
	}
	switch p.Type {
	case "BertProcessing":
		if len(p.Cls) != 2 || len(p.Sep) != 2 || json.Unmarshal(p.Cls[0], &cls) != nil || json.Unmarshal(p.Sep[0], &sep) != nil {
			return "", "", fmt.Errorf("%w: post_processor BertProcessing without cls and sep", tall.ErrFormat)
		}
		return cls, sep, nil
	case "TemplateProcessing":
		if s := p.Single; len(s) == 3 && s[0].SpecialToken != nil && s[1].Sequence != nil && s[2].SpecialToken != nil {
			return s[0].SpecialToken.ID, s[2].SpecialToken.ID, nil
		}
		return "", "", fmt.Errorf("%w: post_processor puts something else than a token before and after the sentence", tall.ErrFormat)
	}
	return "", "", fmt.Errorf("%w: post_processor %.50q is not read, only BertProcessing and TemplateProcessing", tall.ErrFormat, p.Type)
}

// ParseTokenizer reads a tokenizer.json of a BERT: BertNormalizer, BertPreTokenizer and
// WordPiece. Errors wrap [tall.ErrFormat] and name what is not read.
func ParseTokenizer(data []byte) (*Tokenizer, error) {
	var j tokenizerJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	switch {
	case j.Model.Type != "" && j.Model.Type != "WordPiece", j.Model.Vocab == nil:
		return nil, fmt.Errorf("%w: a tokenizer of the type %.50q, only WordPiece is read here (BERT and its kin)", tall.ErrFormat, j.Model.Type)
	case j.Normalizer == nil || j.Normalizer.Type != "BertNormalizer":
		return nil, fmt.Errorf("%w: a normalizer other than BertNormalizer", tall.ErrFormat)
	case j.PreTokenizer == nil || j.PreTokenizer.Type != "BertPreTokenizer":
		return nil, fmt.Errorf("%w: a pre_tokenizer other than BertPreTokenizer", tall.ErrFormat)
	}
	cls, sep, err := j.PostProcessor.ends()
	if err != nil {
		return nil, err
	}
	n := j.Normalizer
	t := &Tokenizer{cleaning: cleaning{clean: n.Clean, cjk: n.CJK, accents: n.Lower, lower: n.Lower}, maxWord: j.Model.MaxWord}
	if n.Accents != nil {
		t.accents = *n.Accents
	}
	if t.maxWord <= 0 {
		t.maxWord = defaultMaxWord
	}
	for _, a := range j.AddedTokens {
		if a.SingleWord || a.LStrip || a.RStrip || a.Normalized || a.Content == "" {
			return nil, fmt.Errorf("%w: the added token %.50q has options (single_word, lstrip, rstrip, normalized) that are not read", tall.ErrFormat, a.Content)
		}
		if id, ok := j.Model.Vocab[a.Content]; ok && id != a.ID {
			return nil, fmt.Errorf("%w: the added token %.50q has id %d, in the vocabulary %d", tall.ErrFormat, a.Content, a.ID, id)
		}
		j.Model.Vocab[a.Content] = a.ID
		t.special = append(t.special, special{a.Content, a.ID})
	}
	prefix := "##"
	if j.Model.Prefix != nil {
		prefix = *j.Model.Prefix
	}
	unknown := j.Model.Unknown
	if unknown == "" {
		unknown = unkToken
	}
	return t, t.fill(j.Model.Vocab, prefix, unknown, cls, sep)
}

// fill takes over a vocabulary.
func (t *Tokenizer) fill(ids map[string]int, prefix, unknown, cls, sep string) error {
	if len(ids) > maxPieces {
		return fmt.Errorf("%w: %d pieces, at most %d", tall.ErrFormat, len(ids), maxPieces)
	}
	t.words, t.pieces = make(map[string]int, len(ids)), make(map[string]int, len(ids)/4)
	for piece, id := range ids {
		if id < 0 || id >= maxPieces || len(piece) > maxPieceSize {
			return fmt.Errorf("%w: piece %.50q with id %d (ids reach from 0 to %d, pieces have at most %d bytes)", tall.ErrFormat, piece, id, maxPieces-1, maxPieceSize)
		}
		t.words[piece] = id
		t.longest = max(t.longest, len(piece))
		if inner, ok := strings.CutPrefix(piece, prefix); ok && inner != "" {
			t.pieces[inner] = id
		}
		t.size = max(t.size, id+1)
	}
	for _, s := range []struct {
		token string
		id    *int
	}{{unknown, &t.unknown}, {cls, &t.cls}, {sep, &t.sep}} {
		id, ok := ids[s.token]
		if !ok {
			return fmt.Errorf("%w: the vocabulary of %d pieces has no %.50q", tall.ErrFormat, len(ids), s.token)
		}
		*s.id = id
	}
	return nil
}

// configure applies a tokenizer_config.json, whose keys, or their defaults, beat those of
// tokenizer.json, as in Hugging Face's BertTokenizerFast. Its general classes take
// tokenizer.json as it is.
func (t *Tokenizer) configure(data []byte) error {
	c := struct {
		Class   string `json:"tokenizer_class"`
		Lower   bool   `json:"do_lower_case"`
		Accents *bool  `json:"strip_accents"`
		CJK     bool   `json:"tokenize_chinese_chars"`
	}{Lower: true, CJK: true}
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	if c.Class == "PreTrainedTokenizerFast" || c.Class == "TokenizersBackend" {
		return nil
	}
	t.lower, t.accents, t.cjk = c.Lower, c.Lower, c.CJK
	if c.Accents != nil {
		t.accents = *c.Accents
	}
	return nil
}
