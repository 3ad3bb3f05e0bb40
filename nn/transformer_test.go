package nn

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tall/tensor"
)

// twin is the transformer in float64, from its named parameters.
type twin struct {
	Config
	names  Names
	values map[string][]float32
}

func newTwin(b tensor.Memory, t *Transformer, names Names) *twin {
	w := &twin{Config: t.Config, names: names, values: map[string][]float32{}}
	for _, p := range t.Params() {
		w.values[p.Name] = values(b, p.Value)
	}
	return w
}

// dense is x W^T + b with W (out, in), x (n, in).
func (w *twin) dense(name string, x [][]float64) [][]float64 {
	weight, bias := w.values[name+".weight"], w.values[name+".bias"]
	y := make([][]float64, len(x))
	for i := range x {
		y[i] = make([]float64, len(bias))
		for o := range bias {
			sum := float64(bias[o])
			for c, v := range x[i] {
				sum += v * float64(weight[o*len(x[i])+c])
			}
			y[i][o] = sum
		}
	}
	return y
}

func (w *twin) norm(name string, x [][]float64) [][]float64 {
	gain, bias := w.values[name+".weight"], w.values[name+".bias"]
	y := make([][]float64, len(x))
	for i, row := range x {
		var mean, variance float64
		for _, v := range row {
			mean += v / float64(len(row))
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(len(row))
		}
		for c, v := range row {
			y[i] = append(y[i], (v-mean)/math.Sqrt(variance+w.Eps)*float64(gain[c])+float64(bias[c]))
		}
	}
	return y
}

func added(x, y [][]float64) [][]float64 {
	z := make([][]float64, len(x))
	for i := range x {
		for c := range x[i] {
			z[i] = append(z[i], x[i][c]+y[i][c])
		}
	}
	return z
}

func (w *twin) attention(layer string, x [][]float64, valid int) [][]float64 {
	q, k, v := w.dense(layer+w.names.Query, x), w.dense(layer+w.names.Key, x), w.dense(layer+w.names.Value, x)
	d := w.Width / w.Heads
	out := make([][]float64, len(x))
	for i := range x {
		out[i] = make([]float64, w.Width)
		seen := valid
		if w.Causal {
			seen = min(seen, i+1)
		}
		for h := range w.Heads {
			e, sum := make([]float64, seen), 0.0
			for j := range e {
				var dot float64
				for c := h * d; c < (h+1)*d; c++ {
					dot += q[i][c] * k[j][c]
				}
				e[j] = math.Exp(dot / math.Sqrt(float64(d)))
				sum += e[j]
			}
			for j := range e {
				for c := h * d; c < (h+1)*d; c++ {
					out[i][c] += e[j] / sum * v[j][c]
				}
			}
		}
	}
	return w.dense(layer+w.names.Out, out)
}

func (w *twin) mlp(layer string, x [][]float64) [][]float64 {
	h := w.dense(layer+w.names.Up, x)
	for _, row := range h {
		for c, v := range row {
			switch w.Activation {
			case tensor.GELU:
				row[c] = v / 2 * (1 + math.Erf(v/math.Sqrt2))
			case tensor.QuickGELU:
				row[c] = v / (1 + math.Exp(-1.702*v))
			default:
				panic(w.Activation)
			}
		}
	}
	return w.dense(layer+w.names.Down, h)
}

func (w *twin) forward(x [][]float64, valid int) [][]float64 {
	for n := range w.Layers {
		layer := fmt.Sprintf(w.names.Layer, n)
		if w.PreNorm {
			x = added(x, w.attention(layer, w.norm(layer+w.names.NormAttend, x), valid))
			x = added(x, w.mlp(layer, w.norm(layer+w.names.NormMLP, x)))
		} else {
			x = w.norm(layer+w.names.NormAttend, added(x, w.attention(layer, x, valid)))
			x = w.norm(layer+w.names.NormMLP, added(x, w.mlp(layer, x)))
		}
	}
	return x
}

// fill draws parameters of a size that keeps values near 1.
func fill(b tensor.Backend, params []*Param, width int) {
	for _, p := range params {
		Normal(1/math.Sqrt(float64(width))).Fill(b, p, width, 7)
		if strings.Contains(strings.ToLower(p.Name), "norm") && strings.HasSuffix(p.Name, ".weight") {
			v := values(b, p.Value)
			for i := range v {
				v[i]++
			}
			b.Upload(p.Value, v)
		}
	}
}

