package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tall/dataset"
	"tall/eval"
	"tall/report"
)

type scoreFlags struct {
	corpusFlags
	truth       string
	corpus      string
	predictions []string
	protocol    string
	iou         string
	top         string
	nms         string
	by          []string
	verbose     bool
	seed        uint64
	resamples   int
	jsonFile    string
	details     string
	conformance string
	report      scoreReport
}

func newScore(g *global) *cobra.Command {
	s := &scoreFlags{corpusFlags: corpusFlags{global: g}}
	cmd := &cobra.Command{
		Use:   "score --gt FILE --pred FILE",
		Short: "Score anyone's predictions, by the protocol they were published with",
		Long: "Reads a ground truth and predictions of any origin, finds out their formats, and scores\n" +
			"them exactly as the protocol's original program does. Queries without a prediction count\n" +
			"as misses. Beside each number stands its 95 % bootstrap interval over queries.\n\n" +
			"Predictions: ours (predictions.jsonl), QVHighlights' JSON lines, TALL's and ActivityNet's\n" +
			"JSON, CSV with video, sentence, start, end, score, and annotators' CSV files (a folder).\n" +
			"Ground truth: the corpora of tall dataset show, and ActivityNet's detection JSON.\n\n" +
			"Protocols\n" + protocolList() +
			"Without --protocol, the one by which results on the corpus are mostly published.",
		Example: "tall score --gt highlight_val_release.jsonl --pred hl_val_submission.jsonl --json metrics.json\n" +
			"tall score --gt test_clip-sentvec.pkl --pred data/evaluate_results/predictions.jsonl --protocol tall\n" +
			"tall score --gt charades_sta_test.txt --pred mine.csv --protocol vslnet --top 1,5 --iou 0.3,0.5,0.7",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&s.truth, "gt", "", "ground truth: a file or folder of a corpus")
	f.StringVar(&s.corpus, "corpus", "", "what the ground truth is (tall dataset show --help lists the names); empty: found out from the content")
	f.StringArrayVar(&s.predictions, "pred", nil, "predictions: a file, or a folder of annotators' CSV files")
	f.StringVar(&s.protocol, "protocol", "", strings.Join(eval.Protocols(), ", "))
	f.StringVar(&s.iou, "iou", "", "IoU of the recalls, such as 0.3,0.5,0.7; empty: the protocol's")
	f.StringVar(&s.top, "top", "", "n of R@n, such as 1,5,10; empty: the protocol's")
	f.StringVar(&s.nms, "nms", "", "suppression before recall: moving (tall), none or a threshold; empty: the protocol's")
	f.StringSliceVar(&s.by, "by", nil, "also a row for each part of the queries: "+strings.Join(eval.BucketKinds(), ", "))
	f.BoolVarP(&s.verbose, "verbose", "v", false, "all metrics, not only the original's summary")
	f.Uint64Var(&s.seed, "seed", 1, "seed of the bootstrap")
	f.IntVar(&s.resamples, "resamples", 0, "of the bootstrap; 0: 1000, fewer where there are very many queries; -1: no intervals")
	f.StringVar(&s.jsonFile, "json", "", "file for the metrics, as the protocol's original writes them where it does")
	f.StringVar(&s.details, "details", "", "file for all there is: metrics with intervals, parts, each query, findings (JSON)")
	f.StringVar(&s.conformance, "conformance", "", "folder with annotations/ and conformance/: score every published file in it and print a table of published and our numbers")
	s.report.register(cmd)
	s.register(cmd)
	return cmd
}

func protocolList() string {
	var b strings.Builder
	for _, p := range eval.Protocols() {
		fmt.Fprintf(&b, "  %-14s  %s\n", p, eval.ProtocolSource(p))
	}
	return b.String()
}

