package report

import (
	"fmt"
	"strconv"

	"tall/eval"
)

// ScoreTable shows the metrics of a scoring with their intervals, each with as many
// decimals as the protocol's original prints: those of the original's summary, or
// all of them.
func ScoreTable(r *eval.Result, all bool) Table {
	out := Table{Header: []string{"metric", "value", "95 % interval"}}
	metrics := r.Metrics
	if !all {
		metrics = metrics[:r.Summary]
	}
	for _, m := range metrics {
		out.Rows = append(out.Rows, []string{m.Name, decimals(m, m.Value), interval(m)})
	}
	return out
}

// BucketTable shows the metrics of the parts of one kind, "length", "position" or
// "words", a row for each part.
func BucketTable(r *eval.Result, kind string) Table {
	out := Table{Header: []string{kind, "queries"}}
	for _, b := range r.Buckets {
		if b.Kind != kind {
			continue
		}
		row := []string{b.Label, strconv.Itoa(b.Queries)}
		for _, m := range b.Metrics {
			if len(out.Rows) == 0 {
				out.Header = append(out.Header, m.Name)
			}
			row = append(row, decimals(m, m.Value))
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func decimals(m eval.Metric, v float64) string { return strconv.FormatFloat(v, 'f', m.Digits, 64) }

func interval(m eval.Metric) string {
	if !m.HasInterval() {
		return ""
	}
	return fmt.Sprintf("%s to %s", decimals(m, m.Low), decimals(m, m.High))
}
