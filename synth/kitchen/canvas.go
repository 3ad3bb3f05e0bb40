package kitchen

import (
	"image"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// rgb is a color as the screen shows it, 0 to 255.
type rgb struct{ r, g, b float64 }

// shade makes a color lighter (k above 0, at 1 white) or darker (at -1 black).
func (c rgb) shade(k float64) rgb {
	if k >= 0 {
		return c.mix(rgb{255, 255, 255}, k)
	}
	return c.mix(rgb{20, 12, 22}, -k) // shadows are a little violet
}

// mix is c with a share k of d.
func (c rgb) mix(d rgb, k float64) rgb {
	return rgb{lerp(c.r, d.r, k), lerp(c.g, d.g, k), lerp(c.b, d.b, k)}
}

// paint is what an area is filled with.
type paint struct {
	color rgb
	fade  float64 // 0: opaque, as most are; 1: not to be seen
	// light and dark are how much lighter and darker the color becomes over the
	// area's extent.
	light, dark float64
	along       axis
}

// axis is the way in which a paint changes.
type axis uint8

const (
	flat   axis = iota
	down        // lightest at the top, darkest at the bottom
	across      // round: lightest at a third from the left, darkest on the right
)

func solid(c rgb) paint                { return paint{color: c} }
func glass(c rgb, alpha float64) paint { return paint{color: c, fade: 1 - alpha} }
func sloped(c rgb, l, d float64) paint { return paint{color: c, light: l, dark: d, along: down} }

func rounded(c rgb, l, d float64) paint         { return paint{color: c, light: l, dark: d, along: across} }
func (p paint) transparent(alpha float64) paint { p.fade = 1 - alpha; return p }

// tones are the colors of the paint over its extent.
const tones = 64

func (p paint) table() (t [tones][3]int32) {
	for i := range t {
		s := (float64(i) + 0.5) / tones
		c := p.color
		switch p.along {
		case down:
			c = c.shade(lerp(p.light, -p.dark, s))
		case across:
			if s < 1.0/3 {
				c = c.shade(lerp(p.light*0.2-p.dark*0.25, p.light, s*3))
			} else {
				c = c.shade(lerp(p.light, -p.dark, (s-1.0/3)*1.5))
			}
		}
		t[i] = [3]int32{int32(c.r + 0.5), int32(c.g + 0.5), int32(c.b + 0.5)}
	}
	return t
}

// canvas is a picture that is being drawn.
type canvas struct {
	width, height int
	pix           []byte // (height, width, 3) RGB
	raster        *vector.Rasterizer
	mask          image.Alpha
	at            []point // scratch
}

func newCanvas(width, height int) *canvas {
	return &canvas{width: width, height: height, pix: make([]byte, 3*width*height), raster: vector.NewRasterizer(0, 0)}
}

// quantum is the grid that corners are brought to, 1/256 of a pixel: differences in the
// last digit, as processors with fused multiplication and addition make them, vanish.
const quantum = 256

// fill fills an outline.
func (c *canvas) fill(m affine, p *path, with paint) {
	c.at = c.at[:0]
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, q := range p.points {
		q = m.apply(q)
		q.x, q.y = math.Round(q.x*quantum)/quantum, math.Round(q.y*quantum)/quantum
		x0, y0, x1, y1 = min(x0, q.x), min(y0, q.y), max(x1, q.x), max(y1, q.y)
		c.at = append(c.at, q)
	}
	box := image.Rect(int(math.Floor(max(x0, 0))), int(math.Floor(max(y0, 0))), int(math.Ceil(min(x1, float64(c.width)))), int(math.Ceil(min(y1, float64(c.height)))))
	if box.Empty() || box.Min.X >= c.width || box.Min.Y >= c.height {
		return
	}
	c.cover(box, p)
	w, h := box.Dx(), box.Dy()
	t := with.table()
	alpha := int32((1-with.fade)*256 + 0.5)
	if alpha <= 0 {
		return
	}
	for y := range h {
		row := c.mask.Pix[y*w : y*w+w]
		out := c.pix[3*((box.Min.Y+y)*c.width+box.Min.X):]
		out = out[:3*w]
		k := t[0]
		if with.along == down {
			k = t[tone((float64(box.Min.Y+y)+0.5-y0)/(y1-y0))]
		}
		step := tones / (x1 - x0)
		s := (float64(box.Min.X) + 0.5 - x0) * step
		for x, a := range row {
			if a == 0 {
				s += step
				continue
			}
			if with.along == across {
				k = t[min(max(int(s), 0), tones-1)]
				s += step
			}
			o := out[3*x : 3*x+3 : 3*x+3]
			if a == 255 && alpha == 256 {
				o[0], o[1], o[2] = byte(k[0]), byte(k[1]), byte(k[2])
				continue
			}
			blend := int32(a) * alpha // to 255 * 256
			o[0] += byte((k[0] - int32(o[0])) * blend / 65280)
			o[1] += byte((k[1] - int32(o[1])) * blend / 65280)
			o[2] += byte((k[2] - int32(o[2])) * blend / 65280)
		}
	}
}

func tone(s float64) int { return min(max(int(s*tones), 0), tones-1) }

// cover computes the mask of the outline in c.at within a box.
func (c *canvas) cover(box image.Rectangle, p *path) {
	w, h := box.Dx(), box.Dy()
	c.raster.Reset(w, h)
	c.raster.DrawOp = draw.Src
	n := 0
	next := func() (float32, float32) {
		q := c.at[n]
		n++
		return float32(q.x - float64(box.Min.X)), float32(q.y - float64(box.Min.Y))
	}
	open := false
	for _, op := range p.ops {
		switch op {
		case 'M':
			if open {
				c.raster.ClosePath()
			}
			open = true
			c.raster.MoveTo(next())
		case 'L':
			c.raster.LineTo(next())
		case 'Q':
			ax, ay := next()
			bx, by := next()
			c.raster.QuadTo(ax, ay, bx, by)
		case 'C':
			ax, ay := next()
			bx, by := next()
			dx, dy := next()
			c.raster.CubeTo(ax, ay, bx, by, dx, dy)
		}
	}
	c.raster.ClosePath()
	if cap(c.mask.Pix) < w*h {
		c.mask.Pix = make([]byte, w*h)
	}
	c.mask.Pix, c.mask.Stride, c.mask.Rect = c.mask.Pix[:w*h], w, image.Rect(0, 0, w, h)
	c.raster.Draw(&c.mask, c.mask.Rect, image.Opaque, image.Point{})
}

// glow blends a color over an ellipse, strongest in its middle and gone at its edge: a
// soft shadow, or light.
func (c *canvas) glow(m affine, x, y, rx, ry float64, color rgb, alpha float64) {
	p := m.apply(point{x, y})
	rx, ry = rx*math.Hypot(m.a, m.b), ry*math.Hypot(m.c, m.d)
	k := [3]int32{int32(color.r), int32(color.g), int32(color.b)}
	for py := max(int(p.y-ry), 0); py < min(int(p.y+ry)+1, c.height); py++ {
		dy := (float64(py) + 0.5 - p.y) / ry
		if dy*dy >= 1 {
			continue
		}
		half := rx * math.Sqrt(1-dy*dy)
		for px := max(int(p.x-half), 0); px < min(int(p.x+half)+1, c.width); px++ {
			dx := (float64(px) + 0.5 - p.x) / rx
			d := 1 - dx*dx - dy*dy
			if d <= 0 {
				continue
			}
			blend := int32(alpha * d * d * 65280)
			o := c.pix[3*(py*c.width+px):]
			o[0] += byte((k[0] - int32(o[0])) * blend / 65280)
			o[1] += byte((k[1] - int32(o[1])) * blend / 65280)
			o[2] += byte((k[2] - int32(o[2])) * blend / 65280)
		}
	}
}
