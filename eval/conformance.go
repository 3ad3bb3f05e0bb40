package eval

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tall"
	"tall/dataset"
)

// ConformanceRow compares one published number with ours.
type ConformanceRow struct {
	File      string // of predictions, below the folder
	Protocol  string
	Metric    string
	Published string // as it is printed there
	Ours      string // rounded to the same digit
	Note      string // why no agreement is expected; "": it is
}

// Agrees reports whether the numbers are the same to the last digit that was
// published, or need not be.
func (r ConformanceRow) Agrees() bool { return r.Published == r.Ours || r.Note != "" }

// Conformance scores every prediction file with published numbers below
// root/conformance, against root/annotations:
//
//   - qvhighlights-standalone-eval/*/: a .jsonl beside a JSON of its metrics
//   - activitynet-ap/: result.json, gt.json, expected.json
//   - human-reannotation/NAME/: CSV files, expected.json beside the folders
//   - didemo-prior/: expected.json of the ranking by frequency
//
// Folders that are not there are passed over; none at all is an error.
func Conformance(root string) ([]ConformanceRow, error) {
	c := conformance{root: root}
	for _, step := range []func() error{c.qvhighlights, c.activityNet, c.human, c.didemo} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if len(c.rows) == 0 {
		return nil, fmt.Errorf("%w: %s holds no conformance folder with predictions and published numbers", tall.ErrMissing, root)
	}
	return c.rows, nil
}

type conformance struct {
	root string
	rows []ConformanceRow
}

func (c *conformance) file(parts ...string) string {
	return filepath.Join(append([]string{c.root}, parts...)...)
}

// glob lists files below conformance/, slash-separated and sorted.
func (c *conformance) glob(pattern string) []string {
	paths, err := filepath.Glob(c.file("conformance", filepath.FromSlash(pattern)))
	if err != nil {
		return nil
	}
	out := make([]string, 0, len(paths))
	for _, p := range paths {
		if rel, err := filepath.Rel(c.file("conformance"), p); err == nil {
			out = append(out, filepath.ToSlash(rel))
		}
	}
	slices.Sort(out)
	return out
}

// score scores one file without intervals, which are not published.
func (c *conformance) score(protocol, truth, predictions string, o dataset.CorpusOptions) (*Result, error) {
	corpus, err := OpenTruth("", c.file(filepath.FromSlash(truth)), o)
	if err != nil {
		return nil, err
	}
	file, err := ReadPredictionFile(c.file("conformance", filepath.FromSlash(predictions)), PredictionOptions{})
	if err != nil {
		return nil, err
	}
	joined, err := file.Join(corpus)
	if err != nil {
		return nil, err
	}
	return Score(protocol, corpus, joined, ScoreOptions{Resamples: -1})
}

func (c *conformance) qvhighlights() error {
	for _, predictions := range c.glob("qvhighlights-standalone-eval/*/*.jsonl") {
		for _, metrics := range c.glob(path.Dir(predictions) + "/*.json") {
			published, err := numbersOf(c.file("conformance", filepath.FromSlash(metrics)))
			if err != nil {
				return err
			}
			protocol := ProtocolMomentDETR
			if slices.ContainsFunc(published, func(n printed) bool { return strings.HasSuffix(n.key, "mIoU") }) {
				protocol = ProtocolCGDETR
			}
			r, err := c.score(protocol, "annotations/qvhighlights/highlight_val_release.jsonl", predictions, dataset.CorpusOptions{})
			if err != nil {
				return err
			}
			ours, err := json.Marshal(r.Full)
			if err != nil {
				return err
			}
			leaves, err := numbersIn(ours)
			if err != nil {
				return err
			}
			for _, n := range published {
				c.rows = append(c.rows, ConformanceRow{predictions, protocol, n.key, n.text, find(leaves, n.key), ""})
			}
		}
	}
	return nil
}

