package main

import (
	"context"
	"fmt"
	"os"

	"tall"
	"tall/config"
	"tall/eval"
	"tall/model/ctrl"
	"tall/train"
)

// bestMetric chooses the best checkpoint: R@1 at IoU 0.5, the number that the
// reference reports.
const (
	bestTop = 1
	bestIoU = 0.5
)

// validation sets up validation on the VALID section, and returns how the run's
// checkpoints are chosen, for their metadata. done closes what it opened.
func (t *trainFlags) validation(ctx context.Context, con *console, cfg *config.Config, model *ctrl.Model, o *train.Options) (mark string, done func() error, err error) {
	nothing := func() error { return nil }
	none := func(why string) (string, func() error, error) {
		con.Info("no validation: " + why)
		return "no validation: " + why, nothing, nil
	}
	if !cfg.Valid.Present {
		return none("the configuration has no VALID section")
	}
	if t.validInterval <= 0 {
		return none("--valid_interval is 0")
	}
	if overlap, ok := cfg.ValidOverlaps(); ok {
		// Choosing by data that the run trains or is tested on measures nothing.
		return none(overlap.String() + ", so no best checkpoint is kept")
	}
	if err := cfg.Need(config.Valid); err != nil {
		return "", nothing, err
	}
	if _, err := os.Stat(cfg.Valid.ClipSentvec); err != nil {
		return none(fmt.Sprintf("VALID.clip_sentvec: %v", err))
	}
	data, err := t.openSection(ctx, con, &cfg.Valid)
	if err != nil {
		return "", nothing, err
	}
	nms, err := eval.ParseNMS(cfg.Valid.NMS)
	if err != nil {
		return "", nothing, err
	}
	v := &validator{con: con, model: model, data: data, nms: nms}
	v.pairs = ctrl.Data{Inputs: data.inputs(), Examples: data.examples, Pairs: ctrl.FindPairs(data.store, data.examples, model.Options())}
	o.ValidateEvery, o.KeepBest, o.Validate = t.validInterval, true, v.validate
	return fmt.Sprintf("best by R@%d at IoU %g on VALID (%s)", bestTop, bestIoU, cfg.Valid.ClipSentvec), data.Close, nil
}

// validator computes loss and recall on the VALID section.
type validator struct {
	con   *console
	model *ctrl.Model
	data  *sectionData
	pairs ctrl.Data
	nms   eval.NMS
}

func (v *validator) validate(ctx context.Context, epoch int) (float64, error) {
	args := []any{"epoch", epoch}
	if len(v.pairs.Pairs) > 0 {
		loss, err := ctrl.ValidationLoss(ctx, v.model, v.pairs)
		if err != nil {
			return 0, err
		}
		args = append(args, "loss", sig(loss.Total), "loss_align", sig(loss.Align), "loss_reg", sig(loss.Reg))
	}
	table, err := scoreSection(ctx, v.con, v.data, v.model, v.nms)
	if err != nil {
		return 0, err
	}
	for _, n := range table.Top {
		if r, ok := table.Recall(n, bestIoU); ok {
			args = append(args, fmt.Sprintf("R@%d,IoU=%g", n, bestIoU), sig(r))
		}
	}
	v.con.Info("validation", args...)
	score, ok := table.Recall(bestTop, bestIoU)
	if !ok {
		return 0, fmt.Errorf("the thresholds %v have no IoU %g, by which the best checkpoint is chosen: add it to VALID.iou_thresholds", table.IoU, bestIoU)
	}
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
