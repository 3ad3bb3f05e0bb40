package config

import (
	"fmt"
	"slices"
)

// Source says where a value came from.
type Source int

// A value is the default until a file gives it, and a flag beats both.
const (
	FromDefault Source = iota
	FromFile
	FromFlag
)

func (s Source) String() string {
	switch s {
	case FromFile:
		return "file"
	case FromFlag:
		return "flag"
	}
	return "default"
}

// The names of the data sections, in the order of the reference's file.
const (
	Train = "TRAIN"
	Valid = "VALID"
	Test  = "TEST"
	Infer = "INFER"

	model = "MODEL"
)

// Config is one configuration file.
type Config struct {
	Path  string // the file, as it is named in errors
	Model Model

	Train, Valid, Test, Infer Section
}

// Model is the section MODEL. Letters are those of package tall.
//
// The tags are the schema: key is the name in the file, def the default (the
// reference's configs/tall.yaml), one the values allowed, min the smallest
// number; ours marks a key that the reference does not have.
type Model struct {
	Name                  string `key:"name" def:"TALL"`
	VisualFeatureDim      int    `key:"visual_feature_dim" def:"12288" min:"1"`     // F
	SentenceEmbeddingSize int    `key:"sentence_embedding_size" def:"4800" min:"1"` // E
	SemanticSize          int    `key:"semantic_size" def:"1024" min:"1"`           // D
	HiddenSize            int    `key:"hidden_size" def:"1000" min:"1"`             // H
	OutputSize            int    `key:"output_size" def:"3" min:"3" max:"3"`        // score, start and end offset

	Preset     string `key:"preset" def:"paddle" one:"paddle tf paper" ours:"yes"`
	Bias       bool   `key:"bias" def:"False" ours:"yes"`
	Fusion     string `key:"fusion" def:"raw" one:"raw fc" ours:"yes"`
	FusionInit string `key:"fusion_init" def:"he" one:"he gaussian" ours:"yes"`

	given given
}

// Section is one of the data sections TRAIN, VALID, TEST and INFER. Each holds
// the keys whose tag in names it; the others keep their zero value.
type Section struct {
	Name    string // TRAIN, VALID, TEST, INFER
	Present bool   // the file has the section

	Epoch        int     `key:"epoch" in:"TRAIN" def:"25" min:"1"`
	UseGPU       bool    `key:"use_gpu" def:"False"` // the reference: True
	NumGPUs      int     `key:"num_gpus" def:"1" min:"0"`
	BatchSize    int     `key:"batch_size" def:"56" min:"1"` // B; TEST and INFER: 1
	OffSize      int     `key:"off_size" in:"TRAIN VALID" def:"2" min:"2" max:"2"`
	ClipNorm     float64 `key:"clip_norm" in:"TRAIN VALID" def:"5.0" min:"0"` // 0: no clipping
	LearningRate float64 `key:"learning_rate" in:"TRAIN VALID" def:"1e-3" above:"0"`

	FeatsDimen  int `key:"feats_dimen" min:"1"` // of one window; default: a third of F
	ContextNum  int `key:"context_num" def:"1" min:"1"`
	ContextSize int `key:"context_size" def:"128" min:"1"` // frames
	SentVecDim  int `key:"sent_vec_dim" min:"1"`           // default: E
	// SemanticSize is not the model's D: in TEST and INFER the reference cuts
	// sentence vectors to it, in TRAIN and VALID nothing reads it. Use
	// [Section.SentenceDim].
	SemanticSize int `key:"semantic_size" min:"1"`

	SlidingClipPath string `key:"sliding_clip_path"` // folder of windows, one .npy each
	ClipSentvec     string `key:"clip_sentvec"`      // pickle [[clip_name, [vector, ...]], ...]
	MovieLengthInfo string `key:"movie_length_info"` // pickle {movie: frames}; may be empty
	// Filelist is the folder that holds infer_feat/ and infer_clip-sen.pkl.
	Filelist string `key:"filelist" in:"INFER"`

	FPS         float64 `key:"fps" def:"29.4" above:"0" ours:"yes"` // frames in a second of the source videos; TACoS's
	ContextMode string  `key:"context_mode" def:"exact" one:"exact nearest none" ours:"yes"`
	Pack        bool    `key:"pack" def:"True" ours:"yes"`
	Threads     int     `key:"threads" def:"0" min:"0" ours:"yes"` // 0: all processors

	MinIoU     float64 `key:"min_iou" in:"TRAIN" def:"0.5" min:"0" max:"1" ours:"yes"`   // a pair's IoU is above this
	MaxNIoL    float64 `key:"max_niol" in:"TRAIN" def:"0.15" min:"0" max:"1" ours:"yes"` // and its nIoL below this
	Regression string  `key:"regression" in:"TRAIN" def:"l1" one:"l1 smooth_l1" ours:"yes"`
	Dedup      bool    `key:"dedup" in:"TRAIN" def:"False" ours:"yes"`     // no clip twice in a batch
	Steps      int     `key:"steps" in:"TRAIN" def:"0" min:"0" ours:"yes"` // stop after so many; 0: by epoch

	IoUThresholds []float64 `key:"iou_thresholds" in:"VALID TEST" def:"0.1 0.3 0.5 0.7" min:"0" max:"1" ours:"yes"`
	// NMS is "moving" (the metric's IoU less 0.05) or a fixed threshold.
	NMS       string `key:"nms" in:"VALID TEST INFER" def:"moving" ours:"yes"`
	InferTopK int    `key:"infer_topk" in:"INFER" def:"20" min:"1" ours:"yes"`

	model *Model
	given given
}