func (s *scoreFlags) run(cmd *cobra.Command) error {
	if s.conformance != "" {
		return s.conform(cmd)
	}
	if s.truth == "" || len(s.predictions) == 0 {
		return errors.New("tall score needs --gt FILE and --pred FILE")
	}
	if len(s.predictions) > 1 {
		return fmt.Errorf("--pred was given %d times: score one file of predictions at a time", len(s.predictions))
	}
	con, err := s.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	threads, err := s.workers()
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(threads) // scoring takes all that there are
	o, err := s.options()
	if err != nil {
		return err
	}
	result, err := s.score(cmd, o)
	if err != nil {
		return err
	}
	if err := s.write(result); err != nil {
		return err
	}
	if err := s.report.write(cmd, con, result); err != nil {
		return err
	}
	s.warn(con, result)
	return s.print(cmd.OutOrStdout(), result)
}

func (s *scoreFlags) options() (o eval.ScoreOptions, err error) {
	o.Seed, o.Resamples = s.seed, s.resamples
	if o.IoU, err = list(s.iou, "--iou", func(t string) (float64, error) { return strconv.ParseFloat(t, 64) }); err != nil {
		return o, err
	}
	if o.Top, err = list(s.top, "--top", strconv.Atoi); err != nil {
		return o, err
	}
	if s.nms != "" {
		nms, err := eval.ParseNMS(s.nms)
		if err != nil {
			return o, fmt.Errorf("--nms: %w", err)
		}
		o.NMS = &nms
	}
	for _, kind := range s.by {
		if !slices.Contains(eval.BucketKinds(), kind) {
			return o, fmt.Errorf("--by %s: give %s", kind, strings.Join(eval.BucketKinds(), ", "))
		}
	}
	return o, nil
}

// list reads numbers between commas.
func list[T any](text, flag string, parse func(string) (T, error)) ([]T, error) {
	var out []T
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		v, err := parse(part)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %q is no number; give numbers between commas", flag, text, part)
		}
		out = append(out, v)
	}
	return out, nil
}

// score reads both files and scores them.
func (s *scoreFlags) score(cmd *cobra.Command, o eval.ScoreOptions) (*eval.Result, error) {
	from := dataset.CorpusOptions{Split: s.split, Durations: s.durations, FPS: s.fps, Repair: dataset.Repair(s.repair)}
	if s.all {
		from.Places = -1
	}
	var p eval.PredictionOptions
	if cmd.Flags().Changed("fps") { // else the ground truth tells, where it counts frames
		p.FPS, o.FPS = s.fps, s.fps
	}
	corpus, file, err := s.read(from, p)
	if err != nil {
		return nil, err
	}
	if file.Format == eval.FormatTALL && from.Repair == dataset.RepairDrop {
		return nil, fmt.Errorf("%s names sentences by their number in the ground truth, from which --repair drop leaves sentences out: take none or clamp", s.predictions[0])
	}
	predictions, err := file.Join(corpus)
	if err != nil {
		return nil, err
	}
	if s.protocol == "" {
		s.protocol = eval.DefaultProtocol(corpus, file.Format)
	}
	o.GroundTruth, o.Predictions = s.truth, s.predictions[0]
	s.report.truth, s.report.options = corpus, o
	o.ByScore = file.ByScore()
	result, err := eval.Score(s.protocol, corpus, predictions, o)
	if err != nil {
		return nil, err
	}
	if s.jsonFile != "" || s.details != "" || s.report.dir != "" { // hashing large files takes its time
		if result.Provenance, err = provenance(cmd, append(slices.Clone(corpus.Files), s.predictions[0])...); err != nil {
			return nil, err
		}
		if result.Provenance.Threads, err = s.workers(); err != nil {
			return nil, err
		}
		result.Provenance.Seed = &s.seed
	}
	result.Findings = slices.Concat(corpus.Findings, file.Findings, result.Findings)
	return result, nil
}

