package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"tall/config"
	"tall/eval"
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
	seeds            string
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
		Long: "Trains CTRL with the configuration's TRAIN section, or on --data. A checkpoint is\n" +
			"written after each epoch (TALL_epoch0, ...), and the latest state, from which a run\n" +
			"resumes bit for bit, as TALL. Ctrl-C finishes the step, saves and exits with 130.\n\n" +
			"--data reads any corpus (tall dataset --help) with any features; the model's input\n" +
			"dimensions follow from them. Per-clip features become windows of several lengths.\n" +
			"--seeds trains a run for each seed and writes mean and standard deviation.",
		Example: "tall train --config configs/tall.yaml --save_dir data/checkpoints\n" +
			"tall train --config configs/tall.yaml --resume data/checkpoints/TALL\n" +
			"tall train --data annotations.jsonl --features clip:l2=features/clip --stride 2 --sentences hash:1024 --seeds 1,2,3",
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
	f.StringVar(&t.seeds, "seeds", "", "several seeds, such as 1,2,3: a run for each in save-dir/seedN, and a table of them all")
	t.registerSplits(cmd)
	f.DurationVar(&t.saveEvery, "save-every", 5*time.Minute, "time between states within an epoch; 0: each epoch's end alone")
	f.IntVar(&t.keep, "keep", 0, "newest per-epoch checkpoints to keep; 0: all")
	return cmd
}

