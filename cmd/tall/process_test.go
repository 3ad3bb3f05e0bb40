//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program prepares a process of its own that is the command, in dir.
func program(t *testing.T, dir string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), envChild+"=1", "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "NO_COLOR=1")
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	return cmd, stderr
}

// mustRun runs a command to its end, without error.
func mustRun(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd, stderr := program(t, dir, args...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("tall %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
}

func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// code is a process's exit code, or the negative number of the signal that ended it.
func code(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		t.Fatal(err)
	case exit.Sys().(syscall.WaitStatus).Signaled():
		return -int(exit.Sys().(syscall.WaitStatus).Signal())
	}
	return exit.ExitCode()
}

// smallCorpus writes a corpus into a new folder, on which an epoch is 33 steps
// and takes a few milliseconds.
func smallCorpus(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mustRun(t, dir, "synth", "--out", "corpus", "--videos", "2,1,1", "--windows", "40", "--sentences", "20", "--dims", "16,16,16,16", "--seed", "3")
	return dir
}

func trainArgs(saveDir string, more ...string) []string {
	return append([]string{
		"train", "--config", "corpus/tall.yaml", "--batch_size", "4", "--seed", "5",
		"--log_interval", "1", "--valid_interval", "2", "--save_dir", saveDir,
	}, more...)
}

// loggedSteps is how many steps a run has logged.
func loggedSteps(dir string) int {
	data, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		return 0
	}
	return bytes.Count(data, []byte("\n"))
}

// awaitMetrics waits until a run has logged more than n steps.
func awaitMetrics(t *testing.T, dir string, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if loggedSteps(dir) > n {
			return
		}
	}
	t.Fatalf("%s: no step after step %d within a minute", dir, n)
}

// sameRuns compares the checkpoints and metrics of two runs.
func sameRuns(t *testing.T, want, got string) {
	t.Helper()
	a, err := runFiles(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := runFiles(got)
	if err != nil {
		t.Fatal(err)
	}
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s of the run that was disturbed differs", name)
		}
	}
	if len(a) != len(b) || len(a) == 0 {
		t.Errorf("%d files and %d", len(a), len(b))
	}
}

func noTemporaries(t *testing.T, dir string) {
	t.Helper()
	left, err := temporaries(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("half-written files are left: %v, %v", left, err)
	}
}

