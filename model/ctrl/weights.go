package ctrl

import (
	"fmt"
	"slices"
	"strings"

	"tall"
	"tall/feature"
	"tall/nn"
	"tall/weights"
)

// Specs lists the names and shapes of the parameters, those of the reference:
// v2s_lt_weights [F, D], s2s_lt_weights [E, D], mid_out_weights [H, 4D, 1, 1],
// sim_mat_weights [3, H, 1, 1], each with its biases where the preset has them,
// and fusion_fc_weights [2D, D] where the fusion is the paper's. An input matrix
// is [in, out]; a fusion matrix, which the ports hold as a 1x1 convolution, is
// [out, in, 1, 1].
func (m *Model) Specs() []weights.Spec {
	params := m.Params()
	specs := make([]weights.Spec, 0, len(params))
	for _, p := range params {
		specs = append(specs, weights.Spec{Name: p.Name, Shape: slices.Clone(p.Shape)})
	}
	return specs
}

// Export copies the parameters to the host, in the order of [Model.Specs].
func (m *Model) Export() []weights.Tensor {
	params := m.Params()
	ts := make([]weights.Tensor, 0, len(params))
	for _, p := range params {
		data := make([]float32, p.Len())
		m.b.Download(data, p.Value)
		ts = append(ts, weights.Tensor{Name: p.Name, Shape: slices.Clone(p.Shape), Data: data})
	}
	return ts
}

// Load sets the parameters from tensors of the same names and shapes, in any
// order; others are passed over. Where one is missing ([tall.ErrMissing]), has
// another shape ([tall.ErrShape]) or holds NaN or infinities
// ([tall.ErrNotFinite]), the error names each of them and nothing is changed.
func (m *Model) Load(ts []weights.Tensor) error {
	found := map[string]weights.Tensor{}
	for _, t := range ts {
		found[t.Name] = t
	}
	var errs []error
	for _, p := range m.Params() {
		t, ok := found[p.Name]
		if err := fits(p, t, ok); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("weights do not fit the model (preset %s): %w%s", m.opts.Preset, joined(errs), m.hint(found))
	}
	for _, p := range m.Params() {
		m.b.Upload(p.Value, found[p.Name].Data)
	}
	return nil
}

func fits(p *nn.Param, t weights.Tensor, ok bool) error {
	if !ok {
		return fmt.Errorf("%w: %s %v", tall.ErrMissing, p.Name, p.Shape)
	}
	if !slices.Equal(t.Shape, p.Shape) || len(t.Data) != p.Len() {
		return fmt.Errorf("%w: %s is %v with %d values, want %v", tall.ErrShape, p.Name, t.Shape, len(t.Data), p.Shape)
	}
	if n := feature.NotFinite(t.Data); n > 0 {
		return fmt.Errorf("%w: %d of the %d values of %s; take another file", tall.ErrNotFinite, n, len(t.Data), p.Name)
	}
	return nil
}

// joined is errors.Join on one line.
type joined []error

func (j joined) Unwrap() []error { return j }

func (j joined) Error() string {
	s := make([]string, len(j))
	for i, err := range j {
		s[i] = err.Error()
	}
	return strings.Join(s, "; ")
}

// hint tells weights of another preset.
func (m *Model) hint(found map[string]weights.Tensor) string {
	_, biases := found[nameMid+"_biases"]
	_, fc := found[nameFC+"_weights"]
	if len(found) == 0 || biases == m.opts.Bias && fc == (m.opts.Fusion == FusionFC) {
		return ""
	}
	preset := "paddle"
	switch {
	case fc:
		preset = "paper"
	case biases:
		preset = "tf"
	}
	return fmt.Sprintf("; these weights look like those of preset %s (--preset %s)", preset, preset)
}
