package bert

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The tables are of the Unicode version of Hugging Face's tokenizers, 7 for most of them:
// a mark that was added to Unicode later is part of a word there, and so it is here.

// ranges makes a table of pairs of first and last code points.
func ranges(pairs ...rune) *unicode.RangeTable {
	t := &unicode.RangeTable{}
	for i := 0; i < len(pairs); i += 2 {
		lo, hi := pairs[i], pairs[i+1]
		switch {
		case hi <= 0xffff:
			t.R16 = append(t.R16, unicode.Range16{Lo: uint16(lo), Hi: uint16(hi), Stride: 1})
			if hi <= unicode.MaxLatin1 {
				t.LatinOffset++
			}
		default:
			t.R32 = append(t.R32, unicode.Range32{Lo: uint32(lo), Hi: uint32(hi), Stride: 1})
		}
	}
	return t
}

// cjk are the characters that are words by themselves. The gap from 2B820 to 2B91F is
// theirs, too.
var cjk = ranges(
	0x3400, 0x4dbf, 0x4e00, 0x9fff, 0xf900, 0xfaff,
	0x20000, 0x2a6df, 0x2a700, 0x2b81f, 0x2b920, 0x2ceaf, 0x2f800, 0x2fa1f,
)

// cleaning says how a text is normalized before it is cut into words.
type cleaning struct {
	clean   bool // remove control characters, blanks for all white space
	cjk     bool // blanks around CJK characters
	accents bool // strip accents
	lower   bool
}

// appendClean appends a normalized text to dst. Bytes that are no UTF-8 count as U+FFFD,
// which cleaning removes.
func (c cleaning) appendClean(dst []byte, text string) []byte {
	start := len(dst)
	for _, r := range text {
		switch {
		case c.clean && (r == '\t' || r == '\n' || r == '\r'):
			dst = append(dst, ' ')
		case c.clean && (r == 0 || unicode.Is(control, r)):
		case c.clean && unicode.IsSpace(r):
			dst = append(dst, ' ')
		case c.cjk && unicode.Is(cjk, r):
			dst = append(utf8.AppendRune(append(dst, ' '), r), ' ')
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	if !c.accents && !c.lower {
		return dst
	}
	// A copy, as a letter may have more bytes in lower case ("Ⱥ").
	var body []byte
	if c.accents && !isASCII(dst[start:]) {
		body = norm.NFD.Append(nil, dst[start:]...)
	} else {
		body = append(body, dst[start:]...)
	}
	dst = dst[:start]
	for len(body) > 0 {
		r, n := utf8.DecodeRune(body)
		body = body[n:]
		switch {
		case c.accents && unicode.Is(accent, r):
		case c.lower && r == 'İ': // the one letter whose lower case is two
			dst = append(dst, "i̇"...)
		case c.lower:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
