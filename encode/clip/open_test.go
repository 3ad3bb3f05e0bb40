package clip

import (
	"encoding/json"
	"errors"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tall"
	"tall/weights"
)

// smallModel writes the smallest recorded model.
func smallModel(tb testing.TB) string {
	tb.Helper()
	for _, m := range readRecordedTowers(tb) {
		if strings.HasPrefix(m.Name, "odd") {
			return writeModel(tb, m.Config, m.Preprocessor)
		}
	}
	tb.Fatal("no small model")
	return ""
}

// smallTensors are its weights.
func smallTensors(tb testing.TB, dir string) []weights.Tensor {
	tb.Helper()
	c, err := readConfig(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return formulaModel(c)
}

func TestOpen_BadFolders(t *testing.T) {
	remove := func(names ...string) func(testing.TB, string) {
		return func(tb testing.TB, dir string) {
			for _, name := range names {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					tb.Fatal(err)
				}
			}
		}
	}
	put := func(name, text string) func(testing.TB, string) {
		return func(tb testing.TB, dir string) { writeFiles(tb, dir, map[string][]byte{name: []byte(text)}) }
	}
	change := func(edit func([]weights.Tensor) []weights.Tensor) func(testing.TB, string) {
		return func(tb testing.TB, dir string) {
			writeWeights(tb, filepath.Join(dir, weightsFile), edit(smallTensors(tb, dir)))
		}
	}
	at := func(ts []weights.Tensor, name string) int {
		return slices.IndexFunc(ts, func(t weights.Tensor) bool { return t.Name == name })
	}
	edit := func(field string, value any) func(testing.TB, string) {
		return func(tb testing.TB, dir string) {
			text, err := os.ReadFile(filepath.Join(dir, configFile))
			if err != nil {
				tb.Fatal(err)
			}
			var j map[string]any
			if err := json.Unmarshal(text, &j); err != nil {
				tb.Fatal(err)
			}
			part, name, _ := strings.Cut(field, ".")
			j[part].(map[string]any)[name] = value
			if text, err = json.Marshal(j); err != nil {
				tb.Fatal(err)
			}
			writeFiles(tb, dir, map[string][]byte{configFile: text})
		}
	}
	const fc1 = "vision_model.encoder.layers.1.mlp.fc1.weight"
	for _, c := range []struct {
		name  string
		spoil func(tb testing.TB, dir string)
		kind  error
		says  []string
	}{
		{"no config", remove(configFile), tall.ErrMissing, []string{configFile}},
		{"no weights", remove(weightsFile), tall.ErrMissing, []string{weightsFile}},
		{"a pickle", func(tb testing.TB, dir string) {
			remove(weightsFile)(tb, dir)
			put("pytorch_model.bin", "PK")(tb, dir)
		}, tall.ErrMissing, []string{"pytorch_model.bin", "save_pretrained"}},
		{"weights are a pickle", put(weightsFile, "PK\x03\x04 archive/data.pkl"), tall.ErrFormat, []string{weightsFile, "save_file"}},
		{"cut off", func(tb testing.TB, dir string) {
			if err := os.Truncate(filepath.Join(dir, weightsFile), 9000); err != nil {
				tb.Fatal(err)
			}
		}, tall.ErrFormat, []string{weightsFile}},
		{"no tokenizer", remove(vocabFile, mergesFile), tall.ErrMissing, []string{tokenizerFile}},
		{"a tensor is missing", change(func(ts []weights.Tensor) []weights.Tensor {
			return slices.Delete(ts, at(ts, fc1), at(ts, fc1)+1)
		}), tall.ErrMissing, []string{weightsFile, fc1, "[77 33]"}},
		{"a tensor has another shape", change(func(ts []weights.Tensor) []weights.Tensor {
			ts[at(ts, fc1)].Shape = []int{33, 77}
			return ts
		}), tall.ErrShape, []string{weightsFile, fc1, "[33 77]", "[77 33]"}},
		{"one layer more", change(func(ts []weights.Tensor) []weights.Tensor {
			extra := formulaTensor(strings.Replace(fc1, ".1.", ".2.", 1), []int{77, 33})
			return append(ts, extra)
		}), tall.ErrShape, []string{"layers.2"}},
		{"another architecture", change(func([]weights.Tensor) []weights.Tensor {
			return []weights.Tensor{formulaTensor("bert.embeddings.word_embeddings.weight", []int{5, 4})}
		}), tall.ErrMissing, []string{"not this model's weights", "bert.embeddings"}},
		{"config of a larger model", edit("vision_config.hidden_size", 66), tall.ErrShape, []string{"class_embedding"}},
		// Tensors of 17 GB are asked for, and refused before memory is taken.
		{"config of a giant", edit("text_config.vocab_size", 1<<21), tall.ErrShape, []string{"token_embedding"}},
		{"too few tokens", func(tb testing.TB, dir string) {
			edit("text_config.vocab_size", 500)(tb, dir)
			ts := smallTensors(tb, dir)
			writeWeights(tb, filepath.Join(dir, weightsFile), ts)
		}, tall.ErrShape, []string{"vocab_size", "518"}},
		{"another end", edit("text_config.eos_token_id", 7), tall.ErrFormat, []string{"eos_token_id"}},
		{"preparation of another size", put(preprocessorFile, `{"crop_size": 224, "size": 224}`), tall.ErrFormat, []string{preprocessorFile, "image_size"}},
		{"config is a folder", func(tb testing.TB, dir string) {
			remove(configFile)(tb, dir)
			if err := os.Mkdir(filepath.Join(dir, configFile), 0o700); err != nil {
				tb.Fatal(err)
			}
		}, tall.ErrFormat, []string{configFile, "regular"}},
		{"huge config", put(configFile, strings.Repeat(" ", maxConfigBytes+1)), tall.ErrUnsafe, []string{configFile}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := smallModel(t)
			c.spoil(t, dir)
			_, err := Open(dir, Options{})
			if !errors.Is(err, c.kind) {
				t.Fatalf("%v; want %v", err, c.kind)
			}
			for _, s := range append(c.says, dir) {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v; it does not say %q", err, s)
				}
			}
		})
	}
	for _, o := range []Options{{Rate: -1}, {Rate: 1e6}, {Batch: -1}} {
		if _, err := Open(smallModel(t), o); !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestModel_BadValues(t *testing.T) {
	// spoil writes a model in which the values of one tensor, from the n-th last on, are others.
	spoil := func(name string, n int, value float32) *Model {
		dir := smallModel(t)
		ts := smallTensors(t, dir)
		for _, x := range ts {
			if x.Name == name {
				for k := max(0, len(x.Data)-n); k < len(x.Data); k++ {
					x.Data[k] = value
				}
			}
		}
		writeWeights(t, filepath.Join(dir, weightsFile), ts)
		return open(t, dir, Options{})
	}
	nan := float32(math.NaN())
	pictures := []image.Image{formula(60, 60)}
	// NaN in one tower: the other one works.
	m := spoil("vision_model.post_layernorm.bias", 1, nan)
	if _, err := m.EncodeSentences(t.Context(), []string{"the egg"}); err != nil {
		t.Error(err)
	}
	if _, err := m.EncodeImages(t.Context(), pictures); !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), "post_layernorm.bias") {
		t.Error(err)
	}
	m = spoil("text_model.final_layer_norm.weight", 1, nan)
	if _, err := m.EncodeSentences(t.Context(), []string{"the egg"}); !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), "final_layer_norm.weight") {
		t.Error(err)
	}
	// Finite values whose sums overflow.
	for _, name := range []string{"text_projection.weight", "visual_projection.weight"} {
		m = spoil(name, 1<<20, 3e38)
		_, err1 := m.EncodeSentences(t.Context(), []string{"the egg"})
		_, err2 := m.EncodeImages(t.Context(), pictures)
		if err := errors.Join(err1, err2); !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), "trained") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file that is replaced while the model is open.
	dir := smallModel(t)
	m = open(t, dir, Options{})
	writeWeights(t, filepath.Join(dir, weightsFile), append(smallTensors(t, dir), formulaTensor("more", []int{1})))
	if _, err := m.EncodeSentences(t.Context(), []string{"the egg"}); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "changed") {
		t.Error(err)
	}
}

