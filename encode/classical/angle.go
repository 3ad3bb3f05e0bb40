package classical

// turn is the number of eighths of a circle in one.
const turn = 8

// angle is the direction of (x, y) in eighths of a circle, 0 to 8: 0 to the right, 2
// downward (y grows downward). The arc tangent of a ratio t is t + 0.3476 t (1-t)
// eighths, which is off by less than 0.005 (a fifth of a degree) and, unlike
// [math.Atan2], the same on every processor. The direction of (0, 0) is 0.
func angle(x, y float32) float32 {
	ax, ay := max(x, -x), max(y, -y)
	lo, hi := min(ax, ay), max(ax, ay)
	if hi == 0 {
		return 0
	}
	t := lo / hi
	a := t + 0.3476*t*(1-t)
	if ay > ax {
		a = 2 - a
	}
	if x < 0 {
		a = 4 - a
	}
	if y < 0 {
		a = 8 - a
	}
	if a >= turn {
		a = 0
	}
	return a
}

// vote divides weight between the two of len(bins) bins around a position a, 0 to
// len(bins), on a circle; bin k is centered on k.
func vote(bins []float32, a, weight float32) {
	k := int(a)
	if k >= len(bins) {
		k = 0
	}
	f := a - float32(int(a))
	bins[k] += weight * (1 - f)
	if k++; k == len(bins) {
		k = 0
	}
	bins[k] += weight * f
}
