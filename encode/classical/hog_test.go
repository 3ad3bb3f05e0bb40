package classical

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// slowHOG is the histogram of oriented gradients by its definition, in float64.
func slowHOG(pix []byte, w, h int) (hog [layoutCells][orientations]float64) {
	at := func(x, y, k int) float64 {
		x, y = min(max(x, 0), w-1), min(max(y, 0), h-1)
		return math.Round(math.Sqrt(float64(pix[3*(y*w+x)+k]) * 255))
	}
	total := 0.0
	for y := range h {
		for x := range w {
			gx, gy := 0.0, 0.0
			for k := range 3 {
				dx, dy := at(x+1, y, k)-at(x-1, y, k), at(x, y+1, k)-at(x, y-1, k)
				if dx*dx+dy*dy > gx*gx+gy*gy {
					gx, gy = dx, dy
				}
			}
			size := math.Hypot(gx, gy)
			if size*size < minGradient {
				continue
			}
			a := math.Atan2(gy, gx) / math.Pi * orientations // unsigned: modulo a half turn
			a = math.Mod(a+2*orientations, orientations)
			cell := y*layoutRows/h*layoutColumns + x*layoutColumns/w
			k := int(a) % orientations
			part := a - math.Floor(a)
			hog[cell][k] += size * (1 - part)
			hog[cell][(k+1)%orientations] += size * part
			total += size
		}
	}
	total = max(total, gradientFloor*float64(w*h))
	for i := range hog {
		for k := range hog[i] {
			hog[i][k] /= total
		}
	}
	return hog
}

func TestHOG_EqualsTheSlowOne(t *testing.T) {
	e := oneThread()
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 40).Draw(t, "w"), rapid.IntRange(1, 40).Draw(t, "h")
		s := &still{width: w, height: h, pix: rapid.SliceOfN(rapid.Byte(), 3*w*h, 3*w*h).Draw(t, "pix")}
		s.prepare(e.palette, &e.root)
		want := slowHOG(s.pix, w, h)
		for i := range want {
			for k := range want[i] {
				// angle is off by 0.005 eighths, 0.011 bins; of a cell's gradients
				// that is what may lie in the wrong bin.
				sum := 0.0
				for _, v := range want[i] {
					sum += v
				}
				if math.Abs(float64(s.hog[i][k])-want[i][k]) > 0.012*sum+1e-6 {
					t.Fatalf("%d x %d, cell %d, bin %d: %g, want %g", w, h, i, k, s.hog[i][k], want[i][k])
				}
			}
		}
	})
}

// The colors of all pixels together are the frame's, whatever its size.
func TestLayout_EachCellSumsToOne(t *testing.T) {
	e := oneThread()
	for _, size := range [][2]int{{160, 90}, {4, 3}, {1, 1}, {3, 200}, {161, 7}} {
		s := &still{width: size[0], height: size[1], pix: make([]byte, 3*size[0]*size[1])}
		for i := range s.pix {
			s.pix[i] = byte(i * 37)
		}
		s.prepare(e.palette, &e.root)
		filled := 0
		for i := range s.layout {
			sum := 0.0
			for _, v := range s.layout[i] {
				sum += float64(v)
			}
			if sum > 0 {
				filled++
			}
			if sum != 0 && math.Abs(sum-1) > 1e-5 { // float32
				t.Errorf("%v: cell %d sums to %g", size, i, sum)
			}
		}
		if want := min(size[0], layoutColumns) * min(size[1], layoutRows); filled != want {
			t.Errorf("%v: %d cells hold pixels, want %d", size, filled, want)
		}
	}
}
