package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tall"
	"tall/calibrate"
	"tall/encode"
	"tall/encode/onnx"
	"tall/feature"
	"tall/fetch"
	"tall/media"
	"tall/model/contrast"
	"tall/model/ctrl"
	"tall/weights"
)

// engine is what answers the questions of one run: an encoder of videos, the vectors of
// the sentences and of the bank that they are held against, and a localizer.
type engine struct {
	spec      string // of the encoder
	tools     *media.Tools
	video     encode.Video
	made      feature.Description
	models    []string // folders
	settings  string   // of the video encoder's folder, for what is remembered
	cache     string   // folder
	asked     []tall.Sentence
	bank      []tall.Sentence
	bankID    string
	localizer string // what it is called in results
	id        string // of the localizer and its parameters, for what is remembered
	backend   backend
	contrast  *contrast.Localizer
	model     *checkpointModel // nil: contrast
}

// openEngine opens everything that does not depend on the videos, sentences first: what
// does not fit together is told before a video is encoded.
func (f *findFlags) openEngine(ctx context.Context, con *console, texts []string) (*engine, error) {
	tools, err := f.tools()
	if err != nil {
		return nil, err
	}
	cache, err := fetch.CacheDir()
	if err != nil {
		return nil, err
	}
	e := &engine{spec: f.encoder, tools: tools, cache: cache, localizer: localizerContrast}
	sentenceSpec := ""
	if f.localizer != localizerContrast {
		if e.model, err = openCheckpoint(f.localizer); err != nil {
			return nil, fmt.Errorf("--localizer: %w", err)
		}
		if sentenceSpec, err = e.model.encoders(&e.spec); err != nil {
			return nil, fmt.Errorf("--localizer %s: %w", f.localizer, err)
		}
		e.localizer, e.id = f.localizer, e.model.hash
	}
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	o.Models = func(name string) (string, error) {
		dir, err := modelDir(name)
		if err == nil {
			e.models = append(e.models, dir)
		}
		return dir, err
	}
	if err := e.openEncoder(o); err != nil {
		return nil, err
	}
	if e.settings, err = modelSettings(e.models); err != nil {
		return nil, err
	}
	if sentenceSpec == "" {
		sentenceSpec = e.spec
	}
	if err := e.encodeSentences(ctx, con, sentenceSpec, o, texts); err != nil {
		return nil, err
	}
	if e.backend, err = f.backend(); err != nil {
		return nil, err
	}
	if e.model != nil {
		if err := e.model.accepts(e.made, e.asked[0].Manifest); err != nil {
			return nil, err
		}
		if err := e.model.load(e.backend, e.made.Dim, len(e.asked[0].Vector)); err != nil {
			return nil, fmt.Errorf("--localizer: %w; give the checkpoint of a CTRL model that was trained with the encoder %s", err, e.spec)
		}
		return e, nil
	}
	own, theirs := e.made.Manifest, e.asked[0].Manifest
	if own.Encoder != theirs.Encoder || own.Dim != len(e.asked[0].Vector) {
		return nil, fmt.Errorf("%w: --localizer contrast compares frames with sentences, and the encoder %s has no common space for them; take clip, or --localizer CHECKPOINT of a model that was trained on %s features", tall.ErrManifest, e.spec, own.Encoder)
	}
	e.contrast = contrast.New(contrast.Options{Backend: e.backend})
	e.id = contrastID()
	return e, nil
}

// defaultEncoder is the one that find takes where nobody says otherwise.
const defaultEncoder = "clip"

func (e *engine) openEncoder(o encode.Options) (err error) {
	given := e.spec != ""
	if !given {
		e.spec = defaultEncoder
	}
	e.video, err = encode.OpenVideo(e.spec, o)
	switch {
	case err == nil:
		e.made = e.video.Describe()
		return nil
	case !given && errors.Is(err, tall.ErrMissing):
		return fmt.Errorf("%w; or name the checkpoint of a trained model with --localizer CHECKPOINT", err)
	}
	return fmt.Errorf("--encoder %s: %w", e.spec, err)
}

