package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"tall"
	"tall/config"
	"tall/model/ctrl"
	"tall/nn"
	"tall/train"
	"tall/weights"
)

// Keys of a checkpoint's metadata that the commands write and read.
const (
	metaOptions  = "tall.options"           // ctrl.Options as JSON
	metaVisual   = "tall.manifest.visual"   // tall.Manifest as JSON
	metaSentence = "tall.manifest.sentence" // tall.Manifest as JSON
	metaMark     = "tall.validation"        // how the checkpoint was chosen
	metaVersion  = "tall.version"
	metaChosenBy = "tall.validation.sentences" // sentencesHash of those that chose it
	metaData     = "tall.data"                 // dataRecord as JSON
)

// recordKeys are those that say how the weights were made: all but the state of
// the run, which package train writes.
var recordKeys = []string{metaOptions, metaVisual, metaSentence, metaMark, metaVersion, metaChosenBy, metaData}

// modelOptions are the options of the model and its training: a preset, changed
// by what the configuration and the flags say. From strong to weak: a flag, the
// preset of --preset, the configuration's keys, the configuration's preset.
func modelOptions(cfg *config.Config, presetFlag string, section *config.Section) (ctrl.Options, error) {
	name := cfg.Model.Preset
	if presetFlag != "" {
		name = presetFlag
	}
	o, err := ctrl.Preset(name)
	if err != nil {
		return o, err
	}
	o.VisualDim = cfg.Model.VisualFeatureDim
	o.SentenceDim = cfg.Model.SentenceEmbeddingSize
	o.SemanticDim = cfg.Model.SemanticSize
	o.HiddenDim = cfg.Model.HiddenSize

	// given tells whether a key counts against the preset.
	given := func(source config.Source) bool {
		return source == config.FromFlag || source == config.FromFile && presetFlag == ""
	}
	m := &cfg.Model
	if given(m.Source("bias")) {
		o.Bias = m.Bias
	}
	if given(m.Source("fusion")) {
		o.Fusion = ctrl.Fusion(m.Fusion)
	}
	if given(m.Source("fusion_init")) {
		o.InitFusion = nn.He()
		if m.FusionInit == "gaussian" {
			o.InitFusion = nn.Normal(0.01)
		}
	}
	trainingOptions(&o, &cfg.Train, given)
	if given(section.Source("iou_thresholds")) {
		o.EvalIoU = section.IoUThresholds
	}
	return o, o.Validate()
}

func trainingOptions(o *ctrl.Options, s *config.Section, given func(config.Source) bool) {
	if given(s.Source("batch_size")) {
		o.BatchSize = s.BatchSize
	}
	if given(s.Source("learning_rate")) {
		o.LearningRate = s.LearningRate
	}
	if given(s.Source("clip_norm")) {
		o.ClipNorm = s.ClipNorm
	}
	if given(s.Source("min_iou")) {
		o.MinIoU = s.MinIoU
	}
	if given(s.Source("max_niol")) {
		o.MaxNIoL = s.MaxNIoL
	}
	if given(s.Source("regression")) {
		o.Regression = ctrl.Regression(s.Regression)
	}
	if given(s.Source("dedup")) {
		o.DistinctClips = s.Dedup
	}
	if given(s.Source("steps")) {
		o.Steps = s.Steps
	}
	if given(s.Source("epoch")) {
		o.Epochs = s.Epoch
	}
}

// checkpointMeta is what train writes into a checkpoint beside its state.
func checkpointMeta(o ctrl.Options, visual, sentence tall.Manifest, mark string) (map[string]string, error) {
	meta := map[string]string{metaMark: mark, metaVersion: version}
	return meta, addMeta(meta, map[string]any{metaOptions: o, metaVisual: visual, metaSentence: sentence})
}

// addMeta adds values as JSON.
func addMeta(meta map[string]string, values map[string]any) error {
	for key, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		meta[key] = string(text)
	}
	return nil
}

// record is what a checkpoint of ours says of how it was made. Files that
// somebody else wrote say nothing, and everything is zero.
type record struct {
	options          *ctrl.Options // nil: not recorded
	visual, sentence tall.Manifest
	mark             string      // how it was chosen
	chosenBy         string      // sentencesHash of those that chose it
	data             *dataRecord // nil: not trained with --data
	seed             *uint64     // of its run; nil: not recorded
}

