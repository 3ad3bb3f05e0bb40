package kitchen

import (
	"math"
	"math/rand/v2"
)

// room is what does not move: it is painted once for a video.
type room struct {
	wall, tile, grout rgb
	tiles             int // pattern
	counter           rgb
	counterKind       int
	window            float64 // left edge
	sky               rgb
	curtain           rgb
	shelf             float64 // left edge; negative: none
	shelfJars         []rgb
	clock             point
	hooks             float64 // left edge of a rail with utensils; negative: none
	plant             float64 // negative: none
	jars              []float64
	seed              uint64
}

// edge is where the wall ends and the counter begins.
const edge = 112.0

func newRoom(r *rand.Rand) room {
	pick := func(list []rgb) rgb { return list[r.IntN(len(list))] }
	o := room{
		wall:        pick([]rgb{{238, 230, 214}, {216, 226, 220}, {222, 220, 230}, {236, 222, 210}, {210, 220, 228}, {230, 228, 208}}),
		grout:       rgb{236, 234, 228},
		tiles:       r.IntN(4),
		counter:     pick([]rgb{{206, 160, 108}, {184, 138, 96}, {214, 208, 200}, {152, 148, 150}, {222, 196, 160}, {122, 112, 108}}),
		counterKind: r.IntN(3),
		sky:         pick([]rgb{{168, 212, 240}, {196, 220, 232}, {246, 206, 170}, {150, 190, 230}}),
		curtain:     pick([]rgb{{230, 170, 150}, {200, 210, 190}, {240, 226, 200}, {170, 190, 210}}),
		seed:        r.Uint64(),
	}
	o.tile = o.wall.mix(pick([]rgb{{250, 250, 246}, {160, 196, 190}, {226, 190, 160}, {180, 190, 216}, {196, 206, 170}}), 0.6)
	return o
}

// furnish places what hangs and stands at the wall, around the taken parts of it.
func (o *room) furnish(r *rand.Rand, taken []point) {
	free := func(x0, x1 float64) bool {
		for _, t := range taken {
			if x0 < t.y && x1 > t.x {
				return false
			}
		}
		return true
	}
	place := func(w float64) float64 {
		for range 24 {
			if x := 6 + r.Float64()*(372-w); free(x-4, x+w+4) {
				taken = append(taken, point{x - 4, x + w + 4})
				return x
			}
		}
		return -1
	}
	o.window = place(92)
	o.shelf, o.hooks = -1, -1
	if r.IntN(2) == 0 {
		o.shelf = place(74)
		o.hooks = place(64)
	} else {
		o.hooks = place(64)
		o.shelf = place(74)
	}
	for range 4 {
		o.shelfJars = append(o.shelfJars, []rgb{{196, 160, 120}, {216, 206, 190}, {170, 186, 176}, {186, 150, 150}, {220, 200, 150}}[r.IntN(5)])
	}
	if x := place(26); x >= 0 {
		o.clock = point{x + 13, 26}
	}
	o.plant = -1
	if r.IntN(3) > 0 {
		o.plant = 10 + r.Float64()*360
	}
	for range r.IntN(4) {
		o.jars = append(o.jars, 10+r.Float64()*364)
	}
}

