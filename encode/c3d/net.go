package c3d

import (
	"runtime"
	"sync"

	"tall/tensor"
	"tall/weights"
)

// plan is the shape of a network: C3D's, or a small one of the same kind for tests.
type plan struct {
	frames, size int    // of the input; (frames, size, size)
	channels     [8]int // of the convolutions
	out          int    // of fc6
	// The size of the mean cube, of which the middle is used.
	meanWidth, meanHeight int
}

// sports1M is the network as published (the prototxt of the feature extractor).
var sports1M = plan{
	frames: clipFrames, size: cropSize, channels: [8]int{64, 128, 256, 256, 512, 512, 512, 512}, out: 4096,
	meanWidth: scaledWidth, meanHeight: scaledHeight,
}

// layers are the convolutions; behind some of them frames and sizes are pooled by so much.
var layers = [8]struct {
	name      string
	overTime  int
	overSpace int // 0: no pooling
}{
	{"conv1a", 1, 2},
	{"conv2a", 2, 2},
	{"conv3a", 1, 0},
	{"conv3b", 2, 2},
	{"conv4a", 1, 0},
	{"conv4b", 2, 2},
	{"conv5a", 1, 0},
	{"conv5b", 2, 2},
}

// colors is the number of input channels.
const colors = 3

// specs are the tensors of the network in a fixed order.
func (p plan) specs() []weights.Spec {
	var out []weights.Spec
	in := colors
	for i, l := range layers {
		c := p.channels[i]
		out = append(out, weights.Spec{Name: l.name + ".weight", Shape: []int{c, in, 3, 3, 3}}, weights.Spec{Name: l.name + ".bias", Shape: []int{c}})
		in = c
	}
	return append(out,
		weights.Spec{Name: "fc6.weight", Shape: []int{p.out, p.pooled().values()}},
		weights.Spec{Name: "fc6.bias", Shape: []int{p.out}})
}

func (p plan) meanShape() []int { return []int{colors, p.frames, p.meanHeight, p.meanWidth} }

// volume is the shape of an activation, (frames, size, size, channels).
type volume struct{ frames, size, channels int }

func (v volume) values() int { return v.frames * v.size * v.size * v.channels }

// shapes are the inputs of the convolutions, and of fc6.
func (p plan) shapes() (in [9]volume) {
	v := volume{p.frames, p.size, colors}
	for i, l := range layers {
		in[i] = v
		v.channels = p.channels[i]
		if l.overSpace > 0 {
			v.frames, v.size = pooledSize(v.frames, l.overTime), pooledSize(v.size, l.overSpace)
		}
	}
	in[8] = v
	return in
}

// pooled is the shape of fc6's input.
func (p plan) pooled() volume { return p.shapes()[8] }

// pooledSize is the size that pooling leaves: the last, incomplete group counts too, which
// is Caffe's rule.
func pooledSize(n, by int) int { return (n + by - 1) / by }

// network computes fc6. Activations have channels last, (frames, size, size, channels).
type network struct {
	b       tensor.Backend
	plan    plan
	first   firstConv
	convs   [7]*conv
	bias    [8][]float32  // of layers that are pooled, where the host adds it
	fc6     tensor.Packed // (out, values of pool5 with channels last)
	fc6Bias tensor.Mat
	y       tensor.Mem // what a convolution computes
	host    []float32  // y, fetched for pooling
}

// newNetwork takes params in the order of plan.specs.
func newNetwork(b tensor.Backend, p plan, params []weights.Tensor) *network {
	n := &network{b: b, plan: p}
	in := p.shapes()
	most := 0
	for i, l := range layers {
		w, bias := params[2*i].Data, params[2*i+1].Data
		if i == 0 {
			n.first = newFirstConv(b, in[0], p.channels[0], w)
			most = max(most, in[0].size*in[0].size*p.channels[0])
		} else {
			n.convs[i-1] = newConv(b, in[i], p.channels[i], w)
			most = max(most, n.convs[i-1].rows()*p.channels[i])
		}
		if n.bias[i] = bias; l.overSpace == 0 {
			n.convs[i-1].bias = upload(b, 1, len(bias), bias)
		}
	}
	n.y, n.host = b.Alloc(most), make([]float32, most)

	w, v := params[16].Data, in[8]
	last := make([]float32, len(w))
	place := v.frames * v.size * v.size
	for o := range p.out {
		from, to := w[o*v.values():(o+1)*v.values()], last[o*v.values():(o+1)*v.values()]
		for c := range v.channels {
			for k := range place {
				to[k*v.channels+c] = from[c*place+k]
			}
		}
	}
	n.fc6, n.fc6Bias = b.Pack(upload(b, p.out, v.values(), last)), upload(b, 1, p.out, params[17].Data)
	return n
}

