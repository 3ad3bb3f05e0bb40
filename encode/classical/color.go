package classical

import "math"

// Colors is the number of color classes.
const Colors = 16

// prototypes are the sRGB centers of the color classes: the basic color terms of
// English (Berlin & Kay 1969), with the grays and greens split by lightness and the
// color of skin and light wood in addition, as hands and boards are in every kitchen.
func prototypes() [Colors][3]float64 {
	return [Colors][3]float64{
		{15, 15, 15},    // black
		{75, 75, 75},    // dark gray
		{130, 130, 130}, // gray
		{190, 190, 190}, // light gray
		{245, 245, 245}, // white
		{200, 35, 35},   // red
		{240, 135, 30},  // orange
		{240, 215, 50},  // yellow
		{80, 180, 70},   // green
		{30, 90, 40},    // dark green
		{60, 180, 190},  // cyan
		{45, 85, 200},   // blue
		{130, 60, 170},  // purple
		{235, 130, 180}, // pink
		{120, 75, 40},   // brown
		{225, 180, 145}, // skin, light wood
	}
}

const (
	colorBits = 5 // of each channel in the table
	// nearest is how many classes a color may belong to.
	nearest = 3
	// share is the sum of the weights of a color's classes.
	share = 255
	// softness is the distance in CIELAB at which a class's weight has fallen to
	// exp(-1/2): a little more than half of what lies between two grays.
	softness = 8.0
	// lightness weighs the difference in L* against those in a* and b*: less, so that
	// a lamp that dims moves fewer pixels to another class.
	lightness = 0.6
)

// membership is to which classes a color belongs, and how much to each; the weights
// sum to share.
type membership struct {
	class  [nearest]uint8
	weight [nearest]uint8
}

// palette holds the membership of every color of colorBits bits a channel. Weights are
// integers, so that histograms do not depend on the order of their sums.
type palette [1 << (3 * colorBits)]membership

func (p *palette) of(r, g, b byte) *membership {
	const drop = 8 - colorBits
	return &p[int(r>>drop)<<(2*colorBits)|int(g>>drop)<<colorBits|int(b>>drop)]
}

func newPalette() *palette {
	var centers [Colors][3]float64
	for i, c := range prototypes() {
		centers[i] = lab(c[0], c[1], c[2])
	}
	p := new(palette)
	const levels = 1 << colorBits
	for i := range p {
		// The table's entry stands for the middle of its cell.
		at := func(shift int) float64 { return (float64(i>>shift%levels) + 0.5) * 256 / levels }
		p[i] = belongs(lab(at(2*colorBits), at(colorBits), at(0)), &centers)
	}
	return p
}

// belongs weighs the prototypes nearest to a color, as exp(-d^2 / (2 softness^2)).
func belongs(color [3]float64, centers *[Colors][3]float64) membership {
	var m membership
	var distance [nearest]float64
	for k := range distance {
		distance[k] = math.Inf(1)
	}
	for c, center := range centers {
		dl, da, db := lightness*(color[0]-center[0]), color[1]-center[1], color[2]-center[2]
		d, class := dl*dl+da*da+db*db, uint8(c)
		for k := range distance { // insertion: the nearest first
			if d < distance[k] {
				d, distance[k] = distance[k], d
				class, m.class[k] = m.class[k], class
			}
		}
	}
	sum := 0.0
	var w [nearest]float64
	for k, d := range distance {
		w[k] = math.Exp((distance[0] - d) / (2 * softness * softness)) // of the nearest: 1
		sum += w[k]
	}
	left := share
	for k := nearest - 1; k > 0; k-- {
		n := int(math.Round(w[k] / sum * share))
		m.weight[k] = uint8(n)
		left -= n
	}
	m.weight[0] = uint8(left)
	return m
}

// lab converts 8-bit sRGB to CIELAB under D65 (IEC 61966-2-1, CIE 15).
func lab(r, g, b float64) [3]float64 {
	linear := func(v float64) float64 {
		v /= 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	lr, lg, lb := linear(r), linear(g), linear(b)
	x := f((0.4124564*lr + 0.3575761*lg + 0.1804375*lb) / 0.95047)
	y := f(0.2126729*lr + 0.7151522*lg + 0.0721750*lb)
	z := f((0.0193339*lr + 0.1191920*lg + 0.9503041*lb) / 1.08883)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}
