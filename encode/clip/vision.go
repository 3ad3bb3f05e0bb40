package clip

import (
	"tall/nn"
	"tall/tensor"
)

// vision is the image tower: a vision transformer (Dosovitskiy et al. 2021) whose first
// row, the class token, is projected into the common space.
//
// Letters: N pictures, P patches of a picture, T = P + 1 rows of a picture, K = 3 * Patch
// * Patch values of a patch, W the width, D the dimension of the space.
type vision struct {
	VisionConfig
	class   *nn.Param // (W)
	patch   *nn.Dense // (W, 3, Patch, Patch)
	places  *nn.Embedding
	pre     *nn.LayerNorm
	stack   *nn.Transformer
	post    *nn.LayerNorm
	project *nn.Dense // (D, W)

	room   int        // pictures that the matrices have room for
	start  tensor.Mat // (T, W): positions, with the class token in row 0
	pixels []float32  // (room*T, K)
	input  tensor.Mat // (room*T, K)
	x      tensor.Mat // (room*T, W)
	y      tensor.Mat // (room, W)
	out    tensor.Mat // (room, D)
	norm   tensor.Mat // (room, 1)
}

func newVision(b tensor.Memory, c Config) *vision {
	const prefix = "vision_model."
	v := c.Vision
	return &vision{
		VisionConfig: v,
		class:        nn.NewFrozen(b, prefix+"embeddings.class_embedding", v.Width),
		patch:        &nn.Dense{W: nn.NewFrozen(b, prefix+"embeddings.patch_embedding.weight", v.Width, 3, v.Patch, v.Patch)},
		places:       nn.NewEmbedding(b, prefix+"embeddings.position_embedding", v.Tokens(), v.Width),
		pre:          nn.NewLayerNorm(b, prefix+"pre_layrnorm", v.Width, v.Eps), // so spelled in the files
		stack:        nn.NewTransformer(b, v.Config, nn.CLIPNames(prefix+"encoder")),
		post:         nn.NewLayerNorm(b, prefix+"post_layernorm", v.Width, v.Eps),
		project:      projection(b, "visual_projection", c.Projection, v.Width),
	}
}

// projection is a linear map into the common space.
func projection(b tensor.Memory, name string, dim, width int) *nn.Dense {
	return &nn.Dense{W: nn.NewFrozen(b, name+".weight", dim, width)}
}

func (v *vision) params() []*nn.Param {
	ps := []*nn.Param{v.class}
	for _, l := range []layer{v.patch, v.places, v.pre, v.stack, v.post, v.project} {
		ps = append(ps, l.Params()...)
	}
	return ps
}

type layer interface{ Params() []*nn.Param }

// ready makes the tower ready to use; its parameters must be loaded, and can be no more.
func (v *vision) ready(b tensor.Backend) {
	v.start = tensor.NewMat(b, v.Tokens(), v.Width)
	b.Copy(v.start, v.places.W.Value)
	b.Axpy(v.start.RowRange(0, 1), 1, v.class.Row())
	v.patch.Pack(b)
	v.stack.Pack(b)
	v.project.Pack(b)
}

// reserve makes room for n pictures.
func (v *vision) reserve(b tensor.Memory, n int) {
	if n <= v.room {
		return
	}
	v.room = n
	rows, k := n*v.Tokens(), 3*v.Patch*v.Patch
	v.pixels = make([]float32, rows*k)
	v.input = tensor.NewMat(b, rows, k)
	v.x = tensor.NewMat(b, rows, v.Width)
	v.y = tensor.NewMat(b, n, v.Width)
	v.out = tensor.NewMat(b, n, v.project.W.Shape[0])
	v.norm = tensor.NewMat(b, n, 1)
}

// patches puts the patches of a picture, (3, Image, Image), into rows (T, K) with the
// values in the order of the weights (channel, y, x). Row 0, the class token's, stays as
// it is: zeros.
func (v *vision) patches(rows, picture []float32) {
	side, p, k := v.Side(), v.Patch, 3*v.Patch*v.Patch
	for py := range side {
		for px := range side {
			row := rows[(1+py*side+px)*k:][:k]
			for c := range 3 {
				for y := range p {
					from := (c*v.Image+py*p+y)*v.Image + px*p
					copy(row[(c*p+y)*p:][:p], picture[from:from+p])
				}
			}
		}
	}
}

// forward encodes n prepared pictures, (n, 3, Image, Image), and returns rows of length
// 1, (n, D), which the next call overwrites.
func (v *vision) forward(b tensor.Backend, pictures []float32, n int) tensor.Mat {
	v.reserve(b, n)
	t := v.Tokens()
	input, x := v.input.RowRange(0, n*t), v.x.RowRange(0, n*t)
	for i := range n {
		v.patches(v.pixels[i*t*input.Cols:(i+1)*t*input.Cols], pictures[i*3*v.Image*v.Image:(i+1)*3*v.Image*v.Image])
		b.Copy(x.RowRange(i*t, (i+1)*t), v.start)
	}
	b.Upload(input, v.pixels[:input.Rows*input.Cols])
	// The convolution, whose stride is its size, is a product; positions are added to it.
	v.patch.Add(b, x, input)
	v.pre.Forward(b, x, x)
	y, out := v.y.RowRange(0, n), v.out.RowRange(0, n)
	v.stack.ForwardAt(b, y, x, n, nil, make([]int, n))
	v.post.Forward(b, y, y)
	v.project.Forward(b, out, y)
	b.L2NormRows(out, v.norm.RowRange(0, n), out)
	return out
}
