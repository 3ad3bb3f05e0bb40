package eval

import (
	"errors"
	"fmt"
	"strconv"

	"tall"
)

// parseQVHighlights reads lines as Moment-DETR and its followers write them:
//
//	{"qid": 2579, "query": "...", "vid": "...", "pred_relevant_windows":
//	[[start, end, score], ...], "pred_saliency_scores": [...]}
//
// in seconds. Windows keep their order, which need not be that of the scores. A
// list of windows without scores is taken to be ranked. Other keys are passed
// over. NaN and Infinity, as Python writes them, are read, and noted.
func parseQVHighlights(name string) func(block, *stretch) {
	return func(b block, into *stretch) {
		names := interned{}
		var scratch []Found
		var saliency []float64
		b.each(func(n int, line []byte, whole bool) bool {
			s := scanner{data: line}
			p, err := s.qvhighlights(names, &scratch, &saliency)
			if err != nil {
				into.err = lineError(name, n, whole, err)
				return false
			}
			inspect(&into.notes, name, n, p.Moments)
			inspectSaliency(&into.notes, name, n, p.Saliency)
			into.predictions = append(into.predictions, p)
			into.numbers = append(into.numbers, n)
			return true
		})
	}
}

func (s *scanner) qvhighlights(videos interned, scratch *[]Found, saliency *[]float64) (p Prediction, err error) {
	if err := s.need('{'); err != nil {
		return p, err
	}
	seen := map[string]bool{}
	for first := true; ; first = false {
		another, err := s.more('}', first)
		if err != nil {
			return p, err
		}
		if !another {
			break
		}
		raw, err := s.key()
		if err != nil {
			return p, err
		}
		key := string(raw)
		if seen[key] {
			return p, fmt.Errorf("key %q is given twice", key)
		}
		seen[key] = true
		switch key {
		case "qid":
			p.ID, err = s.qid()
		case "query":
			p.Sentence, err = s.optionalText()
		case "vid":
			var text string
			text, err = s.optionalText()
			p.Video = videos.get([]byte(text))
		case "pred_relevant_windows":
			p.Moments, err = s.windows(scratch)
		case "pred_saliency_scores":
			p.Saliency, err = s.numbers(saliency)
		default:
			err = s.skip()
		}
		if err != nil {
			return p, within(key, err)
		}
	}
	switch {
	case !seen["qid"]:
		return p, errors.New(`key "qid" is missing`)
	case !seen["pred_relevant_windows"] && !seen["pred_saliency_scores"]:
		return p, errors.New(`there is neither "pred_relevant_windows" nor "pred_saliency_scores"; this looks like ground truth (--gt)`)
	}
	return p, s.end()
}

// within says in which key an error lies.
func within(key string, err error) error {
	if errors.Is(err, errHalf) {
		return err
	}
	return fmt.Errorf("%q: %w", key, err)
}

// qid is a number or a text.
func (s *scanner) qid() (string, error) {
	if s.next() == '"' {
		text, err := s.text()
		if err == nil && len(text) == 0 {
			return "", errors.New("the id is empty")
		}
		return string(text), err
	}
	start := s.at
	v, err := s.number()
	if err != nil {
		return "", err
	}
	if notFinite(v) {
		return "", fmt.Errorf("%g is no id", v)
	}
	// 12.0 is 12, as it is to Python's dictionaries.
	if whole := int64(v); float64(whole) == v {
		return strconv.FormatInt(whole, 10), nil
	}
	return string(s.data[start:s.at]), nil
}

func (s *scanner) optionalText() (string, error) {
	if s.null() {
		return "", nil
	}
	text, err := s.text()
	return string(text), err
}

// numbers reads a list of numbers.
func (s *scanner) numbers(scratch *[]float64) ([]float64, error) {
	if s.null() {
		return nil, nil
	}
	if err := s.need('['); err != nil {
		return nil, err
	}
	out := (*scratch)[:0]
	for first := true; ; first = false {
		another, err := s.more(']', first)
		if err != nil {
			return nil, err
		}
		if !another {
			break
		}
		v, err := s.number()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	*scratch = out
	return append(make([]float64, 0, len(out)), out...), nil
}

// windows reads [[start, end, score], ...].
func (s *scanner) windows(scratch *[]Found) ([]Found, error) {
	if s.null() {
		return nil, nil
	}
	if err := s.need('['); err != nil {
		return nil, err
	}
	out := (*scratch)[:0]
	scored := 0
	for first := true; ; first = false {
		another, err := s.more(']', first)
		if err != nil {
			return nil, err
		}
		if !another {
			break
		}
		if err := s.need('['); err != nil {
			return nil, err
		}
		var v [3]float64
		n := 0
		for first := true; ; first = false {
			another, err := s.more(']', first)
			if err != nil {
				return nil, err
			}
			if !another {
				break
			}
			if n == len(v) {
				return nil, fmt.Errorf("window %d has more than 3 numbers; want start, end, score", len(out)+1)
			}
			if v[n], err = s.number(); err != nil {
				return nil, err
			}
			n++
		}
		switch n {
		case 3:
			scored++
		case 2:
			v[2] = -float64(len(out)) // ranked by its place
		default:
			return nil, fmt.Errorf("window %d has %d numbers; want start, end, score", len(out)+1, n)
		}
		out = append(out, Found{tall.Span{Start: v[0], End: v[1]}, v[2]})
	}
	if scored != 0 && scored != len(out) {
		return nil, fmt.Errorf("%d of %d windows have no score; give all of them scores, or none", len(out)-scored, len(out))
	}
	*scratch = out
	return append(make([]Found, 0, len(out)), out...), nil
}
