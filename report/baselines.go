package report

import (
	"fmt"

	"tall/eval"
)

// Rows shows results one below the other: a row for each result, a column for
// each metric R@n, IoU that the first result has, of those n that are asked for
// (none: all), and the mean IoU. A metric that another result does not have is
// shown as "-".
func Rows(results []Named, tops ...int) Table {
	out := Table{Header: []string{""}}
	if len(results) == 0 {
		return out
	}
	first := results[0].Table
	if len(tops) == 0 {
		tops = first.Top
	}
	for _, n := range tops {
		for _, iou := range first.IoU {
			out.Header = append(out.Header, fmt.Sprintf("R@%d %g", n, iou))
		}
	}
	out.Header = append(out.Header, "mean IoU")
	for _, r := range results {
		row := []string{r.Name}
		for _, n := range tops {
			for _, iou := range first.IoU {
				text := "-"
				if v, ok := r.Table.Recall(n, iou); ok {
					text = fmt.Sprintf("%.4f", v)
				}
				row = append(row, text)
			}
		}
		out.Rows = append(out.Rows, append(row, fmt.Sprintf("%.4f", r.Table.Total.MeanIoU())))
	}
	return out
}

// Baselines shows a result above its baselines, R@1 and R@5 of each, where it
// has any.
func Baselines(name string, t *eval.Table) Table {
	results := []Named{{Name: name, Table: t}}
	for _, b := range t.Baselines {
		results = append(results, Named{Name: b.Name, Table: b.Table})
	}
	return Rows(results, 1, 5)
}
