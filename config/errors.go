package config

import (
	"fmt"
	"slices"
	"strings"
)

// Error is one fault of a configuration, or of a flag that overrides it. It
// wraps tall.ErrFormat, or tall.ErrMissing for what is not there.
type Error struct {
	File      string // "" for a flag, which Key then names
	Line, Col int    // from 1; 0: the fault has no place
	Section   string // may be empty
	Key       string // may be empty
	Msg       string // what is wrong, and the remedy
	Kind      error  // the sentinel

	source string // the line, for Excerpt
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Col)
		}
		b.WriteString(": ")
	}
	switch {
	case e.Section != "" && e.Key != "":
		fmt.Fprintf(&b, "%s.%s ", e.Section, e.Key)
	case e.Section != "" || e.Key != "":
		b.WriteString(e.Section + e.Key + " ")
	}
	b.WriteString(e.Msg)
	return b.String()
}

func (e *Error) Unwrap() error { return e.Kind }

// Excerpt is the line of the file with a caret below the fault, or "" where the
// fault has no place. It is meant for a terminal, below the error.
func (e *Error) Excerpt() string {
	if e.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%5d | %s\n      | %s^", e.Line, e.source, strings.Repeat(" ", max(0, e.Col-1)))
}

// Errors are all faults found in one file, in its order.
type Errors []*Error

func (es Errors) Error() string {
	const most = 10
	var b strings.Builder
	for i, e := range es {
		if i == most {
			fmt.Fprintf(&b, "\nand %d more", len(es)-most)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
	}
	return b.String()
}

// Unwrap lets errors.Is and errors.As reach each fault.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// unknownKey explains a key that a section does not have.
func unknownKey(section, key string) string {
	msg := fmt.Sprintf("has no key %q", key)
	keys := Keys(section)
	if m := Meant(key, keys); m != "" {
		return msg + m
	}
	var homes []string
	for _, s := range sections {
		if _, ok := find(s, key); ok {
			homes = append(homes, s)
		}
	}
	if homes != nil {
		return msg + "; it belongs to " + list(homes)
	}
	return msg + "; it has " + strings.Join(keys, ", ")
}

// Meant suggests the nearest of names, as `: did you mean "x"?`, or nothing where
// none is near.
func Meant(got string, names []string) string {
	best, least := "", max(2, len(got)/3)+1
	for _, name := range names {
		// Case, dashes and blanks are slips of the pen, not other names.
		if d := distance(plain(got), plain(name)); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

func plain(s string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(s))
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbors that turn a into b (optimal string alignment). Names longer than
// any key count as far.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	// Rows i-2, i-1 and i of the table.
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev[j+1]+1, row[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}

// list joins names as prose: a, b and c.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func sortErrors(es Errors) {
	slices.SortStableFunc(es, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
}
