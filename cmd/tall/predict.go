package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"tall"
	"tall/config"
	"tall/eval"
)

type predictFlags struct {
	common
	saveDir   string
	videoPath string
}

func newPredict(g *global) *cobra.Command {
	p := &predictFlags{common: common{global: g}}
	cmd := &cobra.Command{
		Use:   "predict",
		Short: "Predict the moment of each sentence of an inference folder",
		Long: "Answers the sentences of the configuration's INFER section, or of --data: the best\n" +
			"moment of each in the features' clock (frames) as the reference writes it, and the best\n" +
			"moments in seconds.",
		Example: "tall predict --config configs/tall.yaml --weights data/checkpoints/TALL --filelist data/dataset/tall/infer\n" +
			"tall predict --weights run/TALL_best --data questions.jsonl --features clip=features/clip",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	p.register(cmd)
	p.registerWeights(cmd)
	p.registerSplit(cmd)
	f := cmd.Flags()
	overrides(f, "string", "filelist", "folder with infer_feat/ and infer_clip-sen.pkl")
	overrides(f, "int", "infer-topk", "moments listed for each sentence in predictions.jsonl (20)")
	overrides(f, "string", "nms", "threshold of suppression (0.45)")
	f.Int("log-interval", 1, "taken as the reference's; progress is shown in any case")
	f.StringVar(&p.saveDir, "save-dir", "data/predict_results", "where the results go")
	f.StringVar(&p.videoPath, "video-path", "", "taken as the reference's, which does not read it")
	return cmd
}

func (p *predictFlags) run(cmd *cobra.Command) error {
	con, err := p.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	cfg, err := p.load(cmd, con, config.Infer)
	if err != nil {
		return err
	}
	if p.videoPath != "" {
		con.Warn("--video_path is not read, as in the reference: name window features with --filelist")
	}
	nms, err := strconv.ParseFloat(cfg.Infer.NMS, 64)
	if err != nil {
		return fmt.Errorf("--nms %s: predict suppresses once, so give a number from 0 to 1 (the reference: %g)", cfg.Infer.NMS, predictionNMS)
	}
	o, err := modelOptions(cfg, p.preset, &cfg.Test)
	if err != nil {
		return err
	}
	if err := makeSaveDir(p.saveDir); err != nil {
		return err
	}
	model, data, err := p.open(cmd, con, &cfg.Infer, o)
	if errors.Is(err, tall.ErrMissing) && !p.given() && missing(cfg.Infer.ClipSentvec) {
		return fmt.Errorf("%w; tall gen-infer makes an inference sample, --filelist names the folder of another", err)
	}
	if err != nil {
		return err
	}
	defer data.Close()
	made, err := p.provenance(cmd, model.Backend(), model.Options(), data)
	if err != nil {
		return err
	}
	if err := model.ofModel(made, data.examples); err != nil {
		return err
	}

	var predictions []eval.Prediction
	var best []eval.VideoMoments
	err = data.localize(cmd.Context(), con, model.localizer(), sentencesAtOnce(&cfg.Infer), func(a answer) error {
		predictions = append(predictions, eval.NewPrediction(a.example, a.scored, nms, cfg.Infer.InferTopK))
		if len(best) == 0 || best[len(best)-1].Video != a.example.Video {
			best = append(best, eval.VideoMoments{Video: a.example.Video})
		}
		for _, i := range tall.Suppress(a.scored.Spans, a.scored.Scores, nms, 1) {
			last := &best[len(best)-1]
			last.Moments = append(last.Moments, eval.IndexedSpan{Sentence: a.index, Span: a.scored.Spans[i]})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := eval.WritePredictions(filepath.Join(p.saveDir, "predictions.jsonl"), predictions); err != nil {
		return err
	}
	if err := made.WriteFile(filepath.Join(p.saveDir, eval.RunName)); err != nil {
		return err
	}
	if err := eval.WriteInferResult(filepath.Join(p.saveDir, eval.InferResultName), best); err != nil {
		return err
	}
	for _, line := range predictions {
		if len(line.Moments) == 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "%s\tno moment\n", line.ID)
			continue
		}
		m := line.Moments[0]
		fmt.Fprintf(cmd.OutOrStdout(), "%s\t%.2f s - %.2f s\tscore %.3f\n", line.ID, m.Start, m.End, m.Score)
	}
	con.Info("results written", "dir", p.saveDir)
	return nil
}
