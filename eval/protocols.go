package eval

import (
	"fmt"
	"slices"
	"strings"

	"tall"
	"tall/dataset"
)

// The protocols: ways of turning moments into numbers, each after one program
// or paper.
const (
	ProtocolTALL        = "tall"
	Protocol2DTAN       = "2d-tan"
	ProtocolVSLNet      = "vslnet"
	ProtocolStrict      = "strict"
	ProtocolMomentDETR  = "moment-detr"
	ProtocolCGDETR      = "cg-detr"
	ProtocolActivityNet = "activitynet-ap"
	ProtocolDiDeMo      = "didemo"
	ProtocolHuman       = "human"
)

// protocol is how one program scores.
type protocol struct {
	name   string
	source string // the program or paper
	// iou and top are the metrics that the original prints; nil: they are part of
	// the protocol and cannot be chosen.
	iou []float64
	top []int
	// nms is the original's suppression; nil: it has none.
	nms   *NMS
	score func(*run) error
}

// protocols is in the order in which they are listed to users.
func protocols() []protocol {
	movingNMS, nms2dtan := Moving(), Fixed(0.4)
	return []protocol{
		{ProtocolTALL, "TALL: Gao et al. 2017 (TensorFlow) and its PaddlePaddle port", []float64{0.1, 0.3, 0.5, 0.7}, []int{1, 5, 10}, &movingNMS, scoreTALL},
		{Protocol2DTAN, "2D-TAN: Zhang et al. 2020, lib/core/eval.py", []float64{0.1, 0.3, 0.5, 0.7}, []int{1, 5}, &nms2dtan, score2DTAN},
		{ProtocolVSLNet, "VSLNet: Zhang et al. 2020, util/runner_utils.py", []float64{0.3, 0.5, 0.7}, []int{1}, nil, scoreVSLNet},
		{ProtocolStrict, "Otani et al. 2020, Uncovering Hidden Challenges in Query-Based Video Moment Retrieval, src/toolbox/eval.py", []float64{0.3, 0.5, 0.7}, []int{1, 5, 10}, nil, scoreStrict},
		{ProtocolMomentDETR, "Moment-DETR: Lei et al. 2021, standalone_eval/eval.py", nil, nil, nil, scoreMomentDETR},
		{ProtocolCGDETR, "CG-DETR: Moon et al. 2023, standalone_eval/eval.py (Moment-DETR's with R1 from IoU 0.3 and mIoU)", nil, nil, nil, scoreCGDETR},
		{ProtocolActivityNet, "ActivityNet detection: Caba Heilbron et al. 2015, as in MMAction2", nil, nil, nil, scoreActivityNet},
		{ProtocolDiDeMo, "DiDeMo: Hendricks et al. 2017, utils/eval.py", nil, nil, nil, scoreDiDeMo},
		{ProtocolHuman, "Otani et al. 2020, [Human performance] notebooks", nil, nil, nil, scoreHuman},
	}
}

// Protocols are the names that [Score] takes.
func Protocols() []string {
	var out []string
	for _, p := range protocols() {
		out = append(out, p.name)
	}
	return out
}

// ProtocolSource is the program or paper that a protocol follows; "" for a name
// that is none.
func ProtocolSource(name string) string {
	p, err := protocolOf(name)
	if err != nil {
		return ""
	}
	return p.source
}

func protocolOf(name string) (protocol, error) {
	for _, p := range protocols() {
		if p.name == name {
			return p, nil
		}
	}
	return protocol{}, fmt.Errorf("%w: there is no protocol %q; the protocols are %s", tall.ErrMissing, name, strings.Join(Protocols(), ", "))
}

