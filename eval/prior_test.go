package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tall"
)

var update = flag.Bool("update", false, "write the golden files of priors again")

// smallCorpus is two verbs: what "opens" lies at the beginning, what "sits" at
// the end.
func smallCorpus() []tall.Example {
	var out []tall.Example
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		d := 20 + 40*rng.Float64()
		e := tall.Example{ID: fmt.Sprint(i), Video: fmt.Sprintf("v%d", i/3), FPS: 1, Duration: d}
		length := 0.3 + 0.1*rng.Float64()
		if i%3 == 0 {
			e.Sentence.Text = "A person sits down."
			e.Truth = []tall.Span{{Start: d * (1 - length), End: d}}
		} else {
			e.Sentence.Text = "A person opens the door."
			e.Truth = []tall.Span{{Start: 0, End: d * length}}
		}
		out = append(out, e)
	}
	return out
}

func fit(t testing.TB, training []tall.Example, o PriorOptions) *Prior {
	t.Helper()
	p, err := FitPrior(training, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPrior_ByVerb(t *testing.T) {
	corpus := smallCorpus()
	p := fit(t, corpus, PriorOptions{})
	table := func(kind PriorKind) *Table {
		out, err := p.Table(corpus, kind, 1, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	// Two thirds open something; by verb all are hit.
	if r, _ := table(PriorBest).Recall(1, 0.5); math.Abs(r-2.0/3) > 1e-9 {
		t.Errorf("best: R@1 %v", r)
	}
	if r, _ := table(PriorBestVerb).Recall(1, 0.5); r != 1 {
		t.Errorf("best-verb: R@1 %v", r)
	}
	if r, _ := table(PriorBest).Recall(5, 0.5); r != 1 {
		t.Errorf("best: R@5 %v: the second span of the list is for the others", r)
	}
	kde, _ := table(PriorKDE).Recall(1, 0.5)
	verb, _ := table(PriorKDEVerb).Recall(1, 0.5)
	if chance, _ := table(PriorChance).Recall(1, 0.5); !(verb > kde && kde > chance) {
		t.Errorf("kde-verb %v, kde %v, chance %v", verb, kde, chance)
	}
	// A sentence whose verb was never seen gets what all get.
	e := tall.Example{ID: "x", Video: "x", Duration: 10, Sentence: tall.Sentence{Text: "A dog barks."}}
	a, err1 := p.Predict([]tall.Example{e}, PriorAnswer{Kind: PriorBestVerb, IoU: 0.5})
	b, err2 := p.Predict([]tall.Example{e}, PriorAnswer{Kind: PriorBest, IoU: 0.5})
	if diff := cmp.Diff(a, b); diff != "" || err1 != nil || err2 != nil {
		t.Error(diff, err1, err2)
	}
}

// On the training split, no span of the grid has more R@1 or mean IoU than best.
func TestPrior_BestIsNotBeatenOnTheTrainingSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 16
		truths, _ := drawTruths(t, n)
		var training []tall.Example
		for i, truth := range truths {
			// A length that is a power of two scales without rounding.
			e := tall.Example{ID: fmt.Sprint(i), Video: "v", FPS: 1, Duration: 64}
			for _, s := range truth {
				e.Truth = append(e.Truth, s.Scale(64))
			}
			training = append(training, e)
		}
		iou := anyIoU.Draw(t, "iou")
		p, err := FitPrior(training, PriorOptions{Grid: n, IoU: []float64{iou}})
		if err != nil {
			t.Fatal(err)
		}
		o := Options{IoU: []float64{iou}, Top: []int{1}, NMS: None()}
		ours, err := p.Table(training, PriorBest, 1, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range allCells(n) {
			var list []Prediction
			for _, e := range training {
				list = append(list, Prediction{ID: e.ID, Video: "v", Moments: []Found{{Span: c.span(n).Scale(64)}}})
			}
			other, err := ScorePredictions(list, training, o)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := other.Total.Hits[0][0], ours.Total.Hits[0][0]; a > b {
				t.Fatalf("%v hits %d, best hits %d", c, a, b)
			}
			if a, b := other.Total.MeanIoU(), ours.Total.MeanIoU(); a > b+1e-12 { // the order of the sum differs
				t.Fatalf("%v has mean IoU %v, best %v", c, a, b)
			}
		}
	})
}

func TestPrior_PredictsInSecondsWithinTheVideo(t *testing.T) {
	corpus := smallCorpus()
	p := fit(t, corpus, PriorOptions{})
	for _, kind := range PriorKinds() {
		for _, iou := range append(p.IoU(), 0) {
			how := PriorAnswer{Kind: kind, IoU: iou, Seed: 9}
			all, err := p.Predict(corpus, how)
			if err != nil {
				t.Fatal(err)
			}
			for i, x := range all {
				if err := x.check(); err != nil || len(x.Moments) == 0 || x.ID != corpus[i].ID {
					t.Fatalf("%s: %v: %+v", kind, err, x)
				}
				for _, m := range x.Moments {
					if !m.Valid() || m.Start < 0 || m.End > corpus[i].Duration*(1+1e-15) { // scaling rounds
						t.Errorf("%s: %v in a video of %v s", kind, m.Span, corpus[i].Duration)
					}
				}
			}
			// Neither the other sentences nor their order matter.
			one, err := p.Predict(corpus[7:8], how)
			if diff := cmp.Diff(all[7:8], one); diff != "" || err != nil {
				t.Errorf("%s: %s, %v", kind, diff, err)
			}
		}
	}
}

// Chance has the recall of the uniform distribution: for the truth 0.25 to 0.75
// at IoU 0.5 half of the numbers are known in closed form, here by a fine grid of
// all spans. The tolerance is four standard deviations of 4000 draws.
func TestPrior_ChanceIsUniform(t *testing.T) {
	truth, n, hits, spans := tall.Span{Start: 0.25, End: 0.75}, 1000, 0, 0
	for _, c := range allCells(n) {
		spans++
		if tall.HullIoU(c.span(n), truth) >= 0.5 {
			hits++
		}
	}
	want := float64(hits) / float64(spans)
	const draws = 4000
	var examples []tall.Example
	for i := range draws {
		examples = append(examples, tall.Example{ID: fmt.Sprint(i), Video: "v", FPS: 1, Duration: 1, Truth: []tall.Span{truth}})
	}
	table, err := new(Prior).Table(examples, PriorChance, 5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := table.Recall(1, 0.5)
	if math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/draws) {
		t.Errorf("R@1 %v, want %v", got, want)
	}
}

func TestFitPrior_CountsWhatItChanges(t *testing.T) {
	p := fit(t, []tall.Example{
		{Video: "a", Duration: 10, FPS: 2, Truth: []tall.Span{{Start: 0, End: 10}}},                        // frames: 0 to 5 s
		{Video: "a", Duration: 10, FPS: 1, Truth: []tall.Span{{Start: 5, End: 12}}},                        // past the end
		{Video: "a", Duration: 10, FPS: 1, Truth: []tall.Span{{Start: 11, End: 12}}},                       // nothing is left
		{Video: "a", Duration: 10, FPS: 1, Truth: []tall.Span{{Start: 4, End: 3}, {Start: 1, End: 2}}},     // one of two is
		{Video: "b", FPS: 1, Truth: []tall.Span{{Start: 2, End: 4}}},                                       // unknown length
		{Video: "a", Duration: 10, FPS: 1, Truth: []tall.Span{{Start: math.NaN(), End: 3}}},                // not a number
		{Video: "a", Duration: math.Inf(1), FPS: 1, Truth: []tall.Span{{Start: 0, End: 3}}},                // nor this
		{Video: "c", Duration: -1, FPS: 1, Truth: []tall.Span{{Start: math.Inf(-1), End: math.Inf(1)}}},    // nor anything
		{Video: "d", FPS: 1, Truth: []tall.Span{{Start: -3, End: -1}}, Sentence: tall.Sentence{Text: "x"}}, // before the video
	}, PriorOptions{})
	want := []PriorItem{
		{Truth: []tall.Span{{Start: 0, End: 0.5}}},
		{Truth: []tall.Span{{Start: 0.5, End: 1}}},
		{Truth: []tall.Span{{Start: 0.1, End: 0.2}}},
		{Truth: []tall.Span{{Start: 0.5, End: 1}}},
		{Truth: []tall.Span{{Start: 0, End: 0.25}}}, // the last span of a ends at 12
	}
	if diff := cmp.Diff(want, p.Items, cmpopts.EquateApprox(0, 1e-15)); diff != "" { // d times 1/d
		t.Error(diff)
	}
	if p.Skipped != 4 || p.Clipped != 2 || p.Guessed != 2 {
		t.Errorf("skipped %d, clipped %d, guessed %d", p.Skipped, p.Clipped, p.Guessed)
	}
}

func TestPrior_Refuses(t *testing.T) {
	p := fit(t, smallCorpus(), PriorOptions{IoU: []float64{0.5}})
	known := []tall.Example{{ID: "a", Video: "a", Duration: 3}}
	for name, err := range map[string]error{
		"no length": second(p.Predict([]tall.Example{{ID: "a", Video: "a"}}, PriorAnswer{Kind: PriorWhole})),
		"other IoU": second(p.Predict(known, PriorAnswer{Kind: PriorBest, IoU: 0.7})),
		"training":  second(FitPrior(nil, PriorOptions{})),
	} {
		if !errors.Is(err, tall.ErrMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"kind": second(p.Predict(known, PriorAnswer{Kind: "guess"})),
		"grid": second(FitPrior(smallCorpus(), PriorOptions{Grid: 1})),
		"top":  second(FitPrior(smallCorpus(), PriorOptions{Top: -1})),
		"IoU":  second(FitPrior(smallCorpus(), PriorOptions{IoU: []float64{2}})),
	} {
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// The density against its definition with the inverse of the covariance, and its
// sum over a grid: 1, as the cells are far smaller than the bandwidth.
func TestDensity_IsThatOfItsDefinition(t *testing.T) {
	var spans []tall.Span
	rng := rand.New(rand.NewPCG(1, 1))
	for range 40 {
		a, b := rng.Float64(), rng.Float64()
		spans = append(spans, tall.Span{Start: min(a, b), End: max(a, b)})
	}
	d := newDensity(spans)
	n := float64(len(spans))
	var m1, m2, c11, c12, c22 float64
	for _, s := range spans {
		m1, m2 = m1+s.Start/n, m2+s.Len()/n
	}
	for _, s := range spans {
		c11 += (s.Start - m1) * (s.Start - m1) / (n - 1)
		c12 += (s.Start - m1) * (s.Len() - m2) / (n - 1)
		c22 += (s.Len() - m2) * (s.Len() - m2) / (n - 1)
	}
	scott := math.Pow(n, -1.0/6)
	c11, c12, c22 = c11*scott*scott, c12*scott*scott, c22*scott*scott
	det := c11*c22 - c12*c12
	slow := func(x, y float64) float64 {
		sum := 0.0
		for _, s := range spans {
			u, v := x-s.Start, y-s.Len()
			sum += math.Exp(-(u*u*c22 - 2*u*v*c12 + v*v*c11) / (2 * det))
		}
		return sum / (2 * math.Pi * math.Sqrt(det) * n)
	}
	total := 0.0
	const h = 0.02
	for x := -2.0; x < 3; x += h {
		for y := -2.0; y < 3; y += h {
			v := d.value(x, y)
			total += v * h * h
			// The kernels' variance, about 0.01, is larger by 1e-8 than by definition.
			if want := slow(x, y); math.Abs(v-want) > 1e-4*want+1e-12 {
				t.Fatalf("density at %v, %v: %v, want %v", x, y, v, want)
			}
		}
	}
	if math.Abs(total-1) > 1e-3 {
		t.Errorf("the density sums to %v", total)
	}
	// All alike: a narrow peak there, no division by zero.
	p := newDensity([]tall.Span{{Start: 0.2, End: 0.6}, {Start: 0.2, End: 0.6}}).pool(rng, 50)
	for i, s := range p.spans {
		if math.Abs(s.Start-0.2) > 1e-2 || math.Abs(s.End-0.6) > 1e-2 || notFinite(p.density[i]) {
			t.Errorf("%v with density %v", s, p.density[i])
		}
	}
}

func TestVerb(t *testing.T) {
	for sentence, want := range map[string]string{
		"person opens the door.":               "opens",
		"Person is putting a book on a shelf.": "is",
		"a person begins to play on a phone":   "begins",
		"the light turns off":                  "turns", // "light" follows a determiner
		"They're sitting.":                     "are",
		"He carried a box":                     "carried",
		"SHE STOPPED":                          "stopped",
		"person taking a picture":              "taking",
		"another running man":                  "running",
		"A man has slept":                      "has",
		"person stood up":                      "stood",
		"":                                     "",
		"ein Mann öffnet die Tür":              "",
		"\xff\xfe":                             "",
	} {
		if got := Verb(sentence); got != want {
			t.Errorf("%q: %q, want %q", sentence, got, want)
		}
	}
}

func golden(t testing.TB) []tall.Example {
	corpus := smallCorpus()[:24]
	corpus = append(corpus, tall.Example{ID: "two", Video: "w", FPS: 1, Duration: 8, Truth: []tall.Span{{Start: 0, End: 1}, {Start: 4, End: 6}}})
	for i := range corpus { // short numbers: the file is read by people
		for k, s := range corpus[i].Truth {
			corpus[i].Duration = math.Round(corpus[i].Duration)
			corpus[i].Truth[k] = tall.Span{Start: math.Round(s.Start), End: math.Round(s.End)}
		}
	}
	return corpus
}

// The file of a prior does not change unless its version does.
func TestPrior_GoldenFile(t *testing.T) {
	p := fit(t, golden(t), PriorOptions{Source: "golden", IoU: []float64{0.5}, Grid: 20, Top: 3})
	var out bytes.Buffer
	if err := p.Encode(&out); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "golden.prior.json")
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s", diff)
	}
	again, err := ReadPrior(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, again, cmpopts.IgnoreUnexported(Prior{})); diff != "" {
		t.Error(diff)
	}
	for _, kind := range PriorKinds() { // what is read answers as what was fitted
		how := PriorAnswer{Kind: kind, IoU: 0.5, Seed: 3}
		a, err1 := p.Predict(golden(t), how)
		b, err2 := again.Predict(golden(t), how)
		if diff := cmp.Diff(a, b); diff != "" || err1 != nil || err2 != nil {
			t.Errorf("%s: %s %v %v", kind, diff, err1, err2)
		}
	}
}

func TestReadPrior_RefusesWhatIsWrong(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "golden.prior.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"format":       func(m map[string]any) { m["format"] = "other" },
		"version":      func(m map[string]any) { m["version"] = 2 },
		"unknown":      func(m map[string]any) { m["extra"] = 1 },
		"grid":         func(m map[string]any) { m["grid"] = 1 << 20 },
		"negative":     func(m map[string]any) { m["skipped"] = -1 },
		"verbs":        func(m map[string]any) { m["verbs"] = []string{"b", "a"} },
		"no sentences": func(m map[string]any) { m["sentences"] = []any{} },
		"no verb":      func(m map[string]any) { m["sentences"] = []any{[]float64{7, 0, 1}} },
		"half a verb":  func(m map[string]any) { m["sentences"] = []any{[]float64{0.5, 0, 1}} },
		"half a span":  func(m map[string]any) { m["sentences"] = []any{[]float64{0, 0.5}} },
		"reversed":     func(m map[string]any) { m["sentences"] = []any{[]float64{0, 0.5, 0.2}} },
		"outside":      func(m map[string]any) { m["sentences"] = []any{[]float64{0, 0.5, 1.2}} },
		"no best":      func(m map[string]any) { m["best"] = []any{} },
		"twice":        func(m map[string]any) { m["best"] = append([]any{m["best"].([]any)[0]}, m["best"].([]any)...) },
		"short span": func(m map[string]any) {
			m["best"].([]any)[0].(map[string]any)["spans"] = []any{[]float64{0, 1}}
		},
		"rising gain": func(m map[string]any) {
			m["best"].([]any)[0].(map[string]any)["spans"] = []any{[]float64{0, 1, 0.1}, []float64{0, 1, 0.2}}
		},
		"foreign verb": func(m map[string]any) { m["best"].([]any)[1].(map[string]any)["verb"] = "zzz" },
		"IoU":          func(m map[string]any) { m["best"].([]any)[2].(map[string]any)["iou"] = 1.5 },
		"too many":     func(m map[string]any) { m["best"].([]any)[0].(map[string]any)["sentences"] = 1e6 },
	} {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		bad, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodePrior(bytes.NewReader(bad), "p.json"); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "p.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "{", "[]", "null", string(good) + "x", string(good[:len(good)/2])} {
		if _, err := DecodePrior(strings.NewReader(text), "p.json"); !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	if _, err := ReadPrior(filepath.Join(t.TempDir(), "none")); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
}

// Whatever is read can be written, reads back the same, and answers.
func FuzzReadPrior(f *testing.F) {
	good, err := os.ReadFile(filepath.Join("testdata", "golden.prior.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"tall-prior","version":1,"source":"","grid":2,"skipped":0,"clipped":0,"guessed_durations":0,"verbs":["a"],"best":[{"iou":0,"verb":"","sentences":1,"spans":[[0,1,0.5]]}],"sentences":[[0,0,1]]}`))
	f.Add([]byte(`{"format":"tall-prior","version":9}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodePrior(bytes.NewReader(data), "fuzz")
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		var out bytes.Buffer
		if err := p.Encode(&out); err != nil {
			t.Fatal(err)
		}
		again, err := DecodePrior(&out, "again")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again, cmpopts.IgnoreUnexported(Prior{})); diff != "" {
			t.Fatal(diff)
		}
		e := []tall.Example{{ID: "a", Video: "v", Duration: 9, Sentence: tall.Sentence{Text: "opens"}}}
		for _, kind := range PriorKinds() {
			if _, err := p.Predict(e, PriorAnswer{Kind: kind}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
