package nn

import (
	"fmt"

	"tall/tensor"
)

// Config says what a transformer is made of.
type Config struct {
	Layers, Width, Heads, Hidden int     // Hidden is the width within the MLP
	Eps                          float64 // of the layer normalizations
	Activation                   tensor.Activation
	// PreNorm normalizes what enters attention and MLP, as CLIP does; else what
	// leaves them, residual included, as BERT does.
	PreNorm bool
	Causal  bool // a token sees those before it and itself alone
}

// Check tells what is wrong with the numbers, which come from files.
func (c Config) Check() error {
	switch {
	case c.Layers < 1 || c.Width < 1 || c.Heads < 1 || c.Hidden < 1:
		return fmt.Errorf("a transformer of %d layers, width %d, %d heads, hidden width %d", c.Layers, c.Width, c.Heads, c.Hidden)
	case c.Width%c.Heads != 0:
		return fmt.Errorf("a transformer of width %d cannot have %d heads of equal width", c.Width, c.Heads)
	case !(c.Eps >= 0 && c.Eps < 1):
		return fmt.Errorf("a transformer with layer normalization epsilon %v", c.Eps)
	}
	return nil
}

// Names is what a file calls the parameters of layer n of a transformer: Layer
// with n in the place of %d, then one of the others, then ".weight" or ".bias".
type Names struct {
	Layer                              string
	Query, Key, Value, Out, NormAttend string // attention, and the normalization before or after it
	Up, Down, NormMLP                  string
}

// CLIPNames are those of Hugging Face's CLIP encoders under prefix, such as
// "vision_model.encoder".
func CLIPNames(prefix string) Names {
	return Names{
		Layer: dotted(prefix) + "layers.%d.",
		Query: "self_attn.q_proj", Key: "self_attn.k_proj", Value: "self_attn.v_proj", Out: "self_attn.out_proj",
		NormAttend: "layer_norm1", Up: "mlp.fc1", Down: "mlp.fc2", NormMLP: "layer_norm2",
	}
}

// BERTNames are those of Hugging Face's BERT encoders under prefix, such as
// "encoder" or "bert.encoder".
func BERTNames(prefix string) Names {
	return Names{
		Layer: dotted(prefix) + "layer.%d.",
		Query: "attention.self.query", Key: "attention.self.key", Value: "attention.self.value", Out: "attention.output.dense",
		NormAttend: "attention.output.LayerNorm", Up: "intermediate.dense", Down: "output.dense", NormMLP: "output.LayerNorm",
	}
}

func dotted(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + "."
}

// Attention is multi-head self-attention. The projections of keys and values are
// one product; their parameters are views of it.
type Attention struct {
	Query, KeyValue, Out *Dense // (Width, Width), (2*Width, Width), (Width, Width)

	params []*Param
}

// Block is one layer of a transformer.
type Block struct {
	Attention           *Attention
	Up, Down            *Dense
	NormAttend, NormMLP *LayerNorm
}

// Transformer is a stack of blocks, without embeddings and final normalization.
// It is for inference, and for one goroutine at a time, as its backend is.
type Transformer struct {
	Config
	Blocks []*Block

	work workspace
}

// workspace is the memory of the values between layers, for as many rows as
// were ever asked for.
type workspace struct {
	norm, attended tensor.Mat // (R, Width)
	q, kv          tensor.Mat // (R, Width), (R, 2*Width)
	hidden         tensor.Mat // (R, Hidden)
}

// NewTransformer returns a transformer whose parameters are zeros, to be loaded
// by their names. It panics on what [Config.Check] finds.
func NewTransformer(b tensor.Memory, c Config, names Names) *Transformer {
	if err := c.Check(); err != nil {
		panic("nn: " + err.Error())
	}
	t := &Transformer{Config: c}
	for n := range c.Layers {
		layer := fmt.Sprintf(names.Layer, n)
		t.Blocks = append(t.Blocks, &Block{
			Attention:  newAttention(b, c, layer, names),
			Up:         NewDense(b, layer+names.Up, c.Width, c.Hidden, c.Activation),
			Down:       NewDense(b, layer+names.Down, c.Hidden, c.Width, tensor.Identity),
			NormAttend: NewLayerNorm(b, layer+names.NormAttend, c.Width, c.Eps),
			NormMLP:    NewLayerNorm(b, layer+names.NormMLP, c.Width, c.Eps),
		})
	}
	return t
}

func newAttention(b tensor.Memory, c Config, layer string, names Names) *Attention {
	a := &Attention{
		Query:    NewDense(b, layer+names.Query, c.Width, c.Width, tensor.Identity),
		KeyValue: NewDense(b, "", c.Width, 2*c.Width, tensor.Identity),
		Out:      NewDense(b, layer+names.Out, c.Width, c.Width, tensor.Identity),
	}
	a.params = a.Query.Params()
	for i, name := range []string{names.Key, names.Value} {
		from, to := i*c.Width, (i+1)*c.Width
		a.params = append(a.params,
			&Param{Name: layer + name + ".weight", Shape: []int{c.Width, c.Width}, Value: a.KeyValue.W.Value.RowRange(from, to)},
			&Param{Name: layer + name + ".bias", Shape: []int{c.Width}, Value: a.KeyValue.B.Value.RowRange(from, to)})
	}
	a.params = append(a.params, a.Out.Params()...)
	return a
}

