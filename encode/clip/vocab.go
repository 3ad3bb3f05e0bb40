package clip

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
)

// The files of a tokenizer, in the order in which they are looked for.
const (
	tokenizerFile = "tokenizer.json"
	vocabFile     = "vocab.json"
	mergesFile    = "merges.txt"
	openAIFile    = "bpe_simple_vocab_16e6.txt.gz"
)

// Limits on what is read: CLIP's files hold 49,408 tokens in 3.6 MB.
const (
	maxTokenizerBytes = 64 << 20
	maxTokens         = 1 << 21
)

// openAIMerges is how many merges of OpenAI's file CLIP uses: its vocabulary of 49,408
// without twice 256 bytes and the two tokens that open and end a text.
const openAIMerges = 49408 - 512 - 2

// OpenTokenizer reads the tokenizer of a model's folder: tokenizer.json, or vocab.json
// and merges.txt, or OpenAI's bpe_simple_vocab_16e6.txt.gz. Errors wrap
// [tall.ErrMissing] or [tall.ErrFormat] and name the file.
func OpenTokenizer(dir string) (*Tokenizer, error) {
	path := func(name string) string { return filepath.Join(dir, name) }
	text, err := readBounded(path(tokenizerFile), maxTokenizerBytes)
	if err == nil {
		return named(path(tokenizerFile))(ParseTokenizer(text))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	vocab, err := readBounded(path(vocabFile), maxTokenizerBytes)
	if err == nil {
		merges, err := readBounded(path(mergesFile), maxTokenizerBytes)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s, which belongs to %s; take both from the model's folder", tall.ErrMissing, path(mergesFile), vocabFile)
		}
		if err != nil {
			return nil, err
		}
		return named(path(vocabFile) + " and " + mergesFile)(ParseVocab(vocab, merges))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	packed, err := readBounded(path(openAIFile), maxTokenizerBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s holds no tokenizer: neither %s nor %s with %s; take them from the model's folder",
			tall.ErrMissing, dir, tokenizerFile, vocabFile, mergesFile)
	}
	if err != nil {
		return nil, err
	}
	return named(path(openAIFile))(ParseOpenAI(packed))
}

// named puts a path before an error.
func named(path string) func(*Tokenizer, error) (*Tokenizer, error) {
	return func(t *Tokenizer, err error) (*Tokenizer, error) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return t, nil
	}
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file; copy it to one first", path, tall.ErrFormat)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %w: %d bytes, at most %d are read; is this the right file?", path, tall.ErrUnsafe, info.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: %w: more than %d bytes", path, tall.ErrUnsafe, limit)
	}
	return text, err
}

// ParseVocab makes a tokenizer of the texts of vocab.json, {"token": id}, and
// merges.txt, a pair of tokens a line, the first of the lowest rank.
func ParseVocab(vocab, merges []byte) (*Tokenizer, error) {
	var ids map[string]int64
	if err := json.Unmarshal(vocab, &ids); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", tall.ErrFormat, vocabFile, err)
	}
	pairs, err := parseMerges(bytes.NewReader(merges), maxTokens)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mergesFile, err)
	}
	t, err := newTokenizer(ids, pairs)
	if err != nil {
		return nil, err
	}
	t.keepNames = true
	return t, t.setEnds(ids, startToken, endToken)
}

// ParseOpenAI makes a tokenizer of OpenAI's gzip-compressed list of merges, of which
// CLIP uses the first 48,894; the ids follow from their order.
func ParseOpenAI(packed []byte) (*Tokenizer, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	pairs, err := parseMerges(io.LimitReader(r, maxTokenizerBytes), openAIMerges)
	if err != nil {
		return nil, err
	}
	if len(pairs) != openAIMerges {
		return nil, fmt.Errorf("%w: %d merges, %d are needed; fetch the file again", tall.ErrFormat, len(pairs), openAIMerges)
	}
	// Printable bytes come first, then the others.
	var plain, moved []string
	for b, r := range byteRunes() {
		if rune(b) == r {
			plain = append(plain, string(r))
		} else {
			moved = append(moved, string(r))
		}
	}
	ids := make(map[string]int64, openAIMerges+514)
	put := func(token string) { ids[token] = int64(len(ids)) }
	chars := slices.Concat(plain, moved)
	for _, c := range chars {
		put(c)
	}
	for _, c := range chars {
		put(c + wordEnd)
	}
	for i, p := range pairs {
		if put(p[0] + p[1]); len(ids) != 512+i+1 {
			return nil, fmt.Errorf("%w: line %d: the merge of %q and %q comes twice", tall.ErrFormat, i+2, p[0], p[1])
		}
	}
	put(startToken)
	put(endToken)
	t, err := newTokenizer(ids, pairs)
	if err != nil {
		return nil, err
	}
	t.keepNames = true
	return t, t.setEnds(ids, startToken, endToken)
}

