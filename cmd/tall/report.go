package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tall"
	"tall/dataset"
	"tall/eval"
	"tall/report"
)

const reportUsage = "folder for a report: a page with plots and time lines (report.html), its tables (report.md) and all queries (queries.csv)"

// scoreReport is the report of tall score.
type scoreReport struct {
	dir   string
	prior string
	name  string

	// What was scored against, and how.
	truth   *dataset.Corpus
	options eval.ScoreOptions
}

func (s *scoreReport) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.dir, "report", "", reportUsage)
	f.StringVar(&s.prior, "prior", "", "what tall prior fit learned from the training split: more baselines in the report than chance and the whole video")
	f.StringVar(&s.name, "name", "", "what the report calls that which made the predictions; empty: the name of their file")
}

func (s *scoreReport) write(cmd *cobra.Command, con *console, r *eval.Result) error {
	if s.dir == "" {
		if s.prior != "" {
			return errors.New("--prior sets baselines beside the numbers of a report: give --report DIR too")
		}
		return nil
	}
	prior := new(eval.Prior) // chance and the whole video need no training
	if s.prior != "" {
		var err error
		if prior, err = eval.ReadPrior(s.prior); err != nil {
			return err
		}
	}
	name := s.name
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(r.Predictions), filepath.Ext(r.Predictions))
	}
	p := &report.Page{
		Title: name + " on " + filepath.Base(r.GroundTruth), Name: name, Result: r,
		Beside: s.baselines(con, prior, r),
		Facts:  []report.Fact{{Name: "Corpus", Value: s.truth.Name}, {Name: "Bootstrap", Value: fmt.Sprintf("%d resamples, seed %d", r.Resamples, s.options.Seed)}},
	}
	if s.prior != "" {
		p.Facts = append(p.Facts, report.Fact{Name: "Baselines fitted on", Value: prior.Source})
	}
	made, err := provenance(cmd, s.files(r)...)
	if err != nil {
		return err
	}
	p.Facts = append(p.Facts, facts(made)...)
	return writeReport(con, p, s.dir)
}

// files are those whose content the report depends on; folders have no hash.
func (s *scoreReport) files(r *eval.Result) []string {
	var out []string
	for _, path := range append(slices.Clone(s.truth.Files), r.GroundTruth, r.Predictions, s.prior) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	return out
}

// baselines scores what has seen no video by the same protocol. What cannot be
// had is told, and left out.
func (s *scoreReport) baselines(con *console, prior *eval.Prior, r *eval.Result) []report.NamedResult {
	kinds := []eval.PriorKind{eval.PriorChance, eval.PriorWhole}
	if s.prior != "" {
		kinds = append(kinds, eval.PriorKDE, eval.PriorBest)
		if hasText(s.truth.Examples) && prior.Verbs() > 0 {
			kinds = []eval.PriorKind{eval.PriorChance, eval.PriorWhole, eval.PriorKDE, eval.PriorKDEVerb, eval.PriorBest, eval.PriorBestVerb}
		}
	}
	var out []report.NamedResult
	for _, k := range kinds {
		b, err := s.baseline(prior, k, r)
		if err != nil {
			con.Warn("the report is without this baseline: "+err.Error(), "baseline", k)
			continue
		}
		out = append(out, report.NamedResult{Name: string(k), About: k.About(), Result: b})
	}
	return out
}

// baseline scores a prior. A metric at an IoU for which best spans were found is
// of those spans, and mean IoU of those for it; everything else at IoU 0.5.
func (s *scoreReport) baseline(prior *eval.Prior, k eval.PriorKind, r *eval.Result) (*eval.Result, error) {
	truth := s.truth
	if r.Protocol == eval.ProtocolHuman { // those alone that people annotated again
		truth = &dataset.Corpus{Name: truth.Name}
		for _, q := range r.Queries {
			truth.Examples = append(truth.Examples, q.Example)
		}
	}
	score := func(iou float64) (*eval.Result, error) {
		predictions, err := prior.Predict(truth.Examples, eval.PriorAnswer{Kind: k, IoU: iou, Seed: controlSeed})
		if err != nil {
			return nil, err
		}
		if r.Protocol == eval.ProtocolHuman {
			return asPeople(truth, predictions, s.options)
		}
		return eval.Score(r.Protocol, truth, predictions, s.options)
	}
	fitted := []float64{0}
	if k == eval.PriorBest || k == eval.PriorBestVerb {
		fitted = append(prior.IoU(), 0)
	}
	main := fitted[0]
	if slices.Contains(fitted, 0.5) {
		main = 0.5
	}
	out, err := score(main)
	if err != nil {
		return nil, err
	}
	for _, iou := range fitted {
		if iou == main {
			continue
		}
		other, err := score(iou)
		if err != nil {
			return nil, err
		}
		for i, m := range out.Metrics {
			if at, ok := metricIoU(m.Name); ok && at == iou {
				if own, ok := other.Metric(m.Name); ok {
					out.Metrics[i] = own
				}
			}
		}
	}
	return out, nil
}

