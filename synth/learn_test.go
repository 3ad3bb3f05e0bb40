package synth

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"tall"
	"tall/eval"
)

// clipVectors are the windows of one video with their features.
type clipVectors struct {
	windows  []tall.Span
	features [][]float32
}

func (w *world) render(v *video, lengths []int) clipVectors {
	var out clipVectors
	s := w.stage(v)
	for start, end := range grid(v.frames, lengths) {
		x := make([]float32, w.dims.Feature)
		s.window(x, start, end)
		out.windows = append(out.windows, tall.Span{Start: float64(start), End: float64(end)})
		out.features = append(out.features, x)
	}
	return out
}

// matcher maps window features linearly into the space of sentences. It is ridge
// regression in closed form from training pairs: the least that can be learnt
// from a corpus.
type matcher struct {
	mean, target []float64
	weights      [][]float64 // (Feature, Sentence)
}

func fitMatcher(features, sentences [][]float32, ridge float64) *matcher {
	m := &matcher{mean: meanOf(features), target: meanOf(sentences)}
	f, s := len(m.mean), len(m.target)
	gram, cross := square(f, f), square(f, s)
	x, y := make([]float64, f), make([]float64, s)
	for n := range features {
		for i := range x {
			x[i] = float64(features[n][i]) - m.mean[i]
		}
		for j := range y {
			y[j] = float64(sentences[n][j]) - m.target[j]
		}
		for i := range x {
			for j := range x {
				gram[i][j] += x[i] * x[j]
			}
			for j := range y {
				cross[i][j] += x[i] * y[j]
			}
		}
	}
	for i := range f {
		gram[i][i] += ridge
	}
	m.weights = solve(gram, cross)
	return m
}

// heard is what windows should sound like, (N, Sentence), of length 1.
func (m *matcher) heard(features [][]float32) [][]float64 {
	out := make([][]float64, len(features))
	for n, x := range features {
		y := make([]float64, len(m.target))
		for i := range m.mean {
			d := float64(x[i]) - m.mean[i]
			for j, k := range m.weights[i] {
				y[j] += d * k
			}
		}
		norm := 0.0
		for _, v := range y {
			norm += v * v
		}
		for j := range y {
			y[j] /= math.Sqrt(norm)
		}
		out[n] = y
	}
	return out
}

// scores are the cosines of windows with a sentence, but for its length.
func (m *matcher) scores(heard [][]float64, sentence []float32) []float32 {
	out := make([]float32, len(heard))
	for n, y := range heard {
		sum := 0.0
		for j := range y {
			sum += y[j] * (float64(sentence[j]) - m.target[j])
		}
		out[n] = float32(sum)
	}
	return out
}

func square(rows, columns int) [][]float64 {
	out := make([][]float64, rows)
	for i := range out {
		out[i] = make([]float64, columns)
	}
	return out
}

func meanOf(x [][]float32) []float64 {
	sum := make([]float64, len(x[0]))
	for _, row := range x {
		for i, v := range row {
			sum[i] += float64(v) / float64(len(x))
		}
	}
	return sum
}

// solve is Gaussian elimination of a positive definite matrix, which needs no
// pivoting; both arguments are overwritten.
func solve(a, b [][]float64) [][]float64 {
	n := len(a)
	reduce := func(to, from int, k float64) {
		for c := range a[to] {
			a[to][c] -= k * a[from][c]
		}
		for c := range b[to] {
			b[to][c] -= k * b[from][c]
		}
	}
	for i := range n {
		for r := i + 1; r < n; r++ {
			reduce(r, i, a[r][i]/a[i][i])
		}
	}
	for i := n - 1; i >= 0; i-- {
		for r := range i {
			reduce(r, i, a[r][i]/a[i][i])
		}
		for c := range b[i] {
			b[i][c] /= a[i][i]
		}
	}
	return b
}

