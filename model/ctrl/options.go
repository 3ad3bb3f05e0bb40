package ctrl

import (
	"errors"
	"fmt"
	"strings"

	"tall/nn"
)

// Options are everything in which the sources of the method differ, and the
// dimensions. [Preset] fills them; each may then be changed on its own.
type Options struct {
	Preset string `json:"preset"` // the preset they began as; recorded only

	// Dimensions of the model.
	VisualDim   int `json:"visual_dim"`   // F: window features with context, 3 x 4096
	SentenceDim int `json:"sentence_dim"` // E: skip-thought, 4800
	SemanticDim int `json:"semantic_dim"` // D: joint space, 1024
	HiddenDim   int `json:"hidden_dim"`   // H: fusion layer, 1000

	// Structure and initial values.
	Bias       bool    `json:"bias"`        // biases in every layer, initially 0
	Fusion     Fusion  `json:"fusion"`      // what the fusion layer sees of a pair
	InitFC     nn.Init `json:"init_fc"`     // of v2s_lt and s2s_lt
	InitFusion nn.Init `json:"init_fusion"` // of mid_out, sim_mat and fusion_fc

	// Loss.
	Regression       Regression `json:"regression"`
	RegressionWeight float64    `json:"regression_weight"` // lambda: 0.01

	// Training pairs and batches.
	MinIoU        float64 `json:"min_iou"`        // a pair's IoU is above it
	MaxNIoL       float64 `json:"max_niol"`       // a pair's nIoL is below it
	BatchSize     int     `json:"batch_size"`     // B: 56
	DistinctClips bool    `json:"distinct_clips"` // never the same true clip twice in a batch

	// Schedule and optimizer.
	LearningRate float64 `json:"learning_rate"`
	ClipNorm     float64 `json:"clip_norm"` // of the gradients' global norm; 0: off
	Epochs       int     `json:"epochs"`    // 0: bounded by Steps
	Steps        int     `json:"steps"`     // 0: bounded by Epochs

	// EvalIoU are the thresholds at which the source reports recall.
	EvalIoU []float64 `json:"eval_iou"`
}

// Fusion is what the fusion layer sees of a pair.
type Fusion string

// The kinds of fusion.
const (
	FusionRaw Fusion = "raw" // [v*q | v+q | v | q], 4D: both ports
	FusionFC  Fusion = "fc"  // [v*q | v+q | FC(v|q)], 3D: paper, section 3.2
)

// Regression is the loss of an offset.
type Regression string

// The losses of an offset.
const (
	L1       Regression = "l1"        // |d|
	SmoothL1 Regression = "smooth_l1" // d*d/2 where |d| < 1, |d| - 1/2 elsewhere
)

// Presets lists the valid names for [Preset].
func Presets() []string { return []string{"paddle", "tf", "paper"} }

// Preset returns the options of one of the three sources of the method: "paddle",
// the PaddlePaddle port (release 1.8), "tf", the authors' TensorFlow code, or
// "paper", Gao et al. 2017, which takes tf's values where the paper is silent.
func Preset(name string) (Options, error) {
	o := Options{
		Preset:           name,
		VisualDim:        12288,
		SentenceDim:      4800,
		SemanticDim:      1024,
		HiddenDim:        1000,
		Fusion:           FusionRaw,
		InitFC:           nn.Normal(1),
		Regression:       L1,
		RegressionWeight: 0.01,
		MinIoU:           0.5,
		MaxNIoL:          0.15,
		BatchSize:        56,
	}
	switch name {
	case "paddle":
		o.InitFusion = nn.He()
		o.LearningRate = 0.001
		o.Epochs = 25
		o.ClipNorm = 5
		o.EvalIoU = []float64{0.1, 0.3, 0.5, 0.7}
	case "tf":
		o.tf()
	case "paper":
		o.tf()
		o.Fusion = FusionFC
		o.Regression = SmoothL1
		o.MaxNIoL = 0.2
		o.EvalIoU = []float64{0.1, 0.3, 0.5}
	default:
		return Options{}, fmt.Errorf("unknown preset %q: want one of %s", name, strings.Join(Presets(), ", "))
	}
	return o, nil
}

func (o *Options) tf() {
	o.Bias = true
	o.InitFusion = nn.Normal(0.01)
	o.LearningRate = 0.005
	o.Steps = 20000
	o.DistinctClips = true
	o.EvalIoU = []float64{0.1, 0.2, 0.3, 0.4, 0.5}
}

// Validate returns an error that names every field that cannot be used.
func (o Options) Validate() error {
	var bad []string
	require := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	for _, d := range []struct {
		name string
		n    int
	}{
		{"visual_dim", o.VisualDim},
		{"sentence_dim", o.SentenceDim},
		{"semantic_dim", o.SemanticDim},
		{"hidden_dim", o.HiddenDim},
		{"batch_size", o.BatchSize},
	} {
		require(d.n > 0, "%s is %d, want a positive number", d.name, d.n)
	}
	switch o.Fusion {
	case FusionRaw, FusionFC:
	default:
		require(false, "fusion is %q, want %s or %s", o.Fusion, FusionRaw, FusionFC)
	}
	switch o.Regression {
	case L1, SmoothL1:
	default:
		require(false, "regression is %q, want %s or %s", o.Regression, L1, SmoothL1)
	}
	require(o.RegressionWeight >= 0, "regression_weight is %g, want 0 or more", o.RegressionWeight)
	require(o.MinIoU >= 0 && o.MinIoU < 1, "min_iou is %g, want 0 or more and less than 1", o.MinIoU)
	require(o.MaxNIoL > 0, "max_niol is %g, want more than 0", o.MaxNIoL)
	require(o.LearningRate > 0, "learning_rate is %g, want more than 0", o.LearningRate)
	require(o.ClipNorm >= 0, "clip_norm is %g, want 0 (off) or more", o.ClipNorm)
	require(o.Epochs >= 0 && o.Steps >= 0 && o.Epochs+o.Steps > 0, "epochs is %d and steps is %d, want one of them above 0", o.Epochs, o.Steps)
	for _, t := range o.EvalIoU {
		require(t > 0 && t <= 1, "eval_iou holds %g, want numbers above 0 and at most 1", t)
	}
	if bad != nil {
		return errors.New("options of the model: " + strings.Join(bad, "; "))
	}
	return nil
}

// Adam returns the optimizer of the options.
func (o Options) Adam() *nn.Adam { return nn.NewAdam(o.LearningRate, o.ClipNorm) }

// Parameters is how many values a model has: 21,597,112 at the reference's size.
// It is a float, as dimensions that nobody has checked may be of any size.
func (o Options) Parameters() float64 {
	f, e, d, h := float64(o.VisualDim), float64(o.SentenceDim), float64(o.SemanticDim), float64(o.HiddenDim)
	n, channels := f*d+e*d, 4*d
	if o.Fusion == FusionFC {
		n, channels = n+2*d*d, 3*d
	}
	n += h*channels + outputs*h
	if o.Bias {
		n += 2*d + h + outputs
		if o.Fusion == FusionFC {
			n += d
		}
	}
	return n
}
