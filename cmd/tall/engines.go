package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"tall"
	"tall/calibrate"
	"tall/encode"
	"tall/feature"
	"tall/library"
	"tall/media"
	"tall/model/contrast"
	"tall/model/ctrl"
	"tall/tensor"
)

// engineConfig is how an engine of a library is opened; a library keeps it in its settings.
type engineConfig struct {
	Name      string `json:"name"`
	Encoder   string `json:"encoder"`             // for encode.OpenVideo
	Sentences string `json:"sentences,omitempty"` // for encode.OpenSentences; "": what goes with Encoder
	// Checkpoints are files of trained models, absolute or below the library's folder.
	Checkpoints []string `json:"checkpoints,omitempty"`
	// Contrast adds the localizer that needs no training, for encoders whose rows and
	// sentences share a space.
	Contrast bool `json:"contrast,omitempty"`
}

// openLibraryEngine opens an engine but for its encoder of videos, which each worker opens
// when it has something to encode. Dir is the library's folder.
func (g *global) openLibraryEngine(c engineConfig, dir string, tools *media.Tools, warn func(error)) (library.Engine, error) {
	e := library.Engine{Name: c.Name}
	o, err := g.encoderOptions()
	if err != nil {
		return e, err
	}
	video, err := encode.OpenVideo(c.Encoder, o)
	if err != nil {
		return e, fmt.Errorf("encoder %s: %w", c.Encoder, err)
	}
	e.Description = video.Describe()
	spec := c.Sentences
	if spec == "" {
		spec = c.Encoder
	}
	sentences, err := encode.OpenSentences(spec, o)
	if err != nil {
		return e, fmt.Errorf("sentences for encoder %s: %w", c.Encoder, err)
	}
	shared := &sharedSentences{encoder: sentences}
	e.Sentences = shared
	first := video
	var mu sync.Mutex
	e.Open = func() (library.VideoEncoder, error) {
		mu.Lock()
		defer mu.Unlock()
		v := first
		if first = nil; v == nil {
			if v, err = encode.OpenVideo(c.Encoder, o); err != nil {
				return nil, err
			}
		}
		return &fileEncoder{encode.Files{Tools: tools, Video: v, Warn: warn}}, nil
	}
	bank := sync.OnceValues(func() ([]tall.Sentence, error) {
		return shared.EncodeSentences(context.Background(), calibrate.Bank())
	})
	add := func(name, id string, l tall.Localizer, space *library.Space) {
		e.Localizers = append(e.Localizers, library.Localizer{
			Name: name, ID: id, Localizer: l, Threshold: calibrate.DefaultConfidence, Space: space,
			Bank: func(context.Context) ([]tall.Sentence, error) { return bank() },
		})
	}
	lanes, err := g.lanes()
	if err != nil {
		return e, err
	}
	// Rows are compared with one another whatever encoder they come from.
	ofRows := contrast.New(contrast.Options{Lanes: lanes})
	rows := &library.Space{Name: c.Name, Indexer: ofRows.Index()}
	e.Like = &library.Localizer{Name: "like", ID: "like, " + contrastID(), Localizer: ofRows, Space: rows}
	for _, file := range c.Checkpoints {
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		m, err := openCheckpoint(file)
		if err != nil {
			return e, err
		}
		if err := m.accepts(e.Description, tall.Manifest{}); err != nil {
			return e, err
		}
		b, err := g.backend() // of its own: a backend is for one goroutine at a time
		if err != nil {
			return e, err
		}
		l, err := newRowsLocalizer(m, b, e.Description, sentences)
		if err != nil {
			return e, err
		}
		space := &library.Space{Name: c.Name + "-" + digest(m.hash)[:8], Indexer: l}
		add(strings.TrimSuffix(stem(file), "_best"), m.hash, l, space)
	}
	if c.Contrast {
		if sentences.Manifest().Dim != e.Description.Dim {
			return e, fmt.Errorf("%w: encoder %s has no common space for frames and sentences", tall.ErrManifest, c.Encoder)
		}
		add(localizerContrast, contrastID(), ofRows, rows)
	}
	return e, nil
}