// Ctrl-C finishes the step, saves and exits with 130; the run goes on to the same
// bits as one that nobody interrupted, however often that happens.
func TestTrain_InterruptedRunGoesOn(t *testing.T) {
	dir := smallCorpus(t)
	const epochs = "12"
	mustRun(t, dir, trainArgs("whole", "--epoch", epochs)...)
	args, interruptions := trainArgs("cut", "--epoch", epochs), 0
	for ; ; interruptions++ {
		steps := loggedSteps(filepath.Join(dir, "cut"))
		cmd, stderr := program(t, dir, args...)
		start(t, cmd)
		if interruptions < 3 {
			awaitMetrics(t, filepath.Join(dir, "cut"), steps)
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
		got := code(t, cmd.Wait())
		if got == 0 {
			break // it was done before the signal came
		}
		if text := stderr.String(); got != exitInterrupted || !strings.Contains(text, "tall: interrupted: training stopped, and everything so far is saved at step ") || !strings.Contains(text, "go on with --resume cut/TALL") {
			t.Fatalf("interrupted: exit code %d\n%s", got, text)
		}
		args = trainArgs("cut", "--epoch", epochs, "--resume", "cut/TALL")
	}
	if interruptions == 0 {
		t.Error("the run was never interrupted")
	}
	t.Logf("%d interruptions", interruptions)
	sameRuns(t, filepath.Join(dir, "whole"), filepath.Join(dir, "cut"))
	noTemporaries(t, dir)
}

func TestTrain_Terminated(t *testing.T) {
	dir := smallCorpus(t)
	cmd, stderr := program(t, dir, trainArgs("run", "--epoch", "100000")...)
	start(t, cmd)
	awaitMetrics(t, filepath.Join(dir, "run"), 0)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := code(t, cmd.Wait()); got != exitTerminated || !strings.Contains(stderr.String(), "go on with --resume run/TALL") {
		t.Errorf("exit code %d, want %d\n%s", got, exitTerminated, stderr)
	}
}

// A process that is killed while it writes its state, again and again, goes on
// each time and ends with the bits of one that was never disturbed.
func TestTrain_KilledRunGoesOn(t *testing.T) {
	dir := smallCorpus(t)
	kills, epochs := 4, "4"
	if os.Getenv("TALL_LONG") == "1" {
		kills, epochs = 60, "40"
	}
	mustRun(t, dir, trainArgs("whole", "--epoch", epochs)...)
	rng := rand.New(rand.NewPCG(1, 1))
	args, killed := trainArgs("cut", "--epoch", epochs, "--save_every", "1ns"), 0
	state := filepath.Join(dir, "cut", "TALL.safetensors")
	for range kills {
		cmd, stderr := program(t, dir, args...)
		start(t, cmd)
		if _, err := os.Stat(state); err == nil {
			time.Sleep(time.Duration(20+rng.IntN(60)) * time.Millisecond)
		} else {
			awaitMetrics(t, filepath.Join(dir, "cut"), 0)
		}
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		switch got := code(t, cmd.Wait()); got {
		case -int(syscall.SIGKILL):
			killed++
		case 0:
		default:
			t.Fatalf("exit code %d\n%s", got, stderr)
		}
		if _, err := os.Stat(state); err == nil {
			args = trainArgs("cut", "--epoch", epochs, "--save_every", "1ns", "--resume", "cut/TALL")
		}
	}
	if killed == 0 {
		t.Error("the run was never killed")
	}
	t.Logf("%d kills", killed)
	mustRun(t, dir, args...)
	sameRuns(t, filepath.Join(dir, "whole"), filepath.Join(dir, "cut"))
	noTemporaries(t, filepath.Join(dir, "cut"))
}

// A second process in the folder of a run is refused, and the run does not
// notice.
func TestTrain_TwoProcesses(t *testing.T) {
	dir := smallCorpus(t)
	first, _ := program(t, dir, trainArgs("run", "--epoch", "100000")...)
	start(t, first)
	awaitMetrics(t, filepath.Join(dir, "run"), 0)
	second, stderr := program(t, dir, trainArgs("run", "--epoch", "1")...)
	if got := code(t, second.Run()); got != exitFailed || !strings.Contains(stderr.String(), "save directory run: locked by another process: wait for it, or train with another --save_dir") {
		t.Errorf("exit code %d\n%s", got, stderr)
	}
	awaitMetrics(t, filepath.Join(dir, "run"), loggedSteps(filepath.Join(dir, "run")))
	if err := first.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := code(t, first.Wait()); got != exitInterrupted {
		t.Errorf("the first process ended with %d", got)
	}
}

// Whenever Ctrl-C comes, eval, predict, gen-infer and synth leave whole files or
// none.
func TestInterrupted_LeavesNothingHalfWritten(t *testing.T) {
	dir := smallCorpus(t)
	mustRun(t, dir, trainArgs("run", "--epoch", "1")...)
	tries := 5
	if os.Getenv("TALL_LONG") == "1" {
		tries = 60
	}
	for _, args := range [][]string{
		{"eval", "--config", "corpus/tall.yaml", "--weights", "run/TALL", "--save_dir", "results"},
		{"predict", "--config", "corpus/tall.yaml", "--weights", "run/TALL", "--save_dir", "results"},
		{"gen-infer", "--config", "corpus/tall.yaml", "--out", "sample"},
		{"synth", "--out", "other", "--videos", "4,1,1", "--windows", "200", "--dims", "16,16,16,16"},
	} {
		t.Run(args[0], func(t *testing.T) {
			codes := map[int]int{}
			for i := range tries {
				for _, name := range []string{"results", "sample", "other"} {
					if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
						t.Fatal(err)
					}
				}
				cmd, stderr := program(t, dir, args...)
				start(t, cmd)
				time.Sleep(time.Duration(10+i*50/tries) * time.Millisecond)
				if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
				got := code(t, cmd.Wait())
				codes[got]++
				// Before the program catches signals, this one simply ends it.
				if got != 0 && got != exitInterrupted && got != -int(syscall.SIGINT) {
					t.Fatalf("exit code %d\n%s", got, stderr)
				}
				if got == exitInterrupted && !strings.Contains(stderr.String(), "tall: interrupted") && !strings.Contains(stderr.String(), ": interrupted") {
					t.Errorf("interrupted without a word:\n%s", stderr)
				}
				noTemporaries(t, dir)
				wholeResults(t, filepath.Join(dir, "results"))
				if _, err := os.Stat(filepath.Join(dir, "other")); args[0] == "synth" && (err == nil) != (got == 0) {
					t.Errorf("exit code %d, and the corpus is there: %v", got, err == nil)
				}
			}
			t.Logf("exit codes: %v", codes)
		})
	}
}

// wholeResults checks that the results that are there are whole JSON.
func wholeResults(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{string(data)}
		if filepath.Ext(e.Name()) == ".jsonl" {
			texts = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		}
		for _, text := range texts {
			if !json.Valid([]byte(text)) {
				t.Errorf("%s is not whole: %.80s", e.Name(), text)
			}
		}
	}
}

// A disk that is full: nothing of what was saved is lost, and with room again the
// run ends as if it had never been full.
func TestTrain_FullDisk(t *testing.T) {
	dir := smallCorpus(t)
	mustRun(t, dir, trainArgs("whole", "--epoch", "6")...)
	disk := filepath.Join(dir, "disk")
	mountSmall(t, disk, 200<<10)
	fill := filepath.Join(disk, "fill")
	if err := os.WriteFile(fill, make([]byte, 80<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	// Six epochs of weights (10 kB each), the best, two states while one is
	// written (27 kB each), the metrics and the plot do not fit beside it.
	cmd, stderr := program(t, dir, trainArgs("disk/run", "--epoch", "6")...)
	if got := code(t, cmd.Run()); got != exitFailed || !strings.Contains(stderr.String(), "no space left on device") ||
		!strings.Contains(stderr.String(), "the disk is full: make room and run again") {
		t.Fatalf("exit code %d\n%s", got, stderr)
	}
	t.Logf("%s", lastLine(stderr.String()))
	noTemporaries(t, disk)
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, trainArgs("disk/run", "--epoch", "6", "--resume", "disk/run/TALL")...)
	sameRuns(t, filepath.Join(dir, "whole"), filepath.Join(disk, "run"))
}

// mountSmall makes dir a disk of so many bytes, or skips the test.
func mountSmall(t *testing.T, dir string, size int) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("a small disk can be mounted by root alone")
	}
	out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+strconv.Itoa(size), "tmpfs", dir).CombinedOutput()
	if err != nil {
		t.Skipf("a small disk cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if out, err := exec.CommandContext(ctx, "umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
}
