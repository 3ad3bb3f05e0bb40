package classical

import "math"

// motion is a similarity, the motion of a whole picture: the pixel (x, y), counted from
// the middle of the picture in units of half its width, moves by
// (dx + zoom x - turn y, dy + zoom y + turn x) pixels.
type motion struct{ dx, dy, zoom, turn float32 }

// scaled is the motion on a level factor times as large.
func (m motion) scaled(factor float32) motion {
	return motion{m.dx * factor, m.dy * factor, m.zoom * factor, m.turn * factor}
}

// at is the motion of a pixel of a level.
func (m motion) at(x, y int, l *level) (dx, dy float32) {
	half := 2 / float32(l.width)
	nx := (float32(x) - float32(l.width-1)*0.5) * half
	ny := (float32(y) - float32(l.height-1)*0.5) * half
	return m.dx + m.zoom*nx - m.turn*ny, m.dy + m.zoom*ny + m.turn*nx
}

const (
	cameraRounds = 4 // of reweighted least squares at each level
	// cameraNoise is the difference of intensity at which a pixel's say has fallen to
	// a quarter (Geman & McClure 1987); it halves from round to round, from 4 times
	// this on the smallest level.
	cameraNoise = 6
	// cameraRidge holds zoom and turn back where the picture does not tell them.
	cameraRidge = 1e3
	// A grid of blocks judges the estimate.
	judgeColumns, judgeRows = 8, 6
	// The camera has moved where at least judgeShare of the blocks fit better for it,
	// and judgeOdds times as many as fit worse.
	judgeShare, judgeOdds = 0.25, 3
)

// camera estimates the motion of the camera from one frame to the next: the dominant
// motion of the luminance, a robust fit from coarse to fine (Odobez & Bouthemy 1995).
// An object before a plain background has the only gradients there are, but fills few
// blocks: it does not pass for the camera, and the answer is exactly no motion.
func camera(from, to *pyramid, gain float32) motion {
	var m motion
	for i := len(from.levels) - 1; i >= 0; i-- {
		a, b := &from.levels[i], &to.levels[i]
		noise := float32(cameraNoise)
		if i == len(from.levels)-1 {
			noise *= 4
		}
		for range cameraRounds {
			m = improve(m, a, b, gain, noise)
			noise = max(noise*0.5, cameraNoise)
		}
		if i > 0 {
			m = m.scaled(float32(from.levels[i-1].width) / float32(a.width))
		}
	}
	if !judge(m, &from.levels[0], &to.levels[0], gain) {
		return motion{}
	}
	return m
}

// improve does one step of Gauss-Newton on the reweighted squares.
func improve(m motion, a, b *level, gain, noise float32) motion {
	var h [4][5]float64 // normal equations, right side last
	step := 1
	if a.width*a.height > 2048 {
		step = 2 // every other pixel of every other row is plenty for 4 numbers
	}
	half := 2 / float32(a.width)
	variance := noise * noise
	for y := 1; y < a.height-1; y += step {
		ny := (float32(y) - float32(a.height-1)*0.5) * half
		var r [4][5]float32 // of one row of pixels
		for x := 1; x < a.width-1; x += step {
			i := y*a.width + x
			gx := (a.lum[i+1] - a.lum[i-1]) * 0.5
			gy := (a.lum[i+a.width] - a.lum[i-a.width]) * 0.5
			if gx*gx+gy*gy < 1 {
				continue
			}
			nx := (float32(x) - float32(a.width-1)*0.5) * half
			v, inside := b.luminanceAt(float32(x)+m.dx+m.zoom*nx-m.turn*ny, float32(y)+m.dy+m.zoom*ny+m.turn*nx)
			if !inside {
				continue
			}
			d := v - gain*a.lum[i]
			w := variance / (variance + d*d)
			w *= w
			j := [4]float32{gx, gy, gx*nx + gy*ny, gy*nx - gx*ny}
			for p := range j {
				wj := w * j[p]
				for q := p; q < 4; q++ {
					r[p][q] += wj * j[q]
				}
				r[p][4] -= wj * d
			}
		}
		for p := range r {
			for q := p; q < 5; q++ {
				h[p][q] += float64(r[p][q])
			}
		}
	}
	for p := range h {
		for q := range p {
			h[p][q] = h[q][p]
		}
	}
	h[0][0]++
	h[1][1]++
	h[2][2] += cameraRidge
	h[3][3] += cameraRidge
	d := solve(&h)
	limit := func(x float64) float32 { return float32(min(max(x, -2), 2)) }
	return motion{m.dx + limit(d[0]), m.dy + limit(d[1]), m.zoom + limit(d[2]), m.turn + limit(d[3])}
}

// solve is Gaussian elimination of a positive definite system, right side last.
func solve(h *[4][5]float64) (x [4]float64) {
	for p := range 4 {
		for r := p + 1; r < 4; r++ {
			k := h[r][p] / h[p][p]
			for q := p; q < 5; q++ {
				h[r][q] -= k * h[p][q]
			}
		}
	}
	for p := 3; p >= 0; p-- {
		x[p] = h[p][4]
		for q := p + 1; q < 4; q++ {
			x[p] -= h[p][q] * x[q]
		}
		x[p] /= h[p][p]
	}
	return x
}

// judge reports whether the camera has moved so: whether blocks all over the frame fit
// the motion better than no motion.
func judge(m motion, a, b *level, gain float32) bool {
	if m == (motion{}) || math.Abs(float64(m.dx)) > float64(a.width)/4 || math.Abs(float64(m.dy)) > float64(a.height)/4 {
		return false
	}
	var still, moved [judgeRows * judgeColumns]float32
	var counts [judgeRows * judgeColumns]float32
	for y := range a.height {
		first := cellOf(y, a.height, judgeRows) * judgeColumns
		for x := range a.width {
			dx, dy := m.at(x, y, a)
			v, inside := b.luminanceAt(float32(x)+dx, float32(y)+dy)
			if !inside {
				continue
			}
			i, cell := y*a.width+x, first+cellOf(x, a.width, judgeColumns)
			here := gain * a.lum[i]
			d0, d1 := b.lum[i]-here, v-here
			still[cell] += d0 * d0
			moved[cell] += d1 * d1
			counts[cell]++
		}
	}
	better, worse := 0, 0
	for i, s := range still {
		floor := counts[i] // a mean square difference of 1 is noise
		switch {
		case moved[i]+floor < 0.6*(s+floor):
			better++
		case s+floor < 0.6*(moved[i]+floor):
			worse++
		}
	}
	return float64(better) >= judgeShare*judgeRows*judgeColumns && better > judgeOdds*worse
}

// luminanceAt interpolates bilinearly; inside tells whether the place lies within the
// picture.
func (l *level) luminanceAt(x, y float32) (v float32, inside bool) {
	if !(x >= 0 && y >= 0 && x <= float32(l.width-1) && y <= float32(l.height-1)) {
		return 0, false
	}
	ix, iy := int(x), int(y)
	fx, fy := x-float32(ix), y-float32(iy)
	i := iy*l.width + ix
	right, down := 0, 0
	if ix+1 < l.width {
		right = 1
	}
	if iy+1 < l.height {
		down = l.width
	}
	top := l.lum[i] + fx*(l.lum[i+right]-l.lum[i])
	bottom := l.lum[i+down] + fx*(l.lum[i+down+right]-l.lum[i+down])
	return top + fy*(bottom-top), true
}
