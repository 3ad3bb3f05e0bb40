package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"tall"
	"tall/config"
	"tall/eval"
	"tall/model/ctrl"
)

// bestMetric chooses the best checkpoint: R@1 at IoU 0.5, the number that the
// reference reports.
const (
	bestTop = 1
	bestIoU = 0.5
)

// validation prepares validation on the VALID section, but for the model: nil
// where there is none. mark says how the run's checkpoints are chosen, for their
// metadata.
func (t *trainFlags) validation(ctx context.Context, con *console, cfg *config.Config, o ctrl.Options, training *sectionData) (v *validator, mark string, err error) {
	why := t.noValidation(cfg)
	if t.given() {
		why, err = t.noValidationSplit(con, training)
	}
	if err != nil {
		return nil, "", err
	}
	if why != "" {
		con.Info("no validation: " + why)
		return nil, "no validation: " + why, nil
	}
	if !t.given() {
		if err := cfg.Need(config.Valid); err != nil {
			return nil, "", err
		}
	}
	nms, err := eval.ParseNMS(cfg.Valid.NMS)
	if err != nil {
		return nil, "", err
	}
	if iou := o.EvalIoU; !slices.Contains(iou, bestIoU) {
		return nil, "", fmt.Errorf("the thresholds %v have no IoU %g, by which the best checkpoint is chosen: add it to VALID.iou_thresholds, or switch validation off with --valid_interval 0", iou, bestIoU)
	}
	data, mark, err := t.openValidation(ctx, con, cfg)
	if err != nil {
		return nil, "", err
	}
	v = &validator{con: con, data: data, nms: nms}
	v.pairs = ctrl.Data{Inputs: data.inputs(), Examples: data.examples, Pairs: ctrl.FindPairs(data.store, data.examples, o)}
	return v, mark, nil
}

// openValidation opens what the best checkpoint is chosen by, and says so for the run's
// records.
func (t *trainFlags) openValidation(ctx context.Context, con *console, cfg *config.Config) (data *sectionData, mark string, err error) {
	by := fmt.Sprintf("best by R@%d at IoU %g on ", bestTop, bestIoU)
	if !t.given() {
		data, err = t.openSection(ctx, con, &cfg.Valid)
		return data, by + fmt.Sprintf("VALID (%s)", cfg.Valid.ClipSentvec), err
	}
	path := t.validationPath()
	data, err = t.openSplit(ctx, con, &cfg.Valid, path, t.validSplit, "--valid-split")
	if err != nil {
		return nil, "", err
	}
	mark = by + "the split " + t.validSplit + " of " + path
	if data.split == "" {
		mark = by + path
	}
	if isTest(data.split) || data.split != "" && data.split == t.testSplit {
		mark += ": CHOSEN ON TEST"
		con.Warn("the checkpoint will be chosen on the test split: its results there measure no unseen sentences, and are marked so", "split", data.split)
	}
	return data, mark, nil
}

// isTest tells the names of test splits.
func isTest(split string) bool { return strings.HasPrefix(strings.ToLower(split), "test") }

// validationPath is where the splits other than the training split are.
func (t *trainFlags) validationPath() string { return cmp.Or(t.validData, t.data) }

// noValidationSplit says why a run on --data is not validated, or nothing.
func (t *trainFlags) noValidationSplit(con *console, training *sectionData) (why string, err error) {
	const none = "; no best checkpoint is kept"
	if t.validInterval <= 0 {
		return "--valid_interval is 0" + none, nil
	}
	corpus, err := t.corpus(con, t.validationPath())
	if err != nil {
		return "", err
	}
	if t.validData == "" && !hasSplits(corpus) {
		return t.data + " does not say which sentences are for validation" + none, nil
	}
	examples, err := splitOfCorpus(corpus, t.validSplit, "--valid-split")
	if errors.Is(err, tall.ErrMissing) {
		return err.Error() + none, nil
	}
	if err != nil {
		return "", err
	}
	trained := map[string]bool{}
	for _, e := range training.examples {
		trained[identityOf(e)] = true
	}
	same := 0
	for _, e := range examples {
		if trained[identityOf(e)] {
			same++
		}
	}
	if same == len(examples) {
		// Choosing by data that the run trains on measures nothing.
		return "all sentences of the validation split are trained on" + none, nil
	}
	if same > 0 {
		con.Warn("sentences of the validation split are trained on", "sentences", same, "of", len(examples))
	}
	return "", nil
}

// identityOf tells examples of different files apart: ids may be given again.
func identityOf(e tall.Example) string {
	return fmt.Sprintf("%s\x00%s\x00%v", e.Video, e.Sentence.Text, e.Seconds())
}

// noValidation says why a run is not validated, or nothing.
func (t *trainFlags) noValidation(cfg *config.Config) string {
	if !cfg.Valid.Present {
		return "the configuration has no VALID section; no best checkpoint is kept"
	}
	if t.validInterval <= 0 {
		return "--valid_interval is 0; no best checkpoint is kept"
	}
	if overlap, ok := cfg.ValidOverlaps(); ok {
		// Choosing by data that the run trains or is tested on measures nothing.
		return overlap.String()
	}
	if _, err := os.Stat(cfg.Valid.ClipSentvec); errors.Is(err, os.ErrNotExist) {
		return fmt.Sprintf("VALID.clip_sentvec (%s) does not exist; no best checkpoint is kept", cfg.Valid.ClipSentvec)
	}
	return ""
}

// validator computes loss and recall on the VALID section.
type validator struct {
	con   *console
	model *ctrl.Model
	data  *sectionData
	pairs ctrl.Data
	nms   eval.NMS
	found []any // by the last validation, as arguments of a log line
}

// validate returns the recall by which the best checkpoint is chosen.
func (v *validator) validate(ctx context.Context, epoch int) (float64, error) {
	debug.FreeOSMemory() // what the epoch left behind, before validation takes its own
	v.found = []any{"epoch", epoch}
	if len(v.pairs.Pairs) > 0 {
		loss, err := ctrl.ValidationLoss(ctx, v.model, v.pairs)
		if err != nil {
			return 0, err
		}
		v.found = append(v.found, "loss", sig(loss.Total))
		if !v.con.terminal { // a line there has little room
			v.found = append(v.found, "loss_align", sig(loss.Align), "loss_reg", sig(loss.Reg))
		}
	}
	table, err := scoreSection(ctx, v.con, v.data, v.model, v.nms)
	if err != nil {
		return 0, err
	}
	for _, n := range table.Top {
		if r, ok := table.Recall(n, bestIoU); ok {
			v.found = append(v.found, fmt.Sprintf("R@%d,IoU%g", n, bestIoU), sig(r))
		}
	}
	score, _ := table.Recall(bestTop, bestIoU) // validation has seen that there is one
	return score, nil
}

// scoreSection evaluates a model with its present parameters.
func scoreSection(ctx context.Context, con *console, data *sectionData, model *ctrl.Model, nms eval.NMS) (*eval.Table, error) {
	scorer, err := eval.NewScorer(eval.Options{IoU: model.Options().EvalIoU, NMS: nms})
	if err != nil {
		return nil, err
	}
	var l tall.Localizer = ctrl.NewLocalizer(model, ctrl.LocalizerOptions{})
	err = data.localize(ctx, con, l, 0, func(a answer) error { return scorer.Add(a.scored, a.example) })
	return scorer.Table(), err
}