// asPeople scores answers beside people's: the protocol for these asks several
// annotators, a prior has one answer. Hit or miss it is the same, IoU > 0.5.
func asPeople(truth *dataset.Corpus, predictions []eval.Prediction, o eval.ScoreOptions) (*eval.Result, error) {
	o.IoU, o.Top = []float64{0.5}, []int{1}
	r, err := eval.Score(eval.ProtocolStrict, truth, predictions, o)
	if err != nil {
		return nil, err
	}
	rename := func(metrics []eval.Metric) {
		for i, m := range metrics {
			if m.Name == "R@1 IoU>0.5" {
				metrics[i] = eval.Metric{Name: "R@1 (IoU>0.5)", Value: 100 * m.Value, Low: 100 * m.Low, High: 100 * m.High, Digits: 1}
			}
		}
	}
	rename(r.Metrics)
	for _, b := range r.Buckets {
		rename(b.Metrics)
	}
	return r, nil
}

var endsInIoU = regexp.MustCompile(`[=@>]([0-9.]+)\)?$`)

// metricIoU is the IoU that a metric's name ends in; 0: it is the mean IoU.
func metricIoU(name string) (iou float64, ok bool) {
	if m := endsInIoU.FindStringSubmatch(name); m != nil {
		iou, err := strconv.ParseFloat(m[1], 64)
		return iou, err == nil && iou > 0 && iou < 1
	}
	switch strings.ToLower(name) {
	case "mean iou", "miou":
		return 0, true
	}
	return 0, false
}

// evalReport gathers what a report of tall eval shows beside its table.
type evalReport struct {
	dir      string
	curves   map[string]tall.Scored // by example
	examples []tall.Example         // with lengths as they become known
}

func (e *evalReport) add(a answer) {
	if e.dir == "" {
		return
	}
	if e.curves == nil {
		e.curves = map[string]tall.Scored{}
	}
	x := a.example
	if x.Duration <= 0 {
		x.Duration = lengthOf(a.scored)
	}
	e.examples = append(e.examples, x)
	e.curves[x.ID] = tall.Scored{FPS: a.scored.FPS, Windows: a.scored.Windows, Scores: a.scored.Scores}
}

func (e *evalReport) write(con *console, table *eval.Table, predictions []eval.Prediction, data *sectionData, path string) error {
	if e.dir == "" {
		return nil
	}
	nms := table.NMS
	r, err := eval.Score(eval.ProtocolTALL, &dataset.Corpus{Examples: e.inOrder(data.examples)}, predictions, eval.ScoreOptions{
		IoU: table.IoU, Top: table.Top, NMS: &nms, Seed: controlSeed, GroundTruth: strings.Join(data.files, ", "), Predictions: "predictions.jsonl, beside eval.json",
	})
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	p := &report.Page{
		Title: name + " on " + data.name, Name: name, Result: r, Curves: e.curves,
		Facts: append([]report.Fact{{Name: "Suppression", Value: nms.String()}, {Name: "Bootstrap", Value: fmt.Sprintf("%d resamples, seed %d", r.Resamples, controlSeed)}}, facts(table.Provenance)...),
	}
	for _, b := range table.Baselines {
		p.Beside = append(p.Beside, report.NamedTable(b.Name, b.About, b.Table))
	}
	for _, why := range table.Absent {
		p.Remarks = append(p.Remarks, "missing: "+why)
	}
	if table.Provenance != nil && table.Provenance.ChosenHere {
		p.Remarks = append(p.Remarks, "The checkpoint was chosen by these very sentences: the numbers do not measure unseen ones.")
	}
	return writeReport(con, p, e.dir)
}

// inOrder puts examples in the order of the file, those without an answer too.
func (e *evalReport) inOrder(all []tall.Example) []tall.Example {
	known := make(map[string]tall.Example, len(e.examples))
	for _, x := range e.examples {
		known[x.ID] = x
	}
	out := make([]tall.Example, len(all))
	for i, x := range all {
		if k, ok := known[x.ID]; ok {
			x = k
		}
		out[i] = x
	}
	return out
}

func writeReport(con *console, p *report.Page, dir string) error {
	if err := p.WriteDir(dir); err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	con.Info("report written", "page", filepath.Join(dir, report.PageName))
	return nil
}

// facts are a provenance as a report lists it.
func facts(p *eval.Provenance) []report.Fact {
	if p == nil {
		return nil
	}
	out := []report.Fact{{Name: "Program", Value: strings.TrimSpace("tall " + p.Version + " " + p.Commit)}}
	add := func(name, value string) {
		if value != "" {
			out = append(out, report.Fact{Name: name, Value: value})
		}
	}
	var flags []string
	for _, name := range slices.Sorted(maps.Keys(p.Flags)) {
		flags = append(flags, "--"+name+" "+p.Flags[name])
	}
	add("Command", strings.TrimSpace(p.Command+" "+strings.Join(flags, " ")))
	add("Configuration", p.Config)
	add("Preset", p.Preset)
	add("Weights", p.Weights)
	add("Chosen", p.Chosen)
	if p.Seed != nil {
		add("Seed of the training", strconv.FormatUint(*p.Seed, 10))
	}
	if p.Threads > 0 {
		add("Threads", strconv.Itoa(p.Threads))
	}
	add("Kernel", p.Kernel)
	for _, path := range slices.Sorted(maps.Keys(p.Data)) {
		add(path, p.Data[path])
	}
	return out
}
