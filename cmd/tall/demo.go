package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/config"
	"tall/dataset"
	"tall/eval"
	"tall/model/ctrl"
	"tall/report"
	"tall/synth"
	"tall/train"
)

// demo is the whole job on a corpus made on the spot.
type demo struct {
	common
	keep string
	seed uint64

	con  *console
	out  io.Writer
	dir  string
	cfg  *config.Config
	opts ctrl.Options
}

// learnedBy is how many times the better baseline's R@1 at IoU 0.5 the model
// must reach for the demo to say that it learned.
const learnedBy = 2

// chanceSeeds is how many random orders stand for chance.
const chanceSeeds = 20

func newDemo(g *global) *cobra.Command {
	d := &demo{common: common{global: g}}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Do the whole job on a small synthetic corpus: train, evaluate, answer",
		Long: "Makes a synthetic corpus, trains CTRL on it, evaluates on held-out videos beside\n" +
			"chance and beside the same model trained without the sentences, and draws the answers\n" +
			"to three sentences. Offline, about a minute. Exits with 1 if the model did not learn.",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&d.keep, "keep", "", "write corpus, checkpoints and results into this folder and keep them")
	f.Uint64Var(&d.seed, "seed", 1, "seed of the corpus and the training")
	return cmd
}

func (d *demo) run(cmd *cobra.Command) error {
	err := d.steps(cmd)
	if ctx := cmd.Context(); ctx.Err() != nil {
		return context.Cause(ctx) // nothing is left of it that one could go on with
	}
	return err
}

func (d *demo) steps(cmd *cobra.Command) (err error) {
	if d.con, err = d.console(cmd.ErrOrStderr()); err != nil {
		return err
	}
	d.out = cmd.OutOrStdout()
	d.dir = d.keep
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "tall-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(d.dir)
	}
	begun := time.Now()
	ctx := cmd.Context()
	if err := d.corpus(ctx); err != nil {
		return err
	}
	trained, blind, err := d.train(ctx)
	if err != nil {
		return err
	}
	learned, err := d.evaluate(ctx, trained, blind)
	if err != nil {
		return err
	}
	if err := d.answer(ctx, trained); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\n%s in all.", time.Since(begun).Round(100*time.Millisecond))
	if d.keep != "" {
		fmt.Fprintf(d.out, " Kept in %s: try\n  tall eval --config %s --weights %s", d.dir, d.cfg.Path, filepath.Join(d.dir, "checkpoints", "TALL"))
	}
	fmt.Fprintln(d.out)
	if !learned {
		return fmt.Errorf("the model did not learn: its R@1 at IoU 0.5 is under %d times the better baseline's", learnedBy)
	}
	return nil
}

func (d *demo) corpus(ctx context.Context) error {
	o, err := synth.Preset("demo")
	if err != nil {
		return err
	}
	o.Seed = d.seed
	if o.Threads, err = d.workers(); err != nil {
		return err
	}
	bar := d.con.progress("write a corpus", "files")
	summary, err := synth.Write(ctx, filepath.Join(d.dir, "corpus"), o, func(done, total int) { bar.set(done, total, "") })
	bar.finish()
	if err != nil {
		return err
	}
	if d.cfg, err = config.Load(summary.Config); err != nil {
		return err
	}
	if d.opts, err = modelOptions(d.cfg, "", &d.cfg.Test); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "Corpus: %d videos to train on (%d windows, %d sentences, %d pairs), %d held out (%d sentences).\n",
		summary.Train.Videos, summary.Train.Windows, summary.Train.Sentences, summary.Pairs, summary.Test.Videos, summary.Test.Sentences)
	return nil
}

// train trains the model, and its twin that never sees a sentence.
func (d *demo) train(ctx context.Context) (model, blind *ctrl.Model, err error) {
	data, err := d.openSection(ctx, d.con, &d.cfg.Train)
	if err != nil {
		return nil, nil, err
	}
	defer data.Close()
	pairs := ctrl.FindPairs(data.store, data.examples, d.opts)
	begun := time.Now()
	model, err = d.fit(ctx, "train", ctrl.Data{Inputs: data.inputs(), Examples: data.examples, Pairs: pairs}, "checkpoints")
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(d.out, "Trained CTRL, %d epochs in %s.\n", d.opts.Epochs, time.Since(begun).Round(100*time.Millisecond))
	blind, err = d.fit(ctx, "train the baseline", ctrl.Data{Inputs: data.inputs(), Examples: withoutSentences(data.examples), Pairs: pairs}, "checkpoints-blind")
	return model, blind, err
}

func (d *demo) fit(ctx context.Context, what string, data ctrl.Data, dir string) (*ctrl.Model, error) {
	b, err := d.backend()
	if err != nil {
		return nil, err
	}
	model, err := ctrl.New(b, d.opts, d.seed)
	if err != nil {
		return nil, err
	}
	learner, err := ctrl.NewLearner(model, data)
	if err != nil {
		return nil, err
	}
	bar := d.con.progress(what, "steps")
	defer bar.finish()
	meta, err := checkpointMeta(d.opts, tall.Manifest{}, tall.Manifest{}, "")
	if err != nil {
		return nil, err
	}
	return model, train.Run(ctx, b, trainLearner{learner}, d.opts.Adam(), train.Options{
		Dir: filepath.Join(d.dir, dir), Name: "TALL", Epochs: d.opts.Epochs, Steps: d.opts.Steps, Seed: d.seed,
		LogEvery: 10, Keep: 1, Meta: meta,
		Notify: func(e train.Event) {
			if e.Kind == train.Stepped {
				bar.set(e.Record.Step, e.Steps, fmt.Sprintf("epoch %d  loss %.3f", e.Record.Epoch, e.Record.Loss))
			}
		},
	})
}