func upload(b tensor.Backend, rows, cols int, data []float32) tensor.Mat {
	m := tensor.NewMat(b, rows, cols)
	b.Upload(m, data)
	return m
}

// pool5 computes the input of fc6, dst, from a clip (frames, size, size, 3), the mean
// subtracted.
func (n *network) pool5(dst, clip []float32) {
	in := n.plan.shapes()
	x := n.poolFirst(clip, in)
	for i := 1; i < len(layers); i++ {
		l, c := layers[i], n.convs[i-1]
		y := tensor.MatOf(n.y, c.rows(), c.out)
		c.forward(n.b, y, x)
		if l.overSpace == 0 {
			n.b.AddRow(y, c.bias)
			n.b.ReLU(y)
			n.convs[i].widen(n.b, y, c.frameRows())
			x = tensor.Mat{} // it is where it belongs
			continue
		}
		host := n.host[:c.rows()*c.out]
		n.b.Download(host, y)
		next := in[i+1]
		to := dst
		if i+1 < len(layers) {
			to = n.convs[i].host
		}
		parallel(next.frames, func(t int) {
			poolFrame(to[t*next.size*next.size*next.channels:], host, next, c.in, t, l.overTime, c.frameRows(), n.bias[i])
		})
		if i+1 < len(layers) {
			n.b.Upload(n.convs[i].x, to)
			x = n.convs[i].x
		}
	}
}

// poolFirst is conv1a and pool1, frame by frame, as the output of conv1a is the largest
// of all.
func (n *network) poolFirst(clip []float32, in [9]volume) tensor.Mat {
	v, next := in[0], in[1]
	rows := v.size * v.size
	y := tensor.MatOf(n.y, rows, next.channels)
	host := n.host[:rows*next.channels]
	one := volume{1, v.size, next.channels}
	size := next.size * next.size * next.channels
	to := n.convs[0].host
	for t := range v.frames {
		n.first.forward(n.b, y, clip, t)
		n.b.Download(host, y)
		parallel(next.size, func(line int) {
			poolLine(to[t*size+line*next.size*next.channels:], host, next, one, 0, 1, rows, line, n.bias[0])
		})
	}
	n.b.Upload(n.convs[0].x, to)
	return n.convs[0].x
}

// features computes fc6 of some clips, (N, out), from their pool5, (N, values).
func (n *network) features(pool5 []float32, clips int) []float32 {
	x := upload(n.b, clips, n.fc6.Cols, pool5)
	y := tensor.NewMat(n.b, clips, n.fc6.Rows)
	n.b.AffinePacked(y, x, n.fc6, n.fc6Bias, tensor.ReLU, 0)
	out := make([]float32, clips*n.fc6.Rows)
	n.b.Download(out, y)
	return out
}

// poolFrame computes frame t of max pooling by 2x2 and overTime, bias and ReLU (which
// give the same values behind the maximum as before it). The input's frames are
// frameRows rows apart.
func poolFrame(dst, src []float32, out, in volume, t, overTime, frameRows int, bias []float32) {
	for line := range out.size {
		poolLine(dst[line*out.size*out.channels:], src, out, in, t, overTime, frameRows, line, bias)
	}
}

func poolLine(dst, src []float32, out, in volume, t, overTime, frameRows, line int, bias []float32) {
	c := out.channels
	for x := range out.size {
		cell := dst[x*c : (x+1)*c]
		empty := true
		for dt := t * overTime; dt < min((t+1)*overTime, in.frames); dt++ {
			for dy := 2 * line; dy < min(2*line+2, in.size); dy++ {
				for dx := 2 * x; dx < min(2*x+2, in.size); dx++ {
					at := (dt*frameRows + dy*in.size + dx) * c
					from := src[at : at+c]
					if empty {
						copy(cell, from)
						empty = false
						continue
					}
					for i, v := range from {
						cell[i] = max(cell[i], v) // NaN stays NaN
					}
				}
			}
		}
		for i, b := range bias {
			cell[i] = max(cell[i]+b, 0)
		}
	}
}

// parallel calls f for each of [0, n) on all processors. It is for the host's share of
// the work, whose results do not depend on who does it.
func parallel(n int, f func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w * n / workers; i < (w+1)*n/workers; i++ {
				f(i)
			}
		})
	}
	wg.Wait()
}
