package classical

// The parts of a row, in this order; see the package's documentation.
const (
	layoutSize = layoutCells * Colors
	hogSize    = layoutCells * orientations
	hofSize    = cells * directions
	mbhSize    = 2 * directions
	driftSize  = Colors * 7
	edgeSize   = Colors
	changeSize = Colors * 4
	nearSize   = Colors
	focusSize  = focusCells * focusCells * Colors
	swaySize   = focusCells * focusCells * directions
	gripSize   = focusCells * focusCells * orientations

	// Dim is D, the number of values in a row.
	Dim = layoutSize + hogSize + hofSize + mbhSize + driftSize + edgeSize + changeSize + nearSize + focusSize + swaySize + gripSize
)

// Weights of the parts, so that none drowns the others: on rendered kitchens they bring
// the root mean square of the values of most parts to between 0.3 and 0.9. Twice or half
// as much for a part changes little in what a model learns.
const (
	layoutGain = 1
	hogGain    = 2
	hofGain    = 8
	mbhGain    = 8
	driftGain  = 10
	edgeGain   = 10
	changeGain = 10
	nearGain   = 4
	focusGain  = 4
	swayGain   = 4
	gripGain   = 6
)

// rows gathers stills and pairs into rows of a fixed number of frames.
type rows struct {
	frames int // in the current row
	pairs  int
	layout [layoutCells][Colors]float32
	hog    [layoutCells][orientations]float32
	edges  [Colors]float32
	motion pair
	first  [Colors]shape // of the row's first frame
	last   [Colors]shape
	values [Dim]float32
}

// still adds a frame of the row.
func (r *rows) still(s *still) {
	if r.frames == 0 {
		r.first = s.shape
	}
	r.frames++
	for i := range r.layout {
		for c, v := range s.layout[i] {
			r.layout[i][c] += v
		}
		for k, v := range s.hog[i] {
			r.hog[i][k] += v
		}
	}
	for c := range r.edges {
		r.edges[c] += s.shape[c].edges
	}
	r.last = s.shape
}

// pair adds the motion from a frame of the row to the next, which may be the first of
// the row after it.
func (r *rows) pair(p *pair, next *still) {
	r.pairs++
	for i := range p.hof {
		for k, v := range p.hof[i] {
			r.motion.hof[i][k] += v
		}
	}
	for i := range p.mbh {
		for k, v := range p.mbh[i] {
			r.motion.mbh[i][k] += v
		}
	}
	for c := range p.drift {
		sum, d := &r.motion.drift[c], &p.drift[c]
		sum.moving += d.moving
		sum.right += d.right
		sum.left += d.left
		sum.down += d.down
		sum.up += d.up
		sum.x += d.x
		sum.y += d.y
	}
	r.motion.focus.add(&p.focus)
	r.last = next.shape
}

// finish returns the row, valid until the next call, and begins a new one.
func (r *rows) finish() []float32 {
	out := r.values[:0]
	frames, pairs := 1/float32(max(r.frames, 1)), 1/float32(max(r.pairs, 1))
	for i := range r.layout {
		for _, v := range r.layout[i] {
			out = append(out, layoutGain*sqrt32(v*frames))
		}
	}
	for i := range r.hog {
		for _, v := range r.hog[i] {
			out = append(out, hogGain*sqrt32(v*frames))
		}
	}
	for i := range r.motion.hof {
		for _, v := range r.motion.hof[i] {
			out = append(out, hofGain*sqrt32(v*pairs))
		}
	}
	for i := range r.motion.mbh {
		for _, v := range r.motion.mbh[i] {
			out = append(out, mbhGain*sqrt32(v*pairs))
		}
	}
	for c := range r.motion.drift {
		d := &r.motion.drift[c]
		for _, v := range [...]float32{d.moving, d.right, d.left, d.down, d.up, d.x, d.y} {
			out = append(out, driftGain*root(v*pairs))
		}
	}
	for _, v := range r.edges {
		out = append(out, edgeGain*sqrt32(v*frames))
	}
	for c := range r.first {
		a, b := &r.first[c], &r.last[c]
		for _, v := range [...]float32{b.area - a.area, b.x - a.x, b.y - a.y, b.edges - a.edges} {
			out = append(out, changeGain*root(v))
		}
	}
	f := &r.motion.focus
	for _, v := range f.near {
		out = append(out, nearGain*sqrt32(v*pairs))
	}
	for i := range f.colors {
		for _, v := range f.colors[i] {
			out = append(out, focusGain*sqrt32(v*pairs))
		}
	}
	for i := range f.hof {
		for _, v := range f.hof[i] {
			out = append(out, swayGain*sqrt32(v*pairs))
		}
	}
	for i := range f.hog {
		for _, v := range f.hog[i] {
			out = append(out, gripGain*sqrt32(v*pairs))
		}
	}
	values := r.values
	*r = rows{values: values}
	return r.values[:]
}

// root is the square root with the sign kept.
func root(x float32) float32 {
	if x < 0 {
		return -sqrt32(-x)
	}
	return sqrt32(x)
}
