package synth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/config"
	"tall/dataset"
	"tall/feature"
	"tall/model/ctrl"
)

// tiny is a corpus of some 400 files.
func tiny(t testing.TB) Options {
	t.Helper()
	o, err := Preset("demo")
	if err != nil {
		t.Fatal(err)
	}
	o.Train, o.Val, o.Test = Split{3, 300, 20}, Split{1, 60, 3}, Split{2, 120, 8}
	o.Dims = Dims{16, 20, 8, 12}
	return o
}

func write(t testing.TB, dir string, o Options) *Summary {
	t.Helper()
	sum, err := Write(context.Background(), dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v, want one that says %q", err, part)
	}
}

// hashes maps the files below dir, tall.yaml apart, to the hash of their bytes.
func hashes(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == configName {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		sum := sha256.Sum256(data)
		out[path] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// golden is the hash of the names and bytes of all files of tiny but tall.yaml.
// A change of it is a change of every corpus: say so in the change log.
const golden = "8c132c4aeabed8460309f7489da4f785bb1b76cc1f9e2fb724b643725d43f052"

func TestWrite_SameBytesForAnyThreadCountAndForGood(t *testing.T) {
	o := tiny(t)
	var first map[string]string
	for _, threads := range []int{1, 3} {
		o.Threads = threads
		dir := filepath.Join(t.TempDir(), "corpus")
		write(t, dir, o)
		got := hashes(t, dir)
		if first == nil {
			first = got
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("%d threads (-1 thread +these):\n%s", threads, diff)
		}
	}
	// fmt prints maps in the order of their keys.
	sum := sha256.Sum256([]byte(fmt.Sprint(first)))
	if got := hex.EncodeToString(sum[:]); got != golden {
		t.Errorf("the bytes have changed: %s, recorded %s", got, golden)
	}
	o.Seed++
	dir := t.TempDir()
	write(t, dir, o)
	if cmp.Equal(first, hashes(t, dir)) {
		t.Error("another seed gives the same corpus")
	}
}

// What is written is read by those who will read it, and says what was planned.
func TestWrite_ReadsBack(t *testing.T) {
	o := tiny(t)
	dir := filepath.Join(t.TempDir(), "a folder: with # letters")
	sum := write(t, dir, o)
	cfg, err := config.Load(sum.Config)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{48, 20, 8, 12}, []int{cfg.Model.VisualFeatureDim, cfg.Model.SentenceEmbeddingSize, cfg.Model.SemanticSize, cfg.Model.HiddenSize}); diff != "" {
		t.Errorf("dimensions of the model (-want +got):\n%s", diff)
	}
	if cfg.Train.LearningRate != o.Training.LearningRate || cfg.Train.Epoch != o.Training.Epochs || cfg.Train.BatchSize != o.Training.BatchSize {
		t.Errorf("training settings %v %v %v, want %+v", cfg.Train.LearningRate, cfg.Train.Epoch, cfg.Train.BatchSize, o.Training)
	}
	annotated, err := dataset.ReadAnnotations(sum.Annotations)
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]tall.Example{}
	for _, e := range annotated {
		text[e.ID] = e
	}
	for _, part := range []struct {
		section *config.Section
		counts  Counts
		split   string
	}{{&cfg.Train, sum.Train, "train"}, {&cfg.Valid, sum.Val, "val"}, {&cfg.Test, sum.Test, "test"}} {
		s := part.section
		lengths, err := dataset.ReadLengths(s.MovieLengthInfo)
		if err != nil {
			t.Fatal(err)
		}
		clips := dataset.Clips{Dim: s.SentenceDim(), Lengths: lengths, Split: part.split}
		examples, err := clips.Read(s.ClipSentvec)
		if err != nil {
			t.Fatal(err)
		}
		store, err := feature.Open(s.SlidingClipPath, feature.Options{Dim: s.FeatsDimen})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if len(examples) != part.counts.Sentences || store.Len() != part.counts.Windows || len(store.Videos()) != part.counts.Videos {
			t.Errorf("%s: %d sentences, %d windows, %d videos; the summary says %+v", part.split, len(examples), store.Len(), len(store.Videos()), part.counts)
		}
		report, err := dataset.Inspect(context.Background(), dataset.Inspection{Examples: examples, Store: store, Lengths: lengths, Values: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			if f.Severity == dataset.Broken {
				t.Errorf("%s: %s: %v", part.split, f.What, f.Places)
			}
		}
		for _, e := range examples {
			a, ok := text[e.ID]
			if !ok || a.Video != e.Video || a.Split != e.Split || a.Duration != e.Duration || a.Sentence.Text == "" || !cmp.Equal(a.Truth, e.Seconds()) {
				t.Errorf("sentence %+v has the annotation %+v", e, a)
			}
		}
		if part.split == "train" {
			opts, err := ctrl.Preset("paddle")
			if err != nil {
				t.Fatal(err)
			}
			if n := len(ctrl.FindPairs(store, examples, opts)); n != sum.Pairs || n < o.Training.BatchSize {
				t.Errorf("%d training pairs, the summary says %d", n, sum.Pairs)
			}
		}
	}
	sample, err := dataset.ReadClipSentences(cfg.Infer.ClipSentvec, cfg.Infer.SentenceDim())
	if err != nil {
		t.Fatal(err)
	}
	windows, err := feature.Open(cfg.Infer.SlidingClipPath, feature.Options{Dim: cfg.Infer.FeatsDimen})
	if err != nil {
		t.Fatal(err)
	}
	defer windows.Close()
	if v := windows.Videos(); len(v) != 1 || sample[0].Video != v[0] {
		t.Errorf("the inference sample has windows of %v and sentences about %s", v, sample[0].Video)
	}
}

// The same window is the same bytes in every folder that has it.
func TestWrite_AllInTrain(t *testing.T) {
	o := tiny(t)
	o.AllInTrain = true
	dir := t.TempDir()
	sum := write(t, dir, o)
	if want := o.Train.Windows + o.Val.Windows + o.Test.Windows; sum.Train.Windows != want {
		t.Errorf("%d windows in the training folder, want %d", sum.Train.Windows, want)
	}
	files := hashes(t, dir)
	shared := 0
	for path, hash := range files {
		if name, ok := strings.CutPrefix(path, testFolder+"/"); ok {
			shared++
			if files[trainFolder+"/"+name] != hash {
				t.Errorf("%s differs between the folders", name)
			}
		}
	}
	if shared != sum.Test.Windows {
		t.Errorf("%d files compared, want %d", shared, sum.Test.Windows)
	}
}

func TestWrite_RefusesAFolderOfOthers(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := tiny(t)
	_, err := Write(context.Background(), dir, o, nil)
	wantError(t, err, "holds other things, such as thesis.txt")
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the refused folder holds %v", entries)
	}
	o.Force = true
	write(t, dir, o)
	if data, err := os.ReadFile(foreign); err != nil || string(data) != "mine" {
		t.Errorf("force did not leave the other file alone: %q, %v", data, err)
	}
	// It is now known as a place for corpora.
	o.Force = false
	o.Seed = 9
	write(t, dir, o)
	fresh := t.TempDir()
	write(t, fresh, o)
	want := hashes(t, fresh)
	got := hashes(t, dir)
	delete(got, "thesis.txt")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written over an earlier corpus (-fresh +over):\n%s", diff)
	}
}

