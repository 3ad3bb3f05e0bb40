package dataset

import (
	"io"

	"tall"
)

// didemoChunk is the length of DiDeMo's chunks in seconds (Hendricks et al. 2017,
// section 4).
const didemoChunk = 5

// readDiDeMo reads DiDeMo (github.com/LisaAnne/LocalizingMoments, data): an array
// of {"annotation_id": 1, "video": "...", "description": "...", "num_segments": 6,
// "times": [[first, last], ...], ...}. A pair of chunks [a, b] is the span from 5a
// to 5(b+1) seconds; every annotator's is a span of the truth, in the file's
// order. The duration is that of the chunks, of which the last may be shorter.
func readDiDeMo(r io.Reader, f corpusFile, g *gathering) error {
	j := newJSONText(r, f.path)
	err := j.array(func(int) error {
		var (
			x      record
			chunks int
		)
		at, _, err := j.object(
			field{key: "annotation_id", read: func() (err error) {
				x.ID, err = j.identity()
				return err
			}},
			field{key: "video", read: func() (err error) {
				x.Video, err = j.text()
				return err
			}},
			field{key: "description", read: func() (err error) {
				x.Sentence.Text, err = j.text()
				return err
			}},
			field{key: "num_segments", read: func() (err error) {
				chunks, err = j.whole()
				return err
			}},
			field{key: "times", read: func() error {
				return j.array(func(int) error {
					p, at, err := j.pair()
					if err == nil && (p[0] != float64(int32(p[0])) || p[1] != float64(int32(p[1]))) {
						err = j.fail(at, "chunks %v, must be whole numbers", p)
					}
					x.Truth = append(x.Truth, tall.Span{Start: didemoChunk * p[0], End: didemoChunk * (p[1] + 1)})
					return err
				})
			}},
			// Where to download the video: no part of the annotation.
			field{key: "dl_link", optional: true, read: j.skip})
		switch {
		case err != nil:
			return err
		case x.ID == "":
			return j.fail(at, "\"annotation_id\" is empty")
		case x.Video == "":
			return j.fail(at, "\"video\" is empty")
		}
		x.Split, x.at = f.split, spot{j.name, at.line, at.column}
		seconds := float64(didemoChunk * chunks)
		g.add(x, &seconds)
		return nil
	})
	if err == nil {
		err = j.end()
	}
	g.unread(j)
	return err
}
