package eval

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tall"
	"tall/dataset"
)

// fuzzReader feeds texts to a reader: whatever they hold, it returns predictions
// that every protocol can score, or an error of the format that names the file.
func fuzzReader(f *testing.F, seeds []string, read func(data []byte) (*PredictionFile, error)) {
	for _, s := range seeds {
		f.Add([]byte(s))
		f.Add([]byte(s[:len(s)/2]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := read(data)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrMissing) || !strings.HasPrefix(err.Error(), "f") {
				t.Errorf("%v", err)
			}
			return
		}
		c := &dataset.Corpus{}
		seen := map[string]bool{}
		for i, p := range file.Predictions {
			if key := p.ID + p.Video + p.Sentence; i < 5 && !seen[key] {
				seen[key] = true
				c.Examples = append(c.Examples, tall.Example{ID: key, Video: p.Video, Duration: 50, FPS: 10, Sentence: tall.Sentence{Text: p.Sentence}, Truth: []tall.Span{{Start: 1, End: 90}, {Start: 3, End: 3}}})
			}
		}
		file.join.fps = 25
		joined, err := file.Join(c)
		if err != nil {
			t.Fatal(err)
		}
		c.Saliency = map[string]dataset.Saliency{}
		for i := range joined {
			for j := range c.Examples {
				if e := &c.Examples[j]; e.ID == joined[i].ID+joined[i].Video+joined[i].Sentence {
					e.ID = joined[i].ID
					c.Saliency[e.ID] = dataset.Saliency{Clips: []int{0, 1}, Scores: [][]float64{{1, 2, 3}, {4, 4, 4}}}
				}
			}
		}
		for _, protocol := range Protocols() {
			if r, err := Score(protocol, c, joined, ScoreOptions{Resamples: 2}); err == nil {
				_ = r.summary()
			}
		}
	})
}

func FuzzReadPredictionFile(f *testing.F) {
	fuzzReader(f, []string{documented, qvLine, tallText, detText, csvText, humText}, func(data []byte) (*PredictionFile, error) {
		return decodeFile(bytes.NewReader(data), "f", PredictionOptions{})
	})
}

func wrapped(l *stretch, err error) (*PredictionFile, error) {
	if err != nil {
		return nil, err
	}
	return &PredictionFile{Predictions: l.predictions, Findings: l.notes.list()}, nil
}

func FuzzReadQVHighlights(f *testing.F) {
	fuzzReader(f, []string{qvLine, strings.ReplaceAll(qvLine, "0.25", "NaN")}, func(data []byte) (*PredictionFile, error) {
		return wrapped(readLines(bytes.NewReader(data), "f", parseQVHighlights("f")))
	})
}

func FuzzReadCSV(f *testing.F) {
	fuzzReader(f, []string{csvText, "v,s,1,2\n"}, func(data []byte) (*PredictionFile, error) {
		return wrapped(readCSV(bytes.NewReader(data), "f"))
	})
}

func FuzzReadHuman(f *testing.F) {
	fuzzReader(f, []string{humText}, func(data []byte) (*PredictionFile, error) {
		return wrapped(readHuman(bytes.NewReader(data), "f", nil))
	})
}

func FuzzReadTALL(f *testing.F) {
	fuzzReader(f, []string{tallText}, func(data []byte) (*PredictionFile, error) {
		l, index, err := readTALL(bytes.NewReader(data), "f")
		file, err := wrapped(l, err)
		if file != nil {
			file.join = join{by: joinIndex, frames: true, fps: 25, index: index}
		}
		return file, err
	})
}

func FuzzReadDetections(f *testing.F) {
	fuzzReader(f, []string{detText, strings.ReplaceAll(strings.ReplaceAll(detText, "label", "sentence"), "segment", "timestamp")}, func(data []byte) (*PredictionFile, error) {
		return wrapped(readDetections(bytes.NewReader(data), "f"))
	})
}

func FuzzReadDetectionTruth(f *testing.F) {
	f.Add([]byte(`{"v_1": {"duration": 10.5, "subset": "validation", "annotations": [{"segment": [1, 2], "label": "run"}]}}`))
	f.Add([]byte(`{"version": "1.3", "taxonomy": [{"nodeId": 1}], "database": {"1": {"duration": 10, "annotations": []}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeDetectionTruth(bytes.NewReader(data), "f", "")
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrMissing) || !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("%v", err)
			}
			return
		}
		for _, e := range c.Examples {
			if e.Video+": "+e.Sentence.Text != e.ID || len(e.Truth) == 0 {
				t.Errorf("%+v", e)
			}
		}
	})
}

// What the quick way reads of a line of ours is what the strict way reads.
func FuzzQuickPredictions(f *testing.F) {
	f.Add([]byte(documented))
	f.Add([]byte(`{"id":"a\u0062","video":"v","sentence":"\ud83d\ude00","moments":[{"start":1e2,"end":-0.5,"score":3}],"version":1}`))
	f.Add([]byte(`{"id":"a","video":"v","sentence":"","nms":NaN,"moments":[]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsAny(line, "\n") {
			return
		}
		var scratch []Found
		got, ok := quick(line, interned{}, &scratch)
		if !ok {
			return
		}
		want, err := dataset.DecodeLine[Prediction](line, "f", 2, true)
		if err != nil {
			t.Fatalf("%q: the strict way refuses it: %v", line, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	})
}
