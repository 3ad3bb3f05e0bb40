package eval

import (
	"tall"
	"tall/dataset"
)

// Metric is one number of a [Result] with the name that the protocol's original
// gives it.
type Metric struct {
	Name string
	// Value is in the protocol's own unit: percent, or a share of 1. Low and High
	// bound its 95 % bootstrap interval over queries; NaN where there is none.
	Value, Low, High float64
	// Digits is how many decimals the protocol's original prints.
	Digits int
}

// QueryScore is how one query fared, whatever the protocol: overlaps are those
// of the moments as they were listed, before a protocol's suppression.
type QueryScore struct {
	Example    tall.Example
	Prediction *Prediction // nil: there is none, which counts as a miss
	IoU        float64     // of the first moment with the truth it fits best
	BestIoU5   float64     // the largest among the first five moments
}

// Bucket is the result over a part of the queries.
type Bucket struct {
	Kind    string // "length", "position" or "words"
	Label   string // such as "10-30 s"
	Queries int
	Metrics []Metric
}

// CurvePoint is a point of the curve of R@1 against the IoU that counts as a hit.
type CurvePoint struct {
	IoU    float64
	Recall float64 // share of the queries whose first moment overlaps by IoU or more
}

// Result is what a protocol says of a set of predictions.
type Result struct {
	Protocol    string // one of [Protocols]
	Source      string // the program or paper whose semantics it follows
	GroundTruth string // files
	Predictions string
	Resamples   int // of the bootstrap behind the intervals
	Metrics     []Metric
	Summary     int          // so many of Metrics, the first, are the original's summary; the rest is its detail
	Queries     []QueryScore // in the order of the ground truth
	Buckets     []Bucket
	Curve       []CurvePoint // IoU from 0 to 1 in steps of 0.05
	Missing     []string     // ids of queries without a prediction: they count as misses
	Surplus     []string     // ids of predictions without a query: they count for nothing
	Findings    []dataset.Finding
	Provenance  *Provenance // nil: not known
	Full        any         // what the original program's result file holds, ready for encoding/json; nil: it has none
}