// paint draws the room.
func (o *room) paint(c *canvas, m affine) {
	const over = 24.0 // beyond the picture, for the camera's shaking
	r := rand.New(rand.NewPCG(o.seed, 1))
	c.fill(m, newPath().rect(-over, -over, 384+over, edge+2), sloped(o.wall, 0.1, 0.06))
	o.paintTiles(c, m, r)
	c.fill(m, newPath().rect(-over, -over, 384+over, 6), sloped(shadow, 0, 0).transparent(0.1))
	o.paintCounter(c, m, r)
	if o.window >= 0 {
		o.paintWindow(c, m)
	}
	if o.shelf >= 0 {
		o.paintShelf(c, m)
	}
	if o.hooks >= 0 {
		o.paintHooks(c, m)
	}
	if o.clock.x > 0 {
		c.glow(m, o.clock.x+2, o.clock.y+3, 16, 16, shadow, 0.35)
		c.fill(m, newPath().ellipse(o.clock.x, o.clock.y, 12.5, 12.5), solid(rgb{110, 120, 130}))
		c.fill(m, newPath().ellipse(o.clock.x, o.clock.y, 10.6, 10.6), sloped(rgb{250, 248, 242}, 0.2, 0.06))
		for i := range 12 {
			a := float64(i) * math.Pi / 6
			c.fill(m, newPath().ellipse(o.clock.x+8.6*math.Cos(a), o.clock.y+8.6*math.Sin(a), 0.7, 0.7), solid(shadow))
		}
	}
	for i, x := range o.jars {
		col := []rgb{{200, 180, 150}, {176, 190, 186}, {206, 190, 190}, {186, 176, 150}}[(i+int(o.seed%4))%4]
		c.glow(m, x+2, edge+5, 12, 4, shadow, 0.4)
		c.fill(m, newPath().round(x-8, edge-16, x+8, edge+5, 3), rounded(col, 0.3, 0.22))
		c.fill(m, newPath().round(x-8.6, edge-19, x+8.6, edge-14.4, 1.6), rounded(wood.shade(-0.15), 0.2, 0.2))
	}
	if o.plant >= 0 {
		o.paintPlant(c, m)
	}
}

func (o *room) paintTiles(c *canvas, m affine, r *rand.Rand) {
	const top = 52.0
	switch o.tiles {
	case 0: // subway tiles
		c.fill(m, newPath().rect(-24, top-1.2, 408, edge), solid(o.grout.shade(-0.06)))
		for row := range 5 {
			y := top + 12*float64(row)
			for col := range 20 {
				x := -30 + 24*float64(col) - 12*float64(row%2)
				c.fill(m, newPath().rect(x, y, x+22.8, y+10.8), sloped(o.tile.shade(0.06*(r.Float64()-0.5)), 0.12, 0.03))
			}
		}
	case 1: // squares, here and there one with a pattern
		c.fill(m, newPath().rect(-24, top-1.2, 408, edge), solid(o.grout.shade(-0.08)))
		for row := range 3 {
			for col := range 22 {
				x, y := -28+20*float64(col), top+20*float64(row)
				c.fill(m, newPath().rect(x, y, x+18.8, y+18.8), sloped(o.tile.shade(0.05*(r.Float64()-0.5)), 0.12, 0.04))
				if r.IntN(5) == 0 {
					c.fill(m, newPath().ellipse(x+9.4, y+9.4, 5, 5), solid(o.tile.shade(-0.2)))
					c.fill(m, newPath().ellipse(x+9.4, y+9.4, 2.4, 2.4), solid(o.tile.shade(0.4)))
				}
			}
		}
	case 2: // boards
		for col := range 30 {
			x := -24 + 15*float64(col)
			c.fill(m, newPath().rect(x, top, x+14.2, edge), sloped(o.tile.shade(0.04*(r.Float64()-0.5)), 0.1, 0.06))
		}
		c.fill(m, newPath().rect(-24, top-4, 408, top), sloped(o.tile, 0.4, 0.1))
	default: // painted, with a stripe
		c.fill(m, newPath().rect(-24, top, 408, edge), sloped(o.tile.shade(-0.06), 0.08, 0.06))
		c.fill(m, newPath().rect(-24, top-3, 408, top), solid(o.tile.shade(-0.22)))
	}
}

