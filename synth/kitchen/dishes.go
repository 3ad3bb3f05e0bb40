package kitchen

import "math"

// opening draws a vessel's rim and what is in it, seen from a little above: an ellipse
// around (0, y).
func (t *thing) opening(c *canvas, m affine, y, rx, ry float64, wall rgb) {
	c.fill(m, newPath().ellipse(0, y, rx, ry), solid(wall.shade(0.34)))
	c.fill(m, newPath().ellipse(0, y+0.5, rx-1.8, ry-1.3), sloped(wall, -0.42, 0.12))
	t.content(c, m, y+0.5, rx-1.8, ry-1.3)
}

// content draws what is in a vessel whose inner ellipse is given.
func (t *thing) content(c *canvas, m affine, y, rx, ry float64) {
	if t.fill > 0.01 {
		k := lerp(0.45, 0.97, math.Sqrt(min(t.fill, 1)))
		ly := y + (1-k)*ry*0.9
		lx, lh := rx*k, ry*k*0.96
		c.fill(m, newPath().ellipse(0, ly, lx, lh), sloped(t.liquid, 0.02, 0.14))
		c.fill(m, newPath().ellipse(-lx*0.3, ly-lh*0.25, lx*0.4, lh*0.28), glass(white, 0.25))
		if t.swirl > 0 {
			for i := range 3 {
				a := t.swirl*1.3 + float64(i)*2.1
				r := 0.25 + 0.22*float64(i)
				p := point{lx * r * math.Cos(a), ly + lh*r*math.Sin(a)}
				q := point{lx * (r + 0.12) * math.Cos(a+0.9), ly + lh*(r+0.12)*math.Sin(a+0.9)}
				c.fill(m, newPath().stroke(p, q, 1.8, 0.8), glass(t.liquid.shade(-0.28), 0.8))
			}
		}
	}
	for i := range t.yolks {
		a := float64(i)*2.4 + t.swirl*0.7
		r := 0.0
		if t.yolks > 1 {
			r = 0.4
		}
		p := point{rx * r * math.Cos(a), y + ry*r*math.Sin(a)}
		c.fill(m, newPath().ellipse(p.x, p.y+0.4, min(9, rx*0.55), min(3.8, ry*0.7)), glass(rgb{250, 246, 226}, 0.75))
		c.fill(m, newPath().ellipse(p.x, p.y, min(4.6, rx*0.3), min(2.6, ry*0.5)), sloped(yolk, 0.25, 0.1))
	}
	if n := int(t.sprinkled * 26); n > 0 {
		for i := range n {
			a, r := float64(i)*2.399963, math.Sqrt((float64(i)+0.5)/26)*0.85
			c.fill(m, newPath().ellipse(rx*r*math.Cos(a), y+ry*r*math.Sin(a), 0.9, 0.7), solid(t.speckles))
		}
	}
}

func (t *thing) drawBowl(c *canvas, m affine) {
	col := t.color.rgb()
	c.fill(m, newPath().move(-11, -3).line(-9, 0).line(9, 0).line(11, -3), solid(col.shade(-0.35)))
	body := newPath().move(-25, -22).cube(-24, -9, -16, -2, -10, -2).line(10, -2).cube(16, -2, 24, -9, 25, -22)
	c.fill(m, body, rounded(col, 0.22, 0.3))
	band := newPath().move(-24.6, -18).cube(-12, -13.6, 12, -13.6, 24.6, -18).line(24, -14.6).cube(12, -10.4, -12, -10.4, -24, -14.6)
	c.fill(m, band, glass(white, 0.4))
	t.opening(c, m, -22, 25, 5.6, col)
}

func (t *thing) drawCup(c *canvas, m affine) {
	col := t.color.rgb()
	handle := newPath().ellipse(12, -11, 7, 7.5)
	c.fill(m, handle, sloped(col, 0.1, 0.3))
	c.fill(m, newPath().ellipse(12, -11, 3.9, 4.4), solid(wood.shade(-0.2)))
	c.fill(m, newPath().move(-11, -21).line(-10, -3).quad(-9.5, 0, -7, 0).line(7, 0).quad(9.5, 0, 10, -3).line(11, -21), rounded(col, 0.25, 0.3))
	c.fill(m, newPath().ellipse(-3.5, -10, 2.2, 2.2), glass(white, 0.55))
	c.fill(m, newPath().ellipse(2.6, -7.4, 2.2, 2.2), glass(white, 0.55))
	t.opening(c, m, -21, 11, 3, col)
}

func (t *thing) drawPlate(c *canvas, m affine) {
	col := t.color.rgb()
	c.fill(m, newPath().move(-12, -2.2).line(-10, 0).line(10, 0).line(12, -2.2), solid(col.shade(-0.4)))
	c.fill(m, newPath().ellipse(0, -4.2, 27, 6.2), rounded(col, 0.1, 0.35))
	c.fill(m, newPath().ellipse(0, -5.4, 27, 6), rounded(col, 0.3, 0.1))
	c.fill(m, newPath().ellipse(0, -5.2, 18.6, 3.9), solid(col.shade(-0.14)))
	c.fill(m, newPath().ellipse(0, -4.8, 17.4, 3.4), solid(col.shade(0.1)))
	t.content(c, m, -4.8, 16, 3)
}

