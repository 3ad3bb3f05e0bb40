package kitchen

import (
	"math"
	"math/rand/v2"
)

func pow(x, y float64) float64 { return math.Pow(x, y) }

// dress draws how the person and the kitchen look.
func (p *plan) dress(r *rand.Rand) {
	p.cook = cook{
		skin:    []rgb{{244, 206, 176}, {230, 182, 144}, {200, 146, 106}, {150, 102, 72}, {108, 72, 52}}[r.IntN(5)],
		sleeve:  []rgb{{92, 110, 136}, {176, 112, 106}, {122, 140, 116}, {212, 206, 196}, {84, 80, 96}, {196, 170, 120}}[r.IntN(6)],
		bare:    0.1 + 0.4*r.Float64(),
		left:    r.IntN(4) == 0,
		stripes: r.IntN(3) == 0,
	}
	p.room = newRoom(r)
	p.camera = newCamera(r)
	p.light = newLight(r)
	p.oclock = r.Float64() * 43200
	if r.IntN(3) == 0 {
		p.fly = 1 + 5*r.Float64()
	}
}

// decorate places what stands at the wall, around the furniture.
func (p *plan) decorate(r *rand.Rand) {
	var wall, counter []point
	for _, t := range p.things {
		w, _ := t.kind.extent()
		reach := point{t.at.x - w/2 - 4, t.at.x + w/2 + 4}
		switch t.kind {
		case Fridge:
			reach.x -= 20 // the open door
			wall, counter = append(wall, reach), append(counter, reach)
		case Cupboard:
			reach.x -= 12
			wall = append(wall, reach)
		case Microwave:
			reach.x -= 16
			counter = append(counter, reach)
		}
	}
	p.room.furnish(r, wall)
	clear := func(x, half float64) bool {
		for _, c := range counter {
			if x+half > c.x && x-half < c.y {
				return false
			}
		}
		return true
	}
	var jars []float64
	for _, x := range p.room.jars {
		if clear(x, 10) && (p.room.plant < 0 || math.Abs(x-p.room.plant) > 34) {
			jars = append(jars, x)
			counter = append(counter, point{x - 9, x + 9})
		}
	}
	p.room.jars = jars
	if p.room.plant >= 0 && !clear(p.room.plant, 12) {
		p.room.plant = -1
	}
	if p.room.plant >= 0 {
		counter = append(counter, point{p.room.plant - 16, p.room.plant + 16})
	}
	if r.IntN(5) < 2 {
		if x := 40 + 300*r.Float64(); clear(x, 32) {
			p.cat = point{x, edge + 12}
			p.fur = []rgb{{226, 156, 90}, {120, 116, 120}, {70, 64, 70}, {236, 228, 216}}[r.IntN(4)]
		}
	}
}

// camera is a camera that somebody holds, not quite still.
type camera struct {
	zoom  float64
	waves [6]wave // three along x, three along y
	jolts []float64
}

type wave struct{ size, rate, phase float64 }

func newCamera(r *rand.Rand) camera {
	c := camera{zoom: 1 + 0.07*r.Float64()}
	steady := 0.35 + r.Float64()
	for i := range c.waves {
		k := float64(i%3) + 1
		c.waves[i] = wave{steady * 1.3 / k, 0.07 * k * k * (0.7 + 0.6*r.Float64()), 2 * math.Pi * r.Float64()}
	}
	for range r.IntN(3) {
		c.jolts = append(c.jolts, 60*r.Float64())
	}
	return c
}

// offset is how far the picture is moved at a time, in units of the scene.
func (c *camera) offset(t float64) (d point) {
	for i, w := range c.waves {
		x := w.size * math.Sin(2*math.Pi*w.rate*t+w.phase)
		if i < 3 {
			d.x += x
		} else {
			d.y += x
		}
	}
	for _, j := range c.jolts {
		if s := t - j; s > 0 && s < 2 {
			d.y += 3 * math.Exp(-3*s) * math.Sin(19*s)
		}
	}
	return d
}

// light is what falls into the room: a color, clouds, and a lamp that somebody switches.
type light struct {
	tint     rgb // 1: as painted
	depth    float64
	rate     float64
	phase    float64
	switches []float64 // seconds at which the lamp is switched
	on       bool
	lamp     float64
}

func newLight(r *rand.Rand) light {
	l := light{
		tint:  []rgb{{1, 1, 1}, {1.03, 1, 0.94}, {0.95, 0.98, 1.04}, {1.05, 0.98, 0.9}, {0.93, 0.94, 0.97}}[r.IntN(5)],
		depth: 0.02 + 0.07*r.Float64(), rate: 0.02 + 0.05*r.Float64(), phase: 2 * math.Pi * r.Float64(),
		on: r.IntN(2) == 0, lamp: 0.05 + 0.06*r.Float64(),
	}
	if r.IntN(3) == 0 {
		l.switches = append(l.switches, 4+50*r.Float64())
	}
	return l
}

// gain is by how much each channel is multiplied at a time.
func (l *light) gain(t float64) [3]float64 {
	k := 0.98 - l.depth*(1+math.Sin(2*math.Pi*l.rate*t+l.phase))
	on := l.on
	lamp := 0.0
	for _, s := range l.switches {
		if t > s {
			on = !on
		}
	}
	if on {
		lamp = l.lamp
	}
	return [3]float64{l.tint.r*k + lamp*0.5, l.tint.g*k + lamp*0.42, l.tint.b*k + lamp*0.24}
}
