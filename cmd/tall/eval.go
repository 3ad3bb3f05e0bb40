package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"tall"
	"tall/config"
	"tall/eval"
	"tall/model/ctrl"
	"tall/report"
)

// predictionNMS is the suppression of predictions.jsonl: that of the
// reference's predict.py.
const predictionNMS = 0.45

type evalFlags struct {
	common
	saveDir string
	verbose bool

	noBaselines bool
	negatives   bool
}

func newEval(g *global) *cobra.Command {
	e := &evalFlags{common: common{global: g}}
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Evaluate trained weights: recall at n of every sentence against its movie's windows",
		Long: "Scores all windows of each movie for each of its sentences, with the configuration's\n" +
			"TEST section, and prints R@1, R@5 and R@10. Suppression is at the metric's IoU less\n" +
			"0.05, as in the reference, unless --nms fixes it.",
		Example: "tall eval --config configs/tall.yaml --weights data/checkpoints/TALL",
		Args:    takes(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.run(cmd) },
	}
	e.register(cmd)
	e.registerWeights(cmd)
	f := cmd.Flags()
	f.StringVar(&e.saveDir, "save-dir", "data/evaluate_results", "where the results go")
	f.Int("log-interval", 1, "taken as the reference's; progress is shown in any case")
	overrides(f, "string", "nms", "threshold of suppression: moving (the metric's IoU less 0.05) or a number")
	f.BoolVar(&e.noBaselines, "no-baselines", false, "leave out the rows beside the model's: chance, priors, the model with sentences or windows exchanged")
	f.BoolVar(&e.negatives, "negatives", false, "also ask each video the sentences of others, and report how well the top score tells them from its own")
	f.BoolVarP(&e.verbose, "verbose", "v", false, "a row for each movie")
	return cmd
}

func (e *evalFlags) run(cmd *cobra.Command) error {
	con, err := e.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	cfg, err := e.load(cmd, con, config.Test)
	if err != nil {
		return err
	}
	o, err := modelOptions(cfg, e.preset, &cfg.Test)
	if err != nil {
		return err
	}
	nms, err := eval.ParseNMS(cfg.Test.NMS)
	if err != nil {
		return err
	}
	if err := makeSaveDir(e.saveDir); err != nil {
		return err
	}
	model, data, err := e.open(cmd, con, &cfg.Test, o)
	if err != nil {
		return err
	}
	defer data.Close()

	metrics := eval.Options{IoU: o.EvalIoU, NMS: nms}
	scorer, err := eval.NewScorer(metrics)
	if err != nil {
		return err
	}
	beside, asked, err := newBesides(data.examples, metrics, !e.noBaselines, e.negatives)
	if err != nil {
		return err
	}
	questions := *data
	questions.examples = asked
	var predictions []eval.Prediction
	err = questions.localize(cmd.Context(), con, model.localizer(), sentencesAtOnce(&cfg.Test), func(a answer) error {
		if own, err := beside.add(cmd.Context(), a); err != nil || !own {
			return err
		}
		predictions = append(predictions, eval.NewPrediction(a.example, a.scored, predictionNMS, 0))
		return scorer.Add(a.scored, a.example)
	})
	if err != nil {
		return err
	}
	table := scorer.Table()
	if err := e.beside(con, cfg, beside, table); err != nil {
		return err
	}
	if err := e.write(table, predictions); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s: %s of %s, suppression %s\n", model.path, counted(table.Total.Sentences, "sentence"), counted(len(table.Videos), "movie"), table.NMS)
	if model.mark != "" {
		fmt.Fprintf(out, "training: %s\n", model.mark)
	}
	if err := report.Recall(table, e.verbose).Write(out); err != nil {
		return err
	}
	if err := writeBesides(out, table); err != nil {
		return err
	}
	con.Info("results written", "dir", e.saveDir)
	return nil
}

// beside puts the baselines and negatives that were asked for beside the table.
func (e *evalFlags) beside(con *console, cfg *config.Config, b *besides, table *eval.Table) error {
	if e.noBaselines {
		return b.finish(table, nil, "")
	}
	training, why := e.trainingSentences(cfg, &cfg.Test)
	if why != "" {
		con.Warn("baselines kde and best are missing: " + why)
	}
	return b.finish(table, training, why)
}

func (e *evalFlags) write(table *eval.Table, predictions []eval.Prediction) error {
	if err := eval.WritePredictions(filepath.Join(e.saveDir, "predictions.jsonl"), predictions); err != nil {
		return err
	}
	if err := table.WriteFile(filepath.Join(e.saveDir, "eval.json")); err != nil {
		return err
	}
	return eval.WriteTestResult(filepath.Join(e.saveDir, eval.TestResultName), table)
}

// open loads the model and the section's data for eval and predict.
func (c *common) open(cmd *cobra.Command, con *console, s *config.Section, o ctrl.Options) (*trained, *sectionData, error) {
	path, err := c.findWeights(cmd.Context(), con)
	if err != nil {
		return nil, nil, err
	}
	b, err := c.backend()
	if err != nil {
		return nil, nil, err
	}
	f, r, err := readWeights(path)
	if err != nil {
		return nil, nil, err
	}
	model, err := loadModel(b, f, r, o)
	if err != nil {
		return nil, nil, err
	}
	data, err := c.openSection(cmd.Context(), con, s)
	if err != nil {
		return nil, nil, err
	}
	if model.visual.Unknown() || data.visual().Unknown() {
		con.Warn("nothing says which encoder made the features: that the weights were trained on such ones is not checked", "weights", model.path, "folder", data.store.Dir())
	}
	return model, data, nil
}

// localizer answers with the model, and refuses vectors made otherwise than
// those it was trained on.
func (t *trained) localizer() tall.Localizer {
	return ctrl.NewLocalizer(t.Model, ctrl.LocalizerOptions{Visual: t.visual, Sentence: t.sentence})
}

// counted is a number of things: "1 movie", "2 movies".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// sentencesAtOnce is --batch_size where it was given. The configuration's 1
// stands for no bound, as the answers do not depend on it.
func sentencesAtOnce(s *config.Section) int {
	if s.Source("batch_size") == config.FromFlag {
		return s.BatchSize
	}
	return 0
}