func TestWrite_CanceledLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "corpus")
	ctx, cancel := context.WithCancel(context.Background())
	var calls atomic.Int32
	_, err := Write(ctx, dir, tiny(t), func(done, total int) {
		if done > total {
			t.Errorf("%d of %d done", done, total)
		}
		if calls.Add(1) == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	// Over an earlier corpus: that one stays whole.
	write(t, dir, tiny(t))
	before := hashes(t, dir)
	if _, err := Write(ctx, dir, tiny(t), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if diff := cmp.Diff(before, hashes(t, dir)); diff != "" {
		t.Errorf("the earlier corpus changed:\n%s", diff)
	}
	if _, err := config.Load(filepath.Join(dir, configName)); err != nil {
		t.Errorf("the earlier configuration: %v", err)
	}
}

// A killed run leaves its hidden folder and the marker, but no tall.yaml; the
// next run clears it away.
func TestWrite_AfterAKill(t *testing.T) {
	dir := t.TempDir()
	p, err := claim(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.begin(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(p.work, trainFolder), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, configName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a configuration: %v", err)
	}
	write(t, dir, tiny(t))
	if _, err := os.Stat(p.work); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of the killed run is still there: %v", err)
	}
}

// A second run takes the folder over; the first ends with an error instead of
// mixing its files with the other's.
func TestWrite_TwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	second := tiny(t)
	second.Seed = 2
	started := false
	_, err := Write(context.Background(), dir, tiny(t), func(done, _ int) {
		if done > 0 && !started {
			started = true
			if _, err := Write(context.Background(), dir, second, nil); err != nil {
				t.Error(err)
			}
		}
	})
	if err == nil {
		t.Error("the run whose folder was taken over reports success")
	}
	fresh := t.TempDir()
	write(t, fresh, second)
	if diff := cmp.Diff(hashes(t, fresh), hashes(t, dir)); diff != "" {
		t.Errorf("the folder does not hold the second corpus (-want +got):\n%s", diff)
	}
}

func TestWrite_ReportsProgress(t *testing.T) {
	last, total := 0, 0
	sum, err := Write(context.Background(), t.TempDir(), tiny(t), func(done, all int) {
		if done < last {
			t.Errorf("progress went back from %d to %d", last, done)
		}
		last, total = done, all
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != total || total != sum.Files {
		t.Errorf("ended at %d of %d, %d files were written", last, total, sum.Files)
	}
}

func TestFits_SaysWhatIsMissing(t *testing.T) {
	o, err := Preset("tacos")
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCorpus(o)
	if err != nil {
		t.Fatal(err)
	}
	files := c.summarize(c.jobs()).Files
	wantError(t, fits("/mnt/small", c, files, 2e9, -1), "/mnt/small has 2.0 GB free, 4.4 GB are needed for 195359 files")
	wantError(t, fits("/mnt/small", c, files, 1e12, 1000), "takes 1000 more files, 195359 are needed")
	if err := fits("/mnt/large", c, files, 5e9, 1e6); err != nil {
		t.Errorf("room enough: %v", err)
	}
}
