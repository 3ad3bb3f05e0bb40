package dataset

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"tall"
)

// annotation is one line of an annotations file, docs/formats.md.
type annotation struct {
	ID       string      `json:"id"`
	Video    string      `json:"video"`
	Duration *float64    `json:"duration,omitempty"` // seconds
	Split    string      `json:"split,omitempty"`
	Sentence string      `json:"sentence"`
	Spans    []tall.Span `json:"spans"` // seconds
}

// ReadAnnotations reads an annotations file (docs/formats.md): an example a
// line, in the file's order, with FPS 1, as its spans are in seconds. Errors
// wrap [tall.ErrFormat] and name the file and the line.
func ReadAnnotations(path string) ([]tall.Example, error) {
	var out []tall.Example
	lines := map[string]int{}
	err := ReadLines(path, func(n int, a annotation) error {
		e, err := a.check(n, lines)
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// check is the example on line n. lines are those of the ids that came before.
func (a annotation) check(n int, lines map[string]int) (tall.Example, error) {
	e, err := a.example()
	if err != nil {
		return e, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	if first, ok := lines[a.ID]; ok {
		return e, fmt.Errorf("%w: id %q stands on line %d already; ids are unique in a file", tall.ErrFormat, a.ID, first)
	}
	lines[a.ID] = n
	return e, nil
}

func (a annotation) example() (tall.Example, error) {
	e := tall.Example{
		ID: a.ID, Video: a.Video, Split: a.Split, FPS: 1,
		Sentence: tall.Sentence{Text: a.Sentence},
		Truth:    a.Spans,
	}
	if a.Duration != nil {
		if e.Duration = *a.Duration; e.Duration <= 0 {
			return e, fmt.Errorf("\"duration\" is %g, must be above 0; leave the key out where it is unknown", e.Duration)
		}
	}
	return e, named(e)
}

func named(e tall.Example) error {
	if e.ID == "" {
		return errors.New("\"id\" is empty")
	}
	if e.Video == "" {
		return errors.New("\"video\" is empty")
	}
	return nil
}

// WriteAnnotations writes examples as an annotations file, in seconds. Their
// vectors are not written. It refuses what [ReadAnnotations] would refuse, before
// it touches path.
func WriteAnnotations(path string, examples []tall.Example) error {
	lines := make([]annotation, len(examples))
	seen := make(map[string]bool, len(examples))
	for i, e := range examples {
		if err := named(e); err != nil {
			return fmt.Errorf("%s: example %d: %w: %w", path, i+1, tall.ErrFormat, err)
		}
		if seen[e.ID] {
			return fmt.Errorf("%s: example %d: %w: id %q is used twice; ids are unique in a file", path, i+1, tall.ErrFormat, e.ID)
		}
		seen[e.ID] = true
		// Not UTF-8 cannot be written as JSON; the encoder would alter it silently.
		for _, s := range []string{e.ID, e.Video, e.Split, e.Sentence.Text} {
			if strings.ToValidUTF8(s, "") != s {
				return fmt.Errorf("%s: example %d: %w: %q is not UTF-8", path, i+1, tall.ErrFormat, s)
			}
		}
		lines[i] = annotation{
			ID: e.ID, Video: e.Video, Split: e.Split, Sentence: e.Sentence.Text,
			Spans: e.Seconds(), // never nil, so that it is written as []
		}
		if e.Duration > 0 && !math.IsInf(e.Duration, 0) {
			lines[i].Duration = &e.Duration
		}
	}
	return WriteLines(path, func(yield func(annotation) bool) {
		for _, line := range lines {
			if !yield(line) {
				return
			}
		}
	})
}

// readAnnotationLines reads our own JSON lines, of the split that is asked for.
// Lines without one are of the file's.
func readAnnotationLines(r io.Reader, f corpusFile, g *gathering) error {
	lines, others := map[string]int{}, map[string]bool{}
	taken := 0
	err := DecodeLines(r, f.path, func(n int, a annotation) error {
		e, err := a.check(n, lines)
		if err != nil {
			return err
		}
		if e.Split == "" {
			e.Split = f.split
		}
		if g.o.Split != "" && e.Split != g.o.Split {
			others[e.Split] = true
			return nil
		}
		taken++
		g.add(record{Example: e, at: spot{file: f.path, line: n}}, a.Duration)
		return nil
	})
	if err == nil && taken == 0 && len(others) > 0 {
		err = fmt.Errorf("%w: %s has no line of split %q, only %q", tall.ErrMissing, f.path, g.o.Split, slices.Sorted(maps.Keys(others)))
	}
	return err
}
