package tensor

import "math"

// genericKernels is the pure-Go twin of every kernel. It runs everywhere, and
// the assembly is tested against it.
func genericKernels() *kernels {
	return &kernels{
		name: "generic",
		gemm: gemmKernels{
			mr: genericMR, nr: genericNR, mc: 64,
			packA: packAGeneric, packB: packBGeneric, tile: tileGeneric,
		},
		axpy:         axpyGeneric,
		add:          addGeneric,
		relu:         reluGeneric,
		reluBackward: reluBackwardGeneric,
		dot:          dotGeneric,
		sum:          sumGeneric,
		scale:        scaleGeneric,
		normBackward: normBackwardGeneric,
		pairReLU:     pairReLUGeneric,
		pairReLUBack: pairReLUBackGeneric,
		pairFold:     pairFoldGeneric,
		logistic:     logisticGeneric,
		adam:         adamGeneric,

		mul:       mulGeneric,
		gelu:      geluGeneric,
		geluTanh:  geluTanhGeneric,
		quickGELU: quickGELUGeneric,
		sigmoid:   sigmoidGeneric,
		tanh:      tanhGeneric,
		largest:   largestGeneric,
		expSum:    expSumGeneric,
		normalize: normalizeGeneric,

		dotF16: dotF16Generic,
		dotI8:  dotI8Generic,
	}
}

// axpyGeneric computes y += alpha * x.
func axpyGeneric(y, x []float32, alpha float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += alpha * x[i]
	}
}

// addGeneric computes y += x.
func addGeneric(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += x[i]
	}
}

// reluGeneric computes x = max(0, x). NaN compares false and stays.
func reluGeneric(x []float32) {
	for i, v := range x {
		if v <= 0 {
			x[i] = 0
		}
	}
}

// reluBackwardGeneric sets d to 0 where y <= 0.
func reluBackwardGeneric(d, y []float32) {
	y = y[:len(d)]
	for i := range d {
		if y[i] <= 0 {
			d[i] = 0
		}
	}
}

// dotGeneric is the sum of x*y in float64, where products of two float32 are
// exact.
func dotGeneric(x, y []float32) float64 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += float64(x[i]) * float64(y[i])
		s1 += float64(x[i+1]) * float64(y[i+1])
		s2 += float64(x[i+2]) * float64(y[i+2])
		s3 += float64(x[i+3]) * float64(y[i+3])
	}
	for ; i < len(x); i++ {
		s0 += float64(x[i]) * float64(y[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// sumGeneric is the sum of x in float64.
func sumGeneric(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v)
	}
	return s
}

// scaleGeneric computes y = s * x.
func scaleGeneric(y, x []float32, s float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = s * x[i]
	}
}

// normBackwardGeneric computes dx = (dy - y*dot) * inv.
func normBackwardGeneric(dx, dy, y []float32, dot, inv float32) {
	dy, y = dy[:len(dx)], y[:len(dx)]
	for i := range dx {
		dx[i] = (dy[i] - y[i]*dot) * inv
	}
}

// pairReLUGeneric computes h = max(0, h + tv + ts).
func pairReLUGeneric(h, tv, ts []float32) {
	tv, ts = tv[:len(h)], ts[:len(h)]
	for i := range h {
		x := h[i] + tv[i] + ts[i]
		if x <= 0 {
			x = 0
		}
		h[i] = x
	}
}

// pairReLUBackGeneric sets dh to 0 where h <= 0 and adds it to dtv and dts.
func pairReLUBackGeneric(dh, dtv view, dts []float32, h view) {
	for j := range dh.rows {
		dh, dtv, h := dh.row(j), dtv.row(j)[:len(dts)], h.row(j)[:len(dts)]
		for i := range dts {
			d := dh[i]
			if h[i] <= 0 {
				d = 0
			}
			dh[i] = d
			dtv[i] += d
			dts[i] += d
		}
	}
}

// pairFoldGeneric computes dv += dz*q and dq += dz*v.
func pairFoldGeneric(dv view, dq []float32, dz, v view, q []float32) {
	for j := range dz.rows {
		dv, dz, v := dv.row(j)[:len(dq)], dz.row(j)[:len(dq)], v.row(j)[:len(dq)]
		for i, d := range dz {
			dv[i] += d * q[i]
			dq[i] += d * v[i]
		}
	}
}

// logisticGeneric returns sum w*softplus(sign*x) and writes
// dx = w*sign*sigmoid(sign*x).
func logisticGeneric(dx, x, sign, w []float32) float64 {
	dx, sign, w = dx[:len(x)], sign[:len(x)], w[:len(x)]
	var sum float64
	for i := range x {
		z := float64(sign[i] * x[i])
		t := math.Exp(-math.Abs(z)) // in [0, 1]: never overflows
		sigmoid := t / (1 + t)
		if z >= 0 {
			sigmoid = 1 / (1 + t)
		}
		sum += float64(w[i]) * (max(z, 0) + math.Log1p(t))
		dx[i] = w[i] * sign[i] * float32(sigmoid)
	}
	return sum
}

// adamGeneric is one step of Adam.
func adamGeneric(p, m, v, g []float32, s *AdamStep) {
	m, v, g = m[:len(p)], v[:len(p)], g[:len(p)]
	b1, b2 := s.Beta1, s.Beta2
	for i := range p {
		d := s.GradScale * g[i]
		m[i] = b1*m[i] + (1-b1)*d
		v[i] = b2*v[i] + (1-b2)*(d*d)
		p[i] -= s.Rate * m[i] / (float32(math.Sqrt(float64(v[i]))) + s.Epsilon)
	}
}
