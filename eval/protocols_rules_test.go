package eval

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/dataset"
)

// randomAnswer is an answer in frames as the model gives it, windows on a grid
// moved by offsets of float32, some of them none, and a truth of its video that
// often meets it in exact thirds and halves.
func randomAnswer(seed uint64) (tall.Scored, tall.Example) {
	rng := rand.New(rand.NewPCG(seed, 3))
	id := fmt.Sprintf("v%d.avi_1_2#%d", seed%7, seed)
	video := fmt.Sprintf("v%d.avi", seed%7)
	answer := tall.Scored{Video: video, FPS: 29.4}
	for i := range 120 {
		s := tall.Span{Start: float64(1 + 25*i), End: float64(1 + 25*i + 128)}
		if rng.IntN(2) == 0 {
			s.Start += float64(float32(rng.NormFloat64() * 20))
			s.End += float64(float32(rng.NormFloat64() * 20))
		}
		answer.Spans = append(answer.Spans, s)
		answer.Scores = append(answer.Scores, float32(rng.IntN(40))/8)
	}
	w := answer.Spans[rng.IntN(len(answer.Spans))]
	truth := tall.Span{Start: math.Round(w.Start), End: math.Round(w.End + []float64{0, 64, 128, 256}[rng.IntN(4)])}
	return answer, tall.Example{ID: id, Video: video, FPS: 29.4, Truth: []tall.Span{truth}}
}

func example(id string, spans ...tall.Span) tall.Example {
	return tall.Example{ID: id, Video: "v", Duration: 100, FPS: 1, Sentence: tall.Sentence{Text: "one two"}, Truth: spans}
}

func prediction(id string, moments ...Found) Prediction {
	return Prediction{ID: id, Video: "v", Moments: moments}
}

func found(start, end, score float64) Found { return Found{tall.Span{Start: start, End: end}, score} }

func value(t *testing.T, r *Result, name string) float64 {
	t.Helper()
	m, ok := r.Metric(name)
	if !ok {
		t.Fatalf("%s has no metric %q: %v", r.Protocol, name, r.Metrics)
	}
	return m.Value
}