// DefaultProtocol is the protocol by which results on a corpus are mostly
// published, given the format of the predictions ([PredictionFile]).
func DefaultProtocol(corpus *dataset.Corpus, format string) string {
	switch {
	case format == FormatHuman:
		return ProtocolHuman
	case corpus.Name == Detections:
		return ProtocolActivityNet
	case corpus.Name == dataset.QVHighlights:
		return ProtocolMomentDETR
	case corpus.Name == dataset.DiDeMo:
		return ProtocolDiDeMo
	case corpus.Name == dataset.TACoS:
		return ProtocolTALL
	case corpus.Name == dataset.Annotations && format == FormatPredictions:
		return ProtocolTALL
	}
	return ProtocolVSLNet
}

// ScoreOptions refine a protocol. The zero value is what its original does.
type ScoreOptions struct {
	IoU []float64 // thresholds of recall
	Top []int     // n of R@n
	NMS *NMS      // suppression before recall
	// FPS is the clock in which TALL's protocol compares moments where the truth
	// is in seconds: the source's frames in a second. 0: seconds.
	FPS float64
	// ByScore says that the order of the predictions' lists is not their ranking,
	// as in foreign files ([PredictionFile.ByScore]): TALL's protocol ranks them.
	ByScore bool
	// Resamples of the bootstrap. 0: 1000, fewer (at least 200) from some ten
	// thousand queries on, where intervals are narrow. Negative: no intervals.
	Resamples int
	Seed      uint64 // of the bootstrap
	// GroundTruth and Predictions name the files in the result.
	GroundTruth, Predictions string
}

// Score scores predictions against a corpus by a protocol ([Protocols]).
//
// Predictions are joined to queries by id. A query without a prediction is a
// miss by every protocol, whatever its original does about it (most leave it
// out), and is listed in Missing. A prediction whose id no query has is listed
// in Surplus. Queries without truth are passed over, and counted in a finding.
func Score(name string, corpus *dataset.Corpus, preds []Prediction, o ScoreOptions) (*Result, error) {
	p, err := protocolOf(name)
	if err != nil {
		return nil, err
	}
	if err := o.fill(p); err != nil {
		return nil, fmt.Errorf("protocol %s: %w", name, err)
	}
	r := &run{corpus: corpus, preds: preds, o: o}
	match := r.match
	if p.name == ProtocolHuman {
		match = r.matchAnnotators
	}
	if err := match(); err != nil {
		return nil, err
	}
	r.result = Result{
		Protocol: p.name, Source: p.source, GroundTruth: o.GroundTruth, Predictions: o.Predictions,
		Missing: r.missing, Surplus: r.surplusIDs(), Findings: r.notes.list(),
	}
	if err := p.score(r); err != nil {
		return nil, err
	}
	r.finish()
	return &r.result, nil
}

func (o *ScoreOptions) fill(p protocol) error {
	if p.iou == nil && (len(o.IoU) > 0 || len(o.Top) > 0) {
		return fmt.Errorf("its IoU thresholds and n are fixed; choose them with one of %s", strings.Join([]string{ProtocolTALL, Protocol2DTAN, ProtocolVSLNet, ProtocolStrict}, ", "))
	}
	if o.NMS != nil && p.nms == nil {
		return fmt.Errorf("it does not suppress; %s and %s do", ProtocolTALL, Protocol2DTAN)
	}
	if o.NMS != nil && p.name != ProtocolTALL && o.NMS.kind == moving {
		return fmt.Errorf("its suppression has one threshold; that of %s moves with the metric", ProtocolTALL)
	}
	if o.NMS == nil {
		o.NMS = p.nms
	}
	if p.iou == nil {
		return nil
	}
	table := Options{IoU: o.IoU, Top: o.Top}
	if len(table.IoU) == 0 {
		table.IoU = p.iou
	}
	if len(table.Top) == 0 {
		table.Top = p.top
	}
	if err := table.fill(); err != nil {
		return err
	}
	o.IoU, o.Top = table.IoU, table.Top
	return nil
}

// query is a sentence to be scored.
type query struct {
	example    *tall.Example
	prediction *Prediction // nil: missing
	truth      []tall.Span // seconds
}

