package classical

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// between returns the flow and the camera's motion between a film's first two frames.
func between(f *film) (*flow, motion) {
	a, b := f.still(0), f.still(1)
	w := worker{light: newLight()}
	gain := w.light.gain(&a.pyramid.levels[0], &b.pyramid.levels[0])
	m := camera(&a.pyramid, &b.pyramid, (gain[0]+2*gain[1]+gain[2])*0.25)
	w.flow.between(&a.pyramid, &b.pyramid, m, gain)
	return &w.flow, m
}

// mean is the mean flow over a part of the picture, in pixels of the frame.
func (f *flow) mean(x0, y0, x1, y1 int) (u, v float64) {
	n := 0.0
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			u += 2 * float64(f.u[y*f.width+x])
			v += 2 * float64(f.v[y*f.width+x])
			n++
		}
	}
	return u / n, v / n
}

// moving is a box in the middle that goes a step, before a table or a plain wall.
func moving(side, dx, dy float64, behind func(x, y float64) [3]float64) *film {
	return &film{width: 160, height: 90, frames: 2, at: func(x, y float64, k int) [3]float64 {
		return box(x, y, 80+float64(k)*dx, 45+float64(k)*dy, side, redColor, behind(x, y))
	}}
}

func wall(_, _ float64) [3]float64 { return plainColor }

func TestFlow_FollowsABox(t *testing.T) {
	for name, behind := range map[string]func(x, y float64) [3]float64{"table": table, "wall": wall} {
		for _, side := range []float64{10, 24, 40} {
			for _, step := range [][2]float64{{1, 0}, {2, 0}, {0, 4}, {-3, 3}, {-6, -2}, {8, 0}} {
				t.Run(fmt.Sprintf("%s/%g/%v", name, side, step), func(t *testing.T) {
					f, m := between(moving(side, step[0], step[1], behind))
					if m != (motion{}) {
						t.Errorf("a box passes for the camera: %v", m)
					}
					r := int(side * 0.2)
					u, v := f.mean(40-r, 22-r, 40+r, 22+r)
					// Inside a plain box only its edges tell the flow, and those move
					// against the background: half a pixel, and a sixth of the way.
					if limit := 0.5 + math.Hypot(step[0], step[1])/6; math.Hypot(u-step[0], v-step[1]) > limit {
						t.Errorf("flow %.2f %.2f, want %v", u, v, step)
					}
				})
			}
		}
	}
}

func TestFlow_HasNoEvidenceFarFromWhatMoves(t *testing.T) {
	f, _ := between(moving(24, 4, 0, wall))
	for y := range f.height {
		for x := range f.width {
			e := f.evidence[y*f.width+x]
			// The box and its step cover 34 to 48 by 16 to 28; windows reach 3 farther.
			if (x < 30 || x > 51 || y < 12 || y > 32) && e > 1e-3 {
				t.Fatalf("evidence %g at %d, %d", e, x, y)
			}
		}
	}
	if e := f.evidence[22*f.width+46]; e < 0.9 {
		t.Errorf("evidence %g at the edge", e)
	}
}

func TestCamera_IsFoundAndLeftOut(t *testing.T) {
	for _, step := range [][2]float64{{1, 0}, {2.6, -1.4}, {-5, 4}, {8, 0}} {
		f, m := between(&film{width: 160, height: 90, frames: 2, at: func(x, y float64, k int) [3]float64 {
			x, y = x-float64(k)*step[0], y-float64(k)*step[1]
			return box(x, y, 80+float64(k)*4, 45, 24, redColor, table(x, y))
		}})
		// A tenth of a pixel: what rounding to 8 bits and linear interpolation leave.
		if math.Hypot(2*float64(m.dx)-step[0], 2*float64(m.dy)-step[1]) > 0.1 {
			t.Errorf("the camera moved by %v: %v (half pixels)", step, m)
		}
		if u, v := f.mean(36, 18, 44, 26); math.Hypot(u-4, v) > 1.2 {
			t.Errorf("camera %v: the box moves by %.2f %.2f, want 4 0", step, u, v)
		}
		if u, v := f.mean(20, 34, 60, 42); math.Hypot(u, v) > 0.6 {
			t.Errorf("camera %v: the table moves by %.2f %.2f, want 0 0", step, u, v)
		}
	}
}

func TestCamera_FindsZoomAndTurn(t *testing.T) {
	const zoom, turn = 0.02, 0.015
	_, m := between(&film{width: 160, height: 90, frames: 2, at: func(x, y float64, k int) [3]float64 {
		x, y = x-80, y-45
		if k == 1 { // where the point was before
			d := (1+zoom)*(1+zoom) + turn*turn
			x, y = ((1+zoom)*x+turn*y)/d, ((1+zoom)*y-turn*x)/d
		}
		return table(x, y)
	}})
	// Displacements at half the width, 40 pixels of 80.
	if math.Abs(float64(m.zoom)-40*zoom) > 0.08 || math.Abs(float64(m.turn)-40*turn) > 0.08 {
		t.Errorf("%v, want zoom %g, turn %g", m, 40*zoom, 40*turn)
	}
}