func TestTransformer_EqualsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := tensor.NewCPU(rapid.IntRange(1, 2).Draw(t, "threads"))
		heads := rapid.IntRange(1, 3).Draw(t, "heads")
		c := Config{
			Layers: rapid.IntRange(1, 3).Draw(t, "layers"), Width: heads * rapid.IntRange(2, 9).Draw(t, "d"), Heads: heads,
			Hidden: rapid.IntRange(1, 40).Draw(t, "hidden"), Eps: 1e-5,
			Activation: rapid.SampledFrom([]tensor.Activation{tensor.GELU, tensor.QuickGELU}).Draw(t, "activation"),
			PreNorm:    rapid.Bool().Draw(t, "pre-norm"), Causal: rapid.Bool().Draw(t, "causal"),
		}
		names := rapid.SampledFrom([]Names{CLIPNames("text_model.encoder"), BERTNames("")}).Draw(t, "names")
		m := NewTransformer(b, c, names)
		fill(b, m.Params(), c.Width)
		slow := newTwin(b, m, names)
		sequences, length := rapid.IntRange(1, 3).Draw(t, "sequences"), rapid.IntRange(1, 12).Draw(t, "length")
		valid := make([]int, sequences)
		at := make([]int, sequences)
		for s := range valid {
			valid[s] = rapid.IntRange(1, length).Draw(t, "valid")
			at[s] = rapid.IntRange(0, valid[s]-1).Draw(t, "at")
		}
		input := NewFrozen(b, "x", sequences*length, c.Width)
		Normal(1).Fill(b, input, 1, rapid.Uint64().Draw(t, "seed"))
		x := values(b, input.Value)
		m.Forward(b, input.Value, sequences, valid)
		got := values(b, input.Value)
		for s := range sequences {
			rows := make([][]float64, length)
			for i := range rows {
				for _, v := range x[(s*length+i)*c.Width:][:c.Width] {
					rows[i] = append(rows[i], float64(v))
				}
			}
			for i, row := range slow.forward(rows, valid[s])[:valid[s]] {
				for k, want := range row {
					// Values near 1 go through at most three layers, each of which
					// multiplies the relative error of 1e-6 a few times; a norm over
					// as few as two columns may multiply it by tens.
					if g := float64(got[(s*length+i)*c.Width+k]); math.Abs(g-want) > 2e-4*(1+math.Abs(want)) {
						t.Fatalf("sequence %d, row %d, column %d is %g, want %g", s, i, k, g, want)
					}
				}
			}
		}

		again, y := tensor.NewMat(b, sequences*length, c.Width), tensor.NewMat(b, sequences, c.Width)
		b.Upload(again, x)
		if rapid.Bool().Draw(t, "packed") {
			m.Pack(b)
		}
		m.ForwardAt(b, y, again, sequences, valid, at)
		for s, r := range at {
			want := got[(s*length+r)*c.Width:][:c.Width]
			if picked := values(b, y.RowRange(s, s+1)); !slices.Equal(picked, want) {
				t.Fatalf("row %d of sequence %d is %v by itself, %v in the whole", r, s, picked, want)
			}
		}
	})
}

// A sequence has the same bits alone, without its padding, as in a batch.
func TestTransformer_SequencesAlone(t *testing.T) {
	for _, c := range []Config{
		{Layers: 2, Width: 64, Heads: 4, Hidden: 256, Eps: 1e-5, Activation: tensor.QuickGELU, PreNorm: true, Causal: true},
		{Layers: 2, Width: 64, Heads: 4, Hidden: 256, Eps: 1e-12, Activation: tensor.GELU},
	} {
		b := tensor.NewCPU(2)
		m := NewTransformer(b, c, BERTNames("encoder"))
		fill(b, m.Params(), c.Width)
		m.Pack(b)
		valid := []int{70, 3, 41}
		x := NewFrozen(b, "x", 3*70, c.Width)
		Normal(1).Fill(b, x, 1, 3)
		before := tensor.NewMat(b, 3*70, c.Width)
		b.Copy(before, x.Value)
		m.Forward(b, x.Value, 3, valid)
		for s, n := range valid {
			for _, threads := range []int{1, 3} {
				other := tensor.NewCPU(threads)
				alone := tensor.NewMat(b, n, c.Width)
				b.Copy(alone, before.RowRange(s*70, s*70+n))
				m.Forward(other, alone, 1, nil)
				if !slices.Equal(values(b, alone), values(b, x.Value.RowRange(s*70, s*70+n))) {
					t.Errorf("%+v: sequence %d differs with %d threads", c, s, threads)
				}
			}
		}
	}
}

