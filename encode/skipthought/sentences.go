package skipthought

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// abbreviations are written with a period that ends no sentence.
var abbreviations = set(`
	mr mrs ms dr prof st sr jr col gen lt sen rep messrs adm maj
	jan feb aug sept sep oct nov dec tues wed fri
	inc ltd co corp bros vs v ave ft yr mg ok
	a.m p.m u.s u.k u.n u.s.a d.c ph.d a.d
`)

// openers are words that, written with a capital, begin a sentence even behind an
// abbreviation: common words that texts hardly ever write with a capital elsewhere, as
// they do in names and titles.
var openers = set(`
	the this these there here it he him her they them us your i which when person boy girl
	someone both some many most but so yet afterwards finally while if since although though
	however meanwhile instead still in without within into onto under inside through between
	were does yes please such thus therefore indeed nevertheless similarly despite among even
	unless upon above behind sometimes always
`)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// Characters that may follow the mark at the end of a sentence without a blank, and those
// among them that close it.
const (
	beside  = ")\";}]*:@'({[!?"
	closing = "\"')]}"
)

// sentences cuts a text where its sentences end, blanks between them left out.
func sentences(text string) []string {
	var out []string
	start := 0
	keep := func(to int) {
		if s := strings.TrimFunc(text[start:to], isSpace); s != "" {
			out = append(out, s)
		}
		start = to
	}
	for at := 0; at < len(text); at++ {
		if c := text[at]; c != '.' && c != '?' && c != '!' {
			continue
		}
		end := at + 1
		for end < len(text) && strings.IndexByte(".?!", text[end]) >= 0 {
			end++
		}
		marks, before := text[at:end], text[start:at]
		at = end - 1
		next, _ := utf8.DecodeRuneInString(text[end:])
		if end < len(text) && !isSpace(next) && !strings.ContainsRune(beside, next) {
			continue // within a word, such as 3.5
		}
		if marksFollow(text[end:]) {
			continue // only the last of the marks of a run without blanks counts
		}
		// Quotes and brackets that close behind the marks belong to the sentence.
		closed := end
		for closed < len(text) && strings.IndexByte(closing, text[closed]) >= 0 {
			closed++
		}
		if next, _ := utf8.DecodeRuneInString(text[closed:]); closed == len(text) || isSpace(next) {
			end = closed
		}
		if ends(before, marks, strings.TrimLeftFunc(text[end:], isSpace)) {
			keep(end)
			at = end - 1
		}
	}
	keep(len(text))
	return out
}

// marksFollow reports whether, before the next blank, there is another mark that may end
// a sentence.
func marksFollow(text string) bool {
	for i, r := range text {
		if isSpace(r) {
			return false
		}
		if r != '.' && r != '?' && r != '!' || i+1 == len(text) {
			continue
		}
		if next, _ := utf8.DecodeRuneInString(text[i+1:]); isSpace(next) || strings.ContainsRune(beside, next) {
			return true
		}
	}
	return false
}

// ends reports whether marks of punctuation end a sentence, by the text before them and
// what follows behind blanks.
func ends(before, marks, after string) bool {
	if after == "" {
		return false // the text does
	}
	word := before[strings.LastIndexFunc(before, isSpace)+1:]
	word = strings.TrimLeftFunc(word, func(r rune) bool { return !isWord(r) })
	next := after
	if i := strings.IndexFunc(after, isSpace); i >= 0 {
		next = after[:i]
	}
	next = strings.TrimFunc(next, func(r rune) bool { return !isWord(r) })
	first, _ := utf8.DecodeRuneInString(next)
	opens := unicode.IsUpper(first) && openers[strings.ToLower(next)]
	switch {
	case strings.ContainsAny(marks, "?!"):
		return true
	case len(marks) > 1: // an ellipsis
		return opens
	case isInitial(word):
		return opens
	case abbreviations[strings.ToLower(word)]:
		return opens
	case isNumber(word):
		return !unicode.IsLower(first)
	}
	return true
}

func isInitial(word string) bool {
	r, size := utf8.DecodeRuneInString(word)
	return size > 0 && size == len(word) && unicode.IsLetter(r)
}

func isNumber(word string) bool {
	return word != "" && strings.IndexFunc(word, func(r rune) bool { return !unicode.IsDigit(r) && !strings.ContainsRune(",.-", r) }) < 0
}

// Words cuts a text as the model was trained on: into sentences, and these into words of
// the Penn Treebank.
func Words(text string) []string {
	var out []string
	for _, s := range sentences(text) {
		out = append(out, treebank(s)...)
	}
	return out
}
