package eval

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"tall"
)

// A prior's file is one JSON object (docs/formats.md). Sentences and best spans
// stand on lines of their own, so that it can be read and compared by eye.
const (
	priorFormat  = "tall-prior"
	priorVersion = 1
	// maxPriorFile bounds what is read: 64 bytes for each of four million
	// sentences.
	maxPriorFile = 256 << 20
)

type priorJSON struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Source  string `json:"source"`
	Grid    int    `json:"grid"`
	Skipped int    `json:"skipped"`
	Clipped int    `json:"clipped"`
	Guessed int    `json:"guessed_durations"`
	// Verbs are sorted; "" is not among them.
	Verbs []string       `json:"verbs"`
	Best  []bestListJSON `json:"best"`
	// Sentences are [index of the verb or -1, start, end, start, end, ...].
	Sentences [][]float64 `json:"sentences"`
}

type bestListJSON struct {
	IoU       float64     `json:"iou"`
	Verb      string      `json:"verb"`
	Sentences int         `json:"sentences"`
	Spans     [][]float64 `json:"spans"` // [start, end, gain]
}

// WriteFile writes the prior, atomically.
func (p *Prior) WriteFile(path string) error {
	return tall.ReplaceFile(path, p.Encode)
}

// Encode writes the prior.
func (p *Prior) Encode(w io.Writer) error {
	var verbs []string
	for _, it := range p.Items {
		if it.Verb != "" {
			verbs = append(verbs, it.Verb)
		}
	}
	slices.Sort(verbs)
	verbs = slices.Compact(verbs)
	out := bufio.NewWriter(w)
	field := func(name string, v any) {
		text, _ := json.Marshal(v) // strings, numbers and lists of strings: it cannot fail
		fmt.Fprintf(out, "  %q: %s,\n", name, text)
	}
	fmt.Fprint(out, "{\n") // a bufio.Writer keeps its first error for Flush
	field("format", priorFormat)
	field("version", priorVersion)
	field("source", p.Source)
	field("grid", p.Grid)
	field("skipped", p.Skipped)
	field("clipped", p.Clipped)
	field("guessed_durations", p.Guessed)
	field("verbs", append([]string{}, verbs...))
	err := errors.Join(
		lines(out, "best", p.Best, func(b BestSpans) any {
			l := bestListJSON{b.IoU, b.Verb, b.Sentences, make([][]float64, len(b.Spans))}
			for i, s := range b.Spans {
				l.Spans[i] = []float64{s.Start, s.End, s.Gain}
			}
			return l
		}),
		ignore(out.WriteString(",\n")),
		lines(out, "sentences", p.Items, func(it PriorItem) any {
			verb, ok := slices.BinarySearch(verbs, it.Verb)
			if !ok {
				verb = -1
			}
			row := []float64{float64(verb)}
			for _, s := range it.Truth {
				row = append(row, s.Start, s.End)
			}
			return row
		}),
		ignore(out.WriteString("\n}\n")),
	)
	return errors.Join(err, out.Flush())
}

func ignore(_ int, err error) error { return err }

// lines writes a list, an element a line.
func lines[T any](w io.Writer, name string, list []T, element func(T) any) error {
	sep := "\n    "
	if _, err := fmt.Fprintf(w, "  %q: [", name); err != nil {
		return err
	}
	for _, v := range list {
		text, err := json.Marshal(element(v))
		if err != nil {
			return fmt.Errorf("%w: %w", tall.ErrNotFinite, err)
		}
		if _, err := fmt.Fprintf(w, "%s%s", sep, text); err != nil {
			return err
		}
		sep = ",\n    "
	}
	_, err := io.WriteString(w, "\n  ]")
	return err
}

// ReadPrior reads a file that [Prior.WriteFile] wrote. Errors wrap
// [tall.ErrFormat], [tall.ErrUnsafe] where the file is too large, and
// [tall.ErrMissing] where there is none.
func ReadPrior(path string) (*Prior, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w; make it with tall prior fit", tall.ErrMissing, err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return DecodePrior(f, path)
}

// DecodePrior is [ReadPrior] of an open reader; name stands in errors.
func DecodePrior(r io.Reader, name string) (*Prior, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPriorFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxPriorFile {
		return nil, fmt.Errorf("%w: %s: more than %d MiB, which no prior needs", tall.ErrUnsafe, name, maxPriorFile>>20)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var in priorJSON
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("%w: %s: %w; a prior is a JSON object that tall prior fit writes", tall.ErrFormat, name, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s: something follows the JSON object", tall.ErrFormat, name)
	}
	p, err := in.prior()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", tall.ErrFormat, name, err)
	}
	return p, nil
}

