package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/internal/shared"
	"tall/numpy"
)

// folder writes files into a folder of their own.
func folder(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func open(tb testing.TB, name, path string, o CorpusOptions) *Corpus {
	tb.Helper()
	c, err := OpenCorpus(name, path, o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// counts are the findings of a corpus by what they say.
func counts(c *Corpus) map[string]int {
	out := map[string]int{}
	for _, f := range c.Findings {
		out[f.What] = f.Count
	}
	return out
}

// places are those of one finding.
func places(c *Corpus, f *fault) []string {
	i := slices.IndexFunc(c.Findings, func(found Finding) bool { return found.What == f.what })
	if i < 0 {
		return nil
	}
	return c.Findings[i].Places
}

// Sizes and faults of the real corpora: those that their PROVENANCE.md states
// (sentences, videos, spans past the end, reversed spans, duplicates), and the
// others as a count by a script in another language gave them.
func TestOpenCorpus_Real(t *testing.T) {
	type want struct {
		name, path, split string
		videos, sentences int
		spans             int
		found             map[string]int
		saliency          int
	}
	for _, w := range []want{
		{TACoS2DTAN, "tacos/train.json", "train", 75, 9790, 9790, map[string]int{repeated.what: 1201, pastEnd.what: 43}, 0},
		{TACoS2DTAN, "tacos/val.json", "val", 27, 4436, 4436, map[string]int{repeated.what: 516}, 0},
		{TACoS2DTAN, "tacos/test.json", "test", 25, 4001, 4001, map[string]int{repeated.what: 567, pastEnd.what: 5}, 0},
		{CharadesSTA, "charades-sta/charades_sta_train.txt", "train", 5338, 12408, 12408, map[string]int{reversed.what: 4, pastEnd.what: 1805}, 0},
		{CharadesSTA, "charades-sta/charades_sta_test.txt", "test", 1334, 3720, 3720, map[string]int{pastEnd.what: 562}, 0},
		{ActivityNet, "activitynet-captions/train.json", "train", 10009, 37421, 37421, map[string]int{reversed.what: 4, pastEnd.what: 261}, 0},
		{ActivityNet, "activitynet-captions/val_1.json", "val_1", 4917, 17505, 17505, map[string]int{pastEnd.what: 134}, 0},
		{ActivityNet, "activitynet-captions/val_2.json", "val_2", 4885, 17031, 17031, map[string]int{pastEnd.what: 111}, 0},
		{QVHighlights, "qvhighlights/highlight_train_release.jsonl", "train", 7100, 7218, 12803, map[string]int{}, 7218},
		{QVHighlights, "qvhighlights/highlight_val_release.jsonl", "val", 1519, 1550, 2803, map[string]int{}, 1550},
		{QVHighlights, "qvhighlights/highlight_test_release.jsonl", "test", 1529, 1542, 0, map[string]int{noSpan.what: 1542}, 0},
		{QVHighlights, "qvhighlights/highlight_test_with_gt.jsonl", "test", 1529, 1542, 2761, map[string]int{}, 1542},
		{DiDeMo, "didemo/val_data.json", "val", 1094, 4180, 4165*4 + 15*7, map[string]int{}, 0},
		{DiDeMo, "didemo/test_data.json", "test", 1037, 4021, 4009*4 + 11*7 + 5, map[string]int{}, 0},
	} {
		t.Run(w.path, func(t *testing.T) {
			c := open(t, "", shared.Path(t, "annotations/"+w.path), CorpusOptions{})
			videos, ids, spans := map[string]bool{}, map[string]bool{}, 0
			for _, e := range c.Examples {
				videos[e.Video], ids[e.ID] = true, true
				spans += len(e.Truth)
				if e.Split != w.split || e.Duration <= 0 || e.Sentence.Text == "" {
					t.Fatalf("%+v", e)
				}
			}
			got := want{c.Name, w.path, w.split, len(videos), len(c.Examples), spans, counts(c), len(c.Saliency)}
			if diff := cmp.Diff(w, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Error(diff)
			}
			if len(ids) != w.sentences {
				t.Errorf("%d ids of %d sentences", len(ids), w.sentences)
			}
		})
	}
}

// What a repair leaves, against a count by a script in another language.
func TestOpenCorpus_RealRepairs(t *testing.T) {
	for _, c := range []struct {
		path   string
		repair Repair
		left   int
		found  map[string]int
	}{
		// 3 of the reversed spans also lie past the end.
		{"charades-sta/charades_sta_train.txt", RepairClamp, 12408, map[string]int{reversed.what: 4, pastEnd.what: 1805, cut.what: 1802, notCut.what: 4}},
		{"charades-sta/charades_sta_train.txt", RepairDrop, 10602, map[string]int{reversed.what: 4, pastEnd.what: 1805, leftSpans.what: 1806, leftExamples.what: 1806}},
		{"tacos/train.json", RepairDrop, 8549, map[string]int{repeated.what: 1201, pastEnd.what: 43, leftSpans.what: 43, leftExamples.what: 1241}},
		{"tacos/test.json", RepairDrop, 3430, map[string]int{repeated.what: 567, pastEnd.what: 5, leftSpans.what: 5, leftExamples.what: 571}},
		{"tacos/test.json", RepairClamp, 4001, map[string]int{repeated.what: 567, pastEnd.what: 5, cut.what: 5}},
	} {
		got := open(t, "", shared.Path(t, "annotations/"+c.path), CorpusOptions{Repair: c.repair})
		if diff := cmp.Diff(c.found, counts(got)); diff != "" || len(got.Examples) != c.left {
			t.Errorf("%s, %s: %d left, want %d; %s", c.path, c.repair, len(got.Examples), c.left, diff)
		}
	}
}

// Whole folders, the license and the provenance beside the files.
func TestOpenCorpus_RealFolders(t *testing.T) {
	for _, c := range []struct {
		dir, name string
		sentences int
		found     map[string]int
		files     []string
	}{
		{"tacos", TACoS2DTAN, 9790 + 4436 + 4001, map[string]int{repeated.what: 2284, pastEnd.what: 48}, []string{"test.json", "train.json", "val.json"}},
		{"charades-sta", CharadesSTA, 16128, map[string]int{reversed.what: 4, pastEnd.what: 2367}, []string{"charades_sta_test.txt", "charades_sta_train.txt", "Charades_v1_test.csv", "Charades_v1_train.csv"}},
		// One sentence of val_1 was written again for val_2, with the same span.
		{"activitynet-captions", ActivityNet, 71957, map[string]int{reversed.what: 4, pastEnd.what: 506, leaked.what: 1}, []string{"train.json", "val_1.json", "val_2.json"}},
		{"qvhighlights", QVHighlights, 10310, map[string]int{answered.what: 1542}, []string{"highlight_test_release.jsonl", "highlight_test_with_gt.jsonl", "highlight_train_release.jsonl", "highlight_val_release.jsonl"}},
		{"didemo", DiDeMo, 8201, map[string]int{}, []string{"test_data.json", "val_data.json"}},
	} {
		got := open(t, "", shared.Path(t, "annotations/"+c.dir), CorpusOptions{})
		var files []string
		for _, f := range got.Files {
			files = append(files, filepath.Base(f))
		}
		ids := map[string]bool{}
		for _, e := range got.Examples {
			ids[e.ID] = true
		}
		if got.Name != c.name || len(got.Examples) != c.sentences || len(ids) != c.sentences {
			t.Errorf("%s: %s, %d sentences, %d ids", c.dir, got.Name, len(got.Examples), len(ids))
		}
		if diff := cmp.Diff(c.found, counts(got)) + cmp.Diff(c.files, files); diff != "" {
			t.Errorf("%s: %s", c.dir, diff)
		}
	}
	val := open(t, QVHighlights, shared.Path(t, "annotations/qvhighlights"), CorpusOptions{Split: "val"})
	if len(val.Examples) != 1550 || len(val.Files) != 1 {
		t.Errorf("%d sentences of the split val, files %v", len(val.Examples), val.Files)
	}
}

// TALL's pickle of one movie, with its length from TALL's list: in both its forms
// and found beside the clips.
func TestOpenCorpus_RealPickles(t *testing.T) {
	clips := shared.Path(t, "features/tall-tacos-s27-d50/infer_clip-sen.pkl")
	beside := t.TempDir()
	for name, from := range map[string]string{"test_clip-sentvec.pkl": clips, "video_allframes_info.pkl": shared.Path(t, "annotations/tacos/tall_video_allframes_info.pkl")} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(beside, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ path, durations, split string }{
		{clips, shared.Path(t, "annotations/tacos/tall_video_allframes_info.pkl"), ""},
		{clips, shared.Path(t, "annotations/tacos/tall_video_allframes_info.json"), ""},
		{beside, "", "test"},
	} {
		got := open(t, "", c.path, CorpusOptions{Durations: c.durations})
		if got.Name != TACoS || len(got.Examples) != 6 || len(got.Findings) != 0 {
			t.Fatalf("%+v", got)
		}
		e := got.Examples[0]
		// The 2D-TAN JSON says 2414 frames; TALL's list always 16 more.
		if e.ID != "s27-d50.avi_233_485#0" || e.Split != c.split || e.Duration != float64(2414+16)/29.4 || e.FPS != 29.4 || len(e.Sentence.Vector) != 4800 {
			t.Errorf("%s %s %s %g %g %d", c.path, e.ID, e.Split, e.Duration*29.4, e.FPS, len(e.Sentence.Vector))
		}
	}
}

const tacosJSON = `{
"a.avi": {"timestamps": [[10, 50], [10, 50], [60, 101]], "sentences": ["He cuts.", "He cuts.", "He rinses."], "fps": 25.0, "num_frames": 100},
"b.avi": {"timestamps": [], "sentences": [], "fps": 30, "num_frames": 100, "url": "x"}
}`

func TestTACoS2DTAN(t *testing.T) {
	dir := folder(t, map[string]string{"test.json": tacosJSON})
	c := open(t, "", dir, CorpusOptions{})
	example := func(id string, start, end float64, text string) tall.Example {
		return tall.Example{ID: id, Video: "a.avi", Split: "test", Duration: 4, FPS: 25, Sentence: tall.Sentence{Text: text}, Truth: []tall.Span{{Start: start, End: end}}}
	}
	want := &Corpus{
		Name:     TACoS2DTAN,
		Files:    []string{filepath.Join(dir, "test.json")},
		Examples: []tall.Example{example("a.avi#0", 10, 50, "He cuts."), example("a.avi#1", 10, 50, "He cuts."), example("a.avi#2", 60, 101, "He rinses.")},
		Findings: []Finding{
			{Odd, pastEnd.what, 1, []string{dir + "/test.json:2:46 a.avi#2 60-101, past the end at 100 by 1"}, pastEnd.remedy},
			{Note, repeated.what, 1, []string{dir + "/test.json:2:36 a.avi#1 repeats line 2:26"}, repeated.remedy},
			{Note, notRead.what, 1, []string{dir + `/test.json:3:76 "url", 1 times`}, notRead.remedy},
		},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestActivityNet(t *testing.T) {
	dir := folder(t, map[string]string{
		"val_1.json": `{"v_a": {"duration": 60.5, "timestamps": [[0, 60.5], [12.25, 3]], "sentences": ["A dog barks.", " It runs."]}}`,
		"val_2.json": `{"v_a": {"sentences": ["A dog."], "timestamps": [[-1, 2e1]], "duration": 60.5}, "v_b": {"sentences": ["é \ud83d\ude00"], "timestamps": [[NaN, 1]], "duration": NaN}}`,
	})
	c := open(t, "", dir, CorpusOptions{})
	var got []string
	for _, e := range c.Examples {
		got = append(got, strings.Join([]string{e.ID, e.Split, e.Sentence.Text, e.Truth[0].String()}, "|"))
	}
	want := []string{
		"val_1/v_a#0|val_1|A dog barks.|0-60.5", "val_1/v_a#1|val_1| It runs.|12.25-3",
		"val_2/v_a#0|val_2|A dog.|-1-20", "val_2/v_b#0|val_2|é 😀|NaN-1",
	}
	if diff := cmp.Diff(want, got) + cmp.Diff(map[string]int{notFinite.what: 1, reversed.what: 1, beforeStart.what: 1, badDuration.what: 1, noDuration.what: 1}, counts(c)); diff != "" {
		t.Error(diff)
	}
	if c.Examples[0].Duration != 60.5 || c.Examples[3].Duration != 0 {
		t.Error(c.Examples)
	}
	one := open(t, ActivityNet, dir, CorpusOptions{Split: "val_2", Repair: RepairClamp})
	if len(one.Examples) != 2 || one.Examples[0].Truth[0] != (tall.Span{Start: 0, End: 20}) {
		t.Errorf("%+v", one.Examples)
	}
	if diff := cmp.Diff([]string{dir + "/val_2.json:1:50 val_2/v_a#0 -1-20 to 0-20"}, places(one, cut)); diff != "" {
		t.Error(diff)
	}
}

// A video that stands twice in a JSON object: encoding/json and Python would keep
// the last alone.
func TestActivityNet_VideoTwice(t *testing.T) {
	entry := `"v_a": {"duration": 60.5, "timestamps": [[0, 60.5]], "sentences": ["A dog barks."]}`
	dir := folder(t, map[string]string{"train.json": "{" + entry + ",\n" + entry + "}", "val_1.json": "{" + entry + "}"})
	c := open(t, "", dir, CorpusOptions{})
	var ids []string
	for _, e := range c.Examples {
		ids = append(ids, e.ID)
	}
	want := map[string]int{twiceInFile.what: 1, repeated.what: 1, leaked.what: 1}
	if diff := cmp.Diff([]string{"train/v_a#0", "train/v_a#1", "val_1/v_a#0"}, ids) + cmp.Diff(want, counts(c)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{dir + "/train.json:2:1 v_a"}, places(c, twiceInFile)); diff != "" {
		t.Error(diff)
	}
	// A repair leaves out the copy, and none of the two that are in two splits.
	if c := open(t, "", dir, CorpusOptions{Repair: RepairDrop}); len(c.Examples) != 2 || counts(c)[leftExamples.what] != 1 {
		t.Errorf("%+v", c)
	}
}

func TestQVHighlights(t *testing.T) {
	const answeredLine = `{"qid": 7, "query": "A man", "duration": 10, "vid": "v_0.0_10.0", "relevant_windows": [[0, 4], [6, 12]], "relevant_clip_ids": [0, 1, 9], "saliency_scores": [[1, 2, 3], [0, 4, 5], [1, 1, 1]]}`
	dir := folder(t, map[string]string{
		"highlight_test_release.jsonl": `{"qid": 7, "query": "A man", "duration": 10, "vid": "v_0.0_10.0"}` + "\n",
		"highlight_test_with_gt.jsonl": answeredLine + "\r\n\n" + `{"query": "A cat", "qid": "x-8", "vid": "w", "relevant_windows": []}` + "\n" + answeredLine,
		"prices.json":                  `{"a": "b"}`,
	})
	c := open(t, "", dir, CorpusOptions{})
	want := []tall.Example{
		{ID: "7", Video: "v_0.0_10.0", Split: "test", Duration: 10, FPS: 1, Sentence: tall.Sentence{Text: "A man"}, Truth: []tall.Span{{Start: 0, End: 4}, {Start: 6, End: 12}}},
		{ID: "x-8", Video: "w", Split: "test", FPS: 1, Sentence: tall.Sentence{Text: "A cat"}},
		{ID: "7", Video: "v_0.0_10.0", Split: "test", Duration: 10, FPS: 1, Sentence: tall.Sentence{Text: "A man"}, Truth: []tall.Span{{Start: 0, End: 4}, {Start: 6, End: 12}}},
	}
	saliency := map[string]Saliency{"7": {Clips: []int{0, 1, 9}, Scores: [][]float64{{1, 2, 3}, {0, 4, 5}, {1, 1, 1}}, ClipLen: 2}}
	found := map[string]int{
		dupIDs.what: 1, repeated.what: 1, pastEnd.what: 2, badSaliency.what: 4, noSpan.what: 1, noDuration.what: 1, answered.what: 1, passedOver.what: 1,
	}
	if diff := cmp.Diff(want, c.Examples) + cmp.Diff(saliency, c.Saliency) + cmp.Diff(found, counts(c)); diff != "" {
		t.Error(diff)
	}
	file := filepath.Join(dir, "highlight_test_with_gt.jsonl")
	if diff := cmp.Diff([]string{file + ":4 7"}, places(c, dupIDs)) + cmp.Diff([]string{file + ":4 7 repeats line 1"}, places(c, repeated)); diff != "" {
		t.Error(diff)
	}
	dropped := open(t, "", dir, CorpusOptions{Repair: RepairDrop, Places: -1})
	if diff := cmp.Diff([]tall.Span{{Start: 0, End: 4}}, dropped.Examples[0].Truth); diff != "" || len(dropped.Examples) != 2 || len(dropped.Saliency) != 1 {
		t.Errorf("%+v %s", dropped, diff)
	}
}

// Numbers as ids are larger than counts: some are dates and times.
func TestQVHighlights_LargeID(t *testing.T) {
	dir := folder(t, map[string]string{"val.jsonl": `{"qid": 20210508123456, "query": "A cow", "vid": "w", "relevant_windows": [[0, 2]]}`})
	if c := open(t, "", dir, CorpusOptions{}); c.Examples[0].ID != "20210508123456" {
		t.Error(c.Examples[0].ID)
	}
}

func TestDiDeMo(t *testing.T) {
	dir := folder(t, map[string]string{"val_data.json": `[{"num_segments": 6, "description": "a bug", "dl_link": "https://x", "times": [[4, 4], [0, 2], [2, 0], [5, 6]], "video": "1@N04.m4v", "annotation_id": 31}]`})
	c := open(t, "", dir, CorpusOptions{})
	want := []tall.Example{{
		ID: "31", Video: "1@N04.m4v", Split: "val", Duration: 30, FPS: 1, Sentence: tall.Sentence{Text: "a bug"},
		Truth: []tall.Span{{Start: 20, End: 25}, {Start: 0, End: 15}, {Start: 10, End: 5}, {Start: 25, End: 35}},
	}}
	if diff := cmp.Diff(want, c.Examples) + cmp.Diff(map[string]int{reversed.what: 1, pastEnd.what: 1}, counts(c)); diff != "" {
		t.Error(diff)
	}
}

func TestCharadesSTA(t *testing.T) {
	dir := folder(t, map[string]string{
		"charades_sta_test.txt": "\ufeffAAAAA 0.0 6.9##a person ## sits.\r\n\nAAAAA 5 12.5##a caf\xe9.\nBBBBB 1 nan##x\nCCCCC 1 2##\nDDDDD 1 2##y",
		"Charades_v1_test.csv":  "\ufeffid,actions,length\r\nAAAAA,\"c1 0 1;\n c2\",12.5\r\nDDDDD,,-3\r\nCCCCC,,\r\n",
	})
	c := open(t, "", dir, CorpusOptions{})
	var got []string
	for _, e := range c.Examples {
		got = append(got, strings.Join([]string{e.ID, e.Sentence.Text, e.Truth[0].String()}, "|"))
	}
	want := []string{"AAAAA#0|a person ## sits.|0-6.9", "AAAAA#1|a caf\xe9.|5-12.5", "BBBBB#0|x|1-NaN", "CCCCC#0||1-2", "DDDDD#0|y|1-2"}
	found := map[string]int{byteOrder.what: 1, notUTF8.what: 1, notFinite.what: 1, noWords.what: 1, notListed.what: 1, badDuration.what: 2, noDuration.what: 3}
	if diff := cmp.Diff(want, got) + cmp.Diff(found, counts(c)); diff != "" {
		t.Error(diff)
	}
	file := filepath.Join(dir, "charades_sta_test.txt")
	if diff := cmp.Diff([]string{file + `:3 "a caf\xe9."`}, places(c, notUTF8)) + cmp.Diff([]string{file + ":4 BBBBB"}, places(c, notListed)); diff != "" {
		t.Error(diff)
	}
	if c.Examples[0].Duration != 12.5 {
		t.Error(c.Examples[0])
	}
	// Not beside the annotations, and from a JSON of seconds.
	other := folder(t, map[string]string{"lengths.json": `{"AAAAA": 6, "BBBBB": 3, "CCCCC": 2, "DDDDD": 2}`})
	c = open(t, CharadesSTA, file, CorpusOptions{Durations: filepath.Join(other, "lengths.json"), Split: "test"})
	if c.Examples[0].Duration != 6 || counts(c)[pastEnd.what] != 2 {
		t.Error(c.Examples[0], c.Findings)
	}
}

func TestAnnotations(t *testing.T) {
	dir := folder(t, map[string]string{"mine.jsonl": goodLine + "\n" +
		strings.NewReplacer(`a#0`, `b`, `"split":"test"`, `"split":"train"`, `16.5`, `80.3`).Replace(goodLine) + "\n" +
		strings.NewReplacer(`a#0`, `c`, `"split":"test",`, ``).Replace(goodLine)})
	file := filepath.Join(dir, "mine.jsonl")
	for split, want := range map[string]int{"": 3, "test": 2, "train": 2} {
		for _, path := range []string{dir, file} {
			if c := open(t, "", path, CorpusOptions{Split: split}); c.Name != Annotations || len(c.Examples) != want {
				t.Errorf("split %q: %+v", split, c)
			}
		}
	}
	c := open(t, "", file, CorpusOptions{})
	if diff := cmp.Diff([]string{file + ":2 b 7.9-80.3, past the end at 80.2 by 0.1"}, places(c, pastEnd)); diff != "" {
		t.Error(diff)
	}
	if _, err := OpenCorpus("", file, CorpusOptions{Split: "val"}); err != nil {
		t.Errorf("a line without a split may be of any: %v", err)
	}
}

// Every refusal names the file, the line where there is one, and what to do.
func TestOpenCorpus_Refuses(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		is               error
		says             string
	}{
		{"", "a.json", "", tall.ErrFormat, "of no form that is read here; if it is one, name it: tacos, "},
		{"", "a.json", `{"a": [1, 2]}`, tall.ErrFormat, "of no form that is read here"},
		{"", "a.json", `{"a": [1, 2`, tall.ErrFormat, "a.json:1:12: bad format: the file ends within a value, it was half written"},
		{"", "a.csv", "id,length\na,3\n", tall.ErrFormat, "of no form that is read here"},
		{TACoS2DTAN, "a.json", strings.Replace(tacosJSON, `"fps": 30`, `"fps": 0`, 1), tall.ErrFormat, `a.json:3:1: bad format: the video "b.avi" has 0 frames a second`},
		{TACoS2DTAN, "a.json", strings.Replace(tacosJSON, `"fps": 25.0`, `"fps": -1`, 1), tall.ErrFormat, `a.json:2:1: bad format: the video "a.avi" has -1 frames a second`},
		{TACoS2DTAN, "a.json", strings.Replace(tacosJSON, `"fps": 25.0, `, ``, 1), tall.ErrFormat, `a.json:2:10: bad format: key "fps" is missing, of the video "a.avi"`},
		{TACoS2DTAN, "a.json", strings.Replace(tacosJSON, `, "He cuts."`, ``, 1), tall.ErrFormat, `a.json:2:1: bad format: the video "a.avi" has 3 timestamps and 2 sentences`},
		{TACoS2DTAN, "a.json", strings.Replace(tacosJSON, `[60, 101]`, `[60, "101"]`, 1), tall.ErrFormat, `a.json:2:51: bad format: a string, must be a number (in "timestamps")`},
		{TACoS2DTAN, "a.json", strings.Replace(tacosJSON, `[60, 101]`, `[60, 101, 7]`, 1), tall.ErrFormat, `a.json:2:46: bad format: an array of 3, must be two numbers`},
		{TACoS2DTAN, "a.json", strings.Replace(tacosJSON, `"He rinses."`, `null`, 1), tall.ErrFormat, `null, must be a string (in "sentences")`},
		{TACoS2DTAN, "a.json", strings.Replace(tacosJSON, `"num_frames": 100}`, `"num_frames": 100, "fps": 25}`, 1), tall.ErrFormat, `key "fps" is given twice`},
		{TACoS2DTAN, "a.json", tacosJSON + `x`, tall.ErrFormat, `a.json:4:2: bad format: more behind the end of the value`},
		{TACoS2DTAN, "a.json", `{"v_a": {"duration": 60.5, "timestamps": [], "sentences": []}}`, tall.ErrFormat, `key "fps" is missing, of the video "v_a"; the file looks like one of activitynet-captions, and was read as tacos-2dtan`},
		{ActivityNet, "a.json", `{"": {"duration": 60.5, "timestamps": [], "sentences": []}}`, tall.ErrFormat, `a.json:1:2: bad format: a video without a name`},
		{CharadesSTA, "a.txt", "A 1 2##x\nA 1 2 x\n", tall.ErrFormat, `a.txt:2: bad format: "A 1 2 x" has no ##; the form is VIDEO START END##SENTENCE`},
		{CharadesSTA, "a.txt", "A 1 2##x\nA 1", tall.ErrFormat, `a.txt:2: bad format: "A 1" has no ##; the form is VIDEO START END##SENTENCE; the last line was half written`},
		{CharadesSTA, "a.txt", "A 1 0x2##x\n", tall.ErrFormat, `a.txt:1: bad format: "0x2" is no number`},
		{CharadesSTA, "a.txt", "A 1##x\n", tall.ErrFormat, `a.txt:1: bad format: 2 words before the ##, must be 3`},
		{QVHighlights, "a.jsonl", "{\"qid\": 1, \"query\": \"\", \"vid\": \"v\"}\n{\"qid\": 2.5, \"query\": \"\", \"vid\": \"v\"}", tall.ErrFormat, `a.jsonl:2:9: bad format: 2.5, must be a whole number (in "qid")`},
		{QVHighlights, "a.jsonl", `{"qid": 1e16, "query": "a", "vid": "v"}`, tall.ErrFormat, `1e+16, must be at most 2^53`},
		{QVHighlights, "a.jsonl", `{"qid": 1, "query": "a", "vid": ""}`, tall.ErrFormat, `"vid" is empty`},
		{QVHighlights, "a.jsonl", "\n" + `{"qid": 1, "query": "a", "vid": "v", "relevant_clip_ids": [1], "saliency_scores": []}`, tall.ErrFormat, `a.jsonl:2:1: bad format: 1 relevant_clip_ids and 0 saliency_scores`},
		{QVHighlights, "a.jsonl", "{\"qid\": 1, \"query\": \"\", \"vid\": \"v\"}\n{\"qid\": 2, \"que", tall.ErrFormat, `a.jsonl:2: bad format: the last line was half written`},
		{QVHighlights, "a.jsonl", `{"qid": 1, "query": "a", "vid": "v"} {}`, tall.ErrFormat, `more behind the end`},
		{QVHighlights, "a.jsonl", goodLine, tall.ErrFormat, `key "qid" is missing; the file looks like one of annotations`},
		{DiDeMo, "a.json", `[{"num_segments": 6, "description": "a", "times": [[1.5, 2]], "video": "v", "annotation_id": 1}]`, tall.ErrFormat, `a.json:1:52: bad format: chunks [1.5 2], must be whole numbers`},
		{DiDeMo, "a.json", `[{"num_segments": 6, "description": "a", "times": [], "video": "v", "annotation_id": -1}]`, tall.ErrFormat, `-1 is no id`},
		{Annotations, "a.jsonl", goodLine + "\n" + goodLine, tall.ErrFormat, `a.jsonl:2: bad format: id "a#0" stands on line 1 already`},
		{Annotations, "train.jsonl", goodLine, nil, ``}, // the lines say their split, not the name
		{TACoS, "a.pkl", "cos\nsystem\n(S'true'\ntR.", tall.ErrUnsafe, "os.system"},
		{"thumos", "a.json", "{}", tall.ErrMissing, `there is no corpus "thumos"; the corpora are tacos, tacos-2dtan, `},
	} {
		path := filepath.Join(folder(t, map[string]string{c.file: c.text}), c.file)
		_, err := OpenCorpus(c.name, path, CorpusOptions{})
		if !errors.Is(err, c.is) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s of %.60q: error %v, want %q", c.name, c.text, err, c.says)
		}
	}
	dir := folder(t, map[string]string{"train.json": tacosJSON, "val_1.json": `{"v_a": {"duration": 60.5, "timestamps": [], "sentences": []}}`, "x.csv": "id,length\na,1\na,2\n", "y.csv": "id,length\na,\"1\n"})
	for _, c := range []struct {
		name, path string
		o          CorpusOptions
		says       string
	}{
		{"", "none", CorpusOptions{}, "no such file"},

		{"", "", CorpusOptions{}, "holds files of tacos-2dtan and activitynet-captions: name one of them, or a file"},
		{DiDeMo, "", CorpusOptions{}, "holds no file of didemo"},
		{TACoS2DTAN, "", CorpusOptions{Split: "test"}, "holds no file of split test, only train.json (train)"},
		{TACoS2DTAN, "train.json", CorpusOptions{Split: "test"}, "is by its name of split train, not test"},
		{TACoS2DTAN, "train.json", CorpusOptions{Repair: "fix"}, `repair "fix": give none, clamp or drop`},
		{TACoS2DTAN, "train.json", CorpusOptions{Durations: filepath.Join(dir, "none")}, "no such file"},
		{TACoS2DTAN, "train.json", CorpusOptions{Durations: filepath.Join(dir, "train.json")}, "holds no durations"},
		{TACoS2DTAN, "train.json", CorpusOptions{Durations: filepath.Join(dir, "x.csv")}, `x.csv:3:3: bad format: the length of "a" is 2, and 1 before`},
		{TACoS2DTAN, "train.json", CorpusOptions{Durations: filepath.Join(dir, "y.csv")}, `y.csv:2:6: bad format: extraneous or missing " in quoted-field`},
	} {
		if _, err := OpenCorpus(c.name, filepath.Join(dir, c.path), c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	if _, err := OpenCorpus("", os.DevNull, CorpusOptions{}); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Error(err)
	}
	empty := folder(t, map[string]string{"LICENSE.txt": "Free."})
	if _, err := OpenCorpus("", empty, CorpusOptions{}); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "holds no file of a form") {
		t.Error(err)
	}
	if _, err := OpenCorpus(CharadesSTA, filepath.Join(folder(t, map[string]string{"a": "A 1 2##x\n"}), "a"), CorpusOptions{Durations: empty}); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "holds no file of durations") {
		t.Error(err)
	}
}

func TestSniff_Pickles(t *testing.T) {
	for protocol := range 3 {
		if protocol == 1 {
			continue // PickleTo writes 0 and 2
		}
		for kind, v := range map[string]any{TACoS: numpy.List{numpy.List{"a_1_2", numpy.List{}}}, durationsFile: numpy.NewDict("a", int64(3))} {
			var b strings.Builder
			if err := numpy.PickleTo(&b, v, protocol); err != nil {
				t.Fatal(err)
			}
			if got, err := sniff(strings.NewReader(b.String()), "f"); got != kind || err != nil {
				t.Errorf("protocol %d: %q %v, want %q", protocol, got, err, kind)
			}
		}
	}
	for text, kind := range map[string]string{
		"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00]\x94.": TACoS, // Python's own at protocol 4
		"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94.": durationsFile,
		"\x80":      unknownFile,
		"\x80\x03K": unknownFile,
	} {
		if got, err := sniff(strings.NewReader(text), "f"); got != kind || err != nil {
			t.Errorf("%q: %q %v, want %q", text, got, err, kind)
		}
	}
}

func TestFileSplit(t *testing.T) {
	for name, want := range map[string]string{
		"train.json": "train", "val_1.json": "val_1", "val_2.json": "val_2", "highlight_val_release.jsonl": "val",
		"charades_sta_test.txt": "test", "test_clip-sentvec.pkl": "test", "contest.json": "", "train_and_test.json": "", "train_val.json": "", "dev.json": "val", "Validation-set.json": "val",
	} {
		if got := fileSplit("/train/" + name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
