package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
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
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return t.run(cmd) },
	}
	t.register(cmd)
	f := cmd.Flags()
	overrides(f, "int", "epoch", "epochs to train in all")
	overrides(f, "float", "learning-rate", "learning rate of Adam")
	overrides(f, "float", "clip-norm", "limit of the gradients' global norm, 0 for none")
	f.StringVar(&t.pretrain, "pretrain", "", "start from these weights (a file or prefix), counting epochs from 0")
	f.StringVar(&t.resume, "resume", "", "go on from this checkpoint (a file or prefix)")
	f.StringVar(&t.saveDir, "save-dir", "data/checkpoints", "where checkpoints, metrics.jsonl and loss.svg go")
	f.IntVar(&t.validInterval, "valid-interval", 1, "epochs between validations on the VALID section; 0: never")
	f.IntVar(&t.logInterval, "log-interval", 10, "steps between logged losses")
	f.Var(&t.fixSeed, "fix-random-seed", fmt.Sprintf("True is --seed %d, False a fresh seed", referenceSeed))
	f.Uint64Var(&t.seed, "seed", 0, "seed of initial values and batches; without it a fresh one is drawn and printed")
	f.DurationVar(&t.saveEvery, "save-every", 5*time.Minute, "time between states within an epoch; 0: each epoch's end alone")
	f.IntVar(&t.keep, "keep", 0, "newest per-epoch checkpoints to keep; 0: all")
	return cmd
}

// check refuses flags that make no sense, before anything is read.
func (t *trainFlags) check() error {
	switch {
	case t.resume != "" && t.pretrain != "":
		return errors.New("--resume goes on with a run, --pretrain starts one from weights: give one of them")
	case t.logInterval < 1:
		return fmt.Errorf("--log_interval %d: give at least 1", t.logInterval)
	case t.keep < 0:
		return fmt.Errorf("--keep %d: give at least 1, or 0 to keep all", t.keep)
	case t.saveEvery < 0:
		return fmt.Errorf("--save_every %s: give a time above 0, or 0 for each epoch's end alone", t.saveEvery)
	}
	return nil
}

func (t *trainFlags) run(cmd *cobra.Command) (err error) {
	con, err := t.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if err := t.check(); err != nil {
		return err
	}
	cfg, err := t.load(cmd, con, config.Train, config.Valid)
	if err != nil {
		return err
	}
	o, err := modelOptions(cfg, t.preset, &cfg.Valid)
	if err != nil {
		return err
	}
	b, err := t.backend()
	if err != nil {
		return err
	}
	// What can fail at once fails before the features are read.
	from, err := t.start()
	if err != nil {
		return err
	}
	if err := makeSaveDir(t.saveDir); err != nil {
		return err
	}
	seed, err := t.seedOf(cmd, from)
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
		LogEvery: t.logInterval, SaveEvery: t.saveEvery, Keep: t.keep,
	}
	v, mark, err := t.validation(ctx, con, cfg, model)
	if err != nil {
		return err
	}
	if v != nil {
		defer v.data.Close()
		opts.ValidateEvery, opts.KeepBest, opts.Validate = t.validInterval, true, v.validate
	}
	if opts.Meta, err = checkpointMeta(o, data.visual(), data.sentence(), mark); err != nil {
		return err
	}
	switch {
	case t.resume != "":
		con.Info("resuming", "from", from.Path)
		if err := fitsRun(con, from, o, data); err != nil {
			return err
		}
		opts.Resume = from
	case from != nil:
		con.Info("starting from weights", "file", from.Path)
		if err := train.LoadParams(b, model.Params(), from); err != nil {
			return err
		}
	}
	defer context.AfterFunc(ctx, func() {
		con.Info("finishing the step, then saving; a second Ctrl-C ends at once, without saving")
	})()
	show := &trainShow{con: con, bar: con.progress("train", "steps"), validator: v, dir: t.saveDir}
	opts.Notify = show.event
	defer show.bar.finish()
	return train.Run(ctx, b, trainLearner{learner}, o.Adam(), opts)
}

// start reads the file of --resume or --pretrain; nil where neither is given.
func (t *trainFlags) start() (*weights.File, error) {
	name := t.resume + t.pretrain // check has seen that one is empty
	if name == "" {
		return nil, nil
	}
	path, err := train.Find(name)
	if err != nil {
		return nil, err
	}
	return weights.Read(path)
}

// seedOf returns the run's seed: given, the reference's, that of the run which
// goes on, or a fresh one.
func (t *trainFlags) seedOf(cmd *cobra.Command, from *weights.File) (uint64, error) {
	switch {
	case cmd.Flags().Changed("seed"):
		return t.seed, nil
	case bool(t.fixSeed):
		return referenceSeed, nil
	case t.resume != "":
		if seed, ok := train.SeedOf(from); ok {
			return seed, nil
		}
	}
	var b [4]byte // 32 bits: a seed that one can type again
	if _, err := rand.Read(b[:]); err != nil {
		return 0, err
	}
	return uint64(binary.LittleEndian.Uint32(b[:])), nil
}

// makeSaveDir makes the folder of --save_dir.
func makeSaveDir(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	var p *os.PathError
	if errors.As(err, &p) {
		err = fmt.Errorf("--save_dir %s cannot be made: %s: %w", dir, p.Path, p.Err)
	}
	return err
}

// trainShow tells of a run: on a terminal the bar moves, a log gets a line for
// each logged step.
type trainShow struct {
	con       *console
	bar       *progress
	validator *validator // nil where there is no validation
	dir       string

	sum   float64 // of the losses of this epoch
	steps int     // of this epoch
}

func (s *trainShow) event(e train.Event) {
	switch e.Kind {
	case train.Noted:
		s.con.Info(e.Message)
	case train.Stepped:
		s.sum, s.steps = s.sum+e.Record.Loss, s.steps+1
		if s.con.terminal {
			s.bar.set(e.Record.Step, e.Steps, fmt.Sprintf("epoch %d  loss %.4f", e.Record.Epoch, e.Record.Loss))
		}
	case train.Logged:
		if s.con.terminal {
			break
		}
		args := []any{"epoch", e.Record.Epoch, "step", e.Record.Step, "of", e.Steps, "loss", sig(e.Record.Loss)}
		for _, p := range e.Record.Parts {
			args = append(args, "loss_"+p.Name, sig(p.Value))
		}
		s.con.Info("step", append(args, "lr", e.Record.LR, "ms", e.Took.Milliseconds())...)
	case train.Saved:
		if !s.con.terminal { // there, a line an epoch is enough
			s.con.Info("saved", "file", e.Path)
		}
	case train.Validated:
		s.con.Info("validated", append(s.validator.found, "best", e.Best)...)
	case train.EpochDone:
		s.con.Info("epoch done", "epoch", e.Epoch, "mean_loss", sig(s.sum/float64(max(1, s.steps))))
		s.sum, s.steps = 0, 0
		if err := plotLoss(s.dir); err != nil {
			s.con.Warn("no loss plot", "error", err)
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
