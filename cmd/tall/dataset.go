package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tall/dataset"
	"tall/feature"
	"tall/report"
)

// corpusFlags say which corpus is read, and how.
type corpusFlags struct {
	*global
	split     string
	durations string
	repair    string
	fps       float64
	all       bool
}

func (c *corpusFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.split, "split", "", "train, val, test or the corpus's own word (ActivityNet: val_1, val_2); empty: all")
	f.StringVar(&c.durations, "durations", "", "file or folder with the lengths of the videos (CSV with id and length in seconds, pickle or JSON); empty: sought beside the annotations")
	f.StringVar(&c.repair, "repair", "none", "none, clamp (cut spans to their video) or drop (leave out what is wrong); what was repaired is listed")
	f.Float64Var(&c.fps, "fps", feature.DefaultFPS, "frames in a second, for TACoS's pickles, which do not say")
	f.BoolVar(&c.all, "all", false, "list every place where something is wrong, not the first few")
}

// open reads the corpus that the arguments name: NAME PATH, or PATH alone.
func (c *corpusFlags) open(args []string) (*dataset.Corpus, error) {
	name, path := "", args[0]
	if len(args) == 2 {
		name, path = args[0], args[1]
	}
	o := dataset.CorpusOptions{Split: c.split, Durations: c.durations, FPS: c.fps, Repair: dataset.Repair(c.repair)}
	if c.all {
		o.Places = -1
	}
	return dataset.OpenCorpus(name, path, o)
}

// corpusForms says in a command's help what is read.
const corpusForms = "NAME is one of\n" +
	"  tacos                 TALL's pickles of clips and sentence vectors (*_clip-sentvec.pkl)\n" +
	"  tacos-2dtan           TACoS as JSON, with the texts (2D-TAN: train.json, val.json, test.json)\n" +
	"  charades-sta          charades_sta_*.txt, with the durations of Charades_v1_*.csv\n" +
	"  activitynet-captions  train.json, val_1.json, val_2.json\n" +
	"  qvhighlights          highlight_*.jsonl, with saliency\n" +
	"  didemo                train_data.json, val_data.json, test_data.json\n" +
	"  annotations           our JSON lines (docs/formats.md)\n" +
	"and may be left out: the content tells. PATH is a file, or a folder of such files.\n" +
	"docs/datasets.md says where the files come from, and what is wrong in them."

func newDataset(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dataset",
		Short: "Say what a corpus holds and what is wrong in it, and convert it",
		Args:  takes(0, 0, ""),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDatasetShow(g), newDatasetConvert(g))
	return cmd
}

type datasetShow struct {
	corpusFlags
	asJSON bool
	plot   string
}

func newDatasetShow(g *global) *cobra.Command {
	d := &datasetShow{corpusFlags: corpusFlags{global: g}}
	cmd := &cobra.Command{
		Use:   "show [NAME] PATH",
		Short: "Counts, lengths, words, where spans lie in their videos, and what is wrong",
		Long: "Says what a corpus holds: sentences, videos, durations, lengths of spans, words, where in\n" +
			"their videos spans start and end; and what is wrong in its files, with file and line.\n" +
			"Nothing wrong is changed unless --repair asks for it.\n\n" + corpusForms,
		Example: "tall dataset show charades-sta data/charades-sta --plot charades.svg\n" +
			"tall dataset show data/activitynet/val_2.json --all",
		Args: takes(1, 2, "NAME PATH, or PATH alone"),
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd, args) },
	}
	d.register(cmd)
	f := cmd.Flags()
	f.BoolVar(&d.asJSON, "json", false, "one JSON object instead of text")
	f.StringVar(&d.plot, "plot", "", "file that a histogram of the starts and ends is drawn into, as SVG")
	return cmd
}

// shown is what `dataset show --json` prints.
type shown struct {
	Name     string            `json:"name"`
	Files    []string          `json:"files"`
	Repair   string            `json:"repair"`
	Splits   []dataset.Summary `json:"splits"` // first the whole
	Findings []dataset.Finding `json:"findings"`
}

