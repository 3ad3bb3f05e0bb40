package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/dataset"
)

// recorded is testdata/protocols.json: random queries and predictions, scored by
// another program, testdata/protocols.py.
type recorded struct {
	Duration float64 `json:"duration"`
	Queries  []struct {
		ID       int           `json:"qid"`
		Truths   [][2]float64  `json:"truths"`
		Windows  *[][3]float64 `json:"windows"` // nil: no prediction
		Clips    []int         `json:"clips"`
		Ratings  [][]float64   `json:"ratings"`
		Saliency []float64     `json:"saliency"`
	} `json:"queries"`
	MomentDETR  map[string]any     `json:"moment-detr"`
	CGDETR      map[string]any     `json:"cg-detr"`
	TALL        map[string]float64 `json:"tall"`
	TwoDTAN     map[string]float64 `json:"2d-tan"`
	VSLNet      map[string]float64 `json:"vslnet"`
	Strict      map[string]float64 `json:"strict"`
	ActivityNet struct {
		Truth    json.RawMessage    `json:"truth"`
		Results  json.RawMessage    `json:"results"`
		Expected map[string]float64 `json:"expected"`
	} `json:"activitynet-ap"`
	DiDeMo struct {
		Cases []struct {
			Times  [][2]float64 `json:"times"`
			Ranked [][2]float64 `json:"ranked"`
		} `json:"cases"`
		Expected map[string]float64 `json:"expected"`
	} `json:"didemo"`
	Human struct {
		Cases []struct {
			Truth    [2]float64   `json:"truth"`
			Duration float64      `json:"duration"`
			Marks    [][2]float64 `json:"marks"`
		} `json:"cases"`
		Expected map[string]float64 `json:"expected"`
	} `json:"human"`
}

func readRecorded(t *testing.T) *recorded {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "protocols.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func spansOf(pairs [][2]float64, scale float64) []tall.Span {
	var out []tall.Span
	for _, p := range pairs {
		out = append(out, tall.Span{Start: p[0] * scale, End: p[1] * scale})
	}
	return out
}

