package skipthought

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// rule replaces all matches of a pattern; rules follow one another on the whole text.
type rule struct {
	pattern *regexp.Regexp
	with    string
}

// space is Python's \s in a class of characters, which Go's \s is not beyond ASCII.
const space = `\s\v\x{1c}-\x{1f}\x{85}\p{Z}`

// The steps of the Treebank tokenizer, in its order.
var (
	openingQuotes = []rule{
		{regexp.MustCompile("^\""), "``"},
		{regexp.MustCompile("``"), " `` "},
		{regexp.MustCompile(`([ (\[{<])(?:"|'')`), "${1} `` "},
	}
	punctuation = []rule{
		{regexp.MustCompile(`([:,])(\P{Nd})`), " ${1} ${2}"}, // not within a number
		{regexp.MustCompile(`([:,])$`), " ${1} "},
		{regexp.MustCompile(`\.\.\.`), " ... "},
		{regexp.MustCompile(`[;@#$%&]`), " ${0} "},
		// Only a period at the end is a word; others belong to abbreviations.
		{regexp.MustCompile(`([^.])\.([\])}>"']*)[` + space + `]*$`), "${1} .${2} "},
		{regexp.MustCompile(`[?!]`), " ${0} "},
		{regexp.MustCompile(`([^'])' `), "${1} ' "},
		{regexp.MustCompile(`[\]\[(){}<>]`), " ${0} "},
		{regexp.MustCompile(`--`), " -- "},
	}
	closingQuotes = []rule{ // with a blank at both ends of the text
		{regexp.MustCompile(`''`), " '' "},
		{regexp.MustCompile(`"`), " '' "},
		{regexp.MustCompile(`([^' ])('[sSmMdD]|') `), "${1} ${2} "},
		{regexp.MustCompile(`([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) `), "${1} ${2} "},
	}
)

// contraction is a word that stands for two, in any case.
type contraction struct {
	pattern *regexp.Regexp // two groups
	// behindBlank: it must follow a blank, else the beginning of a word. beforeBlank: it
	// must precede white space, else the end of a word.
	behindBlank, beforeBlank bool
}

var contractions = []contraction{
	{pattern: regexp.MustCompile(`(?i)(can)(not)`)},
	{pattern: regexp.MustCompile(`(?i)(d)('ye)`)},
	{pattern: regexp.MustCompile(`(?i)(gim)(me)`)},
	{pattern: regexp.MustCompile(`(?i)(gon)(na)`)},
	{pattern: regexp.MustCompile(`(?i)(got)(ta)`)},
	{pattern: regexp.MustCompile(`(?i)(lem)(me)`)},
	{pattern: regexp.MustCompile(`(?i)(more)('n)`)},
	{pattern: regexp.MustCompile(`(?i)(wan)(na)`), beforeBlank: true},
	{pattern: regexp.MustCompile(`(?i)('t)(is)`), behindBlank: true},
	{pattern: regexp.MustCompile(`(?i)('t)(was)`), behindBlank: true},
}

// treebank cuts one sentence into words.
func treebank(text string) []string {
	for _, rules := range [][]rule{openingQuotes, punctuation} {
		for _, r := range rules {
			text = r.pattern.ReplaceAllString(text, r.with)
		}
	}
	text = " " + text + " "
	for _, r := range closingQuotes {
		text = r.pattern.ReplaceAllString(text, r.with)
	}
	for _, c := range contractions {
		text = c.apply(text)
	}
	return strings.FieldsFunc(text, isSpace)
}

// apply cuts all contractions of a kind.
func (c contraction) apply(text string) string {
	var out strings.Builder
	done := 0 // text[:done] is written
	for at := 0; ; {
		m := c.pattern.FindStringSubmatchIndex(text[at:])
		if m == nil {
			break
		}
		from, middle, to := at+m[0], at+m[3], at+m[1]
		before, _ := utf8.DecodeLastRuneInString(text[:from])
		after, _ := utf8.DecodeRuneInString(text[to:])
		begins, ends := !isWord(before), !isWord(after)
		start := from
		if c.behindBlank {
			begins, start = before == ' ', from-1
		}
		if c.beforeBlank {
			ends = isSpace(after)
		}
		if !begins || !ends {
			_, size := utf8.DecodeRuneInString(text[from:])
			at = from + size
			continue
		}
		out.WriteString(text[done:start] + " " + text[from:middle] + " " + text[middle:to] + " ")
		done, at = to, to
	}
	out.WriteString(text[done:])
	return out.String()
}

// isSpace and isWord are Python's \s and \w.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f || unicode.Is(unicode.Z, r)
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }
