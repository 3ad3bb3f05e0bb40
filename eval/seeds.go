package eval

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"tall"
)

// SeedsName is the file that holds the [Runs] of several seeds; SeedsTable is the same
// as a Markdown table.
const (
	SeedsName  = "seeds.json"
	SeedsTable = "seeds.md"
)

// Run is one training run among several that differ in their seed alone.
type Run struct {
	Seed       uint64 `json:"seed"`
	Dir        string `json:"dir"`
	Checkpoint string `json:"checkpoint"` // the file whose numbers these are
	// Splits are the run's results by the name of the split.
	Splits map[string]*Table `json:"-"`
}

// Spread is one metric over several runs.
type Spread struct {
	Split  string    `json:"split"`
	Metric string    `json:"metric"` // such as "R@1,IoU0.5", or "mIoU"
	Values []float64 `json:"values"` // by run, in [0, 1]
	Mean   float64   `json:"mean"`
	// Deviation is the sample's standard deviation (n-1); 0 and meaningless for one run.
	Deviation float64 `json:"standard_deviation"`
}

// Runs are the results of several seeds.
type Runs struct {
	Provenance *Provenance `json:"provenance,omitempty"`
	Chosen     string      `json:"chosen,omitempty"` // how each run's checkpoint was chosen
	Runs       []Run       `json:"runs"`
	Spreads    []Spread    `json:"spreads"`
}

// Summarize fills Spreads from the runs' tables, splits in the order given. All runs must
// have the same metrics, by an error that wraps [tall.ErrShape].
func (r *Runs) Summarize(splits ...string) error {
	r.Spreads = []Spread{}
	for _, split := range splits {
		var spreads []Spread
		for i, run := range r.Runs {
			t := run.Splits[split]
			if t == nil {
				return fmt.Errorf("%w: the run of seed %d has no result on %s", tall.ErrShape, run.Seed, split)
			}
			names, values := t.metrics()
			if i == 0 {
				for _, name := range names {
					spreads = append(spreads, Spread{Split: split, Metric: name})
				}
			}
			if len(names) != len(spreads) {
				return fmt.Errorf("%w: the runs of seeds %d and %d do not have the same metrics on %s", tall.ErrShape, r.Runs[0].Seed, run.Seed, split)
			}
			for k := range spreads {
				if names[k] != spreads[k].Metric {
					return fmt.Errorf("%w: the run of seed %d has %s where that of seed %d has %s", tall.ErrShape, run.Seed, names[k], r.Runs[0].Seed, spreads[k].Metric)
				}
				spreads[k].Values = append(spreads[k].Values, values[k])
			}
		}
		for k := range spreads {
			spreads[k].Mean, spreads[k].Deviation = meanDeviation(spreads[k].Values)
		}
		r.Spreads = append(r.Spreads, spreads...)
	}
	return nil
}

// metrics lists the total row's numbers with their names.
func (t *Table) metrics() (names []string, values []float64) {
	for j, n := range t.Top {
		for i, iou := range t.IoU {
			names = append(names, fmt.Sprintf("R@%d,IoU%g", n, iou))
			values = append(values, t.Total.Recall(i, j))
		}
	}
	return append(names, "mIoU"), append(values, t.Total.MeanIoU())
}

// meanDeviation is the mean and the sample's standard deviation, of 0 for one value.
func meanDeviation(values []float64) (mean, deviation float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	if n < 2 {
		return mean, 0
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, math.Sqrt(deviation)
}

// MarshalJSON adds the number of runs, which tells how much a deviation means.
func (r Runs) MarshalJSON() ([]byte, error) {
	type plain Runs
	return json.Marshal(struct {
		N int `json:"n"`
		plain
	}{len(r.Runs), plain(r)})
}

// WriteFile writes the runs as JSON (seeds.json), atomically.
func (r *Runs) WriteFile(path string) error { return writeJSON(path, r) }

// WriteMarkdown writes a table of mean and standard deviation, in percent.
func (r *Runs) WriteMarkdown(path string) error {
	return tall.ReplaceFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, r.Markdown())
		return err
	})
}

// Markdown is a table of mean and standard deviation over the runs, in percent, with each
// run's value.
func (r *Runs) Markdown() string {
	var b strings.Builder
	b.WriteString("| split | metric | mean | sd |")
	for _, run := range r.Runs {
		fmt.Fprintf(&b, " seed %d |", run.Seed)
	}
	b.WriteString("\n|---|---|---:|---:|" + strings.Repeat("---:|", len(r.Runs)) + "\n")
	for _, s := range r.Spreads {
		deviation := "-"
		if len(s.Values) > 1 {
			deviation = fmt.Sprintf("%.2f", 100*s.Deviation)
		}
		fmt.Fprintf(&b, "| %s | %s | %.2f | %s |", s.Split, s.Metric, 100*s.Mean, deviation)
		for _, v := range s.Values {
			fmt.Fprintf(&b, " %.2f |", 100*v)
		}
		b.WriteByte('\n')
	}
	if r.Chosen != "" {
		fmt.Fprintf(&b, "\nCheckpoints: %s.\n", r.Chosen)
	}
	return b.String()
}
