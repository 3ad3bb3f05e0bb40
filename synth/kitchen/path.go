package kitchen

import "math"

// point is a place in the scene: a scene is 384 wide and 216 high, x goes right and
// y down.
type point struct{ x, y float64 }

func (p point) add(q point) point         { return point{p.x + q.x, p.y + q.y} }
func (p point) sub(q point) point         { return point{p.x - q.x, p.y - q.y} }
func (p point) mul(k float64) point       { return point{p.x * k, p.y * k} }
func (p point) len() float64              { return math.Hypot(p.x, p.y) }
func lerp(a, b, u float64) float64        { return a + (b-a)*u }
func between(p, q point, u float64) point { return point{lerp(p.x, q.x, u), lerp(p.y, q.y, u)} }

// affine maps (x, y) to (a x + c y + e, b x + d y + f).
type affine struct{ a, b, c, d, e, f float64 }

func (m affine) apply(p point) point {
	return point{m.a*p.x + m.c*p.y + m.e, m.b*p.x + m.d*p.y + m.f}
}

// then is the map that does n first, in the coordinates of m.
func (m affine) then(n affine) affine {
	return affine{
		m.a*n.a + m.c*n.b, m.b*n.a + m.d*n.b,
		m.a*n.c + m.c*n.d, m.b*n.c + m.d*n.d,
		m.a*n.e + m.c*n.f + m.e, m.b*n.e + m.d*n.f + m.f,
	}
}

func (m affine) shift(x, y float64) affine { return m.then(affine{a: 1, d: 1, e: x, f: y}) }
func (m affine) scale(x, y float64) affine { return m.then(affine{a: x, d: y}) }

// turn turns clockwise, in radians.
func (m affine) turn(angle float64) affine {
	sin, cos := math.Sincos(angle)
	return m.then(affine{cos, sin, -sin, cos, 0, 0})
}

// path is an outline of closed contours, filled by the non-zero rule.
type path struct {
	ops    []byte // 'M', 'L', 'Q', 'C'
	points []point
}

func (p *path) to(op byte, at ...point) *path {
	p.ops = append(p.ops, op)
	p.points = append(p.points, at...)
	return p
}

func (p *path) move(x, y float64) *path { return p.to('M', point{x, y}) }
func (p *path) line(x, y float64) *path { return p.to('L', point{x, y}) }

func (p *path) quad(x1, y1, x, y float64) *path { return p.to('Q', point{x1, y1}, point{x, y}) }

func (p *path) cube(x1, y1, x2, y2, x, y float64) *path {
	return p.to('C', point{x1, y1}, point{x2, y2}, point{x, y})
}

// quarter is how far the control points of a quarter of a circle lie from its ends.
const quarter = 0.5522847498

func (p *path) ellipse(cx, cy, rx, ry float64) *path {
	kx, ky := rx*quarter, ry*quarter
	return p.move(cx+rx, cy).
		cube(cx+rx, cy+ky, cx+kx, cy+ry, cx, cy+ry).
		cube(cx-kx, cy+ry, cx-rx, cy+ky, cx-rx, cy).
		cube(cx-rx, cy-ky, cx-kx, cy-ry, cx, cy-ry).
		cube(cx+kx, cy-ry, cx+rx, cy-ky, cx+rx, cy)
}

func (p *path) rect(x0, y0, x1, y1 float64) *path {
	return p.move(x0, y0).line(x1, y0).line(x1, y1).line(x0, y1)
}

// round is a rectangle with round corners of radius r.
func (p *path) round(x0, y0, x1, y1, r float64) *path {
	r = min(r, (x1-x0)/2, (y1-y0)/2)
	k := r * (1 - quarter)
	return p.move(x0+r, y0).line(x1-r, y0).cube(x1-k, y0, x1, y0+k, x1, y0+r).
		line(x1, y1-r).cube(x1, y1-k, x1-k, y1, x1-r, y1).
		line(x0+r, y1).cube(x0+k, y1, x0, y1-k, x0, y1-r).
		line(x0, y0+r).cube(x0, y0+k, x0+k, y0, x0+r, y0)
}

// stroke is a straight line of some width with round ends; it may taper.
func (p *path) stroke(a, b point, wa, wb float64) *path {
	d := b.sub(a)
	n := d.len()
	if n < 1e-9 {
		return p.ellipse(a.x, a.y, wa/2, wa/2)
	}
	u := d.mul(1 / n)
	v := point{-u.y, u.x}
	ra, rb := wa/2, wb/2
	k := 4.0 / 3
	p.move(a.x+v.x*ra, a.y+v.y*ra)
	p.to('L', b.add(v.mul(rb)))
	p.to('C', b.add(v.mul(rb)).add(u.mul(rb*k)), b.sub(v.mul(rb)).add(u.mul(rb*k)), b.sub(v.mul(rb)))
	p.to('L', a.sub(v.mul(ra)))
	return p.to('C', a.sub(v.mul(ra)).sub(u.mul(ra*k)), a.add(v.mul(ra)).sub(u.mul(ra*k)), a.add(v.mul(ra)))
}

func newPath() *path { return &path{} }