func (c *conformance) activityNet() error {
	const dir = "activitynet-ap/"
	if len(c.glob(dir+"expected.json")) == 0 {
		return nil
	}
	var expected struct {
		TIoU    []json.Number `json:"tiou"`
		MAP     []json.Number `json:"mAP"`
		Average json.Number   `json:"average_mAP"`
	}
	if err := c.expected(dir, &expected); err != nil {
		return err
	}
	r, err := c.score(ProtocolActivityNet, "conformance/"+dir+"gt.json", dir+"result.json", dataset.CorpusOptions{})
	if err != nil {
		return err
	}
	for i, v := range expected.MAP {
		iou, err := expected.TIoU[min(i, len(expected.TIoU)-1)].Float64()
		if err != nil {
			return err
		}
		c.metric(dir+"result.json", r, fmt.Sprintf("mAP@%.2f", iou), v, "")
	}
	c.metric(dir+"result.json", r, "average_mAP", expected.Average, "")
	return nil
}

func (c *conformance) human() error {
	const dir = "human-reannotation/"
	if len(c.glob(dir+"expected.json")) == 0 {
		return nil
	}
	var expected map[string]map[string]json.Number
	if err := c.expected(dir, &expected); err != nil {
		return err
	}
	truths := map[string]string{
		"charades":    "annotations/charades-sta/charades_sta_test.txt",
		"activitynet": "annotations/activitynet-captions/val_2.json",
	}
	for _, name := range []string{"charades", "activitynet"} {
		if len(c.glob(dir+name+"/*.csv")) == 0 {
			continue
		}
		r, err := c.score(ProtocolHuman, truths[name], dir+name, dataset.CorpusOptions{})
		if err != nil {
			return err
		}
		for _, key := range []string{"R@1_IoU>0.5_percent", "R@1_printed", "median_min_iou", "median_min_iou_printed"} {
			metric := "R@1 (IoU>0.5)"
			if strings.HasPrefix(key, "median") {
				metric = "Median min IoU"
			}
			if v, ok := expected[name][key]; ok {
				c.metric(dir+name, r, metric, v, "")
			}
		}
		if v, ok := expected[name]["pairs"]; ok {
			c.rows = append(c.rows, ConformanceRow{dir + name, ProtocolHuman, "pairs", v.String(), strconv.Itoa(len(r.Queries)), ""})
		}
	}
	return nil
}

// didemo scores the ranking of moments by how often the annotators chose them.
// The original counts the training file, which is not there; the validation file
// puts the same moment first, which settles rank@1 and the mean overlap.
func (c *conformance) didemo() error {
	const dir = "didemo-prior/"
	if len(c.glob(dir+"expected.json")) == 0 {
		return nil
	}
	var expected map[string]json.Number
	if err := c.expected(dir, &expected); err != nil {
		return err
	}
	corpus, err := OpenTruth(dataset.DiDeMo, c.file("annotations", "didemo", "val_data.json"), dataset.CorpusOptions{})
	if err != nil {
		return err
	}
	r, err := Score(ProtocolDiDeMo, corpus, frequency(corpus), ScoreOptions{Resamples: -1})
	if err != nil {
		return err
	}
	const name = dir + "ranking by frequency"
	c.metric(name, r, "Average rank@1", expected["rank@1"], "")
	c.metric(name, r, "Average rank@5", expected["rank@5"], "the published ranking is that of the training file, which is not at hand; ours is that of the validation file")
	c.metric(name, r, "Average iou", expected["miou"], "")
	return nil
}

// frequency answers every query with the spans of the corpus, the most frequent
// first, equal ones in the order in which they come.
func frequency(corpus *dataset.Corpus) []Prediction {
	counts := map[tall.Span]int{}
	var order []tall.Span
	for _, e := range corpus.Examples {
		for _, g := range e.Seconds() {
			if counts[g] == 0 {
				order = append(order, g)
			}
			counts[g]++
		}
	}
	slices.SortStableFunc(order, func(a, b tall.Span) int { return counts[b] - counts[a] })
	moments := make([]Found, len(order))
	for i, g := range order {
		moments[i] = Found{g, float64(counts[g])}
	}
	out := make([]Prediction, len(corpus.Examples))
	for i, e := range corpus.Examples {
		out[i] = Prediction{ID: e.ID, Video: e.Video, Sentence: e.Sentence.Text, Moments: moments}
	}
	return out
}

