package dataset

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tall"
)

// readCharadesSTA reads Charades-STA (Gao et al. 2017): a sentence a line, "VIDEO
// START END##SENTENCE" in seconds. The durations are in the CSV of Charades. An id
// is the video and the number of the sentence there, in the file's order:
// "3MSZA#0".
func readCharadesSTA(r io.Reader, f corpusFile, g *gathering) error {
	return g.lines(r, f, func(n int, line []byte, whole bool) error {
		e, err := charadesLine(string(line))
		if err != nil {
			half := ""
			if !whole {
				half = "; the last line was half written (it has no end): remove it, or get the file again"
			}
			return fmt.Errorf("%s:%d: %w: %w%s", f.path, n, tall.ErrFormat, err, half)
		}
		e.ID, e.Split = g.nextID("", e.Video), f.split
		g.add(record{Example: e, at: spot{file: f.path, line: n}}, nil)
		return nil
	})
}

func charadesLine(line string) (e tall.Example, err error) {
	const form = "the form is VIDEO START END##SENTENCE"
	head, sentence, ok := strings.Cut(line, "##")
	if !ok {
		return e, fmt.Errorf("%.60q has no ##; %s", line, form)
	}
	words := strings.Fields(head)
	if len(words) != 3 {
		return e, fmt.Errorf("%d words before the ##, must be 3; %s", len(words), form)
	}
	var s tall.Span
	if s.Start, err = decimal(words[1]); err == nil {
		s.End, err = decimal(words[2])
	}
	if err != nil {
		return e, fmt.Errorf("%w; %s", err, form)
	}
	return tall.Example{Video: words[0], Sentence: tall.Sentence{Text: sentence}, Truth: []tall.Span{s}}, nil
}

// decimal reads a number of a text file: as JSON writes it, or with what Python's
// float takes besides (+1, .5, 1., nan, inf).
func decimal(s string) (float64, error) {
	if strings.ContainsAny(s, "xXpP_") { // Go's, of no other program
		return 0, fmt.Errorf("%.40q is no number", s)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%.40q is no number", s)
	}
	return v, nil
}