func (t *thing) drawPan(c *canvas, m affine) {
	col := t.color.rgb()
	c.fill(m, newPath().stroke(point{24, -9}, point{50, -13}, 5, 4.4), solid(rgb{66, 58, 56}))
	c.fill(m, newPath().stroke(point{30, -10.8}, point{47, -13.4}, 1.4, 1.2), glass(white, 0.3))
	c.fill(m, newPath().move(-27, -11).cube(-26, -3, -22, 0, -19, 0).line(19, 0).cube(22, 0, 26, -3, 27, -11), rounded(col, 0.25, 0.35))
	c.fill(m, newPath().ellipse(0, -11, 27, 5.8), solid(col.shade(0.32)))
	c.fill(m, newPath().ellipse(0, -10.5, 25, 4.6), sloped(rgb{70, 68, 74}, -0.3, -0.05))
	t.content(c, m, -10.3, 22, 4)
}

func (t *thing) drawPot(c *canvas, m affine) {
	col := t.color.rgb()
	for _, side := range []float64{-1, 1} {
		c.fill(m, newPath().round(side*25-4.5, -24, side*25+4.5, -18.5, 2), solid(col.shade(-0.45)))
	}
	c.fill(m, newPath().move(-23, -27).line(-23, -5).quad(-22.6, 0, -17, 0).line(17, 0).quad(22.6, 0, 23, -5).line(23, -27), rounded(col, 0.34, 0.36))
	c.fill(m, newPath().move(-23, -7).cube(-12, -3.6, 12, -3.6, 23, -7).line(23, -5).cube(12, -1.8, -12, -1.8, -23, -5), glass(shadow, 0.18))
	t.opening(c, m, -27, 23, 5, col)
}

func (t *thing) drawJug(c *canvas, m affine) {
	col := t.color.rgb()
	c.fill(m, newPath().move(11, -33).cube(25, -34, 25, -10, 11, -9).line(11, -13).cube(19, -14, 19, -29, 11, -28.4), sloped(col, 0.05, 0.3))
	c.fill(m, newPath().move(-9, -38).line(-15, -40).line(-12, -33).cube(-12, -28, -15, -22, -14, -10).quad(-13, 0, -8, 0).line(8, 0).quad(13, 0, 14, -10).cube(15, -22, 10, -28, 10, -38), rounded(col, 0.3, 0.28))
	c.fill(m, newPath().move(-14.4, -17).cube(-8, -14.4, 8, -14.4, 14.4, -17).line(14.4, -12).cube(8, -9.4, -8, -9.4, -14.3, -12), glass(white, 0.45))
	c.fill(m, newPath().ellipse(-0.6, -38.3, 10.4, 2.6), solid(col.shade(0.35)))
	c.fill(m, newPath().ellipse(-0.6, -38, 8.8, 1.7), solid(col.shade(-0.45)))
}

func (t *thing) drawBottle(c *canvas, m affine) {
	col := t.color.rgb()
	c.fill(m, newPath().round(-3.4, -49, 3.4, -44, 1.2), solid(col.shade(-0.5)))
	c.fill(m, newPath().move(-2.8, -45).line(-2.8, -37).cube(-3, -31, -8.5, -31, -8.5, -24).line(-8.5, -3).quad(-8.5, 0, -5.5, 0).line(5.5, 0).quad(8.5, 0, 8.5, -3).line(8.5, -24).cube(8.5, -31, 3, -31, 2.8, -37).line(2.8, -45), rounded(col, 0.3, 0.36))
	c.fill(m, newPath().rect(-8.5, -21, 8.5, -8), rounded(rgb{248, 240, 220}, 0.1, 0.2))
	c.fill(m, newPath().ellipse(0, -14.5, 3.4, 3.4), solid(col))
	c.fill(m, newPath().stroke(point{-5.6, -27}, point{-5.6, -23}, 1.6, 1.6), glass(white, 0.55))
}

func (t *thing) drawShaker(c *canvas, m affine) {
	col := t.color.rgb()
	c.fill(m, newPath().move(-5, -17).line(-6.5, -2).quad(-6.5, 0, -4.5, 0).line(4.5, 0).quad(6.5, 0, 6.5, -2).line(5, -17), rounded(col, 0.3, 0.28))
	c.fill(m, newPath().move(-5.2, -16.4).line(-5.2, -19).cube(-5, -25, 5, -25, 5.2, -19).line(5.2, -16.4), rounded(steel, 0.4, 0.3))
	for _, p := range []point{{-2, -21}, {1.8, -21.2}, {0, -19.2}} {
		c.fill(m, newPath().ellipse(p.x, p.y, 0.7, 0.6), solid(steel.shade(-0.6)))
	}
}

func (t *thing) drawCloth(c *canvas, m affine) {
	col := t.color.rgb()
	c.fill(m, newPath().move(-17, -2).cube(-15, -10, -6, -9, 0, -9).cube(8, -9, 16, -9, 17, -2).cube(12, 2, 6, 0, 0, 1).cube(-8, 2, -13, 0, -17, -2), sloped(col, 0.2, 0.25))
	c.fill(m, newPath().move(-12, -3).cube(-4, -6, 4, -1, 13, -5).line(13, -3.6).cube(4, 0, -4, -4.4, -12, -1.6), glass(white, 0.5))
}

// drawBoard draws a cutting board under something w wide.
func drawBoard(c *canvas, m affine, w float64) {
	h := w/2 + 13
	c.glow(m, 2, 2, h*1.15, 12, shadow, 0.35)
	c.fill(m, newPath().round(-h, -6, h, 8.5, 4), solid(wood.shade(-0.3)))
	c.fill(m, newPath().round(-h, -8, h, 6, 4), rounded(rgb{226, 186, 132}, 0.18, 0.12))
	for i := range 3 {
		y := -4.6 + 3.4*float64(i)
		c.fill(m, newPath().stroke(point{-h + 6, y}, point{h - 12, y + 0.4}, 0.7, 0.7), glass(wood.shade(-0.2), 0.4))
	}
	c.fill(m, newPath().ellipse(h-6, -1, 2.2, 1.4), solid(wood.shade(-0.45)))
}