// qvhighlights are the recorded queries, and their predictions as lines of
// QVHighlights' form.
func (r *recorded) qvhighlights(t *testing.T) (*dataset.Corpus, string) {
	t.Helper()
	c := &dataset.Corpus{Name: dataset.QVHighlights, Saliency: map[string]dataset.Saliency{}}
	var lines strings.Builder
	for _, q := range r.Queries {
		id := strconv.Itoa(q.ID)
		c.Examples = append(c.Examples, tall.Example{ID: id, Video: "v" + id, Duration: r.Duration, FPS: 1, Truth: spansOf(q.Truths, 1)})
		c.Saliency[id] = dataset.Saliency{Clips: q.Clips, Scores: q.Ratings, ClipLen: 2}
		if q.Windows == nil {
			continue
		}
		line, err := json.Marshal(map[string]any{"qid": q.ID, "vid": "v" + id, "query": "", "pred_relevant_windows": *q.Windows, "pred_saliency_scores": q.Saliency})
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	return c, lines.String()
}

func scoreText(t *testing.T, protocol, text string, c *dataset.Corpus, o ScoreOptions) *Result {
	t.Helper()
	file, err := decodeFile(strings.NewReader(text), "predictions", PredictionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	predictions, err := file.Join(c)
	if err != nil {
		t.Fatal(err)
	}
	result, err := Score(protocol, c, predictions, o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// checkMetrics compares with numbers that were added up in another order: all but
// the last bits.
func checkMetrics(t *testing.T, r *Result, want map[string]float64) {
	t.Helper()
	for name, v := range want {
		m, ok := r.Metric(name)
		if !ok {
			t.Errorf("%s: there is no metric %q", r.Protocol, name)
		} else if math.Abs(m.Value-v) > 1e-9 {
			t.Errorf("%s: %s = %v, want %v", r.Protocol, name, m.Value, v)
		}
	}
}

func TestScore_RecordedRecalls(t *testing.T) {
	r := readRecorded(t)
	c, lines := r.qvhighlights(t)
	for protocol, want := range map[string]map[string]float64{
		ProtocolTALL: r.TALL, Protocol2DTAN: r.TwoDTAN, ProtocolVSLNet: r.VSLNet, ProtocolStrict: r.Strict,
	} {
		got := scoreText(t, protocol, lines, c, ScoreOptions{})
		checkMetrics(t, got, want)
		if len(got.Metrics) != len(want) || got.Summary != len(want) {
			t.Errorf("%s: %d metrics, %d in the summary, want %d", protocol, len(got.Metrics), got.Summary, len(want))
		}
		if diff := cmp.Diff([]string{"8"}, got.Missing); diff != "" {
			t.Error(diff)
		}
	}
}

// Moment-DETR's numbers are rounded to 2 decimals, so they must be the same.
func TestScore_RecordedMomentDETR(t *testing.T) {
	r := readRecorded(t)
	c, lines := r.qvhighlights(t)
	for protocol, want := range map[string]map[string]any{ProtocolMomentDETR: r.MomentDETR, ProtocolCGDETR: r.CGDETR} {
		got := scoreText(t, protocol, lines, c, ScoreOptions{})
		text, err := json.Marshal(got.Full)
		if err != nil {
			t.Fatal(err)
		}
		var full map[string]any
		if err := json.Unmarshal(text, &full); err != nil {
			t.Fatal(err)
		}
		brief := full["brief"].(map[string]any)
		delete(full, "brief")
		if diff := cmp.Diff(want, full); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", protocol, diff)
		}
		for name, v := range brief {
			if m, ok := got.Metric(name); !ok || m.Value != v {
				t.Errorf("%s: metric %s = %v, brief says %v", protocol, name, m.Value, v)
			}
		}
		wantBrief := 14
		if protocol == ProtocolCGDETR {
			wantBrief = 16
		}
		if len(brief) != wantBrief {
			t.Errorf("%s: %d keys in brief, want %d", protocol, len(brief), wantBrief)
		}
	}
}

func TestScore_RecordedActivityNet(t *testing.T) {
	r := readRecorded(t)
	c, err := decodeDetectionTruth(strings.NewReader(string(r.ActivityNet.Truth)), "gt.json", "")
	if err != nil {
		t.Fatal(err)
	}
	got := scoreText(t, ProtocolActivityNet, string(r.ActivityNet.Results), c, ScoreOptions{})
	checkMetrics(t, got, r.ActivityNet.Expected)
	if m := got.Metrics[0]; !(m.Low <= m.Value && m.Value <= m.High) || m.Low == m.High {
		t.Errorf("interval %v to %v around %v", m.Low, m.High, m.Value)
	}
	if len(got.Surplus) == 0 {
		t.Error("no surplus detections, though some are in videos without their class")
	}
}

func TestScore_RecordedDiDeMo(t *testing.T) {
	r := readRecorded(t)
	c := &dataset.Corpus{Name: dataset.DiDeMo}
	var predictions []Prediction
	seconds := func(pair [2]float64) tall.Span { return tall.Span{Start: 5 * pair[0], End: 5 * (pair[1] + 1)} }
	for i, q := range r.DiDeMo.Cases {
		e := tall.Example{ID: strconv.Itoa(i), Video: "v", FPS: 1}
		for _, pair := range q.Times {
			e.Truth = append(e.Truth, seconds(pair))
		}
		p := Prediction{ID: e.ID, Video: "v"}
		for k, pair := range q.Ranked {
			p.Moments = append(p.Moments, Found{seconds(pair), -float64(k)})
		}
		c.Examples, predictions = append(c.Examples, e), append(predictions, p)
	}
	got, err := Score(ProtocolDiDeMo, c, predictions, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkMetrics(t, got, r.DiDeMo.Expected)
	// A list that was cut gives its missing spans the rank behind the last.
	for i := range predictions {
		predictions[i].Moments = predictions[i].Moments[:1]
	}
	cut, err := Score(ProtocolDiDeMo, c, predictions, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	full, _ := got.Metric("Average rank@1")
	short, _ := cut.Metric("Average rank@1")
	if full.Value != short.Value || len(cut.Findings) == 0 {
		t.Errorf("rank@1 of lists of one moment: %v, of whole lists %v; findings %v", short.Value, full.Value, cut.Findings)
	}
}

func TestScore_RecordedHuman(t *testing.T) {
	r := readRecorded(t)
	c := &dataset.Corpus{Name: dataset.CharadesSTA}
	var csv strings.Builder
	csv.WriteString("HITId,video_id,description,start,end\n")
	for i, q := range r.Human.Cases {
		c.Examples = append(c.Examples, tall.Example{ID: strconv.Itoa(i), Video: fmt.Sprintf("v_%d", i), Duration: q.Duration, FPS: 1, Sentence: tall.Sentence{Text: "a person, sits."}, Truth: spansOf([][2]float64{q.Truth}, 1)})
		for _, m := range q.Marks {
			fmt.Fprintf(&csv, "H%d,%d.mp4,\"a person sits\",%g,%g\n", i, i, m[0], m[1])
		}
	}
	// Of several queries with the text of an annotation the first counts.
	again := c.Examples[0]
	again.ID, again.Truth = "again", []tall.Span{{Start: 0, End: 1}}
	c.Examples = append(c.Examples, again)
	got := scoreText(t, ProtocolHuman, csv.String(), c, ScoreOptions{})
	checkMetrics(t, got, r.Human.Expected)
	if len(got.Queries) != len(r.Human.Cases) || len(got.Missing) != 0 {
		t.Errorf("%d queries, %d missing, want %d and 0", len(got.Queries), len(got.Missing), len(r.Human.Cases))
	}
}

// What tall eval prints is what tall score makes of the file that it writes, to
// the last bit, though the file is in seconds and the comparison in frames.
func TestScore_TALLIsTheScorersTable(t *testing.T) {
	c := &dataset.Corpus{Name: dataset.TACoS}
	scorer, err := NewScorer(Options{})
	if err != nil {
		t.Fatal(err)
	}
	inFrames, err := NewScorer(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var predictions []Prediction
	for i := range 200 {
		answer, e := randomAnswer(uint64(i))
		c.Examples = append(c.Examples, e)
		p := RankedPrediction(e, answer)
		predictions = append(predictions, p)
		if err := errors.Join(scorer.AddPrediction(p, e), inFrames.Add(answer, e)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "predictions.jsonl")
	if err := WritePredictions(path, predictions); err != nil {
		t.Fatal(err)
	}
	file, err := ReadPredictionFile(path, PredictionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := file.Join(c)
	if err != nil {
		t.Fatal(err)
	}
	result, err := Score(ProtocolTALL, c, joined, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	table, frames := scorer.Table(), inFrames.Table()
	for i, iou := range table.IoU {
		for j, n := range table.Top {
			m, ok := result.Metric(fmt.Sprintf("R@%d IoU=%g", n, iou))
			if !ok || m.Value != table.Total.Recall(i, j) {
				t.Errorf("R@%d IoU=%g: tall score %v, tall eval %v", n, iou, m.Value, table.Total.Recall(i, j))
			}
			// The spans here are frames and fractions that float32 holds, as the
			// model's are: not one comparison may fall otherwise than in frames.
			if table.Total.Hits[i][j] != frames.Total.Hits[i][j] {
				t.Errorf("R@%d IoU=%g: %d hits of what is written, %d in frames", n, iou, table.Total.Hits[i][j], frames.Total.Hits[i][j])
			}
		}
	}
	if m, _ := result.Metric("mean IoU"); m.Value != table.Total.MeanIoU() {
		t.Errorf("mean IoU: tall score %v, tall eval %v", m.Value, table.Total.MeanIoU())
	}
}
