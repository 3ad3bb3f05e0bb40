package calibrate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tall"
)

func TestBank(t *testing.T) {
	bank := Bank()
	seen := map[string]bool{}
	words := map[int]bool{}
	for _, s := range bank {
		if s == "" || s != strings.TrimSpace(s) || seen[s] {
			t.Errorf("%q is empty, padded or there twice", s)
		}
		seen[s] = true
		words[len(strings.Fields(s))] = true
	}
	if len(bank) != 96 || len(words) < 8 {
		t.Errorf("%d sentences of %d lengths", len(bank), len(words))
	}
	if h := BankHash(); !strings.HasPrefix(h, "sha256:") || len(h) != 71 {
		t.Error(h)
	}
}

func gumbel(rng *rand.Rand, location, scale float64) float64 {
	return location + scale*reduced(1-rng.Float64())
}

// The fit finds the distribution that scores were drawn from.
func TestFit_Recovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	scores := make([]float64, 20000)
	for i := range scores {
		scores[i] = gumbel(rng, 3, 0.5)
	}
	n := Fit(scores)
	// The quartiles of 20,000 values err by less than 0.02 scales (one in 1,000 draws).
	if math.Abs(n.Location-3) > 0.02 || math.Abs(n.Scale-0.5) > 0.02 || n.Sentences != 20000 {
		t.Errorf("%+v", n)
	}
}

// Banks of 96 draws keep the promised rate on average, and a tenth of sentences that do
// fit the video costs little.
func TestFit_FalseAlarms(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for _, fitting := range []int{0, 10} {
		alarms, total := 0, 0
		for range 400 {
			scores := make([]float64, 96)
			for i := range scores {
				if scores[i] = gumbel(rng, 0, 1); i < fitting {
					scores[i] += 20
				}
			}
			limit := Fit(scores).Score(DefaultConfidence)
			for range 200 {
				if total++; gumbel(rng, 0, 1) > limit {
					alarms++
				}
			}
		}
		rate := float64(alarms) / float64(total)
		t.Logf("%d of 96 fit the video: %.1f %% false alarms", fitting, 100*rate)
		// Fitting sentences raise the limit; the spread of the fit adds a little.
		if rate > 0.06 || rate < 0.02 {
			t.Errorf("%d fit: false alarms %.3f, promised 0.05", fitting, rate)
		}
	}
}

func TestNull_Properties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		scores := rapid.SliceOfN(rapid.Float64Range(-100, 100), 8, 200).Draw(rt, "scores")
		n := Fit(scores)
		if !n.Known() {
			return
		}
		a := rapid.Float64Range(-1e3, 1e3).Draw(rt, "a")
		b := rapid.Float64Range(-1e3, 1e3).Draw(rt, "b")
		ca, cb := n.Confidence(a), n.Confidence(b)
		if !(ca >= 0 && ca <= 1) || a < b && ca > cb || a < b && n.FalseAlarm(a) < n.FalseAlarm(b) {
			rt.Fatalf("%+v: %v has %v, %v has %v", n, a, ca, b, cb)
		}
		if sum := ca + n.FalseAlarm(a); math.Abs(sum-1) > 1e-12 {
			rt.Fatalf("confidence and false alarm add up to %v", sum)
		}
		p := rapid.Float64Range(0.01, 0.999).Draw(rt, "p")
		if got := n.Confidence(n.Score(p)); math.Abs(got-p) > 1e-6 { // location and scale of any size cancel
			rt.Fatalf("%+v: confidence of the score of %v is %v", n, p, got)
		}
		// Another unit of scores, as another model has, changes no confidence.
		k, c := rapid.Float64Range(0.01, 100).Draw(rt, "k"), rapid.Float64Range(-10, 10).Draw(rt, "c")
		other := make([]float64, len(scores))
		for i, s := range scores {
			other[i] = k*s + c
		}
		if m := Fit(other); n.Scale > 1e-6 && math.Abs(m.Confidence(k*a+c)-ca) > 1e-5 {
			rt.Fatalf("in another unit %v, not %v", m.Confidence(k*a+c), ca)
		}
	})
}

