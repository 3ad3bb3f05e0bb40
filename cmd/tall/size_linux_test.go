package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A run at TACoS's size keeps its anonymous memory under 1 GB: as many sentence
// vectors for training and validation, and the model, at the reference's
// dimensions, over epochs, validations and checkpoints, and when it goes on from a
// state. Few windows stand for the 161,396, which are mapped and not copied; few of
// them are pairs, as more steps take no more memory.
func TestTrain_MemoryAtTACoSSize(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("writes 460 MB of data and 700 MB of checkpoints: TALL_LONG=1")
	}
	dir := t.TempDir()
	mustRun(t, dir, "synth", "--out", "corpus", "--videos", "10,4,1", "--windows", "60", "--sentences", "1015")
	config := filepath.Join(dir, "corpus", "tall.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.Replace(text, []byte("TRAIN:\n"), []byte("TRAIN:\n  min_iou: 0.9\n"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"train", "--config", config, "--save_dir", "run", "--seed", "1", "--epoch", "2"},
		{"train", "--config", config, "--save_dir", "run", "--resume", "run/TALL", "--epoch", "3"},
	} {
		cmd, stderr := program(t, dir, args...)
		cmd.Env = append(cmd.Env, "GOGC=") // the program's own choice
		peak := peakAnonymous(t, cmd)
		if !strings.Contains(stderr.String(), "sentences=10150") || !strings.Contains(stderr.String(), "validated epoch=") {
			t.Errorf("tall %s:\n%s", strings.Join(args, " "), stderr)
		}
		t.Logf("tall %s: %.0f MB", strings.Join(args, " "), float64(peak)/1e6)
		// Less than parameters, gradients and moments (346 MB) and the sentence
		// vectors (273 MB) would mean that nothing was measured.
		if peak < 600e6 || peak >= 1e9 {
			t.Errorf("tall %s: %.0f MB of anonymous memory, want less than 1000", strings.Join(args, " "), float64(peak)/1e6)
		}
	}
}

// peakAnonymous runs a process to its end and returns the most anonymous memory that
// it was seen to have, in bytes. Linux keeps no peak of that, so it looks again and
// again.
func peakAnonymous(t *testing.T, cmd *exec.Cmd) (peak int64) {
	t.Helper()
	start(t, cmd)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%v\n%s", err, cmd.Stderr)
			}
			return peak
		case <-time.After(5 * time.Millisecond):
			status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "status"))
			if err != nil {
				continue // it has just ended
			}
			_, rest, _ := strings.Cut(string(status), "RssAnon:")
			if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == "kB" { // of 1024 bytes
				n, err := strconv.ParseInt(fields[0], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				peak = max(peak, n<<10)
			}
		}
	}
}