// New returns a configuration with the reference's values and no paths, as an
// empty file would give it.
func New() *Config {
	c := &Config{Path: "defaults"}
	fillDefaults(&c.Model, model)
	for _, name := range []string{Train, Valid, Test, Infer} {
		s := c.section(name)
		s.Name, s.model = name, &c.Model
		fillDefaults(s, name)
	}
	c.Test.BatchSize, c.Infer.BatchSize = 1, 1
	c.Infer.NMS = "0.45" // predict.py's fixed choice
	c.derive()
	return c
}

// Section returns the data section of the given name (TRAIN, VALID, TEST or
// INFER).
func (c *Config) Section(name string) (*Section, error) {
	if s := c.section(name); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("no section %q: there are %s", name, list(sections[1:]))
}

var sections = []string{model, Train, Valid, Test, Infer}

func (c *Config) section(name string) *Section {
	switch name {
	case Train:
		return &c.Train
	case Valid:
		return &c.Valid
	case Test:
		return &c.Test
	case Infer:
		return &c.Infer
	}
	return nil
}

// holder returns the struct of a section (pointer) and its record of sources.
func (c *Config) holder(name string) (any, *given) {
	if name == model {
		return &c.Model, &c.Model.given
	}
	if s := c.section(name); s != nil {
		return s, &s.given
	}
	return nil, nil
}

// derive fills what follows from other values and was not given.
func (c *Config) derive() {
	for _, name := range sections[1:] {
		s := c.section(name)
		if s.Source("feats_dimen") == FromDefault {
			s.FeatsDimen = c.Model.VisualFeatureDim / 3 // [left|clip|right]
		}
		if s.Source("sent_vec_dim") == FromDefault {
			s.SentVecDim = c.Model.SentenceEmbeddingSize
		}
		if s.Source("semantic_size") == FromDefault {
			s.SemanticSize = s.SentVecDim
		}
	}
	c.deriveFilelist()
}

// SentenceDim is the length to which the section's sentence vectors are cut:
// sent_vec_dim in TRAIN and VALID, semantic_size in TEST and INFER, where the
// reference's reader cuts a second time by that key.
func (s *Section) SentenceDim() int {
	if s.Name == Test || s.Name == Infer {
		return min(s.SentVecDim, s.SemanticSize)
	}
	return s.SentVecDim
}

// Source tells where the value of a key came from.
func (s *Section) Source(key string) Source { return s.given[key].source }

// Source tells where the value of a key came from.
func (m *Model) Source(key string) Source { return m.given[key].source }

// Where names the place of a value, for errors about what it names:
// "configs/tall.yaml:28:3", "a flag", or the file alone for a default.
func (c *Config) Where(section, key string) string {
	_, g := c.holder(section)
	if g == nil {
		return c.Path
	}
	switch p := (*g)[key]; p.source {
	case FromFile:
		return fmt.Sprintf("%s:%d:%d", c.Path, p.line, p.col)
	case FromFlag:
		return "--" + key
	}
	return c.Path
}

// given holds the sources of the keys that are not at their default.
type given map[string]place

type place struct {
	source    Source
	line, col int // in the file
}

// Keys returns the keys that a section may hold, sorted.
func Keys(section string) []string {
	fields := schema(section)
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.key
	}
	slices.Sort(out)
	return out
}
