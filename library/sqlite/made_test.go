package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tall"
	"tall/feature"
	"tall/library"
	"tall/model/contrast"
	"tall/model/ctrl"
	"tall/synth/collection"
	"tall/tensor"
	"tall/weights"
)

// made is a library of a made collection. Its videos are text files with their numbers,
// and sentences are "concept 17".
type made struct {
	*Library
	c   *collection.Collection
	ids []library.ID // by number
}

// conceptText is the sentence that describes a concept.
func conceptText(concept int) string { return fmt.Sprint("concept ", concept) }

// conceptSentences encodes sentences of a collection.
type conceptSentences struct{ c *collection.Collection }

func (s conceptSentences) EncodeSentences(_ context.Context, texts []string) ([]tall.Sentence, error) {
	out := make([]tall.Sentence, len(texts))
	for i, text := range texts {
		concept, err := strconv.Atoi(strings.TrimPrefix(text, "concept "))
		if err != nil {
			return nil, fmt.Errorf("%w: %q", tall.ErrFormat, text)
		}
		out[i] = tall.Sentence{Text: text, Manifest: tall.Manifest{Encoder: "joint"}, Vector: s.c.Sentence(concept)}
	}
	return out, nil
}

// bank are sentences that match nothing.
func (s conceptSentences) bank(ctx context.Context) ([]tall.Sentence, error) {
	var texts []string
	for i := range 96 {
		texts = append(texts, conceptText(s.c.Concepts()+i))
	}
	return s.EncodeSentences(ctx, texts)
}

// rowsEncoder writes the rows of a collection.
type rowsEncoder struct {
	c *collection.Collection
	d feature.Description
}

func (e rowsEncoder) Save(_ context.Context, path, dir, name string, meta map[string]string, progress func(done, total float64)) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	video, err := strconv.Atoi(string(text))
	if err != nil {
		return 0, fmt.Errorf("%w: %s", tall.ErrFormat, path)
	}
	rows := e.c.Rows(video)
	n := len(rows) / e.c.Dim()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, err
	}
	manifest := fmt.Sprintf(`{"encoder":%q,"dim":%d,"window_seconds":1,"stride_seconds":1}`, e.d.Encoder, e.d.Dim)
	if err := os.WriteFile(filepath.Join(dir, feature.ManifestName), []byte(manifest), 0o666); err != nil {
		return 0, err
	}
	progress(float64(n), float64(n))
	return n, weights.WriteSafetensors(filepath.Join(dir, name+".safetensors"), &weights.File{
		Meta: meta, Tensors: []weights.Tensor{{Name: featuresName, Shape: []int{n, e.c.Dim()}, Data: rows}},
	})
}

// jointEngine searches a collection without training.
func jointEngine(c *collection.Collection) library.Engine {
	description := feature.Description{Manifest: tall.Manifest{Encoder: "joint", Dim: c.Dim()}, Window: 1, Stride: 1}
	sentences := conceptSentences{c}
	lanes := contrast.Options{Lanes: []tensor.Backend{tensor.NewCPU(1), tensor.NewCPU(1)}}
	l := contrast.New(lanes)
	space := &library.Space{Name: "joint", Indexer: l.Index()}
	return library.Engine{
		Name: "joint", Description: description, Sentences: sentences,
		Open:       func() (library.VideoEncoder, error) { return rowsEncoder{c, description}, nil },
		Localizers: []library.Localizer{{Name: "contrast", ID: "contrast", Localizer: l, Bank: sentences.bank, Threshold: 0.95, Space: space}},
		Like:       &library.Localizer{Name: "like", ID: "like", Localizer: l, Space: space},
	}
}

// ctrlEngine searches a collection with CTRL, each row a window, with random weights.
func ctrlEngine(t testing.TB, c *collection.Collection) library.Engine {
	t.Helper()
	o, err := ctrl.Preset("tf")
	if err != nil {
		t.Fatal(err)
	}
	o.VisualDim, o.SentenceDim, o.SemanticDim, o.HiddenDim = c.Dim(), c.Dim(), 32, 48
	m, err := ctrl.New(tensor.NewCPU(0), o, 1)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 3))
	tensors := m.Export()
	for _, w := range tensors {
		for i := range w.Data {
			w.Data[i] = float32(rng.NormFloat64()) * 0.3
		}
	}
	if err := m.Load(tensors); err != nil {
		t.Fatal(err)
	}
	e := jointEngine(c)
	e.Name, e.Description.Encoder, e.Like = "ctrl", "ctrl", nil
	l := ctrl.NewLocalizer(m, ctrl.LocalizerOptions{})
	e.Open = func() (library.VideoEncoder, error) { return rowsEncoder{c, e.Description}, nil }
	e.Localizers[0].Name, e.Localizers[0].ID, e.Localizers[0].Localizer = "ctrl", "ctrl", l
	e.Localizers[0].Space = &library.Space{Name: "ctrl", Indexer: l.Index()}
	return e
}

// makeLibrary adds all videos of a collection.
func makeLibrary(t testing.TB, c *collection.Collection, engines ...library.Engine) *made {
	t.Helper()
	m := &made{c: c}
	videos := t.TempDir()
	var paths []string
	for i := range c.Len() {
		path := filepath.Join(videos, fmt.Sprintf("%05d", i))
		if err := os.WriteFile(path, []byte(strconv.Itoa(i)), 0o666); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	m.open(t, filepath.Join(t.TempDir(), "library"), engines)
	m.ids = make([]library.ID, c.Len())
	err := m.Add(t.Context(), paths, nil, func(a library.Added) {
		i, _ := strconv.Atoi(filepath.Base(a.Path))
		m.ids[i] = a.ID
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Work(t.Context(), 2, true); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *made) open(t testing.TB, dir string, engines []library.Engine) {
	t.Helper()
	l, err := Open(t.Context(), dir, Options{
		Make: true, Engines: engines,
		Probe: func(_ context.Context, path string) (library.Facts, error) {
			text, err := os.ReadFile(path)
			if err != nil {
				return library.Facts{}, err
			}
			video, err := strconv.Atoi(string(text))
			return library.Facts{Duration: float64(m.c.Seconds(video)), Width: 4, Height: 3, FPSNum: 1, FPSDen: 1}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m.Library = l
}

// search asks for one sentence.
func (m *made) search(t testing.TB, q library.Query) library.Results {
	t.Helper()
	r, err := m.Search(t.Context(), q, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Warnings) > 0 {
		t.Errorf("%q: %q", q.Sentences, r.Warnings)
	}
	return r
}
