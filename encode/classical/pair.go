package classical

// directions is the number of bins of motion, eighths of a circle from the right
// clockwise, as the picture shows them.
const directions = 8

// The grid of the histograms of flow.
const (
	gridColumns = 4
	gridRows    = 3
	cells       = gridColumns * gridRows
)

// Speeds are in widths of the frame a second.
const (
	// stillness is the speed at which a pixel counts as half moving (a fifth of a
	// pixel between two frames of 160 pixels, 8 a second, seen at half the size).
	stillness = 0.02
	// rigidity is the difference of speeds between neighbors, at half the frame's
	// size, at which a pixel counts as half a motion boundary.
	rigidity = 0.01
)

// pair is what is taken of two frames that follow each other.
type pair struct {
	// hof is the histogram of the flow's directions: what share of a cell's pixels
	// moves so (Laptev et al. 2008). The rest, Wang et al.'s zero bin, stands still.
	hof [cells][directions]float32
	// mbh are the motion boundary histograms (Dalal, Triggs & Schmid 2006): of the
	// directions of the gradients of the flow's two components.
	mbh [2][directions]float32
	// drift is how the pixels of each color move.
	drift [Colors]drift
	// focus is what lies around the place where most moves.
	focus focus
}

// drift is the motion of one color; sums over its pixels, divided by the frame's.
type drift struct {
	moving                float32 // share of the frame that has the color and moves
	right, left, down, up float32 // speed in widths a second, of what moves so
	x, y                  float32 // moving x mean place, from -0.5 (left, top) to 0.5
}

// describe fills p from the flow between two stills, the camera's part in m; speed
// is that of a pixel of flow.
func (p *pair) describe(s *still, f *flow, m motion, speed float32) {
	*p = pair{}
	w, h := f.width, f.height
	f.moving = resize(f.moving, w*h)
	clear(f.moving)
	base := &s.pyramid.levels[0]
	for y := range h {
		row := cellOf(y, h, gridRows) * gridColumns
		py := (float32(y)+0.5)/float32(h) - 0.5
		up, down := max(y-1, 0)*w, min(y+1, h-1)*w
		for x := range w {
			i := y*w + x
			u, v := f.u[i], f.v[i]
			// Edges of the flow, also where the pixel itself stands still.
			left, right := y*w+max(x-1, 0), y*w+min(x+1, w-1)
			q := &p.mbh
			boundary(q[0][:], (f.u[right]-f.u[left])*speed, (f.u[down+x]-f.u[up+x])*speed, f.evidence[i])
			boundary(q[1][:], (f.v[right]-f.v[left])*speed, (f.v[down+x]-f.v[up+x])*speed, f.evidence[i])

			square := (u*u + v*v) * (speed * speed)
			if square < stillness*stillness/64 {
				continue // less than a sixty-fourth moving
			}
			dx, dy := m.at(x, y, base)
			if tx, ty := float32(x)+dx+u, float32(y)+dy+v; tx < -0.5 || ty < -0.5 || tx > float32(w)-0.5 || ty > float32(h)-0.5 {
				continue // has left the picture: nothing was there to compare with
			}
			moving := square / (square + stillness*stillness) * f.evidence[i]
			f.moving[i] = moving
			vote(p.hof[row+cellOf(x, w, gridColumns)][:], angle(u, v), moving)
			px := (float32(x)+0.5)/float32(w) - 0.5
			strength := speed * f.evidence[i]
			p.drifts(&s.labels[i], moving, u*strength, v*strength, px, py)
		}
	}
	p.divide(w, h)
	p.focus.describe(s, f)
}

// boundary votes for the direction of the gradient of one component of the flow.
func boundary(bins []float32, dx, dy, evidence float32) {
	square := dx*dx + dy*dy
	if square < rigidity*rigidity/64 {
		return
	}
	vote(bins, angle(dx, dy), square/(square+rigidity*rigidity)*evidence)
}

func (p *pair) drifts(m *membership, moving, u, v, x, y float32) {
	for k := range nearest {
		n := float32(m.weight[k]) * (1.0 / share)
		if n == 0 {
			continue
		}
		d := &p.drift[m.class[k]%Colors]
		d.moving += n * moving
		d.x += n * moving * x
		d.y += n * moving * y
		if u > 0 {
			d.right += n * u
		} else {
			d.left -= n * u
		}
		if v > 0 {
			d.down += n * v
		} else {
			d.up -= n * v
		}
	}
}

// divide turns sums into shares of the pixels of a cell, or of the frame.
func (p *pair) divide(w, h int) {
	scale := func(bins []float32, pixels int) {
		for i := range bins {
			bins[i] /= float32(max(pixels, 1))
		}
	}
	for i := range p.hof {
		c, r := i%gridColumns, i/gridColumns
		columns := cellStart(c+1, w, gridColumns) - cellStart(c, w, gridColumns)
		scale(p.hof[i][:], columns*(cellStart(r+1, h, gridRows)-cellStart(r, h, gridRows)))
	}
	for i := range p.mbh {
		scale(p.mbh[i][:], w*h)
	}
	for c := range p.drift {
		d := &p.drift[c]
		for _, v := range []*float32{&d.moving, &d.right, &d.left, &d.down, &d.up, &d.x, &d.y} {
			*v /= float32(w * h)
		}
	}
}
