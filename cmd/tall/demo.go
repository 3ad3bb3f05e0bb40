package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/config"
	"tall/dataset"
	"tall/eval"
	"tall/media"
	"tall/model/ctrl"
	"tall/report"
	"tall/synth/kitchen"
	"tall/train"
)

// demo is the whole job on videos made on the spot.
type demo struct {
	common
	keep   string
	ffmpeg string
	seed   uint64
	size   demoSize

	page      bool // --serve
	listen    string
	exitAfter time.Duration

	con     *console
	out     io.Writer
	dir     string
	cfg     *config.Config
	opts    ctrl.Options
	kitchen *kitchen.Kitchen
}

// demoSize is how much the demo does; tests do less.
type demoSize struct {
	train, test int // videos
	epochs      int
}

// learnedBy is how many times the best prior's R@1 at IoU 0.5 the model must reach for
// the demo to say that it learned.
const learnedBy = 2

// chanceSeeds is how many random orders stand for chance.
const chanceSeeds = 20

// demoKept is how many of the videos --keep leaves as files: rendering all of them in
// full size would take longer than all the rest.
const demoKept = 6

func newDemo(g *global) *cobra.Command {
	d := &demo{common: common{global: g}}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Do the whole job on videos rendered on the spot: encode, train, evaluate, answer",
		Long: "Renders videos of a kitchen, turns them into features (encoder `classical`), trains CTRL,\n" +
			"evaluates on videos that it has not seen beside guesses that look at no video, and draws\n" +
			"the answers to three sentences. Offline, without ffmpeg, about a minute. Exits with 1 if\n" +
			"the model did not learn. With --serve a page on videos of the kind is up meanwhile and\n" +
			"afterwards, where sentences are typed and moments watched.",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&d.keep, "keep", "", "write features, annotations, checkpoint and some of the videos into this folder and keep them")
	f.StringVar(&d.ffmpeg, "ffmpeg", "", "with --keep: ffmpeg's path, or its folder (default: sought in PATH); without it videos are kept as Y4M")
	f.Uint64Var(&d.seed, "seed", 1, "seed of the videos and the training")
	f.IntVar(&d.size.train, "train-videos", 128, "videos to train on")
	f.IntVar(&d.size.test, "test-videos", 24, "videos to evaluate on")
	f.IntVar(&d.size.epochs, "epochs", 8, "epochs to train")
	f.BoolVar(&d.page, "serve", false, "serve a page on a few kitchen videos with a trained model, at once and after the rest is done, until interrupted")
	f.StringVar(&d.listen, "listen", "127.0.0.1:7777", "with --serve: address and port; port 0 takes any that is free")
	f.DurationVar(&d.exitAfter, "exit-after", 0, "with --serve: end the page this long after the rest is done, such as 30s, for scripts (default: never)")
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
	if n := d.size; n.train < 1 || n.test < 1 || n.epochs < 1 {
		return fmt.Errorf("--train-videos %d --test-videos %d --epochs %d: give at least 1 of each", n.train, n.test, n.epochs)
	}
	d.out = cmd.OutOrStdout()
	if d.dir = d.keep; d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "tall-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(d.dir)
	}
	if d.page {
		return d.serve(cmd.Context(), d.job)
	}
	return d.job(cmd.Context())
}

// job renders, encodes, trains, evaluates and answers.
func (d *demo) job(ctx context.Context) (err error) {
	begun := time.Now()
	if err := d.corpus(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.closeData()) }()
	model, err := d.train(ctx)
	if err != nil {
		return err
	}
	learned, err := d.evaluate(ctx, model)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\n%s in all.\n", time.Since(begun).Round(100*time.Millisecond))
	if d.keep != "" {
		if err := d.leave(ctx); err != nil {
			return err
		}
	}
	if !learned {
		return fmt.Errorf("the model did not learn: its R@1 at IoU 0.5 is under %d times the best prior's", learnedBy)
	}
	return nil
}

// Names in the demo's folder.
const (
	demoFeatures    = "features"
	demoCheckpoints = "checkpoints"
)

// corpus renders the videos into the encoder, and writes features and annotations.
func (d *demo) corpus(ctx context.Context) (err error) {
	o := kitchen.Default()
	o.Seed, o.Train, o.Val, o.Test = d.seed, d.size.train, 0, d.size.test
	o.Sentences = demoSentences
	if d.kitchen, err = kitchen.New(o); err != nil {
		return err
	}
	begun := time.Now()
	seconds, err := d.encode(ctx)
	if err != nil {
		return err
	}
	d.data = filepath.Join(d.dir, kitchen.AnnotationsName)
	if err := dataset.WriteAnnotations(d.data, d.kitchen.Examples()); err != nil {
		return err
	}
	d.features = []string{filepath.Join(d.dir, demoFeatures)}
	d.repair, d.sentenceSpec, d.pool, d.contextSeconds = "none", demoWords, demoPool, demoContext
	d.cfg = config.New()
	if d.opts, err = modelOptions(d.cfg, "", &d.cfg.Test); err != nil {
		return err
	}
	d.opts.SemanticDim, d.opts.HiddenDim = demoDim, demoDim
	d.opts.Epochs, d.opts.LearningRate, d.opts.Bias = d.size.epochs, demoRate, true
	took := time.Since(begun)
	fmt.Fprintf(d.out, "Rendered and encoded %d videos of a kitchen, %s in all, in %s (%.0f times real time).\n",
		o.Train+o.Test, time.Duration(seconds*float64(time.Second)).Round(time.Second), took.Round(100*time.Millisecond), seconds/took.Seconds())
	return nil
}

