package clip

import (
	"tall/nn"
	"tall/tensor"
)

// text is the text tower: a causal transformer whose row of the token that ends the text
// is projected into the common space. As rows see only those before them, nothing behind
// that token is computed.
type text struct {
	TextConfig
	tokens, places *nn.Embedding // (Vocabulary, W), (Positions, W)
	stack          *nn.Transformer
	final          *nn.LayerNorm
	project        *nn.Dense // (D, W)
}

func newText(b tensor.Memory, c Config) *text {
	const prefix = "text_model."
	t := c.Text
	return &text{
		TextConfig: t,
		tokens:     nn.NewEmbedding(b, prefix+"embeddings.token_embedding", t.Vocabulary, t.Width),
		places:     nn.NewEmbedding(b, prefix+"embeddings.position_embedding", t.Positions, t.Width),
		stack:      nn.NewTransformer(b, t.Config, nn.CLIPNames(prefix+"encoder")),
		final:      nn.NewLayerNorm(b, prefix+"final_layer_norm", t.Width, t.Eps),
		project:    projection(b, "text_projection", c.Projection, t.Width),
	}
}

func (t *text) params() []*nn.Param {
	var ps []*nn.Param
	for _, l := range []layer{t.tokens, t.places, t.stack, t.final, t.project} {
		ps = append(ps, l.Params()...)
	}
	return ps
}

// ready makes the tower ready to use; its parameters must be loaded, and can be no more.
func (t *text) ready(b tensor.Backend) {
	t.stack.Pack(b)
	t.project.Pack(b)
}

// seen cuts the ids of a text behind the one whose row stands for it: the first EndID,
// or, in configurations of old, the first of the largest id.
func (t TextConfig) seen(ids []int32) []int32 {
	at := 0
	for i, id := range ids {
		if t.EndID != legacyEnd {
			if int(id) == t.EndID {
				at = i
				break
			}
		} else if id > ids[at] {
			at = i
		}
	}
	return ids[:at+1]
}

// forward encodes texts, each the ids that count ([TextConfig.seen]), and returns rows of
// length 1, (len(texts), D).
func (t *text) forward(b tensor.Backend, texts [][]int32) tensor.Mat {
	longest := 0
	for _, ids := range texts {
		longest = max(longest, len(ids))
	}
	n := len(texts)
	x := tensor.NewMat(b, n*longest, t.Width)
	valid, at := make([]int, n), make([]int, n)
	places := make([]int, longest)
	for i := range places {
		places[i] = i
	}
	for s, ids := range texts {
		valid[s], at[s] = len(ids), len(ids)-1
		rows := x.RowRange(s*longest, s*longest+len(ids))
		list := make([]int, len(ids))
		for i, id := range ids {
			list[i] = int(id)
		}
		t.tokens.Forward(b, rows, list)
		t.places.Add(b, rows, places[:len(ids)])
	}
	y := tensor.NewMat(b, n, t.Width)
	t.stack.ForwardAt(b, y, x, n, valid, at)
	t.final.Forward(b, y, y)
	out := tensor.NewMat(b, n, t.project.W.Shape[0])
	t.project.Forward(b, out, y)
	b.L2NormRows(out, tensor.NewMat(b, n, 1), out)
	return out
}