// TestOpen_Shards: weights in several files are the same model.
func TestOpen_Shards(t *testing.T) {
	dir := smallModel(t)
	whole := open(t, dir, Options{})
	want, err := whole.EncodeSentences(t.Context(), []string{"the egg"})
	if err != nil {
		t.Fatal(err)
	}
	ts := smallTensors(t, dir)
	names := []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
	where := map[string]string{}
	var parts [2][]weights.Tensor
	for i, x := range ts {
		parts[i%2] = append(parts[i%2], x)
		where[x.Name] = names[i%2]
	}
	for i, part := range parts {
		writeWeights(t, filepath.Join(dir, names[i]), part)
	}
	index := func(m map[string]string) {
		text, err := json.Marshal(map[string]any{"metadata": map[string]int{"total_size": 1}, "weight_map": m})
		if err != nil {
			t.Fatal(err)
		}
		writeFiles(t, dir, map[string][]byte{indexFile: text})
	}
	index(where)
	if err := os.Remove(filepath.Join(dir, weightsFile)); err != nil {
		t.Fatal(err)
	}
	sharded := open(t, dir, Options{})
	got, err := sharded.EncodeSentences(t.Context(), []string{"the egg"})
	if err != nil || !slices.Equal(got[0].Vector, want[0].Vector) {
		t.Errorf("%v", err)
	}
	if a, b := sharded.Manifest().WeightsHash, whole.Manifest().WeightsHash; a == b || len(a) != len(b) {
		t.Errorf("%s, %s", a, b)
	}
	const gone = "text_projection.weight"
	delete(where, gone)
	index(where)
	if _, err := Open(dir, Options{}); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), gone) {
		t.Error(err)
	}
	where[gone] = "model-00003-of-00002.safetensors"
	index(where)
	if _, err := Open(dir, Options{}); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "00003") {
		t.Error(err)
	}
}

func TestOpen_HashOfWeights(t *testing.T) {
	dir := smallModel(t)
	var asked []string
	m := open(t, dir, Options{Hash: func(path string) (string, error) {
		asked = append(asked, path)
		return "sha256:00", nil
	}})
	if m.Manifest().WeightsHash != "sha256:00" || !slices.Equal(asked, []string{filepath.Join(dir, weightsFile)}) {
		t.Errorf("%+v, %v", m.Manifest(), asked)
	}
	want, err := hashFile(filepath.Join(dir, weightsFile))
	if err != nil || len(want) != len("sha256:")+64 {
		t.Fatal(want, err)
	}
	if got := open(t, dir, Options{}).Manifest().WeightsHash; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	broken := errors.New("no hash")
	if _, err := Open(dir, Options{Hash: func(string) (string, error) { return "", broken }}); !errors.Is(err, broken) {
		t.Error(err)
	}
}
