package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"tall"
)

// Table is the recall of a set of sentences: in total, and by video in the
// order in which the videos came.
type Table struct {
	IoU    []float64 // (T) thresholds t, ascending
	Top    []int     // (K) n of R@n, ascending
	NMS    NMS
	Total  Row
	Videos []Row

	// What stands beside the numbers, where it was computed.
	Baselines []Baseline      // of the same sentences
	Absent    []string        // baselines that could not be had, and why
	Warnings  []string        // baselines that the numbers are not above
	Negatives *NegativeReport // of the model that the table is about

	Provenance *Provenance // how the numbers came about; nil: not known
}

// Row counts the sentences of one video, or of all.
type Row struct {
	Video     string // "" in the total
	Sentences int
	Hits      [][]int // (T, K) sentences with a hit among the first n at IoU t
	NotFinite int     // sentences with a score or span that is not finite
	Empty     int     // sentences without any moment

	sumIoU float64 // of the first moments
}

func newRow(video string, o Options) Row {
	r := Row{Video: video, Hits: make([][]int, len(o.IoU))}
	for i := range r.Hits {
		r.Hits[i] = make([]int, len(o.Top))
	}
	return r
}

func (r Row) clone() Row {
	r.Hits = slices.Clone(r.Hits)
	for i := range r.Hits {
		r.Hits[i] = slices.Clone(r.Hits[i])
	}
	return r
}

// Recall is R@n at IoU t in [0, 1], where i and j are indices into the table's
// IoU and Top. Without sentences it is 0.
func (r Row) Recall(i, j int) float64 { return share(float64(r.Hits[i][j]), r.Sentences) }

// MeanIoU is the mean overlap of the sentences' first moments with the truth,
// disjoint ones counted as 0.
func (r Row) MeanIoU() float64 { return share(r.sumIoU, r.Sentences) }

func share(sum float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// Recall is the total R@n at IoU t. ok is false where the table does not have
// that metric.
func (t *Table) Recall(n int, iou float64) (recall float64, ok bool) {
	i, j := slices.Index(t.IoU, iou), slices.Index(t.Top, n)
	if i < 0 || j < 0 {
		return 0, false
	}
	return t.Total.Recall(i, j), true
}

// rowJSON and tableJSON are eval.json.
type rowJSON struct {
	Video     string      `json:"video,omitempty"`
	Sentences int         `json:"sentences"`
	Recall    [][]float64 `json:"recall"` // [iou][top]
	Hits      [][]int     `json:"hits"`
	MeanIoU   float64     `json:"mean_iou"`
	NotFinite int         `json:"not_finite,omitempty"`
	Empty     int         `json:"empty,omitempty"`
}

type tableJSON struct {
	Version int       `json:"version"`
	NMS     string    `json:"nms"`
	IoU     []float64 `json:"iou"`
	Top     []int     `json:"top"`
	Total   rowJSON   `json:"total"`
	Videos  []rowJSON `json:"videos,omitempty"`

	Baselines []Baseline      `json:"baselines,omitempty"`
	Absent    []string        `json:"absent_baselines,omitempty"`
	Warnings  []string        `json:"warnings,omitempty"`
	Negatives *NegativeReport `json:"negatives,omitempty"`

	Provenance *Provenance `json:"provenance,omitempty"`
}

const tableVersion = 1

// MarshalJSON writes the table with recalls beside the counts, and rows in the
// order iou, then top.
func (t *Table) MarshalJSON() ([]byte, error) {
	out := tableJSON{
		Version: tableVersion, NMS: t.NMS.String(), IoU: t.IoU, Top: t.Top,
		Total: t.rowJSON(t.Total), Videos: make([]rowJSON, len(t.Videos)),
		Baselines: t.Baselines, Absent: t.Absent, Warnings: t.Warnings, Negatives: t.Negatives,
		Provenance: t.Provenance,
	}
	for i, r := range t.Videos {
		out.Videos[i] = t.rowJSON(r)
	}
	return json.Marshal(out)
}

func (t *Table) rowJSON(r Row) rowJSON {
	out := rowJSON{
		Video: r.Video, Sentences: r.Sentences, Hits: r.Hits, MeanIoU: r.MeanIoU(),
		NotFinite: r.NotFinite, Empty: r.Empty, Recall: make([][]float64, len(r.Hits)),
	}
	for i := range r.Hits {
		out.Recall[i] = make([]float64, len(t.Top))
		for j := range t.Top {
			out.Recall[i][j] = r.Recall(i, j)
		}
	}
	return out
}

// UnmarshalJSON reads what MarshalJSON wrote; recalls follow from the counts.
// Errors wrap [tall.ErrFormat].
func (t *Table) UnmarshalJSON(data []byte) error {
	var in tableJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	if in.Version != tableVersion {
		return fmt.Errorf("%w: version %d of the table, this program reads %d", tall.ErrFormat, in.Version, tableVersion)
	}
	nms, err := ParseNMS(in.NMS)
	if err != nil {
		return fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	out := Table{
		IoU: in.IoU, Top: in.Top, NMS: nms,
		Baselines: in.Baselines, Absent: in.Absent, Warnings: in.Warnings, Negatives: in.Negatives,
		Provenance: in.Provenance,
	}
	for i, r := range append([]rowJSON{in.Total}, in.Videos...) {
		if len(r.Hits) != len(in.IoU) || slices.ContainsFunc(r.Hits, func(h []int) bool { return len(h) != len(in.Top) }) {
			return fmt.Errorf("%w: row %d (%q) does not have %d x %d counts", tall.ErrFormat, i, r.Video, len(in.IoU), len(in.Top))
		}
		row := Row{
			Video: r.Video, Sentences: r.Sentences, Hits: r.Hits, NotFinite: r.NotFinite, Empty: r.Empty,
			sumIoU: r.MeanIoU * float64(r.Sentences),
		}
		if i == 0 {
			out.Total = row
		} else {
			out.Videos = append(out.Videos, row)
		}
	}
	*t = out
	return nil
}

// WriteFile writes the table as JSON (eval.json), atomically.
func (t *Table) WriteFile(path string) error {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return tall.ReplaceFile(path, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}

// ReadTable reads a file that [Table.WriteFile] wrote.
func ReadTable(path string) (*Table, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	if err != nil {
		return nil, err
	}
	var t Table
	if err := json.Unmarshal(data, &t); err != nil {
		if !errors.Is(err, tall.ErrFormat) {
			err = fmt.Errorf("%w: %w", tall.ErrFormat, err)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &t, nil
}
