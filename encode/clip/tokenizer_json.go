package clip

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tall"
)

// tokenizerJSON is what counts of a tokenizer.json (the library tokenizers' format).
type tokenizerJSON struct {
	AddedTokens []struct {
		ID         int64  `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		Normalized bool   `json:"normalized"`
	} `json:"added_tokens"`
	Normalizer    *step `json:"normalizer"`
	PreTokenizer  *step `json:"pre_tokenizer"`
	PostProcessor *struct {
		Type string `json:"type"`
		Sep  []any  `json:"sep"` // token and id
		Cls  []any  `json:"cls"`
	} `json:"post_processor"`
	Model struct {
		Type     string           `json:"type"`
		Suffix   *string          `json:"end_of_word_suffix"`
		Prefix   *string          `json:"continuing_subword_prefix"`
		Fallback bool             `json:"byte_fallback"`
		Whole    bool             `json:"ignore_merges"`
		Vocab    map[string]int64 `json:"vocab"`
		Merges   []mergePair      `json:"merges"`
	} `json:"model"`
}

// mergePair is a merge as older files write it, "a b", or newer ones, ["a", "b"].
type mergePair [2]string

// UnmarshalJSON implements json.Unmarshaler.
func (m *mergePair) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		var parts []string
		if err := json.Unmarshal(text, &parts); err != nil {
			return err
		}
		if len(parts) != 2 {
			return fmt.Errorf("a merge of %d tokens, not 2", len(parts))
		}
		*m = mergePair(parts)
		return nil
	}
	var line string
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	left, right, ok := strings.Cut(line, " ")
	if !ok {
		return fmt.Errorf("merge %.60q is not two tokens with a blank between", line)
	}
	*m = mergePair{left, right}
	return nil
}

// step is a normalizer or a pre-tokenizer, or a sequence of them.
type step struct {
	Type          string  `json:"type"`
	Normalizers   []*step `json:"normalizers"`
	PreTokenizers []*step `json:"pretokenizers"`
	Pattern       struct {
		Regex string
	} `json:"pattern"`
}

// flat lists the steps of nested sequences.
func (s *step) flat(depth int) []*step {
	if s == nil || depth > 8 {
		return nil
	}
	if s.Type != "Sequence" {
		return []*step{s}
	}
	var out []*step
	for _, inner := range slices.Concat(s.Normalizers, s.PreTokenizers) {
		out = append(out, inner.flat(depth+1)...)
	}
	return out
}

// clipPattern is the split of CLIP's tokenizers; newer files put the names of the two
// tokens before it.
const (
	clipPattern  = `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`
	namesPattern = `<\|startoftext\|>|<\|endoftext\|>|`
)

// ParseTokenizer makes a tokenizer of the text of a tokenizer.json. It refuses files
// that prepare or split text otherwise than CLIP does.
func ParseTokenizer(text []byte) (*Tokenizer, error) {
	var j tokenizerJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	refuse := func(what, got string) error {
		return fmt.Errorf("%w: %s is %.100q, which is not CLIP's; use a model with CLIP's byte-level tokenizer", tall.ErrFormat, what, got)
	}
	if j.Model.Type != "BPE" && (j.Model.Type != "" || len(j.Model.Merges) == 0) {
		return nil, refuse("the type of model", j.Model.Type)
	}
	if j.Model.Suffix == nil || *j.Model.Suffix != wordEnd {
		return nil, refuse("end_of_word_suffix", deref(j.Model.Suffix))
	}
	if deref(j.Model.Prefix) != "" {
		return nil, refuse("continuing_subword_prefix", *j.Model.Prefix)
	}
	if j.Model.Fallback || j.Model.Whole {
		return nil, refuse("byte_fallback or ignore_merges", "true")
	}
	if got := types(j.Normalizer); got != "NFC, Replace, Lowercase" {
		return nil, refuse("the normalizer", got)
	}
	if got := types(j.PreTokenizer); got != "Split, ByteLevel" {
		return nil, refuse("the pre_tokenizer", got)
	}
	pattern := j.PreTokenizer.flat(0)[0].Pattern.Regex
	rest, names := strings.CutPrefix(pattern, namesPattern)
	if rest != clipPattern {
		return nil, refuse("the pattern of the pre_tokenizer", pattern)
	}
	merges := make([][2]string, len(j.Model.Merges))
	for i, m := range j.Model.Merges {
		merges[i] = m
	}
	t, err := newTokenizer(j.Model.Vocab, merges)
	if err != nil {
		return nil, err
	}
	t.keepNames = names
	return t, t.add(j)
}

// add puts in the added tokens and the two that open and end a text.
func (t *Tokenizer) add(j tokenizerJSON) error {
	ids := j.Model.Vocab
	start, end := startToken, endToken
	if p := j.PostProcessor; p != nil && p.Type == "RobertaProcessing" && len(p.Cls) == 2 && len(p.Sep) == 2 {
		if name, ok := p.Cls[0].(string); ok {
			start = name
		}
		if name, ok := p.Sep[0].(string); ok {
			end = name
		}
	}
	var tokens []added
	for _, a := range j.AddedTokens {
		switch {
		case a.Content == "":
			return fmt.Errorf("%w: added token %d has no content", tall.ErrFormat, a.ID)
		case a.SingleWord:
			return fmt.Errorf("%w: added token %.60q is single_word, which is not supported", tall.ErrFormat, a.Content)
		case a.ID < 0 || a.ID >= maxTokens:
			return fmt.Errorf("%w: added token %.60q has id %d, outside 0 to %d", tall.ErrFormat, a.Content, a.ID, maxTokens-1)
		case len(tokens) == maxAdded:
			return fmt.Errorf("%w: more than %d added tokens", tall.ErrUnsafe, maxAdded)
		}
		if id, ok := ids[a.Content]; ok && id != a.ID {
			return fmt.Errorf("%w: added token %.60q has id %d, in the vocabulary %d", tall.ErrFormat, a.Content, a.ID, id)
		}
		ids[a.Content] = a.ID
		t.size = max(t.size, int(a.ID)+1)
		text := a.Content
		if a.Normalized {
			text = normalize(text)
		}
		tokens = append(tokens, added{text, int32(a.ID), a.Normalized})
	}
	if err := t.setEnds(ids, start, end); err != nil {
		return err
	}
	if len(tokens) > 0 {
		sortAdded(tokens)
		t.added = tokens
	}
	return nil
}

// maxAdded bounds the tokens that every text is searched for.
const maxAdded = 256

// types lists the types of a step's parts.
func types(s *step) string {
	var names []string
	for _, part := range s.flat(0) {
		names = append(names, part.Type)
	}
	return strings.Join(names, ", ")
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