// prior checks what JSON does not.
func (in *priorJSON) prior() (*Prior, error) {
	switch {
	case in.Format != priorFormat:
		return nil, fmt.Errorf("format is %q, a prior's is %q", in.Format, priorFormat)
	case in.Version != priorVersion:
		return nil, fmt.Errorf("version is %d, this program reads %d; fit the prior again", in.Version, priorVersion)
	case in.Grid < 2 || in.Grid > maxGrid:
		return nil, fmt.Errorf("grid is %d, must be from 2 to %d", in.Grid, maxGrid)
	case in.Skipped < 0 || in.Clipped < 0 || in.Guessed < 0:
		return nil, errors.New("a count is negative")
	case len(in.Sentences) == 0:
		return nil, errors.New("there are no sentences")
	}
	for i, v := range in.Verbs {
		if v == "" || i > 0 && v <= in.Verbs[i-1] {
			return nil, fmt.Errorf("verbs[%d] is %q: verbs are not empty, sorted, and each there once", i, v)
		}
	}
	p := &Prior{
		Source: in.Source, Grid: in.Grid, Skipped: in.Skipped, Clipped: in.Clipped, Guessed: in.Guessed,
		Items: make([]PriorItem, len(in.Sentences)),
	}
	var err error
	for i, row := range in.Sentences {
		if p.Items[i], err = in.item(row); err != nil {
			return nil, fmt.Errorf("sentences[%d]: %w", i, err)
		}
	}
	for i, b := range in.Best {
		list, err := in.list(b)
		if err != nil {
			return nil, fmt.Errorf("best[%d]: %w", i, err)
		}
		if i > 0 && compareBest(p.Best[i-1], list) >= 0 {
			return nil, fmt.Errorf("best[%d]: IoU %g, verb %q does not come after the one before it", i, b.IoU, b.Verb)
		}
		p.Best = append(p.Best, list)
	}
	p.ready()
	if _, ok := p.best(0, ""); !ok {
		return nil, errors.New("best has no entry of IoU 0 (the mean overlap) for all sentences")
	}
	for _, b := range p.Best {
		if _, ok := p.best(b.IoU, ""); !ok {
			return nil, fmt.Errorf("best has IoU %g for the verb %q, but not for all sentences", b.IoU, b.Verb)
		}
	}
	return p, nil
}

func compareBest(x, y BestSpans) int {
	return cmp.Or(cmp.Compare(x.IoU, y.IoU), cmp.Compare(x.Verb, y.Verb))
}

func (in *priorJSON) item(row []float64) (PriorItem, error) {
	if len(row) < 3 || len(row)%2 != 1 {
		return PriorItem{}, fmt.Errorf("%d numbers, must be a verb and pairs of start and end", len(row))
	}
	var it PriorItem
	verb := int(row[0])
	if float64(verb) != row[0] || verb < -1 || verb >= len(in.Verbs) {
		return PriorItem{}, fmt.Errorf("verb %g, must be -1 or an index of verbs", row[0])
	}
	if verb >= 0 {
		it.Verb = in.Verbs[verb]
	}
	for k := 1; k < len(row); k += 2 {
		s := tall.Span{Start: row[k], End: row[k+1]}
		if !withinVideo(s) {
			return PriorItem{}, fmt.Errorf("span %v, must have 0 <= start < end <= 1", s)
		}
		it.Truth = append(it.Truth, s)
	}
	return it, nil
}

func withinVideo(s tall.Span) bool { return s.Start >= 0 && s.Start < s.End && s.End <= 1 }

func (in *priorJSON) list(b bestListJSON) (BestSpans, error) {
	out := BestSpans{IoU: b.IoU, Verb: b.Verb, Sentences: b.Sentences}
	if !(b.IoU >= 0 && b.IoU <= 1) {
		return out, fmt.Errorf("IoU %g, must be from 0 to 1", b.IoU)
	}
	if _, ok := slices.BinarySearch(in.Verbs, b.Verb); !ok && b.Verb != "" {
		return out, fmt.Errorf("verb %q is not among verbs", b.Verb)
	}
	if b.Sentences < 1 || b.Sentences > len(in.Sentences) {
		return out, fmt.Errorf("%d sentences of %d", b.Sentences, len(in.Sentences))
	}
	if len(b.Spans) == 0 || len(b.Spans) > maxTop {
		return out, fmt.Errorf("%d spans, must be from 1 to %d", len(b.Spans), maxTop)
	}
	for i, s := range b.Spans {
		if len(s) != 3 {
			return out, fmt.Errorf("spans[%d] has %d numbers, must have start, end and gain", i, len(s))
		}
		span := BestSpan{tall.Span{Start: s[0], End: s[1]}, s[2]}
		if !withinVideo(span.Span) || !(span.Gain >= 0 && span.Gain <= 1) || i > 0 && span.Gain > out.Spans[i-1].Gain {
			return out, fmt.Errorf("spans[%d] is %v: want 0 <= start < end <= 1 and a gain that does not rise", i, s)
		}
		out.Spans = append(out.Spans, span)
	}
	return out, nil
}
