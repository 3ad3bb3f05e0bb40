package kitchen

// flesh is what a food looks like inside.
func (k Kind) flesh(skin rgb) rgb {
	switch k {
	case Cucumber:
		return rgb{206, 232, 168}
	case Carrot:
		return skin.shade(0.35)
	case Tomato:
		return skin.mix(rgb{250, 176, 140}, 0.55)
	case Pepper:
		return skin.mix(rgb{252, 226, 170}, 0.6)
	case Onion:
		return rgb{246, 236, 240}
	case Apple, Potato:
		return rgb{250, 240, 196}
	case Lemon:
		return rgb{252, 236, 140}
	case Bread:
		return rgb{248, 228, 184}
	case Cheese:
		return rgb{252, 226, 130}
	case Eggplant:
		return rgb{240, 234, 206}
	}
	return skin.shade(0.4)
}

// drawFood draws a food: whole, or the part that is left and the slices.
func (t *thing) drawFood(c *canvas, m affine) {
	w, h := t.kind.extent()
	skin := t.color.rgb()
	inside := t.kind.flesh(skin)
	if t.peeled > 0 && t.kind != Bread && t.kind != Cheese {
		skin = skin.mix(inside, 0.85*t.peeled)
	}
	if t.cut <= 0 {
		t.drawWhole(c, m, skin)
		return
	}
	// Slices fan out from the left, the rest shrinks to the right.
	if left := 1 - t.cut; left > 0.08 {
		rest := m.shift(w/2*t.cut, 0).scale(max(left, 0.12), 1)
		t.drawWhole(c, rest, skin)
		face := -w/2 + w*t.cut + 1
		c.fill(m, newPath().ellipse(face, -h*0.46, 2.6, h*0.42), solid(inside))
	}
	const most = 7
	n := int(t.cut*most + 0.999)
	for i := range n {
		x := -w/2 - 5 + (w*0.82)*t.cut*float64(i)/most/max(t.cut, 0.3)*1.1
		s := m.shift(x+3, 1.5-1.2*float64(i%2)).turn(-0.5 + 0.12*float64(i%3))
		c.fill(s, newPath().ellipse(1.2, -h*0.4, 4.4, h*0.46), solid(skin.shade(-0.12)))
		c.fill(s, newPath().ellipse(0, -h*0.4, 3.8, h*0.42), sloped(inside, 0.15, 0.08))
		c.fill(s, newPath().ellipse(0, -h*0.4, 1.7, h*0.2), glass(inside.shade(-0.16), 0.7))
	}
}