// Half of the span is an overlap of exactly 0.5: a hit where >= counts, none where
// > does.
func TestScore_AtTheThreshold(t *testing.T) {
	c := &dataset.Corpus{Examples: []tall.Example{example("a", tall.Span{Start: 0, End: 40})}}
	preds := []Prediction{prediction("a", found(0, 20, 1))}
	for protocol, want := range map[string]struct {
		metric string
		value  float64
	}{
		ProtocolTALL:       {"R@1 IoU=0.5", 1},
		Protocol2DTAN:      {"Rank@1,mIoU@0.5", 0},
		ProtocolVSLNet:     {"Rank@1, IoU=0.5", 100},
		ProtocolStrict:     {"R@1 IoU>0.5", 0},
		ProtocolMomentDETR: {"MR-full-R1@0.5", 100},
	} {
		r, err := Score(protocol, c, preds, ScoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := value(t, r, want.metric); got != want.value {
			t.Errorf("%s: %s = %v, want %v", protocol, want.metric, got, want.value)
		}
	}
}

// Equal scores: TALL and Moment-DETR keep the list's order, Otani et al. turn it.
func TestScore_EqualScores(t *testing.T) {
	c := &dataset.Corpus{Examples: []tall.Example{example("a", tall.Span{Start: 0, End: 10})}}
	preds := []Prediction{prediction("a", found(0, 10, 1), found(50, 60, 1))}
	for protocol, want := range map[string]struct {
		metric string
		value  float64
	}{
		ProtocolTALL:       {"R@1 IoU=0.5", 1},
		ProtocolStrict:     {"R@1 IoU>0.5", 0},
		ProtocolMomentDETR: {"MR-full-mAP@0.5", 100},
	} {
		r, err := Score(protocol, c, preds, ScoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := value(t, r, want.metric); got != want.value {
			t.Errorf("%s: %s = %v, want %v", protocol, want.metric, got, want.value)
		}
	}
}

// Lists of foreign files need not be rankings: TALL takes the highest score, of
// equal ones the later.
func TestScore_TALLRanksForeignLists(t *testing.T) {
	c := &dataset.Corpus{Examples: []tall.Example{example("a", tall.Span{Start: 0, End: 10})}}
	hit, miss := found(0, 10, 1), found(50, 60, 1)
	better := found(50, 60, 2)
	for name, tt := range map[string]struct {
		moments      []Found
		listed, rank float64
	}{
		"sorted":           {[]Found{better, hit}, 0, 0},
		"not sorted":       {[]Found{hit, better}, 1, 0},
		"equal, hit first": {[]Found{hit, miss}, 1, 0},
		"equal, hit last":  {[]Found{miss, hit}, 0, 1},
	} {
		for by, want := range map[bool]float64{false: tt.listed, true: tt.rank} {
			r, err := Score(ProtocolTALL, c, []Prediction{prediction("a", tt.moments...)}, ScoreOptions{ByScore: by})
			if err != nil {
				t.Fatal(err)
			}
			if got := value(t, r, "R@1 IoU=0.5"); got != want || r.Queries[0].IoU != want {
				t.Errorf("%s, by score %v: %v and the query's IoU %v, want %v", name, by, got, r.Queries[0].IoU, want)
			}
		}
	}
}

// R1 takes the first window listed though another has a higher score; mAP ranks
// the first ten listed, and does not see an eleventh.
func TestScore_MomentDETRTakesListsAsTheyStand(t *testing.T) {
	truth := tall.Span{Start: 0, End: 40}
	c := &dataset.Corpus{Examples: []tall.Example{example("a", truth)}}
	moments := []Found{found(60, 70, 0.1)}
	for i := range 9 {
		moments = append(moments, found(60, 70, 0.2+float64(i)/100))
	}
	hit := Found{truth, 0.9}
	for name, tt := range map[string]struct {
		moments []Found
		r1, ap  float64
	}{
		"second with the best score": {slices.Insert(slices.Clone(moments), 1, hit)[:10], 0, 100},
		"eleventh":                   {append(slices.Clone(moments), hit), 0, 0},
		"first with the worst score": {append([]Found{{truth, 0}}, moments[:9]...), 100, 10},
	} {
		r, err := Score(ProtocolMomentDETR, c, []Prediction{prediction("a", tt.moments...)}, ScoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if r1, ap := value(t, r, "MR-full-R1@0.7"), value(t, r, "MR-full-mAP@0.5"); r1 != tt.r1 || ap != tt.ap {
			t.Errorf("%s: R1 %v and mAP %v, want %v and %v", name, r1, ap, tt.r1, tt.ap)
		}
	}
}

// A truth of exactly 10 s is short, one of 30 s middle, one of 150 s long; one that
// is longer is in full alone.
func TestScore_MomentDETRRanges(t *testing.T) {
	for length, name := range map[float64]string{10: "short", 10.5: "middle", 30: "middle", 31: "long", 150: "long", 151: ""} {
		truth := tall.Span{Start: 0, End: length}
		c := &dataset.Corpus{Examples: []tall.Example{example("a", truth)}}
		r, err := Score(ProtocolMomentDETR, c, []Prediction{prediction("a", Found{truth, 1})}, ScoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []string{"short", "middle", "long"} {
			want := 0.0
			if l == name {
				want = 100
			}
			if got := value(t, r, "MR-"+l+"-mAP"); got != want {
				t.Errorf("%v s: MR-%s-mAP = %v, want %v", length, l, got, want)
			}
		}
		if len(r.Findings) == 0 || r.Findings[0].Count < 2 {
			t.Errorf("ranges without truth are not told: %v", r.Findings)
		}
	}
}

// A window between two truths: over the hull of the nearer it overlaps less than
// its true share of the farther. Disjoint and reversed windows hit nothing and end
// nothing.
func TestScore_StrangeMoments(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	c := &dataset.Corpus{Examples: []tall.Example{
		example("a", tall.Span{Start: 10, End: 20}), example("b", tall.Span{Start: 10, End: 20}), example("c", tall.Span{Start: 10, End: 10}),
		example("d", tall.Span{Start: 10, End: 20}),
	}, Saliency: map[string]dataset.Saliency{"a": {Clips: []int{-1, 3, 99}, Scores: [][]float64{{4, 4, 4}, {4}, {4, 4, 4}}}}}
	preds := []Prediction{
		prediction("a", found(nan, 20, 1), found(20, 10, nan), found(-inf, inf, inf)),
		prediction("b", found(20, 10, 1), found(15, 15, 1)),
		prediction("c", found(10, 10, 1), found(10, 10, nan)),
		prediction("d"),
	}
	preds[0].Saliency = []float64{nan, nan, inf, -inf}
	preds[1].Saliency = []float64{}
	for _, protocol := range Protocols() {
		if protocol == ProtocolHuman {
			continue
		}
		r, err := Score(protocol, c, preds, ScoreOptions{})
		if err != nil {
			t.Fatalf("%s: %v", protocol, err)
		}
		for _, m := range r.Metrics {
			if !(m.Value >= 0 && m.Value <= 100) {
				t.Errorf("%s: %s = %v", protocol, m.Name, m.Value)
			}
			if strings.Contains(m.Name, "0.7") && m.Value != 0 {
				t.Errorf("%s: %s = %v of moments that overlap nothing", protocol, m.Name, m.Value)
			}
		}
	}
}

func TestScore_MissingSurplusAndUnlabeled(t *testing.T) {
	c := &dataset.Corpus{Examples: []tall.Example{
		example("a", tall.Span{Start: 0, End: 10}), example("b", tall.Span{Start: 0, End: 10}), example("c"), example("d", tall.Span{Start: 0, End: 10}),
	}}
	preds := []Prediction{prediction("a", found(0, 10, 1)), prediction("c", found(0, 10, 1)), prediction("x", found(0, 10, 1)), prediction("d")}
	r, err := Score(ProtocolVSLNet, c, preds, ScoreOptions{GroundTruth: "gt", Predictions: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"b"}, {"x"}}, [][]string{r.Missing, r.Surplus}); diff != "" {
		t.Error(diff)
	}
	if got, want := value(t, r, "Rank@1, IoU=0.7"), 1/3.0*100; math.Abs(got-want) > 1e-12 {
		t.Errorf("one hit of three labeled queries: %v, want %v", got, want)
	}
	var what []string
	for _, f := range r.Findings {
		what = append(what, f.What+" "+f.Places[0])
	}
	if diff := cmp.Diff([]string{"queries without truth c", "predictions without any moment d"}, what); diff != "" {
		t.Error(diff)
	}
	if len(r.Queries) != 3 || r.Queries[1].Prediction != nil || r.Queries[0].IoU != 1 {
		t.Errorf("queries: %+v", r.Queries)
	}
	if first, last := r.Curve[0], r.Curve[len(r.Curve)-1]; len(r.Curve) != 21 || math.Abs(first.Recall-1/3.0) > 1e-12 || last != (CurvePoint{1, 1 / 3.0}) {
		t.Errorf("curve: %v", r.Curve)
	}
}

// A query without windows among others that have them is a miss and is told, with
// saliency scores or without; a file of saliency alone has no windows to miss.
func TestScore_NoWindowsIsTold(t *testing.T) {
	c := &dataset.Corpus{
		Examples: []tall.Example{example("a", tall.Span{Start: 0, End: 10}), example("b", tall.Span{Start: 0, End: 10})},
		Saliency: map[string]dataset.Saliency{"a": {Clips: []int{1}, Scores: [][]float64{{4, 4, 4}}}},
	}
	for name, tt := range map[string]struct {
		a    []Found
		want int
	}{
		"windows elsewhere": {[]Found{found(0, 10, 1)}, 1},
		"saliency alone":    {nil, 0},
	} {
		preds := []Prediction{prediction("a", tt.a...), prediction("b")}
		preds[0].Saliency, preds[1].Saliency = []float64{1, 2}, []float64{1, 2}
		r, err := Score(ProtocolMomentDETR, c, preds, ScoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		for _, f := range r.Findings {
			if f.What == "predictions without any moment" {
				told += f.Count
			}
		}
		if told != tt.want {
			t.Errorf("%s: %d predictions without a moment are told, want %d: %v", name, told, tt.want, r.Findings)
		}
	}
}

func TestScore_Refusals(t *testing.T) {
	labeled := &dataset.Corpus{Examples: []tall.Example{example("a", tall.Span{Start: 0, End: 10})}}
	moving := Moving()
	for name, tt := range map[string]struct {
		protocol string
		corpus   *dataset.Corpus
		preds    []Prediction
		o        ScoreOptions
		want     string
	}{
		"protocol":      {"best", labeled, nil, ScoreOptions{}, "the protocols are tall, 2d-tan"},
		"foreign files": {ProtocolTALL, labeled, []Prediction{prediction("x")}, ScoreOptions{}, "do not belong together"},
		"twice":         {ProtocolTALL, labeled, []Prediction{prediction("a"), prediction("a")}, ScoreOptions{}, "same id"},
		"no labels":     {ProtocolTALL, &dataset.Corpus{Examples: []tall.Example{example("a")}}, []Prediction{prediction("a")}, ScoreOptions{}, "without its labels"},
		"fixed IoU":     {ProtocolMomentDETR, labeled, []Prediction{prediction("a")}, ScoreOptions{IoU: []float64{0.5}}, "fixed"},
		"IoU":           {ProtocolTALL, labeled, []Prediction{prediction("a")}, ScoreOptions{IoU: []float64{1.5}}, "1.5"},
		"no NMS":        {ProtocolVSLNet, labeled, []Prediction{prediction("a")}, ScoreOptions{NMS: &moving}, "does not suppress"},
		"moving":        {Protocol2DTAN, labeled, []Prediction{prediction("a")}, ScoreOptions{NMS: &moving}, "one threshold"},
		"nothing":       {ProtocolMomentDETR, labeled, []Prediction{prediction("a")}, ScoreOptions{}, "no prediction has a window"},
	} {
		_, err := Score(tt.protocol, tt.corpus, tt.preds, tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.want)
		}
	}
	if _, err := Score(ProtocolTALL, labeled, []Prediction{prediction("x")}, ScoreOptions{}); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
}

// naiveAP is the area under the interpolated curve from its definition.
func naiveAP(hits []bool, truths int) float64 {
	best := func(recall float64) float64 {
		top, found := 0.0, 0
		for i, h := range hits {
			found += boolean(h)
			if float64(found)/float64(truths) >= recall {
				top = max(top, float64(found)/float64(i+1))
			}
		}
		return top
	}
	area := 0.0
	for k := 1; k <= truths; k++ {
		area += best(float64(k)/float64(truths)) / float64(truths)
	}
	return area
}

func TestAveragePrecision_AgainstItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hits := rapid.SliceOfN(rapid.Bool(), 0, 30).Draw(t, "hits")
		found := 0
		for _, h := range hits {
			found += boolean(h)
		}
		truths := found + rapid.IntRange(0, 5).Draw(t, "more")
		if truths == 0 {
			return
		}
		// The sums are in another order.
		if got, want := averagePrecision(hits, truths), naiveAP(hits, truths); math.Abs(got-want) > 1e-12 {
			t.Fatalf("averagePrecision(%v, %d) = %v, want %v", hits, truths, got, want)
		}
	})
}

