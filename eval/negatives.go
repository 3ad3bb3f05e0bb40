package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"tall"
)

// FalseAlarms is the share of foreign sentences that a [NegativeReport]'s
// threshold lets through at most.
const FalseAlarms = 0.05

// NegativeReport says how well a model's top score tells the sentences of a
// video from those of others, of which the video shows nothing.
type NegativeReport struct {
	Seed    uint64 `json:"seed"`
	Own     int    `json:"own"`     // sentences asked of their own video
	Foreign int    `json:"foreign"` // sentences asked of another
	// AUC is the probability that an own sentence has a higher top score than a
	// foreign one, equal scores counted half: 0.5 is chance.
	AUC float64 `json:"auc"`
	// Threshold is the smallest score such that at most [FalseAlarms] of the
	// foreign sentences score more. Accepted and Alarms are the shares of own and
	// foreign sentences that score more than it.
	Threshold float64 `json:"threshold"`
	Accepted  float64 `json:"accepted"`
	Alarms    float64 `json:"false_alarms"`
}

// Negatives collects top scores. It is not safe for concurrent use.
type Negatives struct {
	Seed         uint64 // of [ShuffleSentences], for the report
	own, foreign []float64
}

// Add counts one answer. One without a finite score counts as the lowest.
func (n *Negatives) Add(a tall.Scored, foreign bool) {
	top := math.Inf(-1)
	for _, v := range a.Scores {
		if v := float64(v); !notFinite(v) && v > top {
			top = v
		}
	}
	if foreign {
		n.foreign = append(n.foreign, top)
	} else {
		n.own = append(n.own, top)
	}
}

// Report compares what was added. It is an error, which wraps
// [tall.ErrMissing], for one of the two kinds to be absent.
func (n *Negatives) Report() (*NegativeReport, error) {
	if len(n.own) == 0 || len(n.foreign) == 0 {
		return nil, fmt.Errorf("%w: %d own and %d foreign sentences; negatives need at least two videos with different sentences", tall.ErrMissing, len(n.own), len(n.foreign))
	}
	own, foreign := slices.Sorted(slices.Values(n.own)), slices.Clone(n.foreign)
	slices.SortFunc(foreign, func(a, b float64) int { return cmp.Compare(b, a) })
	r := &NegativeReport{Seed: n.Seed, Own: len(own), Foreign: len(foreign)}
	for _, f := range foreign {
		least, _ := slices.BinarySearch(own, f)                                                      // own scores below f
		above, _ := slices.BinarySearchFunc(own, f, func(v, f float64) int { return order(v <= f) }) // and those not above
		r.AUC += float64(len(own)-above) + float64(above-least)/2
	}
	r.AUC /= float64(len(own)) * float64(len(foreign))
	r.Threshold = foreign[int(FalseAlarms*float64(len(foreign)))]
	if math.IsInf(r.Threshold, -1) { // JSON has no infinity; every finite score is above it
		r.Threshold = -math.MaxFloat64
	}
	r.Accepted = shareAbove(own, r.Threshold)
	r.Alarms = shareAbove(foreign, r.Threshold)
	return r, nil
}

// order puts what holds before what does not, with nothing in between.
func order(holds bool) int {
	if holds {
		return -1
	}
	return 1
}

func shareAbove(scores []float64, threshold float64) float64 {
	n := 0
	for _, v := range scores {
		if v > threshold {
			n++
		}
	}
	return share(float64(n), len(scores))
}