// drawWhole draws the uncut food, within its extent.
func (t *thing) drawWhole(c *canvas, m affine, skin rgb) {
	switch t.kind {
	case Cucumber:
		c.fill(m, newPath().move(-26, -6).cube(-26, -13, -18, -13, -10, -12.6).cube(0, -12, 10, -14, 20, -13).cube(27, -12, 27, -2, 20, -0.6).cube(8, 1, -10, 0, -19, 0).cube(-25, -0.4, -26, -3, -26, -6), sloped(skin, 0.22, 0.34))
		for i := range 5 {
			x := -18 + 9*float64(i)
			c.fill(m, newPath().stroke(point{x, -8.6}, point{x + 5, -8.8}, 1, 0.8), glass(skin.shade(0.5), 0.6))
		}
		c.fill(m, newPath().ellipse(25, -7, 1.6, 1.6), solid(skin.shade(-0.4)))
	case Carrot:
		for i := range 3 {
			a := point{21, -7}
			c.fill(m, newPath().stroke(a, point{30, -12 + 5*float64(i)}, 3, 1), solid(leaf.shade(0.1*float64(i)-0.1)))
		}
		c.fill(m, newPath().move(22, -13).cube(26, -11, 26, -2, 22, 0).cube(8, 0, -12, -2, -25, -5.5).cube(-12, -10, 6, -13, 22, -13), sloped(skin, 0.22, 0.26))
		for _, x := range []float64{-10, 0, 10, 17} {
			c.fill(m, newPath().stroke(point{x, -10.4}, point{x + 2, -7}, 0.9, 0.7), glass(skin.shade(-0.35), 0.7))
		}
	case Tomato:
		c.fill(m, newPath().ellipse(0, -10.6, 12.6, 10.8), rounded(skin, 0.3, 0.26))
		c.fill(m, newPath().ellipse(-4.4, -15, 3.2, 2.2), glass(white, 0.5))
		for i := range 5 {
			c.fill(m.shift(0, -20.2).turn(float64(i)*1.2566), newPath().move(-1.3, 0).quad(0, -7, 1.3, 0), solid(leaf))
		}
	case Pepper:
		c.fill(m, newPath().round(-1.8, -33, 2, -25, 1.4), solid(leaf.shade(-0.1)))
		c.fill(m, newPath().move(0, -26).cube(-4, -30, -14, -29, -13, -20).cube(-13, -10, -10, -2, -6, -1).cube(-3, 0, -2, -1.6, 0, -1.4).cube(2, -1.6, 3, 0, 6, -1).cube(10, -2, 13, -10, 13, -20).cube(14, -29, 4, -30, 0, -26), rounded(skin, 0.3, 0.28))
		c.fill(m, newPath().move(-0.6, -25).quad(-2, -14, -0.6, -3).quad(1.4, -14, 0.6, -25), glass(skin.shade(-0.4), 0.5))
		c.fill(m, newPath().ellipse(-7, -19, 1.7, 5), glass(white, 0.5))
	case Onion:
		c.fill(m, newPath().move(0, -28).cube(-1, -22, -13, -22, -12.5, -11).cube(-12, -2, -5, 0, 0, 0).cube(5, 0, 12, -2, 12.5, -11).cube(13, -22, 1, -22, 0, -28), rounded(skin, 0.3, 0.26))
		for _, x := range []float64{-6, 0, 6} {
			c.fill(m, newPath().move(x*0.2, -22).quad(x*1.7, -12, x*0.4, -1).quad(x*1.5+0.8, -12, x*0.2, -22), glass(skin.shade(-0.35), 0.55))
		}
		c.fill(m, newPath().ellipse(-5, -14, 1.8, 4), glass(white, 0.35))
	case Apple:
		c.fill(m, newPath().stroke(point{0, -21}, point{2, -27}, 1.6, 1.2), solid(rgb{98, 66, 44}))
		c.fill(m, newPath().move(0, -21).cube(-5, -25, -12.5, -22, -12, -13).cube(-12, -4, -6, 1, 0, -1).cube(6, 1, 12, -4, 12, -13).cube(12.5, -22, 5, -25, 0, -21), rounded(skin, 0.3, 0.26))
		c.fill(m, newPath().move(1.6, -24).quad(6, -30, 10, -26.6).quad(6, -22.6, 1.6, -24), solid(leaf))
		c.fill(m, newPath().ellipse(-5.4, -16, 2.2, 3.4), glass(white, 0.5))
	case Lemon:
		c.fill(m, newPath().move(-14, -9.4).cube(-11, -11, -8, -19, 0, -19).cube(8, -19, 11, -11, 14, -9.4).cube(11, -8, 8, 0, 0, 0).cube(-8, 0, -11, -8, -14, -9.4), sloped(skin, 0.26, 0.2))
		c.fill(m, newPath().ellipse(-3, -13.6, 4, 1.8), glass(white, 0.5))
	case Potato:
		c.fill(m, newPath().move(-15.5, -9).cube(-16, -19, -6, -20, 2, -19).cube(12, -19, 17, -13, 15.6, -7).cube(14, 0, 4, 0, -3, 0).cube(-11, 0, -15, -2, -15.5, -9), sloped(skin.shade(0.22), 0.15, 0.2))
		for _, p := range []point{{-7, -11}, {3, -14}, {8, -6}, {-2, -5}} {
			c.fill(m, newPath().ellipse(p.x, p.y, 1.1, 0.8), glass(skin.shade(-0.4), 0.6))
		}
	case Bread:
		c.fill(m, newPath().move(-25, -8).cube(-27, -22, -16, -25, 0, -25).cube(16, -25, 27, -22, 25, -8).cube(25, -1, 22, 0, 18, 0).line(-18, 0).cube(-22, 0, -25, -1, -25, -8), sloped(skin.shade(0.22), 0.25, 0.25))
		for _, x := range []float64{-14, -3, 8} {
			c.fill(m, newPath().move(x, -22).quad(x+7, -18, x+7, -10).quad(x+4, -17, x, -22), solid(rgb{240, 208, 150}))
		}
	case Cheese:
		c.fill(m, newPath().move(-18, -10).line(16, -22).line(18, -10).line(18, 0).line(-18, 0), sloped(skin, 0.2, 0.12))
		c.fill(m, newPath().rect(-18, -10, 18, 0), sloped(skin.shade(0.1), 0.05, 0.14))
		for _, h := range []point{{-9, -5}, {4, -3.4}, {12, -7}, {9, -15.5}} {
			c.fill(m, newPath().ellipse(h.x, h.y, 2.4, 1.9), solid(skin.shade(-0.24)))
		}
	case Eggplant:
		c.fill(m, newPath().stroke(point{19, -14}, point{28, -17}, 4, 3), solid(leaf.shade(-0.15)))
		c.fill(m, newPath().move(20, -18).cube(10, -19, -2, -21, -13, -20).cube(-27, -19, -29, -1, -13, 0).cube(0, 0, 14, -4, 21, -9), sloped(skin, 0.2, 0.34))
		c.fill(m, newPath().move(16, -19).cube(22, -20, 25, -16, 23, -10).line(17, -8).quad(19, -12, 14, -14), solid(leaf))
		c.fill(m, newPath().ellipse(-10, -15.6, 7, 1.7), glass(white, 0.35))
	}
}

// drawEgg draws a whole egg.
func drawEgg(c *canvas, m affine, color rgb) {
	color = color.mix(rgb{232, 196, 160}, 0.25)
	c.fill(m, newPath().move(0, -17).cube(4.6, -17, 6.8, -10, 6.8, -6.6).cube(6.8, -2, 3.6, 0, 0, 0).cube(-3.6, 0, -6.8, -2, -6.8, -6.6).cube(-6.8, -10, -4.6, -17, 0, -17), rounded(color, 0.25, 0.22))
	c.fill(m, newPath().ellipse(-2, -11, 1.4, 2.6), glass(white, 0.6))
}

// drawShell draws half of an eggshell; side is -1 or 1.
func drawShell(c *canvas, m affine, color rgb, side float64) {
	color = color.mix(rgb{232, 196, 160}, 0.25)
	c.fill(m, newPath().move(0, -14).line(side*2, -11.6).line(side*0.2, -9).line(side*2, -6).line(side*0.2, -3).line(0, 0).
		cube(side*5, 0, side*7.4, -3, side*7.4, -7).cube(side*7.4, -11, side*5, -14, 0, -14), rounded(color, 0.2, 0.2))
}
