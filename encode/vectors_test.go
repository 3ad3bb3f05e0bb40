package encode

import (
	"archive/zip"
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/dataset"
	"tall/feature"
	"tall/internal/shared"
	"tall/numpy"
	"tall/weights"
)

type array struct {
	name  string
	shape []int
	data  []float32
}

func saveNPZ(tb testing.TB, path string, arrays ...array) {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, a := range arrays {
		w, err := z.Create(a.name + ".npy")
		if err == nil {
			err = numpy.Encode(w, a.shape, a.data)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
		tb.Fatal(err)
	}
}

func save(tb testing.TB, path, text string) {
	tb.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		tb.Fatal(err)
	}
}

func saveSafetensors(tb testing.TB, path string, meta map[string]string, tensors ...weights.Tensor) {
	tb.Helper()
	if err := weights.WriteSafetensors(path, &weights.File{Meta: meta, Tensors: tensors}); err != nil {
		tb.Fatal(err)
	}
}

func asked() []tall.Example {
	return []tall.Example{
		{ID: "7", Video: "v", Sentence: tall.Sentence{Text: "first"}},
		{ID: "8", Video: "v", Sentence: tall.Sentence{Text: "second, with blanks"}},
	}
}

// Every layout in which sentence vectors may lie gives the same vectors.
func TestSource_Layouts(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	one, two := []float32{1, 2}, []float32{3, 4}
	saveNPZ(t, in("by-id.npz"), array{"7", []int{2}, one}, array{"8", []int{1, 2}, two}, array{"9", []int{2}, one})
	saveNPZ(t, in("by-text.npz"), array{"first", []int{2}, one}, array{"second, with blanks", []int{2, 2}, []float32{2, 3, 4, 5}})
	saveSafetensors(t, in("by-id.safetensors"), nil, weights.Tensor{Name: "8", Shape: []int{2}, Data: two}, weights.Tensor{Name: "7", Shape: []int{2}, Data: one})
	saveSafetensors(t, in("matrix.safetensors"), map[string]string{"ids": "first\n8"}, weights.Tensor{Name: "vectors", Shape: []int{2, 2}, Data: []float32{1, 2, 3, 4}})
	if err := numpy.WriteFile(in("matrix.npy"), []int{2, 2}, []float32{3, 4, 1, 2}); err != nil {
		t.Fatal(err)
	}
	save(t, in("matrix.ids.txt"), "8\r\n7\r\n")
	saveNPZ(t, in("text/clip_text_qid7.npz"), array{"last_hidden_state", []int{3, 2}, make([]float32, 6)}, array{"pooler_output", []int{2}, one})
	saveNPZ(t, in("text/clip_text_qid8.npz"), array{"pooler_output", []int{2}, two})
	if err := errors.Join(os.MkdirAll(in("plain"), 0o755), numpy.WriteFile(in("plain/7.npy"), []int{2}, one)); err != nil {
		t.Fatal(err)
	}
	saveSafetensors(t, in("plain/8.safetensors"), nil, weights.Tensor{Name: "x", Shape: []int{2}, Data: two})
	for _, spec := range []string{
		"by-id.npz", "by-text.npz", "by-id.safetensors", "matrix.safetensors", "matrix.npy", "text", "plain",
		"text/clip_text_qid{id}.npz", "text/clip_text_qid{id}",
	} {
		s, err := Open(in(spec), Options{})
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		examples := asked()
		if err := s.Fill(t.Context(), examples, nil); err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if !slices.Equal(examples[0].Sentence.Vector, one) || examples[0].Sentence.Text != "first" || examples[0].Sentence.Manifest.Dim != 2 {
			t.Errorf("%s: %+v", spec, examples[0].Sentence)
		}
		want := two
		if spec == "by-text.npz" { // the mean of its two tokens
			want = []float32{3, 4}
		}
		if !slices.Equal(examples[1].Sentence.Vector, want) {
			t.Errorf("%s: %+v", spec, examples[1].Sentence)
		}
		hashes, err := s.Hashes()
		if err != nil || len(hashes) != 1 {
			t.Errorf("%s: hashes %v %v", spec, hashes, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSource_Manifest(t *testing.T) {
	dir := t.TempDir()
	saveNPZ(t, dir+"/v.npz", array{"7", []int{2}, []float32{1, 2}}, array{"8", []int{2}, []float32{3, 4}})
	save(t, dir+"/manifest.json", `{"encoder":"clip text","weights_hash":"sha256:1","normalization":"none","dim":2}`)
	s, err := Open(dir+"/v.npz", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fill(t.Context(), asked(), nil); err != nil {
		t.Fatal(err)
	}
	want := tall.Manifest{Encoder: "clip text", WeightsHash: "sha256:1", Normalization: "none", Dim: 2, Context: "none"}
	if diff := cmp.Diff(want, s.Manifest()); diff != "" {
		t.Error(diff)
	}
	save(t, dir+"/sentences.manifest.json", `{"dim":3}`)
	if s, err = Open(dir+"/v.npz", Options{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Fill(t.Context(), asked(), nil); !errors.Is(err, tall.ErrShape) || !strings.Contains(err.Error(), "says 3") {
		t.Errorf("another dim: %v", err)
	}
	if s, err = Open("hash:16", Options{}); err != nil {
		t.Fatal(err)
	}
	if s.Manifest().Unknown() || !s.NeedsNoFile() || s.Spec() != "hash:16" {
		t.Errorf("%+v", s.Manifest())
	}
}

func TestSource_Refuses(t *testing.T) {
	dir := t.TempDir()
	one := []float32{1, 2}
	saveNPZ(t, dir+"/missing.npz", array{"7", []int{2}, one})
	saveNPZ(t, dir+"/lengths.npz", array{"7", []int{2}, one}, array{"8", []int{3}, []float32{1, 2, 3}})
	saveNPZ(t, dir+"/nan.npz", array{"7", []int{2}, []float32{1, float32(math.NaN())}})
	saveNPZ(t, dir+"/shape.npz", array{"7", []int{2, 2, 2}, make([]float32, 8)})
	saveNPZ(t, dir+"/empty.npz", array{"7", []int{0}, nil})
	saveNPZ(t, dir+"/which/7.npz", array{"a", []int{2}, one}, array{"b", []int{2}, one})
	if err := numpy.WriteFile(dir+"/alone.npy", []int{1, 2}, one); err != nil {
		t.Fatal(err)
	}
	if err := numpy.WriteFile(dir+"/short.npy", []int{1, 2}, one); err != nil {
		t.Fatal(err)
	}
	save(t, dir+"/short.ids.txt", "7\n8\n")
	if err := numpy.WriteFile(dir+"/twice.npy", []int{2, 1}, one); err != nil {
		t.Fatal(err)
	}
	save(t, dir+"/twice.ids.txt", "7\n7\n")
	save(t, dir+"/x.csv", "7,1,2")
	for spec, c := range map[string]struct {
		is   error
		says string
	}{
		dir + "/missing.npz":       {tall.ErrMissing, `1 of 2 sentences, neither by id nor by text; the first: 8, "second, with blanks"`},
		dir + "/lengths.npz":       {tall.ErrShape, "sentence 8 has 3 values"},
		dir + "/nan.npz":           {tall.ErrNotFinite, "sentence 7 of v"},
		dir + "/shape.npz":         {tall.ErrShape, "shape [2 2 2]"},
		dir + "/empty.npz":         {tall.ErrShape, "shape [0]"},
		dir + "/which":             {tall.ErrFormat, "arrays a, b"},
		dir + "/alone.npy":         {tall.ErrMissing, "alone.ids.txt"},
		dir + "/short.npy":         {tall.ErrShape, "for 2 ids"},
		dir + "/twice.npy":         {tall.ErrFormat, "the same id"},
		dir + "/x.csv":             {tall.ErrFormat, "hash:DIM"},
		dir + "/none.npz":          {tall.ErrMissing, "do not exist"},
		dir + "/none/{id}.npz":     {tall.ErrMissing, "no folder"},
		"hash:0":                   {tall.ErrFormat, "from 1"},
		"hash:many":                {tall.ErrFormat, "hash:512"},
		"glove:" + dir + "/none":   {tall.ErrMissing, "glove:FILE"},
		"glove:" + dir + "/x.csv":  {tall.ErrFormat, "x.csv"},
		dir + "/which/q{id}.npz":   {tall.ErrMissing, "2 of 2"},
		dir + "/which/{id}_x.none": {tall.ErrMissing, "2 of 2"},
	} {
		s, err := Open(spec, Options{})
		if err == nil {
			err = s.Fill(t.Context(), asked(), nil)
		}
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v and %q", spec, err, c.is, c.says)
		}
	}
	s, err := Open("hash:8", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fill(t.Context(), []tall.Example{{ID: "1", Video: "v"}}, nil); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "no text") {
		t.Errorf("no text: %v", err)
	}
	var warned error
	if err := s.Fill(t.Context(), []tall.Example{{ID: "1", Video: "v", Sentence: tall.Sentence{Text: "?!"}}}, func(err error) { warned = err }); err != nil || warned == nil || !strings.Contains(warned.Error(), `1, "?!"`) {
		t.Errorf("no words: %v, warning %v", err, warned)
	}
}

// An ID or text may not leave the folder of the vectors.
func TestVectors_StayInFolder(t *testing.T) {
	dir := t.TempDir()
	saveNPZ(t, dir+"/secret.npz", array{"x", []int{1}, []float32{1}})
	saveNPZ(t, dir+"/in/7.npz", array{"x", []int{1}, []float32{1}})
	v, err := OpenVectors(dir + "/in")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"../secret", "..", ".", "/etc/passwd", `..\secret`, "a\x00b"} {
		if _, ok, err := v.Sentence(id, ""); ok || err != nil {
			t.Errorf("%q: %v %v", id, ok, err)
		}
	}
}

// The official CLIP features of a QVHighlights query: its provenance file says that
// likeness of sentence and clips tells relevant clips from others with AUC 0.788, at
// means of 0.284 and 0.256.
func TestSource_Real(t *testing.T) {
	dir := shared.Path(t, "features/qvhighlights-qid5263")
	corpus, err := dataset.OpenCorpus(dataset.QVHighlights, filepath.Join(dir, "annotation.jsonl"), dataset.CorpusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(filepath.Join(dir, "clip_text_qid{id}.npz"), Options{})
	if err == nil {
		err = s.Fill(t.Context(), corpus.Examples, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	e := corpus.Examples[0]
	tracks, err := feature.OpenTracks(filepath.Join(dir, "clip_video_{video}.npz"), feature.TrackOptions{Norm: feature.NormL2, Times: feature.Times{Stride: 2}})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := tracks.Rows(e.Video)
	if err != nil {
		t.Fatal(err)
	}
	query := e.Sentence.Vector
	length := math.Sqrt(dot(query, query))
	relevant := corpus.Saliency[e.ID].Clips
	var in, out []float64
	for k := range tracks.Len(e.Video) {
		cos := dot(rows[k*512:(k+1)*512], query) / length
		if slices.Contains(relevant, k) {
			in = append(in, cos)
		} else {
			out = append(out, cos)
		}
	}
	wins, sumIn, sumOut := 0.0, 0.0, 0.0
	for _, a := range in {
		sumIn += a
		for _, b := range out {
			if a > b {
				wins++
			}
		}
	}
	for _, b := range out {
		sumOut += b
	}
	auc, meanIn, meanOut := wins/float64(len(in)*len(out)), sumIn/float64(len(in)), sumOut/float64(len(out))
	if math.Abs(auc-0.788) > 0.0005 || math.Abs(meanIn-0.284) > 0.0005 || math.Abs(meanOut-0.256) > 0.0005 { // three digits are stated
		t.Errorf("AUC %.4f, means %.4f and %.4f", auc, meanIn, meanOut)
	}
}
