package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
	"tall/config"
	"tall/eval"
	"tall/report"
)

// controlSeed is the seed of everything that is drawn for the baselines, so that
// they are the same in every evaluation.
const controlSeed = 1

// chanceDraws is about how many random orders stand for chance in all.
const chanceDraws = 4000

// exchangedMost is how many exchanged sentences a model is asked where only the
// row of its recalls needs them: enough for a standard error of 1.6 % at most.
// Asking all would double the time of an evaluation.
const exchangedMost = 1000

// exchangedID marks a sentence that is asked of a video it does not belong to.
const exchangedID = "exchanged:"

// besides computes, in the same pass as a model's answers, what stands beside
// its numbers.
type besides struct {
	options   eval.Options
	baselines bool
	// negatives is nil where they were not asked for.
	negatives *eval.Negatives

	examples  []tall.Example  // those of the section, with lengths as they become known
	at        map[string]int  // an example's index by ID
	foreign   map[string]bool // exchanged sentences, by ID, of which the video shows nothing
	exchanged *eval.Scorer    // sentences exchanged among queries
	windows   *eval.Scorer    // windows exchanged in time
	chance    *eval.Scorer
	seeds     int
	fitted    string // hash of the sentences that the priors were fitted on
}

// newBesides prepares the baselines for a section's examples, and returns the
// sentences that the model must be asked: the examples, and those exchanged.
func newBesides(examples []tall.Example, o eval.Options, baselines, negatives bool) (*besides, []tall.Example, error) {
	b := &besides{options: o, baselines: baselines}
	if !baselines && !negatives {
		return b, examples, nil
	}
	for _, s := range []**eval.Scorer{&b.exchanged, &b.windows, &b.chance} {
		var err error
		if *s, err = eval.NewScorer(o); err != nil {
			return nil, nil, err
		}
	}
	if negatives {
		b.negatives = &eval.Negatives{Seed: controlSeed}
	}
	b.seeds = min(max(chanceDraws/max(len(examples), 1), 1), chanceSeeds)
	b.examples, b.at, b.foreign = make([]tall.Example, len(examples)), map[string]int{}, map[string]bool{}
	asked := make([]tall.Example, 0, 2*len(examples))
	asked = append(asked, examples...)
	for i, e := range examples {
		b.examples[i], b.at[e.ID] = e, i
	}
	sentences, foreign := eval.ShuffleSentences(examples, controlSeed)
	chosen := rand.New(rand.NewPCG(controlSeed, 0)).Perm(len(examples))
	if !negatives {
		chosen = chosen[:min(exchangedMost, len(chosen))]
	}
	slices.Sort(chosen)
	for _, i := range chosen {
		e := examples[i]
		e.ID = exchangedID + e.ID
		e.Sentence = sentences[i]
		b.foreign[e.ID] = foreign[i]
		asked = append(asked, e)
	}
	return b, asked, nil
}

// add takes an answer of the model; own is false for those to exchanged
// sentences, which are no results.
func (b *besides) add(ctx context.Context, a answer) (own bool, err error) {
	if b.exchanged == nil {
		return true, nil
	}
	if strings.HasPrefix(a.example.ID, exchangedID) {
		if foreign, ok := b.foreign[a.example.ID]; ok {
			if foreign && b.negatives != nil {
				b.negatives.Add(a.scored, true)
			}
			return false, b.exchanged.Add(a.scored, a.example)
		}
	}
	if b.negatives != nil {
		b.negatives.Add(a.scored, false)
	}
	if !b.baselines {
		return true, nil
	}
	if e := &b.examples[b.at[a.example.ID]]; e.Duration <= 0 {
		e.Duration = lengthOf(a.scored)
	}
	if err := b.windows.Add(eval.ShuffleWindows(a.scored, controlSeed), a.example); err != nil {
		return true, err
	}
	video := &tall.Features{Video: a.scored.Video, FPS: a.scored.FPS, Spans: a.scored.Windows}
	for seed := range b.seeds {
		p, err := eval.Chance{Seed: uint64(seed)}.Prepare(ctx, video)
		if err != nil {
			return true, err
		}
		guess, err := p.Localize(ctx, []tall.Sentence{a.example.Sentence})
		if err != nil {
			return true, err
		}
		if err := b.chance.Add(guess[0], a.example); err != nil {
			return true, err
		}
	}
	return true, nil
}

// lengthOf takes a video to end with its last window, in seconds.
func lengthOf(a tall.Scored) float64 {
	end := 0.0
	for _, w := range a.Windows {
		end = max(end, w.End)
	}
	if a.FPS > 0 {
		end /= a.FPS
	}
	return end
}

