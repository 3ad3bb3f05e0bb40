package report

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tall/eval"
)

// clean makes a stranger's text fit to be shown: on one line, without characters
// that steer a terminal, that turn the direction of what follows, or that XML
// forbids, and no longer than most characters.
func clean(s string, most int) string {
	var b strings.Builder
	n, space := 0, 0 // characters written, and blanks to write before the next
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = min(n, 1)
			continue
		}
		if n+space >= most {
			b.WriteString("…")
			break
		}
		if space > 0 {
			b.WriteByte(' ')
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0xFFFE || r == 0xFFFF {
			r = utf8.RuneError
		}
		b.WriteRune(r)
		n, space = n+1+space, 0
	}
	return b.String()
}

// decimal formats a number with so many digits; what is none is a dash.
func decimal(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	text := strconv.FormatFloat(v, 'f', max(0, min(digits, 12)), 64)
	if strings.Trim(text, "-0.") == "" {
		text = strings.TrimPrefix(text, "-")
	}
	return strings.Replace(text, "-", "−", 1)
}

// signed is [decimal] with a plus where it is due.
func signed(v float64, digits int) string {
	text := decimal(v, digits)
	if v > 0 && strings.Trim(text, "0.") != "" {
		return "+" + text
	}
	return text
}

// compact formats a score: four significant digits.
func compact(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case a >= 1000 && a < 1e6:
		return decimal(v, 0)
	}
	return strings.Replace(strconv.FormatFloat(v, 'g', 4, 64), "-", "−", 1)
}

// at is a share of a drawing's width or height, as SVG writes it.
func at(share float64) string {
	if math.IsNaN(share) {
		share = 0
	}
	return strconv.FormatFloat(math.Round(math.Max(-10, math.Min(share, 10))*1e4)/100, 'f', -1, 64) + "%"
}

func valueOf(m eval.Metric) string { return decimal(m.Value, m.Digits) }

// bounded reports whether a metric has an interval that can be drawn.
func bounded(m eval.Metric) bool {
	return m.HasInterval() && !math.IsInf(m.Low, 0) && !math.IsInf(m.High, 0)
}

func intervalOf(m eval.Metric) string {
	if !bounded(m) {
		return ""
	}
	return decimal(m.Low, m.Digits) + " to " + decimal(m.High, m.Digits)
}

// anchors are names of places in the page, one for each query.
type anchors []string

// longestAnchor is what an id may be to stand in a link as it is.
const longestAnchor = 100

// newAnchors derives them from the queries' ids, so that a link to a query is
// the same in every report: q- and the id, escaped as in a URL. An id that was
// used before, or is too long, is told by the query's number.
func newAnchors(queries []eval.QueryScore) anchors {
	out := make(anchors, len(queries))
	seen := make(map[string]bool, len(queries))
	for i, q := range queries {
		a := "q-" + url.QueryEscape(q.Example.ID)
		if seen[a] || len(a) > longestAnchor || q.Example.ID == "" {
			a = "q~" + strconv.Itoa(i+1) // QueryEscape leaves ~, but a has q- before it
		}
		seen[a] = true
		out[i] = a
	}
	return out
}