// The demo's settings: of the windows, the sentences and the model.
const (
	demoSentences = 6               // for each event: words are learnt from many
	demoWords     = "hash:512"      // what encode.Open takes
	demoPool      = "2,2.8,4,5.6,8" // seconds; events last 2 to 8
	demoContext   = 1               // seconds: what stood there before and stands there after
	demoDim       = 96
	demoRate      = 3e-3
)

// train trains the model.
func (d *demo) train(ctx context.Context) (*ctrl.Model, error) {
	data, err := d.openSplit(ctx, d.con, &d.cfg.Train, d.data, trainName, "--data")
	if err != nil {
		return nil, err
	}
	d.opts.VisualDim, d.opts.SentenceDim = data.dims()
	b, err := d.backend()
	if err != nil {
		return nil, err
	}
	model, err := ctrl.New(b, d.opts, d.seed)
	if err != nil {
		return nil, err
	}
	pairs := ctrl.FindPairs(data.store, data.examples, d.opts)
	learner, err := ctrl.NewLearner(model, ctrl.Data{Inputs: data.inputs(), Examples: data.examples, Pairs: pairs})
	if err != nil {
		return nil, err
	}
	meta, err := checkpointMeta(d.opts, data.visual(), data.sentence(), "")
	if err != nil {
		return nil, err
	}
	record, err := d.recordData(&d.cfg.Train)
	if err != nil {
		return nil, err
	}
	if err := addMeta(meta, map[string]any{metaData: record}); err != nil {
		return nil, err
	}
	begun := time.Now()
	bar := d.con.progress("train", "steps")
	defer bar.finish()
	err = train.Run(ctx, b, trainLearner{learner}, d.opts.Adam(), train.Options{
		Dir: filepath.Join(d.dir, demoCheckpoints), Name: "TALL", Epochs: d.opts.Epochs, Seed: d.seed,
		LogEvery: 10, Keep: 1, Meta: meta,
		Notify: func(e train.Event) {
			if e.Kind == train.Stepped {
				bar.set(e.Record.Step, e.Steps, fmt.Sprintf("epoch %d  loss %.3f", e.Record.Epoch, e.Record.Loss))
			}
		},
	})
	if err != nil {
		return nil, err
	}
	bar.finish()
	fmt.Fprintf(d.out, "Trained CTRL on %d sentences about %d videos (%d pairs with windows), %d epochs in %s.\n",
		len(data.examples), d.size.train, len(pairs), d.opts.Epochs, time.Since(begun).Round(100*time.Millisecond))
	return model, nil
}

// evaluate prints the recalls on the unseen videos beside those of guesses, draws three
// answers, and tells whether the model learned.
func (d *demo) evaluate(ctx context.Context, model *ctrl.Model) (learned bool, err error) {
	data, err := d.openSplit(ctx, d.con, &d.cfg.Test, d.data, "test", "--data")
	if err != nil {
		return false, err
	}
	scoring := eval.Options{IoU: d.opts.EvalIoU}
	beside, asked, err := newBesides(data.examples, scoring, true, false)
	if err != nil {
		return false, err
	}
	scorer, err := eval.NewScorer(scoring)
	if err != nil {
		return false, err
	}
	surest := map[string]shownAnswer{} // by video
	all := *data
	all.examples = asked
	err = all.localize(ctx, d.con, ctrl.NewLocalizer(model, ctrl.LocalizerOptions{}), 0, func(a answer) error {
		if own, err := beside.add(ctx, a); err != nil || !own {
			return err
		}
		if s := newShownAnswer(a); s.margin > surest[a.example.Video].margin {
			surest[a.example.Video] = s
		}
		return scorer.Add(a.scored, a.example)
	})
	if err != nil {
		return false, err
	}
	corpus, err := d.corpusOfTraining()
	if err != nil {
		return false, err
	}
	table := scorer.Table()
	if err := beside.finish(table, corpus, ""); err != nil {
		return false, err
	}
	fmt.Fprintf(d.out, "\n%d sentences about %d unseen videos; no combination of action, thing and color in them was\nin the training. Share of them found (R@n: among the first n answers), beside guesses that see\nno video:\n", table.Total.Sentences, len(table.Videos))
	best, err := d.compare(table)
	if err != nil {
		return false, err
	}
	ours, _ := table.Recall(1, 0.5)
	if best > 0 {
		fmt.Fprintf(d.out, "R@1 at IoU 0.5: %.1f times the best guess.\n", ours/best)
	}
	return ours > 0 && ours >= learnedBy*best, d.draw(surest)
}