// Params lists the parameters under the names that the file gives them.
func (t *Transformer) Params() []*Param {
	var ps []*Param
	for _, k := range t.Blocks {
		ps = append(ps, k.Attention.params...)
		for _, l := range []interface{ Params() []*Param }{k.NormAttend, k.Up, k.Down, k.NormMLP} {
			ps = append(ps, l.Params()...)
		}
	}
	return ps
}

// Pack is [Dense.Pack] for all weights, to be called when they are loaded: what
// Params returns can be neither loaded nor read any more.
func (t *Transformer) Pack(b tensor.Backend) {
	for _, k := range t.Blocks {
		for _, d := range []*Dense{k.Attention.Query, k.Attention.KeyValue, k.Attention.Out, k.Up, k.Down} {
			d.Pack(b)
		}
		for _, p := range k.Attention.params {
			if len(p.Shape) > 1 {
				p.Value.Mem = nil
			}
		}
	}
}

// Forward computes the stack in place on x (sequences*L, Width). The first
// valid[s] tokens of sequence s are seen by others, all if valid is nil; what
// stands in the rows of the rest means nothing. A sequence has the same bits
// whatever the others and its padding are.
func (t *Transformer) Forward(b tensor.Backend, x tensor.Mat, sequences int, valid []int) {
	for _, k := range t.Blocks {
		t.block(b, k, x, x, sequences, valid, t.Causal)
	}
}

// ForwardAt is Forward where one row of each sequence is wanted: y (sequences,
// Width) becomes row at[s] of sequence s, with the bits that Forward gives it.
// The last layer is computed for these rows alone; x is overwritten. A causal
// stack must be asked for rows within valid.
func (t *Transformer) ForwardAt(b tensor.Backend, y, x tensor.Mat, sequences int, valid, at []int) {
	if len(at) != sequences {
		panic(fmt.Sprintf("nn: %d rows wanted of %d sequences", len(at), sequences))
	}
	if sequences == 0 {
		return
	}
	length := x.Rows / sequences
	last := len(t.Blocks) - 1
	for _, k := range t.Blocks[:last] {
		t.block(b, k, x, x, sequences, valid, t.Causal)
	}
	for s, r := range at {
		b.Copy(y.RowRange(s, s+1), x.RowRange(s*length+r, s*length+r+1))
	}
	if t.Causal { // the one query sees what precedes it
		seen := make([]int, sequences)
		for s, r := range at {
			seen[s] = r + 1
			if valid != nil {
				seen[s] = min(seen[s], valid[s])
			}
		}
		valid = seen
	}
	t.block(b, t.Blocks[last], y, x, sequences, valid, false)
}

// block computes one layer for the rows y, in place, which attend to the rows x.
// y is x, or one row of each sequence of x.
func (t *Transformer) block(b tensor.Backend, k *Block, y, x tensor.Mat, sequences int, valid []int, causal bool) {
	w := t.Width
	ws := t.reserve(b, x.Rows)
	seen := x
	if t.PreNorm {
		seen = ws.norm
		k.NormAttend.Forward(b, seen, x)
	}
	attended := ws.attended.RowRange(0, y.Rows)
	asks := seen
	if y != x {
		asks = y
		if t.PreNorm {
			asks = attended
			k.NormAttend.Forward(b, asks, y)
		}
	}
	q := ws.q.RowRange(0, y.Rows)
	k.Attention.Query.Forward(b, q, asks)
	k.Attention.KeyValue.Forward(b, ws.kv, seen)
	b.Attention(attended, q, ws.kv.ColRange(0, w), ws.kv.ColRange(w, 2*w),
		tensor.Heads{Sequences: sequences, Heads: t.Heads, Causal: causal, Valid: valid})
	k.Attention.Out.Add(b, y, attended)
	norm, hidden := ws.norm.RowRange(0, y.Rows), ws.hidden.RowRange(0, y.Rows)
	if t.PreNorm {
		k.NormMLP.Forward(b, norm, y)
		k.Up.Forward(b, hidden, norm)
		k.Down.Add(b, y, hidden)
		return
	}
	k.NormAttend.Forward(b, y, y)
	k.Up.Forward(b, hidden, y)
	k.Down.Add(b, y, hidden)
	k.NormMLP.Forward(b, y, y)
}

// reserve returns the workspace for n rows.
func (t *Transformer) reserve(b tensor.Memory, n int) workspace {
	if t.work.norm.Rows < n {
		t.work = workspace{
			norm:     tensor.NewMat(b, n, t.Width),
			attended: tensor.NewMat(b, n, t.Width),
			q:        tensor.NewMat(b, n, t.Width),
			kv:       tensor.NewMat(b, n, 2*t.Width),
			hidden:   tensor.NewMat(b, n, t.Hidden),
		}
	}
	ws := t.work
	ws.norm, ws.attended = ws.norm.RowRange(0, n), ws.attended.RowRange(0, n)
	ws.q, ws.kv, ws.hidden = ws.q.RowRange(0, n), ws.kv.RowRange(0, n), ws.hidden.RowRange(0, n)
	return ws
}