// lanes are a backend of one thread for each processor: a search looks at several videos
// at a time.
func (g *global) lanes() ([]tensor.Backend, error) {
	threads, err := g.workers()
	if err != nil {
		return nil, err
	}
	out := make([]tensor.Backend, threads)
	for i := range out {
		if out[i], err = newBackend(1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// contrastID names the localizer contrast with its parameters, for what is remembered.
func contrastID() string {
	return fmt.Sprintf("contrast 1, smooth %g, level %g", contrast.DefaultSmooth, contrast.DefaultLevel)
}

// sharedSentences lets several goroutines encode sentences, one after another.
type sharedSentences struct {
	mu      sync.Mutex
	encoder tall.SentenceEncoder
}

// EncodeSentences implements [tall.SentenceEncoder].
func (s *sharedSentences) EncodeSentences(ctx context.Context, texts []string) ([]tall.Sentence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encoder.EncodeSentences(ctx, texts)
}

// fileEncoder is [encode.Files] as a library uses it.
type fileEncoder struct{ encode.Files }

// Save implements [library.VideoEncoder].
func (f *fileEncoder) Save(ctx context.Context, path, dir, name string, meta map[string]string, progress func(done, total float64)) (int, error) {
	f.Progress = progress
	return f.Files.Save(ctx, path, dir, name, meta)
}

// rowsLocalizer is a trained model over the rows of an encoder: windows are pooled from
// them as in its training.
type rowsLocalizer struct {
	kind    feature.Kind
	pooling feature.Pooling
	model   *ctrl.Localizer
	*ctrl.Index
}

func newRowsLocalizer(m *checkpointModel, b backend, d feature.Description, sentences encode.Sentences) (*rowsLocalizer, error) {
	r := &rowsLocalizer{}
	r.kind, r.pooling = m.pooling()
	dim := m.record.sentence.Dim
	if dim == 0 {
		dim = sentences.Manifest().Dim
	}
	// One row tells the dimensions of the model's input.
	probe := &tall.Features{Video: "probe", FPS: 1, Spans: []tall.Span{{End: d.Window}}, Streams: []tall.Stream{{Manifest: d.Manifest, N: 1, D: d.Dim, Data: make([]float32, d.Dim)}}}
	in, err := feature.FromRows(probe, r.kind, r.pooling, nil)
	if err != nil {
		return nil, err
	}
	if r.model, err = m.localizer(b, in, dim); err != nil {
		return nil, err
	}
	r.Index = r.model.Index()
	return r, nil
}

// Prepare implements [tall.Localizer].
func (r *rowsLocalizer) Prepare(ctx context.Context, rows *tall.Features) (tall.Prepared, error) {
	windows, err := r.windows(rows)
	if err != nil {
		return nil, err
	}
	return r.model.Prepare(ctx, windows)
}

// Vectors implements [library.Indexer].
func (r *rowsLocalizer) Vectors(ctx context.Context, rows *tall.Features) ([]tall.Span, tall.Stream, error) {
	windows, err := r.windows(rows)
	if err != nil {
		return nil, tall.Stream{}, err
	}
	return r.Index.Vectors(ctx, windows)
}

// windows pools rows.
func (r *rowsLocalizer) windows(rows *tall.Features) (*tall.Features, error) {
	in, err := feature.FromRows(rows, r.kind, r.pooling, nil)
	if err != nil {
		return nil, err
	}
	return in.Stream(rows.Video)
}

// probeVideo tells a library what a video file holds.
func probeVideo(tools *media.Tools) func(ctx context.Context, path string) (library.Facts, error) {
	return func(ctx context.Context, path string) (library.Facts, error) {
		info, err := tools.Probe(ctx, path)
		return library.Facts{Duration: info.Duration, Width: info.Width, Height: info.Height, FPSNum: info.FPSNum, FPSDen: info.FPSDen, Audio: info.Audio > 0}, err
	}
}