func (d *datasetShow) run(cmd *cobra.Command, args []string) error {
	c, err := d.open(args)
	if err != nil {
		return err
	}
	s := shown{Name: c.Name, Files: c.Files, Repair: d.repair, Splits: dataset.Summarize(c), Findings: c.Findings}
	if s.Findings == nil {
		s.Findings = []dataset.Finding{} // [] and not null
	}
	if d.plot != "" {
		if err := plotPositions(d.plot, c.Name, s.Splits[0]); err != nil {
			return err
		}
	}
	w := cmd.OutOrStdout()
	if d.asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(s)
	}
	return s.write(w)
}

func (s shown) write(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n\n", s.Name, strings.Join(s.Files, ", "))
	sizes := report.Table{Header: []string{"split", "sentences", "videos", "hours", "spans", "with saliency"}}
	spread := report.Table{Header: []string{"split", "measure", "mean", "least", "1/4", "median", "3/4", "most"}}
	for _, p := range s.Splits {
		name := splitName(p.Split)
		sizes.Rows = append(sizes.Rows, []string{name, fmt.Sprint(p.Sentences), fmt.Sprint(p.Videos), fmt.Sprintf("%.1f", p.Hours), fmt.Sprint(p.Spans), fmt.Sprint(p.Saliency)})
		spread.Groups = append(spread.Groups, len(spread.Rows))
		for _, m := range []struct {
			name string
			d    dataset.Distribution
		}{
			{"video, s", p.Duration},
			{"span, s", p.Length},
			{"span / video", p.Share},
			{"spans", p.PerSentence}, // of a sentence
			{"words", p.Words},
		} {
			row := []string{name, m.name}
			for _, v := range []float64{m.d.Mean, m.d.Min, m.d.Q1, m.d.Median, m.d.Q3, m.d.Max} {
				text := "-"
				if m.d.N > 0 {
					text = fmt.Sprintf("%.4g", v)
				}
				row = append(row, text)
			}
			spread.Rows = append(spread.Rows, row)
			name = ""
		}
	}
	if err := sizes.Write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := spread.Write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	writePositions(w, s.Splits[0])
	if s.Repair != string(dataset.RepairNone) {
		fmt.Fprintf(w, "\nfindings, before and in the repair (%s)\n", s.Repair)
	} else {
		fmt.Fprintln(w, "\nfindings")
	}
	writeFindings(w, s.Findings)
	if len(s.Findings) == 0 {
		fmt.Fprintln(w, "  nothing wrong")
	}
	return nil
}

func splitName(s string) string {
	if s == "" {
		return "all"
	}
	return s
}

// barWidth is the length of the longest bar of a histogram, in columns.
const barWidth = 28

// writePositions draws where spans start and end as two columns of bars.
func writePositions(w io.Writer, s dataset.Summary) {
	n := s.Starts.N()
	if n == 0 {
		fmt.Fprintln(w, "where spans start and end: no span of a video of known duration")
		return
	}
	fmt.Fprintf(w, "where spans start and end: shares of %d spans, by position in the video\n", n)
	most := max(s.Starts.Before, s.Starts.After, s.Ends.Before, s.Ends.After)
	for i := range dataset.Bins {
		most = max(most, s.Starts.Bins[i], s.Ends.Bins[i])
	}
	ascii := report.StyleOf(w).ASCII
	row := func(label string, start, end int) {
		column := func(k int) string {
			return fmt.Sprintf("%5.1f %%  %s", 100*float64(k)/float64(n), bar(float64(k)/float64(most), barWidth, ascii))
		}
		left := column(start)
		pad := strings.Repeat(" ", max(0, 9+barWidth+2-len([]rune(left))))
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-12s%s%s%s", label, left, pad, column(end)), " "))
	}
	fmt.Fprintf(w, "  %-12s%-*s%s\n", "", 9+barWidth+2, "  starts", "  ends")
	if s.Starts.Before+s.Ends.Before > 0 {
		row("before", s.Starts.Before, s.Ends.Before)
	}
	for i := range dataset.Bins {
		row(fmt.Sprintf("%3d-%d %%", 100*i/dataset.Bins, 100*(i+1)/dataset.Bins), s.Starts.Bins[i], s.Ends.Bins[i])
	}
	if s.Starts.After+s.Ends.After > 0 {
		row("after", s.Starts.After, s.Ends.After)
	}
}

