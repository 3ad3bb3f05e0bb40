package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tall/internal/shared"
)

// The real movie of TACoS, at the reference's sizes: train on its pairs, hand the
// weights on as .pdparams, evaluate and predict. (What 400 steps learn is shown by
// model/ctrl's test; here each epoch, one step long, writes its 350 MB.)
func TestRealMovie(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("the reference's sizes take seconds: TALL_LONG=1")
	}
	movie := shared.Path(t, "features/tall-tacos-s27-d50")
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Chdir(dir)
	// A folder of links: the pack is written beside it, not beside the data.
	for _, name := range []string{"infer_feat", "infer_clip-sen.pkl"} {
		if err := os.Symlink(filepath.Join(movie, name), name); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	const data = "  sliding_clip_path: infer_feat\n  clip_sentvec: infer_clip-sen.pkl\n"
	yaml := "TRAIN:\n  batch_size: 23\n" + data + "TEST:\n" + data + "INFER:\n  filelist: .\n"
	if err := os.WriteFile("tall.yaml", []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (stdout, stderr string) {
		t.Helper()
		code, stdout, stderr := runMain(t, args...)
		if code != 0 {
			t.Fatalf("tall %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
		}
		return stdout, stderr
	}
	if _, stderr := run("train", "--config", "tall.yaml", "--epoch", "2", "--seed", "1", "--log_interval", "1", "--keep", "1"); !strings.Contains(stderr, "pairs=23 ") {
		t.Errorf("the movie has 23 pairs:\n%s", stderr)
	}
	run("convert", "data/checkpoints/TALL", "TALL.pdparams")
	stdout, _ := run("eval", "--config", "tall.yaml", "--weights", "TALL.pdparams")
	if !strings.Contains(stdout, "6 sentences of 1 movie") {
		t.Errorf("the movie has 6 sentences:\n%s", stdout)
	}
	stdout, _ = run("predict", "--config", "tall.yaml", "--weights", "TALL.pdparams", "--infer_topk", "2")
	if n := strings.Count(stdout, "s27-d50.avi_"); n != 6 {
		t.Errorf("%d answers, want 6:\n%s", n, stdout)
	}
	text, err := os.ReadFile("data/predict_results/TALL_infer_res_.json")
	if err != nil {
		t.Fatal(err)
	}
	var result struct {
		Version string
		Results map[string][][3]float64
	}
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	answers := result.Results["s27-d50.avi"]
	if result.Version != "VERSION 1.0" || len(result.Results) != 1 || len(answers) != 6 {
		t.Fatalf("%s", text)
	}
	for i, a := range answers {
		if a[0] != float64(i) {
			t.Errorf("answer %d is to sentence %v: %s", i, a[0], fmt.Sprint(a))
		}
	}
}