// read reads both files at once: the ground truth on one processor, the
// predictions on the others. Of two errors the ground truth's is told.
func (s *scoreFlags) read(from dataset.CorpusOptions, p eval.PredictionOptions) (*dataset.Corpus, *eval.PredictionFile, error) {
	var file *eval.PredictionFile
	var fileErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		file, fileErr = eval.ReadPredictionFile(s.predictions[0], p)
	}()
	corpus, err := eval.OpenTruth(s.corpus, s.truth, from)
	<-done
	if err != nil {
		return nil, nil, err
	}
	return corpus, file, fileErr
}

func (s *scoreFlags) write(r *eval.Result) error {
	if s.jsonFile != "" {
		if err := r.WriteFile(s.jsonFile); err != nil {
			return err
		}
		if r.HasOriginal() { // a program that reads that file expects its keys alone
			beside := strings.TrimSuffix(s.jsonFile, filepath.Ext(s.jsonFile)) + "." + eval.RunName
			if err := r.Provenance.WriteFile(beside); err != nil {
				return err
			}
		}
	}
	if s.details != "" {
		return r.WriteDetails(s.details)
	}
	return nil
}

// listedIDs are named of missing and surplus predictions; --details names all.
const listedIDs = 10

func (s *scoreFlags) warn(con *console, r *eval.Result) {
	for _, f := range r.Findings {
		log := con.Warn
		if f.Severity == dataset.Note {
			log = con.Info
		}
		log(f.What, "count", f.Count, "places", strings.Join(f.Places, "; "), "remedy", f.Remedy)
	}
	if n := len(r.Missing); n > 0 {
		con.Warn("queries without a prediction: they count as misses", "count", n, "ids", some(r.Missing))
		if answered, not := splitsAnswered(r); len(answered) > 0 && len(not) > 0 {
			con.Warn("whole splits of the ground truth have no prediction: choose one with --split", "answered", strings.Join(answered, ", "), "not", strings.Join(not, ", "))
		}
	}
	if n := len(r.Surplus); n > 0 {
		what := "predictions without a query: they count for nothing"
		if r.Protocol == eval.ProtocolActivityNet {
			what = "predictions in videos without truth of their class: those of a class that has truth elsewhere count as wrong"
		}
		con.Warn(what, "count", n, "ids", some(r.Surplus))
	}
}

// splitsAnswered sorts the splits of the queries into those with predictions and
// those without any.
func splitsAnswered(r *eval.Result) (answered, not []string) {
	has := map[string]bool{}
	var order []string
	for _, q := range r.Queries {
		if _, ok := has[q.Example.Split]; !ok {
			order = append(order, q.Example.Split)
		}
		has[q.Example.Split] = has[q.Example.Split] || q.Prediction != nil
	}
	for _, split := range order {
		if has[split] {
			answered = append(answered, split)
		} else {
			not = append(not, split)
		}
	}
	return answered, not
}

func some(ids []string) string {
	if len(ids) <= listedIDs {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more (--details lists them)", strings.Join(ids[:listedIDs], ", "), len(ids)-listedIDs)
}

func (s *scoreFlags) print(w io.Writer, r *eval.Result) error {
	fmt.Fprintf(w, "%s on %s\nprotocol %s: %s\nqueries: %d, %d of them without a prediction; predictions without a query: %d\n\n",
		r.Predictions, r.GroundTruth, r.Protocol, r.Source, len(r.Queries), len(r.Missing), len(r.Surplus))
	if err := report.ScoreTable(r, s.verbose).Write(w); err != nil {
		return err
	}
	for _, kind := range s.by {
		fmt.Fprintf(w, "\nby %s\n", kind)
		if err := report.BucketTable(r, kind).Write(w); err != nil {
			return err
		}
	}
	return nil
}

// conform prints how published numbers compare with ours.
func (s *scoreFlags) conform(cmd *cobra.Command) error {
	rows, err := eval.Conformance(s.conformance)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if err := eval.WriteConformance(w, rows); err != nil {
		return err
	}
	for _, r := range rows {
		if !r.Agrees() {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s is published as %s, ours is %s\n", r.File, r.Metric, r.Published, r.Ours)
			err = errSilent
		}
	}
	return err
}
