//go:build unix

package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tall"
	"tall/dataset"
	"tall/feature"
	"tall/numpy"
	"tall/weights"
)

// writeC3D writes C3D with random weights, 0.25 GB in C3D's own shapes.
func writeC3D(dir string) error {
	rng := rand.New(rand.NewPCG(7, 7))
	var out []weights.Stream
	add := func(name string, bound float64, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		out = append(out, weights.Stream{Spec: weights.Spec{Name: name, Shape: shape}, Values: func(part func([]float32) error) error {
			piece := make([]float32, 1<<16)
			for left := n; left > 0; left -= len(piece) {
				piece = piece[:min(left, len(piece))]
				for i := range piece {
					piece[i] = float32((2*rng.Float64() - 1) * bound)
				}
				if err := part(piece); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	in := 3
	for i, name := range []string{"conv1a", "conv2a", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"} {
		c := []int{64, 128, 256, 256, 512, 512, 512, 512}[i]
		add(name+".weight", math.Sqrt(6/float64(27*in)), c, in, 3, 3, 3) // He: values keep their size
		add(name+".bias", 0.01, c)
		in = c
	}
	add("fc6.weight", math.Sqrt(6/8192.), 4096, 8192)
	add("fc6.bias", 0.01, 4096)
	add("mean", 1, 3, 16, 128, 171)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return weights.WriteStreams(filepath.Join(dir, "c3d.safetensors"), nil, out)
}

// writeSkipThoughts writes a small skip-thoughts model: vectors of 8 + 5 + 5 values.
func writeSkipThoughts(dir string) error {
	rng := rand.New(rand.NewPCG(8, 8))
	words := []string{"<eos>", "UNK", "the", "screen", "turns", "red", "green", "blue", "yellow"}
	const in = 6
	values := func(n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(2*rng.Float64() - 1)
		}
		return out
	}
	errs := []error{os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "dictionary.txt"), []byte(strings.Join(words, "\n")+"\n"), 0o644)}
	for _, name := range []string{"utable.npy", "btable.npy"} {
		errs = append(errs, numpy.WriteFile(filepath.Join(dir, name), []int{len(words), in}, values(len(words)*in)))
	}
	for name, layers := range map[string]map[string]int{"uni_skip.npz": {"encoder_": 8}, "bi_skip.npz": {"encoder_": 5, "encoder_r_": 5}} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		z := zip.NewWriter(f)
		for prefix, d := range layers {
			for array, shape := range map[string][]int{"W": {in, 2 * d}, "b": {2 * d}, "U": {d, 2 * d}, "Wx": {in, d}, "bx": {d}, "Ux": {d, d}} {
				n := 1
				for _, s := range shape {
					n *= s
				}
				w, err := z.Create(prefix + array + ".npy")
				if err == nil {
					err = numpy.Encode(w, shape, values(n))
				}
				errs = append(errs, err)
			}
		} // in any order: the values are random, and nothing depends on them
		errs = append(errs, z.Close(), f.Close())
	}
	return errors.Join(errs...)
}

// pairCatalog makes the folders of the two models those that the encoders look for.
const pairCatalog = `models:
  - {name: c3d-sports1m, kind: video, encoder: c3d, purpose: a test, license: none, source: "http://example.invalid/", base: "http://example.invalid", files: [{name: c3d.safetensors}]}
  - {name: skip-thoughts, kind: sentence, encoder: skipthought, purpose: a test, license: none, source: "http://example.invalid/", base: "http://example.invalid", files: [{name: dictionary.txt}, {name: utable.npy}]}
`

// The reference's own pair from raw videos to a moment: windows of C3D on disk, CTRL
// trained on them and on skip-thought vectors, sentences asked of a new video. The
// weights are random, so that this shows how the parts fit, and nothing about answers.
func TestReferencePair(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("set TALL_LONG=1: computes C3D, 39 GFLOP a window")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("NO_COLOR", "1")
	models := filepath.Join("cache", "tall", "models")
	colors := []string{"red", "green", "blue", "yellow"}
	var examples []tall.Example
	errs := []error{
		writeC3D(filepath.Join(models, "c3d-sports1m")), writeSkipThoughts(filepath.Join(models, "skip-thoughts")),
		os.MkdirAll(filepath.Join("config", "tall"), 0o755),
		os.WriteFile(filepath.Join("config", "tall", "catalog.yaml"), []byte(pairCatalog), 0o644),
		writeScenes("new.y4m", []string{"gray", "red"}, []int{8, 16}),
	}
	for i, color := range colors {
		name := fmt.Sprintf("v%d", i)
		errs = append(errs, writeScenes(filepath.Join("videos", name+".y4m"), []string{color, "gray"}, []int{15, 5}))
		examples = append(examples, tall.Example{
			ID: name, Video: name, Split: []string{"train", "val"}[i/3], FPS: 1, Duration: 20,
			Sentence: tall.Sentence{Text: "the screen turns " + color}, Truth: []tall.Span{{Start: 0, End: 16}},
		})
	}
	errs = append(errs, dataset.WriteAnnotations("annotations.jsonl", examples))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	tallOK := func(args ...string) (stdout, stderr string) {
		t.Helper()
		code, stdout, stderr := runMain(t, args...)
		t.Logf("tall %s: %s", args[0], lastLine(stderr+stdout))
		if code != 0 {
			t.Fatalf("tall %q: code %d\n%s%s", args, code, stdout, stderr)
		}
		return stdout, stderr
	}

	// 160 frames, windows of 128 every 25.
	tallOK("encode", "videos", "--encoder", "c3d", "--rate", "8", "--out", "features")
	windows, err := filepath.Glob("features/*.npy")
	if err != nil || len(windows) != 8 || filepath.Base(windows[0]) != "v0_1_129.npy" || filepath.Base(windows[1]) != "v0_26_154.npy" {
		t.Fatalf("%v %v", windows, err)
	}
	d, err := feature.ReadDescription("features", "")
	if err != nil || d.Encoder != "c3d" || d.Dim != 4096 || d.Rate != 8 {
		t.Errorf("%+v %v", d, err)
	}
	// Nothing is done twice; a window that is gone is made again, alone; a video that has
	// changed loses all its windows.
	state := func() map[string]os.FileInfo {
		out := map[string]os.FileInfo{}
		for _, path := range windows {
			out[path], _ = os.Stat(path)
		}
		return out
	}
	before := state()
	if _, stderr := tallOK("encode", "videos", "--encoder", "c3d", "--rate", "8", "--out", "features"); !strings.Contains(stderr, "already encoded videos=4") {
		t.Error(stderr)
	}
	if err := errors.Join(os.Remove(windows[0]), os.WriteFile("features/v0.video.json", nil, 0o644), writeScenes("videos/v1.y4m", []string{"green", "gray"}, []int{16, 1})); err != nil {
		t.Fatal(err)
	}
	tallOK("encode", "videos", "--encoder", "c3d", "--rate", "8", "--out", "features")
	for path, info := range state() {
		same := info != nil && info.ModTime().Equal(before[path].ModTime())
		switch name := filepath.Base(path); {
		case name == "v1_26_154.npy" && info != nil:
			t.Errorf("%s is of the video as it was", name)
		case (name == "v0_1_129.npy" || name == "v1_1_129.npy") && (same || info == nil):
			t.Errorf("%s was not made again", name)
		case !strings.HasPrefix(name, "v1") && name != "v0_1_129.npy" && !same:
			t.Errorf("%s was made again", name)
		}
	}
	if code, _, stderr := runMain(t, "encode", "videos", "--encoder", "c3d", "--rate", "4", "--out", "features"); code != exitFailed || !strings.Contains(stderr, "frames a second 8 there, 4 now") {
		t.Errorf("code %d %s", code, stderr)
	}

	tallOK("train", "--data", "annotations.jsonl", "--features", "features", "--sentences", "skipthought", "--save_dir", "run", "--epoch", "2", "--batch_size", "3", "--seed", "1")
	find := func(more ...string) findJSON {
		t.Helper()
		out := findOut(t, append([]string{"new.y4m", "the screen turns red", "--threshold", "0", "--rate", "8"}, more...)...)
		m := out.Answers[0].Moments
		if len(m) == 0 || out.Encoder != "c3d" || m[0].End > 24 || m[0].Start < 0 {
			t.Fatalf("%+v", out)
		}
		t.Logf("%v: %.1f to %.1f s", more, m[0].Start, m[0].End)
		return out
	}
	// Which encoders, the checkpoint says.
	first := find("--localizer", "run/TALL", "--encoder", "c3d")
	if again := find("--localizer", "run/TALL"); again.Answers[0].Moments[0] != first.Answers[0].Moments[0] {
		t.Errorf("%+v and %+v", first, again)
	}
	// Weights that say nothing of themselves, as the released ones: the encoder is named,
	// and the sentences' one goes with it.
	tallOK("convert", "run/TALL.safetensors", "released.pdparams")
	released := find("--localizer", "released.pdparams", "--encoder", "c3d")
	if a, b := released.Answers[0].Moments[0], first.Answers[0].Moments[0]; a.Start != b.Start || a.End != b.End || a.Score != b.Score {
		t.Errorf("%+v and %+v", a, b)
	}
	if code, _, stderr := runMain(t, "find", "new.y4m", "red", "--localizer", "released.pdparams"); code != exitFailed || !strings.Contains(stderr, "name it with --encoder") {
		t.Errorf("code %d %s", code, stderr)
	}
	if code, _, stderr := runMain(t, "find", "new.y4m", "red", "--localizer", "run/TALL", "--encoder", "classical"); code != exitFailed || !strings.Contains(stderr, "trained with c3d, these have classical") {
		t.Errorf("code %d %s", code, stderr)
	}
	noTemporaries(t, dir)
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
