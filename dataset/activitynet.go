package dataset

import (
	"io"

	"tall"
)

// readActivityNet reads ActivityNet Captions (Krishna et al. 2017): {"v_ID":
// {"duration": 82.73, "timestamps": [[start, end], ...], "sentences": [...]}} in
// seconds. val_1 and val_2 annotate the same videos, therefore an id begins with
// the split: "val_1/v_ID#0".
func readActivityNet(r io.Reader, f corpusFile, g *gathering) error {
	j := newJSONText(r, f.path)
	prefix := ""
	if f.split != "" {
		prefix = f.split + "/"
	}
	return readCaptions(j, g, func(c *captions) []field {
		return []field{{key: "duration", read: j.into(&c.duration)}}
	}, func(c *captions) error {
		for i, s := range c.spans {
			g.add(record{
				Example: tall.Example{
					ID: g.nextID(prefix, c.video), Video: c.video, Split: f.split,
					Sentence: tall.Sentence{Text: c.sentences[i]}, Truth: []tall.Span{s},
				},
				at: spot{j.name, c.places[i].line, c.places[i].column},
			}, &c.duration)
		}
		return nil
	})
}
