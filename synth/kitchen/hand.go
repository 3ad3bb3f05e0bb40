package kitchen

import "math"

// tool is what a hand brings with it.
type tool string

const (
	noTool    tool = ""
	knife     tool = "knife"
	spoon     tool = "spoon"
	peeler    tool = "peeler"
	aCloth    tool = "cloth"
	aShaker   tool = "shaker"
	wholeEgg  tool = "egg"
	brokenEgg tool = "shells"
)

// hand is an arm that comes into the picture from below.
type hand struct {
	at    point   // middle of the palm
	grip  float64 // 0: open, 1: closed
	shown bool
	tool  tool
	color Color   // of the tool
	turn  float64 // of the tool
	gap   float64 // between the halves of an eggshell
}

// cook is how the person looks.
type cook struct {
	skin, sleeve rgb
	bare         float64 // share of the forearm that the sleeve leaves free
	left         bool    // left-handed: acts with the left hand
	stripes      bool
}

// home is where an arm comes from, below the picture.
func home(side float64) point { return point{192 + side*112, 316} }

// rest is where its hand is when it is not to be seen.
func rest(side float64) point { return point{192 + side*96, 262} }

// drawHand draws an arm from its home (side -1: left, 1: right) to the hand, and the
// tool in it.
func drawHand(c *canvas, m affine, h hand, k cook, side float64) {
	if !h.shown {
		return
	}
	from := home(side)
	d := h.at.sub(from)
	n := d.len()
	u := d.mul(1 / n)
	angle := math.Atan2(u.x, -u.y) // 0: straight up
	wrist := h.at.sub(u.mul(8))
	c.fill(m, newPath().stroke(from.add(point{5, 3}), wrist.add(point{5, 4}), 34, 12), glass(shadow, 0.16))
	c.fill(m, newPath().stroke(from, wrist, 34, 11.5), sloped(k.skin, 0.12, 0.16))
	cuff := between(from, wrist, 1-k.bare)
	cw := lerp(34, 11.5, 1-k.bare) + 5
	c.fill(m, newPath().stroke(from, cuff, 42, cw), sloped(k.sleeve, 0.14, 0.2))
	if k.stripes {
		for i := range 6 {
			s := 1 - k.bare - 0.1 - 0.11*float64(i)
			p := between(from, wrist, s)
			v := point{-u.y, u.x}.mul(lerp(34, 11.5, s)/2 + 2)
			c.fill(m, newPath().stroke(p.add(v), p.sub(v), 3, 3), glass(white, 0.5))
		}
	}
	v := point{-u.y, u.x}.mul(cw/2 - 0.6)
	c.fill(m, newPath().stroke(cuff.add(v), cuff.sub(v), 5, 5), solid(k.sleeve.shade(-0.22)))

	if h.tool == aCloth || h.tool == wholeEgg || h.tool == brokenEgg || h.tool == aShaker {
		h.drawTool(c, m, side)
	}
	f := m.shift(h.at.x, h.at.y).turn(angle).scale(-side, 1)
	// Thumb, palm, four fingers; closed fingers are shorter.
	c.fill(f, newPath().stroke(point{-5.4, 2}, point{lerp(-14, -8, h.grip), lerp(-6, -9, h.grip)}, 5.8, 4.6), sloped(k.skin, 0.1, 0.06))
	length := lerp(14, 7.5, h.grip)
	fan := lerp(0.16, 0.03, h.grip)
	for i := range 4 {
		x := -5.4 + 3.7*float64(i)
		a := fan * (float64(i) - 1.5)
		l := length * []float64{0.94, 1.08, 1, 0.8}[i]
		tip := point{x + l*math.Sin(a), -6 - l*math.Cos(a)}
		c.fill(f, newPath().stroke(point{x, -4}, tip, 4.7, 4), solid(k.skin.shade(-0.16)))
		c.fill(f, newPath().stroke(point{x - 0.3, -4}, tip.add(point{-0.3, 0.3}), 3.7, 3.1), solid(k.skin.shade(0.06)))
	}
	c.fill(f, newPath().move(-8, -5).cube(-8.4, 4, -6, 10, 0, 10.4).cube(6, 10, 8.6, 4, 8.2, -5).quad(0, -9, -8, -5), sloped(k.skin, 0.14, 0.1))
	for i := range 3 {
		x := -3.6 + 3.7*float64(i)
		c.fill(f, newPath().stroke(point{x, -6.6}, point{x, -3.8}, 0.8, 0.6), glass(k.skin.shade(-0.4), 0.5))
	}
	if h.tool == knife || h.tool == spoon || h.tool == peeler {
		h.drawTool(c, m, side)
		// The fingers close around it.
		for i := range 3 {
			x := -4.4 + 3.6*float64(i)
			c.fill(f, newPath().stroke(point{x, -9.5}, point{x, -4.5}, 4, 4), solid(k.skin.shade(0.02)))
		}
	}
}

// drawTool draws what the hand holds. Blades point away from the hand's side.
func (h hand) drawTool(c *canvas, m affine, side float64) {
	t := m.shift(h.at.x, h.at.y-7).scale(-side, 1).turn(h.turn)
	switch h.tool {
	case knife:
		c.fill(t, newPath().stroke(point{-9, 1}, point{7, 0}, 5, 4.4), sloped(rgb{58, 46, 44}, 0.2, 0.1))
		c.fill(t, newPath().move(7, -3).line(40, -2.4).quad(45, -1, 42, 2).quad(34, 6, 7, 5.6), sloped(steel, 0.4, 0.22))
		c.fill(t, newPath().move(8, 3.6).line(38, 3.2).line(40, 2).line(8, 2), glass(white, 0.7))
	case spoon:
		c.fill(t, newPath().stroke(point{-6, -9}, point{9, 17}, 3, 2.6), sloped(wood, 0.1, 0.3))
		c.fill(t.shift(10.5, 20).turn(-0.5), newPath().ellipse(0, 0, 4.2, 6), sloped(wood, 0.12, 0.3))
	case peeler:
		c.fill(t, newPath().stroke(point{-8, 1}, point{6, 0}, 4.6, 4), solid(rgb{70, 150, 140}))
		c.fill(t, newPath().move(6, -4).line(19, -4).line(19, 4).line(6, 4).line(6, 2.4).line(16.6, 2.4).line(16.6, -2.4).line(6, -2.4), solid(steel))
	case aCloth:
		v := thing{kind: Cloth, color: h.color}
		v.drawCloth(c, m.shift(h.at.x, h.at.y+2).turn(h.turn).scale(1.25, 1.5))
	case aShaker:
		v := thing{kind: Shaker, color: h.color}
		v.drawShaker(c, m.shift(h.at.x, h.at.y-4).scale(-side, 1).turn(h.turn).scale(1.15, 1.15))
	case wholeEgg:
		drawEgg(c, m.shift(h.at.x, h.at.y-3).turn(h.turn).scale(1.1, 1.1), h.color.rgb())
	case brokenEgg:
		for _, s := range []float64{-1, 1} {
			drawShell(c, m.shift(h.at.x+s*h.gap, h.at.y-3).turn(s*0.06*h.gap), h.color.rgb(), s)
		}
	}
}
