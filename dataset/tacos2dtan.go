package dataset

import (
	"fmt"
	"io"
	"math"

	"tall"
)

// captions is an entry of the JSON of TACoS and of ActivityNet Captions: a video
// with its spans and, of the same number, its sentences.
type captions struct {
	video     string
	at        position // of the entry
	duration  float64  // seconds, or
	fps       float64  // of frames
	frames    float64
	spans     []tall.Span
	places    []position // of the spans
	sentences []string
}

// readCaptions reads {VIDEO: {"timestamps": [[start, end], ...], "sentences":
// [...], ...}} from a stream; more are the keys that only one corpus has.
func readCaptions(j *jsonText, g *gathering, more func(c *captions) []field, each func(c *captions) error) error {
	heard := map[string]bool{}
	err := j.entries(func(video string, at position) error {
		c := &captions{video: video, at: at}
		if video == "" {
			return j.fail(at, "a video without a name")
		}
		if heard[video] {
			g.note(twiceInFile, spot{j.name, at.line, at.column}, "%s", video)
		}
		heard[video] = true
		fields := append(more(c),
			field{key: "timestamps", read: func() error {
				return j.array(func(int) error {
					p, at, err := j.pair()
					c.spans = append(c.spans, tall.Span{Start: p[0], End: p[1]})
					c.places = append(c.places, at)
					return err
				})
			}},
			field{key: "sentences", read: func() error {
				return j.array(func(int) error {
					s, err := j.text()
					c.sentences = append(c.sentences, s)
					return err
				})
			}})
		if _, _, err := j.object(fields...); err != nil {
			return fmt.Errorf("%w, of the video %.60q", err, video)
		}
		if len(c.spans) != len(c.sentences) {
			return j.fail(at, "the video %.60q has %d timestamps and %d sentences, must have as many", video, len(c.spans), len(c.sentences))
		}
		return each(c)
	})
	if err == nil {
		err = j.end()
	}
	g.unread(j)
	return err
}

func (j *jsonText) into(v *float64) func() error {
	return func() (err error) {
		*v, err = j.number()
		return err
	}
}

// readTACoS2DTAN reads 2D-TAN's TACoS (github.com/microsoft/2D-TAN,
// data/TACoS): {"s13-d21.avi": {"timestamps": [[first, last], ...], "sentences":
// [...], "fps": 29.4, "num_frames": 1234}}, spans in frames. The examples keep
// frames, as dividing by 29.4 rounds; their FPS is the file's.
func readTACoS2DTAN(r io.Reader, f corpusFile, g *gathering) error {
	j := newJSONText(r, f.path)
	return readCaptions(j, g, func(c *captions) []field {
		return []field{{key: "fps", read: j.into(&c.fps)}, {key: "num_frames", read: j.into(&c.frames)}}
	}, func(c *captions) error {
		if !(c.fps > 0) || math.IsInf(c.fps, 0) {
			return j.fail(c.at, "the video %.60q has %g frames a second (\"fps\"), must be above 0", c.video, c.fps)
		}
		for i, s := range c.spans {
			seconds := c.frames / c.fps
			x := record{at: spot{j.name, c.places[i].line, c.places[i].column}}
			x.Example = tall.Example{
				ID: g.nextID("", c.video), Video: c.video, Split: f.split, FPS: c.fps,
				Sentence: tall.Sentence{Text: c.sentences[i]}, Truth: []tall.Span{s},
			}
			if c.frames > 0 && !math.IsInf(c.frames, 0) {
				x.end = c.frames // and not seconds times FPS, which rounds
			}
			g.add(x, &seconds)
		}
		return nil
	})
}
