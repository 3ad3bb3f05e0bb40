package dataset

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"tall"
)

// fuzzReader checks a reader on any bytes: it takes them or refuses them by name;
// nothing is dropped unless asked for, and what a repair leaves is right.
func fuzzReader(f *testing.F, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
		f.Add([]byte(s[:len(s)/2]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func(repair Repair) (*gathering, int, error) {
			g := newGathering(CorpusOptions{Repair: repair})
			err := readerOf(name)(bytes.NewReader(data), corpusFile{"f", "test"}, g)
			n := len(g.records)
			g.check()
			return g, n, err
		}
		g, n, err := read(RepairNone)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) || !strings.HasPrefix(err.Error(), "f:") {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		c := g.corpus(name)
		if len(c.Examples) != n || n > len(data) {
			t.Fatalf("%d examples of %d, in %d bytes", len(c.Examples), n, len(data))
		}
		for _, e := range c.Examples {
			if e.ID == "" || e.Video == "" || e.FPS <= 0 || e.Duration < 0 || math.IsNaN(e.Duration) || math.IsInf(e.Duration, 0) {
				t.Fatalf("%+v", e)
			}
		}
		for _, found := range c.Findings {
			if found.Count == 0 || len(found.Places) == 0 || len(found.Places) > mostPlaces || found.Remedy == "" {
				t.Fatalf("%+v", found)
			}
		}
		for id, s := range c.Saliency {
			if len(s.Clips) != len(s.Scores) || s.ClipLen <= 0 {
				t.Fatalf("%s: %+v", id, s)
			}
		}

		clamped, n, _ := read(RepairClamp)
		for _, r := range clamped.records {
			for _, s := range r.Truth {
				if clamped.found[notCut] == nil && (!s.Valid() || s.Start < 0 || r.end > 0 && s.End > r.end) {
					t.Fatalf("%v is left of %+v", s, r)
				}
			}
		}
		if len(clamped.records) != n {
			t.Fatalf("%d of %d examples are left", len(clamped.records), n)
		}

		dropped, n, _ := read(RepairDrop)
		ids := map[string]bool{}
		for _, r := range dropped.records {
			for _, s := range r.Truth {
				if !s.Valid() || s.Start < 0 || r.end > 0 && s.End > r.end {
					t.Fatalf("%v is left of %+v", s, r)
				}
			}
			if ids[r.ID] || !utf8.ValidString(r.Sentence.Text+r.Video) {
				t.Fatalf("%+v", r)
			}
			ids[r.ID] = true
		}
		left := n - len(dropped.records)
		if found := dropped.found[leftExamples]; left != 0 && (found == nil || found.Count != left) {
			t.Fatalf("%d examples are left out, and %+v says so", left, found)
		}
	})
}

func FuzzTACoS2DTAN(f *testing.F) { fuzzReader(f, TACoS2DTAN, tacosJSON) }

func FuzzActivityNet(f *testing.F) {
	fuzzReader(f, ActivityNet,
		`{"v_a": {"duration": 60.5, "timestamps": [[0, 60.5], [12.25, 3]], "sentences": ["A dog barks.", " It runs."]}}`,
		`{"v_a": {"sentences": ["\ud83d"], "timestamps": [[NaN, -1]], "duration": -Infinity}, "v_a": {"sentences": [], "timestamps": [], "duration": 1}}`)
}

func FuzzCharadesSTA(f *testing.F) {
	fuzzReader(f, CharadesSTA, "AAAAA 0.0 6.9##a person ## sits.\r\n\nAAAAA 5 1e2##a caf\xe9.\nBBBBB -1 nan##x")
}

func FuzzQVHighlights(f *testing.F) {
	fuzzReader(f, QVHighlights, `{"qid": 7, "query": "A man", "duration": 10, "vid": "v", "relevant_windows": [[0, 4], [6, 12]], "relevant_clip_ids": [0, 9], "saliency_scores": [[1, 2, 3], [0, 4, 5]]}`+"\n"+
		`{"query": "A cat", "qid": "x-8", "vid": "w", "more": [{}]}`+"\n")
}

func FuzzDiDeMo(f *testing.F) {
	fuzzReader(f, DiDeMo, `[{"num_segments": 6, "description": "a bug", "dl_link": "https://x", "times": [[4, 4], [2, 0], [5, 6]], "video": "1@N04.m4v", "annotation_id": 31}]`)
}

func FuzzAnnotations(f *testing.F) {
	fuzzReader(f, Annotations, goodLine+"\n"+strings.Replace(goodLine, "a#0", "b", 1))
}

// Durations in either text form are read or refused by name.
func FuzzDurations(f *testing.F) {
	f.Add([]byte("id,actions,length\r\nAAAAA,\"c1 0 1;\n c2\",12.5\r\nDDDDD,,-3\r\nCCCCC,,\r\n"))
	f.Add([]byte(`{"a": 12, "b": NaN}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func(into map[string]float64) error{
			func(into map[string]float64) error { return readDurationCSV(bytes.NewReader(data), "f", into) },
			func(into map[string]float64) error { return readDurationJSON(bytes.NewReader(data), "f", into) },
		} {
			if err := read(map[string]float64{}); err != nil && (!errors.Is(err, tall.ErrFormat) || !strings.HasPrefix(err.Error(), "f:")) {
				t.Fatal(err)
			}
		}
		if kind, err := sniff(bytes.NewReader(data), "f"); err != nil && !errors.Is(err, tall.ErrFormat) {
			t.Fatal(kind, err)
		}
	})
}