// Whatever is predicted, no metric leaves its range, n of R@n can only help, a
// stricter IoU can only hurt, and the order of the queries changes nothing.
func TestScore_Properties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := rapid.Custom(func(t *rapid.T) tall.Span {
			start := rapid.IntRange(0, 40).Draw(t, "start")
			return tall.Span{Start: float64(start), End: float64(start + rapid.IntRange(1, 20).Draw(t, "length"))}
		})
		c := &dataset.Corpus{}
		var preds []Prediction
		for i := range rapid.IntRange(1, 8).Draw(t, "queries") {
			id := fmt.Sprint(i)
			c.Examples = append(c.Examples, example(id, rapid.SliceOfN(span, 1, 3).Draw(t, "truth")...))
			p := prediction(id)
			for k := range rapid.IntRange(1, 12).Draw(t, "moments") {
				p.Moments = append(p.Moments, Found{span.Draw(t, "moment"), -float64(k)})
			}
			preds = append(preds, p)
		}
		protocol := rapid.SampledFrom([]string{ProtocolTALL, Protocol2DTAN, ProtocolVSLNet, ProtocolStrict}).Draw(t, "protocol")
		o := ScoreOptions{IoU: []float64{0.3, 0.5, 0.7}, Top: []int{1, 3, 9}, Resamples: 20}
		r, err := Score(protocol, c, preds, o)
		if err != nil {
			t.Fatal(err)
		}
		at := func(n, iou int) float64 { return r.Metrics[3*n+iou].Value }
		for n := range 3 {
			for iou := range 3 {
				if n > 0 && at(n, iou) < at(n-1, iou) {
					t.Fatalf("%s: a larger n hurts: %v", protocol, r.Metrics)
				}
				// TALL's suppression moves with the metric, so that it may go either way.
				if iou > 0 && protocol != ProtocolTALL && at(n, iou) > at(n, iou-1) {
					t.Fatalf("%s: a larger IoU helps: %v", protocol, r.Metrics)
				}
			}
		}
		slices.Reverse(preds)
		again, err := Score(protocol, c, preds, o)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(again.Metrics, again.Buckets) != fmt.Sprint(r.Metrics, r.Buckets) {
			t.Fatalf("the order of the file changes numbers: %v, %v", r.Metrics, again.Metrics)
		}
	})
}

