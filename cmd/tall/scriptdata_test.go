package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"

	"github.com/rogpeppe/go-internal/testscript"

	"tall"
	"tall/dataset"
	"tall/numpy"
)

// Of the corpus that clipcorpus writes.
const (
	corpusRows   = 40 // of a video, 2 s each
	corpusEvents = 4  // of a video, 5 rows each
	corpusDim    = 16
)

// clipcorpus DIR writes a corpus as people have them: DIR/annotations.jsonl with
// three splits, per-clip features as DIR/clip/VIDEO.npz and, of another kind with a
// row more, DIR/flow/VIDEO.npz. What happens in a video is in its features, in a
// direction for each verb and each object; the sentences name verb and object.
func scriptClipCorpus(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "clipcorpus DIR")
	dir := ts.MkAbs(args[0])
	verbs := []string{"opens", "washes", "cuts", "throws"}
	objects := []string{"door", "carrot", "window"}
	rng := rand.New(rand.NewPCG(7, 7))
	directions := map[string][]float32{}
	for _, word := range append(append([]string{}, verbs...), objects...) {
		for range corpusDim {
			directions[word] = append(directions[word], float32(rng.NormFloat64()))
		}
	}
	var examples []tall.Example
	for v := range 36 {
		split := "train"
		if v >= 30 {
			split = "test"
		} else if v >= 24 {
			split = "val"
		}
		video := fmt.Sprintf("v%02d_a.mp4", v)
		rows := make([]float32, corpusRows*corpusDim)
		for i := range rows {
			rows[i] = 0.3 * float32(rng.NormFloat64())
		}
		for k, event := range rng.Perm(len(verbs) * len(objects))[:corpusEvents] {
			verb, object := verbs[event%len(verbs)], objects[event/len(verbs)]
			from := k*corpusRows/corpusEvents + rng.IntN(5)
			for r := from; r < from+5; r++ {
				for j := range corpusDim {
					rows[r*corpusDim+j] += directions[verb][j] + directions[object][j]
				}
			}
			examples = append(examples, tall.Example{
				ID: fmt.Sprintf("%s#%d", video, k), Video: video, Split: split, Duration: 2 * corpusRows, FPS: 1,
				Sentence: tall.Sentence{Text: fmt.Sprintf("A person %s the %s.", verb, object)},
				Truth:    []tall.Span{{Start: 2 * float64(from), End: 2 * float64(from+5)}},
			})
		}
		ts.Check(saveRows(filepath.Join(dir, "clip", video+".npz"), rows, corpusDim))
		ts.Check(saveRows(filepath.Join(dir, "flow", video+".npz"), make([]float32, (corpusRows+1)*3), 3))
	}
	ts.Check(dataset.WriteAnnotations(filepath.Join(dir, "annotations.jsonl"), examples))
	ts.Check(os.WriteFile(filepath.Join(dir, "small.yaml"), []byte("MODEL:\n  semantic_size: 32\n  hidden_size: 32\nTRAIN:\n  batch_size: 16\n  learning_rate: 0.01\n"), 0o644))
}

func saveRows(path string, rows []float32, dim int) error {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("features.npy")
	if err == nil {
		err = numpy.Encode(w, []int{len(rows) / dim, dim}, rows)
	}
	return errors.Join(err, z.Close(), os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b.Bytes(), 0o644))
}

// sameresult FILE FILE compares two JSON results but for their provenance.
func scriptSameResult(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "sameresult FILE FILE")
	var results [2]map[string]any
	for i, path := range args {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(path)), &results[i]))
		if results[i]["provenance"] == nil {
			ts.Fatalf("%s has no provenance", path)
		}
		delete(results[i], "provenance")
	}
	if !reflect.DeepEqual(results[0], results[1]) {
		ts.Fatalf("%s and %s differ in more than their provenance", args[0], args[1])
	}
}

// above FILE TOP IOU VALUE: the recall at TOP and IOU in an eval.json is above VALUE.
func scriptAbove(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 4, "above FILE TOP IOU VALUE")
	var table struct {
		IoU   []float64 `json:"iou"`
		Top   []int     `json:"top"`
		Total struct {
			Recall [][]float64 `json:"recall"`
		} `json:"total"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &table))
	for i, iou := range table.IoU {
		for j, top := range table.Top {
			if fmt.Sprint(top) == args[1] && fmt.Sprint(iou) == args[2] {
				if got, want := fmt.Sprintf("%.4f", table.Total.Recall[i][j]), args[3]; got <= want {
					ts.Fatalf("R@%s at IoU %s is %s, not above %s", args[1], args[2], got, want)
				}
				return
			}
		}
	}
	ts.Fatalf("no R@%s at IoU %s in %s", args[1], args[2], args[0])
}

// samescore EVAL SCORE: every recall of an eval.json stands in the JSON of tall score, to
// the last bit.
func scriptSameScore(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "samescore EVAL SCORE")
	var table struct {
		IoU   []float64 `json:"iou"`
		Top   []int     `json:"top"`
		Total struct {
			Recall  [][]float64 `json:"recall"`
			MeanIoU float64     `json:"mean_iou"`
		} `json:"total"`
	}
	var score struct {
		Metrics map[string]float64 `json:"metrics"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &table))
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &score))
	want := map[string]float64{"mean IoU": table.Total.MeanIoU}
	for i, iou := range table.IoU {
		for j, top := range table.Top {
			want[fmt.Sprintf("R@%d IoU=%g", top, iou)] = table.Total.Recall[i][j]
		}
	}
	for name, v := range want {
		if got, ok := score.Metrics[name]; !ok || got != v {
			ts.Fatalf("%s is %v in %s and %v in %s", name, v, args[0], got, args[1])
		}
	}
}
