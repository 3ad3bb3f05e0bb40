package c3d

import "math"

// Sizes of the network's pictures (C3D user guide, and the prototxt of its feature
// extractor: new_width, new_height, crop_size).
const (
	scaledWidth, scaledHeight = 171, 128
	cropSize                  = 112
	cropX                     = (scaledWidth - cropSize) / 2  // 29
	cropY                     = (scaledHeight - cropSize) / 2 // 8
)

// coefBits is the number of fractional bits of OpenCV's interpolation weights.
const coefBits = 11

// tap is where one output of an axis comes from: a*in[lo] + b*in[hi], a+b = 1<<coefBits.
type tap struct {
	lo, hi int
	a, b   int32
}

// taps are the taps of the outputs [from, from+n) of an axis of size in, scaled to out
// around pixel centers. Outside the picture its edge is repeated: OpenCV puts the whole
// weight on the edge along rows (fold), and repeats the line itself across them.
func taps(in, out, from, n int, fold bool) []tap {
	scale := 1 / (float64(out) / float64(in))
	ts := make([]tap, n)
	for i := range ts {
		f := float32((float64(from+i)+0.5)*scale - 0.5)
		at := int(math.Floor(float64(f)))
		f -= float32(at)
		if fold && at < 0 {
			at, f = 0, 0
		}
		if fold && at >= in-1 {
			at, f = in-1, 0
		}
		ts[i] = tap{
			lo: min(max(at, 0), in-1), hi: min(max(at+1, 0), in-1),
			a: int32(math.RoundToEven(float64((1 - f) * (1 << coefBits)))), b: int32(math.RoundToEven(float64(f * (1 << coefBits)))),
		}
	}
	return ts
}

// resizer scales pictures of one size to 171x128 and crops them. It computes only what
// the crop keeps.
type resizer struct {
	width, height int
	x, y          []tap   // (112)
	lines         [2]line // the input lines last scaled along x
}

type line struct {
	at  int     // of the input; -1: none
	sum []int32 // (112*3), scaled by 1<<coefBits
}

func newResizer(width, height int) *resizer {
	r := &resizer{width: width, height: height}
	r.x = taps(width, scaledWidth, cropX, cropSize, true)
	r.y = taps(height, scaledHeight, cropY, cropSize, false)
	for i := range r.lines {
		r.lines[i] = line{-1, make([]int32, 3*cropSize)}
	}
	return r
}

// crop writes the middle of the scaled picture to dst (112, 112, 3) as blue, green, red;
// pix is (height, width, 3) red, green, blue. The result equals, bit by bit, cv::resize
// with INTER_LINEAR on bytes: fixed-point weights of 11 bits; and where both axes shrink
// to exactly half, the rounded mean of 2x2 pixels, which OpenCV takes there.
func (r *resizer) crop(dst, pix []byte) {
	switch {
	case r.width == scaledWidth && r.height == scaledHeight:
		for y := range cropSize {
			from := pix[3*((y+cropY)*r.width+cropX):]
			for x := range cropSize {
				put(dst[3*(y*cropSize+x):], from[3*x], from[3*x+1], from[3*x+2])
			}
		}
		return
	case r.width == 2*scaledWidth && r.height == 2*scaledHeight:
		for y := range cropSize {
			up := pix[3*(2*(y+cropY)*r.width+2*cropX):]
			down := up[3*r.width:]
			for x := range cropSize {
				mean := func(c int) byte {
					i := 6*x + c
					return byte((int(up[i]) + int(up[i+3]) + int(down[i]) + int(down[i+3]) + 2) >> 2)
				}
				put(dst[3*(y*cropSize+x):], mean(0), mean(1), mean(2))
			}
		}
		return
	}
	for i := range r.lines {
		r.lines[i].at = -1
	}
	for y, t := range r.y {
		lo := r.line(t.lo, pix, t.hi)
		hi := r.line(t.hi, pix, t.lo)
		out := dst[3*y*cropSize : 3*(y+1)*cropSize]
		for i := range out {
			out[i] = byte(((t.a*(lo[i]>>4))>>16 + (t.b*(hi[i]>>4))>>16 + 2) >> 2)
		}
	}
}

func put(dst []byte, red, green, blue byte) { dst[0], dst[1], dst[2] = blue, green, red }

// line returns an input line scaled along x, kept of late or computed in the place of a
// line other than keep.
func (r *resizer) line(at int, pix []byte, keep int) []int32 {
	free := 0
	for i, l := range r.lines {
		if l.at == at {
			return l.sum
		}
		if l.at != keep {
			free = i
		}
	}
	row := pix[3*at*r.width : 3*(at+1)*r.width]
	sum := r.lines[free].sum
	for x, t := range r.x {
		lo, hi := row[3*t.lo:3*t.lo+3], row[3*t.hi:3*t.hi+3]
		out := sum[3*x : 3*x+3]
		for c := range 3 {
			out[c] = int32(lo[2-c])*t.a + int32(hi[2-c])*t.b
		}
	}
	r.lines[free].at = at
	return sum
}
