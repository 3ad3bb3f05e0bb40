package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tall"
	"tall/nn"
	"tall/tensor"
	"tall/train"
	"tall/weights"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("TALL_TRAIN_CHILD"); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// line fits y = w x + b to points: small enough to train in microseconds, and
// with everything a run has (two parameters, batches that depend on the seed).
type line struct {
	b      tensor.Backend
	params []*nn.Param
	x, y   []float32
	before func(step int) error // called at each step's start
	steps  int
}

const (
	points = 40
	batch  = 4
)

func newLine() *line {
	b := tensor.NewCPU(1)
	l := &line{b: b, params: []*nn.Param{nn.NewParam(b, "w", 1, 3), nn.NewParam(b, "b", 1)}}
	for i := range points {
		x := float32(i)/points - 0.5
		l.x = append(l.x, x)
		l.y = append(l.y, 2*x+0.25)
	}
	return l
}

func (l *line) Params() []*nn.Param { return l.params }

func (l *line) Batches(rng *rand.Rand) [][]int {
	return slices.Collect(slices.Chunk(rng.Perm(points), batch))
}

func (l *line) Step(_ context.Context, members []int) (train.Loss, error) {
	l.steps++
	if l.before != nil {
		if err := l.before(l.steps); err != nil {
			return train.Loss{}, err
		}
	}
	w, b := make([]float32, 3), make([]float32, 1)
	l.b.Download(w, l.params[0].Value)
	l.b.Download(b, l.params[1].Value)
	gw, gb := make([]float32, 3), make([]float32, 1)
	var loss float64
	for _, i := range members {
		d := w[0]*l.x[i] + b[0] - l.y[i]
		loss += float64(d*d) / batch
		gw[0] += 2 * d * l.x[i] / batch
		gb[0] += 2 * d / batch
	}
	l.b.Upload(l.params[0].Grad, gw)
	l.b.Upload(l.params[1].Grad, gb)
	return train.Loss{Total: loss, Parts: []train.Part{{Name: "square", Value: loss}}}, nil
}

func (l *line) values() []float32 {
	out := make([]float32, 4)
	l.b.Download(out[:3], l.params[0].Value)
	l.b.Download(out[3:], l.params[1].Value)
	return out
}

func newAdam() *nn.Adam {
	return &nn.Adam{LR: 0.02, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: 5}
}

func options(dir string) train.Options {
	return train.Options{Dir: dir, Name: "TALL", Epochs: 6, Seed: 7, LogEvery: 1, Meta: map[string]string{"preset": "paddle"}}
}

