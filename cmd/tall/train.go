package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tall/config"
	"tall/model/ctrl"
	"tall/report"
	"tall/train"
	"tall/weights"
)

type trainFlags struct {
	common
	pretrain, resume string
	saveDir          string
	validInterval    int
	logInterval      int
	fixSeed          pyBool
	seed             uint64
	saveEvery        time.Duration
	keep             int
}

// referenceSeed is what --fix_random_seed=True stands for, as in the port.
const referenceSeed = 1000

func newTrain(g *global) *cobra.Command {
	t := &trainFlags{common: common{global: g}}
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train CTRL on window features and sentence vectors",
		Long: "Trains CTRL with the configuration's TRAIN section. A checkpoint is written after\n" +
			"each epoch (TALL_epoch0, ...), and the latest state, from which a run resumes bit\n" +
			"for bit, as TALL. Ctrl-C finishes the step, saves and exits with 130.",
		Example: "tall train --config configs/tall.yaml --save_dir data/checkpoints\n" +
			"tall train --config configs/tall.yaml --resume data/checkpoints/TALL",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.run(cmd) },
	}
	t.register(cmd)
	f := cmd.Flags()
	f.Int("epoch", 0, "epochs to train in all; overrides the configuration")
	f.Float64("learning-rate", 0, "overrides the configuration")
	f.Float64("clip-norm", 0, "limit of the gradients' global norm, 0 for none; overrides the configuration")
	f.StringVar(&t.pretrain, "pretrain", "", "start from these weights (a file), counting epochs from 0")
	f.StringVar(&t.resume, "resume", "", "go on from this checkpoint (a file or prefix)")
	f.StringVar(&t.saveDir, "save-dir", "data/checkpoints", "where checkpoints, metrics.jsonl and loss.svg go")
	f.IntVar(&t.validInterval, "valid-interval", 1, "epochs between validations on the VALID section; 0: never")
	f.IntVar(&t.logInterval, "log-interval", 10, "steps between logged losses")
	f.Var(&t.fixSeed, "fix-random-seed", fmt.Sprintf("True or False; True is --seed %d", referenceSeed))
	f.Uint64Var(&t.seed, "seed", 0, "seed of initial values and batches; without it a fresh one is drawn and printed")
	f.DurationVar(&t.saveEvery, "save-every", 5*time.Minute, "time between states within an epoch")
	f.IntVar(&t.keep, "keep", 0, "newest per-epoch checkpoints to keep; 0: all")
	return cmd
}

// seedOf returns the run's seed: given, the reference's, or a fresh one.
func (t *trainFlags) seedOf(cmd *cobra.Command) (uint64, error) {
	switch {
	case cmd.Flags().Changed("seed"):
		return t.seed, nil
	case bool(t.fixSeed):
		return referenceSeed, nil
	}
	var b [4]byte // 32 bits: a seed that one can type again
	if _, err := rand.Read(b[:]); err != nil {
		return 0, err
	}
	return uint64(binary.LittleEndian.Uint32(b[:])), nil
}

