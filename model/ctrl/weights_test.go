package ctrl

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/tensor"
	"tall/weights"
)

// The names, shapes and numbers of parameters of the reference.
func TestModel_SpecsAreTheReferences(t *testing.T) {
	matrices := []weights.Spec{
		{Name: "v2s_lt_weights", Shape: []int{12288, 1024}},
		{Name: "s2s_lt_weights", Shape: []int{4800, 1024}},
		{Name: "mid_out_weights", Shape: []int{1000, 4096, 1, 1}},
		{Name: "sim_mat_weights", Shape: []int{3, 1000, 1, 1}},
	}
	all := []weights.Spec{
		matrices[0],
		{Name: "v2s_lt_biases", Shape: []int{1024}},
		matrices[1],
		{Name: "s2s_lt_biases", Shape: []int{1024}},
		matrices[2],
		{Name: "mid_out_biases", Shape: []int{1000}},
		matrices[3],
		{Name: "sim_mat_biases", Shape: []int{3}},
	}
	for _, c := range []struct {
		preset string
		want   []weights.Spec
		count  int
	}{{"paddle", matrices, 21597112}, {"tf", all, 21600163}} {
		o, err := Preset(c.preset)
		if err != nil {
			t.Fatal(err)
		}
		m, err := New(tensor.NewCPU(0), o, 1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, m.Specs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.preset, diff)
		}
		n := 0
		for _, p := range m.Params() {
			n += p.Len()
		}
		if n != c.count {
			t.Errorf("%s: %d parameters, want %d", c.preset, n, c.count)
		}
	}
	paper := randomModel(t, tensor.NewCPU(1), tinyOptions(t, "paper"), rand.New(rand.NewPCG(1, 2))).Specs()
	for _, want := range []weights.Spec{
		{Name: "fusion_fc_weights", Shape: []int{12, 6}},
		{Name: "fusion_fc_biases", Shape: []int{6}},
		{Name: "mid_out_weights", Shape: []int{8, 18, 1, 1}},
	} {
		if !slices.ContainsFunc(paper, func(s weights.Spec) bool { return cmp.Equal(s, want) }) {
			t.Errorf("paper: no %v in %v", want, paper)
		}
	}
}

func TestModel_ExportLoad(t *testing.T) {
	for _, preset := range Presets() {
		o := tinyOptions(t, preset)
		b := tensor.NewCPU(1)
		from := randomModel(t, b, o, rand.New(rand.NewPCG(1, 2)))
		to, err := Blank(b, o)
		if err != nil {
			t.Fatal(err)
		}
		ts := from.Export()
		slices.Reverse(ts)
		ts = append(ts, weights.Tensor{Name: "adam.m.v2s_lt_weights", Shape: []int{1}, Data: []float32{1}})
		if err := to.Load(ts); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(from.Export(), to.Export()); diff != "" {
			t.Errorf("%s:\n%s", preset, diff)
		}
	}
}

func TestModel_LoadRefuses(t *testing.T) {
	b := tensor.NewCPU(1)
	o := tinyOptions(t, "paddle")
	m := randomModel(t, b, o, rand.New(rand.NewPCG(1, 2)))
	before := m.Export()
	tensors := func(spoil func([]weights.Tensor) []weights.Tensor) []weights.Tensor {
		other := randomModel(t, b, o, rand.New(rand.NewPCG(3, 4)))
		return spoil(other.Export())
	}
	tf := tinyOptions(t, "tf")
	for _, c := range []struct {
		name string
		ts   []weights.Tensor
		want error
		text string
	}{
		{"nothing", nil, tall.ErrMissing, "sim_mat_weights"},
		{"missing", tensors(func(ts []weights.Tensor) []weights.Tensor { return ts[1:] }), tall.ErrMissing, "v2s_lt_weights [9 6]"},
		{"shape", tensors(func(ts []weights.Tensor) []weights.Tensor { ts[2].Shape = []int{24, 8, 1, 1}; return ts }), tall.ErrShape, "mid_out_weights is [24 8 1 1]"},
		{"length", tensors(func(ts []weights.Tensor) []weights.Tensor { ts[3].Data = ts[3].Data[1:]; return ts }), tall.ErrShape, "with 23 values"},
		{"NaN", tensors(func(ts []weights.Tensor) []weights.Tensor {
			ts[1].Data[5] = float32(math.NaN())
			return ts
		}), tall.ErrNotFinite, "1 of the 42 values of s2s_lt_weights"},
	} {
		err := m.Load(c.ts)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v", c.name, err)
		}
		if diff := cmp.Diff(before, m.Export()); diff != "" {
			t.Errorf("%s: the model has changed", c.name)
		}
	}
	// Both faults of one file are named.
	err := m.Load(tensors(func(ts []weights.Tensor) []weights.Tensor { ts[2].Shape = nil; return ts[1:] }))
	if !errors.Is(err, tall.ErrMissing) || !errors.Is(err, tall.ErrShape) {
		t.Errorf("error %v", err)
	}

	other := randomModel(t, b, tf, rand.New(rand.NewPCG(1, 2)))
	if err := other.Load(before); err == nil || !strings.Contains(err.Error(), "--preset paddle") {
		t.Errorf("error %v", err)
	}
	if err := m.Load(randomModel(t, b, tinyOptions(t, "paper"), rand.New(rand.NewPCG(1, 2))).Export()); err == nil || !strings.Contains(err.Error(), "--preset paper") {
		t.Errorf("error %v", err)
	}
}
