package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tall"
	"tall/dataset"
	"tall/eval"
	"tall/report"
)

func newPrior(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prior",
		Short: "Answer without seeing any video: the numbers that a model must beat",
		Long: "Learns from a corpus's training split where in a video moments are wont to lie, and\n" +
			"answers other sentences with that alone. docs/priors.md says how.",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPriorFit(g), newPriorPredict(g))
	return cmd
}

// priorData is the corpus of --data: its name with the path as argument, or its
// path alone.
type priorData struct {
	corpusFlags
	data string
}

func (d *priorData) register(cmd *cobra.Command, split string) {
	d.corpusFlags.register(cmd)
	f := cmd.Flags()
	f.Lookup("split").DefValue = split
	d.split = split
	f.StringVar(&d.data, "data", "", "the corpus: its name, with PATH as argument, or its path alone")
	_ = cmd.MarkFlagRequired("data")
}

func (d *priorData) read(con *console, args []string) (*dataset.Corpus, error) {
	c, err := d.open(append([]string{d.data}, args...))
	if err != nil {
		return nil, err
	}
	for _, f := range c.Findings {
		con.Warn(f.What, "count", f.Count, "places", strings.Join(f.Places, ", "))
	}
	if len(c.Examples) == 0 {
		return nil, fmt.Errorf("%w: no sentences of the split %q in %s; name another with --split", tall.ErrMissing, d.split, strings.Join(c.Files, ", "))
	}
	return c, nil
}

type priorFit struct {
	priorData
	out string
	o   eval.PriorOptions
}

func newPriorFit(g *global) *cobra.Command {
	p := &priorFit{priorData: priorData{corpusFlags: corpusFlags{global: g}}}
	cmd := &cobra.Command{
		Use:   "fit --data NAME PATH --out FILE",
		Short: "Learn where moments lie from a training split",
		Long: "Reads the spans of the training sentences as shares of their videos' lengths, finds the\n" +
			"spans that hit most of them, overall and by verb, and writes all of it as JSON.\n\n" + corpusForms,
		Example: "tall prior fit --data charades-sta data/charades-sta --out charades.prior.json",
		Args:    takes(0, 1, "PATH, after --data NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.run(cmd, args) },
	}
	p.register(cmd, "train")
	f := cmd.Flags()
	f.StringVar(&p.out, "out", "", "file to write")
	f.Float64SliceVar(&p.o.IoU, "iou", []float64{0.1, 0.3, 0.5, 0.7}, "what counts as a hit: best spans are found for each")
	f.IntVar(&p.o.Grid, "grid", 100, "best spans begin and end at multiples of 1/grid of the video")
	f.IntVar(&p.o.Top, "top", 10, "best spans to list for each")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func (p *priorFit) run(cmd *cobra.Command, args []string) error {
	con, err := p.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	c, err := p.read(con, args)
	if err != nil {
		return err
	}
	names := make([]string, len(c.Files))
	for i, f := range c.Files {
		sum, err := fileHash(f)
		if err != nil {
			return err
		}
		names[i] = filepath.Base(f) + " " + sum[:len("sha256:")+12] // enough to tell files apart
	}
	p.o.Source = fmt.Sprintf("%s (%s)", c.Name, strings.Join(names, ", "))
	prior, err := eval.FitPrior(c.Examples, p.o)
	if err != nil {
		return err
	}
	if err := prior.WriteFile(p.out); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "Fitted on %s of %s.\nBest spans of their own: %s.\n", counted(len(prior.Items), "sentence"), prior.Source, counted(prior.Verbs(), "verb"))
	for _, note := range []struct {
		n    int
		text string
	}{
		{prior.Skipped, "sentences without a usable span were left out"},
		{prior.Clipped, "spans were cut at an end of their video"},
		{prior.Guessed, "sentences are of videos of unknown length, taken to end with their last span"},
	} {
		if note.n > 0 {
			fmt.Fprintf(out, "%d %s.\n", note.n, note.text)
		}
	}
	t := report.Table{Header: []string{"IoU", "best span, % of the video", "hits, % of the training split"}}
	for _, b := range prior.Best {
		if b.IoU > 0 && b.Verb == "" {
			s := b.Spans[0]
			t.Rows = append(t.Rows, []string{
				strconv.FormatFloat(b.IoU, 'g', -1, 64),
				fmt.Sprintf("%.3g to %.3g", 100*s.Start, 100*s.End), fmt.Sprintf("%.2f", 100*s.Gain),
			})
		}
	}
	return t.Write(out)
}

type priorPredict struct {
	priorData
	prior, out, kind string
	how              eval.PriorAnswer
}

func newPriorPredict(g *global) *cobra.Command {
	p := &priorPredict{priorData: priorData{corpusFlags: corpusFlags{global: g}}}
	cmd := &cobra.Command{
		Use:   "predict --prior FILE --data NAME PATH --out predictions.jsonl",
		Short: "Answer sentences from a prior, for tall score",
		Long: "Writes the answers of a prior as predictions, and beside them how they came about\n" +
			"(.run.json). --kind is one of\n" + priorKinds() + "\n" + corpusForms,
		Example: "tall prior predict --prior charades.prior.json --data charades-sta data/charades-sta --kind best-verb --iou 0.5 --out predictions.jsonl\n" +
			"tall score --gt data/charades-sta --split test --pred predictions.jsonl",
		Args: takes(0, 1, "PATH, after --data NAME"),
		RunE: func(cmd *cobra.Command, args []string) error { return p.run(cmd, args) },
	}
	p.register(cmd, "test")
	f := cmd.Flags()
	f.StringVar(&p.prior, "prior", "", "file that tall prior fit wrote")
	f.StringVar(&p.out, "out", "", "file to write")
	f.StringVar(&p.kind, "kind", string(eval.PriorBest), "how to answer")
	f.Float64Var(&p.how.IoU, "iou", 0.5, "best, best-verb: for which metric, R@n at this IoU; 0: for the mean IoU")
	f.Uint64Var(&p.how.Seed, "seed", 1, "chance, kde, kde-verb: seed of the draws")
	_ = cmd.MarkFlagRequired("prior")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func priorKinds() string {
	var b strings.Builder
	for _, k := range eval.PriorKinds() {
		fmt.Fprintf(&b, "  %-10s %s\n", k, k.About())
	}
	return b.String()
}

func (p *priorPredict) run(cmd *cobra.Command, args []string) (err error) {
	con, err := p.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if p.how.Kind, err = eval.ParsePriorKind(p.kind); err != nil {
		return fmt.Errorf("--kind: %w", err)
	}
	prior, err := eval.ReadPrior(p.prior)
	if err != nil {
		return err
	}
	c, err := p.read(con, args)
	if err != nil {
		return err
	}
	predictions, err := prior.Predict(c.Examples, p.how)
	if err != nil {
		return err
	}
	if err := eval.WritePredictions(p.out, predictions); err != nil {
		return err
	}
	made, err := provenance(cmd, append([]string{p.prior}, c.Files...)...)
	if err != nil {
		return err
	}
	made.Seed = &p.how.Seed
	if err := made.WriteFile(strings.TrimSuffix(p.out, ".jsonl") + "." + eval.RunName); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s answered with %s, fitted on %s\n", counted(len(predictions), "sentence"), p.how.Kind.About(), prior.Source)
	return nil
}