func (t *trainFlags) run(cmd *cobra.Command) (err error) {
	con, err := t.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	cfg, err := t.load(cmd, con, config.Train)
	if err != nil {
		return err
	}
	o, err := modelOptions(cfg, t.preset, &cfg.Valid)
	if err != nil {
		return err
	}
	if t.resume != "" && t.pretrain != "" {
		return fmt.Errorf("--resume goes on with a run, --pretrain starts one from weights: give one of them")
	}
	seed, err := t.seedOf(cmd)
	if err != nil {
		return err
	}
	b, err := t.backend()
	if err != nil {
		return err
	}
	con.Info("training", "preset", o.Preset, "seed", seed, "backend", b.Name(), "threads", b.Threads(), "save_dir", t.saveDir)

	ctx := cmd.Context()
	data, err := t.openSection(ctx, con, &cfg.Train)
	if err != nil {
		return err
	}
	defer data.Close()
	pairs := ctrl.FindPairs(data.store, data.examples, o)
	con.Info("training pairs", "pairs", len(pairs), "windows", data.store.Len(), "sentences", len(data.examples))

	model, err := ctrl.New(b, o, seed)
	if err != nil {
		return err
	}
	learner, err := ctrl.NewLearner(model, ctrl.Data{Inputs: data.inputs(), Examples: data.examples, Pairs: pairs})
	if err != nil {
		return err
	}
	opts := train.Options{
		Dir: t.saveDir, Name: "TALL", Epochs: o.Epochs, Steps: o.Steps, Seed: seed,
		LogEvery: t.logInterval, ValidateEvery: t.validInterval, SaveEvery: t.saveEvery, Keep: t.keep,
	}
	mark, done, err := t.validation(ctx, con, cfg, model, &opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if opts.Meta, err = checkpointMeta(o, data.visual(), data.sentence(), mark); err != nil {
		return err
	}
	if opts.Resume, err = t.start(con, model); err != nil {
		return err
	}
	bar := con.progress("train")
	opts.Notify = func(e train.Event) { t.show(con, bar, e) }
	err = train.Run(ctx, b, trainLearner{learner}, o.Adam(), opts)
	bar.finish()
	return err
}

// start loads --pretrain, or reads --resume.
func (t *trainFlags) start(con *console, model *ctrl.Model) (*weights.File, error) {
	name := t.resume
	if name == "" {
		name = t.pretrain
	}
	if name == "" {
		return nil, nil
	}
	path, err := train.Find(name)
	if err != nil {
		return nil, err
	}
	f, err := weights.Read(path)
	if err != nil {
		return nil, err
	}
	if t.resume != "" {
		con.Info("resuming", "from", path)
		return f, nil
	}
	con.Info("starting from weights", "file", path)
	return nil, train.LoadParams(model.Backend(), model.Params(), f)
}

// show tells of an event: on a terminal the bar moves, a log gets a line for
// each logged step.
func (t *trainFlags) show(con *console, bar *progress, e train.Event) {
	switch e.Kind {
	case train.Noted:
		con.Info(e.Message)
	case train.Stepped:
		if con.terminal {
			rate := 1 / max(1e-9, e.Took.Seconds())
			bar.set(e.Record.Step, e.Steps, fmt.Sprintf("epoch %d  loss %.4f  %.1f steps/s", e.Record.Epoch, e.Record.Loss, rate))
		}
	case train.Logged:
		if con.terminal {
			break
		}
		args := []any{"epoch", e.Record.Epoch, "step", e.Record.Step, "of", e.Steps, "loss", sig(e.Record.Loss)}
		for _, p := range e.Record.Parts {
			args = append(args, "loss_"+p.Name, sig(p.Value))
		}
		con.Info("step", append(args, "lr", e.Record.LR, "ms", e.Took.Milliseconds())...)
	case train.Saved:
		con.Info("saved", "file", e.Path)
	case train.Validated:
		con.Info("validated", "epoch", e.Epoch, "score", sig(e.Score), "best", e.Best)
	case train.EpochDone:
		if err := plotLoss(t.saveDir); err != nil {
			con.Warn("no loss plot", "error", err)
		}
	}
}

// sig rounds to six significant digits, for logs.
func sig(x float64) string { return fmt.Sprintf("%.6g", x) }

// plotLoss draws metrics.jsonl as loss.svg beside it.
func plotLoss(dir string) error {
	records, err := train.ReadMetrics(filepath.Join(dir, train.MetricsName))
	if err != nil || len(records) == 0 {
		return err
	}
	var lines report.Lines
	for _, r := range records {
		lines.Add("loss", float64(r.Step), r.Loss)
		for _, p := range r.Parts {
			lines.Add(p.Name, float64(r.Step), p.Value)
		}
	}
	return lines.WriteSVG(filepath.Join(dir, "loss.svg"), report.PlotOptions{Title: "Training loss", X: "step", Y: "loss"})
}

// trainLearner lets train.Run drive a ctrl.Learner.
type trainLearner struct{ *ctrl.Learner }

func (l trainLearner) Step(ctx context.Context, members []int) (train.Loss, error) {
	loss, err := l.Learner.Step(ctx, members)
	return train.Loss{
		Total: loss.Total,
		Parts: []train.Part{{Name: "align", Value: loss.Align}, {Name: "reg", Value: loss.Reg}},
	}, err
}
