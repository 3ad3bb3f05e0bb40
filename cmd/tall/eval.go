package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tall/config"
	"tall/eval"
	"tall/model/ctrl"
	"tall/report"
	"tall/weights"
)

// predictionNMS is the suppression of predict's predictions.jsonl: that of the
// reference's predict.py. Eval's is not suppressed, as its metrics suppress, each
// at a threshold of its own.
const predictionNMS = 0.45

type evalFlags struct {
	common
	saveDir string
	verbose bool

	noBaselines bool
	negatives   bool
	report      evalReport
}

func newEval(g *global) *cobra.Command {
	e := &evalFlags{common: common{global: g}}
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Evaluate trained weights: recall at n of every sentence against its movie's windows",
		Long: "Scores all windows of each movie for each of its sentences, with the configuration's\n" +
			"TEST section, or --data, and prints R@1, R@5 and R@10. Suppression is at the metric's\n" +
			"IoU less 0.05, as in the reference, unless --nms fixes it.",
		Example: "tall eval --config configs/tall.yaml --weights data/checkpoints/TALL\n" +
			"tall eval --weights run/TALL_best --data annotations.jsonl --features clip=features/clip",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return e.run(cmd) },
	}
	e.register(cmd)
	e.registerWeights(cmd)
	e.registerSplit(cmd)
	f := cmd.Flags()
	f.StringVar(&e.saveDir, "save-dir", "data/evaluate_results", "where the results go")
	f.StringVar(&e.report.dir, "report", "", reportUsage)
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
	made, err := e.provenance(cmd, model.Backend(), model.Options(), data)
	if err != nil {
		return err
	}
	if err := model.ofModel(made, data.examples); err != nil {
		return err
	}
	if made.ChosenHere {
		con.Warn("the checkpoint was chosen by these very sentences: the numbers do not measure unseen ones", "weights", model.path)
	}

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
		e.report.add(a)
		p := eval.RankedPrediction(a.example, a.scored)
		predictions = append(predictions, p)
		// What is written is what is scored: tall score finds the same numbers.
		return scorer.AddPrediction(p, a.example)
	})
	if err != nil {
		return err
	}
	table := scorer.Table()
	table.Provenance = made
	if err := e.beside(con, cfg, beside, table); err != nil {
		return err
	}
	if err := e.write(table, predictions); err != nil {
		return err
	}
	if err := e.report.write(con, table, predictions, data, model.path); err != nil {
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
	training, why := e.trainingSentences(con, cfg, &cfg.Test)
	if why != "" {
		con.Warn("baselines kde and best are missing: " + why)
	}
	return b.finish(table, training, why)
}

func (e *evalFlags) write(table *eval.Table, predictions []eval.Prediction) error {
	if err := eval.WritePredictions(filepath.Join(e.saveDir, "predictions.jsonl"), predictions); err != nil {
		return err
	}
	if err := table.Provenance.WriteFile(filepath.Join(e.saveDir, eval.RunName)); err != nil {
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
	if c.given() {
		return c.openWithData(cmd.Context(), con, s, o, b, f, r)
	}
	model, err := loadModel(b, f, r, o)
	if err != nil {
		return nil, nil, err
	}
	data, err := c.openSection(cmd.Context(), con, s)
	if err != nil {
		return nil, nil, err
	}
	if err := model.accepts(con, data); err != nil {
		return nil, nil, errors.Join(err, data.Close())
	}
	return model, data, nil
}

// openWithData is open for --data: what the flags leave open is as the checkpoint
// records it, and so are the dimensions.
func (c *common) openWithData(ctx context.Context, con *console, s *config.Section, o ctrl.Options, b backend, f *weights.File, r record) (*trained, *sectionData, error) {
	c.recorded = r.data
	data, err := c.openSplit(ctx, con, s, c.data, c.split, "--split")
	if err != nil {
		return nil, nil, err
	}
	data.shared = false // one split is all that is opened
	fail := func(err error) (*trained, *sectionData, error) { return nil, nil, errors.Join(err, data.Close()) }
	// Before the dimensions are compared, as this says what is wrong.
	if err := r.accepts(con, f.Path, data); err != nil {
		return fail(err)
	}
	o.VisualDim, o.SentenceDim = data.dims()
	if r.options != nil {
		o.SemanticDim, o.HiddenDim = r.options.SemanticDim, r.options.HiddenDim
	}
	model, err := loadModel(b, f, r, o)
	if err != nil {
		return fail(err)
	}
	return model, data, nil
}

// dims are F and E of the data.
func (d *sectionData) dims() (visual, sentence int) {
	return d.store.Dim(), len(d.examples[0].Sentence.Vector)
}

// accepts refuses data that was made otherwise than that which the model was trained on,
// and tells where that is not known.
func (t *trained) accepts(con *console, data *sectionData) error {
	return t.record.accepts(con, t.path, data)
}

func (r record) accepts(con *console, path string, data *sectionData) error {
	if err := r.visual.Check(data.visual()); err != nil {
		return fmt.Errorf("window features of %s: %w; take features made alike, or weights trained on these (%s)", data.store.Path(), err, path)
	}
	if err := r.sentence.Check(data.sentence()); err != nil {
		return fmt.Errorf("sentence vectors of %s: %w; take vectors made alike, or weights trained on these (%s)", strings.Join(data.files, ", "), err, path)
	}
	var unknown []string
	if r.visual.Unknown() || data.visual().Unknown() {
		unknown = append(unknown, "features")
	}
	if r.sentence.Unknown() || data.sentence().Unknown() {
		unknown = append(unknown, "sentence vectors")
	}
	if unknown != nil {
		con.Warn("nothing says in full how the "+strings.Join(unknown, " and ")+" were made: that the weights were trained on such ones is not checked", "weights", path, "folder", data.store.Path())
	}
	return nil
}

// localizer answers with the model, and refuses vectors made otherwise than
// those it was trained on.
func (t *trained) localizer() *ctrl.Localizer {
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
