package eval

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"tall"
	"tall/dataset"
)

// document reads a JSON document as a whole. Errors name the file and the line.
func document(r io.Reader, name string, read func(s *scanner, line func() int) error) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s := scanner{data: data}
	counted, lines := 0, 1
	line := func() int { // of what is read now; it only goes forward
		lines += bytes.Count(data[counted:s.at], []byte{'\n'})
		counted = s.at
		return lines
	}
	if err = read(&s, line); err == nil {
		err = s.end()
	}
	switch scan := new(scanError); {
	case err == nil:
		return nil
	case errors.Is(err, errHalf):
		return fmt.Errorf("%s:%d: %w: the file ends within a value, it was half written; write it again", name, 1+bytes.Count(data, []byte{'\n'}), tall.ErrFormat)
	case errors.As(err, &scan):
		return fmt.Errorf("%s:%d: %w: %w", name, 1+bytes.Count(data[:scan.at], []byte{'\n'}), tall.ErrFormat, err)
	}
	return fmt.Errorf("%s:%d: %w: %w", name, 1+bytes.Count(data[:min(s.at, len(data))], []byte{'\n'}), tall.ErrFormat, err)
}

// members calls f for each key of an object, which reads the value.
func (s *scanner) members(f func(key string) error) error {
	if err := s.need('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		another, err := s.more('}', first)
		if err != nil || !another {
			return err
		}
		key, err := s.key()
		if err != nil {
			return err
		}
		if err := f(string(key)); err != nil {
			return err
		}
	}
}

