package ctrl

import (
	"math"

	"tall/tensor"
)

// twin is CTRL as the paper writes it, in float64 and without any of the tricks:
// the fusion layer sees the concatenation of every pair, one pair after another.
type twin struct {
	o Options
	p map[string][]float64
}

// twinOf copies a model's parameters.
func twinOf(m *Model) *twin {
	t := &twin{o: m.opts, p: map[string][]float64{}}
	for _, p := range m.Params() {
		t.p[p.Name] = float64s(download(m.b, p.Value))
	}
	return t
}

func download(b tensor.Memory, m tensor.Mat) []float32 {
	out := make([]float32, m.Rows*m.Cols)
	b.Download(out, m)
	return out
}

func float64s(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// embedded is one side of the pairs.
type embedded struct {
	x, v    [][]float64 // (n, in), (n, D)
	norm    []float64
	floored []bool
}

func (t *twin) embed(name string, x []float32, in int) embedded {
	d := t.o.SemanticDim
	w, bias := t.p[name+"_weights"], t.p[name+"_biases"]
	var e embedded
	for ; len(x) > 0; x = x[in:] {
		row := float64s(x[:in])
		u := make([]float64, d)
		copy(u, bias)
		for k, xk := range row {
			for c := range u {
				u[c] += xk * w[k*d+c]
			}
		}
		squares := dot(u, u)
		norm := math.Sqrt(max(squares, 1e-12))
		for c := range u {
			u[c] /= norm
		}
		e.x, e.v = append(e.x, row), append(e.v, u)
		e.norm, e.floored = append(e.norm, norm), append(e.floored, squares < 1e-12)
	}
	return e
}

func dot(a, b []float64) float64 {
	var s float64
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// fuse returns the channels of a pair.
func (t *twin) fuse(v, q []float64) []float64 {
	d := len(v)
	f := make([]float64, 0, 4*d)
	for c := range d {
		f = append(f, v[c]*q[c])
	}
	for c := range d {
		f = append(f, v[c]+q[c])
	}
	if t.o.Fusion == FusionRaw {
		return append(append(f, v...), q...)
	}
	w := t.p["fusion_fc_weights"]
	u := make([]float64, d)
	copy(u, t.p["fusion_fc_biases"])
	for k := range d {
		for c := range u {
			u[c] += v[k]*w[k*d+c] + q[k]*w[(d+k)*d+c]
		}
	}
	return append(f, u...)
}

// hidden returns the hidden units of a pair before and after the ReLU.
func (t *twin) hidden(f []float64) (pre, h []float64) {
	n := t.o.HiddenDim
	pre, h = make([]float64, n), make([]float64, n)
	copy(pre, t.p["mid_out_biases"])
	w := t.p["mid_out_weights"]
	for r := range pre {
		pre[r] += dot(w[r*len(f):(r+1)*len(f)], f)
		h[r] = max(0, pre[r])
	}
	return pre, h
}

func (t *twin) output(h []float64) []float64 {
	o := make([]float64, outputs)
	copy(o, t.p["sim_mat_biases"])
	w := t.p["sim_mat_weights"]
	for r := range o {
		o[r] += dot(w[r*len(h):(r+1)*len(h)], h)
	}
	return o
}

// localize returns the outputs of all pairs, [sentence][window][3].
func (t *twin) localize(windows, sentences []float32) [][][]float64 {
	v, q := t.embed("v2s_lt", windows, t.o.VisualDim), t.embed("s2s_lt", sentences, t.o.SentenceDim)
	var all [][][]float64
	for i := range q.v {
		var row [][]float64
		for j := range v.v {
			_, h := t.hidden(t.fuse(v.v[j], q.v[i]))
			row = append(row, t.output(h))
		}
		all = append(all, row)
	}
	return all
}

// step returns the loss, the gradients by the parameters' names, and kink, the
// smallest distance of any ReLU or |d| from the place where it bends: closer than
// rounding, the float32 model may rightly be on the other side.
func (t *twin) step(batch Batch) (loss Loss, grads map[string][]float64, kink float64) {
	o, d := t.o, t.o.SemanticDim
	n := len(batch.Offsets) / 2
	v, q := t.embed("v2s_lt", batch.Windows, o.VisualDim), t.embed("s2s_lt", batch.Sentences, o.SentenceDim)
	grads = map[string][]float64{}
	for name, p := range t.p {
		grads[name] = make([]float64, len(p))
	}
	dv, dq := zeros(n, d), zeros(n, d)
	kink = math.Inf(1)
	b := float64(n)
	for i := range n {
		for j := range n {
			f := t.fuse(v.v[j], q.v[i])
			pre, h := t.hidden(f)
			out := t.output(h)

			var do [outputs]float64
			sign, weight := 1.0, 1/b/(b*b)
			if i == j {
				sign, weight = -1, (1+1/b)/(b*b)
				for k := range 2 {
					diff := out[1+k] - float64(batch.Offsets[k*n+i])
					value, slope := math.Abs(diff), math.Copysign(1, diff)
					if o.Regression == SmoothL1 {
						kink = min(kink, math.Abs(value-1))
						if value < 1 {
							value, slope = diff*diff/2, diff
						} else {
							value -= 0.5
						}
					} else {
						kink = min(kink, value)
					}
					loss.Reg += value / (2 * b)
					do[1+k] = o.RegressionWeight * slope / (2 * b)
				}
			}
			loss.Align += weight * softplus(sign*out[0])
			do[0] = weight * sign / (1 + math.Exp(-sign*out[0]))

			for r := range do {
				addTo(grads["sim_mat_weights"][r*len(h):], do[r], h)
			}
			addTo(grads["sim_mat_biases"], 1, do[:])
			dh := make([]float64, len(h))
			df := make([]float64, len(f))
			for k := range h {
				kink = min(kink, math.Abs(pre[k]))
				if pre[k] <= 0 {
					continue
				}
				for r := range do {
					dh[k] += do[r] * t.p["sim_mat_weights"][r*len(h)+k]
				}
				addTo(grads["mid_out_weights"][k*len(f):], dh[k], f)
				addTo(df, dh[k], t.p["mid_out_weights"][k*len(f):(k+1)*len(f)])
			}
			addTo(grads["mid_out_biases"], 1, dh)
			for c := range d {
				dv[j][c] += df[c]*q.v[i][c] + df[d+c]
				dq[i][c] += df[c]*v.v[j][c] + df[d+c]
			}
			if o.Fusion == FusionRaw {
				addTo(dv[j], 1, df[2*d:3*d])
				addTo(dq[i], 1, df[3*d:])
				continue
			}
			du, w, g := df[2*d:], t.p["fusion_fc_weights"], grads["fusion_fc_weights"]
			addTo(grads["fusion_fc_biases"], 1, du)
			for k := range d {
				addTo(g[k*d:], v.v[j][k], du)
				addTo(g[(d+k)*d:], q.v[i][k], du)
				dv[j][k] += dot(w[k*d:(k+1)*d], du)
				dq[i][k] += dot(w[(d+k)*d:(d+k+1)*d], du)
			}
		}
	}
	t.embedBackward("v2s_lt", grads, v, dv)
	t.embedBackward("s2s_lt", grads, q, dq)
	loss.Total = loss.Align + o.RegressionWeight*loss.Reg
	return loss, grads, kink
}

func (t *twin) embedBackward(name string, grads map[string][]float64, e embedded, dv [][]float64) {
	d := t.o.SemanticDim
	for r, g := range dv {
		along := dot(e.v[r], g)
		if e.floored[r] {
			along = 0
		}
		du := make([]float64, d)
		for c := range du {
			du[c] = (g[c] - e.v[r][c]*along) / e.norm[r]
		}
		for k, x := range e.x[r] {
			addTo(grads[name+"_weights"][k*d:], x, du)
		}
		addTo(grads[name+"_biases"], 1, du)
	}
}

// addTo adds k*x to the beginning of y; a y of nil, a bias that the preset does
// not have, takes nothing.
func addTo(y []float64, k float64, x []float64) {
	if y == nil {
		return
	}
	for i := range x {
		y[i] += k * x[i]
	}
}

func zeros(n, d int) [][]float64 {
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, d)
	}
	return m
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
