package eval

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
)

// bruteRecall is the protocol written down once more, as slowly and plainly as
// possible and from nothing of package tall: the oracle for Scorer.
func bruteRecall(n int, t, nms float64, answer tall.Scored, truth tall.Span) bool {
	var left []int
	for i := range answer.Scores {
		left = append(left, i)
	}
	for range n {
		// The best that is left; of equals the last, of NaN nothing is better.
		at := -1
		for k, i := range left {
			if at < 0 || answer.Scores[i] >= answer.Scores[left[at]] || isNaN(answer.Scores[left[at]]) {
				at = k
			}
		}
		if at < 0 {
			return false
		}
		b := answer.Spans[left[at]]
		common := math.Min(b.End, truth.End) - math.Max(b.Start, truth.Start)
		hull := math.Max(b.End, truth.End) - math.Min(b.Start, truth.Start)
		if hull != 0 && common/hull >= t {
			return true
		}
		var rest []int
		for k, i := range left {
			o := answer.Spans[i]
			common := math.Max(0, math.Min(b.End, o.End)-math.Max(b.Start, o.Start))
			union := (b.End - b.Start) + (o.End - o.Start) - common
			if k != at && (union == 0 || common/union <= nms) {
				rest = append(rest, i)
			}
		}
		left = rest
	}
	return false
}

func isNaN(v float32) bool { return v != v }

func scorer(t testing.TB, o Options) *Scorer {
	t.Helper()
	s, err := NewScorer(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScorer_AgreesWithBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "windows")
		// Few values, so that ties, equal spans and exact thresholds are common.
		point := rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(-4, 20).Draw(t, "p")) })
		score := rapid.OneOf(rapid.Float32Range(-1, 1), rapid.SampledFrom([]float32{0, 1, float32(math.NaN()), float32(math.Inf(1))}))
		a := tall.Scored{Video: "v"}
		for range n {
			a.Spans = append(a.Spans, tall.Span{Start: point.Draw(t, "s"), End: point.Draw(t, "e")}) // may be reversed
			a.Scores = append(a.Scores, score.Draw(t, "score"))
		}
		truth := tall.Span{Start: point.Draw(t, "gs")}
		truth.End = truth.Start + float64(rapid.IntRange(1, 12).Draw(t, "len"))
		fix := rapid.Float64Range(0, 1).Draw(t, "fixed")
		for _, nms := range []NMS{Moving(), Fixed(fix), None()} {
			o := Options{IoU: []float64{0.1, 0.25, 0.5, 0.7}, NMS: nms}
			s, err := NewScorer(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Add(a, tall.Example{Video: "v", Truth: []tall.Span{truth}}); err != nil {
				t.Fatal(err)
			}
			got := s.Table()
			for i, iou := range got.IoU {
				limit, ok := nms.Threshold(iou)
				if !ok {
					limit = math.Inf(1)
				}
				for j, top := range got.Top {
					want := 0
					if bruteRecall(top, iou, limit, a, truth) {
						want = 1
					}
					if got.Total.Hits[i][j] != want {
						t.Fatalf("R@%d IoU %v, NMS %v: %d, want %d", top, iou, nms, got.Total.Hits[i][j], want)
					}
				}
			}
		}
	})
}

// reference is testdata/reference.json.
type reference struct {
	IoU    []float64
	Top    []int
	Movies []struct {
		Name      string
		Hits      [][]int
		Sentences []struct {
			Starts, Ends []float64
			Scores       []float32
			Truth        [2]float64
		}
	}
	Total [][]int
}

