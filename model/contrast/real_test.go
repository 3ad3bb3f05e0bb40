package contrast

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tall"
	"tall/dataset"
	"tall/feature"
	"tall/internal/shared"
	"tall/numpy"
)

// realVideo are CLIP ViT-B/32 features of one frame every 2 s.
func realVideo(t *testing.T, path string) *tall.Features {
	t.Helper()
	tracks, err := feature.OpenTracks(path, feature.TrackOptions{Times: feature.Times{Stride: 2}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := tracks.Features(tracks.Videos()[0])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// classText returns the CLIP text vectors of LVIS class names by name ("a" + name).
func classText(t *testing.T, names ...string) []tall.Sentence {
	t.Helper()
	dir := shared.Path(t, "features/clip-vitb32-class-text")
	text, err := os.ReadFile(filepath.Join(dir, "lvis_v1_train_cat_info.json"))
	if err != nil {
		t.Fatal(err)
	}
	var classes []struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	if err := json.Unmarshal(text, &classes); err != nil {
		t.Fatal(err)
	}
	vectors, err := numpy.ReadFile(filepath.Join(dir, "lvis_v1_clip_a+cname.npy"))
	if err != nil {
		t.Fatal(err)
	}
	values, d := vectors.Float32(), vectors.Shape[1]
	var out []tall.Sentence
	for _, name := range names {
		for _, c := range classes {
			if c.Name == name {
				out = append(out, tall.Sentence{Text: name, Vector: values[(c.ID-1)*d : c.ID*d]})
			}
		}
	}
	if len(out) != len(names) {
		t.Fatalf("%d of %v", len(out), names)
	}
	return out
}

// The official CLIP features of a QVHighlights query with two true windows in 150 s.
func TestLocalize_QVHighlights(t *testing.T) {
	dir := shared.Path(t, "features/qvhighlights-qid5263")
	corpus, err := dataset.OpenCorpus(dataset.QVHighlights, filepath.Join(dir, "annotation.jsonl"), dataset.CorpusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := numpy.ReadNPZ(filepath.Join(dir, "clip_text_qid5263.npz"))
	if err != nil {
		t.Fatal(err)
	}
	e := corpus.Examples[0]
	e.Sentence.Vector = text["pooler_output"].Float32()
	p, err := New(Options{}).PrepareVideo(t.Context(), realVideo(t, filepath.Join(dir, "clip_video_qtyBzFV9yTs_60.0_210.0.npz")))
	if err != nil {
		t.Fatal(err)
	}
	curves, err := p.Curves(t.Context(), []tall.Sentence{e.Sentence})
	if err != nil {
		t.Fatal(err)
	}
	relevant := corpus.Saliency[e.ID].Clips
	raw, smooth := auc(curves[0].Similarity, relevant), auc(curves[0].Smooth, relevant)
	t.Logf("relevant clips: AUC %.3f, smoothed %.3f", raw, smooth)
	if raw < 0.78 || smooth < 0.9 {
		t.Errorf("AUC %.3f, smoothed %.3f", raw, smooth)
	}
	scored, err := p.Localize(t.Context(), []tall.Sentence{e.Sentence})
	if err != nil {
		t.Fatal(err)
	}
	hit := -1
	for rank, i := range tall.Suppress(scored[0].Spans, scored[0].Scores, 0.45, 5) {
		m := scored[0].Moment(i)
		best := 0.0
		for _, truth := range e.Truth {
			best = max(best, tall.IoU(m.Span, truth))
		}
		t.Logf("%d: %.1f to %.1f s, score %.4f, IoU %.2f", rank+1, m.Start, m.End, m.Score, best)
		if hit < 0 && best >= 0.5 {
			hit = rank
		}
	}
	if hit < 0 || hit > 2 {
		t.Errorf("the first moment with an IoU of 0.5 has rank %d; the first three must hold one", hit+1)
	}
}

// auc is the chance that a relevant clip has a larger value than another one.
func auc(curve []float32, relevant []int) float64 {
	wins, pairs := 0.0, 0.0
	for i, a := range curve {
		if !slices.Contains(relevant, i) {
			continue
		}
		for j, b := range curve {
			if slices.Contains(relevant, j) {
				continue
			}
			pairs++
			switch {
			case a > b:
				wins++
			case a == b:
				wins += 0.5
			}
		}
	}
	return wins / pairs
}

// In the Charades video somebody stands in a doorway for the first 10 s; in the other
// one table tennis is played in the middle, with cuts to faces.
func TestLocalize_RealVideos(t *testing.T) {
	p, err := New(Options{}).Prepare(t.Context(), realVideo(t, filepath.Join(shared.Path(t, "features/charades-Y1HGC-clip"), "vid.npz")))
	if err != nil {
		t.Fatal(err)
	}
	scored, err := p.Localize(t.Context(), classText(t, "doorknob"))
	if err != nil {
		t.Fatal(err)
	}
	best := scored[0].Moment(tall.Rank(scored[0].Scores)[0])
	truth := tall.Span{Start: 0.2, End: 9.8} // "a person walks in a doorway drinking some coffee."
	t.Logf("doorknob: %v, IoU %.2f with %v", best.Span, tall.IoU(best.Span, truth), truth)
	if tall.IoU(best.Span, truth) < 0.6 {
		t.Errorf("doorknob: %v", best)
	}
	q, err := New(Options{}).PrepareVideo(t.Context(), realVideo(t, filepath.Join(shared.Path(t, "features/table-tennis-clip"), "vid.npz")))
	if err != nil {
		t.Fatal(err)
	}
	scores, err := q.Best(t.Context(), classText(t, "table-tennis_table", "cow", "giraffe", "pizza"))
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range scores[1:] {
		if other >= scores[0] {
			t.Errorf("the best moments have scores %v: the first is table tennis, which the video shows", scores)
		}
	}
}
