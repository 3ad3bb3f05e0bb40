package clip

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// longRun is how many characters that join what precedes them are left in a row to the norm package, which
// breaks up runs of more than 30 (each mark may stand for two or three) with a character
// of its own, as the standard allows but the original does not do.
const longRun = 10

// compose brings a text into normalization form C (Unicode Standard Annex 15).
func compose(text string) string {
	run := 0
	for i, r := range text {
		if r < 0x300 || norm.NFC.PropertiesString(text[i:]).BoundaryBefore() {
			run = 0
		} else if run++; run > longRun {
			return composeSlowly(text)
		}
	}
	return norm.NFC.String(text)
}

// composeSlowly is compose by the three steps of the standard: decompose, sort marks by
// their class, compose.
func composeSlowly(text string) string {
	type mark struct {
		r     rune
		class uint8
	}
	var all []mark
	for _, r := range text {
		for _, part := range norm.NFD.String(string(r)) {
			all = append(all, mark{part, norm.NFD.PropertiesString(string(part)).CCC()})
		}
	}
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].class != 0 {
			to++
		}
		if all[from].class == 0 {
			from++
		}
		slices.SortStableFunc(all[min(from, to):to], func(a, b mark) int { return int(a.class) - int(b.class) })
		from = to
	}
	out := all[:0]
	starter := -1 // in out
	for _, m := range all {
		if starter >= 0 {
			last := out[len(out)-1]
			// A mark of the same class, or a starter, between the two keeps them apart.
			if apart := len(out)-1 > starter && (last.class == 0 || last.class >= m.class); !apart {
				if r, ok := pairOf(out[starter].r, m.r); ok {
					out[starter].r = r
					continue
				}
			}
		}
		if m.class == 0 {
			starter = len(out)
		}
		out = append(out, m)
	}
	var b []byte
	for _, m := range out {
		b = utf8.AppendRune(b, m.r)
	}
	return string(b)
}

// pairOf is the one character that two become in form C, if there is one.
func pairOf(a, b rune) (rune, bool) {
	s := norm.NFC.String(string(a) + string(b))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}
