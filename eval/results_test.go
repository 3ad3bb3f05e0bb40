package eval

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tall"
)

func same(t *testing.T, got, want string) {
	t.Helper()
	a, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(b), string(a)); diff != "" {
		t.Errorf("not the bytes that Python writes: %s", diff)
	}
}

// Byte for byte what json.dumps writes for the same results.
func TestWriteTestResult_BytesOfPython(t *testing.T) {
	ref := readReference(t)
	path := filepath.Join(t.TempDir(), "evaluate_results", TestResultName)
	if err := WriteTestResult(path, ref.table(t, Options{})); err != nil {
		t.Fatal(err)
	}
	same(t, path, filepath.Join("testdata", TestResultName))
}

func TestWriteInferResult_BytesOfPython(t *testing.T) {
	ref := readReference(t)
	var videos []VideoMoments
	for m := range ref.Movies {
		answers, _ := ref.scored(m)
		v := VideoMoments{Video: ref.Movies[m].Name}
		for k, a := range answers {
			for _, i := range tall.Suppress(a.Spans, a.Scores, 0.45, 1) {
				v.Moments = append(v.Moments, IndexedSpan{k, a.Spans[i]})
			}
		}
		videos = append(videos, v)
	}
	data, err := os.ReadFile("testdata/strange.json")
	if err != nil {
		t.Fatal(err)
	}
	var strange map[string][][3]float64
	if err := json.Unmarshal(data, &strange); err != nil {
		t.Fatal(err)
	}
	videos = append(videos, VideoMoments{Video: "empty"})
	for name, moments := range strange {
		if name == "empty" {
			continue
		}
		v := VideoMoments{Video: name}
		for _, m := range moments {
			v.Moments = append(v.Moments, IndexedSpan{int(m[0]), tall.Span{Start: m[1], End: m[2]}})
		}
		videos = append(videos, v)
	}
	path := filepath.Join(t.TempDir(), InferResultName)
	if err := WriteInferResult(path, videos); err != nil {
		t.Fatal(err)
	}
	same(t, path, filepath.Join("testdata", InferResultName))
}

func TestWriteInferResult_NotFiniteAsPython(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	v := VideoMoments{Video: "v", Moments: []IndexedSpan{{0, tall.Span{Start: math.NaN(), End: math.Inf(-1)}}}}
	if err := WriteInferResult(path, []VideoMoments{v}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), "NaN,\n        -Infinity\n") {
		t.Errorf("%s %v", data, err)
	}
}

func TestWriteTestResult_NeedsItsMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	err := WriteTestResult(path, scorer(t, Options{IoU: []float64{0.3}}).Table())
	if !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
}

func TestTable_RoundTrip(t *testing.T) {
	want := readReference(t).table(t, Options{NMS: Fixed(0.45)})
	path := filepath.Join(t.TempDir(), "eval.json")
	if err := want.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadTable(path)
	if err != nil {
		t.Fatal(err)
	}
	// The sum of overlaps is stored as a mean; multiplying back rounds once.
	opts := cmp.Options{cmp.AllowUnexported(NMS{}, Row{}), cmpopts.EquateApprox(1e-12, 0)}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Error(diff)
	}
}

func TestReadTable_Refuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadTable(filepath.Join(dir, "none.json")); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"cut":     `{"version":1,`,
		"version": `{"version":2,"nms":"moving"}`,
		"nms":     `{"version":1,"nms":"often"}`,
		"shape":   `{"version":1,"nms":"moving","iou":[0.5],"top":[1,5],"total":{"hits":[[1]]}}`,
		"type":    `[]`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTable(path); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A write that fails leaves what was there, and nothing beside it.
func TestWriteFile_FailureKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, InferResultName)
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteInferResult(filepath.Join(dir, "taken"), nil); err == nil {
		t.Error("a folder was replaced")
	}
	if err := WriteInferResult(filepath.Join(path, "below-a-file"), nil); err == nil {
		t.Error("a file was taken for a folder")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "old" {
		t.Errorf("%q %v", data, err)
	}
}
