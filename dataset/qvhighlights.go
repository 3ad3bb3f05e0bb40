package dataset

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"

	"tall"
)

// saliencyClip is the length of QVHighlights's clips in seconds (Lei et al. 2021,
// section 3).
const saliencyClip = 2

// readQVHighlights reads QVHighlights (github.com/jayleicn/moment_detr, data): a
// JSON object a line, {"qid": 2579, "query": "...", "duration": 150, "vid": "...",
// "relevant_windows": [[start, end], ...], "relevant_clip_ids": [...],
// "saliency_scores": [[1, 1, 2], ...]}, in seconds; the last three are absent
// where the answers are held back. An id is the qid as text.
func readQVHighlights(r io.Reader, f corpusFile, g *gathering) error {
	j := newJSONText(nil, f.path)
	defer g.unread(j)
	return g.lines(r, f, func(n int, line []byte, whole bool) error {
		j.line(n, line)
		if err := readHighlight(j, f, g); err != nil {
			if !whole && !finished(line) {
				return fmt.Errorf("%s:%d: %w: the last line was half written (it has no end); remove it, or get the file again", f.path, n, tall.ErrFormat)
			}
			return err
		}
		return nil
	})
}

// finished reports whether a line holds a whole JSON value.
func finished(line []byte) bool {
	j := newJSONText(bytes.NewReader(line), "")
	return j.skip() == nil
}

func readHighlight(j *jsonText, f corpusFile, g *gathering) error {
	var (
		x        = record{Example: tall.Example{Split: f.split}}
		duration float64
		saliency = Saliency{ClipLen: saliencyClip}
	)
	at, seen, err := j.object(
		field{key: "qid", read: func() (err error) {
			x.ID, err = j.identity()
			return err
		}},
		field{key: "query", read: func() (err error) {
			x.Sentence.Text, err = j.text()
			return err
		}},
		field{key: "vid", read: func() (err error) {
			x.Video, err = j.text()
			return err
		}},
		field{key: "duration", optional: true, read: j.into(&duration)}, // seen[3]
		field{key: "relevant_windows", optional: true, read: func() error {
			return j.array(func(int) error {
				p, _, err := j.pair()
				x.Truth = append(x.Truth, tall.Span{Start: p[0], End: p[1]})
				return err
			})
		}},
		field{key: "relevant_clip_ids", optional: true, read: func() error {
			return j.array(func(int) error {
				clip, err := j.whole()
				saliency.Clips = append(saliency.Clips, clip)
				return err
			})
		}},
		field{key: "saliency_scores", optional: true, read: func() error {
			return j.array(func(int) error {
				var scores []float64
				err := j.array(func(int) error {
					v, err := j.number()
					scores = append(scores, v)
					return err
				})
				saliency.Scores = append(saliency.Scores, scores)
				return err
			})
		}})
	if err != nil {
		return err
	}
	if err := j.end(); err != nil {
		return err
	}
	switch {
	case x.ID == "":
		return j.fail(at, "\"qid\" is empty")
	case x.Video == "":
		return j.fail(at, "\"vid\" is empty")
	case len(saliency.Clips) != len(saliency.Scores):
		return j.fail(at, "%d relevant_clip_ids and %d saliency_scores, must be as many", len(saliency.Clips), len(saliency.Scores))
	}
	if seen[5] || seen[6] {
		x.saliency = &saliency
	}
	x.at = spot{file: j.name, line: at.line}
	if seen[3] {
		g.add(x, &duration)
	} else {
		g.add(x, nil)
	}
	return nil
}

// identity reads an id, a string or a whole number, as text.
func (j *jsonText) identity() (string, error) {
	c, err := j.next()
	if err != nil {
		return "", err
	}
	if c == '"' {
		return j.text()
	}
	at := j.at
	v, err := j.number()
	if err != nil {
		return "", err
	}
	const exactly = 1 << 53 // up to it a float64 is the number that was written
	switch {
	case v != math.Trunc(v):
		return "", j.fail(at, "%v, must be a whole number", v)
	case v < 0:
		return "", j.fail(at, "%v is no id", v)
	case v > exactly:
		return "", j.fail(at, "%v, must be at most 2^53; write it as a text", v)
	}
	return strconv.FormatInt(int64(v), 10), nil
}

// withoutQuestions leaves out what a file asks and another file answers: the
// test questions of QVHighlights were published first, and later with answers.
func (g *gathering) withoutQuestions() {
	type question struct{ id, video, text string }
	answers := map[question]string{}
	for _, r := range g.records {
		if len(r.Truth) > 0 {
			answers[question{r.ID, r.Video, r.Sentence.Text}] = r.at.file
		}
	}
	kept := g.records[:0]
	for _, r := range g.records {
		file, ok := answers[question{r.ID, r.Video, r.Sentence.Text}]
		if ok && len(r.Truth) == 0 && file != r.at.file {
			g.note(answered, r.at, "%s", r.ID)
			continue
		}
		kept = append(kept, r)
	}
	g.records = kept
}
