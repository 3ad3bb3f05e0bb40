package ctrl

import (
	"tall/nn"
	"tall/tensor"
)

// outputs of the last layer: score, start offset, end offset.
const outputs = 3

// Names of the parameters, those of the reference ([Model.Specs]).
const (
	nameVisual   = "v2s_lt"
	nameSentence = "s2s_lt"
	nameFC       = "fusion_fc"
	nameMid      = "mid_out"
	nameOut      = "sim_mat"
)

// Model is CTRL: its parameters, and the arithmetic on them. Like its backend it
// is for one goroutine at a time.
type Model struct {
	opts Options
	b    tensor.Backend

	visual   nn.Linear // v2s_lt (F, D)
	sentence nn.Linear // s2s_lt (E, D)
	fc       nn.Linear // fusion_fc (2D, D); FusionFC only
	mid      *nn.Param // mid_out (H, 4D), or (H, 3D) with FusionFC
	midBias  *nn.Param // (H), or nil
	out      *nn.Param // sim_mat (3, H)
	outBias  *nn.Param // (3), or nil
	fusion   fusion

	ws *workspace // of the last batch size
}

// New returns a model with initial values drawn from seed. It takes the memory of
// the parameters alone (86 MB at the reference's size); a [Learner] adds
// gradients and moments.
func New(b tensor.Backend, o Options, seed uint64) (*Model, error) {
	m, err := Blank(b, o)
	if err != nil {
		return nil, err
	}
	for _, p := range []*nn.Param{m.visual.W, m.sentence.W} {
		o.InitFC.Fill(b, p, p.Value.Rows, seed)
	}
	for _, p := range []*nn.Param{m.mid, m.out} {
		o.InitFusion.Fill(b, p, p.Value.Cols, seed)
	}
	if m.fc.W != nil {
		o.InitFusion.Fill(b, m.fc.W, m.fc.W.Value.Rows, seed)
	}
	return m, nil // biases stay 0
}

// Blank returns a model whose parameters are all 0, to be filled by [Model.Load].
func Blank(b tensor.Backend, o Options) (*Model, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	d, h := o.SemanticDim, o.HiddenDim
	channels := 4 * d
	if o.Fusion == FusionFC {
		channels = 3 * d
	}
	weights := func(name string, shape ...int) *nn.Param {
		return nn.NewFrozen(b, name+"_weights", shape...)
	}
	biases := func(name string, n int) *nn.Param {
		if !o.Bias {
			return nil
		}
		return nn.NewFrozen(b, name+"_biases", n)
	}
	m := &Model{
		opts:     o,
		b:        b,
		visual:   nn.Linear{W: weights(nameVisual, o.VisualDim, d), B: biases(nameVisual, d)},
		sentence: nn.Linear{W: weights(nameSentence, o.SentenceDim, d), B: biases(nameSentence, d)},
		mid:      weights(nameMid, h, channels, 1, 1),
		midBias:  biases(nameMid, h),
		out:      weights(nameOut, outputs, h, 1, 1),
		outBias:  biases(nameOut, outputs),
	}
	switch o.Fusion {
	case FusionRaw:
		m.fusion = newRawFusion(b, m.mid, d)
	case FusionFC:
		m.fc = nn.Linear{W: weights(nameFC, 2*d, d), B: biases(nameFC, d)}
		m.fusion = newFCFusion(b, m.mid, m.fc, d)
	}
	return m, nil
}

// Options returns the options that the model was made with.
func (m *Model) Options() Options { return m.opts }

// Backend returns the backend that holds the parameters.
func (m *Model) Backend() tensor.Backend { return m.b }

// Params lists the parameters, always in the same order.
func (m *Model) Params() []*nn.Param {
	ps := append(m.visual.Params(), m.sentence.Params()...)
	if m.fc.W != nil {
		ps = append(ps, m.fc.Params()...)
	}
	ps = append(ps, m.mid)
	if m.midBias != nil {
		ps = append(ps, m.midBias)
	}
	ps = append(ps, m.out)
	if m.outBias != nil {
		ps = append(ps, m.outBias)
	}
	return ps
}

// Train allocates gradients and moments, three times the memory of the
// parameters, unless they are there.
func (m *Model) Train() {
	for _, p := range m.Params() {
		p.Train(m.b)
	}
}

// product views W1, the quarter (with FusionFC the third) of the fusion matrix
// that is multiplied by v*q, in the fusion layer's value or gradient: (H, D).
func (m *Model) product(mid tensor.Mat) tensor.Mat {
	return mid.ColRange(0, m.opts.SemanticDim)
}

// embedWindows computes v (N, D) and the divisors of its rows, norm (N, 1), from
// x (N, F).
func (m *Model) embedWindows(v, norm, x tensor.Mat) {
	m.visual.Forward(m.b, v, x)
	m.b.L2NormRows(v, norm, v)
}

// embedSentences computes q (S, D) and the divisors of its rows, norm (S, 1),
// from y (S, E).
func (m *Model) embedSentences(q, norm, y tensor.Mat) {
	m.sentence.Forward(m.b, q, y)
	m.b.L2NormRows(q, norm, q)
}

// windowTerms computes tv (N, H), what the windows v (N, D) add to the hidden
// units of each of their pairs.
func (m *Model) windowTerms(tv, v tensor.Mat) { m.fusion.windowTerms(tv, v) }

// sentenceTerms computes ts (S, H), what the sentences q (S, D) and the bias add
// to the hidden units of each of their pairs.
func (m *Model) sentenceTerms(ts, q tensor.Mat) {
	m.fusion.sentenceTerms(ts, q)
	if m.midBias != nil {
		m.b.AddRow(ts, m.midBias.Row())
	}
}

// pairs computes the hidden units h (S*N, H) and the outputs o (3, S*N) of all
// pairs. The outputs lie in planes, so that the scores of a batch are one (S, N)
// matrix.
func (m *Model) pairs(o, h, v, q, tv, ts tensor.Mat) {
	m.b.PairNT(h, v, q, m.product(m.mid.Value))
	m.b.PairReLU(h, tv, ts)
	m.output(o, h)
}

// output computes o (3, S*N) = Wo h^T + bo.
func (m *Model) output(o, h tensor.Mat) {
	m.b.Gemm(o, 1, m.out.Value, false, h, true, 0)
	if m.outBias != nil {
		m.b.AddColumn(o, m.outBias.Value)
	}
}
