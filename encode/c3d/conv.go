package c3d

import (
	"tall/tensor"
)

// conv is a convolution of 3x3x3 with padding 1. Its input is spread out along the
// width: position (t, y, x) holds the channels of x-1, x and x+1, with zeros outside the
// picture, so that the convolution is nine matrix products, one for each neighboring
// frame and line, with an inner dimension of 3*channels. Frames have a line of zeros
// between them; frames beyond the ends are left out of the sum.
type conv struct {
	in   volume
	out  int        // channels
	bias tensor.Mat // (1, out), of layers without pooling

	x    tensor.Mat       // (frames*size*size, channels), where the input comes from the host
	host []float32        // the same on the host
	wide tensor.Mat       // ((frames*(size+1)+1)*size, 3*channels), begins with a line of zeros
	w    [9]tensor.Packed // (out, 3*channels) for each (dt, dy)
	span int              // how many frames one product computes
}

// wholeBelow is the number of positions of a frame below which one product computes all
// frames, the lines between them included; packing the weights would cost too much for
// fewer rows.
const wholeBelow = 512

// newConv takes the weights (out, channels, 3, 3, 3).
func newConv(b tensor.Backend, in volume, out int, w []float32) *conv {
	c := &conv{in: in, out: out, span: 1}
	if in.size*in.size < wholeBelow {
		c.span = in.frames
	}
	plain := in.frames * in.size * in.size
	c.x, c.host = tensor.NewMat(b, plain, in.channels), make([]float32, plain*in.channels)
	c.wide = tensor.NewMat(b, (in.frames*(in.size+1)+1)*in.size, 3*in.channels)
	for tap := range c.w {
		part := make([]float32, 3*in.channels*out) // [out][dx][channel]
		for o := range out {
			for ch := range in.channels {
				for dx := range 3 {
					part[(o*3+dx)*in.channels+ch] = w[((o*in.channels+ch)*9+tap)*3+dx]
				}
			}
		}
		c.w[tap] = b.Pack(upload(b, out, 3*in.channels, part))
	}
	return c
}

// frameRows is the distance of two frames in the output, in rows; the last size rows
// mean nothing.
func (c *conv) frameRows() int { return (c.in.size + 1) * c.in.size }

// rows is the number of rows of the output.
func (c *conv) rows() int { return c.in.frames * c.frameRows() }

// widen spreads the input out; frame t of x begins at row t*frameRows.
func (c *conv) widen(b tensor.Backend, x tensor.Mat, frameRows int) {
	n, ch := c.in.size*c.in.size, c.in.channels
	for t := range c.in.frames {
		from := x.RowRange(t*frameRows, t*frameRows+n)
		at := t*c.frameRows() + c.in.size
		to := c.wide.RowRange(at, at+n)
		b.Copy(to.RowRange(1, n).ColRange(0, ch), from.RowRange(0, n-1))
		b.Copy(to.ColRange(ch, 2*ch), from)
		b.Copy(to.RowRange(0, n-1).ColRange(2*ch, 3*ch), from.RowRange(1, n))
		// Outside the picture, left of its first column and right of its last.
		edge := to.ColRange(0, ch)
		edge.Rows, edge.Stride = c.in.size, c.in.size*to.Stride
		b.Zero(edge)
		edge.Off += (c.in.size-1)*to.Stride + 2*ch
		b.Zero(edge)
	}
}

// forward computes y (rows, out) without bias. Where x has no memory, widen has been
// called.
func (c *conv) forward(b tensor.Backend, y, x tensor.Mat) {
	if x.Mem != nil {
		c.widen(b, x, c.in.size*c.in.size)
	}
	for first := 0; first < c.in.frames; first += c.span {
		for _, dt := range [3]int{0, -1, 1} { // 0 first: it alone reaches every frame
			from, to := max(first, -dt), min(first+c.span, c.in.frames-max(dt, 0))
			if from >= to {
				continue
			}
			rows := (to-from)*c.frameRows() - c.in.size
			out := y.RowRange(from*c.frameRows(), from*c.frameRows()+rows)
			for dy := -1; dy <= 1; dy++ {
				beta := float32(1)
				if dt == 0 && dy == -1 {
					beta = 0
				}
				at := (from+dt)*c.frameRows() + (1+dy)*c.in.size
				b.AffinePacked(out, c.wide.RowRange(at, at+rows), c.w[3*(dt+1)+dy+1], tensor.Mat{}, tensor.Identity, beta)
			}
		}
	}
}

// firstConv is conv1a: with 3 channels, all 27 neighbors go into one product.
type firstConv struct {
	in   volume
	out  int
	w    tensor.Packed // (out, 81)
	x    tensor.Mat    // (size*size, 81)
	host []float32
}

func newFirstConv(b tensor.Backend, in volume, out int, w []float32) firstConv {
	c := firstConv{in: in, out: out}
	k := 27 * in.channels
	part := make([]float32, k*out) // [out][dt][dy][dx][channel]
	for o := range out {
		for ch := range in.channels {
			for tap := range 27 {
				part[(o*27+tap)*in.channels+ch] = w[(o*in.channels+ch)*27+tap]
			}
		}
	}
	c.w = b.Pack(upload(b, out, k, part))
	c.x, c.host = tensor.NewMat(b, in.size*in.size, k), make([]float32, in.size*in.size*k)
	return c
}

// forward computes frame t of the output, y (size*size, out), without bias.
func (c *firstConv) forward(b tensor.Backend, y tensor.Mat, clip []float32, t int) {
	s, run := c.in.size, 3*c.in.channels // a run is three pixels beside each other
	parallel(s, func(line int) {
		for tap := range 9 {
			ft, fy := t+tap/3-1, line+tap%3-1
			inside := ft >= 0 && ft < c.in.frames && fy >= 0 && fy < s
			var from []float32
			if inside {
				at := (ft*s + fy) * s * c.in.channels
				from = clip[at : at+s*c.in.channels]
			}
			for x := range s {
				at := (line*s+x)*9*run + tap*run
				to := c.host[at : at+run]
				if !inside {
					clear(to)
					continue
				}
				lo, hi := (x-1)*c.in.channels, (x+2)*c.in.channels
				if lo >= 0 && hi <= len(from) {
					copy(to, from[lo:hi])
					continue
				}
				for i := range to {
					if to[i] = 0; lo+i >= 0 && lo+i < len(from) {
						to[i] = from[lo+i]
					}
				}
			}
		}
	})
	b.Upload(c.x, c.host)
	b.AffinePacked(y, c.x, c.w, tensor.Mat{}, tensor.Identity, 0)
}
