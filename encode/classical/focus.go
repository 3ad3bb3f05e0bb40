package classical

const (
	// focusCells is the side of the grid around the focus, in cells.
	focusCells = 3
	// focusCell is the side of a cell in widths of the frame: the grid covers about a
	// hand and what it holds.
	focusCell = 0.09
	// attentionRadius is how far from what moves a thing may be to be meant, in widths.
	attentionRadius = 0.06
	// attentionFloor is the share of the frame that must move for half of attention.
	attentionFloor = 0.002
)

// focus is what lies around the place where most moves, as the descriptors along dense
// trajectories are: what the hand holds matters, and not what hangs on the wall.
type focus struct {
	near   [Colors]float32                          // shares of the colors near all that moves
	colors [focusCells * focusCells][Colors]float32 // shares in the cells of a grid around the focus
	hof    [focusCells * focusCells][directions]float32
	hog    [focusCells * focusCells][orientations]float32
}

// describe fills f from the pixels' motion.
func (f *focus) describe(s *still, flow *flow) {
	w, h := flow.width, flow.height
	total := float32(0)
	for _, v := range flow.moving {
		total += v
	}
	if total == 0 {
		return
	}
	// Attention falls with what moves, so that noise catches none.
	attention := total / (total + attentionFloor*float32(w*h))
	flow.near = append(flow.near[:0], flow.moving...)
	flow.blur(flow.near, 1, max(1, int(attentionRadius*float32(w)+0.5)))
	best, sum := 0, float32(0)
	for i, v := range flow.near {
		if v > flow.near[best] {
			best = i
		}
		if v <= 0 {
			continue
		}
		sum += v * share
		m := &s.labels[i]
		for k := range nearest {
			f.near[m.class[k]%Colors] += v * float32(m.weight[k])
		}
	}
	for c := range f.near {
		f.near[c] *= attention / max(sum, 1)
	}
	f.around(s, flow, best%w, best/w, attention)
}

// around fills the grid around a pixel.
func (f *focus) around(s *still, flow *flow, midX, midY int, attention float32) {
	base := &s.pyramid.levels[0]
	w, h := base.width, base.height
	side := max(1, int(focusCell*float32(w)+0.5))
	x0, y0 := midX-side*focusCells/2, midY-side*focusCells/2
	total := float32(0)
	for cy := range focusCells {
		for cx := range focusCells {
			cell := cy*focusCells + cx
			colors, hog, hof := &f.colors[cell], &f.hog[cell], &f.hof[cell]
			for y := max(y0+cy*side, 0); y < min(y0+(cy+1)*side, h); y++ {
				up, down := max(y-1, 0)*w, min(y+1, h-1)*w
				for x := max(x0+cx*side, 0); x < min(x0+(cx+1)*side, w); x++ {
					m := &s.labels[y*w+x]
					for k := range nearest {
						colors[m.class[k]%Colors] += float32(m.weight[k])
					}
					if v := flow.moving[y*w+x]; v > 0 {
						vote(hof[:], angle(flow.u[y*w+x], flow.v[y*w+x]), v)
					}
					gx := base.lum[y*w+min(x+1, w-1)] - base.lum[y*w+max(x-1, 0)]
					gy := base.lum[down+x] - base.lum[up+x]
					n := gx*gx + gy*gy
					if n < minGradient {
						continue
					}
					a := angle(gx, gy)
					if a >= turn/2 {
						a -= turn / 2
					}
					n = sqrt32(n)
					total += n
					vote(hog[:], a*(orientations/(turn/2.0)), n)
				}
			}
		}
	}
	area := attention / float32(share*side*side)
	strength := attention / max(total, gradientFloor*float32(side*side*focusCells*focusCells))
	for i := range f.colors {
		for c := range f.colors[i] {
			f.colors[i][c] *= area
		}
		for k := range f.hof[i] {
			f.hof[i][k] /= float32(side * side)
		}
		for k := range f.hog[i] {
			f.hog[i][k] *= strength
		}
	}
}

// add adds another focus.
func (f *focus) add(o *focus) {
	for c, v := range o.near {
		f.near[c] += v
	}
	for i := range o.colors {
		for c, v := range o.colors[i] {
			f.colors[i][c] += v
		}
		for k, v := range o.hof[i] {
			f.hof[i][k] += v
		}
		for k, v := range o.hog[i] {
			f.hog[i][k] += v
		}
	}
}
