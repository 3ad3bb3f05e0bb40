package classical

import "math"

// maxLevels bounds the pyramid: half, a quarter and an eighth of the frame's size.
const maxLevels = 3

// minSide is the least side of a level below the first.
const minSide = 8

// pyramid is a frame at half its size, a quarter, ...
type pyramid struct {
	levels []level
	store  [maxLevels]level
}

// level is a frame at one size, its values 0 to 255.
type level struct {
	width, height int
	rgb           []float32 // (height, width, 3)
	lum           []float32 // (height, width): (R + 2G + B) / 4
}

// build makes the levels; each value is the mean of four of the level below. A frame
// of one row or column keeps it.
func (p *pyramid) build(pix []byte, width, height int) {
	base := &p.store[0]
	base.size((width+1)/2, (height+1)/2)
	for y := range base.height {
		a := pix[2*y*width*3:][:width*3]
		b := pix[min(2*y+1, height-1)*width*3:][:width*3]
		out := base.rgb[y*base.width*3:][:base.width*3]
		for x := range base.width {
			l, r := 6*x, 3*min(2*x+1, width-1)
			for k := range 3 {
				out[3*x+k] = float32(int(a[l+k])+int(a[r+k])+int(b[l+k])+int(b[r+k])) * 0.25
			}
		}
	}
	base.luminance()
	n := 1
	for ; n < maxLevels; n++ {
		from, to := &p.store[n-1], &p.store[n]
		if min(from.width, from.height) < 2*minSide {
			break
		}
		to.halve(from)
		to.luminance()
	}
	p.levels = p.store[:n]
}

func (l *level) size(width, height int) {
	l.width, l.height = width, height
	l.rgb = resize(l.rgb, 3*width*height)
	l.lum = resize(l.lum, width*height)
}

func (l *level) halve(from *level) {
	l.size((from.width+1)/2, (from.height+1)/2)
	w := from.width * 3
	for y := range l.height {
		a := from.rgb[2*y*w:][:w]
		b := from.rgb[min(2*y+1, from.height-1)*w:][:w]
		out := l.rgb[y*l.width*3:][:l.width*3]
		for x := range l.width {
			i, r := 6*x, 3*min(2*x+1, from.width-1)
			for k := range 3 {
				out[3*x+k] = (a[i+k] + a[r+k] + b[i+k] + b[r+k]) * 0.25
			}
		}
	}
}

func (l *level) luminance() {
	for i := range l.lum {
		v := l.rgb[3*i : 3*i+3 : 3*i+3]
		l.lum[i] = (v[0] + 2*v[1] + v[2]) * 0.25
	}
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
