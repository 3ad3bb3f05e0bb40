package eval

import (
	"math"

	"tall/dataset"
)

// highlightLevels are the least scores, of 0 to 4, that make a clip a highlight.
var highlightLevels = []struct {
	name  string
	least float64
}{{"HL-min-Fair", 2}, {"HL-min-Good", 3}, {"HL-min-VeryGood", 4}}

// annotators rated each clip of QVHighlights.
const annotators = 3

// highlights scores saliency as Moment-DETR's evaluator does. The video is cut
// into duration/2 s clips, rounded down; clips that nobody rated have the rating
// 0. HL-mAP is [rankingAP] of the predicted scores against each annotator by
// himself, averaged; predicted scores beyond the last clip are cut off, lacking
// ones are 0. HL-Hit1 asks whether the clip of the highest score (the first of
// equals, of all that were predicted) is a highlight to any annotator.
func (r *run) highlights() PyObject {
	var out PyObject
	padded := make([][]float64, len(r.queries)) // predicted scores, of each clip there is
	order := make([][]int, len(r.queries))
	r.each(func(i int, q *query) {
		if q.prediction != nil && len(q.prediction.Saliency) > 0 {
			padded[i] = make([]float64, clipsOf(r.corpus.Saliency[q.example.ID], q.example.Duration))
			copy(padded[i], q.prediction.Saliency)
			order[i] = highestFirst(padded[i])
		}
	})
	for _, level := range highlightLevels {
		first := len(r.columns)
		r.newColumn(level.name+"-mAP", 2, 100)
		r.newColumn(level.name+"-Hit1", 2, 100)
		ap, hit := &r.columns[first], &r.columns[first+1]
		each := make([]float64, annotators*len(r.queries))
		r.each(func(i int, q *query) {
			if q.prediction == nil || len(q.prediction.Saliency) == 0 {
				return
			}
			truth := r.corpus.Saliency[q.example.ID]
			clips := len(padded[i])
			sought := highlightClips(truth, clips, level.least)
			for a := range annotators {
				each[annotators*i+a] = rankingAP(sought[a*clips:(a+1)*clips], padded[i], order[i])
			}
			ap.values[i] = (each[annotators*i] + each[annotators*i+1] + each[annotators*i+2]) / annotators
			if top := highest(q.prediction.Saliency); top < clips {
				for a := range annotators {
					if sought[a*clips+top] {
						hit.values[i] = 1
					}
				}
			}
		})
		v := 100 * pairwiseMean(each)
		ap.exact = &v
		out = append(out, PyMember{level.name, PyObject{{"HL-mAP", twoDecimals(v)}, {"HL-Hit1", twoDecimals(hit.value())}}})
	}
	for i := range r.queries {
		q := &r.queries[i]
		if q.prediction != nil && len(q.prediction.Saliency) == 0 {
			r.notes.add(dataset.Odd, "predictions without saliency scores among others that have them", "none, if there are none; they count as 0 for highlights", q.example.ID)
		}
	}
	return out
}

// clipsOf is how many clips a video has.
func clipsOf(s dataset.Saliency, duration float64) int {
	length := s.ClipLen
	if length <= 0 {
		length = 2
	}
	return int(max(0, min(duration/length, maxClips)))
}

// maxClips bounds what a duration can ask for: some weeks of video.
const maxClips = 1 << 20

// highlightClips tells of each clip whether it is a highlight to each annotator,
// (annotators, clips).
func highlightClips(s dataset.Saliency, clips int, least float64) []bool {
	out := make([]bool, annotators*clips)
	for i, c := range s.Clips {
		if c < 0 || c >= clips || i >= len(s.Scores) {
			continue // the reader of the corpus reports it
		}
		for a := range annotators {
			out[a*clips+c] = a < len(s.Scores[i]) && s.Scores[i][a] >= least
		}
	}
	return out
}

// highest is the index of the largest score, the first of equals.
func highest(scores []float64) int {
	at := 0
	for i, v := range scores {
		if v > scores[at] || math.IsNaN(scores[at]) && !math.IsNaN(v) {
			at = i
		}
	}
	return at
}