// Sums of 1/1 to 1/n as numpy 1.24 adds them, to the last bit.
func TestPairwiseSum_AddsAsNumpyDoes(t *testing.T) {
	for n, want := range map[int]float64{
		7: 2.5928571428571425, 8: 2.7178571428571425, 10: 2.9289682539682538, 100: 5.187377517639621,
		129: 5.440899030573669, 1000: 7.485470860550345, 1237: 7.698064186552482,
	} {
		v := make([]float64, n)
		for i := range v {
			v[i] = 1 / float64(i+1)
		}
		if got := pairwiseSum(v); got != want {
			t.Errorf("%d terms: %v, want %v", n, got, want)
		}
	}
}

// The intervals of a share are those of the binomial distribution: of 400 queries
// half of which hit, 2.5 % of all draws have 180 hits or fewer (45 %).
func TestScore_Intervals(t *testing.T) {
	c := &dataset.Corpus{}
	var preds []Prediction
	for i := range 400 {
		id := fmt.Sprint(i)
		c.Examples = append(c.Examples, example(id, tall.Span{Start: 0, End: 10}))
		preds = append(preds, prediction(id, found(float64(i%2)*50, 60*float64(i%2)+10*float64(1-i%2), 1)))
	}
	score := func(threads int, seed uint64) []Metric {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		r, err := Score(ProtocolVSLNet, c, preds, ScoreOptions{Seed: seed})
		if err != nil || r.Resamples != 1000 {
			t.Fatal(err, r.Resamples)
		}
		return r.Metrics
	}
	one := score(1, 1)
	if diff := cmp.Diff(one, score(3, 1)); diff != "" {
		t.Errorf("the number of threads changes the intervals: %s", diff)
	}
	if cmp.Equal(one, score(1, 2)) {
		t.Error("the seed changes nothing")
	}
	// 1000 draws place such a quantile within half a percent or so.
	if m := one[0]; m.Value != 50 || math.Abs(m.Low-45) > 1 || math.Abs(m.High-55) > 1 {
		t.Errorf("half of 400 queries: %v to %v, want 45 to 55", m.Low, m.High)
	}
	off, err := Score(ProtocolVSLNet, c, preds, ScoreOptions{Resamples: -1})
	if err != nil || off.Metrics[0].HasInterval() || off.Resamples != 0 {
		t.Errorf("intervals though none were asked for: %v, %v", off.Metrics[0], err)
	}
}