// compare prints the table, and returns the best guess's R@1 at IoU 0.5.
func (d *demo) compare(table *eval.Table) (best float64, err error) {
	columns := []struct {
		n   int
		iou float64
	}{{1, 0.3}, {1, 0.5}, {1, 0.7}, {5, 0.5}}
	t := report.Table{Header: []string{""}}
	for _, c := range columns {
		t.Header = append(t.Header, fmt.Sprintf("R@%d, IoU %g", c.n, c.iou))
	}
	row := func(name string, from *eval.Table) {
		cells := []string{name}
		for _, c := range columns {
			r, _ := from.Recall(c.n, c.iou)
			cells = append(cells, fmt.Sprintf("%.1f %%", 100*r))
		}
		t.Rows = append(t.Rows, cells)
	}
	row("CTRL", table)
	for _, b := range table.Baselines {
		if b.Name == "exchanged windows" {
			continue
		}
		name, guess := demoNames[b.Name]
		if !guess {
			name = b.Name
		}
		row(name, b.Table)
		if r, _ := b.Table.Recall(1, 0.5); guess {
			best = max(best, r)
		}
	}
	return best, t.Write(d.out)
}

// demoNames are the guesses that see no video, and what the demo calls them.
var demoNames = map[string]string{
	"chance": "any window", "whole video": "the whole video", "best": "the best fixed span", "best-verb": "the best span for each verb",
	"kde": "drawn as in training", "kde-verb": "likewise, for each verb",
}

// corpusOfTraining are the examples that priors are fitted on.
func (d *demo) corpusOfTraining() ([]tall.Example, error) {
	corpus, err := d.common.corpus(d.con, d.data)
	if err != nil {
		return nil, err
	}
	return splitOfCorpus(corpus, trainName, "--data")
}

// shownAnswer is an answer that may be drawn.
type shownAnswer struct {
	example tall.Example
	moments []eval.Found
	margin  float64 // by which the best moment's score exceeds the next one's
}

func newShownAnswer(a answer) shownAnswer {
	s := shownAnswer{example: a.example, moments: eval.NewPrediction(a.example, a.scored, predictionNMS, 3).Moments}
	if len(s.moments) > 1 {
		s.margin = s.moments[0].Score - s.moments[1].Score
	}
	return s
}

// draw draws the three answers of which the model is surest, of three videos.
func (d *demo) draw(surest map[string]shownAnswer) error {
	answers := slices.SortedFunc(maps.Values(surest), func(a, b shownAnswer) int {
		return cmp.Or(cmp.Compare(b.margin, a.margin), cmp.Compare(a.example.Video, b.example.Video))
	})
	fmt.Fprintln(d.out, "\nThe answers that stand out most:")
	for _, a := range answers[:min(3, len(answers))] {
		fmt.Fprintf(d.out, "\n\"%s\" in %s\n", a.example.Sentence.Text, a.example.Video)
		var rows []report.TimelineRow
		for i, m := range a.moments {
			span := tall.Span{Start: max(m.Start, 0), End: min(m.End, a.example.Duration)}
			rows = append(rows, report.TimelineRow{Label: []string{"found", "2nd", "3rd"}[i], Spans: []tall.Span{span}})
		}
		rows = append(rows, report.TimelineRow{Label: "truth", Spans: a.example.Seconds(), Truth: true})
		if err := (report.Timeline{Duration: a.example.Duration, Rows: rows}).Write(d.out); err != nil {
			return err
		}
	}
	return nil
}

// leave writes some unseen videos as files, and says what to do with what is kept.
func (d *demo) leave(ctx context.Context) error {
	tools, err := media.Find(media.Options{FFmpeg: d.ffmpeg})
	if err != nil {
		return err
	}
	format := kitchen.MP4
	if _, _, _, err := tools.Programs(); err != nil {
		format = kitchen.Y4M
	}
	var videos []kitchen.Video
	for _, v := range d.kitchen.Videos() {
		if v.Split == "test" && len(videos) < demoKept {
			videos = append(videos, v)
		}
	}
	bar := d.con.progress("render videos to keep", "videos")
	defer bar.finish()
	for i := range videos {
		bar.set(i, len(videos), videos[i].Name)
		path := filepath.Join(d.dir, kitchen.VideosName, videos[i].File(format))
		if err := videos[i].WriteFile(ctx, path, kitchen.WriteOptions{Format: format, Tools: tools}); err != nil {
			return err
		}
	}
	bar.finish()
	weights := filepath.Join(d.dir, demoCheckpoints, "TALL")
	fmt.Fprintf(d.out, "Kept in %s: %d of the videos, all features, annotations and the model. Try\n", d.dir, len(videos))
	if e := videos[0].Examples(); len(e) > 0 {
		fmt.Fprintf(d.out, "  tall find %s %q --localizer %s\n", filepath.Join(d.dir, kitchen.VideosName, videos[0].File(format)), e[0].Sentence.Text, weights)
	}
	fmt.Fprintf(d.out, "  tall eval --data %s --features %s --weights %s\n", d.data, d.features[0], weights)
	return nil
}