// recall is R@1 at IoU 0.5 of the windows as they stand, over the test videos.
func recall(t *testing.T, c *corpus, answer func(v *video, x clipVectors, clip clip, k int) []float32) float64 {
	t.Helper()
	scorer, err := eval.NewScorer(eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(&c.options)
	videos := c.part(test)
	for i := range videos {
		v := &videos[i]
		x := w.render(v, testLengths)
		examples := v.examples()
		for _, clip := range v.clips {
			for k := range clip.phrasings {
				scored := tall.Scored{Video: v.file(), FPS: fps, Spans: x.windows, Windows: x.windows, Scores: answer(v, x, clip, k)}
				if err := scorer.Add(scored, examples[0]); err != nil {
					t.Fatal(err)
				}
				examples = examples[1:]
			}
		}
	}
	r, ok := scorer.Table().Recall(1, 0.5)
	if !ok {
		t.Fatal("no R@1 at IoU 0.5")
	}
	return r
}

// A matcher that learns from the training videos finds the events of the test
// videos, whose pairs of verb and object it has never seen. Whoever lacks the
// sentence, half its meaning, or the video does not.
func TestCorpus_IsSolvedByMatchingAndByNothingElse(t *testing.T) {
	for seed := range uint64(3) {
		o, err := Preset("demo")
		if err != nil {
			t.Fatal(err)
		}
		o.Seed = seed
		c, err := newCorpus(o)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(&o)
		m := matcherOf(c, w)
		heard := map[string][][]float64{}
		scores := func(v *video, x clipVectors, sentence []float32) []float32 {
			if heard[v.name] == nil {
				heard[v.name] = m.heard(x.features)
			}
			return m.scores(heard[v.name], sentence)
		}
		r := rand.New(rand.NewPCG(seed, 0))
		matched := recall(t, c, func(v *video, x clipVectors, clip clip, k int) []float32 {
			return scores(v, x, w.sentence(v, clip, k))
		})
		shuffled := recall(t, c, func(v *video, x clipVectors, _ clip, _ int) []float32 {
			other := &c.part(test)[r.IntN(o.Test.Videos)]
			return scores(v, x, w.sentence(other, other.clips[r.IntN(len(other.clips))], 0))
		})
		// The right verb with a random object, and the other way round.
		half := func(keep func(v, other pair) pair) float64 {
			return recall(t, c, func(v *video, x clipVectors, cl clip, k int) []float32 {
				spoilt := *v
				spoilt.events = append([]event(nil), v.events...)
				e := &spoilt.events[cl.event]
				e.pair = keep(e.pair, pair{r.IntN(o.Verbs), r.IntN(o.Objects)})
				return scores(v, x, w.sentence(&spoilt, cl, k))
			})
		}
		verbOnly := half(func(p, other pair) pair { return pair{p.verb, other.object} })
		objectOnly := half(func(p, other pair) pair { return pair{other.verb, p.object} })
		chance, prior := blind(t, c)
		t.Logf("seed %d: matched %.3f, verb only %.3f, object only %.3f, shuffled %.3f, prior %.3f, chance %.3f", seed, matched, verbOnly, objectOnly, shuffled, prior, chance)
		if matched < 0.5 {
			t.Errorf("seed %d: matching reaches R@1 %.3f, want 0.5", seed, matched)
		}
		if best := max(verbOnly, objectOnly); best > 0.75*matched {
			t.Errorf("seed %d: half the meaning reaches %.3f, all of it %.3f", seed, best, matched)
		}
		// Of about eight events one is meant, and about one window in twenty
		// fits it; 200 sentences: deviation about 0.02.
		for name, got := range map[string]float64{"shuffled sentences": shuffled, "the prior of places": prior, "chance": chance} {
			if got > 0.16 {
				t.Errorf("seed %d: %s reach R@1 %.3f, want nearly chance (%.3f)", seed, name, got, chance)
			}
		}
	}
}

// matcherOf fits a matcher to the training pairs, each window and sentence of an
// event once.
func matcherOf(c *corpus, w *world) *matcher {
	var features, sentences [][]float32
	videos := c.part(train)
	for i := range videos {
		v := &videos[i]
		x := w.render(v, trainLengths)
		for _, clip := range v.clips {
			e := v.events[clip.event]
			truth := tall.Span{Start: float64(e.start), End: float64(e.end)}
			k := 0
			for i, window := range x.windows {
				if tall.HullIoU(window, truth) > 0.5 && tall.NIoL(window, truth) < 0.15 {
					features = append(features, x.features[i])
					sentences = append(sentences, w.sentence(v, clip, k%len(clip.phrasings)))
					k++
				}
			}
		}
	}
	return fitMatcher(features, sentences, 100)
}

// blind is what chance and the prior of places reach.
func blind(t *testing.T, c *corpus) (chance, prior float64) {
	t.Helper()
	var training []tall.Example
	for _, v := range c.part(train) {
		training = append(training, v.examples()...)
	}
	p, err := eval.FitPrior(training, eval.PriorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	localize := func(l tall.Localizer) float64 {
		ready := map[string]tall.Prepared{}
		return recall(t, c, func(v *video, x clipVectors, clip clip, k int) []float32 {
			if ready[v.name] == nil {
				prepared, err := l.Prepare(context.Background(), &tall.Features{Video: v.file(), FPS: fps, Spans: x.windows})
				if err != nil {
					t.Fatal(err)
				}
				ready[v.name] = prepared
			}
			// The text tells Chance's sentences apart.
			text := phrase(clip.phrasings[k], v.events[clip.event].pair)
			answers, err := ready[v.name].Localize(context.Background(), []tall.Sentence{{Text: text}})
			if err != nil {
				t.Fatal(err)
			}
			return answers[0].Scores
		})
	}
	const draws = 10
	for seed := range uint64(draws) {
		chance += localize(eval.Chance{Seed: seed}) / draws
	}
	return chance, localize(p)
}