func (c *conformance) metric(file string, r *Result, name string, published json.Number, note string) {
	ours := ""
	if m, ok := r.Metric(name); ok {
		ours = rounded(m.Value, published.String())
	}
	c.rows = append(c.rows, ConformanceRow{file, r.Protocol, name, published.String(), ours, note})
}

// rounded writes a number with as many decimals as another was printed with.
func rounded(v float64, like string) string {
	decimals := 0
	if _, fraction, ok := strings.Cut(like, "."); ok {
		decimals = len(fraction)
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

func (c *conformance) expected(dir string, into any) error {
	name := c.file("conformance", filepath.FromSlash(dir), "expected.json")
	data, err := readAll(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w: %w", name, tall.ErrFormat, err)
	}
	return nil
}

func readAll(name string) ([]byte, error) {
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// printed is a number of a JSON file and the path to it.
type printed struct{ key, text string }

func numbersOf(name string) ([]printed, error) {
	data, err := readAll(name)
	if err != nil {
		return nil, err
	}
	out, err := numbersIn(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, tall.ErrFormat, err)
	}
	return out, nil
}

// numbersIn lists the numbers of a JSON object, as they are written, in its order.
func numbersIn(data []byte) ([]printed, error) {
	var out []printed
	s := scanner{data: data}
	var walk func(path string) error
	walk = func(path string) error {
		if s.next() != '{' {
			start := s.at
			_, err := s.number()
			out = append(out, printed{path, string(data[start:s.at])})
			return err
		}
		return s.members(func(key string) error { return walk(strings.TrimPrefix(path+" "+key, " ")) })
	}
	return out, walk("")
}

// find is the number at a path, "" where there is none.
func find(list []printed, key string) string {
	for _, n := range list {
		if n.key == key {
			return n.text
		}
	}
	return ""
}

// WriteConformance writes the comparison as a page in Markdown, the same bytes
// for the same rows.
func WriteConformance(w io.Writer, rows []ConformanceRow) error {
	agree, differ := 0, 0
	for _, r := range rows {
		switch {
		case r.Published == r.Ours:
			agree++
		case r.Note == "":
			differ++
		}
	}
	var b strings.Builder
	b.WriteString("# Conformance\n\n" +
		"Published predictions with published numbers, and what `tall score` makes of them.\n" +
		"Numbers are compared as text, with as many decimals as were published. Made by\n\n" +
		"    tall score --conformance DIR > docs/conformance.md\n\n" +
		"where DIR holds `annotations/` and `conformance/` with the third-party files, each as\n" +
		"its origin publishes it (`go doc tall/eval.Conformance`).\n\n")
	fmt.Fprintf(&b, "%d of %d numbers are the same; %d differ", agree, len(rows), differ)
	if n := len(rows) - agree - differ; n > 0 {
		fmt.Fprintf(&b, "; %d cannot be compared, for the reason given", n)
	}
	b.WriteString(".\n")
	file := ""
	for _, r := range rows {
		if r.File != file {
			file = r.File
			fmt.Fprintf(&b, "\n## %s\n\nProtocol `%s`: %s.\n\n| file | metric | published | ours | |\n|---|---|---:|---:|---|\n", r.File, r.Protocol, ProtocolSource(r.Protocol))
		}
		remark := "same"
		switch {
		case r.Note != "":
			remark = r.Note
		case r.Published != r.Ours:
			remark = "**differs**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", path.Base(r.File), r.Metric, r.Published, r.Ours, remark)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
