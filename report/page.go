package report

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"path/filepath"

	"tall"
	"tall/eval"
)

// Page is a report on one result, with others set beside it. [Page.WriteDir]
// writes it as files; the same page gives the same bytes.
//
// Every text in it (sentences, ids, names of files) may come from strangers: it
// is escaped, and bounded where it could be long.
type Page struct {
	Title   string
	Name    string // of what is reported on, such as "CTRL"; "": "model"
	Result  *eval.Result
	Beside  []NamedResult // baselines, or other models
	Curves  map[string]tall.Scored
	Facts   []Fact   // where the numbers come from: commit, configuration, seed, hashes
	Remarks []string // said before anything else, such as that a run was chosen on the test split
}

// NamedResult is a result set beside the one that a page is about. Of Result
// the metrics are needed; its curve and its buckets are shown where it has them.
type NamedResult struct {
	Name   string
	About  string // in a few words, what it does
	Result *eval.Result
}

// NamedTable is a recall table as a result that can stand beside one of
// [eval.ProtocolTALL], whose names its metrics have.
func NamedTable(name, about string, t *eval.Table) NamedResult {
	r := &eval.Result{Protocol: eval.ProtocolTALL}
	add := func(name string, v float64) {
		r.Metrics = append(r.Metrics, eval.Metric{Name: name, Value: v, Low: math.NaN(), High: math.NaN(), Digits: 4})
	}
	for _, n := range t.Top {
		for _, iou := range t.IoU {
			if v, ok := t.Recall(n, iou); ok {
				add(fmt.Sprintf("R@%d IoU=%g", n, iou), v)
			}
		}
	}
	add("mean IoU", t.Total.MeanIoU())
	return NamedResult{Name: name, About: about, Result: r}
}

// Fact is a name and its value.
type Fact struct{ Name, Value string }

// Names of the files that [Page.WriteDir] writes.
const (
	PageName     = "report.html"
	MarkdownName = "report.md"
	QueriesName  = "queries.csv"
)

// WriteDir writes the page (report.html: one file that needs no other, no script
// and no network), its tables as Markdown (report.md) and all queries with their
// overlaps (queries.csv) into a folder, which it makes. Each file is replaced as
// a whole. A page without a result is an error that wraps [tall.ErrMissing].
func (p *Page) WriteDir(dir string) error {
	if p.Result == nil {
		return fmt.Errorf("%s: %w: no result to report on", dir, tall.ErrMissing)
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{{QueriesName, p.EncodeQueries}, {MarkdownName, p.EncodeMarkdown}, {PageName, p.EncodeHTML}} {
		if err := tall.ReplaceFile(filepath.Join(dir, f.name), f.write); err != nil {
			return err
		}
	}
	return nil
}

//go:embed page.html page.css
var pageFiles embed.FS

// pageTemplate writes well-formed XML, too, so that a test can parse it strictly.
var pageTemplate = template.Must(template.New("page.html").ParseFS(pageFiles, "page.html", "page.css"))

// EncodeHTML writes the page.
func (p *Page) EncodeHTML(w io.Writer) error {
	if p.Result == nil {
		return fmt.Errorf("%w: no result to report on", tall.ErrMissing)
	}
	var b bytes.Buffer // nothing is written of a page that fails half way
	if err := pageTemplate.Execute(&b, p.view()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (p *Page) name() string { return cmp.Or(clean(p.Name, 60), "model") }

// view is what the template shows: texts and places, ready to be put in.
type view struct {
	Title, Protocol, Source string
	Files                   []Fact
	Remarks                 []string
	Verdict                 verdict
	Queries                 int
	Name                    string
	Metrics                 metricTable
	Further                 []metricRow // metrics without an interval, where there are many
	Standing                *standing
	Curve                   *curvePlot
	Parts                   []partTable
	Fates                   []fate
	Calibration             calibration
	Best, Worst             []card
	Index                   []band
	Left                    int // queries that the index leaves out
	Missing, Surplus        idList
	SurplusMeans            string
	Findings                []finding
	Facts                   []Fact
}

func (p *Page) view() *view {
	r := p.Result
	v := &view{
		Title: cmp.Or(clean(p.Title, 200), "Results"), Protocol: clean(r.Protocol, 80), Source: clean(r.Source, 300),
		Name: p.name(), Queries: len(r.Queries),
		Verdict: p.verdict(), Standing: p.standing(), Curve: p.curvePlot(), Parts: p.partTables(),
		Fates: fates(r.Queries), Calibration: calibrate(r.Queries),
		Missing: listIDs(r.Missing), Surplus: listIDs(r.Surplus),
	}
	v.Metrics, v.Further = p.metricTable()
	v.SurplusMeans = " and count for nothing"
	if r.Protocol == eval.ProtocolActivityNet {
		v.SurplusMeans = " with truth of their class; those of a class that has truth elsewhere count as wrong"
	}
	for _, t := range p.Remarks {
		v.Remarks = append(v.Remarks, clean(t, 500))
	}
	for _, f := range []Fact{{"Ground truth", r.GroundTruth}, {"Predictions", r.Predictions}} {
		if f.Value != "" {
			v.Files = append(v.Files, Fact{f.Name, clean(f.Value, 500)})
		}
	}
	for _, f := range p.Facts {
		v.Facts = append(v.Facts, Fact{clean(f.Name, 80), clean(f.Value, 500)})
	}
	for _, f := range r.Findings {
		v.Findings = append(v.Findings, newFinding(string(f.Severity), f.What, f.Remedy, f.Count, f.Places))
	}
	anchors := newAnchors(r.Queries)
	v.Best, v.Worst = p.cards(anchors)
	v.Index, v.Left = bands(r.Queries, anchors, v.Best, v.Worst)
	return v
}

// finding is one thing that was noticed in the inputs.
type finding struct {
	Severity, What, Remedy, Places string
	Count                          int
}

func newFinding(severity, what, remedy string, count int, places []string) finding {
	f := finding{Severity: clean(severity, 20), What: clean(what, 300), Remedy: clean(remedy, 300), Count: count}
	for i, p := range places {
		if i > 0 {
			f.Places += ", "
		}
		f.Places += clean(p, 120)
	}
	if len(places) > 0 && len(places) < count {
		f.Places += ", …"
	}
	return f
}

// mostIDs of a list are shown on the page.
const mostIDs = 200

// idList is a list of ids, of which the page shows the first.
type idList struct {
	Count int
	IDs   []string
	More  int
}

func listIDs(ids []string) idList {
	out := idList{Count: len(ids), More: max(0, len(ids)-mostIDs)}
	for _, id := range ids[:min(len(ids), mostIDs)] {
		out.IDs = append(out.IDs, clean(id, 80))
	}
	return out
}