// withoutSentences gives every example the same vector, the mean of all: a model
// trained on them can learn where moments are wont to lie and what they look
// like, but not which one a sentence means.
func withoutSentences(examples []tall.Example) []tall.Example {
	out := make([]tall.Example, len(examples))
	if len(examples) == 0 {
		return out
	}
	sum := make([]float64, len(examples[0].Sentence.Vector))
	for _, e := range examples {
		for i, x := range e.Sentence.Vector {
			sum[i] += float64(x)
		}
	}
	mean := make([]float32, len(sum))
	for i, x := range sum {
		mean[i] = float32(x / float64(len(examples)))
	}
	for i, e := range examples {
		e.Sentence.Vector = mean
		out[i] = e
	}
	return out
}

// evaluate prints the recalls on the held-out videos and tells whether the
// model learned.
func (d *demo) evaluate(ctx context.Context, model, blind *ctrl.Model) (bool, error) {
	data, err := d.openSection(ctx, d.con, &d.cfg.Test)
	if err != nil {
		return false, err
	}
	defer data.Close()
	unseeing := *data
	unseeing.examples = withoutSentences(data.examples)

	score := func(data *sectionData, localizers ...tall.Localizer) (*eval.Table, error) {
		scorer, err := eval.NewScorer(eval.Options{IoU: d.opts.EvalIoU})
		if err != nil {
			return nil, err
		}
		for _, l := range localizers {
			if err := data.localize(ctx, d.con, l, 0, func(a answer) error { return scorer.Add(a.scored, a.example) }); err != nil {
				return nil, err
			}
		}
		return scorer.Table(), nil
	}
	ours, err := score(data, ctrl.NewLocalizer(model, ctrl.LocalizerOptions{}))
	if err != nil {
		return false, err
	}
	without, err := score(&unseeing, ctrl.NewLocalizer(blind, ctrl.LocalizerOptions{}))
	if err != nil {
		return false, err
	}
	guesses := make([]tall.Localizer, chanceSeeds)
	for i := range guesses {
		guesses[i] = eval.Chance{Seed: uint64(i)}
	}
	chance, err := score(data, guesses...)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(d.out, "\nRecall on %d sentences of %d videos that were held out, as shares of the sentences:\n", ours.Total.Sentences, len(ours.Videos))
	rows := []report.Named{{Name: "CTRL", Table: ours}, {Name: "CTRL without the sentence", Table: without}, {Name: "chance", Table: chance}}
	if err := report.Compare(rows, 1, 5).Write(d.out); err != nil {
		return false, err
	}
	a, _ := ours.Recall(1, 0.5)
	b, _ := without.Recall(1, 0.5)
	c, _ := chance.Recall(1, 0.5)
	return a > 0 && a >= learnedBy*max(b, c), nil
}

// answer draws the answers to three sentences, each of another held-out video.
func (d *demo) answer(ctx context.Context, model *ctrl.Model) error {
	data, err := d.openSection(ctx, d.con, &d.cfg.Test)
	if err != nil {
		return err
	}
	defer data.Close()
	texts, err := dataset.ReadAnnotations(filepath.Join(filepath.Dir(d.cfg.Path), "annotations.jsonl"))
	if err != nil {
		return err
	}
	text := map[string]tall.Example{}
	for _, e := range texts {
		text[e.ID] = e
	}
	data.examples = firstOfVideos(data.examples, 3)
	var answers []answer
	err = data.localize(ctx, d.con, ctrl.NewLocalizer(model, ctrl.LocalizerOptions{}), 0, func(a answer) error {
		answers = append(answers, a)
		return nil
	})
	if err != nil {
		return err
	}
	for _, a := range answers {
		known := text[a.example.ID]
		p := eval.NewPrediction(a.example, a.scored, predictionNMS, 1)
		fmt.Fprintf(d.out, "\n\"%s\" in %s\n", known.Sentence.Text, a.example.Video)
		found := report.TimelineRow{Label: "found"}
		for _, m := range p.Moments {
			found.Spans = append(found.Spans, m.Span)
		}
		truth := report.TimelineRow{Label: "truth", Spans: a.example.Seconds(), Truth: true}
		if err := (report.Timeline{Duration: known.Duration, Rows: []report.TimelineRow{found, truth}}).Write(d.out); err != nil {
			return err
		}
	}
	return nil
}

func firstOfVideos(examples []tall.Example, n int) []tall.Example {
	var out []tall.Example
	seen := map[string]bool{}
	for _, e := range examples {
		if !seen[e.Video] && len(out) < n {
			seen[e.Video] = true
			out = append(out, e)
		}
	}
	return out
}
