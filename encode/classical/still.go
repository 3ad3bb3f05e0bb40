package classical

// The grid of the histograms of colors and gradients: coarse, as what stands where in
// the whole picture says more about the video than about what happens in it.
const (
	layoutColumns = 3
	layoutRows    = 2
	layoutCells   = layoutColumns * layoutRows
)

// orientations is the number of bins of unsigned gradients, as Dalal & Triggs 2005.
const orientations = 9

// still is what is taken of one frame.
type still struct {
	width, height int
	pix           []byte // (height, width, 3) RGB

	pyramid pyramid
	labels  []membership // (pyramid.levels[0].height, width)

	layout [layoutCells][Colors]float32       // share of each cell's pixels
	hog    [layoutCells][orientations]float32 // share of the frame's gradient
	shape  [Colors]shape

	sums  [layoutCells][Colors]uint32
	gamma []byte // (height, width, 3), square root of pix
}

// shape is where a color lies, all relative to the frame, and how it is bounded.
type shape struct {
	area  float32 // share of the frame
	x, y  float32 // area x mean place, from -0.5 (left, top) to 0.5
	edges float32 // mean strength of the gradient on pixels of the color x area
}

// prepare computes everything from pix.
func (s *still) prepare(p *palette, root *[256]byte) {
	s.pyramid.build(s.pix, s.width, s.height)
	s.colors(p)
	s.gradients(root)
	s.shapes()
}

// cellOf returns the cell's column or row of a pixel.
func cellOf(at, size, count int) int { return at * count / size }

// colors fills layout, the spatial color histogram, over all pixels, and labels, the
// classes of the pixels at half the size.
func (s *still) colors(p *palette) {
	s.sums = [layoutCells][Colors]uint32{}
	for y := range s.height {
		row := s.pix[y*s.width*3 : (y+1)*s.width*3]
		first := cellOf(y, s.height, layoutRows) * layoutColumns
		for c := range layoutColumns {
			hist := &s.sums[first+c]
			for at := cellStart(c, s.width, layoutColumns); at < cellStart(c+1, s.width, layoutColumns); at++ {
				m := p.of(row[3*at], row[3*at+1], row[3*at+2])
				hist[m.class[0]%Colors] += uint32(m.weight[0])
				hist[m.class[1]%Colors] += uint32(m.weight[1])
				hist[m.class[2]%Colors] += uint32(m.weight[2])
			}
		}
	}
	for i := range s.sums {
		total := uint32(0)
		for _, n := range s.sums[i] {
			total += n
		}
		for c, n := range s.sums[i] {
			s.layout[i][c] = 0
			if total > 0 {
				s.layout[i][c] = float32(n) / float32(total)
			}
		}
	}
	base := &s.pyramid.levels[0]
	s.labels = resize(s.labels, base.width*base.height)
	for i := range s.labels {
		v := base.rgb[3*i : 3*i+3]
		s.labels[i] = *p.of(byte(v[0]), byte(v[1]), byte(v[2]))
	}
}

// cellStart is the first pixel of a cell, the inverse of cellOf.
func cellStart(cell, size, count int) int { return (cell*size + count - 1) / count }

// gradients fills hog: histograms of oriented gradients [-1 0 1] of the square root of
// intensities, of the channel whose gradient is the largest (Dalal & Triggs 2005,
// section 6). As the cells are few and large, votes are divided between orientations
// only, and the whole frame is the one block.
func (s *still) gradients(root *[256]byte) {
	s.hog = [layoutCells][orientations]float32{}
	s.gamma = resize(s.gamma, len(s.pix))
	for i, v := range s.pix {
		s.gamma[i] = root[v]
	}
	w := s.width * 3
	for y := range s.height {
		row := s.gamma[y*w : (y+1)*w]
		up := s.gamma[max(y-1, 0)*w:][:w]
		down := s.gamma[min(y+1, s.height-1)*w:][:w]
		first := cellOf(y, s.height, layoutRows) * layoutColumns
		for c := range layoutColumns {
			hist := s.hog[first+c][:]
			for at := cellStart(c, s.width, layoutColumns); at < cellStart(c+1, s.width, layoutColumns); at++ {
				left, here, right := 3*max(at-1, 0), 3*at, 3*min(at+1, s.width-1)
				gx, gy, best := 0, 0, 0
				for k := range 3 {
					dx := int(row[right+k]) - int(row[left+k])
					dy := int(down[here+k]) - int(up[here+k])
					if n := dx*dx + dy*dy; n > best {
						gx, gy, best = dx, dy, n
					}
				}
				if best < minGradient {
					continue
				}
				a := angle(float32(gx), float32(gy))
				if a >= turn/2 {
					a -= turn / 2
				}
				vote(hist, a*(orientations/(turn/2.0)), sqrt32(float32(best)))
			}
		}
	}
	total := float32(0)
	for i := range s.hog {
		for _, v := range s.hog[i] {
			total += v
		}
	}
	// The floor keeps the noise of a flat frame from being blown up to a full histogram.
	total = max(total, gradientFloor*float32(s.width*s.height))
	for i := range s.hog {
		for k := range s.hog[i] {
			s.hog[i][k] /= total
		}
	}
}

const (
	// minGradient is the least square of a gradient that counts: 6 of 255 x 2 levels
	// is what video coding leaves on flat areas.
	minGradient = 36
	// gradientFloor is the mean gradient below which a frame counts as flat.
	gradientFloor = 1
)

// shapes fills shape, from the pixels at half the size.
func (s *still) shapes() {
	base := &s.pyramid.levels[0]
	w, h := base.width, base.height
	var area, sumX, sumY, edges [Colors]float32
	for y := range h {
		py := (float32(y)+0.5)/float32(h) - 0.5
		up, down := max(y-1, 0)*w, min(y+1, h-1)*w
		for x := range w {
			px := (float32(x)+0.5)/float32(w) - 0.5
			l, r := base.lum[y*w+max(x-1, 0)], base.lum[y*w+min(x+1, w-1)]
			u, d := base.lum[up+x], base.lum[down+x]
			edge := (max(r-l, l-r) + max(d-u, u-d)) * (1.0 / 510)
			m := &s.labels[y*w+x]
			for k := range nearest {
				c, v := m.class[k]%Colors, float32(m.weight[k])
				area[c] += v
				sumX[c] += v * px
				sumY[c] += v * py
				edges[c] += v * edge
			}
		}
	}
	scale := 1 / float32(share*w*h)
	for c := range s.shape {
		s.shape[c] = shape{area[c] * scale, sumX[c] * scale, sumY[c] * scale, edges[c] * scale}
	}
}

// resize returns a slice of n values, old's memory where it is large enough.
func resize[T any](old []T, n int) []T {
	if cap(old) < n {
		return make([]T, n)
	}
	return old[:n]
}
