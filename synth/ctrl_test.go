package synth_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tall"
	"tall/config"
	"tall/dataset"
	"tall/eval"
	"tall/feature"
	"tall/model/ctrl"
	"tall/synth"
	"tall/tensor"
)

// CTRL, trained as the demo corpus's own tall.yaml says, finds events in videos
// that it has not seen; trained without the sentences it does not.
func TestCTRL_LearnsTheDemo(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("trains eight models, about a minute: set TALL_LONG=1")
	}
	for seed := range uint64(4) {
		d := openDemo(t, seed)
		begun := time.Now()
		ours, offsets := d.trainAndScore(t, seed, d.train, d.test)
		took := time.Since(begun)
		without, _ := d.trainAndScore(t, seed, mute(d.train), mute(d.test))
		chance := d.score(t, d.test, eval.Chance{Seed: seed})
		t.Logf("seed %d: CTRL %.3f (windows without their offsets %.3f), without the sentence %.3f, chance %.3f; %d pairs, %v",
			seed, ours, offsets, without, chance, len(d.pairs), took.Round(time.Millisecond))
		// `tall demo` asks for twice; the corpus is to leave a wide margin.
		if ours < 4*max(without, chance) {
			t.Errorf("seed %d: R@1 at IoU 0.5 is %.3f, of the better baseline %.3f", seed, ours, max(without, chance))
		}
		if ours <= offsets {
			t.Errorf("seed %d: the regressed boundaries reach %.3f, the windows themselves %.3f", seed, ours, offsets)
		}
	}
}

type demoCorpus struct {
	options     ctrl.Options
	train, test []tall.Example
	windows     *feature.Store // training
	held        *feature.Store // test
	pairs       []ctrl.Pair
}

func openDemo(t *testing.T, seed uint64) *demoCorpus {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	o, err := synth.Preset("demo")
	check(err)
	o.Seed = seed
	sum, err := synth.Write(context.Background(), filepath.Join(t.TempDir(), "corpus"), o, nil)
	check(err)
	cfg, err := config.Load(sum.Config)
	check(err)
	d := &demoCorpus{}
	d.options, err = ctrl.Preset(cfg.Model.Preset)
	check(err)
	d.options.VisualDim, d.options.SentenceDim = cfg.Model.VisualFeatureDim, cfg.Model.SentenceEmbeddingSize
	d.options.SemanticDim, d.options.HiddenDim = cfg.Model.SemanticSize, cfg.Model.HiddenSize
	d.options.BatchSize, d.options.Epochs, d.options.LearningRate = cfg.Train.BatchSize, cfg.Train.Epoch, cfg.Train.LearningRate
	d.train, err = dataset.ReadClipSentences(cfg.Train.ClipSentvec, cfg.Train.SentenceDim())
	check(err)
	d.test, err = dataset.ReadClipSentences(cfg.Test.ClipSentvec, cfg.Test.SentenceDim())
	check(err)
	open := func(s *config.Section) *feature.Store {
		store, err := feature.Open(s.SlidingClipPath, feature.Options{Dim: s.FeatsDimen, Pack: true})
		check(err)
		t.Cleanup(func() { store.Close() })
		return store
	}
	d.windows, d.held = open(&cfg.Train), open(&cfg.Test)
	d.pairs = ctrl.FindPairs(d.windows, d.train, d.options)
	return d
}

var exact = feature.Context{Mode: feature.Exact, Num: 1, Size: 128}

// trainAndScore returns R@1 at IoU 0.5, and the same of the windows that the
// model ranks first, without its offsets.
func (d *demoCorpus) trainAndScore(t *testing.T, seed uint64, training, test []tall.Example) (recall, windows float64) {
	t.Helper()
	b := tensor.NewCPU(0)
	model, err := ctrl.New(b, d.options, seed)
	if err != nil {
		t.Fatal(err)
	}
	learner, err := ctrl.NewLearner(model, ctrl.Data{Inputs: ctrl.FromStore(d.windows, exact), Examples: training, Pairs: d.pairs})
	if err != nil {
		t.Fatal(err)
	}
	rng, adam := rand.New(rand.NewPCG(seed, 1)), d.options.Adam()
	for range d.options.Epochs {
		for _, members := range learner.Batches(rng) {
			if _, err := learner.Step(context.Background(), members); err != nil {
				t.Fatal(err)
			}
			adam.Update(b, learner.Params())
		}
	}
	l := ctrl.NewLocalizer(model, ctrl.LocalizerOptions{})
	return d.score(t, test, l), d.score(t, test, still{l})
}

func (d *demoCorpus) score(t *testing.T, test []tall.Example, l tall.Localizer) float64 {
	t.Helper()
	scorer, err := eval.NewScorer(eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	prepared := map[string]tall.Prepared{}
	for _, e := range test {
		if prepared[e.Video] == nil {
			features, err := d.held.Features(e.Video, exact)
			if err != nil {
				t.Fatal(err)
			}
			if prepared[e.Video], err = l.Prepare(context.Background(), features); err != nil {
				t.Fatal(err)
			}
		}
		answers, err := prepared[e.Video].Localize(context.Background(), []tall.Sentence{e.Sentence})
		if err != nil {
			t.Fatal(err)
		}
		if err := scorer.Add(answers[0], e); err != nil {
			t.Fatal(err)
		}
	}
	r, ok := scorer.Table().Recall(1, 0.5)
	if !ok {
		t.Fatal("no R@1 at IoU 0.5")
	}
	return r
}

// still answers with the windows as they stand.
type still struct{ tall.Localizer }

func (s still) Prepare(ctx context.Context, f *tall.Features) (tall.Prepared, error) {
	p, err := s.Localizer.Prepare(ctx, f)
	return stillPrepared{p}, err
}

type stillPrepared struct{ tall.Prepared }

func (s stillPrepared) Localize(ctx context.Context, sentences []tall.Sentence) ([]tall.Scored, error) {
	answers, err := s.Prepared.Localize(ctx, sentences)
	for i := range answers {
		answers[i].Spans = answers[i].Windows
	}
	return answers, err
}

// mute gives all examples the same sentence.
func mute(examples []tall.Example) []tall.Example {
	out := make([]tall.Example, len(examples))
	for i, e := range examples {
		e.Sentence = examples[0].Sentence
		out[i] = e
	}
	return out
}