func TestTransformer_Names(t *testing.T) {
	b := tensor.NewCPU(1)
	c := Config{Layers: 2, Width: 4, Heads: 2, Hidden: 8, Eps: 1e-5, Activation: tensor.GELU}
	for _, test := range []struct {
		names Names
		want  []string
	}{
		{CLIPNames("vision_model.encoder"), []string{
			"vision_model.encoder.layers.1.self_attn.q_proj.weight [4 4]", "vision_model.encoder.layers.1.self_attn.v_proj.bias [4]",
			"vision_model.encoder.layers.0.mlp.fc1.weight [8 4]", "vision_model.encoder.layers.0.mlp.fc2.weight [4 8]", "vision_model.encoder.layers.1.layer_norm2.bias [4]",
		}},
		{BERTNames(""), []string{
			"layer.0.attention.self.key.weight [4 4]", "layer.1.attention.output.dense.bias [4]",
			"layer.0.intermediate.dense.weight [8 4]", "layer.1.output.LayerNorm.weight [4]",
		}},
	} {
		var got []string
		for _, p := range NewTransformer(b, c, test.names).Params() {
			got = append(got, fmt.Sprint(p.Name, " ", p.Shape))
		}
		if len(got) != 2*16 {
			t.Errorf("%d parameters, want 16 a layer", len(got))
		}
		for _, w := range test.want {
			if !slices.Contains(got, w) {
				t.Errorf("no %s among %v", w, got)
			}
		}
	}
}

func TestConfig_Check(t *testing.T) {
	good := Config{Layers: 1, Width: 6, Heads: 3, Hidden: 1, Eps: 1e-5}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.Layers = 0 }, func(c *Config) { c.Width = -1 }, func(c *Config) { c.Heads = 4 },
		func(c *Config) { c.Hidden = 0 }, func(c *Config) { c.Eps = math.NaN() }, func(c *Config) { c.Eps = -1 },
	} {
		bad := good
		if change(&bad); bad.Check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

func TestParseActivation(t *testing.T) {
	for name, want := range map[string]tensor.Activation{"gelu": tensor.GELU, "quick_gelu": tensor.QuickGELU, "gelu_new": tensor.GELUTanh} {
		if got, err := ParseActivation(name); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := ParseActivation("swish9"); err == nil || !strings.Contains(err.Error(), "quick_gelu") {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestParam_Load(t *testing.T) {
	b := tensor.NewCPU(1)
	p := NewFrozen(b, "w", 2, 3)
	pieces := func(ps ...[]float32) func(func([]float32) error) error {
		return func(part func([]float32) error) error {
			for _, v := range ps {
				if err := part(v); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err := p.Load(b, pieces([]float32{1, 2}, nil, []float32{3, 4, 5, 6})); err != nil {
		t.Fatal(err)
	}
	if got := values(b, p.Value); !slices.Equal(got, []float32{1, 2, 3, 4, 5, 6}) {
		t.Error(got)
	}
	for _, bad := range []func(func([]float32) error) error{pieces([]float32{1}), pieces(make([]float32, 7))} {
		if err := p.Load(b, bad); err == nil || !strings.Contains(err.Error(), "w takes 6 values") {
			t.Errorf("a wrong number of values: %v", err)
		}
	}
	broken := errors.New("broken")
	if err := p.Load(b, func(func([]float32) error) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestEmbedding_GathersAndAdds(t *testing.T) {
	b := tensor.NewCPU(1)
	e := NewEmbedding(b, "tokens", 3, 2)
	b.Upload(e.W.Value, []float32{0, 1, 10, 11, 20, 21})
	x := tensor.NewMat(b, 3, 2)
	e.Forward(b, x, []int{2, 0, 2})
	e.Add(b, x, []int{0, 1, 2})
	if got := values(b, x); !slices.Equal(got, []float32{20, 22, 10, 12, 40, 42}) {
		t.Error(got)
	}
}
