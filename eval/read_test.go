package eval

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/dataset"
)

const (
	qvLine   = `{"qid": 7, "query": "a dog", "vid": "v", "pred_relevant_windows": [[10.0, 20.5, 0.25], [0, 5, 0.5]], "pred_saliency_scores": [-0.5, 1e-3], "extra": {"a": [1, null, true, "x"]}}`
	tallText = `{"version": "VERSION 1.0", "results": {"v.avi": [[1, 294.0, 588.0], [0, 0.0, 29.4], [1, 58.8, 88.2]]}, "external_data": {}}`
	detText  = `{"version": "x", "results": {"v": [{"label": "run", "score": 0.5, "segment": [1, 2]}, {"label": "sit", "score": 0.25, "segment": [3, 4]}, {"label": "run", "score": 0.75, "segment": [5, 6]}]}}`
	csvText  = "video,sentence,start,end,score\nv,\"a, dog\",1,2,0.5\nv,\"a, dog\",3,4,0.75\nw,cat,5,6,0.1\n"
	humText  = "HITId,video_id,description,start,end\nH1,v.mp4,a dog,10,20\nH1,v.mp4,a dog,12,22\n"
)

func decode(t *testing.T, text string) *PredictionFile {
	t.Helper()
	f, err := decodeFile(strings.NewReader(text), "f", PredictionOptions{})
	if err != nil {
		t.Fatalf("%.60s: %v", text, err)
	}
	return f
}

func TestReadPredictionFile_FormatsFromContent(t *testing.T) {
	m := func(p ...Found) []Found { return p }
	for _, tt := range []struct {
		text, format string
		want         []Prediction
	}{
		{documented + "\n", FormatPredictions, []Prediction{documentedPrediction()}},
		{
			qvLine + "\r\n\n" + `{"qid": "x", "query": null, "vid": "v", "pred_relevant_windows": [[1, 2], [3, 4]]}`, FormatQVHighlights,
			[]Prediction{
				{ID: "7", Video: "v", Sentence: "a dog", Moments: m(found(10, 20.5, 0.25), found(0, 5, 0.5)), Saliency: []float64{-0.5, 0.001}},
				{ID: "x", Video: "v", Moments: m(found(1, 2, 0), found(3, 4, -1))},
			},
		},
		{tallText, FormatTALL, []Prediction{{Video: "v.avi", Moments: m(found(294, 588, 0), found(58.8, 88.2, -1))}, {Video: "v.avi", Moments: m(found(0, 29.4, 0))}}},
		{detText, FormatDetections, []Prediction{{Video: "v", Sentence: "run", Moments: m(found(1, 2, 0.5), found(5, 6, 0.75))}, {Video: "v", Sentence: "sit", Moments: m(found(3, 4, 0.25))}}},
		{csvText, FormatCSV, []Prediction{{Video: "v", Sentence: "a, dog", Moments: m(found(3, 4, 0.75), found(1, 2, 0.5))}, {Video: "w", Sentence: "cat", Moments: m(found(5, 6, 0.1))}}},
		{"\ufeffscore, end, start, query, vid\n0.5,2,1,dog,v\n", FormatCSV, []Prediction{{Video: "v", Sentence: "dog", Moments: m(found(1, 2, 0.5))}}},
		{"\nvideo,sentence,start,end\nv,dog,1,2\nv,dog,3,4\n", FormatCSV, []Prediction{{Video: "v", Sentence: "dog", Moments: m(found(1, 2, 0), found(3, 4, -1))}}},
		{"v,dog,1,2\nv,dog,3,4\n", FormatCSV, []Prediction{{Video: "v", Sentence: "dog", Moments: m(found(1, 2, 0), found(3, 4, -1))}}},
		{humText, FormatHuman, []Prediction{{ID: "H1", Video: "v.mp4", Sentence: "a dog", Moments: m(found(10, 20, 0), found(12, 22, 0))}}},
	} {
		f := decode(t, tt.text)
		if f.Format != tt.format {
			t.Errorf("%.40s: format %s, want %s", tt.text, f.Format, tt.format)
		}
		if diff := cmp.Diff(tt.want, f.Predictions); diff != "" {
			t.Errorf("%s: %s", tt.format, diff)
		}
		if len(f.Findings) > 0 {
			t.Errorf("%s: findings %v", tt.format, f.Findings)
		}
	}
}