func readReference(t *testing.T) reference {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref reference
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

// scored returns the answers of a movie and their examples.
func (ref reference) scored(m int) (answers []tall.Scored, examples []tall.Example) {
	movie := ref.Movies[m]
	for _, s := range movie.Sentences {
		a := tall.Scored{Video: movie.Name, FPS: 29.4, Scores: s.Scores}
		for i := range s.Starts {
			a.Spans = append(a.Spans, tall.Span{Start: s.Starts[i], End: s.Ends[i]})
		}
		answers = append(answers, a)
		examples = append(examples, tall.Example{Video: movie.Name, FPS: 29.4, Truth: []tall.Span{{Start: s.Truth[0], End: s.Truth[1]}}})
	}
	return answers, examples
}

func (ref reference) table(t *testing.T, o Options) *Table {
	t.Helper()
	s := scorer(t, o)
	for m := range ref.Movies {
		answers, examples := ref.scored(m)
		for k := range answers {
			if err := s.Add(answers[k], examples[k]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s.Table()
}

// Counts recorded from Python, for every movie, threshold and n, ties included.
func TestScorer_RecordedFromPython(t *testing.T) {
	ref := readReference(t)
	got := ref.table(t, Options{IoU: ref.IoU, Top: ref.Top})
	if diff := cmp.Diff(ref.Total, got.Total.Hits); diff != "" {
		t.Errorf("total: %s", diff)
	}
	sentences := 0
	for i, m := range ref.Movies {
		if got.Videos[i].Video != m.Name || got.Videos[i].Sentences != len(m.Sentences) {
			t.Errorf("row %d is %s with %d sentences", i, got.Videos[i].Video, got.Videos[i].Sentences)
		}
		if diff := cmp.Diff(m.Hits, got.Videos[i].Hits); diff != "" {
			t.Errorf("%s: %s", m.Name, diff)
		}
		sentences += len(m.Sentences)
	}
	if got.Total.Sentences != sentences {
		t.Errorf("%d sentences, want %d", got.Total.Sentences, sentences)
	}
}

func TestScorer_TiesTakeTheLaterWindow(t *testing.T) {
	a := tall.Scored{
		Video:  "v",
		Spans:  []tall.Span{{Start: 0, End: 10}, {Start: 100, End: 110}},
		Scores: []float32{1, 1},
	}
	s := scorer(t, Options{})
	for _, g := range a.Spans {
		if err := s.Add(a, tall.Example{Video: "v", Truth: []tall.Span{g}}); err != nil {
			t.Fatal(err)
		}
	}
	got := s.Table()
	if r1, _ := got.Recall(1, 0.5); r1 != 0.5 {
		t.Errorf("R@1 %v: the later of two equals comes first, and only it", r1)
	}
	if r5, _ := got.Recall(5, 0.5); r5 != 1 {
		t.Errorf("R@5 %v", r5)
	}
}

// A moment that overlaps the truth by exactly t is a hit; one that overlaps a
// kept moment by exactly the suppression threshold stays.
func TestScorer_Boundaries(t *testing.T) {
	a := tall.Scored{
		Video: "v",
		Spans: []tall.Span{
			{Start: 0, End: 10}, // best; IoU with the next is 5/10
			{Start: 0, End: 5},
		},
		Scores: []float32{2, 1},
	}
	s := scorer(t, Options{IoU: []float64{0.5, 1}, NMS: Fixed(0.5)})
	if err := s.Add(a, tall.Example{Video: "v", Truth: []tall.Span{{Start: 0, End: 5}}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]int{{1, 1, 1}, {0, 1, 1}}, s.Table().Total.Hits); diff != "" {
		t.Error(diff)
	}
	if got := s.Table().Total.MeanIoU(); got != 0.5 {
		t.Errorf("mean IoU %v", got)
	}
}

func TestScorer_NotFiniteEmptyAndReversed(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	truth := tall.Example{Video: "v", Truth: []tall.Span{{Start: 0, End: 10}}}
	s := scorer(t, Options{})
	for _, a := range []tall.Scored{
		{},
		{Spans: []tall.Span{{Start: nan, End: 10}}, Scores: []float32{1}},
		{Spans: []tall.Span{{Start: 0, End: inf}}, Scores: []float32{1}},
		{Spans: []tall.Span{{Start: 0, End: 10}, {Start: 50, End: 60}}, Scores: []float32{float32(nan), -9}}, // NaN is last
		{Spans: []tall.Span{{Start: 10, End: 0}}, Scores: []float32{1}},                                      // reversed
	} {
		a.Video = "v"
		if err := s.Add(a, truth); err != nil {
			t.Fatal(err)
		}
	}
	got := s.Table().Total
	if got.Sentences != 5 || got.Empty != 1 || got.NotFinite != 3 {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]int{0, 1, 1}, got.Hits[2]); diff != "" {
		t.Errorf("only the window with a NaN score holds the truth, at the second place: %s", diff)
	}
	if m := got.MeanIoU(); m != 0 {
		t.Errorf("mean IoU %v", m)
	}
}

func TestScorer_BestOfSeveralTruths(t *testing.T) {
	a := tall.Scored{Video: "v", Spans: []tall.Span{{Start: 20, End: 30}}, Scores: []float32{1}}
	s := scorer(t, Options{})
	if err := s.Add(a, tall.Example{Video: "v", Truth: []tall.Span{{Start: 0, End: 10}, {Start: 20, End: 30}}}); err != nil {
		t.Fatal(err)
	}
	if r, _ := s.Table().Recall(1, 0.7); r != 1 {
		t.Errorf("R@1 %v", r)
	}
}

// Annotations are in seconds, TACoS's answers in frames.
func TestScorer_BringsClocksTogether(t *testing.T) {
	a := tall.Scored{Video: "v", FPS: 25, Spans: []tall.Span{{Start: 100, End: 200}}, Scores: []float32{1}}
	s := scorer(t, Options{})
	for _, e := range []tall.Example{
		{Video: "v", FPS: 1, Truth: []tall.Span{{Start: 4, End: 8}}},
		{Video: "v", FPS: 50, Truth: []tall.Span{{Start: 200, End: 400}}},
		{Video: "v", FPS: 25, Truth: []tall.Span{{Start: 100, End: 200}}},
	} {
		if err := s.Add(a, e); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Table().Total.MeanIoU(); got != 1 {
		t.Errorf("mean IoU %v", got)
	}
}

func TestScorer_Refuses(t *testing.T) {
	s := scorer(t, Options{})
	one := []tall.Span{{Start: 0, End: 1}}
	for name, tt := range map[string]struct {
		a    tall.Scored
		e    tall.Example
		want error
	}{
		"no truth":    {tall.Scored{Video: "v", Spans: one, Scores: []float32{1}}, tall.Example{Video: "v"}, tall.ErrMissing},
		"other video": {tall.Scored{Video: "w"}, tall.Example{Video: "v", Truth: one}, tall.ErrShape},
		"lengths":     {tall.Scored{Video: "v", Spans: one}, tall.Example{Video: "v", Truth: one}, tall.ErrShape},
	} {
		if err := s.Add(tt.a, tt.e); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := s.Table(); got.Total.Sentences != 0 || got.Total.MeanIoU() != 0 || got.Total.Recall(0, 0) != 0 {
		t.Errorf("refused sentences were counted: %+v", got.Total)
	}
	for _, o := range []Options{{IoU: []float64{0}}, {IoU: []float64{1.5}}, {IoU: []float64{math.NaN()}}, {Top: []int{0}}} {
		if _, err := NewScorer(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestOptions_SortedAndUnique(t *testing.T) {
	iou := []float64{0.5, 0.1, 0.5}
	s := scorer(t, Options{IoU: iou, Top: []int{5, 1, 5}})
	got := s.Table()
	if !slices.Equal(got.IoU, []float64{0.1, 0.5}) || !slices.Equal(got.Top, []int{1, 5}) || iou[0] != 0.5 {
		t.Errorf("IoU %v, top %v, the caller's %v", got.IoU, got.Top, iou)
	}
}

func TestParseNMS(t *testing.T) {
	for text, want := range map[string]NMS{"": Moving(), "moving": Moving(), "none": None(), "0.45": Fixed(0.45), "0": Fixed(0)} {
		got, err := ParseNMS(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := ParseNMS(got.String()); err != nil || again != got {
			t.Errorf("%q: %v does not read back", text, got)
		}
	}
	for _, text := range []string{"x", "-1", "2", "NaN"} {
		if _, err := ParseNMS(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	// The float64 that Python gets for 0.5 - 0.05.
	if v, ok := Moving().Threshold(0.5); !ok || v != 0.45 {
		t.Errorf("threshold %v", v)
	}
}

// tacos is a movie of the size that TACoS's test movies have.
func tacos(windows, sentences int) (answers []tall.Scored, examples []tall.Example) {
	rng := rand.New(rand.NewPCG(1, 2))
	for k := range sentences {
		a := tall.Scored{Video: "v"}
		for i := range windows {
			start := float64(26*i+1) + 60*rng.NormFloat64()
			a.Spans = append(a.Spans, tall.Span{Start: start, End: start + 128*float64(1+i%2) + 60*rng.NormFloat64()})
			a.Scores = append(a.Scores, float32(rng.NormFloat64()))
		}
		answers = append(answers, a)
		start := float64(k * 26 * windows / sentences)
		examples = append(examples, tall.Example{Video: "v", Truth: []tall.Span{{Start: start, End: start + 300}}})
	}
	return answers, examples
}

// 25 movies of 160 sentences and 1000 windows take about a second, one 30 ms.
// The bound leaves room for the race detector on a busy machine; suppression
// that looks at all pairs of windows needs a hundred times more.
func TestScorer_Fast(t *testing.T) {
	answers, examples := tacos(1000, 160)
	s := scorer(t, Options{IoU: []float64{0.1, 0.2, 0.3, 0.4, 0.5}})
	start := time.Now()
	for k := range answers {
		if err := s.Add(answers[k], examples[k]); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("one movie took %v", d)
	}
}

func BenchmarkScorer_Movie(b *testing.B) {
	answers, examples := tacos(1000, 160)
	for b.Loop() {
		s := scorer(b, Options{IoU: []float64{0.1, 0.2, 0.3, 0.4, 0.5}})
		for k := range answers {
			if err := s.Add(answers[k], examples[k]); err != nil {
				b.Fatal(err)
			}
		}
	}
}