func readRecord(f *weights.File) (r record, err error) {
	r.mark, r.chosenBy = f.Meta[metaMark], f.Meta[metaChosenBy]
	if seed, ok := train.SeedOf(f); ok {
		r.seed = &seed
	}
	for key, v := range map[string]any{metaOptions: &r.options, metaVisual: &r.visual, metaSentence: &r.sentence, metaData: &r.data} {
		text := f.Meta[key]
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), v); err != nil {
			return r, fmt.Errorf("%s: metadata %s: %w: %w", f.Path, key, tall.ErrFormat, err)
		}
	}
	return r, nil
}

// fitsRun compares a checkpoint that a run goes on from with what the run now
// has. Features made otherwise are refused; other settings are told of, as a run
// that goes on with them is not the one that began.
func fitsRun(con *console, f *weights.File, o ctrl.Options, data *sectionData) error {
	r, err := readRecord(f)
	if err != nil {
		return err
	}
	if err := r.visual.Check(data.visual()); err != nil {
		return fmt.Errorf("%s: window features of %s: %w; --pretrain begins a new run from these weights", f.Path, data.store.Path(), err)
	}
	if err := r.sentence.Check(data.sentence()); err != nil {
		return fmt.Errorf("%s: sentence vectors: %w; --pretrain begins a new run from these weights", f.Path, err)
	}
	if r.options == nil {
		return nil
	}
	changes, err := changed(*r.options, o)
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		con.Warn("the run goes on with other settings than it had", changes...)
	}
	return nil
}

// changed lists the settings, as arguments of a log line, that differ and change
// what a training step does: not how long it goes on, nor how it is evaluated.
func changed(was, is ctrl.Options) ([]any, error) {
	is.Preset, is.Epochs, is.Steps, is.EvalIoU = was.Preset, was.Epochs, was.Steps, was.EvalIoU
	var fields [2]map[string]json.RawMessage
	for i, o := range []ctrl.Options{was, is} {
		text, err := json.Marshal(o)
		if err == nil {
			err = json.Unmarshal(text, &fields[i])
		}
		if err != nil {
			return nil, err
		}
	}
	var out []any
	for _, key := range slices.Sorted(maps.Keys(fields[1])) {
		if a, b := string(fields[0][key]), string(fields[1][key]); a != b {
			out = append(out, key, fmt.Sprintf("%s, was %s", b, a))
		}
	}
	return out, nil
}

// trained is a model with the weights of a file and what the file says of them.
type trained struct {
	*ctrl.Model
	record
	path string
}

// readWeights reads a file of weights, or prefix of one, and what it records.
func readWeights(name string) (*weights.File, record, error) {
	path, err := train.Find(name)
	if err != nil {
		return nil, record{}, err
	}
	f, err := weights.Read(path)
	if err != nil {
		return nil, record{}, err
	}
	r, err := readRecord(f)
	return f, r, err
}

// loadModel puts weights into a model. Where the file records its structure (a
// checkpoint of ours), that counts; the dimensions are those of o in any case, which come
// from the configuration.
func loadModel(b backend, f *weights.File, r record, o ctrl.Options) (*trained, error) {
	t, err := loadInto(b, f, r, o)
	if err != nil {
		return nil, fmt.Errorf("%w; the model is that of preset %s (--preset) with the dimensions of the configuration's MODEL section (--config)", err, o.Preset)
	}
	return t, nil
}

// loadInto is loadModel for dimensions that come from elsewhere.
func loadInto(b backend, f *weights.File, r record, o ctrl.Options) (*trained, error) {
	if r.options != nil {
		o.Bias, o.Fusion = r.options.Bias, r.options.Fusion
	}
	model, err := ctrl.Blank(b, o)
	if err != nil {
		return nil, err
	}
	tensors, err := f.Match(model.Specs())
	if err != nil {
		return nil, err
	}
	if err := model.Load(tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return &trained{Model: model, record: r, path: f.Path}, nil
}
