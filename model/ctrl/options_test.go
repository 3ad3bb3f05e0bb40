package ctrl

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall/nn"
	"tall/tensor"
)

// The table of presets, as the three sources have it.
func TestPreset_Table(t *testing.T) {
	type row struct {
		LR, Clip, NIoL  float64
		Epochs, Steps   int
		FC, Fusion      string
		Bias, Distinct  bool
		Regression, Mix string
		EvalIoU         []float64
	}
	want := map[string]row{
		"paddle": {0.001, 5, 0.15, 25, 0, "normal(1)", "he", false, false, "l1", "raw", []float64{0.1, 0.3, 0.5, 0.7}},
		"tf":     {0.005, 0, 0.15, 0, 20000, "normal(1)", "normal(0.01)", true, true, "l1", "raw", []float64{0.1, 0.2, 0.3, 0.4, 0.5}},
		"paper":  {0.005, 0, 0.2, 0, 20000, "normal(1)", "normal(0.01)", true, true, "smooth_l1", "fc", []float64{0.1, 0.3, 0.5}},
	}
	if len(Presets()) != len(want) {
		t.Errorf("presets %v", Presets())
	}
	for _, name := range Presets() {
		o, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		got := row{
			o.LearningRate, o.ClipNorm, o.MaxNIoL, o.Epochs, o.Steps, o.InitFC.String(), o.InitFusion.String(),
			o.Bias, o.DistinctClips, string(o.Regression), string(o.Fusion), o.EvalIoU,
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if o.VisualDim != 12288 || o.SentenceDim != 4800 || o.SemanticDim != 1024 || o.HiddenDim != 1000 ||
			o.BatchSize != 56 || o.MinIoU != 0.5 || o.RegressionWeight != 0.01 || o.Preset != name {
			t.Errorf("%s: %+v", name, o)
		}
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if a := o.Adam(); a.LR != o.LearningRate || a.ClipNorm != o.ClipNorm || a.Beta1 != 0.9 || a.Beta2 != 0.999 || a.Epsilon != 1e-8 {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestPreset_UnknownNamesTheValid(t *testing.T) {
	if _, err := Preset("pytorch"); err == nil || !strings.Contains(err.Error(), "paddle, tf, paper") {
		t.Errorf("error %v", err)
	}
}

func TestOptions_JSON(t *testing.T) {
	for _, name := range Presets() {
		want, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Options
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestOptions_ValidateNamesEachField(t *testing.T) {
	for field, spoil := range map[string]func(*Options){
		"visual_dim":        func(o *Options) { o.VisualDim = 0 },
		"sentence_dim":      func(o *Options) { o.SentenceDim = -1 },
		"semantic_dim":      func(o *Options) { o.SemanticDim = 0 },
		"hidden_dim":        func(o *Options) { o.HiddenDim = 0 },
		"batch_size":        func(o *Options) { o.BatchSize = 0 },
		"fusion":            func(o *Options) { o.Fusion = "sum" },
		"regression":        func(o *Options) { o.Regression = "l2" },
		"regression_weight": func(o *Options) { o.RegressionWeight = -1 },
		"min_iou":           func(o *Options) { o.MinIoU = 1 },
		"max_niol":          func(o *Options) { o.MaxNIoL = 0 },
		"learning_rate":     func(o *Options) { o.LearningRate = 0 },
		"clip_norm":         func(o *Options) { o.ClipNorm = -5 },
		"epochs":            func(o *Options) { o.Epochs, o.Steps = 0, 0 },
		"eval_iou":          func(o *Options) { o.EvalIoU = []float64{1.5} },
	} {
		o := tinyOptions(t, "paddle")
		spoil(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), field+" ") {
			t.Errorf("%s: error %v", field, err)
		}
		if _, err := New(nil, o, 1); err == nil {
			t.Errorf("%s: New takes it", field)
		}
	}
	o := tinyOptions(t, "paddle")
	o.InitFC = nn.Init{}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}

// Initial values follow the options: the standard deviation of each layer's
// weights is the preset's, within 5 standard errors, and biases are 0.
func TestNew_InitialValues(t *testing.T) {
	for _, preset := range Presets() {
		o := tinyOptions(t, preset)
		o.VisualDim, o.SentenceDim, o.SemanticDim, o.HiddenDim = 80, 70, 60, 400
		b := tensor.NewCPU(1)
		m, err := New(b, o, 3)
		if err != nil {
			t.Fatal(err)
		}
		mid, out := 0.01, 0.01
		if preset == "paddle" {
			mid, out = math.Sqrt(2./240), math.Sqrt(2./400) // fan-in 4D and H
		}
		want := map[string]float64{
			"v2s_lt_weights": 1, "s2s_lt_weights": 1,
			"mid_out_weights": mid, "sim_mat_weights": out, "fusion_fc_weights": 0.01,
		}
		for _, p := range m.Params() {
			n := float64(p.Len())
			got := math.Sqrt(b.SumSquares(p.Value) / n)
			if math.Abs(got-want[p.Name]) > 5*want[p.Name]/math.Sqrt(2*n) {
				t.Errorf("%s: %s has standard deviation %v, want %v", preset, p.Name, got, want[p.Name])
			}
		}
	}
}