func TestScore_Buckets(t *testing.T) {
	hit, miss := found(0, 5, 1), found(90, 91, 1)
	a, b, none := example("a", tall.Span{Start: 0, End: 5}), example("b", tall.Span{Start: 30, End: 70}), example("c", tall.Span{Start: 0, End: 100})
	b.Sentence.Text, none.Sentence.Text, none.Duration = "one two three four five six", "", 0
	c := &dataset.Corpus{Examples: []tall.Example{a, b, none}}
	r, err := Score(ProtocolVSLNet, c, []Prediction{prediction("a", hit), prediction("b", miss), prediction("c", miss)}, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, bucket := range r.Buckets {
		got[bucket.Kind+" "+bucket.Label] = fmt.Sprintf("%d %s %g", bucket.Queries, bucket.Metrics[0].Name, bucket.Metrics[0].Value)
	}
	want := map[string]string{
		"length 0-5 s": "1 Rank@1, IoU=0.3 100", "length 20-40 s": "1 Rank@1, IoU=0.3 0", "length over 80 s": "1 Rank@1, IoU=0.3 0",
		"position 0-20 %": "1 Rank@1, IoU=0.3 100", "position 40-60 %": "1 Rank@1, IoU=0.3 0", "position unknown": "1 Rank@1, IoU=0.3 0",
		"words 1-5": "1 Rank@1, IoU=0.3 100", "words 6-10": "1 Rank@1, IoU=0.3 0", "words unknown": "1 Rank@1, IoU=0.3 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