// parseMerges reads at most limit lines of two tokens with a blank between; a first
// line "#version" counts as none. Whatever follows the limit is not read.
func parseMerges(r io.Reader, limit int) ([][2]string, error) {
	var out [][2]string
	lines := bufio.NewScanner(r)
	for n := 1; len(out) < limit && lines.Scan(); n++ {
		line := lines.Text()
		if n == 1 && strings.Contains(line, "#version") || line == "" {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || left == "" || right == "" || strings.Contains(right, " ") {
			return nil, fmt.Errorf("%w: line %d: %.60q is not two tokens with a blank between", tall.ErrFormat, n, line)
		}
		out = append(out, [2]string{left, right})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: after %d merges: %w", tall.ErrFormat, len(out), err)
	}
	return out, nil
}

// newTokenizer makes a tokenizer of a vocabulary and its merges.
func newTokenizer(ids map[string]int64, merges [][2]string) (*Tokenizer, error) {
	if len(ids) > maxTokens {
		return nil, fmt.Errorf("%w: a vocabulary of %d tokens, at most %d", tall.ErrUnsafe, len(ids), maxTokens)
	}
	t := &Tokenizer{joins: make(map[pair]join, len(merges))}
	owner := make(map[int64]string, len(ids))
	for token, id := range ids {
		if id < 0 || id >= maxTokens {
			return nil, fmt.Errorf("%w: token %.60q has id %d, outside 0 to %d", tall.ErrFormat, token, id, maxTokens-1)
		}
		if first, ok := owner[id]; ok {
			return nil, fmt.Errorf("%w: tokens %.60q and %.60q have the same id %d", tall.ErrFormat, min(first, token), max(first, token), id)
		}
		owner[id] = token
		t.size = max(t.size, int(id)+1)
	}
	for b, r := range byteRunes() {
		inside, ok1 := ids[string(r)]
		ending, ok2 := ids[string(r)+wordEnd]
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%w: the vocabulary lacks %q or %q, the byte %d; this is not CLIP's byte-level vocabulary", tall.ErrFormat, string(r), string(r)+wordEnd, b)
		}
		t.inside[b], t.ending[b] = int32(inside), int32(ending)
	}
	for rank, m := range merges {
		left, ok1 := ids[m[0]]
		right, ok2 := ids[m[1]]
		id, ok3 := ids[m[0]+m[1]]
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("%w: merge %d of %.60q and %.60q: the vocabulary lacks one of them or what they become; do the files belong together?", tall.ErrFormat, rank+1, m[0], m[1])
		}
		// Of a merge that comes twice the later one counts, as it does in the original.
		t.joins[pair{int32(left), int32(right)}] = join{int32(rank), int32(id)}
	}
	return t, nil
}

// setEnds sets the tokens that open and end a text, and lets texts name them.
func (t *Tokenizer) setEnds(ids map[string]int64, start, end string) error {
	s, ok1 := ids[start]
	e, ok2 := ids[end]
	if !ok1 || !ok2 {
		return fmt.Errorf("%w: the vocabulary lacks %s or %s; this is not CLIP's vocabulary", tall.ErrFormat, start, end)
	}
	t.start, t.end = int32(s), int32(e)
	t.added = []added{{text: start, id: t.start}, {text: end, id: t.end}}
	sortAdded(t.added)
	return nil
}
