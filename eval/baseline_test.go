package eval

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
)

func localize(t testing.TB, l tall.Localizer, video *tall.Features, sentences ...tall.Sentence) []tall.Scored {
	t.Helper()
	p, err := l.Prepare(context.Background(), video)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Localize(context.Background(), sentences)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func video(windows int) *tall.Features {
	f := &tall.Features{Video: "v", FPS: 1}
	for i := range windows {
		f.Spans = append(f.Spans, tall.Span{Start: float64(10 * i), End: float64(10*i + 20)})
	}
	return f
}

// R@1 of chance is the share of windows that hit: 3 of 40 here at IoU 0.3. The
// tolerance is four standard deviations of the mean of 4000 draws.
func TestChance_HasTheRecallOfChance(t *testing.T) {
	f := video(40)
	truth := tall.Example{Video: "v", FPS: 1, Truth: []tall.Span{{Start: 100, End: 120}}}
	want := 0.0
	for _, w := range f.Spans {
		if tall.HullIoU(w, truth.Truth[0]) >= 0.3 {
			want += 1 / float64(len(f.Spans))
		}
	}
	const draws = 4000
	s := scorer(t, Options{IoU: []float64{0.3}})
	for seed := range uint64(draws) {
		if err := s.Add(localize(t, Chance{seed}, f, tall.Sentence{Text: "x"})[0], truth); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := s.Table().Recall(1, 0.3)
	if tol := 4 * math.Sqrt(want*(1-want)/draws); math.Abs(got-want) > tol {
		t.Errorf("R@1 %v, want %v within %v", got, want, tol)
	}
}

func TestChance_DependsOnSentenceNotOnBatch(t *testing.T) {
	f := video(30)
	a, b := tall.Sentence{Text: "a"}, tall.Sentence{Vector: []float32{1, 2}}
	both := localize(t, Chance{7}, f, a, b)
	if diff := cmp.Diff(both[1:], localize(t, Chance{7}, f, b)); diff != "" {
		t.Errorf("another batch, another answer: %s", diff)
	}
	if cmp.Equal(both[0].Scores, both[1].Scores) || cmp.Equal(both[0], localize(t, Chance{8}, f, a)[0]) {
		t.Error("sentences or seeds share an order")
	}
}

// Training sentences all lie in the last tenth of their videos; so does the
// prior's first guess, in a video of any length.
func TestPrior_RanksByPlace(t *testing.T) {
	var train []tall.Example
	for i := range 5000 {
		d := float64(100 + i%50)
		train = append(train, tall.Example{Video: "t", Duration: d, FPS: 2, Truth: []tall.Span{{Start: 2 * 0.9 * d, End: 2 * d}, {Start: 3, End: 1}}})
	}
	p, err := FitPrior(train, PriorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f := video(19) // 200 s: the last window is 180-200
	got := localize(t, p, f, tall.Sentence{Text: "a"}, tall.Sentence{Text: "b"})
	if best := tall.Rank(got[0].Scores)[0]; best != 18 {
		t.Errorf("best window %d", best)
	}
	if diff := cmp.Diff(got[0], got[1]); diff != "" {
		t.Errorf("the sentence matters: %s", diff)
	}
	// IoU of 180-200 of 200 s with the last tenth is 1.
	if v := got[0].Scores[18]; math.Abs(float64(v)-1) > 1e-6 { // float32 of a mean
		t.Errorf("score %v", v)
	}
	if _, err := FitPrior([]tall.Example{{Video: "x"}}, PriorOptions{}); err == nil {
		t.Error("a prior of nothing")
	}
}