// check refuses flags that make no sense, before anything is read.
func (t *trainFlags) check() error {
	switch {
	case t.resume != "" && t.pretrain != "":
		return errors.New("--resume goes on with a run, --pretrain starts one from weights: give one of them")
	case t.seeds != "" && (t.resume != "" || bool(t.fixSeed)):
		return errors.New("--seeds begins a run for each seed: it goes with neither --resume (resume each run by itself) nor --fix_random_seed")
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
	seeds, err := t.seedsOf(cmd, from)
	if err != nil {
		return err
	}
	con.Info("training", "preset", o.Preset, "seed", seedText(seeds), "backend", b.Name(), "threads", b.Threads(), "save_dir", t.saveDir)

	ctx := cmd.Context()
	data, err := t.openTraining(ctx, con, cfg, from)
	defer func() { err = errors.Join(err, t.closeData()) }()
	if err != nil {
		return err
	}
	defer data.Close()
	if t.given() {
		o.VisualDim, o.SentenceDim = data.dims()
	}
	pairs := ctrl.FindPairs(data.store, data.examples, o)
	con.Info("training pairs", "pairs", len(pairs), "windows", data.store.Len(), "sentences", len(data.examples))
	v, mark, err := t.validation(ctx, con, cfg, o, data)
	if err != nil {
		return err
	}
	if v != nil {
		defer v.data.Close()
	}
	j := &trainJob{trainFlags: t, con: con, backend: b, options: o, data: data, pairs: pairs, validator: v, mark: mark, from: from}
	if j.record, err = t.recordData(&cfg.Train); err != nil {
		return err
	}
	if j.made, err = t.provenance(cmd, b, o, data); err != nil {
		return err
	}
	defer collectOften()()
	debug.FreeOSMemory() // what reading left behind, before the model takes its memory
	defer context.AfterFunc(ctx, func() {
		con.Info("finishing the step, then saving; a second Ctrl-C ends at once, without saving")
	})()
	if t.seeds != "" {
		err := j.runSeeds(ctx, cmd, cfg, seeds)
		if from != nil {
			err = errors.Join(err, from.Close())
		}
		return err
	}
	_, err = j.run(ctx, seeds[0], t.saveDir)
	return err
}

// trainJob is what runs of several seeds share.
type trainJob struct {
	*trainFlags
	con       *console
	backend   backend
	options   ctrl.Options
	data      *sectionData
	pairs     []ctrl.Pair
	validator *validator // nil where there is no validation
	mark      string     // how checkpoints are chosen
	record    *dataRecord
	made      *eval.Provenance // but for the seed
	from      *weights.File    // of --resume or --pretrain; nil: neither
}

// run trains one model into dir, and returns it as it is at the end.
func (j *trainJob) run(ctx context.Context, seed uint64, dir string) (*ctrl.Model, error) {
	o, b := j.options, j.backend
	model, err := ctrl.New(b, o, seed)
	if err != nil {
		return nil, err
	}
	learner, err := ctrl.NewLearner(model, ctrl.Data{Inputs: j.data.inputs(), Examples: j.data.examples, Pairs: j.pairs})
	if err != nil {
		return nil, err
	}
	opts := train.Options{
		Dir: dir, Name: "TALL", Epochs: o.Epochs, Steps: o.Steps, Seed: seed,
		LogEvery: j.logInterval, SaveEvery: j.saveEvery, Keep: j.keep,
	}
	if v := j.validator; v != nil {
		v.model = model
		opts.ValidateEvery, opts.KeepBest, opts.Validate = j.validInterval, true, v.validate
	}
	if opts.Meta, err = j.meta(); err != nil {
		return nil, err
	}
	switch {
	case j.resume != "":
		j.con.Info("resuming", "from", j.from.Path)
		if err := fitsRun(j.con, j.from, o, j.data); err != nil {
			return nil, err
		}
		opts.Resume = j.from
	case j.from != nil:
		j.con.Info("starting from weights", "file", j.from.Path)
		if err := train.LoadParams(b, model.Params(), j.from); err != nil {
			return nil, err
		}
		if j.seeds == "" {
			if err := j.from.Close(); err != nil {
				return nil, err
			}
		}
	}
	made := *j.made
	made.Seed, made.Chosen = &seed, j.mark
	if err := made.WriteFile(filepath.Join(dir, eval.RunName)); err != nil {
		return nil, err
	}
	show := &trainShow{con: j.con, bar: j.con.progress("train", "steps"), validator: j.validator, dir: dir}
	opts.Notify = show.event
	defer show.bar.finish()
	return model, train.Run(ctx, b, trainLearner{learner}, o.Adam(), opts)
}

// meta is what the run's checkpoints record of it.
func (j *trainJob) meta() (map[string]string, error) {
	meta, err := checkpointMeta(j.options, j.data.visual(), j.data.sentence(), j.mark)
	if err != nil {
		return nil, err
	}
	if j.validator != nil {
		meta[metaChosenBy] = sentencesHash(j.validator.data.examples)
	}
	if j.record != nil {
		err = addMeta(meta, map[string]any{metaData: j.record})
	}
	return meta, err
}

// openTraining opens what the run is trained on. A run that goes on has what the
// checkpoint records where no flag says otherwise.
func (t *trainFlags) openTraining(ctx context.Context, con *console, cfg *config.Config, from *weights.File) (*sectionData, error) {
	if !t.given() {
		return t.openSection(ctx, con, &cfg.Train)
	}
	if t.resume != "" {
		r, err := readRecord(from)
		if err != nil {
			return nil, err
		}
		t.recorded = r.data
	}
	return t.openSplit(ctx, con, &cfg.Train, t.data, t.trainSplit, "--train-split")
}

// collectOften lets the heap grow by a twentieth between garbage collections, until
// the function that it returns is called. Nearly all of a run's memory is matrices
// without pointers: marking is cheap, and the usual doubling would cost as much
// again as everything that is kept. GOGC, where it is set, counts.
func collectOften() (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(5)
	return func() { debug.SetGCPercent(before) }
}

// start opens the file of --resume or --pretrain; nil where neither is given.
func (t *trainFlags) start() (*weights.File, error) {
	name := t.resume + t.pretrain // check has seen that one is empty
	if name == "" {
		return nil, nil
	}
	path, err := train.Find(name)
	if err != nil {
		return nil, err
	}
	return weights.Open(path)
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
