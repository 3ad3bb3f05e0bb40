package eval

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"tall"
	"tall/dataset"
)

// DecodePredictions is [ReadPredictions] of an open reader; name stands in
// errors.
func DecodePredictions(r io.Reader, name string) ([]Prediction, error) {
	l, err := readLines(r, name, parsePredictions(name))
	if err != nil {
		return nil, err
	}
	return l.predictions, nil
}

// readLines reads a JSON Lines file of predictions, whose ids must be unique.
func readLines(r io.Reader, name string, parse func(block, *stretch)) (*stretch, error) {
	l, err := readBlocks(r, name, parse)
	if err != nil {
		return nil, err
	}
	first := make(map[string]int, len(l.predictions))
	for i := range l.predictions {
		id := l.predictions[i].ID
		if n, ok := first[id]; ok {
			return nil, fmt.Errorf("%s:%d: %w: id %q stands on line %d already; ids are unique in a file", name, l.numbers[i], tall.ErrFormat, id, n)
		}
		first[id] = l.numbers[i]
	}
	return l, nil
}

// parsePredictions reads lines of our format. What its rules ask for is known to
// the schema of dataset alone; a line that is plainly good is read at once, and
// any other goes there, to be judged.
func parsePredictions(name string) func(block, *stretch) {
	return func(b block, into *stretch) {
		names := interned{}
		var scratch []Found
		b.each(func(n int, line []byte, whole bool) bool {
			p, ok := quick(line, names, &scratch)
			if !ok {
				var err error
				if p, err = dataset.DecodeLine[Prediction](line, name, n, whole); err != nil {
					into.err = err
					return false
				}
			}
			if err := p.check(); err != nil {
				into.err = fmt.Errorf("%s:%d: %w: %w", name, n, tall.ErrFormat, err)
				return false
			}
			inspect(&into.notes, name, n, p.Moments)
			into.predictions = append(into.predictions, p)
			into.numbers = append(into.numbers, n)
			return true
		})
	}
}

// inspect notes what is odd about the moments of a line.
func inspect(notes *notes, name string, line int, moments []Found) {
	for i, m := range moments {
		// NaN and infinities make the sum something else than a number, too.
		if sum := m.Start + m.End + m.Score; m.End > m.Start && sum-sum == 0 {
			continue
		}
		if notFinite(m.Start) || notFinite(m.End) || notFinite(m.Score) {
			notes.add(dataset.Odd, "moments that are not finite", "find out where the NaN comes from; they hit nothing", fmt.Sprintf("%s:%d: moment %d has start %g, end %g, score %g", name, line, i+1, m.Start, m.End, m.Score))
		} else if m.End < m.Start {
			notes.add(dataset.Odd, "moments that end before they start", "correct them; they were scored as the protocol scores them, and mostly hit nothing", fmt.Sprintf("%s:%d: moment %d goes from %g to %g", name, line, i+1, m.Start, m.End))
		}
	}
}

func inspectSaliency(notes *notes, name string, line int, scores []float64) {
	for i, v := range scores {
		if notFinite(v) {
			notes.add(dataset.Odd, "saliency scores that are not finite", "find out where the NaN comes from; NaN is ranked last", fmt.Sprintf("%s:%d: score %d is %g", name, line, i+1, v))
		}
	}
}

// interned holds strings that come again and again.
type interned map[string]string

func (t interned) get(b []byte) string {
	if s, ok := t[string(b)]; ok {
		return s
	}
	s := string(b)
	t[s] = s
	return s
}

// Bits of the keys of a line and of a moment that were seen.
const (
	hasID = 1 << iota
	hasVideo
	hasSentence
	hasNMS
	hasMoments
	hasStart
	hasEnd
	hasScore
)

var errNotPlain = errors.New("not plainly good")

// quick reads a line that holds just the keys of our format, each once and in
// the form that it must have; ok is false of any other, good or bad.
func quick(line []byte, videos interned, scratch *[]Found) (p Prediction, ok bool) {
	s := scanner{data: line}
	if s.need('{') != nil {
		return p, false
	}
	seen := 0
	for first := true; ; first = false {
		another, err := s.more('}', first)
		if err != nil {
			return p, false
		}
		if !another {
			break
		}
		key, err := s.key()
		if err != nil {
			return p, false
		}
		bit := 0
		switch string(key) {
		case "id":
			bit, p.ID = hasID, s.plainText(&err)
		case "video":
			bit = hasVideo
			var text []byte
			if text, err = s.text(); err == nil {
				p.Video = videos.get(text)
			}
		case "sentence":
			bit, p.Sentence = hasSentence, s.plainText(&err)
		case "nms":
			bit, p.NMS = hasNMS, new(float64)
			*p.NMS = s.plainNumber(&err)
		case "moments":
			bit, p.Moments = hasMoments, s.moments(scratch, &err)
		}
		if err != nil || bit == 0 || seen&bit != 0 {
			return p, false
		}
		seen |= bit
	}
	required := hasID | hasVideo | hasSentence | hasMoments
	return p, seen&required == required && s.end() == nil
}

func (s *scanner) plainText(err *error) string {
	text, e := s.text()
	*err = e
	return string(text)
}

// plainNumber is a number as RFC 8259 has it.
func (s *scanner) plainNumber(err *error) float64 {
	v, e := s.number()
	if e == nil && notFinite(v) {
		e = errNotPlain
	}
	*err = e
	return v
}

func (s *scanner) moments(scratch *[]Found, err *error) []Found {
	out := (*scratch)[:0]
	if *err = s.need('['); *err != nil {
		return nil
	}
	for first := true; ; first = false {
		another, e := s.more(']', first)
		if e != nil {
			*err = e
			return nil
		}
		if !another {
			break
		}
		var m Found
		if m, *err = s.moment(); *err != nil {
			return nil
		}
		out = append(out, m)
	}
	*scratch = out
	return append(make([]Found, 0, len(out)), out...)
}

func (s *scanner) moment() (m Found, err error) {
	if err = s.need('{'); err != nil {
		return m, err
	}
	seen := 0
	for first := true; ; first = false {
		another, err := s.more('}', first)
		if err != nil {
			return m, err
		}
		if !another {
			break
		}
		key, err := s.key()
		if err != nil {
			return m, err
		}
		bit := 0
		switch string(key) {
		case "start":
			bit, m.Start = hasStart, s.plainNumber(&err)
		case "end":
			bit, m.End = hasEnd, s.plainNumber(&err)
		case "score":
			bit, m.Score = hasScore, s.plainNumber(&err)
		}
		if err != nil || bit == 0 || seen&bit != 0 {
			return m, errNotPlain
		}
		seen |= bit
	}
	if seen != hasStart|hasEnd|hasScore {
		return m, errNotPlain
	}
	return m, nil
}

// halfWritten is the error of a line whose text ends within a value: of the
// last line, that it was half written.
func halfWritten(name string, n int, whole bool) error {
	if whole {
		return fmt.Errorf("%s:%d: %w: the line ends within a value, it was half written; remove it, or write the file again", name, n, tall.ErrFormat)
	}
	return fmt.Errorf("%s:%d: %w: the last line was half written (it has no end); remove it, or write the file again", name, n, tall.ErrFormat)
}

// lineError puts the place and the kind before an error of a line.
func lineError(name string, n int, whole bool, err error) error {
	if errors.Is(err, errHalf) {
		return halfWritten(name, n, whole)
	}
	return fmt.Errorf("%s:%d: %w: %s", name, n, tall.ErrFormat, strings.TrimSpace(err.Error()))
}