// featuresDir is the folder of what this encoder made of videos, one of `tall encode
// --out`. Encoders of one name that differ in anything have folders of their own.
func (e *engine) featuresDir() (string, error) {
	text, err := json.Marshal(e.made)
	if err != nil {
		return "", err
	}
	return filepath.Join(e.cache, "features", safeName(e.made.Encoder)+"-"+digest(string(text)+e.settings)), nil
}

// modelSettings is a hash of what lies beside the weights in the folders of models: a
// configuration, a tokenizer or a preparation of pictures that was corrected makes other
// vectors of the same weights, and manifests do not know of it. It is empty without models.
func modelSettings(dirs []string) (string, error) {
	var parts []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if ext := filepath.Ext(path); err != nil || d.IsDir() || ext != ".json" && ext != ".txt" {
				return err
			}
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				return nil //nolint:nilerr // a link to nothing is no setting
			}
			hash, err := contentHash(path)
			parts = append(parts, strings.TrimPrefix(path, dir), hash)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	if parts == nil {
		return "", nil
	}
	return digest(parts...), nil
}

func (e *engine) encodeSentences(ctx context.Context, con *console, spec string, o encode.Options, texts []string) error {
	encoder, both := e.video.(encode.Sentences) // clip: opened once for both
	if !both || spec != e.spec {
		var err error
		if encoder, err = encode.OpenSentences(spec, o); err != nil {
			return err
		}
	}
	var err error
	if e.asked, err = encoder.EncodeSentences(ctx, texts); err != nil {
		return err
	}
	for i := range e.asked {
		if feature.NotFinite(e.asked[i].Vector) > 0 {
			return fmt.Errorf("%w: the vector of %q", tall.ErrNotFinite, shorten(texts[i], 60))
		}
	}
	made, err := json.Marshal(e.asked[0].Manifest)
	if err != nil {
		return err
	}
	settings, err := modelSettings(e.models)
	if err != nil {
		return err
	}
	e.bankID = digest(string(made)+settings, calibrate.BankHash(), strconv.Itoa(len(e.asked[0].Vector)))
	return e.openBank(ctx, con, encoder)
}

// openBank reads the vectors of the bank's sentences, or makes them, once an encoder.
func (e *engine) openBank(ctx context.Context, con *console, encoder encode.Sentences) error {
	texts := calibrate.Bank()
	dim, made := len(e.asked[0].Vector), e.asked[0].Manifest
	path := filepath.Join(e.cache, "bank", safeName(made.Encoder)+"-"+e.bankID+".safetensors")
	if f, err := weights.Read(path); err == nil && len(f.Tensors) == 1 && len(f.Tensors[0].Data) == len(texts)*dim && feature.NotFinite(f.Tensors[0].Data) == 0 {
		for i, text := range texts {
			e.bank = append(e.bank, tall.Sentence{Text: text, Manifest: made, Vector: f.Tensors[0].Data[i*dim : (i+1)*dim]})
		}
		return nil
	}
	bar := con.progress("encode the bank of unrelated sentences", "sentences")
	defer bar.finish()
	t := weights.Tensor{Name: "vectors", Shape: []int{len(texts), dim}}
	const atOnce = 16
	for from := 0; from < len(texts); from += atOnce {
		bar.set(from, len(texts), "")
		part, err := encoder.EncodeSentences(ctx, texts[from:min(from+atOnce, len(texts))])
		if err != nil {
			return err
		}
		for _, s := range part {
			if len(s.Vector) != dim || feature.NotFinite(s.Vector) > 0 {
				return fmt.Errorf("%w: the vector of %q", tall.ErrNotFinite, s.Text)
			}
			t.Data = append(t.Data, s.Vector...)
		}
		e.bank = append(e.bank, part...)
	}
	if err := weights.WriteSafetensors(path, &weights.File{Tensors: []weights.Tensor{t}}); err != nil {
		con.Warn("the bank's vectors cannot be kept, so every question makes them anew: " + err.Error())
	}
	return nil
}

