package library

import (
	"fmt"
	"strings"
	"unicode"

	"tall"
)

// maxQuery bounds the text of a query, in bytes.
const maxQuery = 64 << 10

// Parse reads what a person types into one search box:
//
//	a red car                           a sentence
//	a car -truck -"police car"          without moments that the excluded words describe
//	"opens the fridge" then "pours milk"   sentences whose moments follow one another
//
// A dash excludes only at the beginning of a word, and quotes matter only in these places.
// Errors wrap [tall.ErrFormat].
func Parse(text string) (sentences, exclude []string, err error) {
	if len(text) > maxQuery {
		return nil, nil, fmt.Errorf("%w: a query of %d bytes; %d at most", tall.ErrFormat, len(text), maxQuery)
	}
	rest, exclude := excluded(strings.ToValidUTF8(text, "\uFFFD"))
	if sentences = chain(rest); sentences == nil {
		sentences = []string{strings.Join(strings.Fields(rest), " ")}
		if sentences[0] == "" {
			sentences = nil
		}
	}
	if len(sentences) == 0 {
		if len(exclude) > 0 {
			return nil, nil, fmt.Errorf("%w: the query only excludes; say what to find as well", tall.ErrFormat)
		}
		return nil, nil, fmt.Errorf("%w: the query is empty", tall.ErrFormat)
	}
	return sentences, exclude, nil
}

// excluded takes -word and -"some words" out of a text, outside of quotes.
func excluded(text string) (rest string, exclude []string) {
	var b strings.Builder
	quoted, start := false, true
	for i := 0; i < len(text); {
		c := text[i]
		if !quoted && start && c == '-' && i+1 < len(text) && !unicode.IsSpace(rune(text[i+1])) && text[i+1] != '-' {
			var words string
			if text[i+1] == '"' {
				if end := strings.IndexByte(text[i+2:], '"'); end >= 0 {
					words, i = text[i+2:i+2+end], i+3+end
				} else {
					words, i = text[i+2:], len(text)
				}
			} else {
				end := strings.IndexFunc(text[i:], unicode.IsSpace)
				if end < 0 {
					end = len(text) - i
				}
				words, i = text[i+1:i+end], i+end
			}
			if words = strings.Join(strings.Fields(words), " "); words != "" {
				exclude = append(exclude, words)
			}
			b.WriteByte(' ')
			continue
		}
		if c == '"' {
			quoted = !quoted
		}
		start = c == ' ' || c == '\t' || c == '\n'
		b.WriteByte(c)
		i++
	}
	return b.String(), exclude
}

// chain reads "A" then "B" then "C"; nil where the text is not of that form.
func chain(text string) []string {
	var out []string
	for {
		text = strings.TrimSpace(text)
		if !strings.HasPrefix(text, `"`) {
			return nil
		}
		end := strings.IndexByte(text[1:], '"')
		if end < 0 {
			return nil
		}
		sentence := strings.Join(strings.Fields(text[1:1+end]), " ")
		if sentence == "" {
			return nil
		}
		out = append(out, sentence)
		if text = strings.TrimSpace(text[2+end:]); text == "" {
			return out
		}
		word, after, ok := strings.Cut(text, `"`)
		if !ok || !strings.EqualFold(strings.TrimSpace(word), "then") {
			return nil
		}
		text = `"` + after
	}
}
