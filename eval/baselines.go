package eval

import (
	"fmt"
	"strings"
)

// Baseline is what something that should be beaten reaches on the same sentences.
type Baseline struct {
	Name  string `json:"name"`
	About string `json:"about"` // in a few words
	Table *Table `json:"table"`
}

// SetBaselines puts baselines beside the table's numbers and warns of each that
// the table is not above: in R@1 at one of the IoUs that both have, or in mean
// IoU. Of the baselines' tables the totals are kept.
func (t *Table) SetBaselines(list []Baseline) {
	t.Baselines, t.Warnings = nil, nil
	for _, b := range list {
		total := *b.Table
		total.Videos = nil
		b.Table = &total
		t.Baselines = append(t.Baselines, b)
		if reached := t.notAbove(&total); len(reached) > 0 {
			t.Warnings = append(t.Warnings, fmt.Sprintf("not above %s: %s", b.Name, strings.Join(reached, "; ")))
		}
	}
}

func (t *Table) notAbove(b *Table) []string {
	var out []string
	for _, iou := range t.IoU {
		ours, ok1 := t.Recall(1, iou)
		theirs, ok2 := b.Recall(1, iou)
		if ok1 && ok2 && ours <= theirs {
			out = append(out, fmt.Sprintf("R@1 at IoU %g %.4f, %.4f there", iou, ours, theirs))
		}
	}
	if ours, theirs := t.Total.MeanIoU(), b.Total.MeanIoU(); ours <= theirs {
		out = append(out, fmt.Sprintf("mean IoU %.4f, %.4f there", ours, theirs))
	}
	return out
}
