package clip

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The names of the tokens that open and end every text.
const (
	startToken = "<|startoftext|>"
	endToken   = "<|endoftext|>"
)

// wordEnd marks tokens that end a word.
const wordEnd = "</w>"

// Tokenizer turns text into the token ids of CLIP's byte-level byte-pair encoding, as
// the fast tokenizer of Hugging Face does (CLIPTokenizer on the library tokenizers): the
// text is composed (NFC) and brought to lower case, runs of white space become one blank;
// it is split into contractions ('s 't 're 've 'm 'll 'd), runs of letters, single
// digits and runs of anything else; the UTF-8 bytes of each part are joined by the merges.
//
// Other than OpenAI's first code, which the fast tokenizer does not follow either,
// it does not repair text (ftfy) and leaves HTML entities as they stand: "&amp;" is three
// parts. The names <|startoftext|> and <|endoftext|> within a text become those tokens.
// Letters and digits are those of Go's Unicode version.
//
// A Tokenizer may be used from several goroutines.
type Tokenizer struct {
	inside, ending [256]int32 // id of a byte within a word and at its end
	joins          map[pair]join
	added          []added // tokens found as they stand, before the text is split
	start, end     int32   // ids of the tokens that open and end a text
	size           int     // largest id + 1
	// keepNames keeps the two names apart from signs beside them where added does not
	// find them, because they were not in lower case; newer files ask for that.
	keepNames bool
}

// added is a token that is found in the text as a whole.
type added struct {
	text string
	id   int32
	// normalized tells that it is sought after the text is normalized, not before.
	normalized bool
}

// Size is the number of ids: the largest and one.
func (t *Tokenizer) Size() int { return t.size }

// End is the id of the token that ends a text.
func (t *Tokenizer) End() int32 { return t.end }

// Encode returns the ids of a text between those of <|startoftext|> and <|endoftext|>,
// at most limit of them, and at least these two: what is too long is cut, the end stays.
func (t *Tokenizer) Encode(text string, limit int) []int32 {
	limit = max(limit, 2)
	ids := append(make([]int32, 0, min(limit, 80)), t.start)
	put := func(more ...int32) bool {
		ids = append(ids, more...)
		return len(ids) < limit-1
	}
	name := func(id int32) bool { return put(id) }
	word := func(word string) bool { return put(t.word(word)...) }
	split(strings.ToValidUTF8(text, "\uFFFD"), t.added, false, func(part string) bool {
		return split(normalize(part), t.added, true, func(part string) bool { return t.words(part, word) }, name)
	}, name)
	return append(ids[:min(len(ids), limit-1)], t.end)
}

// split finds added tokens in a text, the leftmost and of these the longest, hands
// them to token and what stands between them to part, until one of these returns false,
// which it then returns too.
func split(text string, tokens []added, normalized bool, part func(string) bool, token func(int32) bool) bool {
	for text != "" {
		at, best := len(text), -1
		for i, a := range tokens { // longer ones first
			if a.normalized != normalized {
				continue
			}
			if k := strings.Index(text[:min(len(text), at+len(a.text))], a.text); k >= 0 && k < at {
				at, best = k, i
			}
		}
		if at > 0 && !part(text[:at]) {
			return false
		}
		if best < 0 {
			return true
		}
		if !token(tokens[best].id) {
			return false
		}
		text = text[at+len(tokens[best].text):]
	}
	return true
}

// normalize composes a text, makes one blank of each run of white space, and brings
// letters to lower case one by one: a final sigma is a sigma.
func normalize(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	blank := false
	for _, r := range compose(text) {
		if unicode.IsSpace(r) {
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
			continue
		}
		blank = false
		if r == 'İ' { // the one letter that becomes two code points in lower case
			b.WriteString("i\u0307")
			continue
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// contractions are parts of their own, wherever a part can begin.
var contractions = [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// class sorts characters for [Tokenizer.words].
type class uint8

const (
	other class = iota
	space
	letter
	digit
)

func classOf(r rune) class {
	switch {
	case r >= 'a' && r <= 'z':
		return letter
	case unicode.IsSpace(r):
		return space
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return digit
	}
	return other
}

// words calls yield with the parts of a normalized text, until it returns false, which
// it then returns too.
func (t *Tokenizer) words(text string, yield func(string) bool) bool {
	for text != "" {
		if name := t.nameAt(text); name != "" {
			// The name is a match of its own, but is then split like any text.
			inner := len(name) - len("|>")
			if !yield(name[:2]) || !yield(name[2:inner]) || !yield(name[inner:]) {
				return false
			}
			text = text[len(name):]
			continue
		}
		n, blank := partLen(text)
		if !blank && !yield(text[:n]) {
			return false
		}
		text = text[n:]
	}
	return true
}

func (t *Tokenizer) nameAt(text string) string {
	if !t.keepNames || text[0] != '<' {
		return ""
	}
	for _, name := range [...]string{startToken, endToken} {
		if strings.HasPrefix(text, name) {
			return name
		}
	}
	return ""
}

// partLen is the length in bytes of the part that text begins with, or of one character
// of white space.
func partLen(text string) (n int, blank bool) {
	for _, c := range contractions {
		if strings.HasPrefix(text, c) {
			return len(c), false
		}
	}
	first, n := utf8.DecodeRuneInString(text)
	kind := classOf(first)
	for n < len(text) && (kind == letter || kind == other) {
		r, size := utf8.DecodeRuneInString(text[n:])
		if classOf(r) != kind {
			break
		}
		n += size
	}
	return n, kind == space
}

// word returns the ids of one part.
func (t *Tokenizer) word(word string) []int32 {
	ids := make([]int32, len(word))
	for i := range len(word) - 1 {
		ids[i] = t.inside[word[i]]
	}
	ids[len(word)-1] = t.ending[word[len(word)-1]]
	return joinAll(t.joins, ids)
}

// byteRunes are the characters that stand for the 256 bytes in vocabularies: printable
// ones for themselves, the others moved behind U+0100 in their order (as GPT-2 does).
func byteRunes() (out [256]rune) {
	next := rune(256)
	for b := range out {
		r := rune(b)
		if r >= '!' && r <= '~' || r >= '¡' && r <= '¬' || r >= '®' && r <= 'ÿ' {
			out[b] = r
			continue
		}
		out[b] = next
		next++
	}
	return out
}

// sortAdded brings longer tokens to the front.
func sortAdded(tokens []added) {
	slices.SortStableFunc(tokens, func(a, b added) int { return len(b.text) - len(a.text) })
}
