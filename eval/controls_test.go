package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/model/ctrl"
	"tall/tensor"
)

// Every sentence is asked once; none of its own video, where that can be.
func TestShuffleSentences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var examples []tall.Example
		most := 0
		for v := range rapid.IntRange(1, 6).Draw(t, "videos") {
			k := rapid.IntRange(1, 8).Draw(t, "sentences")
			most = max(most, k)
			for range k {
				examples = append(examples, tall.Example{
					ID: fmt.Sprint(len(examples)), Video: fmt.Sprint(v),
					Sentence: tall.Sentence{Text: fmt.Sprint("s", len(examples))},
				})
			}
		}
		seed := rapid.Uint64().Draw(t, "seed")
		got, foreign := ShuffleSentences(examples, seed)
		asked := map[string]int{}
		for i, s := range got {
			asked[s.Text]++
			from := 0
			if _, err := fmt.Sscanf(s.Text, "s%d", &from); err != nil {
				t.Fatal(err)
			}
			if foreign[i] != (examples[from].Video != examples[i].Video) {
				t.Fatalf("sentence %s for video %s: foreign %v", s.Text, examples[i].Video, foreign[i])
			}
			if !foreign[i] && 2*most <= len(examples) {
				t.Fatalf("a sentence stayed with its video, though no video has more than half of them")
			}
		}
		if len(asked) != len(examples) {
			t.Fatalf("%d of %d sentences asked", len(asked), len(examples))
		}
		again, _ := ShuffleSentences(examples, seed)
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

// What one of the video's own sentences says is not foreign to it, wherever it
// comes from; vectors without text are told apart by their values.
func TestShuffleSentences_SameWordsAreNotForeign(t *testing.T) {
	examples := []tall.Example{
		{ID: "1", Video: "a", Sentence: tall.Sentence{Text: "same", Vector: []float32{1}}},
		{ID: "2", Video: "b", Sentence: tall.Sentence{Text: "same", Vector: []float32{2}}},
	}
	if _, foreign := ShuffleSentences(examples, 1); foreign[0] || foreign[1] {
		t.Error("a sentence of the same words counts as foreign")
	}
	for i := range examples {
		examples[i].Sentence.Text = ""
	}
	if _, foreign := ShuffleSentences(examples, 1); !foreign[0] || !foreign[1] {
		t.Error("other vectors do not count as foreign")
	}
}

// Exchanging answers is exchanging the contents of windows: CTRL on features
// whose rows were exchanged says the same.
func TestShuffleWindows_IsWhatTheModelSaysOfExchangedFeatures(t *testing.T) {
	o, err := ctrl.Preset("paddle")
	if err != nil {
		t.Fatal(err)
	}
	o.VisualDim, o.SentenceDim, o.SemanticDim, o.HiddenDim = 12, 8, 8, 8
	model, err := ctrl.New(tensor.NewCPU(1), o, 1)
	if err != nil {
		t.Fatal(err)
	}
	const n = 40
	rng := rand.New(rand.NewPCG(1, 1))
	video := &tall.Features{Video: "v", FPS: 29.4, Streams: []tall.Stream{{N: n, D: o.VisualDim}}}
	for i := range n {
		start := float64(26 * (i / 2))
		video.Spans = append(video.Spans, tall.Span{Start: start, End: start + 128*float64(1+i%2)})
		for range o.VisualDim {
			video.Streams[0].Data = append(video.Streams[0].Data, float32(rng.NormFloat64()))
		}
	}
	s := tall.Sentence{Text: "a", Vector: make([]float32, o.SentenceDim)}
	for i := range s.Vector {
		s.Vector[i] = float32(rng.NormFloat64())
	}
	l := ctrl.NewLocalizer(model, ctrl.LocalizerOptions{})
	before := localize(t, l, video, s)[0]
	got := ShuffleWindows(before, 7)

	// Which content each place got, told by its score.
	data := make([]float32, 0, n*o.VisualDim)
	moved := 0
	for i := range n {
		from := -1
		for k := range n {
			if before.Scores[k] == got.Scores[i] {
				from = k
			}
		}
		if from < 0 || video.Spans[from].Len() != video.Spans[i].Len() {
			t.Fatalf("window %d has the score of %d", i, from)
		}
		if from != i {
			moved++
		}
		data = append(data, video.Streams[0].Data[from*o.VisualDim:][:o.VisualDim]...)
	}
	if moved < n/2 {
		t.Errorf("%d of %d windows moved", moved, n)
	}
	video.Streams[0].Data = data
	want := localize(t, l, video, s)[0]
	if diff := cmp.Diff(want.Scores, got.Scores); diff != "" {
		t.Error(diff)
	}
	for i := range want.Spans {
		// Adding and taking off a window's place rounds at 1e-13 of a frame.
		if math.Abs(want.Spans[i].Start-got.Spans[i].Start) > 1e-9 || math.Abs(want.Spans[i].End-got.Spans[i].End) > 1e-9 {
			t.Errorf("window %d: %v, want %v", i, got.Spans[i], want.Spans[i])
		}
	}
	// All sentences of a video see the same exchange.
	s.Vector[0]++
	other := localize(t, l, video, s)[0]
	a, b := ShuffleWindows(want, 3), ShuffleWindows(other, 3)
	for i := range a.Scores {
		for k := range want.Scores {
			if want.Scores[k] == a.Scores[i] && other.Scores[k] != b.Scores[i] {
				t.Fatalf("window %d: another exchange for another sentence", i)
			}
		}
	}
}

