package kitchen

import (
	"cmp"
	"math"
	"slices"
)

// Scene coordinates: every picture shows 384 x 216 of them, whatever its size.
const (
	sceneWidth  = 384
	sceneHeight = 216
)

// scene is everything that moves, at one moment.
type scene struct {
	time    float64
	things  []thing
	boards  []board
	hands   [2]hand // left, right
	streams []stream
	drops   []drop
}

// board is a cutting board that lies on the counter.
type board struct {
	at    point
	width float64 // of what lies on it
}

// stream is liquid that falls.
type stream struct {
	from, to point
	color    rgb
}

// drop is something small that falls or flies.
type drop struct {
	at    point
	size  float64
	color rgb
}

// draw draws the scene over the room.
func (s *scene) draw(c *canvas, m affine, p *plan) {
	p.drawLiving(c, m, s.time)
	for _, b := range s.boards {
		k := depth(b.at.y)
		drawBoard(c, m.shift(b.at.x, b.at.y).scale(k, k), b.width)
	}
	order := make([]*thing, 0, len(s.things))
	for i := range s.things {
		order = append(order, &s.things[i])
	}
	slices.SortStableFunc(order, func(a, b *thing) int {
		if a.held != b.held {
			if a.held {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.at.y, b.at.y)
	})
	for _, t := range order {
		t.draw(c, m)
	}
	for _, f := range s.streams {
		mid := between(f.from, f.to, 0.4)
		c.fill(m, newPath().move(f.from.x-1.8, f.from.y).quad(mid.x-1.3, mid.y, f.to.x-1.5, f.to.y).line(f.to.x+1.5, f.to.y).quad(mid.x+1.7, mid.y, f.from.x+1.8, f.from.y), solid(f.color))
		c.fill(m, newPath().ellipse(f.to.x, f.to.y, 3.4, 1.3), solid(f.color.shade(0.3)))
	}
	for _, d := range s.drops {
		c.fill(m, newPath().ellipse(d.at.x, d.at.y, d.size, d.size), solid(d.color))
	}
	for i, side := range []float64{-1, 1} {
		drawHand(c, m, s.hands[i], p.cook, side)
	}
}

// drawLiving draws what moves by itself, which no sentence tells of: the hands of the
// clock, the cat, and a fly.
func (p *plan) drawLiving(c *canvas, m affine, t float64) {
	if k := p.room.clock; k.x > 0 {
		for _, h := range []struct{ period, length, width float64 }{{43200, 5, 1.6}, {3600, 7.6, 1.1}, {60, 8.4, 0.6}} {
			a := 2 * math.Pi * (p.oclock + t) / h.period
			c.fill(m, newPath().stroke(k, k.add(point{h.length * math.Sin(a), -h.length * math.Cos(a)}), h.width, h.width), solid(shadow))
		}
	}
	if p.cat.x > 0 {
		p.drawCat(c, m, t)
	}
	if p.fly > 0 {
		a, b := t*1.1+p.fly, t*1.7+2*p.fly
		at := point{192 + 150*math.Sin(a) + 14*math.Sin(5.3*b), 70 + 44*math.Sin(b) + 7*math.Sin(7.1*a)}
		c.fill(m, newPath().ellipse(at.x-1.4, at.y-1, 1.6, 0.8).ellipse(at.x+1.4, at.y-1, 1.6, 0.8), glass(white, 0.6))
		c.fill(m, newPath().ellipse(at.x, at.y, 1.3, 1), solid(shadow))
	}
}

// drawCat draws a cat that sleeps on the counter, and swishes its tail now and then.
func (p *plan) drawCat(c *canvas, m affine, t float64) {
	x, y, fur := p.cat.x, p.cat.y, p.fur
	c.glow(m, x+2, y, 36, 6, shadow, 0.45)
	breath := 0.5 * math.Sin(1.9*t)
	swish := math.Sin(2.2*t) * max(0, math.Sin(0.31*t+p.oclock))
	tail := point{x + 30 + 3*swish, y - 12 - 7*swish}
	c.fill(m, newPath().stroke(point{x + 18, y - 4}, between(point{x + 18, y - 4}, tail, 0.6).add(point{2, 4}), 6, 5), solid(fur.shade(-0.1)))
	c.fill(m, newPath().stroke(between(point{x + 18, y - 4}, tail, 0.6).add(point{2, 4}), tail, 5, 4), solid(fur.shade(-0.14)))
	c.fill(m, newPath().move(x-20, y-1).cube(x-24, y-14, x-10, y-20-breath, x+2, y-19-breath).cube(x+18, y-18, x+25, y-8, x+22, y-1).quad(x, y+1.4, x-20, y-1), sloped(fur, 0.14, 0.16))
	for i := range 3 {
		s := x - 2 + 7*float64(i)
		c.fill(m, newPath().stroke(point{s, y - 18 - breath}, point{s + 1.6, y - 12}, 2, 1.2), glass(fur.shade(-0.4), 0.5))
	}
	c.fill(m, newPath().move(x-26, y-12).line(x-24.6, y-19).line(x-20, y-14.6).line(x-15, y-14.6).line(x-11, y-19).line(x-9.4, y-11), solid(fur.shade(-0.08)))
	c.fill(m, newPath().ellipse(x-17.6, y-8, 9.2, 7.4), sloped(fur, 0.18, 0.06))
	for _, e := range []float64{-21.4, -14} {
		c.fill(m, newPath().move(x+e-1.8, y-8.6).quad(x+e, y-7, x+e+1.8, y-8.6).quad(x+e, y-7.9, x+e-1.8, y-8.6), solid(shadow))
	}
	c.fill(m, newPath().move(x-18.6, y-6).line(x-16.8, y-6).line(x-17.7, y-5), solid(rgb{214, 120, 120}))
	c.fill(m, newPath().ellipse(x-11, y-1.6, 5.4, 2.4), solid(fur.shade(0.22)))
}
