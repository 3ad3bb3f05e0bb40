package encode

import (
	"strings"
	"unicode"
)

// Words cuts a text into lower-case words: the longest runs of letters, marks and
// digits, in which an apostrophe or hyphen may stand between two of them ("man's",
// "t-shirt", "close-up"). Everything else separates.
func Words(text string) []string {
	var out []string
	var word []rune
	var joint rune // an apostrophe or hyphen behind word, to be joined if a letter follows
	end := func() {
		if len(word) > 0 {
			out = append(out, string(word))
		}
		word, joint = word[:0], 0
	}
	for _, r := range text {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) && len(word) > 0:
			if joint != 0 {
				word = append(word, joint)
				joint = 0
			}
			word = append(word, unicode.ToLower(r))
		case (r == '\'' || r == '’' || r == '-') && len(word) > 0 && joint == 0:
			if joint = r; r == '’' {
				joint = '\''
			}
		default:
			end()
		}
	}
	end()
	return out
}

// parts are what a word is looked up as, where it is not known as a whole: "close-up"
// as "close" and "up", "man's" as "man" and "'s", as the tokenizers behind GloVe cut it.
func parts(word string) []string {
	var out []string
	for _, p := range strings.Split(word, "-") {
		if at := strings.LastIndexByte(p, '\''); at > 0 {
			out = append(out, p[:at], p[at:])
		} else if p != "" {
			out = append(out, p)
		}
	}
	return out
}
