package eval

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
)

func ptr(v float64) *float64 { return &v }

// The line that docs/formats.md shows.
const documented = `{"id":"s27-d50.avi_233_485#0","video":"s27-d50.avi","sentence":"He took out a glass","nms":0.45,"moments":[{"start":7.51,"end":16.9,"score":1.25},{"start":40.8,"end":52.04,"score":-0.5}]}`

func documentedPrediction() Prediction {
	return Prediction{
		ID: "s27-d50.avi_233_485#0", Video: "s27-d50.avi", Sentence: "He took out a glass", NMS: ptr(0.45),
		Moments: []Found{{tall.Span{Start: 7.51, End: 16.9}, 1.25}, {tall.Span{Start: 40.8, End: 52.04}, -0.5}},
	}
}

func TestPredictions_DocumentedLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "predictions.jsonl")
	if err := WritePredictions(path, []Prediction{documentedPrediction(), {ID: "q", Video: "v"}}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := documented + "\n" + `{"id":"q","video":"v","sentence":"","moments":[]}` + "\n"
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Error(diff)
	}
	got, err := ReadPredictions(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Prediction{documentedPrediction(), {ID: "q", Video: "v", Moments: []Found{}}}, got); diff != "" {
		t.Error(diff)
	}
	doc, err := os.ReadFile("../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(doc, []byte(documented)) {
		t.Error("docs/formats.md shows another line")
	}
}

func TestReadPredictions_Faults(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"unknown key": {`{"id":"a","video":"v","sentence":"","moments":[],"fps":3}`, "fps"},
		"no id":       {`{"video":"v","sentence":"","moments":[]}`, "id"},
		"empty id":    {`{"id":"","video":"v","sentence":"","moments":[]}`, "empty"},
		"empty video": {`{"id":"a","video":"","sentence":"","moments":[]}`, "empty"},
		"nms":         {`{"id":"a","video":"v","sentence":"","nms":2,"moments":[]}`, "from 0 to 1"},
		"null":        {`{"id":"a","video":"v","sentence":"","moments":null}`, "moments"},
		"order":       {`{"id":"a","video":"v","sentence":"","moments":[{"start":0,"end":1,"score":1},{"start":0,"end":1,"score":2}]}`, "best first"},
		"no score":    {`{"id":"a","video":"v","sentence":"","moments":[{"start":0,"end":1}]}`, "score"},
		"twice":       {documented + "\n" + documented, ":2: "},
		"cut":         {documented + "\n" + documented[:40], "half written"},
	} {
		_, err := DecodePredictions(strings.NewReader(tt.text), "p.jsonl")
		if !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "p.jsonl:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadPredictions(filepath.Join(t.TempDir(), "none")); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
}

