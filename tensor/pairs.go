package tensor

// PairNT computes c (S*N, H) = (v*q) w^T.
func (c *CPU) PairNT(cm Mat, v, q, w Mat) {
	s, n, d := q.Rows, v.Rows, v.Cols
	wantShape("PairNT", "q", q, s, d)
	wantShape("PairNT", "w", w, w.Rows, d)
	wantShape("PairNT", "c", cm, s*n, w.Rows)
	hq := host(q)
	c.product(host(cm), 1,
		&operand{view: host(v), major: true, q: &hq},
		&operand{view: host(w), major: true}, d, 0, nil)
}

// PairTN computes c (H, D) = alpha * g^T (v*q) + beta * c.
func (c *CPU) PairTN(cm Mat, alpha float32, g Mat, v, q Mat, beta float32) {
	s, n, d := q.Rows, v.Rows, v.Cols
	wantShape("PairTN", "q", q, s, d)
	wantShape("PairTN", "g", g, s*n, g.Cols)
	wantShape("PairTN", "c", cm, g.Cols, d)
	hq := host(q)
	c.product(host(cm), alpha,
		&operand{view: host(g)},
		&operand{view: host(v), q: &hq}, s*n, beta, nil)
}

// foldColumns is the width of the column strips in which pair matrices are
// folded: the strips of all N rows of one side stay in the second-level cache.
const foldColumns = 256

// strips calls f on strips of the columns [0, cols) of a matrix of rows rows.
// Each strip is one task; sums along the rows of a strip are in fixed order.
func (c *CPU) strips(rows, cols int, f func(from, to int)) {
	if rows*cols < grain || c.threads == 1 {
		for from := 0; from < cols; from += foldColumns {
			f(from, min(cols, from+foldColumns))
		}
		return
	}
	width := min(foldColumns, max(16, (cols/(2*c.threads)+15)/16*16))
	c.run((cols+width-1)/width, func(_, t int) { f(t*width, min(cols, (t+1)*width)) })
}

// PairFold adds dv_j += sum_i dz_ij * q_i and dq_i += sum_j dz_ij * v_j.
func (c *CPU) PairFold(dv, dq Mat, dz, v, q Mat) {
	s, n, d := q.Rows, v.Rows, v.Cols
	wantShape("PairFold", "q", q, s, d)
	wantShape("PairFold", "dq", dq, s, d)
	wantShape("PairFold", "dv", dv, n, d)
	wantShape("PairFold", "dz", dz, s*n, d)
	hv, hq, hdv, hdq, hdz := host(v), host(q), host(dv), host(dq), host(dz)
	if s*n*d == 0 {
		return
	}
	c.strips(s*n, d, func(from, to int) {
		for i := range s {
			c.k.pairFold(hdv.part(0, n, from, to), hdq.row(i)[from:to],
				hdz.part(i*n, (i+1)*n, from, to), hv.part(0, n, from, to), hq.row(i)[from:to])
		}
	})
}

// PairReLU computes h_ij = max(0, h_ij + tv_j + ts_i) in place.
func (c *CPU) PairReLU(h, tv, ts Mat) {
	s, n, d := ts.Rows, tv.Rows, h.Cols
	wantShape("PairReLU", "h", h, s*n, d)
	wantShape("PairReLU", "tv", tv, n, d)
	wantShape("PairReLU", "ts", ts, s, d)
	hh, htv, hts := host(h), host(tv), host(ts)
	if d == 0 {
		return
	}
	c.split(s*n, d, func(from, to int) {
		for r := from; r < to; r++ {
			c.k.pairReLU(hh.row(r), htv.row(r%n), hts.row(r/n))
		}
	})
}

// PairReLUBackward computes dh_ij = 0 where h_ij <= 0, in place, and sums it.
func (c *CPU) PairReLUBackward(dh, dtv, dts Mat, h Mat) {
	s, n, d := dts.Rows, dtv.Rows, h.Cols
	wantShape("PairReLUBackward", "h", h, s*n, d)
	wantShape("PairReLUBackward", "dh", dh, s*n, d)
	wantShape("PairReLUBackward", "dtv", dtv, n, d)
	wantShape("PairReLUBackward", "dts", dts, s, d)
	c.Zero(dtv)
	c.Zero(dts)
	hh, hdh, hdtv, hdts := host(h), host(dh), host(dtv), host(dts)
	if s*n*d == 0 {
		return
	}
	c.strips(s*n, d, func(from, to int) {
		for i := range s {
			c.k.pairReLUBack(hdh.part(i*n, (i+1)*n, from, to), hdtv.part(0, n, from, to),
				hdts.row(i)[from:to], hh.part(i*n, (i+1)*n, from, to))
		}
	})
}