// moments are those that were found, in the order listed.
func (q *query) moments() []Found {
	if q.prediction == nil {
		return nil
	}
	return q.prediction.Moments
}

// run is one call of [Score].
type run struct {
	corpus  *dataset.Corpus
	o       ScoreOptions
	preds   []Prediction
	queries []query
	queryOf []int // of each prediction; -1: none
	missing []string
	surplus []*Prediction
	notes   notes
	columns []column
	result  Result
}

// match joins predictions to queries.
func (r *run) match() error {
	preds := r.preds
	byID := make(map[string]int32, len(preds))
	for i := range preds {
		if j, ok := byID[preds[i].ID]; ok {
			return fmt.Errorf("%w: predictions %d and %d have the same id %q; ids are unique", tall.ErrFormat, j+1, i+1, preds[i].ID)
		}
		byID[preds[i].ID] = int32(i)
	}
	r.queryOf = make([]int, len(preds))
	for j := range r.queryOf {
		r.queryOf[j] = -1
	}
	windows := slices.ContainsFunc(preds, func(p Prediction) bool { return len(p.Moments) > 0 }) // else it is of highlights alone
	used := make([]bool, len(preds))
	seen := make(map[string]bool, len(r.corpus.Examples))
	r.queries = make([]query, 0, len(r.corpus.Examples))
	for i := range r.corpus.Examples {
		e := &r.corpus.Examples[i]
		if seen[e.ID] {
			r.notes.add(dataset.Broken, "queries whose id was used before", "give every query an id of its own; they are scored with the same prediction", e.ID)
		}
		seen[e.ID] = true
		var p *Prediction
		if j, ok := byID[e.ID]; ok {
			used[j] = true
			p = &preds[j]
			if len(e.Truth) > 0 {
				r.queryOf[j] = len(r.queries)
			}
			if p.Video != "" && e.Video != "" && p.Video != e.Video {
				r.notes.add(dataset.Odd, "predictions that name another video than the truth", "check that both files are of the same split; they were scored as they are", fmt.Sprintf("%s: %s, the truth says %s", e.ID, p.Video, e.Video))
			}
		}
		if len(e.Truth) == 0 {
			r.notes.add(dataset.Note, "queries without truth", "none, if they are questions; they are not scored", e.ID)
			continue
		}
		if p == nil {
			r.missing = append(r.missing, e.ID)
		} else if len(p.Moments) == 0 && (windows || p.Saliency == nil) {
			r.notes.add(dataset.Odd, "predictions without any moment", "none, if nothing was found; they count as misses", e.ID)
		}
		r.queries = append(r.queries, query{example: e, prediction: p, truth: e.Seconds()})
	}
	for j := range preds {
		if !used[j] {
			r.surplus = append(r.surplus, &preds[j])
		}
	}
	return r.belongTogether()
}

// belongTogether refuses files that have nothing in common.
func (r *run) belongTogether() error {
	if len(r.queries) == 0 && len(r.surplus) < max(1, len(r.preds)) {
		return fmt.Errorf("%w: no query of the ground truth has a span to be scored against; this split was published without its labels", tall.ErrMissing)
	}
	if len(r.surplus) == len(r.preds) && len(r.preds) > 0 && len(r.corpus.Examples) > 0 {
		p, e := r.surplus[0], r.corpus.Examples[0]
		return fmt.Errorf("%w: none of %d predictions belongs to a query of the ground truth (the first prediction: %s of video %q; the first query: %s of video %q); these files do not belong together",
			tall.ErrMissing, len(r.preds), p.ID, p.Video, e.ID, e.Video)
	}
	if len(r.queries) == 0 {
		return fmt.Errorf("%w: the ground truth has no query", tall.ErrMissing)
	}
	return nil
}

func (r *run) surplusIDs() []string {
	out := make([]string, 0, len(r.surplus))
	for _, p := range r.surplus {
		out = append(out, p.ID)
	}
	return slices.Clip(out)
}
