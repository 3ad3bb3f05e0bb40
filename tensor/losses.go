package tensor

// LogisticLoss returns sum w * softplus(sign * x) and writes
// dx = w * sign * sigmoid(sign * x).
func (c *CPU) LogisticLoss(dx, x, sign, w Mat) float64 {
	sameShape("LogisticLoss", x, dx, sign, w)
	hdx, hx, hs, hw := host(dx), host(x), host(sign), host(w)
	if hx.cols == 0 {
		return 0
	}
	return c.reduce(hx.rows, 8*hx.cols, func(r int) float64 {
		return c.k.logistic(hdx.row(r), hx.row(r), hs.row(r), hw.row(r))
	})
}

// L1Loss returns w * sum |x - target| and writes dx = w * sgn(x - target); with
// beta > 0 it is the smooth form. It is computed in plain Go, in order: its
// operands are a few offsets of each matching pair.
func (c *CPU) L1Loss(dx, x, target Mat, w, beta float32) float64 {
	sameShape("L1Loss", x, dx, target)
	hdx, hx, ht := host(dx), host(x), host(target)
	var sum float64
	for r := range hx.rows {
		xs, ts, ds := hx.row(r), ht.row(r), hdx.row(r)
		for i := range xs {
			d := xs[i] - ts[i]
			abs := d
			if d < 0 {
				abs = -d
			}
			switch {
			case abs < beta:
				sum += 0.5 * float64(d) * float64(d) / float64(beta)
				ds[i] = w * d / beta
			case d > 0:
				sum += float64(abs) - 0.5*float64(beta)
				ds[i] = w
			case d < 0:
				sum += float64(abs) - 0.5*float64(beta)
				ds[i] = -w
			default: // 0, or NaN, which passes on
				sum += float64(abs)
				ds[i] = w * d
			}
		}
	}
	return float64(w) * sum
}