func (o *room) paintCounter(c *canvas, m affine, r *rand.Rand) {
	c.fill(m, newPath().rect(-24, edge, 408, 244), sloped(o.counter, 0.06, 0.1))
	switch o.counterKind {
	case 0: // planks with grain
		for i := range 5 {
			y := edge + 4 + math.Pow(float64(i), 1.25)*16
			c.fill(m, newPath().rect(-24, y, 408, y+0.9), glass(o.counter.shade(-0.4), 0.5))
			for range 12 {
				x, g := -20+r.Float64()*410, y+2+r.Float64()*14
				l := 16 + r.Float64()*46
				c.fill(m, newPath().move(x, g).quad(x+l/2, g-1.6, x+l, g+0.3).quad(x+l/2, g-0.6, x, g), glass(o.counter.shade(-0.3), 0.35))
			}
		}
	case 1: // stone with veins
		for range 16 {
			x, y := -20+r.Float64()*410, edge+6+r.Float64()*100
			dx, dy := 30+r.Float64()*60, -14+r.Float64()*28
			c.fill(m, newPath().move(x, y).quad(x+dx/2, y+dy, x+dx, y+dy*0.4).quad(x+dx/2, y+dy+1.6, x, y), glass(o.counter.shade(0.5), 0.4))
		}
	default: // speckled
		for range 260 {
			x, y := -20+r.Float64()*410, edge+4+r.Float64()*106
			c.fill(m, newPath().ellipse(x, y, 1+r.Float64(), 0.6), glass(o.counter.shade(r.Float64()-0.6), 0.4))
		}
	}
	c.fill(m, newPath().rect(-24, edge-1.4, 408, edge+1.6), solid(o.counter.shade(-0.3)))
	c.fill(m, newPath().rect(-24, edge+1.6, 408, edge+12), sloped(shadow, 0, 0).transparent(0.1))
}

func (o *room) paintWindow(c *canvas, m affine) {
	x := o.window
	c.fill(m, newPath().rect(x, 4, x+92, 84), solid(rgb{248, 246, 240}))
	c.fill(m, newPath().rect(x+5, 9, x+87, 76), sloped(o.sky, -0.08, -0.3))
	// Hills, a tree and a little house; all of it within the glass.
	c.fill(m, newPath().move(x+5, 64).quad(x+26, 46, x+48, 62).quad(x+70, 50, x+87, 60).line(x+87, 76).line(x+5, 76), solid(rgb{140, 176, 120}))
	c.fill(m, newPath().move(x+5, 70).quad(x+40, 60, x+87, 72).line(x+87, 76).line(x+5, 76), solid(rgb{118, 156, 100}))
	c.fill(m, newPath().rect(x+64, 52, x+66, 66), solid(rgb{116, 90, 70}))
	c.fill(m, newPath().ellipse(x+65, 48, 7, 8), solid(rgb{106, 150, 96}))
	c.fill(m, newPath().rect(x+20, 54, x+30, 62), solid(rgb{244, 234, 216}))
	c.fill(m, newPath().move(x+18, 54.5).line(x+25, 47).line(x+32, 54.5), solid(rgb{190, 110, 90}))
	for i, p := range []point{{22, 22}, {60, 30}} {
		c.fill(m, newPath().ellipse(x+p.x, p.y, 9, 3).ellipse(x+p.x+5, p.y-2.4, 6-float64(i), 3.4), glass(white, 0.8))
	}
	c.fill(m, newPath().rect(x+44.6, 9, x+47.4, 76), solid(rgb{248, 246, 240}))
	c.fill(m, newPath().rect(x+5, 38, x+87, 40.4), solid(rgb{248, 246, 240}))
	for _, s := range []float64{0, 1} {
		left := x + 92*s
		in := 1 - 2*s
		c.fill(m, newPath().move(left-3*in, 2).line(left+20*in, 2).quad(left+19*in, 40, left+6*in, 74).line(left-3*in, 78), rounded(o.curtain, 0.2, 0.1))
	}
	c.fill(m, newPath().stroke(point{x - 5, 3}, point{x + 97, 3}, 2.6, 2.6), solid(wood.shade(-0.35)))
	c.fill(m, newPath().rect(x-3, 80, x+95, 86), sloped(rgb{250, 248, 242}, 0.1, 0.18))
}

