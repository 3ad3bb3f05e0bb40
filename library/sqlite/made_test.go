package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"tall"
	"tall/library"
	"tall/model/contrast"
	"tall/model/ctrl"
	"tall/synth/collection"
	"tall/tensor"
)

// made is a library of a made collection. Its videos are text files with their numbers,
// and sentences are "concept 17".
type made struct {
	*Library
	c   *collection.Collection
	ids []library.ID // by number
}

// jointEngine searches a collection without training.
func jointEngine(c *collection.Collection) library.Engine {
	e := collection.Encoder{Collection: c, Name: "joint"}
	bank := func(ctx context.Context) ([]tall.Sentence, error) { return e.Bank(ctx, 96) }
	lanes := contrast.Options{Lanes: []tensor.Backend{tensor.NewCPU(1), tensor.NewCPU(1)}}
	l := contrast.New(lanes)
	space := &library.Space{Name: "joint", Indexer: l.Index()}
	return library.Engine{
		Name: e.Name, Description: e.Description(), Sentences: e,
		Open:       func() (library.VideoEncoder, error) { return e, nil },
		Localizers: []library.Localizer{{Name: "contrast", ID: "contrast", Localizer: l, Bank: bank, Threshold: 0.95, Space: space}},
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
	videos := collection.Encoder{Collection: c, Name: "ctrl"}
	e.Name, e.Description, e.Like = videos.Name, videos.Description(), nil
	l := ctrl.NewLocalizer(m, ctrl.LocalizerOptions{})
	e.Open = func() (library.VideoEncoder, error) { return videos, nil }
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
