package bert

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tokenizer cuts sentences into the pieces of words that BERT knows: normalization and
// words of BertTokenizer, pieces by WordPiece (Wu et al. 2016), the longest that the
// vocabulary holds first. It gives the ids of Hugging Face's fast tokenizers.
//
// It does not change after it was read, so that any number of goroutines may use it.
type Tokenizer struct {
	cleaning
	words    map[string]int // pieces that begin a word, special ones too
	pieces   map[string]int // pieces within a word, without their prefix
	longest  int            // bytes of the longest piece
	maxWord  int            // runes; a longer word is unknown
	special  []special      // taken from the text as they stand
	unknown  int            // [UNK]
	cls, sep int
	size     int // largest id + 1
}

// special is a token that a text may name: "[MASK]".
type special struct {
	text string
	id   int
}

// defaultMaxWord is WordPiece's max_input_chars_per_word.
const defaultMaxWord = 100

// Size is the number of ids.
func (t *Tokenizer) Size() int { return t.size }

// Encode returns the ids of a sentence: [CLS], its pieces, [SEP]; at most limit of them
// (0: any number, else at least 2), of which [SEP] is always the last.
func (t *Tokenizer) Encode(text string, limit int) []int {
	ids := []int{t.cls}
	if limit > 0 {
		limit--
	}
	full := func() bool { return limit > 0 && len(ids) >= limit }
	for text != "" && !full() {
		at, s := t.nextSpecial(text)
		ids = t.appendWords(ids, text[:at], limit)
		if text = text[at:]; text != "" && !full() {
			ids = append(ids, s.id)
			text = text[len(s.text):]
		}
	}
	if limit > 0 && len(ids) > limit {
		ids = ids[:limit]
	}
	return append(ids, t.sep)
}

// nextSpecial finds the first special token, the longest of those that begin together;
// at is len(text) where there is none.
func (t *Tokenizer) nextSpecial(text string) (at int, found special) {
	at = len(text)
	for _, s := range t.special {
		end := min(len(text), at+len(s.text)) // a later one does not matter
		if i := strings.Index(text[:end], s.text); i >= 0 && (i < at || i == at && len(s.text) > len(found.text)) {
			at, found = i, s
		}
	}
	return at, found
}

// cleanBytes is how much of a text is normalized at a time: of a long one only the
// beginning is needed.
const cleanBytes = 1 << 14

// appendWords appends the pieces of a text without special tokens, until there are limit
// ids or more (0: all).
func (t *Tokenizer) appendWords(ids []int, text string, limit int) []int {
	var buf []byte
	for text != "" && (limit == 0 || len(ids) < limit) {
		var part string
		part, text = cutAtSpace(text, cleanBytes)
		buf = t.appendClean(buf[:0], part)
		ids = t.appendCleaned(ids, buf, limit)
	}
	return ids
}

// cutAtSpace cuts a text before a blank behind n bytes, where normalization and words
// begin anew.
func cutAtSpace(text string, n int) (part, rest string) {
	if len(text) <= n {
		return text, ""
	}
	if i := strings.IndexByte(text[n:], ' '); i >= 0 {
		return text[:n+i], text[n+i:]
	}
	return text, ""
}

// appendCleaned appends the pieces of a normalized text.
func (t *Tokenizer) appendCleaned(ids []int, text []byte, limit int) []int {
	start := 0 // of the word
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		space := unicode.IsSpace(r)
		if space || unicode.Is(punctuation, r) {
			ids = t.appendPieces(ids, text[start:i])
			if !space {
				ids = t.appendPieces(ids, text[i:i+n])
			}
			if start = i + n; limit > 0 && len(ids) >= limit {
				return ids
			}
		}
		i += n
	}
	return t.appendPieces(ids, text[start:])
}

// appendPieces appends the pieces of a word, or [UNK] where it cannot be pieced together.
func (t *Tokenizer) appendPieces(ids []int, word []byte) []int {
	if len(word) == 0 {
		return ids
	}
	if len(word) > t.maxWord && utf8.RuneCount(word) > t.maxWord {
		return append(ids, t.unknown)
	}
	before := len(ids)
	for start := 0; start < len(word); {
		table := t.pieces
		if start == 0 {
			table = t.words
		}
		id, end := 0, min(len(word), start+t.longest)
		for ; end > start; end-- {
			if end < len(word) && !utf8.RuneStart(word[end]) {
				continue
			}
			var ok bool
			if id, ok = table[string(word[start:end])]; ok {
				break
			}
		}
		if end == start {
			return append(ids[:before], t.unknown)
		}
		ids = append(ids, id)
		start = end
	}
	return ids
}
