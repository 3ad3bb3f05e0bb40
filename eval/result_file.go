package eval

import (
	"encoding/json"

	"tall"
	"tall/dataset"
)

// originalIndent is that of the files of Moment-DETR's evaluator.
const originalIndent = 4

// WriteFile writes the metrics as JSON, atomically: as the original's own file,
// key for key, where the protocol's original writes one (Moment-DETR and CG-DETR),
// else {"protocol", "source", "metrics": {name: value}, ...} with the names that
// the original prints.
func (r *Result) WriteFile(path string) error {
	if full, ok := r.Full.(PyObject); ok {
		return full.WriteFile(path, originalIndent)
	}
	return r.summary().WriteFile(path, 2)
}

// WriteDetails writes all of the result as JSON, atomically: what WriteFile writes
// for protocols without a file of their own, and buckets, curve and every query.
func (r *Result) WriteDetails(path string) error {
	o := r.summary()
	var buckets []PyObject
	for _, b := range r.Buckets {
		buckets = append(buckets, PyObject{
			{"kind", b.Kind},
			{"label", b.Label},
			{"queries", b.Queries},
			{"metrics", values(b.Metrics)},
			{"intervals", intervals(b.Metrics)},
		})
	}
	curve := make([]PyObject, len(r.Curve))
	for i, p := range r.Curve {
		curve[i] = PyObject{{"iou", p.IoU}, {"recall", p.Recall}}
	}
	queries := make([]PyObject, len(r.Queries))
	for i, q := range r.Queries {
		queries[i] = q.object()
	}
	o = append(o, PyMember{"buckets", buckets}, PyMember{"curve", curve}, PyMember{"scores", queries})
	return o.WriteFile(path, 2)
}

func (r *Result) summary() PyObject {
	o := PyObject{
		{"protocol", r.Protocol},
		{"source", r.Source},
		{"ground_truth", r.GroundTruth},
		{"predictions", r.Predictions},
		{"queries", len(r.Queries)},
		{"metrics", values(r.Metrics)},
		{"intervals", intervals(r.Metrics)},
		{"resamples", r.Resamples},
		{"missing", r.Missing},
		{"surplus", r.Surplus},
		{"findings", findingObjects(r.Findings)},
	}
	if r.Provenance != nil {
		// It holds nothing that encoding/json refuses.
		text, err := json.Marshal(r.Provenance)
		if err != nil {
			panic("eval: " + err.Error())
		}
		o = append(o, PyMember{"provenance", json.RawMessage(text)})
	}
	if full, ok := r.Full.(PyObject); ok {
		o = append(o, PyMember{"original", full})
	}
	return o
}

// HasOriginal reports whether [Result.WriteFile] writes the file of the protocol's
// original, in which the provenance has no place.
func (r *Result) HasOriginal() bool {
	_, ok := r.Full.(PyObject)
	return ok
}

func values(metrics []Metric) PyObject {
	var o PyObject
	for _, m := range metrics {
		o = append(o, PyMember{m.Name, m.Value})
	}
	return o
}

// intervals leaves out what is not known.
func intervals(metrics []Metric) PyObject {
	var o PyObject
	for _, m := range metrics {
		if m.HasInterval() {
			o = append(o, PyMember{m.Name, []float64{m.Low, m.High}})
		}
	}
	return o
}

func findingObjects(findings []dataset.Finding) []PyObject {
	var out []PyObject
	for _, f := range findings {
		out = append(out, PyObject{{"severity", string(f.Severity)}, {"what", f.What}, {"count", f.Count}, {"places", f.Places}, {"remedy", f.Remedy}})
	}
	return out
}

// listedMoments of each query stand in the details.
const listedMoments = 5

func (q QueryScore) object() PyObject {
	o := PyObject{{"id", q.Example.ID}, {"video", q.Example.Video}, {"sentence", q.Example.Sentence.Text}}
	var truth, moments []PyObject
	for _, s := range q.Example.Seconds() {
		truth = append(truth, spanObject(s))
	}
	if q.Prediction != nil {
		for _, m := range q.Prediction.Moments[:min(listedMoments, len(q.Prediction.Moments))] {
			moments = append(moments, append(spanObject(m.Span), PyMember{"score", m.Score}))
		}
	}
	return append(o, PyMember{"truth", truth}, PyMember{"moments", moments}, PyMember{"iou", q.IoU}, PyMember{"best_iou_of_5", q.BestIoU5})
}

func spanObject(s tall.Span) PyObject { return PyObject{{"start", s.Start}, {"end", s.End}} }
