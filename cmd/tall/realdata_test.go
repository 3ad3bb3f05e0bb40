package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"tall/eval"
	"tall/internal/shared"
)

// Real files of a corpus, as they are handed out: QVHighlights' annotation, CLIP and
// SlowFast features side by side, and CLIP's sentence vector, one file each. One query is
// no measure of anything: what is tested is that all of it fits together.
func TestMain_RealFeatures(t *testing.T) {
	dir := shared.Path(t, "features/qvhighlights-qid5263")
	out := t.TempDir()
	config := filepath.Join(out, "small.yaml")
	if err := os.WriteFile(config, []byte("MODEL:\n  semantic_size: 32\n  hidden_size: 32\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := Main(t.Context(), args, &stdout, &stderr); code != 0 {
			t.Fatalf("tall %v: exit code %d\n%s%s", args, code, &stdout, &stderr)
		}
	}
	data := []string{
		"--data", "qvhighlights:" + filepath.Join(dir, "annotation.jsonl"),
		"--features", "clip:l2=" + dir + "/clip_video_{video}.npz", "--features", "slowfast:l2=" + dir + "/slowfast_video_{video}.npz",
		"--rate", "0.5", "--sentences", dir + "/clip_text_qid{id}.npz",
	}
	run(append([]string{"train", "--config", config, "--save-dir", out, "--epoch", "4", "--batch-size", "4", "--seed", "1"}, data...)...)
	run(append([]string{"eval", "--weights", out + "/TALL", "--save-dir", out}, data...)...)
	table, err := eval.ReadTable(filepath.Join(out, "eval.json"))
	if err != nil {
		t.Fatal(err)
	}
	p := table.Provenance
	if p == nil || p.Visual.Encoder != "clip+slowfast" || p.Visual.Normalization != "l2+l2" || p.Visual.Dim != 3*(512+2304) || p.Sentence.Dim != 512 {
		t.Errorf("provenance %+v", p)
	}
	if table.Total.Sentences != 1 {
		t.Errorf("%d sentences", table.Total.Sentences)
	}
	made, err := eval.ReadProvenance(filepath.Join(out, eval.RunName))
	if err != nil {
		t.Fatal(err)
	}
	if made.Command != "eval" || made.Seed == nil || *made.Seed != 1 || len(made.Data) < 4 {
		t.Errorf("%s: %+v", eval.RunName, made)
	}
}
