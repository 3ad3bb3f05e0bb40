package ctrl

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"tall/nn"
	"tall/tensor"
)

// recording is one run of testdata/record.py.
type recording struct {
	Name     string
	Preset   string
	Clip     float64
	Batch    int
	Visual   int
	Sentence int
	Semantic int
	Hidden   int
	Steps    []struct{ Total, Align, Reg, Norm float64 }
	// Gradients are those of the first step: the norm, and eight values.
	Gradients map[string]struct {
		Norm   float64
		At     []int
		Values []float64
	}
}

func readRecordings(t *testing.T, path string) []recording {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []recording
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no recordings")
	}
	return all
}

// Ten steps of training against PyTorch in float64, autograd and concatenated
// fusion, Adam as the reference has it (testdata/record.py).
func TestModel_TenStepsEqualPyTorch(t *testing.T) {
	for _, r := range readRecordings(t, "testdata/steps.json") {
		t.Run(r.Name, func(t *testing.T) { r.replay(t) })
	}
}

// The same at the reference's dimensions: 21.6 million parameters.
func TestModel_TenStepsEqualPyTorchFullSize(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("takes 5 s and 400 MB; set TALL_LONG=1")
	}
	for _, r := range readRecordings(t, "testdata/steps_full.json") {
		t.Run(r.Name, func(t *testing.T) { r.replay(t) })
	}
}

const (
	// The first loss is float32 arithmetic against float64; measured: 2e-8.
	firstTolerance = 1e-6
	// Later losses follow parameters that Adam moved: where a gradient is nearly
	// 0, its first steps are the sign of rounding. Measured: 3e-7 for losses, 4e-5
	// for norms of gradients. Adam with PyTorch's epsilon is off by
	// 1e-4 to 2e-3 in the medium runs.
	stepTolerance = 1e-5
	normTolerance = 1e-3
	// Gradients as in gradTolerance.
	recordedGradTolerance = 1e-4
)

func (r recording) replay(t *testing.T) {
	o, err := Preset(r.Preset)
	if err != nil {
		t.Fatal(err)
	}
	o.VisualDim, o.SentenceDim, o.SemanticDim, o.HiddenDim, o.BatchSize = r.Visual, r.Sentence, r.Semantic, r.Hidden, r.Batch
	o.ClipNorm = r.Clip
	b := tensor.NewCPU(0)
	m, err := New(b, o, 0)
	if err != nil {
		t.Fatal(err)
	}
	m.Train()
	r.fill(m)
	var batches []Batch
	for k := range 3 {
		batches = append(batches, r.batch(o, uint64(k)))
	}
	adam := o.Adam()
	for i, want := range r.Steps {
		got := m.Step(batches[i%len(batches)])
		tolerance := stepTolerance
		if i == 0 {
			tolerance = firstTolerance
			r.compareGradients(t, m)
		}
		norm := adam.Update(b, m.Params())
		compareLoss(t, got, Loss{Total: want.Total, Align: want.Align, Reg: want.Reg}, tolerance)
		if math.Abs(norm-want.Norm) > normTolerance*want.Norm {
			t.Errorf("step %d: gradient norm %v, want %v", i+1, norm, want.Norm)
		}
		t.Logf("step %2d: loss %.9f, relative error %8.1e; gradient norm %.6f, %8.1e", i+1,
			got.Total, got.Total/want.Total-1, norm, norm/want.Norm-1)
	}
}

func (r recording) compareGradients(t *testing.T, m *Model) {
	t.Helper()
	if len(r.Gradients) != len(m.Params()) {
		t.Fatalf("gradients of %d parameters, the model has %d", len(r.Gradients), len(m.Params()))
	}
	for _, p := range m.Params() {
		want, ok := r.Gradients[p.Name]
		if !ok {
			t.Fatalf("no gradient of %s", p.Name)
		}
		if norm := math.Sqrt(m.b.SumSquares(p.Grad)); math.Abs(norm-want.Norm) > recordedGradTolerance*want.Norm {
			t.Errorf("%s: norm of the gradient %v, want %v", p.Name, norm, want.Norm)
		}
		grad := download(m.b, p.Grad)
		largest := 0.0
		for _, g := range grad {
			largest = max(largest, math.Abs(float64(g)))
		}
		for k, i := range want.At {
			if math.Abs(float64(grad[i])-want.Values[k]) > recordedGradTolerance*largest {
				t.Errorf("%s: gradient[%d] = %v, want %v", p.Name, i, grad[i], want.Values[k])
			}
		}
	}
}

// uniform is SplitMix64 of (stream << 32) + k, as in record.py.
func uniform(stream, k uint64) float64 {
	z := stream<<32 + k + 1
	z *= 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11) * 0x1p-53
}

// fill sets the weights by the formula of record.py; biases stay 0.
func (r recording) fill(m *Model) {
	for _, w := range []struct {
		p      *nn.Param
		stream uint64
		std    float64
	}{
		{m.visual.W, 1, 1},
		{m.sentence.W, 2, 1},
		{m.mid, 3, r.fusionStd(m.mid.Value.Cols)},
		{m.out, 4, r.fusionStd(m.out.Value.Cols)},
		{m.fc.W, 5, 0.01},
	} {
		if w.p == nil {
			continue
		}
		values := make([]float32, w.p.Len())
		for k := range values {
			values[k] = float32((uniform(w.stream, uint64(k)) - 0.5) * (math.Sqrt(12) * w.std))
		}
		m.b.Upload(w.p.Value, values)
	}
}

func (r recording) fusionStd(fanIn int) float64 {
	if r.Preset == "paddle" {
		return math.Sqrt(2 / float64(fanIn))
	}
	return 0.01
}

func (r recording) batch(o Options, k uint64) Batch {
	batch := o.NewBatch(r.Batch)
	s := 100 + 10*k
	for i := range batch.Windows {
		batch.Windows[i] = float32(max(0, (uniform(s, uint64(i))-0.7)*16))
	}
	for i := range batch.Sentences {
		batch.Sentences[i] = float32((uniform(s+1, uint64(i)) - 0.5) * 0.0625)
	}
	for i := range batch.Offsets {
		batch.Offsets[i] = float32(math.Floor(uniform(s+2, uint64(i))*81 - 40))
	}
	return batch
}
