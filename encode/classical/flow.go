package classical

const (
	// flowRounds is how often the flow is improved at each level.
	flowRounds = 3
	// flowRadius is that of the window over which pixels move together: 7 x 7 pixels
	// at half the frame's size.
	flowRadius = 3
	// flowDamping is added to the diagonal of the structure tensor's sum over the
	// window: flat areas, whose gradients are noise, keep the flow of the coarser level.
	flowDamping = 400
	// flowStep bounds a round's change in pixels: a linear model holds no farther.
	flowStep = 1
	// changeNoise is the mean square difference of a pixel's three values, over the
	// window, at which it has changed as likely as not: 4 of 255 each.
	changeNoise = 48
)

// flow computes the motion of pixels between two frames: Lucas & Kanade 1981 in every
// window, from coarse to fine (Bouguet 2001), on all three channels (an object of the
// background's luminance moves too), on top of the camera's motion, which it leaves
// out (Wang & Schmid 2013: what is left is the motion of things).
type flow struct {
	width, height int
	u, v          []float32 // (height, width) pixels at half the frame's size, to the right and down
	// evidence is how certain it is that a pixel moves at all, 0 to 1. Flow spreads
	// over plain areas, where nothing contradicts it: a wall near a thing that moves
	// would move along.
	evidence []float32 // (height, width)
	moving   []float32 // (height, width) how much a pixel moves, 0 to 1; by pair.describe
	near     []float32 // (height, width) how much moves around a pixel; by focus.describe

	gradient   []float32 // (height, width, 6): gx of R, G, B, gy of R, G, B
	tensor     []float32 // (height, width, 3) windowed sums of gx gx, gx gy, gy gy
	difference []float32 // (height, width, 3)
	mismatch   []float32 // (height, width, 2) windowed sums of g x difference

	zeros     []float32 // (width)
	box, rows []float32 // scratch of blur
	old       [2][]float32
}

// between computes u and v.
func (f *flow) between(from, to *pyramid, camera motion, gain [3]float32) {
	base := from.levels[0].width
	for i := len(from.levels) - 1; i >= 0; i-- {
		a, b := &from.levels[i], &to.levels[i]
		f.start(a, i == len(from.levels)-1)
		f.gradients(a)
		m := camera.scaled(float32(a.width) / float32(base))
		for range flowRounds {
			f.differ(a, b, m, gain, true)
			f.compare()
			f.advance()
		}
	}
	f.prove(&from.levels[0], &to.levels[0], camera, gain)
}

// start brings the flow to a level's size: 0 on the first, else twice that of the level
// before at the nearest pixel.
func (f *flow) start(l *level, first bool) {
	n := l.width * l.height
	w, h := f.width, f.height
	f.width, f.height = l.width, l.height
	f.tensor, f.mismatch, f.gradient = resize(f.tensor, 3*n), resize(f.mismatch, 2*n), resize(f.gradient, 6*n)
	if first {
		f.u, f.v = resize(f.u, n), resize(f.v, n)
		clear(f.u)
		clear(f.v)
		return
	}
	f.old[0] = append(f.old[0][:0], f.u...)
	f.old[1] = append(f.old[1][:0], f.v...)
	f.u, f.v = resize(f.u, n), resize(f.v, n)
	for y := range l.height {
		row := min(y/2, h-1) * w
		for x := range l.width {
			i := row + min(x/2, w-1)
			f.u[y*l.width+x] = 2 * f.old[0][i]
			f.v[y*l.width+x] = 2 * f.old[1][i]
		}
	}
}

// gradients fills gradient and tensor.
func (f *flow) gradients(l *level) {
	w := l.width
	for y := range l.height {
		row := l.rgb[y*w*3:][:w*3]
		up := l.rgb[max(y-1, 0)*w*3:][:w*3]
		down := l.rgb[min(y+1, l.height-1)*w*3:][:w*3]
		g := f.gradient[y*w*6:][:w*6]
		t := f.tensor[y*w*3:][:w*3]
		for x := range w {
			left, right := 3*max(x-1, 0), 3*min(x+1, w-1)
			a, b := row[left:left+3:left+3], row[right:right+3:right+3]
			c, d := up[3*x:3*x+3:3*x+3], down[3*x:3*x+3:3*x+3]
			x0, x1, x2 := (b[0]-a[0])*0.5, (b[1]-a[1])*0.5, (b[2]-a[2])*0.5
			y0, y1, y2 := (d[0]-c[0])*0.5, (d[1]-c[1])*0.5, (d[2]-c[2])*0.5
			out := g[6*x : 6*x+6 : 6*x+6]
			out[0], out[1], out[2], out[3], out[4], out[5] = x0, x1, x2, y0, y1, y2
			sum := t[3*x : 3*x+3 : 3*x+3]
			sum[0] = x0*x0 + x1*x1 + x2*x2
			sum[1] = x0*y0 + x1*y1 + x2*y2
			sum[2] = y0*y0 + y1*y1 + y2*y2
		}
	}
	f.blur(f.tensor, 3, flowRadius)
}