// finish puts the baselines beside the table. training are the sentences that
// priors are fitted on; where there are none, why says so.
func (b *besides) finish(table *eval.Table, training []tall.Example, why string) error {
	if b.negatives != nil {
		report, err := b.negatives.Report()
		if err != nil {
			return fmt.Errorf("--negatives: %w", err)
		}
		table.Negatives = report
	}
	if !b.baselines {
		return nil
	}
	rows := []eval.Baseline{{Name: "chance", About: "the windows in a random order", Table: b.chance.Table()}}
	priors, why := b.priors(training, why)
	rows = append(rows, priors...)
	table.Absent = nil
	if why != "" {
		table.Absent = []string{why}
	}
	exchanged := b.exchanged.Table()
	rows = append(
		rows,
		eval.Baseline{Name: "exchanged sentences", About: "the model, asked the sentences of other queries, " + counted(exchanged.Total.Sentences, "sentence"), Table: exchanged},
		eval.Baseline{Name: "exchanged windows", About: "the model, with the windows' contents exchanged in time", Table: b.windows.Table()},
	)
	table.SetBaselines(rows)
	if b.fitted != "" && table.Provenance != nil && table.Provenance.Data != nil {
		table.Provenance.Data["ids of the sentences that the priors were fitted on"] = "sha256:" + b.fitted
	}
	return nil
}

// priors are the rows that are fitted on training sentences.
func (b *besides) priors(training []tall.Example, why string) ([]eval.Baseline, string) {
	kinds := []eval.PriorKind{eval.PriorWhole, eval.PriorKDE, eval.PriorBest}
	if hasText(training) && hasText(b.examples) {
		kinds = []eval.PriorKind{eval.PriorWhole, eval.PriorKDE, eval.PriorKDEVerb, eval.PriorBest, eval.PriorBestVerb}
	}
	prior := new(eval.Prior)
	if why == "" {
		fitted, err := eval.FitPrior(training, eval.PriorOptions{IoU: b.options.IoU})
		if err == nil {
			prior = fitted
			b.fitted = sentencesHash(training)
		} else {
			why = err.Error()
		}
	}
	if why != "" {
		kinds = kinds[:1] // the whole video needs no training
		why = "kde, best: " + why
	}
	var rows []eval.Baseline
	for _, k := range kinds {
		t, err := prior.Table(b.examples, k, controlSeed, b.options)
		if err != nil {
			return rows, fmt.Sprintf("%s: %v", k, err)
		}
		name := string(k)
		if k == eval.PriorWhole {
			name = "whole video"
		}
		rows = append(rows, eval.Baseline{Name: name, About: k.About(), Table: t})
	}
	return rows, why
}

// writeBesides prints what stands beside a table's numbers.
func writeBesides(w io.Writer, table *eval.Table) error {
	if len(table.Baselines) > 0 {
		fmt.Fprintln(w, "\nBeside what should be beaten:")
		if err := report.Baselines("this model", table).Write(w); err != nil {
			return err
		}
		for _, b := range table.Baselines {
			fmt.Fprintf(w, "  %s: %s\n", b.Name, b.About)
		}
	}
	for _, why := range table.Absent {
		fmt.Fprintf(w, "missing: %s\n", why)
	}
	for _, text := range table.Warnings {
		fmt.Fprintf(w, "warning: %s\n", text)
	}
	if n := table.Negatives; n != nil {
		fmt.Fprintf(w, "\nNegatives: %d own and %d foreign sentences, told apart by the top score with AUC %.4f.\n"+
			"At the threshold %.4f, which %.1f %% of the foreign exceed, %.1f %% of the own are found.\n",
			n.Own, n.Foreign, n.AUC, n.Threshold, 100*n.Alarms, 100*n.Accepted)
	}
	return nil
}

func hasText(examples []tall.Example) bool {
	for _, e := range examples {
		if e.Sentence.Text != "" {
			return true
		}
	}
	return false
}

// trainingSentences reads the TRAIN section's sentences, on which priors are
// fitted. Where they cannot be had why says so: that is no error, as evaluation
// does not need them.
func (c *common) trainingSentences(con *console, cfg *config.Config, tested *config.Section) (examples []tall.Example, why string) {
	if c.given() {
		return c.trainingExamples(con)
	}
	s := &cfg.Train
	switch {
	case s.ClipSentvec == "":
		return nil, "the configuration's TRAIN section names no sentences (clip_sentvec)"
	case sameFile(s.ClipSentvec, tested.ClipSentvec):
		return nil, "TRAIN and " + tested.Name + " name the same sentences, " + s.ClipSentvec
	}
	if _, err := os.Stat(s.ClipSentvec); err != nil {
		return nil, fmt.Sprintf("TRAIN.clip_sentvec: %v", err)
	}
	examples, err := c.sentences(s)
	if err != nil {
		return nil, fmt.Sprintf("TRAIN.clip_sentvec: %v", err)
	}
	return examples, ""
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y) || filepath.Clean(a) == filepath.Clean(b)
}
