package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tall"
)

// EncodeQueries writes all queries with their overlaps as CSV: what the index of
// the page shows, in full and in the order of the ground truth. Times are
// seconds; several true spans are set apart by semicolons.
func (p *Page) EncodeQueries(w io.Writer) error {
	if p.Result == nil {
		return fmt.Errorf("%w: no result to report on", tall.ErrMissing)
	}
	out := csv.NewWriter(w)
	err := out.Write([]string{"id", "video", "sentence", "truth", "start", "end", "score", "iou", "best_iou_of_5", "outcome"})
	full := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for i := range p.Result.Queries {
		if err != nil {
			return err
		}
		q := &p.Result.Queries[i]
		var truth []string
		for _, s := range q.Example.Seconds() {
			truth = append(truth, full(s.Start)+"-"+full(s.End))
		}
		row := []string{q.Example.ID, q.Example.Video, sentence(q), strings.Join(truth, ";"), "", "", "", "", "", fateNames[fateOf(q)].name}
		if q.Prediction != nil && len(q.Prediction.Moments) > 0 {
			m := q.Prediction.Moments[0]
			row[4], row[5], row[6], row[7], row[8] = full(m.Start), full(m.End), full(m.Score), full(q.IoU), full(q.BestIoU5)
		}
		err = out.Write(row)
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

// EncodeMarkdown writes the tables of the page as Markdown, as for a README or a
// pull request.
func (p *Page) EncodeMarkdown(w io.Writer) error {
	if p.Result == nil {
		return fmt.Errorf("%w: no result to report on", tall.ErrMissing)
	}
	v := p.view()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", md(v.Title))
	for _, r := range v.Remarks {
		fmt.Fprintf(&b, "> **Note:** %s\n\n", md(r))
	}
	fmt.Fprintf(&b, "%s\n\n", md(v.Verdict.Text))
	fmt.Fprintf(&b, "Protocol %s (%s), %s.\n\n", md(v.Protocol), md(v.Source), plural(v.Queries, "query"))
	writeMetrics(&b, v.Metrics, append(v.Metrics.Rows, v.Further...))
	for _, t := range v.Parts {
		fmt.Fprintf(&b, "## %s\n\n", md(t.Kind))
		header := append([]string{"", "queries"}, t.Metrics...)
		rows := make([][]string, len(t.Rows))
		for i, r := range t.Rows {
			rows[i] = append([]string{r.Label, strconv.Itoa(r.Queries)}, r.All...)
		}
		writeMarkdown(&b, header, rows)
	}
	if len(v.Fates) > 0 {
		b.WriteString("## What became of the queries\n\n")
		var rows [][]string
		for _, f := range v.Fates {
			rows = append(rows, []string{f.Name, strconv.Itoa(f.Queries), f.Share, f.About})
		}
		writeMarkdown(&b, []string{"", "queries", "%", "meaning"}, rows)
	}
	b.WriteString("## Inputs\n\n")
	var rows [][]string
	for _, f := range append(v.Files, v.Facts...) {
		rows = append(rows, []string{f.Name, f.Value})
	}
	rows = append(rows, []string{"Queries without a prediction", strconv.Itoa(v.Missing.Count)}, []string{"Predictions without a query", strconv.Itoa(v.Surplus.Count)})
	writeMarkdown(&b, []string{"", ""}, rows)
	if len(v.Findings) > 0 {
		rows = nil
		for _, f := range v.Findings {
			rows = append(rows, []string{f.Severity, f.What, strconv.Itoa(f.Count), f.Places})
		}
		writeMarkdown(&b, []string{"finding", "what", "count", "where"}, rows)
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

func writeMetrics(b *strings.Builder, t metricTable, rows []metricRow) {
	header := []string{"metric", t.Main}
	if t.Interval {
		header = append(header, "95 % interval")
	}
	header = append(header, t.Systems...)
	var out [][]string
	for _, r := range rows {
		row := []string{r.Name, r.Value}
		if t.Interval {
			row = append(row, r.Interval)
		}
		for _, c := range r.Beside {
			row = append(row, c.Text)
		}
		out = append(out, row)
	}
	writeMarkdown(b, header, out)
}

var asciiSigns = strings.NewReplacer("–", "-", "−", "-")

// writeMarkdown writes a table; columns after the first are aligned right where
// they hold numbers.
func writeMarkdown(b *strings.Builder, header []string, rows [][]string) {
	plain := make([][]string, len(rows)) // without the signs that are no ASCII
	for i, r := range rows {
		for _, c := range r {
			plain[i] = append(plain[i], asciiSigns.Replace(c))
		}
	}
	right := Table{Header: header, Rows: plain}.numeric()
	line := func(cells []string) {
		b.WriteByte('|')
		for i := range header {
			b.WriteString(" " + md(cell(cells, i)) + " |")
		}
		b.WriteByte('\n')
	}
	line(header)
	b.WriteByte('|')
	for i := range header {
		if right[i] {
			b.WriteString(" ---: |")
		} else {
			b.WriteString(" --- |")
		}
	}
	b.WriteByte('\n')
	for _, r := range rows {
		line(r)
	}
	b.WriteByte('\n')
}

// markdown escapes what Markdown, and the HTML in it, would take for more than text.
var markdown = strings.NewReplacer(
	"\\", "\\\\", "|", "\\|", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]",
	"<", "&lt;", ">", "&gt;", "&", "&amp;", "~", "\\~", "\n", " ",
)

func md(s string) string { return markdown.Replace(s) }
