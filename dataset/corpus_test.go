package dataset

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall/internal/shared"
)

// counts are the findings of a corpus by what they say.
func counts(c *Corpus) map[string]int {
	out := map[string]int{}
	for _, f := range c.Findings {
		out[f.What] = f.Count
	}
	return out
}

// Sizes and faults of the real corpora, as their PROVENANCE.md states them or, of
// those marked so, as a count by a program of another kind gave.
func TestOpenCorpus_Real(t *testing.T) {
	type want struct {
		name, path, split string
		videos, sentences int
		spans             int
		found             map[string]int
		saliency          int
	}
	for _, w := range []want{
		{TACoS2DTAN, "tacos/train.json", "train", 75, 9790, 9790, map[string]int{repeated.what: 1201, pastEnd.what: 43}, 0},
		{TACoS2DTAN, "tacos/val.json", "val", 27, 4436, 4436, map[string]int{repeated.what: 516}, 0},
		{TACoS2DTAN, "tacos/test.json", "test", 25, 4001, 4001, map[string]int{repeated.what: 567, pastEnd.what: 5}, 0},
		{CharadesSTA, "charades-sta/charades_sta_train.txt", "train", 5338, 12408, 12408, map[string]int{reversed.what: 4, pastEnd.what: 1805}, 0},
		{CharadesSTA, "charades-sta/charades_sta_test.txt", "test", 1334, 3720, 3720, map[string]int{pastEnd.what: 562}, 0},
		{ActivityNet, "activitynet-captions/train.json", "train", 10009, 37421, 37421, map[string]int{reversed.what: 4, pastEnd.what: 261}, 0},
		{ActivityNet, "activitynet-captions/val_1.json", "val_1", 4917, 17505, 17505, map[string]int{pastEnd.what: 134}, 0},
		{ActivityNet, "activitynet-captions/val_2.json", "val_2", 4885, 17031, 17031, map[string]int{pastEnd.what: 111}, 0},
		{QVHighlights, "qvhighlights/highlight_train_release.jsonl", "train", 7100, 7218, 12803, map[string]int{}, 7218},
		{QVHighlights, "qvhighlights/highlight_val_release.jsonl", "val", 1519, 1550, 2803, map[string]int{}, 1550},
		{QVHighlights, "qvhighlights/highlight_test_release.jsonl", "test", 1529, 1542, 0, map[string]int{noSpan.what: 1542}, 0},
		{QVHighlights, "qvhighlights/highlight_test_with_gt.jsonl", "test", 1529, 1542, 2761, map[string]int{}, 1542},
		{DiDeMo, "didemo/val_data.json", "val", 1094, 4180, 4165*4 + 15*7, map[string]int{}, 0},
		{DiDeMo, "didemo/test_data.json", "test", 1037, 4021, 4009*4 + 11*7 + 5, map[string]int{}, 0},
	} {
		t.Run(w.path, func(t *testing.T) {
			c, err := OpenCorpus("", shared.Path(t, "annotations/"+w.path), CorpusOptions{})
			if err != nil {
				t.Fatal(err)
			}
			videos, ids, spans := map[string]bool{}, map[string]bool{}, 0
			for _, e := range c.Examples {
				videos[e.Video], ids[e.ID] = true, true
				spans += len(e.Truth)
				if e.Split != w.split || e.Duration <= 0 || e.Sentence.Text == "" {
					t.Fatalf("%+v", e)
				}
			}
			got := want{c.Name, w.path, w.split, len(videos), len(c.Examples), spans, counts(c), len(c.Saliency)}
			if diff := cmp.Diff(w, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Error(diff)
			}
			if len(ids) != w.sentences {
				t.Errorf("%d ids of %d sentences", len(ids), w.sentences)
			}
		})
	}
}
