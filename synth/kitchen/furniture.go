package kitchen

// Doors open by turning about their left edge: their width shrinks to a sixth, and what
// is behind appears.

// handle is where a hand takes the door of a piece of furniture.
func (t *thing) handle() point {
	w, h := t.kind.extent()
	x := lerp(w/2-6, -w/2-8, t.open)
	return point{t.at.x + x, t.at.y - h*0.5}
}

func (t *thing) drawFridge(c *canvas, m affine) {
	col := t.color.rgb()
	c.glow(m, 6, -2, 44, 8, shadow, 0.45)
	c.fill(m, newPath().rect(-27, -3, -20, 1), solid(shadow))
	c.fill(m, newPath().rect(20, -3, 27, 1), solid(shadow))
	c.fill(m, newPath().round(-31, -118, 31, -2, 6), rounded(col, 0.1, 0.3))
	if t.open > 0.02 {
		c.fill(m, newPath().round(-27, -114, 27, -6, 4), sloped(rgb{255, 248, 214}, 0.4, 0.12))
		for i, y := range []float64{-82, -52, -24} {
			c.fill(m, newPath().rect(-26, y, 26, y+1.8), solid(rgb{186, 200, 206}))
			for j := range 4 {
				x := -19 + 12*float64(j) + 3*float64(i%2)
				food := []rgb{{120, 170, 96}, {222, 140, 90}, {236, 226, 200}, {190, 96, 96}}[(i+j)%4]
				c.fill(m, newPath().round(x-4, y-10-4*float64((i+2*j)%3), x+4, y, 2), rounded(food, 0.2, 0.2))
			}
		}
	}
	door := m.shift(-31, 0).scale(1-0.84*t.open, 1)
	if t.open > 0.02 {
		door = m.shift(-31, 0).then(affine{a: -(0.30 * t.open) + (1-t.open)*1, b: 0.06 * t.open, d: 1})
	}
	c.fill(door, newPath().round(0, -118, 62, -84, 6), rounded(col, 0.26, 0.16))
	c.fill(door, newPath().round(0, -82, 62, -2, 6), rounded(col, 0.22, 0.18))
	for _, y := range []float64{-104, -66} {
		c.fill(door, newPath().stroke(point{54, y}, point{54, y + 14}, 3.4, 3.4), solid(steel.shade(-0.25)))
		c.fill(door, newPath().stroke(point{53.4, y}, point{53.4, y + 13}, 1.2, 1.2), solid(white))
	}
	c.fill(door, newPath().rect(18, -62, 30, -50), solid(rgb{252, 244, 160})) // a note
	c.fill(door, newPath().ellipse(24, -62, 1.8, 1.8), solid(Red.rgb()))
}

func (t *thing) drawCupboard(c *canvas, m affine) {
	col := t.color.rgb()
	c.glow(m, 4, -2, 44, 10, shadow, 0.4)
	c.fill(m, newPath().rect(-33, -54, 33, 0), solid(col.shade(-0.28)))
	c.fill(m, newPath().rect(-31, -52, 31, -2), sloped(rgb{110, 84, 64}, -0.3, 0))
	c.fill(m, newPath().rect(-31, -28, 31, -26), solid(wood))
	for i := range 4 {
		x := -22 + 15*float64(i)
		c.fill(m, newPath().round(x-5, -28-10-2*float64(i%3), x+5, -28, 2), rounded([]rgb{{232, 224, 206}, {170, 190, 200}, {214, 172, 140}, {200, 206, 180}}[i], 0.2, 0.25))
		c.fill(m, newPath().round(x-6, -2-12-2*float64((i+1)%2), x+5, -2, 2.4), rounded([]rgb{{196, 140, 110}, {232, 226, 214}, {160, 180, 150}, {220, 190, 120}}[i], 0.2, 0.25))
	}
	panel := func(d affine) {
		c.fill(d, newPath().rect(0, -54, 66, 0), rounded(col, 0.2, 0.1))
		c.fill(d, newPath().rect(7, -47, 59, -7), solid(col.shade(-0.16)))
		c.fill(d, newPath().rect(8.6, -45.6, 59, -7), rounded(col, 0.12, 0.08))
		c.fill(d, newPath().ellipse(61, -26, 2.2, 2.6), solid(rgb{226, 190, 96}))
	}
	if t.open > 0.02 {
		panel(m.shift(-33, 0).then(affine{a: 1 - 1.28*t.open, b: 0.09 * t.open, d: 1}))
		return
	}
	panel(m.shift(-33, 0))
}

func (t *thing) drawMicrowave(c *canvas, m affine) {
	col := t.color.rgb()
	c.glow(m, 4, -1, 40, 7, shadow, 0.45)
	c.fill(m, newPath().round(-28, -34, 28, -1, 3), rounded(col, 0.2, 0.2))
	c.fill(m, newPath().rect(15, -30, 25, -5), solid(rgb{40, 42, 50}))
	c.fill(m, newPath().rect(16.4, -28.6, 23.6, -24), solid(rgb{120, 230, 170}))
	for i := range 6 {
		c.fill(m, newPath().ellipse(17.8+4.4*float64(i%2), -20+4.6*float64(i/2), 1.5, 1.5), solid(steel))
	}
	if t.open > 0.02 {
		c.fill(m, newPath().rect(-25, -30, 12, -5), sloped(rgb{255, 226, 150}, 0.3, 0.2))
		c.fill(m, newPath().ellipse(-6, -8, 14, 2.6), glass(rgb{200, 220, 228}, 0.9))
	}
	door := m.shift(-27, 0)
	if t.open > 0.02 {
		door = door.then(affine{a: 1 - 1.5*t.open, b: 0.16 * t.open, d: 1})
	}
	c.fill(door, newPath().rect(0, -31, 40, -4), solid(col.shade(-0.2)))
	c.fill(door, newPath().round(3.4, -27.6, 33, -7.4, 2), sloped(rgb{46, 50, 60}, 0.16, 0.1))
	c.fill(door, newPath().move(8, -26).line(14, -26).line(8, -13), glass(white, 0.16))
	c.fill(door, newPath().stroke(point{36.6, -27}, point{36.6, -8}, 2, 2), solid(steel.shade(-0.1)))
}