// differ fills difference: the second frame where each pixel has moved to, by the camera
// and, if moving, by the flow, minus the first frame.
func (f *flow) differ(a, b *level, m motion, gain [3]float32, moving bool) {
	w, h := a.width, a.height
	maxX, maxY := float32(w-1), float32(h-1)
	half := 2 / float32(w)
	f.difference, f.zeros = resize(f.difference, 3*w*h), resize(f.zeros, w)
	for y := range h {
		ny := (float32(y) - maxY*0.5) * half
		baseX, baseY := m.dx-m.turn*ny, float32(y)+m.dy+m.zoom*ny
		here := a.rgb[y*w*3:][:w*3]
		out := f.difference[y*w*3:][:w*3]
		u, v := f.zeros, f.zeros
		if moving {
			u, v = f.u[y*w:][:w], f.v[y*w:][:w]
		}
		for x := range w {
			nx := (float32(x) - maxX*0.5) * half
			px := float32(x) + baseX + m.zoom*nx + u[x]
			py := baseY + m.turn*nx + v[x]
			// Outside, the picture goes on as its border.
			if !(px > 0) {
				px = 0
			} else if px > maxX {
				px = maxX
			}
			if !(py > 0) {
				py = 0
			} else if py > maxY {
				py = maxY
			}
			ix, iy := int(px), int(py)
			fx, fy := px-float32(ix), py-float32(iy)
			i := (iy*w + ix) * 3
			right, down := 3, 3*w
			if ix == w-1 {
				right = 0
			}
			if iy == h-1 {
				down = 0
			}
			w11 := fx * fy
			w01, w10 := fx-w11, fy-w11
			w00 := 1 - fx - w10
			p, q := b.rgb[i:i+3:i+3], b.rgb[i+right:i+right+3:i+right+3]
			r, s := b.rgb[i+down:i+down+3:i+down+3], b.rgb[i+down+right:i+down+right+3:i+down+right+3]
			c, d := here[3*x:3*x+3:3*x+3], out[3*x:3*x+3:3*x+3]
			d[0] = w00*p[0] + w01*q[0] + w10*r[0] + w11*s[0] - gain[0]*c[0]
			d[1] = w00*p[1] + w01*q[1] + w10*r[1] + w11*s[1] - gain[1]*c[1]
			d[2] = w00*p[2] + w01*q[2] + w10*r[2] + w11*s[2] - gain[2]*c[2]
		}
	}
}

// compare fills mismatch: the gradients times the differences, summed over windows.
func (f *flow) compare() {
	for i := range f.u {
		g, d := f.gradient[6*i:6*i+6:6*i+6], f.difference[3*i:3*i+3:3*i+3]
		f.mismatch[2*i] = g[0]*d[0] + g[1]*d[1] + g[2]*d[2]
		f.mismatch[2*i+1] = g[3]*d[0] + g[4]*d[1] + g[5]*d[2]
	}
	f.blur(f.mismatch, 2, flowRadius)
}

// prove fills evidence: of the change around a pixel, the camera's part taken out, the
// share that is more than noise.
func (f *flow) prove(a, b *level, m motion, gain [3]float32) {
	f.differ(a, b, m, gain, false)
	f.evidence = resize(f.evidence, len(f.u))
	for i := range f.evidence {
		d := f.difference[3*i : 3*i+3 : 3*i+3]
		f.evidence[i] = d[0]*d[0] + d[1]*d[1] + d[2]*d[2]
	}
	f.blur(f.evidence, 1, flowRadius)
	const area = (2*flowRadius + 1) * (2*flowRadius + 1)
	for i, e := range f.evidence {
		e = max(e, 0) // the rounding of running sums may take it below
		f.evidence[i] = e / (e + changeNoise*area)
	}
}

// advance solves (tensor + damping) step = -mismatch at every pixel.
func (f *flow) advance() {
	for i := range f.u {
		t, b := f.tensor[3*i:3*i+3:3*i+3], f.mismatch[2*i:2*i+2:2*i+2]
		xx, xy, yy := t[0]+flowDamping, t[1], t[2]+flowDamping
		inverse := 1 / (xx*yy - xy*xy)
		f.u[i] += limit((xy*b[1] - yy*b[0]) * inverse)
		f.v[i] += limit((xy*b[0] - xx*b[1]) * inverse)
	}
}

func limit(step float32) float32 {
	if step > flowStep {
		return flowStep
	}
	if step < -flowStep {
		return -flowStep
	}
	return step
}

// blur replaces values (height, width, k) by their sums over a square of side
// 2 radius + 1, cut off at the border.
func (f *flow) blur(values []float32, k, radius int) {
	w, h := f.width*k, f.height
	f.box = resize(f.box, len(values))
	for y := range h {
		in, out := values[y*w:][:w], f.box[y*w:][:w]
		for c := range k {
			sum := float32(0)
			for i := c; i < min(w, radius*k); i += k {
				sum += in[i]
			}
			for i := c; i < w; i += k {
				if j := i + radius*k; j < w {
					sum += in[j]
				}
				out[i] = sum
				if j := i - radius*k; j >= 0 {
					sum -= in[j]
				}
			}
		}
	}
	f.rows = resize(f.rows, w)
	sum := f.rows
	clear(sum)
	add := func(row []float32) {
		for i, x := range row {
			sum[i] += x
		}
	}
	for y := range min(h, radius) {
		add(f.box[y*w:][:w])
	}
	for y := range h {
		if j := y + radius; j < h {
			add(f.box[j*w:][:w])
		}
		copy(values[y*w:][:w], sum)
		if j := y - radius; j >= 0 {
			for i, x := range f.box[j*w:][:w] {
				sum[i] -= x
			}
		}
	}
}