// bar is a bar of a share of width columns, to an eighth of one where blocks can
// be drawn.
func bar(share float64, width int, ascii bool) string {
	if ascii {
		return strings.Repeat("#", int(share*float64(width)+0.5))
	}
	eighths := int(share*float64(8*width) + 0.5)
	out := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		out += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return out
}

// plotPositions draws the histograms of starts and ends as outlines. What lies
// before or past the video has a bin of its own outside it.
func plotPositions(path, name string, s dataset.Summary) error {
	if strings.ToLower(filepath.Ext(path)) != ".svg" {
		return fmt.Errorf("--plot %s: the plot is SVG: name a file that ends in .svg", path)
	}
	outside := ""
	var lines report.Lines
	outline := func(name string, h dataset.Histogram) {
		first, counts := 0, h.Bins[:]
		if s.Starts.Before+s.Ends.Before > 0 {
			first, counts = -1, append([]int{h.Before}, counts...)
			outside = "; outside 0 to 1: outside the video"
		}
		if s.Starts.After+s.Ends.After > 0 {
			counts = append(slices.Clone(counts), h.After)
			outside = "; outside 0 to 1: outside the video"
		}
		at := func(i int) float64 { return float64(first+i) / dataset.Bins }
		lines.Add(name, at(0), 0)
		for i, k := range counts {
			share := 100 * float64(k) / float64(h.N())
			lines.Add(name, at(i), share)
			lines.Add(name, at(i+1), share)
		}
		lines.Add(name, at(len(counts)), 0)
	}
	if s.Starts.N() > 0 {
		outline("starts", s.Starts)
		outline("ends", s.Ends)
	}
	return lines.WriteSVG(path, report.PlotOptions{
		Title:    fmt.Sprintf("Where spans start and end: %s, %s, %d spans", name, splitName(s.Split), s.Starts.N()),
		X:        "position, as a share of the video's duration" + outside,
		Y:        fmt.Sprintf("spans per %d %% of the video, %%", 100/dataset.Bins),
		Headroom: 0.15,
	})
}

func newDatasetConvert(g *global) *cobra.Command {
	c := &corpusFlags{global: g}
	cmd := &cobra.Command{
		Use:   "convert [NAME] PATH OUT.jsonl",
		Short: "Write a corpus as our annotations (JSON lines, in seconds)",
		Long: "Reads a corpus and writes it as our annotations, in seconds. Saliency and sentence vectors\n" +
			"have no place there and stay behind.\n\n" + corpusForms,
		Example: "tall dataset convert charades-sta data/charades-sta charades.jsonl --split test --repair clamp",
		Args:    takes(2, 3, "NAME PATH OUT.jsonl, or PATH OUT.jsonl"),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.convertCorpus(cmd, args) },
	}
	c.register(cmd)
	return cmd
}

func (c *corpusFlags) convertCorpus(cmd *cobra.Command, args []string) error {
	out := args[len(args)-1]
	if strings.ToLower(filepath.Ext(out)) != ".jsonl" {
		return fmt.Errorf("%s: annotations are written to a file that ends in .jsonl", out)
	}
	corpus, err := c.open(args[:len(args)-1])
	if err != nil {
		return err
	}
	con, err := c.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if err := dataset.WriteAnnotations(out, corpus.Examples); err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s: %s -> %s\n  %d sentences\n", corpus.Name, strings.Join(corpus.Files, ", "), out, len(corpus.Examples))
	writeFindings(w, corpus.Findings)
	if n := len(corpus.Saliency); n > 0 {
		con.Warn("saliency stays behind: annotations have no place for it", "sentences", n)
	}
	if len(corpus.Examples) > 0 && len(corpus.Examples[0].Sentence.Vector) > 0 {
		con.Warn("sentence vectors stay behind: annotations have no place for them, and these files have no texts", "sentences", len(corpus.Examples))
	}
	return nil
}