func read(t *testing.T, path string) *weights.File {
	t.Helper()
	f, err := weights.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// whole trains in one go and returns the parameters at the end.
func whole(t *testing.T, dir string) []float32 {
	t.Helper()
	l := newLine()
	if err := train.Run(t.Context(), l.b, l, newAdam(), options(dir)); err != nil {
		t.Fatal(err)
	}
	return l.values()
}

func TestRun_LearnsAndWritesItsFiles(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.Epochs = 60
	o.Keep = 2
	l := newLine()
	if err := train.Run(t.Context(), l.b, l, newAdam(), o); err != nil {
		t.Fatal(err)
	}
	v := l.values()
	if math.Abs(float64(v[0]-2)) > 0.05 || math.Abs(float64(v[3]-0.25)) > 0.05 {
		t.Errorf("learned y = %v x + %v, want about 2 x + 0.25", v[0], v[3])
	}
	for name, want := range map[string]bool{
		"TALL.safetensors": true, "TALL_epoch59.safetensors": true, "TALL_epoch58.safetensors": true,
		"TALL_epoch57.safetensors": false, "TALL_epoch0.safetensors": false, "metrics.jsonl": true,
	} {
		_, err := os.Stat(filepath.Join(dir, name))
		if got := err == nil; got != want {
			t.Errorf("%s exists: %v, want %v", name, got, want)
		}
	}
	records, err := train.ReadMetrics(filepath.Join(dir, train.MetricsName))
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 60*points/batch || records[5].Step != 6 || records[5].Parts[0].Name != "square" {
		t.Errorf("metrics.jsonl has %d records, the sixth is %+v", len(records), records[5])
	}
	if epoch := read(t, filepath.Join(dir, "TALL_epoch59.safetensors")); len(epoch.Tensors) != 2 {
		t.Errorf("a per-epoch file holds %d tensors, want the 2 parameters alone", len(epoch.Tensors))
	}
	if state := read(t, filepath.Join(dir, "TALL.safetensors")); len(state.Tensors) != 6 || state.Meta["preset"] != "paddle" {
		t.Errorf("the state holds %d tensors and preset %q, want 6 and paddle", len(state.Tensors), state.Meta["preset"])
	}
}

// N steps in one go equal k + resume + (N-k), wherever the cut is.
func TestRun_ResumesBitForBit(t *testing.T) {
	wholeDir := t.TempDir()
	want := whole(t, wholeDir)
	for cut := 1; cut < 60; cut += 7 {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		l := newLine()
		l.before = func(step int) error {
			if step == cut {
				cancel() // Ctrl-C within the step: it is finished all the same
			}
			return nil
		}
		err := train.Run(ctx, l.b, l, newAdam(), options(dir))
		cancel()
		if !errors.Is(err, train.ErrStopped) {
			t.Fatalf("cut at %d: Run = %v, want ErrStopped", cut, err)
		}
		if l.steps != cut {
			t.Fatalf("cut at %d: %d steps were done", cut, l.steps)
		}
		resumed := newLine()
		o := options(dir)
		o.Seed = 99 // the checkpoint's seed counts
		if o.Resume, err = weights.Open(filepath.Join(dir, "TALL.safetensors")); err != nil {
			t.Fatal(err)
		}
		if err := train.Run(t.Context(), resumed.b, resumed, newAdam(), o); err != nil {
			t.Fatal(err)
		}
		if got := resumed.values(); !slices.Equal(got, want) {
			t.Fatalf("cut at %d: parameters %v, want %v", cut, got, want)
		}
		sameRun(t, wholeDir, dir)
	}
}

// sameRun compares what two runs left behind, times aside.
func sameRun(t *testing.T, want, got string) {
	t.Helper()
	a, b := read(t, filepath.Join(want, "TALL.safetensors")), read(t, filepath.Join(got, "TALL.safetensors"))
	if diff := cmp.Diff(a.Tensors, b.Tensors); diff != "" {
		t.Fatalf("states differ (-one go +resumed):\n%s", diff)
	}
	if diff := cmp.Diff(a.Meta, b.Meta); diff != "" {
		t.Fatalf("metadata differ (-one go +resumed):\n%s", diff)
	}
	x, y := losses(t, want), losses(t, got)
	if diff := cmp.Diff(x, y); diff != "" {
		t.Fatalf("metrics differ (-one go +resumed):\n%s", diff)
	}
}

func losses(t *testing.T, dir string) []train.Record {
	t.Helper()
	records, err := train.ReadMetrics(filepath.Join(dir, train.MetricsName))
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		records[i].Seconds = 0
	}
	return records
}

// child trains until it is killed, saving a state after every step.
func child(dir string) {
	l := newLine()
	o := options(dir)
	o.Epochs = 100_000
	o.Keep = 3
	o.SaveEvery = time.Nanosecond
	if f, err := weights.Read(filepath.Join(dir, "TALL.safetensors")); err == nil {
		o.Resume = f
	}
	if err := train.Run(context.Background(), l.b, l, newAdam(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A run that is killed again and again, mostly in the middle of writing (it
// writes nearly all the time), goes on each time and ends where a run that was
// never disturbed stands at the same step.
func TestRun_SurvivesKill(t *testing.T) {
	kills := 4
	if os.Getenv("TALL_LONG") == "1" {
		kills = 60
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	for range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TALL_TRAIN_CHILD="+dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(30+rng.IntN(120)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("the child ended by itself (%v): %s", err, stderr.String())
		}
	}
	state := read(t, filepath.Join(dir, "TALL.safetensors"))
	var steps int
	if _, err := fmt.Sscan(state.Meta["tall.step"], &steps); err != nil || steps == 0 {
		t.Fatalf("state at step %q", state.Meta["tall.step"])
	}
	t.Logf("%d kills, %d steps", kills, steps)
	l := newLine()
	o := options(t.TempDir())
	o.Epochs, o.Steps = 100_000, steps
	if err := train.Run(t.Context(), l.b, l, newAdam(), o); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".TALL*.tmp"))
	if err != nil || len(left) > 1 { // that of the last kill
		t.Errorf("temporary files left by killed runs: %v, %v", left, err)
	}
	undisturbed := read(t, filepath.Join(o.Dir, "TALL.safetensors"))
	if diff := cmp.Diff(undisturbed.Tensors, state.Tensors); diff != "" {
		t.Errorf("after %d kills (-undisturbed +killed):\n%s", kills, diff)
	}
}

func TestRun_DivergenceKeepsTheCheckpoint(t *testing.T) {
	dir := t.TempDir()
	l := newLine()
	l.before = func(step int) error {
		if step == 15 {
			bad := float32(math.NaN())
			l.b.Upload(l.params[1].Value, []float32{bad})
		}
		return nil
	}
	o := options(dir)
	err := train.Run(t.Context(), l.b, l, newAdam(), o)
	var d *train.DivergedError
	if !errors.As(err, &d) || !errors.Is(err, tall.ErrNotFinite) {
		t.Fatalf("Run = %v, want a DivergedError", err)
	}
	if d.Step != 15 || d.Epoch != 1 || len(d.Members) != batch || !strings.Contains(err.Error(), "the last good state is intact: --resume "+filepath.Join(dir, "TALL")) {
		t.Errorf("diverged: %v", err)
	}
	for _, tensor := range read(t, filepath.Join(dir, "TALL.safetensors")).Tensors {
		for _, x := range tensor.Data {
			if math.IsNaN(float64(x)) {
				t.Fatalf("the checkpoint holds NaN in %s", tensor.Name)
			}
		}
	}
}

func TestRun_KeepsBestOnValidation(t *testing.T) {
	dir := t.TempDir()
	scores := []float64{0.1, 0.4, 0.3, 0.4, 0.2, 0.35}
	o := options(dir)
	o.ValidateEvery, o.KeepBest = 1, true
	o.Validate = func(_ context.Context, epoch int) (float64, error) { return scores[epoch], nil }
	var best []int
	o.Notify = func(e train.Event) {
		if e.Kind == train.Validated && e.Best {
			best = append(best, e.Epoch)
		}
	}
	l := newLine()
	if err := train.Run(t.Context(), l.b, l, newAdam(), o); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1}; !slices.Equal(best, want) {
		t.Errorf("best after epochs %v, want %v", best, want)
	}
	a, b := read(t, filepath.Join(dir, "TALL_best.safetensors")), read(t, filepath.Join(dir, "TALL_epoch1.safetensors"))
	if diff := cmp.Diff(a.Tensors, b.Tensors); diff != "" {
		t.Errorf("TALL_best is not epoch 1's:\n%s", diff)
	}
}