func TestNegatives_AgainstTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		score := rapid.IntRange(-3, 3) // equal scores are common
		own := rapid.SliceOfN(score, 1, 60).Draw(t, "own")
		foreign := rapid.SliceOfN(score, 1, 60).Draw(t, "foreign")
		n := &Negatives{Seed: 4}
		for _, v := range own {
			n.Add(tall.Scored{Scores: []float32{-9, float32(v), float32(math.NaN())}}, false)
		}
		for _, v := range foreign {
			n.Add(tall.Scored{Scores: []float32{float32(v)}}, true)
		}
		r, err := n.Report()
		if err != nil {
			t.Fatal(err)
		}
		auc := 0.0
		for _, a := range own {
			for _, b := range foreign {
				switch {
				case a > b:
					auc++
				case a == b:
					auc += 0.5
				}
			}
		}
		auc /= float64(len(own) * len(foreign))
		if math.Abs(auc-r.AUC) > 1e-12 { // sums in another order
			t.Fatalf("AUC %v, want %v", r.AUC, auc)
		}
		above := func(list []int, threshold float64) float64 {
			k := 0
			for _, v := range list {
				if float64(v) > threshold {
					k++
				}
			}
			return float64(k) / float64(len(list))
		}
		if r.Alarms > FalseAlarms || r.Alarms != above(foreign, r.Threshold) || r.Accepted != above(own, r.Threshold) {
			t.Fatalf("%+v", r)
		}
		for v := -3; float64(v) < r.Threshold; v++ {
			if above(foreign, float64(v)) <= FalseAlarms {
				t.Fatalf("threshold %v, and %d would do", r.Threshold, v)
			}
		}
		if r.Own != len(own) || r.Foreign != len(foreign) || r.Seed != 4 {
			t.Fatalf("%+v", r)
		}
	})
}

func TestNegatives_WithoutAnswers(t *testing.T) {
	n := &Negatives{}
	n.Add(tall.Scored{Scores: []float32{1}}, false)
	if _, err := n.Report(); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
	n.Add(tall.Scored{}, true) // a video without windows
	r, err := n.Report()
	if err != nil || r.AUC != 1 || r.Accepted != 1 || r.Alarms != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// Baselines, warnings and negatives travel in eval.json; a table above its
// baselines warns of nothing.
func TestTable_Baselines(t *testing.T) {
	f := video(40)
	truth := tall.Example{ID: "1", Video: "v", FPS: 1, Truth: []tall.Span{{Start: 100, End: 120}}}
	good, bad := scorer(t, Options{}), scorer(t, Options{})
	hit := answer(f, make([]float32, len(f.Spans)))
	hit.Scores[10] = 1
	if err := errors.Join(good.Add(hit, truth), bad.Add(answer(f, make([]float32, len(f.Spans))), truth)); err != nil {
		t.Fatal(err)
	}
	table := good.Table()
	table.SetBaselines([]Baseline{{Name: "b", About: "about", Table: bad.Table()}})
	table.Absent, table.Negatives = []string{"c: why"}, &NegativeReport{AUC: 0.5}
	if len(table.Warnings) > 0 {
		t.Error(table.Warnings)
	}
	path := t.TempDir() + "/eval.json"
	if err := table.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	again, err := ReadTable(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(table, again, cmp.AllowUnexported(Row{}, NMS{})); diff != "" {
		t.Error(diff)
	}
	if len(table.Baselines[0].Table.Videos) > 0 || len(table.Videos) == 0 {
		t.Error("of baselines the totals are kept, of the result all")
	}
	worse := bad.Table()
	worse.SetBaselines([]Baseline{{Name: "b", About: "about", Table: good.Table()}})
	if len(worse.Warnings) != 1 || !strings.Contains(worse.Warnings[0], "not above b: R@1 at IoU 0.1 0.0000, 1.0000 there") {
		t.Error(worse.Warnings)
	}
}