func (o *room) paintShelf(c *canvas, m affine) {
	x := o.shelf
	c.glow(m, x+38, 52, 46, 9, shadow, 0.3)
	for i, col := range o.shelfJars {
		jx := x + 10 + 18*float64(i)
		h := 13 + 4*float64((i*7+int(o.seed%5))%3)
		c.fill(m, newPath().round(jx-6.4, 46-h, jx+6.4, 46, 2.6), rounded(col, 0.28, 0.2))
		c.fill(m, newPath().rect(jx-6.4, 46-h*0.62, jx+6.4, 46-h*0.3), glass(white, 0.6))
		c.fill(m, newPath().round(jx-6.8, 46-h-3, jx+6.8, 46-h+1, 1.2), solid(wood.shade(-0.25)))
	}
	c.fill(m, newPath().rect(x, 46, x+74, 50), sloped(wood, 0.12, 0.2))
	for _, bx := range []float64{x + 8, x + 64} {
		c.fill(m, newPath().move(bx, 50).line(bx+3, 50).line(bx+3, 56), solid(wood.shade(-0.4)))
	}
}

func (o *room) paintHooks(c *canvas, m affine) {
	x := o.hooks
	c.fill(m, newPath().stroke(point{x, 20}, point{x + 64, 20}, 2.2, 2.2), solid(steel.shade(-0.3)))
	for i := range 4 {
		hx := x + 8 + 16*float64(i)
		c.fill(m, newPath().stroke(point{hx, 20}, point{hx, 25}, 1.2, 1.2), solid(steel.shade(-0.4)))
		body := steel.shade(-0.12)
		switch (i + int(o.seed%4)) % 4 {
		case 0: // ladle
			c.fill(m, newPath().stroke(point{hx, 25}, point{hx, 50}, 2, 2), solid(body))
			c.fill(m, newPath().ellipse(hx, 54, 6, 5), sloped(body, 0.2, 0.2))
		case 1: // spatula
			c.fill(m, newPath().stroke(point{hx, 25}, point{hx, 44}, 2, 2), solid(wood.shade(-0.2)))
			c.fill(m, newPath().round(hx-4.6, 43, hx+4.6, 58, 2), sloped(wood, 0.1, 0.2))
		case 2: // whisk
			c.fill(m, newPath().stroke(point{hx, 25}, point{hx, 40}, 2.2, 2.2), solid(body))
			for _, w := range []float64{5.4, 2.6} {
				c.fill(m, newPath().ellipse(hx, 49, w, 9.5), glass(body, 0.55))
			}
		default: // sieve
			c.fill(m, newPath().stroke(point{hx, 25}, point{hx, 42}, 1.8, 1.8), solid(body))
			c.fill(m, newPath().ellipse(hx, 49, 7, 7), solid(body.shade(-0.2)))
			c.fill(m, newPath().ellipse(hx, 49, 5.6, 5.6), glass(o.wall, 0.6))
		}
	}
}

func (o *room) paintPlant(c *canvas, m affine) {
	x, y := o.plant, edge+5
	c.glow(m, x+2, y, 14, 4, shadow, 0.4)
	for i := range 7 {
		a := -1.3 + 0.43*float64(i)
		tip := point{x + 21*math.Sin(a), y - 16 - 19*math.Cos(a)}
		v := point{math.Cos(a), math.Sin(a)}.mul(3.8)
		mid := between(point{x, y - 14}, tip, 0.55)
		c.fill(m, newPath().move(x, y-13).quad(mid.x+v.x, mid.y+v.y, tip.x, tip.y).quad(mid.x-v.x, mid.y-v.y, x, y-13),
			solid(rgb{110, 146, 104}.shade(0.1*float64(i%3)-0.1)))
	}
	c.fill(m, newPath().move(x-9, y-14).line(x-6.6, y).line(x+6.6, y).line(x+9, y-14), rounded(rgb{194, 122, 92}, 0.2, 0.2))
	c.fill(m, newPath().rect(x-10, y-16.6, x+10, y-12.6), rounded(rgb{204, 132, 100}, 0.2, 0.2))
}
