package main

import (
	"encoding/json"
	"fmt"

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
)

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
	for key, value := range map[string]any{metaOptions: o, metaVisual: visual, metaSentence: sentence} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		meta[key] = string(text)
	}
	return meta, nil
}

// trained is a model with the weights of a file and what the file says of them.
type trained struct {
	*ctrl.Model
	path             string
	visual, sentence tall.Manifest
	mark             string            // how it was chosen, where the file says so
	meta             map[string]string // what the file records, the state of its run aside
}

// loadModel reads weights into a model. Where the file records its structure
// (a checkpoint of ours), that counts; the configuration's dimensions must agree
// in any case.
func loadModel(b backend, path string, o ctrl.Options) (*trained, error) {
	found, err := train.Find(path)
	if err != nil {
		return nil, err
	}
	f, err := weights.Read(found)
	if err != nil {
		return nil, err
	}
	t := &trained{path: found, mark: f.Meta[metaMark], meta: map[string]string{}}
	for _, key := range []string{metaOptions, metaVisual, metaSentence, metaMark} {
		if text, ok := f.Meta[key]; ok {
			t.meta[key] = text
		}
	}
	if text := f.Meta[metaOptions]; text != "" {
		var recorded ctrl.Options
		if err := json.Unmarshal([]byte(text), &recorded); err != nil {
			return nil, fmt.Errorf("%s: metadata %s: %w: %w", found, metaOptions, tall.ErrFormat, err)
		}
		o.Bias, o.Fusion = recorded.Bias, recorded.Fusion
	}
	for key, m := range map[string]*tall.Manifest{metaVisual: &t.visual, metaSentence: &t.sentence} {
		if text := f.Meta[key]; text != "" {
			if err := json.Unmarshal([]byte(text), m); err != nil {
				return nil, fmt.Errorf("%s: metadata %s: %w: %w", found, key, tall.ErrFormat, err)
			}
		}
	}
	if t.Model, err = ctrl.Blank(b, o); err != nil {
		return nil, err
	}
	tensors, err := f.Match(t.Specs())
	if err != nil {
		return nil, fmt.Errorf("%w; the model is that of preset %s (--preset) with the dimensions of the configuration's MODEL section", err, o.Preset)
	}
	if err := t.Load(tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", found, err)
	}
	return t, nil
}
