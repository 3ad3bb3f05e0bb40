package bert

import (
	"fmt"
	"slices"
	"strings"

	"tall"
	"tall/nn"
	"tall/tensor"
	"tall/weights"
)

// Model is the network: embeddings and encoder. It is for one goroutine at a time, as
// its backend is.
type Model struct {
	Config
	b       tensor.Backend
	word    *nn.Embedding // (Vocab, Width)
	place   *nn.Embedding // (Positions, Width)
	segment *nn.Embedding // (Segments, Width), of which the first alone is used
	norm    *nn.LayerNorm
	encoder *nn.Transformer

	x, sum, scaled, scale tensor.Mat // workspace
	out                   []float32
}

// LoadModel reads the weights of a BertModel, under Hugging Face's names, with or without
// the prefix "bert.", from a file that [weights.Open] opened. Errors wrap [tall.ErrShape],
// [tall.ErrMissing] or [tall.ErrNotFinite] and name tensors.
func LoadModel(b tensor.Backend, c Config, f *weights.File) (*Model, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(f.Tensors, func(t weights.Tensor) bool { return t.Name == name })
	}
	prefix := ""
	if has("bert." + probe) {
		prefix = "bert."
	}
	if !has(prefix + probe) {
		return nil, fmt.Errorf("%s: %w: no tensor %s, which every BERT has; these are the weights of another architecture (%s)", f.Path, tall.ErrMissing, probe, some(f.Tensors))
	}
	// What is allocated is bounded by what the file holds.
	if want, got := c.values(), held(f.Tensors); want > got {
		return nil, fmt.Errorf("%s: %w: config.json describes a model of %d values, the file holds %d; they do not belong together", f.Path, tall.ErrShape, want, got)
	}
	m := &Model{
		Config:  c,
		b:       b,
		word:    nn.NewEmbedding(b, prefix+"embeddings.word_embeddings", c.Vocab, c.Width),
		place:   nn.NewEmbedding(b, prefix+"embeddings.position_embeddings", c.Positions, c.Width),
		segment: nn.NewEmbedding(b, prefix+"embeddings.token_type_embeddings", c.Segments, c.Width),
		norm:    nn.NewLayerNorm(b, prefix+"embeddings.LayerNorm", c.Width, c.Eps),
		encoder: nn.NewTransformer(b, c.Config, nn.BERTNames(prefix+"encoder")),
		sum:     tensor.NewMat(b, 1, c.Width),
		scaled:  tensor.NewMat(b, 1, c.Width),
		scale:   tensor.NewMat(b, 1, 1),
		out:     make([]float32, c.Width),
	}
	if has(prefix + "embeddings.LayerNorm.gamma") { // as checkpoints of TensorFlow's time call them
		for _, p := range m.params() {
			if name, ok := strings.CutSuffix(p.Name, "LayerNorm.weight"); ok {
				p.Name = name + "LayerNorm.gamma"
			} else if name, ok := strings.CutSuffix(p.Name, "LayerNorm.bias"); ok {
				p.Name = name + "LayerNorm.beta"
			}
		}
	}
	return m, m.load(f)
}

// probe is the tensor that tells a BERT.
const probe = "embeddings.word_embeddings.weight"

// values is the number of values of all parameters; the bounds on the configuration keep
// it far from overflow.
func (c Config) values() int {
	w, h := c.Width, c.Hidden
	layer := 4*(w*w+w) + (w*h + h) + (h*w + w) + 4*w
	return (c.Vocab+c.Positions+c.Segments+2)*w + c.Layers*layer
}

func held(ts []weights.Tensor) (n int) {
	for _, t := range ts {
		size := 1
		for _, d := range t.Shape {
			size *= d
		}
		n += size
	}
	return n
}

// some names a few of a file's tensors.
func some(ts []weights.Tensor) string {
	var names []string
	for _, t := range ts {
		if len(names) == 3 {
			return strings.Join(names, ", ") + ", ..."
		}
		names = append(names, fmt.Sprintf("%.60q", t.Name))
	}
	return strings.Join(names, ", ")
}

func (m *Model) params() []*nn.Param {
	var ps []*nn.Param
	for _, l := range []interface{ Params() []*nn.Param }{m.word, m.place, m.segment, m.norm, m.encoder} {
		ps = append(ps, l.Params()...)
	}
	return ps
}

// unused reports whether a tensor of a BERT's file is none of the encoder's: the counter
// of positions, and the heads for other tasks.
func unused(name string) bool {
	name = strings.TrimPrefix(name, "bert.")
	return name == "embeddings.position_ids" || strings.HasPrefix(name, "pooler.") || strings.HasPrefix(name, "cls.")
}

func (m *Model) load(f *weights.File) error {
	params := m.params()
	specs := make([]weights.Spec, len(params))
	for i, p := range params {
		specs[i] = weights.Spec{Name: p.Name, Shape: p.Shape}
	}
	of := *f // the same file without what is not used
	of.Tensors = slices.DeleteFunc(slices.Clone(f.Tensors), func(t weights.Tensor) bool { return unused(t.Name) })
	ts, err := of.Match(specs)
	if err != nil {
		return err
	}
	for i, p := range params {
		err := p.Load(m.b, func(part func([]float32) error) error { return f.Values(ts[i], part) })
		if err != nil {
			return fmt.Errorf("%s: %s: %w", f.Path, p.Name, err)
		}
		if n := m.b.SumSquares(p.Value); n-n != 0 { // NaN or infinite
			return fmt.Errorf("%s: %w: %s holds a value that is not a number; fetch the file again", f.Path, tall.ErrNotFinite, p.Name)
		}
	}
	return nil
}

// Encode computes the vectors of sentences, given by the ids of their pieces, at most
// Length each, and hands them to emit, which must not keep them. The sentences should be
// of like length: each takes the time of the longest.
func (m *Model) Encode(sentences [][]int, emit func(i int, vector []float32)) {
	if len(sentences) == 0 {
		return
	}
	long := 0
	valid := make([]int, len(sentences))
	for i, ids := range sentences {
		valid[i] = len(ids)
		long = max(long, len(ids))
	}
	n := len(sentences) * long
	ids, places, segments := make([]int, n), make([]int, n), make([]int, n)
	for i, s := range sentences {
		copy(ids[i*long:], s) // what follows is padding, 0 as [PAD] is, or anything
		for j := range long {
			places[i*long+j] = j
		}
	}
	if m.x.Rows < n {
		m.x = tensor.NewMat(m.b, n, m.Width)
	}
	x := m.x.RowRange(0, n) // (S*L, Width)
	m.word.Forward(m.b, x, ids)
	m.segment.Add(m.b, x, segments)
	m.place.Add(m.b, x, places)
	m.norm.Forward(m.b, x, x)
	m.encoder.Forward(m.b, x, len(sentences), valid)
	for i := range sentences {
		emit(i, m.pool(x.RowRange(i*long, i*long+valid[i])))
	}
}

// pool makes the vector of a sentence of the outputs (L, Width) of its pieces.
func (m *Model) pool(x tensor.Mat) []float32 {
	switch m.Pooling {
	case First:
		m.b.Copy(m.sum, x.RowRange(0, 1))
	default:
		m.b.SumRows(m.scaled, x, 0)
		m.b.Zero(m.sum)
		m.b.Axpy(m.sum, 1/float32(x.Rows), m.scaled)
	}
	if m.Normalize {
		m.b.L2NormRows(m.sum, m.scale, m.sum)
	}
	m.b.Download(m.out, m.sum)
	return m.out
}