func TestWritePredictions_Refuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.jsonl")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	ok := documentedPrediction()
	bad := map[string]struct {
		p    Prediction
		want error
	}{
		"NaN score":  {Prediction{ID: "b", Video: "v", Moments: []Found{{Score: math.NaN()}}}, tall.ErrNotFinite},
		"infinite":   {Prediction{ID: "b", Video: "v", Moments: []Found{{Span: tall.Span{End: math.Inf(1)}}}}, tall.ErrNotFinite},
		"order":      {Prediction{ID: "b", Video: "v", Moments: []Found{{Score: 1}, {Score: 2}}}, tall.ErrFormat},
		"id twice":   {ok, tall.ErrFormat},
		"no video":   {Prediction{ID: "b"}, tall.ErrFormat},
		"not UTF-8":  {Prediction{ID: "b", Video: "v\xff"}, tall.ErrFormat},
		"nms beyond": {Prediction{ID: "b", Video: "v", NMS: ptr(1.5)}, tall.ErrFormat},
	}
	for name, tt := range bad {
		if err := WritePredictions(path, []Prediction{ok, tt.p}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "old" {
		t.Errorf("the old file was touched: %q %v", data, err)
	}
}

func TestNewPrediction(t *testing.T) {
	e := tall.Example{ID: "x", Video: "v", Sentence: tall.Sentence{Text: "he cuts"}}
	a := tall.Scored{
		Video: "v", FPS: 10,
		Spans:  []tall.Span{{Start: 0, End: 100}, {Start: 5, End: 100}, {Start: 200, End: 150}, {Start: 300, End: 400}},
		Scores: []float32{0.5, 1.2, 3, -1},
	}
	got := NewPrediction(e, a, 0.45, 3)
	want := Prediction{ID: "x", Video: "v", Sentence: "he cuts", NMS: ptr(0.45), Moments: []Found{
		{tall.Span{Start: 20, End: 15}, 3}, // reversed spans are carried
		{tall.Span{Start: 0.5, End: 10}, 1.2},
		{tall.Span{Start: 30, End: 40}, -1},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A predictions file that lists enough gives the table that scoring the answers
// gives, where the suppression is the file's.
func TestScorePredictions_AgreesWithScorer(t *testing.T) {
	ref := readReference(t)
	var predictions []Prediction
	var examples []tall.Example
	for m := range ref.Movies {
		answers, es := ref.scored(m)
		for k, a := range answers {
			// In seconds both, as files are; 1 keeps the numbers as they are.
			a.FPS, es[k].FPS = 1, 1
			es[k].ID = ref.Movies[m].Name + "#" + string(rune('a'+k))
			predictions = append(predictions, NewPrediction(es[k], a, 0.45, 10))
			examples = append(examples, es[k])
		}
	}
	got, err := ScorePredictions(predictions, examples, Options{NMS: None()})
	if err != nil {
		t.Fatal(err)
	}
	want := ref.table(t, Options{NMS: Fixed(0.45)})
	want.NMS = None()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(NMS{}, Row{})); diff != "" {
		t.Error(diff)
	}
}

func TestScorePredictions_Joins(t *testing.T) {
	span := []tall.Span{{Start: 0, End: 1}}
	examples := []tall.Example{{ID: "a", Video: "v", Truth: span}, {ID: "b", Video: "v", Truth: span}, {ID: "query", Video: "v"}}
	hit := Prediction{ID: "a", Video: "v", Moments: []Found{{Span: span[0]}}}
	got, err := ScorePredictions([]Prediction{hit, {ID: "query", Video: "v"}}, examples, Options{NMS: None()})
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := got.Recall(1, 0.5); r != 0.5 || got.Total.Sentences != 2 || got.Total.Empty != 1 {
		t.Errorf("a missing prediction is a miss: %+v", got.Total)
	}
	if _, err := ScorePredictions([]Prediction{hit, {ID: "z", Video: "v"}}, examples, Options{}); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "z") {
		t.Error(err)
	}
	if _, err := ScorePredictions([]Prediction{{ID: "a", Video: "w"}}, examples, Options{}); !errors.Is(err, tall.ErrShape) {
		t.Error(err)
	}
}

func FuzzPredictions(f *testing.F) {
	f.Add([]byte(documented + "\n"))
	f.Add([]byte(`{"id":"q","video":"v","sentence":"","moments":[]}` + "\r\n\n"))
	f.Add([]byte(`{"version":2,"id":"q"}`))
	f.Add([]byte(`{"id":"\ud83d\ude00","video":"v","sentence":"\u0000","nms":1e-400,"moments":[{"start":-0,"end":1e308,"score":0}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := DecodePredictions(bytes.NewReader(data), "f.jsonl")
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) {
				t.Fatalf("%v wraps no sentinel", err)
			}
			return
		}
		// What can be read can be written, and reads back as the same.
		path := filepath.Join(t.TempDir(), "p.jsonl")
		if err := WritePredictions(path, read); err != nil {
			t.Fatal(err)
		}
		again, err := ReadPredictions(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