// slowFlow is the same estimate by its definition: every window summed anew, in float64.
func slowFlow(a, b *pyramid) (u, v []float64) {
	w, h := 0, 0
	for i := len(a.levels) - 1; i >= 0; i-- {
		l, m := &a.levels[i], &b.levels[i]
		nu, nv := make([]float64, l.width*l.height), make([]float64, l.width*l.height)
		if u != nil {
			for y := range l.height {
				for x := range l.width {
					from := min(y/2, h-1)*w + min(x/2, w-1)
					nu[y*l.width+x], nv[y*l.width+x] = 2*u[from], 2*v[from]
				}
			}
		}
		u, v, w, h = nu, nv, l.width, l.height
		for range flowRounds {
			u, v = slowRound(l, m, u, v)
		}
	}
	return u, v
}

func slowRound(a, b *level, u, v []float64) (nu, nv []float64) {
	w, h := a.width, a.height
	at := func(l *level, x, y, k int) float64 {
		return float64(l.rgb[3*(min(max(y, 0), h-1)*w+min(max(x, 0), w-1))+k])
	}
	sample := func(x, y float64, k int) float64 {
		x, y = min(max(x, 0), float64(w-1)), min(max(y, 0), float64(h-1))
		ix, iy := int(x), int(y)
		fx, fy := x-float64(ix), y-float64(iy)
		return (1-fy)*((1-fx)*at(b, ix, iy, k)+fx*at(b, ix+1, iy, k)) + fy*((1-fx)*at(b, ix, iy+1, k)+fx*at(b, ix+1, iy+1, k))
	}
	nu, nv = make([]float64, w*h), make([]float64, w*h)
	for y := range h {
		for x := range w {
			var xx, xy, yy, bx, by float64
			for wy := max(y-flowRadius, 0); wy <= min(y+flowRadius, h-1); wy++ {
				for wx := max(x-flowRadius, 0); wx <= min(x+flowRadius, w-1); wx++ {
					for k := range 3 {
						gx := (at(a, wx+1, wy, k) - at(a, wx-1, wy, k)) / 2
						gy := (at(a, wx, wy+1, k) - at(a, wx, wy-1, k)) / 2
						d := sample(float64(wx)+u[wy*w+wx], float64(wy)+v[wy*w+wx], k) - at(a, wx, wy, k)
						xx, xy, yy, bx, by = xx+gx*gx, xy+gx*gy, yy+gy*gy, bx+gx*d, by+gy*d
					}
				}
			}
			xx, yy = xx+flowDamping, yy+flowDamping
			det := xx*yy - xy*xy
			clip := func(s float64) float64 { return min(max(s, -flowStep), flowStep) }
			nu[y*w+x] = u[y*w+x] + clip((xy*by-yy*bx)/det)
			nv[y*w+x] = v[y*w+x] + clip((xy*bx-xx*by)/det)
		}
	}
	return nu, nv
}

func TestFlow_EqualsTheSlowOne(t *testing.T) {
	for _, size := range [][2]int{{64, 40}, {35, 33}, {9, 50}, {1, 6}, {1, 1}} {
		f := &film{width: size[0], height: size[1], frames: 2, at: func(x, y float64, k int) [3]float64 {
			return box(x, y, 30+3*float64(k), 20-float64(k), 14, blueColor, table(x, y))
		}}
		a, b := f.still(0), f.still(1)
		var got flow
		got.between(&a.pyramid, &b.pyramid, motion{}, [3]float32{1, 1, 1})
		u, v := slowFlow(&a.pyramid, &b.pyramid)
		for i := range u {
			// The same in float32 with running sums of values to 1e5: a thousandth of a
			// pixel, through nine rounds.
			if math.Abs(float64(got.u[i])-u[i]) > 2e-3 || math.Abs(float64(got.v[i])-v[i]) > 2e-3 {
				t.Fatalf("%v: pixel %d, %d: %g %g, want %g %g", size, i%got.width, i/got.width, got.u[i], got.v[i], u[i], v[i])
			}
		}
	}
}

func TestBlur_SumsSquares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h, k := rapid.IntRange(1, 12).Draw(t, "w"), rapid.IntRange(1, 12).Draw(t, "h"), rapid.IntRange(1, 3).Draw(t, "k")
		f := flow{width: w, height: h}
		in := rapid.SliceOfN(rapid.Float32Range(-100, 100), w*h*k, w*h*k).Draw(t, "values")
		out := append([]float32(nil), in...)
		f.blur(out, k, flowRadius)
		for i := range out {
			x, y, c := i/k%w, i/k/w, i%k
			want := 0.0
			for wy := max(y-flowRadius, 0); wy <= min(y+flowRadius, h-1); wy++ {
				for wx := max(x-flowRadius, 0); wx <= min(x+flowRadius, w-1); wx++ {
					want += float64(in[(wy*w+wx)*k+c])
				}
			}
			if math.Abs(float64(out[i])-want) > 0.01 { // float32 sums of up to 144 values to 100
				t.Fatalf("%d x %d x %d: value %d is %g, want %g", w, h, k, i, out[i], want)
			}
		}
	})
}