func TestRun_SecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := newLine()
	var second error
	l.before = func(step int) error {
		if step == 1 {
			other := newLine()
			second = train.Run(t.Context(), other.b, other, newAdam(), options(dir))
		}
		return nil
	}
	if err := train.Run(t.Context(), l.b, l, newAdam(), options(dir)); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(second, tall.ErrLocked) || !strings.Contains(second.Error(), "--save_dir") {
		t.Errorf("second run = %v, want ErrLocked with a remedy", second)
	}
}

func TestRun_ResumesFromWeightsAlone(t *testing.T) {
	dir := t.TempDir()
	whole(t, dir)
	l := newLine()
	var notes []string
	var first train.Record
	o := options(t.TempDir())
	o.Resume = read(t, filepath.Join(dir, "TALL_epoch2.safetensors"))
	o.Notify = func(e train.Event) {
		switch {
		case e.Kind == train.Noted:
			notes = append(notes, e.Message)
		case e.Kind == train.Stepped && first.Step == 0:
			first = e.Record
		}
	}
	if err := train.Run(t.Context(), l.b, l, newAdam(), o); err != nil {
		t.Fatal(err)
	}
	if first.Epoch != 3 || first.Step != 31 {
		t.Errorf("went on at epoch %d, step %d; want 3, 31", first.Epoch, first.Step)
	}
	if len(notes) == 0 || !strings.Contains(notes[0], "no optimiser moments") {
		t.Errorf("notes: %q", notes)
	}
}

func TestFind_PrefixOrFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.pdparams", "b.safetensors", "b.pdparams"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"a": "a.pdparams", "b": "b.safetensors", "b.pdparams": "b.pdparams"} {
		if got, err := train.Find(filepath.Join(dir, name)); err != nil || filepath.Base(got) != want {
			t.Errorf("Find(%s) = %s, %v; want %s", name, got, err, want)
		}
	}
	if _, err := train.Find(filepath.Join(dir, "c")); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("Find(c) = %v, want ErrMissing", err)
	}
}

func TestReadMetrics_HalfLastLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	whole := `{"step":1,"epoch":0,"loss":0.5,"loss_align":0.4,"lr":0.001,"seconds":0.1}` + "\n"
	if err := os.WriteFile(path, []byte(whole+`{"step":2,"ep`), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := train.ReadMetrics(path)
	want := []train.Record{{Step: 1, Loss: 0.5, LR: 0.001, Seconds: 0.1, Parts: []train.Part{{Name: "align", Value: 0.4}}}}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("ReadMetrics = %+v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("nonsense\n"+whole), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := train.ReadMetrics(path); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), ":1:") {
		t.Errorf("ReadMetrics of a bad first line = %v", err)
	}
}