// checkpointModel is a CTRL checkpoint and what it records.
type checkpointModel struct {
	file    *weights.File
	record  record
	hash    string
	trained *trained // by load
}

func openCheckpoint(name string) (*checkpointModel, error) {
	file, r, err := readWeights(name)
	if err != nil {
		return nil, err
	}
	hash, err := contentHash(file.Path)
	return &checkpointModel{file: file, record: r, hash: hash}, err
}

// encoders says which encoders the model was trained with; video is filled in where it is
// empty.
func (m *checkpointModel) encoders(video *string) (sentence string, err error) {
	r := m.record
	if r.data != nil && len(r.data.Kinds) > 1 {
		return "", fmt.Errorf("%w: it was trained on %d kinds of features side by side, and find encodes with one", tall.ErrManifest, len(r.data.Kinds))
	}
	if *video == "" {
		*video = r.visual.Encoder
		if name, ok := strings.CutPrefix(*video, onnx.Name+":"); ok {
			return "", fmt.Errorf("%w: it was trained on features of the network %s; name the YAML file that describes it, with --encoder onnx:FILE.yaml", tall.ErrMissing, name)
		}
	}
	if *video == "" {
		return "", fmt.Errorf("%w: it does not say which encoder made the features that it was trained on; name it with --encoder", tall.ErrManifest)
	}
	if r.data != nil && r.data.Sentences != "" {
		return r.data.Sentences, nil
	}
	return "", nil // the one that goes with the video's
}

// accepts compares what the encoders make with what the model was trained on. What
// depends on windows and context the localizer compares.
func (m *checkpointModel) accepts(video feature.Description, sentence tall.Manifest) error {
	want := m.record.visual
	want.Dim, want.Context, want.Normalization = 0, "", ""
	if err := want.Check(video.Manifest); err != nil {
		return fmt.Errorf("%s: %w", m.file.Path, err)
	}
	if err := m.record.sentence.Check(sentence); err != nil {
		return fmt.Errorf("%s: sentences: %w", m.file.Path, err)
	}
	return nil
}

// pooling says how the model's windows are made of rows.
func (m *checkpointModel) pooling() (kind feature.Kind, p feature.Pooling) {
	if r := m.record.data; r != nil {
		if len(r.Kinds) == 1 {
			kind.Name, kind.Norm = r.Kinds[0].Name, r.Kinds[0].Norm
		}
		p = feature.Pooling{Lengths: r.Pool, Stride: r.PoolStride, Mode: feature.Mode(r.ContextMode), ContextLength: r.ContextSeconds, Ticks: r.Ticks}
	}
	return kind, p
}

// inputs opens the features of one video as the model wants them.
func (m *checkpointModel) inputs(ctx context.Context, path string, fps float64, warn func(error)) (*feature.Inputs, error) {
	kind, pooling := m.pooling()
	kind.Path = path
	o := feature.InputOptions{FPS: fps, Warn: warn, Pooling: pooling}
	return feature.OpenInputs(ctx, []feature.Kind{kind}, o)
}

// load makes the model for features and sentence vectors of these dimensions.
func (m *checkpointModel) load(b backend, visualDim, sentenceDim int) error {
	o, err := ctrl.Preset("paddle")
	if err != nil {
		return err
	}
	if m.record.options != nil {
		o = *m.record.options
	}
	o.VisualDim, o.SentenceDim = 3*visualDim, sentenceDim // left, clip, right
	m.trained, err = loadInto(b, m.file, m.record, o)
	return err
}

// localizer loads the model for the windows of in, once.
func (m *checkpointModel) localizer(b backend, in *feature.Inputs, sentenceDim int) (*ctrl.Localizer, error) {
	if m.trained == nil {
		if err := m.load(b, in.Dim()/3, sentenceDim); err != nil {
			return nil, err
		}
	}
	return m.trained.localizer(), nil
}

// safeName makes a text the name of a file.
func safeName(text string) string {
	out := []rune(text)
	for i, r := range out {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.' && i > 0:
		default:
			out[i] = '_'
		}
	}
	return string(out[:min(len(out), 60)])
}