func TestFit_Unknown(t *testing.T) {
	inf := math.Inf(-1)
	for name, scores := range map[string][]float64{
		"none": nil, "few": {1, 2, 3, 4, 5, 6, 7}, "same": slices.Repeat([]float64{2}, 50),
		"nothing found": slices.Repeat([]float64{inf}, 96), "nan": slices.Repeat([]float64{math.NaN()}, 96),
	} {
		n := Fit(scores)
		if n.Known() || n.Confidence(1) != 0 || !math.IsNaN(n.FalseAlarm(1)) {
			t.Errorf("%s: %+v", name, n)
		}
	}
	some := append(slices.Repeat([]float64{inf}, 50), 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if n := Fit(some); !n.Known() || n.Sentences != 9 || n.Confidence(math.NaN()) != 0 {
		t.Errorf("%+v", n)
	}
	// Far in the tail confidences are all 1; false alarms still differ.
	n := Null{Location: 0, Scale: 1}
	if n.Confidence(40) != 1 || n.FalseAlarm(41) >= n.FalseAlarm(40) || n.FalseAlarm(40) == 0 {
		t.Errorf("%v %v", n.FalseAlarm(40), n.FalseAlarm(41))
	}
}

// answers is a prepared video with three moments for every sentence: a score of the
// sentence's first value and one of 0, and of a larger one a moment that is not valid.
type answers struct {
	calls int
	err   error
}

func (a *answers) Localize(_ context.Context, sentences []tall.Sentence) ([]tall.Scored, error) {
	a.calls++
	var out []tall.Scored
	for _, s := range sentences {
		scored := tall.Scored{Spans: []tall.Span{{Start: 1, End: 2}, {Start: 2, End: 1}, {Start: 3, End: 4}}, Scores: []float32{s.Vector[0] + 7, 97, 7}}
		if s.Vector[0] == 0 {
			scored = tall.Scored{}
		}
		out = append(out, scored)
	}
	return out, a.err
}

func TestBest_Localize(t *testing.T) {
	var sentences []tall.Sentence
	for i := range 20 {
		sentences = append(sentences, tall.Sentence{Vector: []float32{float32(i)}})
	}
	a := &answers{}
	last := 0
	got, err := Best(t.Context(), a, sentences, func(done, total int) { last = done })
	if err != nil || len(got) != 20 || a.calls != 3 || last != 20 {
		t.Fatalf("%v %v, %d calls, %d done", got, err, a.calls, last)
	}
	for i, s := range got {
		mean := (float64(i) + 7 + 97 + 7) / 3
		if i == 0 && !math.IsInf(s, -1) || i > 0 && math.Abs(s-(float64(i)+7-mean)) > 1e-9 { // sums in another order
			t.Errorf("sentence %d: %v", i, s)
		}
	}
	n, err := Measure(t.Context(), a, sentences, nil)
	if err != nil || !n.Known() || n.Sentences != 19 {
		t.Errorf("%+v %v", n, err)
	}
	a.err = errors.New("broken")
	if _, err := Measure(t.Context(), a, sentences, nil); err == nil {
		t.Error("the error is lost")
	}
}

// Moments lie in the video, are suppressed, and a part of a moment is the same moment.
func TestNull_Moments(t *testing.T) {
	a := tall.Scored{
		FPS:    2, // ticks a second
		Spans:  []tall.Span{{Start: 20, End: 40}, {Start: 24, End: 30}, {Start: 0, End: 190}, {Start: 150, End: 260}, {Start: -9, End: 30}, {Start: 60, End: 50}, {Start: 300, End: 310}},
		Scores: []float32{9, 8, 7, 6, 5, 10, 11},
	}
	evidence := []float64{4, 3, 2, 1, 0, 5, 6}
	null := Null{Location: 1, Scale: 0.5}
	want := []Moment{
		{tall.Span{Start: 10, End: 20}, 9, 4, null.Confidence(4), null.FalseAlarm(4)},
		{tall.Span{Start: 75, End: 100}, 6, 1, null.Confidence(1), null.FalseAlarm(1)},
		{tall.Span{Start: 0, End: 15}, 5, 0, null.Confidence(0), null.FalseAlarm(0)},
	}
	if got := null.Moments(a, evidence, 100, 10); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, m := range (Null{}).Moments(a, evidence, 0, 10) {
		if m.Confidence != 0 || m.FalseAlarm != 1 {
			t.Errorf("of an unknown distribution: %+v", m)
		}
	}
}

// Over one video it is its own distribution; over many it is that of the best anywhere.
func TestAmong(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	video := func() (Null, []float64) {
		best := make([]float64, 96)
		location, scale := rng.Float64(), 0.01+rng.Float64()
		for i := range best {
			best[i] = gumbel(rng, location, scale)
		}
		return Fit(best), best
	}
	null, best := video()
	one := Among([]Null{null}, [][]float64{best})
	for _, score := range best {
		// The fit is that of the scores less a constant, over another: rounding is left.
		if got, want := one.Confidence(null.Standing(score)), null.Confidence(score); math.Abs(got-want) > 1e-9 {
			t.Errorf("confidence %g, of the video %g", got, want)
		}
	}
	const videos = 500
	var nulls []Null
	var bests [][]float64
	for range videos {
		null, best := video()
		nulls, bests = append(nulls, null), append(bests, best)
	}
	nulls, bests = append(nulls, Null{}), append(bests, nil) // unknown, passed over
	all := Among(nulls, bests)
	alarms := 0
	const queries = 2000
	for range queries {
		most := math.Inf(-1)
		for range videos {
			most = max(most, gumbel(rng, 0, 1))
		}
		if all.Confidence(most) >= DefaultConfidence {
			alarms++
		}
	}
	// 5 % are promised; quartiles of 96 err by a fifth of the scale, and standings are
	// those of fits, which makes the tail of a few of 500 videos heavier.
	if rate := float64(alarms) / queries; rate > 0.08 {
		t.Errorf("%.3f of unrelated sentences match somewhere in %d videos", rate, videos)
	}
	if Among(nil, nil).Known() || Among([]Null{{}}, [][]float64{nil}).Known() {
		t.Error("something is known of nothing")
	}
}