func TestPredictionFile_Join(t *testing.T) {
	spans := []tall.Span{{Start: 0, End: 1}}
	c := &dataset.Corpus{Examples: []tall.Example{
		{ID: "0", Video: "v.avi", FPS: 29.4, Sentence: tall.Sentence{Text: "a, dog"}, Truth: spans},
		{ID: "1", Video: "v.avi", FPS: 29.4, Sentence: tall.Sentence{Text: "Cat."}, Truth: spans},
		{ID: "2", Video: "v.avi", FPS: 29.4, Sentence: tall.Sentence{Text: "a, dog"}, Truth: spans},
	}}
	ids := func(text string, o PredictionOptions) (out []string) {
		f, err := decodeFile(strings.NewReader(text), "f", o)
		if err != nil {
			t.Fatal(err)
		}
		joined, err := f.Join(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range joined {
			out = append(out, fmt.Sprintf("%s %v", p.ID, p.Moments[0].Span))
		}
		return out
	}
	// A sentence that was given twice is answered twice; an unknown one keeps a name.
	want := []string{"0 3-4", "2 3-4", "w: cat 5-6"}
	if diff := cmp.Diff(want, ids(strings.ReplaceAll(csvText, "\nv,", "\nv.avi,"), PredictionOptions{})); diff != "" {
		t.Error(diff)
	}
	// Punctuation, blanks, and what corpora add to the names of videos do not matter.
	if diff := cmp.Diff([]string{"1 1-2"}, ids("v_v.mp4,\" Cat\",1,2\n", PredictionOptions{})); diff != "" {
		t.Error(diff)
	}
	// Frames become seconds by the clock of the truth, or the one that is given.
	if diff := cmp.Diff([]string{"1 10-20", "0 0-1"}, ids(tallText, PredictionOptions{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1 2.94-5.88", "0 0-0.294"}, ids(tallText, PredictionOptions{FPS: 100})); diff != "" {
		t.Error(diff)
	}
	seconds := &dataset.Corpus{Examples: []tall.Example{example("a", spans...)}}
	if _, err := decode(t, tallText).Join(seconds); err == nil || !strings.Contains(err.Error(), "--fps") {
		t.Errorf("frames without a clock: %v", err)
	}
}

// Sentences of a video that differ in a blank alone are told apart, in files that
// name the video otherwise, too (TACoS and ActivityNet Captions have such).
func TestPredictionFile_JoinTellsBlanksApart(t *testing.T) {
	spans := []tall.Span{{Start: 0, End: 1}}
	c := &dataset.Corpus{Examples: []tall.Example{
		{ID: "0", Video: "v_x", Sentence: tall.Sentence{Text: "A cat."}, Truth: spans},
		{ID: "1", Video: "v_x", Sentence: tall.Sentence{Text: " A cat."}, Truth: spans},
		{ID: "2", Video: "v_x", Sentence: tall.Sentence{Text: "A dog, asleep."}, Truth: spans},
	}}
	for name, text := range map[string]string{
		"csv":            "v_x,A cat.,0,1\nv_x, A cat.,1,2\nv_x,\"A dog, asleep.\",2,3\n",
		"csv, blanks":    "v_x,A cat., 0,1\nv_x, A cat., 1,2\nv_x ,\t \"A dog, asleep.\", 2,3\n",
		"csv, its names": "x,A cat.,0,1\nx, A cat.,1,2\nx,A dog asleep,2,3\n",
		"detections":     `{"results": {"x": [{"sentence": "A cat.", "timestamp": [0, 1]}, {"sentence": " A cat.", "timestamp": [1, 2]}, {"sentence": "A dog asleep", "timestamp": [2, 3]}]}}`,
	} {
		joined, err := decode(t, text).Join(c)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range joined {
			got = append(got, fmt.Sprintf("%s %v", p.ID, p.Moments[0].Span))
		}
		if diff := cmp.Diff([]string{"0 0-1", "1 1-2", "2 2-3"}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Blanks before a quoted cell go, all others stay, however the text is cut.
func TestUnpadded(t *testing.T) {
	const text = " \t\"a, \"\"b\"\" \",  \"c\", d ,\te, \"\"\n  \"f\n \"\"g\", \"h\"\n i,  "
	const want = "\"a, \"\"b\"\" \",\"c\", d ,\te,\"\"\n\"f\n \"\"g\",\"h\"\n i,  "
	for size := 1; size < 20; size++ {
		u := &unpadded{in: bufio.NewReader(strings.NewReader(text)), start: true}
		var out []byte
		for buf := make([]byte, size); ; {
			n, err := u.Read(buf)
			out = append(out, buf[:n]...)
			if err != nil {
				break
			}
		}
		if string(out) != want {
			t.Fatalf("read by %d: %q, want %q", size, out, want)
		}
	}
}

func TestReadPredictionFile_Faults(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":          {" \n", "is empty"},
		"binary":         {"\x80\x02}q\x00", "no text"},
		"list":           {`[{"qid": 1}]`, "a JSON list"},
		"unknown object": {`{"a": 1}`, "unknown kind"},
		"mark":           {"\ufeff" + qvLine, "byte order mark"},

		"half a line of ours":         {documented + "\n" + documented[:40], "f:2: bad format: the last line was half written"},
		"half a line":                 {qvLine + "\n" + qvLine[:len(qvLine)-3], "f:2: bad format: the last line was half written"},
		"half in a number":            {qvLine + "\n" + `{"qid": 1, "pred_saliency_scores": [Na`, "f:2: bad format: the last line was half written"},
		"half in the middle":          {qvLine[:40] + "\n" + qvLine, "f:1: bad format: the line ends within a value"},
		"half a document":             {tallText[:60], "f:1: bad format: the file ends within a value, it was half written"},
		"half a row":                  {csvText + "w,ca", "f:5: bad format: the last line was half written"},
		"half a row within":           {"v,s,1,2,3\nw,ca\nv,s,1,2,3", "f:2: bad format: the row has 2 columns"},
		"some detections with scores": {`{"results": {"v": [{"label": "a", "segment": [1, 2]}],` + "\n" + `"w": [{"label": "a", "segment": [1, 2], "score": 1}]}}`, "f:2: bad format: w: some detections have a score"},
		"a row cut before its score":  {csvText + "w,cat,5,6", "f:5: bad format: the last line was half written (it has 4 of 5 columns"},
		"a row without a score":       {"v,s,1,2,3\nv,s,1,2\nv,s,1,2,3\n", "f:2: bad format: the row has 4 columns; give all rows a score, or none"},
		"a row with a score, no name": {"v,s,1,2\nv,s,1,2,3\n", "f:2: bad format: the row has 5 columns; give all rows a score, or none"},
		"half a quote":                {csvText + "w,\"ca", "f:5: bad format"},

		"qid twice":       {qvLine + "\n" + qvLine, `f:2: bad format: id "7" stands on line 1 already`},
		"key twice":       {`{"qid": 1, "qid": 2, "pred_relevant_windows": []}`, `"qid" is given twice`},
		"no qid":          {`{"vid": "v", "pred_relevant_windows": []}`, `"qid" is missing`},
		"truth":           {`{"qid": 1, "relevant_windows": [[1, 2]]}`, "--gt"},
		"one number":      {`{"qid": 1, "pred_relevant_windows": [[1]]}`, "window 1 has 1 numbers"},
		"four numbers":    {`{"qid": 1, "pred_relevant_windows": [[1,2,3,4]]}`, "more than 3"},
		"some scores":     {`{"qid": 1, "pred_relevant_windows": [[1,2,3],[1,2]]}`, "1 of 2 windows have no score"},
		"text for number": {`{"qid": 1, "pred_relevant_windows": [["a",2,3]]}`, "'\"' where a number belongs"},
		"leading zero":    {`{"qid": 1, "pred_relevant_windows": [[01,2,3]]}`, "f:1: bad format"},
		"not UTF-8":       {"{\"qid\": 1, \"query\": \"\xff\", \"pred_relevant_windows\": []}", "not UTF-8"},
		"comma":           {`{"qid": 1, "pred_relevant_windows": [],}`, "behind a comma"},
		"more":            {`{"qid": 1, "pred_relevant_windows": []} x`, "where the end belongs"},
		"deep":            {`{"qid": 1, "x": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `, "pred_relevant_windows": []}`, "nested"},

		"recalls":       {`{"version": "VERSION 1.0", "results": {"best_R1_IOU5": 0.1}}`, "recalls"},
		"sentence":      {`{"results": {"v": [[0.5, 1, 2]]}}`, "index of a sentence"},
		"video twice":   {"{\"results\": {\"v\": [],\n\"v\": []}}", "f:2: bad format: video \"v\" is given twice"},
		"no label":      {`{"results": {"v": [{"score": 1, "segment": [1, 2]}]}}`, `"label" is missing`},
		"no segment":    {`{"results": {"v": [{"score": 1, "label": "x"}]}}`, `"segment" is missing`},
		"segment":       {`{"results": {"v": [{"label": "x", "segment": [1]}]}}`, "1 numbers"},
		"columns":       {"a,b,c\n1,2,3\n", "f:1: bad format: the row has 3 columns"},
		"no end":        {"video,sentence,start\nv,s,1\n", "no column is named end"},
		"number":        {"v,s,1,x,0.5\n", `end is "x", which is no number`},
		"row not UTF-8": {"v,s,1,2,0.5\nv,\xff,1,2,0.5\n", "f:2: bad format: column 2 is not UTF-8"},
		"no video":      {" ,s,1,2,0.5\n", "video is empty"},
		"HIT changes":   {humText + "H1,w.mp4,a dog,1,2\n", "f:4: bad format: HITId H1 was about another"},
	} {
		_, err := decodeFile(strings.NewReader(tt.text), "f", PredictionOptions{})
		if !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if _, err := ReadPredictionFile(filepath.Join(t.TempDir(), "none"), PredictionOptions{}); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
	if _, err := ReadPredictionFile(t.TempDir(), PredictionOptions{}); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
}

// NaN, infinities and reversed moments are carried, and named with file and line.
func TestReadPredictionFile_FindingsNameThePlace(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"ours": {
			`{"id":"a","video":"v","sentence":"","moments":[{"start":5,"end":1,"score":1}]}`,
			[]string{"moments that end before they start: f:1: moment 1 goes from 5 to 1"},
		},
		"qvhighlights": {
			qvLine + "\n" + `{"qid": 1, "pred_relevant_windows": [[1, 2, 3], [NaN, 2, 1], [9, 2, 1], [1, Infinity, -Infinity]], "pred_saliency_scores": [1, NaN]}`,
			[]string{
				"moments that are not finite: f:2: moment 2 has start NaN, end 2, score 1; f:2: moment 4 has start 1, end +Inf, score -Inf",
				"moments that end before they start: f:2: moment 3 goes from 9 to 2", "saliency scores that are not finite: f:2: score 2 is NaN",
			},
		},
		"tall":       {"{\"results\": {\"v\": [[0, 1, 2],\n[1, 5, 4]]}}", []string{"moments that end before they start: f:2: moment 1 goes from 5 to 4"}},
		"detections": {`{"results": {"v": [{"label": "x", "score": NaN, "segment": [1, 2]}]}}`, []string{"moments that are not finite: f:1: moment 1 has start 1, end 2, score NaN"}},
		"csv":        {"v,s,1,2,1\nv,s,nan,2,1\n", []string{"moments that are not finite: f:2: moment 1 has start NaN, end 2, score 1"}},
		"human":      {humText + "H2,v,s,20,120\n", []string{"spans that are not within 0 and 100 percent: f:4: 20-120"}},
	} {
		var got []string
		for _, f := range decode(t, tt.text).Findings {
			got = append(got, f.What+": "+strings.Join(f.Places, "; "))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The blocks that a large file is cut into change nothing: order, lines of
// findings and errors.
func TestReadPredictionFile_Blocks(t *testing.T) {
	var text strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&text, `{"qid": %d, "query": "%s", "vid": "v", "pred_relevant_windows": [[1, %d, 0.5]]}`+"\n", i, strings.Repeat("x", i%50), 2+i%7-9*boolean(i == 55_555))
	}
	f := decode(t, text.String())
	if len(f.Predictions) != 60_000 {
		t.Fatalf("%d predictions", len(f.Predictions))
	}
	for i, p := range f.Predictions {
		if p.ID != strconv.Itoa(i) {
			t.Fatalf("prediction %d is %s", i, p.ID)
		}
	}
	if want := "f:55556: moment 1"; len(f.Findings) != 1 || !strings.HasPrefix(f.Findings[0].Places[0], want) {
		t.Errorf("findings %v, want %s", f.Findings, want)
	}
	_, err := decodeFile(strings.NewReader(text.String()+`{"qid": 3, "pred_relevant_windows": []}`), "f", PredictionOptions{})
	if err == nil || !strings.Contains(err.Error(), `f:60001: bad format: id "3" stands on line 4`) {
		t.Error(err)
	}
	long := `{"qid": 1, "query": "` + strings.Repeat("x", maxLine) + `", "pred_relevant_windows": []}` + "\n"
	for _, text := range []string{long, qvLine + "\n" + long, long[:len(long)-1]} {
		if _, err := decodeFile(strings.NewReader(text), "f", PredictionOptions{}); err == nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
			t.Errorf("%.100v", err)
		}
	}
	// A line that fills several blocks.
	wide := `{"qid": 1, "query": "` + strings.Repeat("x", 3*blockSize) + `", "pred_relevant_windows": []}` + "\n"
	if f := decode(t, qvLine+"\n"+wide+strings.ReplaceAll(qvLine, "7", "8")); len(f.Predictions) != 3 {
		t.Errorf("%d predictions", len(f.Predictions))
	}
}

func TestScanner_NumbersAreThoseOfStrconv(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, text string) {
		want, err := strconv.ParseFloat(text, 64)
		if err != nil && !math.IsInf(want, 0) {
			t.Fatalf("%s: %v", text, err)
		}
		s := scanner{data: []byte(text + ",")}
		got, err := s.number()
		if err != nil || math.Float64bits(got) != math.Float64bits(want) || s.at != len(text) {
			t.Fatalf("%s: %v at %d, %v; want %v", text, got, s.at, err, want)
		}
	}
	for _, text := range []string{"0", "-0", "0.1", "9007199254740993", "9007199254740992", "123456789012345678901234567890", "1e5", "-1.5E-7", "1e400", "0.00000000000000000000001", "0.30000000000000004", "18446744073709551617", "9999999999999999999", "0.9999999999999999999", "7.925170068027211", "1.0000000000000002220", "9007199254740993.0", "4503599627370496.5", "4503599627370497.5"} {
		check(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64().Draw(t, "v")
		format := rapid.SampledFrom([]byte{'f', 'e', 'g'}).Draw(t, "format")
		digits := rapid.IntRange(-1, 17).Draw(t, "digits")
		check(t, strings.Replace(strconv.FormatFloat(v, format, digits, 64), "+Inf", "1", 1))
	})
}

// Python's spellings of what is no number, in a folder of files.
func TestReadPredictionFile_Folder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.csv": "HITId,video_id,description,start,end\nH1,v.mp4,a dog,1,2\nH2,v.mp4,cat,1,2\n", "a.csv": humText} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := ReadPredictionFile(dir, PredictionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Predictions) != 2 || len(f.Predictions[0].Moments) != 3 {
		t.Errorf("%v", f.Predictions)
	}
}

// A file is read the same whatever order its keys have.
func TestReadPredictions_KeysInAnyOrder(t *testing.T) {
	p := documentedPrediction()
	for range 20 {
		members := []string{
			`"id" : "s27-d50.avi_233_485#0"`, `"video":"s27-d50.avi"`, `"sentence":"He took out a gl\u0061ss"`, ` "nms":0.45`,
			`"moments":[ {"score":1.25, "start":7.51,"end":16.9}, {"end":52.04,"start":40.8,"score":-0.5}]`,
		}
		rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		got, err := DecodePredictions(strings.NewReader("{"+strings.Join(members, ", ")+"}"), "f")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Prediction{p}, got); diff != "" {
			t.Error(diff)
		}
	}
}
