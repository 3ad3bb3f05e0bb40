package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A folder is packed by the first command that reads it, and again when one of its
// files changed; what is trained is the same with and without the pack. No line of
// the log tells of single windows.
func TestTrain_PacksOnce(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Chdir(dir)
	var trained []byte
	run := func(args ...string) {
		t.Helper()
		code, _, stderr := runMain(t, args...)
		if code != 0 {
			t.Fatalf("tall %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
		}
		for line := range strings.Lines(stderr) {
			if strings.Contains(line, ".npy") || strings.Contains(line, "train001.avi") {
				t.Errorf("tall %s tells of a window: %s", args[0], line)
			}
		}
	}
	train := func(more ...string) os.FileInfo {
		t.Helper()
		run(append([]string{"train", "--config", "corpus/tall.yaml", "--batch_size", "4", "--epoch", "1", "--seed", "5", "--save_dir", "run"}, more...)...)
		weights, err := os.ReadFile("run/TALL_epoch0.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		if trained != nil && !bytes.Equal(weights, trained) {
			t.Errorf("other weights with %v", more)
		}
		trained = weights
		packs, err := filepath.Glob("corpus/Interval64_*" + "tall-pack.safetensors")
		if err != nil || len(packs) != 1 {
			t.Fatalf("packs of the training windows: %v, %v", packs, err)
		}
		info, err := os.Stat(packs[0])
		if err != nil {
			t.Fatal(err)
		}
		return info
	}

	run("synth", "--out", "corpus", "--videos", "2,1,1", "--windows", "40", "--sentences", "20", "--dims", "16,16,16,16", "--seed", "3")
	first := train()
	if again := train(); !os.SameFile(first, again) {
		t.Error("the second run packed again")
	}
	windows, err := filepath.Glob("corpus/Interval64_*/*.npy")
	if err != nil || len(windows) == 0 {
		t.Fatal(windows, err)
	}
	if err := os.Chtimes(windows[0], time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if again := train("--no-pack"); !os.SameFile(first, again) {
		t.Error("--no-pack packed")
	}
	if again := train(); os.SameFile(first, again) {
		t.Error("a changed folder was not packed again")
	}
}