// elements calls f for each element of a list, which reads it.
func (s *scanner) elements(f func() error) error {
	if err := s.need('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		another, err := s.more(']', first)
		if err != nil || !another {
			return err
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// results goes to the object under "results", and passes over the rest.
func (s *scanner) results(f func(video string) error) error {
	seen := map[string]bool{}
	return s.members(func(key string) error {
		if key != "results" {
			return s.skip()
		}
		return s.members(func(video string) error {
			if seen[video] {
				return fmt.Errorf("video %q is given twice", video)
			}
			seen[video] = true
			return f(video)
		})
	})
}

// readTALL reads the results of TALL's predict, {"results": {video: [[sentence,
// start, end], ...]}}, in frames; sentence is the index among the video's. What
// is listed several times for a sentence is ranked in this order. index is that
// of each prediction.
func readTALL(r io.Reader, name string) (out *stretch, index []int, err error) {
	out = &stretch{}
	err = document(r, name, func(s *scanner, line func() int) error {
		return s.results(func(video string) error {
			if s.next() != '[' {
				return errors.New("the results are recalls, not moments (TALL_test_res_.json?); predictions are in TALL_infer_res_.json")
			}
			of := map[int]int{}
			return s.elements(func() error {
				var v []float64
				n := line()
				if err := s.elements(func() error {
					x, err := s.number()
					v = append(v, x)
					return err
				}); err != nil {
					return err
				}
				if len(v) != 3 || v[0] != float64(int32(v[0])) || v[0] < 0 {
					return fmt.Errorf("%s: %v; want the index of a sentence, start, end", video, v)
				}
				k := int(v[0])
				i, ok := of[k]
				if !ok {
					i = len(out.predictions)
					of[k] = i
					out.predictions = append(out.predictions, Prediction{Video: video})
					out.numbers = append(out.numbers, n)
					index = append(index, k)
				}
				p := &out.predictions[i]
				m := Found{tall.Span{Start: v[1], End: v[2]}, -float64(len(p.Moments))}
				inspect(&out.notes, name, n, []Found{m})
				p.Moments = append(p.Moments, m)
				return nil
			})
		})
	})
	return out, index, err
}

// readDetections reads results as ActivityNet's servers take them, {"results":
// {video: [{"label", "score", "segment": [start, end]}, ...]}}, in seconds; those
// of sentences have "sentence" and "timestamp". The detections of one label in a
// video are one prediction, in the order of the file, which ranks them where none
// has a score.
func readDetections(r io.Reader, name string) (*stretch, error) {
	out := &stretch{}
	all, withScore := 0, 0
	err := document(r, name, func(s *scanner, line func() int) error {
		return s.results(func(video string) error {
			of := map[string]int{}
			return s.elements(func() error {
				n := line()
				label, m, scored, err := s.detection()
				if err != nil {
					return err
				}
				i, ok := of[label]
				if !ok {
					i = len(out.predictions)
					of[label] = i
					out.predictions = append(out.predictions, Prediction{Video: video, Sentence: label})
					out.numbers = append(out.numbers, n)
				}
				p := &out.predictions[i]
				if scored {
					withScore++
				} else {
					m.Score = -float64(len(p.Moments))
				}
				if all++; withScore != 0 && withScore != all {
					return fmt.Errorf("%s: some detections have a score, others have none; give all of them scores, or none", video)
				}
				inspect(&out.notes, name, n, []Found{m})
				p.Moments = append(p.Moments, m)
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// detection reads one object of detections, or of a ground truth, which has no
// score.
func (s *scanner) detection() (label string, m Found, scored bool, err error) {
	var named, placed bool
	err = s.members(func(key string) (err error) {
		switch key {
		case "label", "sentence":
			var text []byte
			text, err = s.text()
			label, named = string(text), true
		case "segment", "timestamp":
			var v []float64
			if v, err = s.numbers(new([]float64)); err == nil && len(v) != 2 {
				err = fmt.Errorf("%q has %d numbers; want start and end", key, len(v))
			}
			if err == nil {
				m.Span, placed = tall.Span{Start: v[0], End: v[1]}, true
			}
		case "score":
			m.Score, err = s.number()
			scored = true
		default:
			err = s.skip()
		}
		return err
	})
	if err == nil && !named {
		err = errors.New(`key "label" is missing`)
	}
	if err == nil && !placed {
		err = errors.New(`key "segment" is missing`)
	}
	return label, m, scored, err
}

// Detections is the name of a corpus of ActivityNet's detection truth, as
// [OpenTruth] reads it: one example for each class in each video.
const Detections = "activitynet-detection"

// OpenTruth reads the ground truth of a scoring: ActivityNet's detection truth,
// {video: {"duration", "annotations": [{"segment": [start, end], "label"}, ...]}},
// by itself or under "database", or any corpus of [dataset.OpenCorpus]. An empty
// name is found out from the content.
func OpenTruth(name, path string, o dataset.CorpusOptions) (*dataset.Corpus, error) {
	if name == Detections || name == "" && looksLikeDetections(path) {
		f, err := openFile(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return decodeDetectionTruth(f, path, o.Split)
	}
	return dataset.OpenCorpus(name, path, o)
}

// looksLikeDetections reads the beginning of a file in search of an annotation
// with a label.
func looksLikeDetections(path string) bool {
	f, err := openFile(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 1<<16)
	n, _ := io.ReadFull(f, head)
	head = bytes.TrimSpace(head[:n])
	return bytes.HasPrefix(head, []byte("{")) && bytes.Contains(head, []byte(`"annotations"`)) && bytes.Contains(head, []byte(`"segment"`))
}

func decodeDetectionTruth(r io.Reader, path, split string) (*dataset.Corpus, error) {
	c := &dataset.Corpus{Name: Detections, Files: []string{path}}
	seen := map[string]bool{}
	video := func(s *scanner, name string) error {
		if seen[name] {
			return fmt.Errorf("video %q is given twice", name)
		}
		seen[name] = true
		return s.truth(c, name, split)
	}
	err := document(r, path, func(s *scanner, _ func() int) error {
		return s.members(func(key string) error {
			switch {
			case key == "database":
				return s.members(func(name string) error { return video(s, name) })
			case s.next() == '{' && key != "taxonomy":
				return video(s, key)
			}
			return s.skip()
		})
	})
	if err != nil {
		return nil, err
	}
	if len(c.Examples) == 0 {
		return nil, fmt.Errorf("%s: %w: no video has annotations%s", path, tall.ErrMissing, ofSplit(split))
	}
	return c, nil
}

func ofSplit(split string) string {
	if split == "" {
		return ""
	}
	return " of the split " + split
}

// truth reads the annotations of one video into an example for each class.
func (s *scanner) truth(c *dataset.Corpus, video, split string) error {
	first := len(c.Examples)
	of := map[string]int{}
	duration, subset := 0.0, ""
	err := s.members(func(key string) (err error) {
		switch key {
		case "duration":
			duration, err = s.number()
		case "subset":
			subset, err = s.optionalText()
		case "annotations":
			err = s.elements(func() error {
				label, m, _, err := s.detection()
				if err != nil {
					return err
				}
				if notFinite(m.Start) || notFinite(m.End) {
					return fmt.Errorf("%s: %s goes from %g to %g", video, label, m.Start, m.End)
				}
				i, ok := of[label]
				if !ok {
					i = len(c.Examples)
					of[label] = i
					c.Examples = append(c.Examples, tall.Example{ID: video + ": " + label, Video: video, FPS: 1, Sentence: tall.Sentence{Text: label}})
				}
				c.Examples[i].Truth = append(c.Examples[i].Truth, m.Span)
				return nil
			})
		default:
			err = s.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if split != "" && subset != split {
		c.Examples = c.Examples[:first]
	}
	for i := first; i < len(c.Examples); i++ {
		c.Examples[i].Duration, c.Examples[i].Split = max(0, duration), subset
	}
	return nil
}
