package clip

import (
	"image"
	"math"
	"runtime"
	"sync"
)

// picture is (h, w, 3) RGB, row-major.
type picture struct {
	w, h int
	pix  []uint8
}

// bicubic is the cubic convolution kernel with a = -0.5 (Keys 1981), as PIL has it.
func bicubic(x float64) float64 {
	const a = -0.5
	switch x = math.Abs(x); {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}

// bicubicReach is where the kernel becomes 0.
const bicubicReach = 2.0

// taps are the source values that make one value of the result: those from the index
// from on, each with its weight in units of 2^-weightBits.
type taps struct {
	from    int
	weights []int32
}

// weightBits is the precision of weights: an int32 holds 8 bits of a value times the
// weight, with room for the kernel's overshoot.
const weightBits = 32 - 8 - 2

// newTaps computes the taps of places [from, to) of an axis that is resized from in to
// out values. Where it shrinks, the kernel is as much wider (antialiasing). Weights add
// up to 1 before they are rounded.
func newTaps(in, out, from, to int) []taps {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	reach := bicubicReach * stretch
	all := make([]taps, to-from)
	for i := range all {
		center := (float64(from+i) + 0.5) * scale
		first := max(0, int(center-reach+0.5))
		last := min(in, int(center+reach+0.5))
		w := make([]float64, last-first)
		sum := 0.0
		for k := range w {
			w[k] = bicubic((float64(first+k) - center + 0.5) * (1 / stretch))
			sum += w[k]
		}
		t := taps{first, make([]int32, len(w))}
		for k := range w {
			if sum != 0 {
				w[k] /= sum
			}
			t.weights[k] = int32(math.Copysign(0.5, w[k]) + w[k]*(1<<weightBits)) // rounds half away from 0
		}
		all[i] = t
	}
	return all
}

// clip8 rounds a weighted sum, to which 0.5 was added, to a value of 8 bits.
func clip8(sum int32) uint8 { return uint8(min(max(sum>>weightBits, 0), 255)) }

// resize returns the rectangle crop of src resized to (h, w), as PIL's Image.resize with
// BICUBIC gives it to the last bit: along the rows first, rounded to 8 bits, then along
// the columns. (So do Pillow 11 and what was before; later ones choose the order by the
// amount of work.) Only what the crop needs is computed. An axis that keeps its length
// is left as it is.
func resize(src picture, w, h int, crop image.Rectangle) picture {
	ys := newTaps(src.h, h, crop.Min.Y, crop.Max.Y)
	if h == src.h {
		ys = nil
	}
	top, bottom := crop.Min.Y, crop.Max.Y // rows of src that count
	if ys != nil {
		top, bottom = src.h, 0
		for _, t := range ys {
			top, bottom = min(top, t.from), max(bottom, t.from+len(t.weights))
		}
	}
	rows := picture{crop.Dx(), bottom - top, make([]uint8, 3*crop.Dx()*(bottom-top))}
	if w == src.w {
		for y := range rows.h {
			at := 3 * ((top+y)*src.w + crop.Min.X)
			copy(rows.pix[3*y*rows.w:3*(y+1)*rows.w], src.pix[at:])
		}
	} else {
		xs := newTaps(src.w, w, crop.Min.X, crop.Max.X)
		parallel(rows.h, func(y int) {
			alongRow(rows.pix[3*y*rows.w:3*(y+1)*rows.w], src.pix[3*(top+y)*src.w:3*(top+y+1)*src.w], xs)
		})
	}
	if ys == nil {
		return rows
	}
	out := picture{crop.Dx(), crop.Dy(), make([]uint8, 3*crop.Dx()*crop.Dy())}
	parallel(out.h, func(y int) {
		t := ys[y]
		alongColumns(out.pix[3*y*out.w:3*(y+1)*out.w], rows.pix[3*(t.from-top)*rows.w:], 3*rows.w, t.weights)
	})
	return out
}

func alongRow(dst, src []uint8, xs []taps) {
	for i, t := range xs {
		r, g, b := int32(1)<<(weightBits-1), int32(1)<<(weightBits-1), int32(1)<<(weightBits-1)
		part := src[3*t.from : 3*(t.from+len(t.weights))]
		for k, w := range t.weights {
			p := part[3*k : 3*k+3 : 3*k+3]
			r += w * int32(p[0])
			g += w * int32(p[1])
			b += w * int32(p[2])
		}
		dst[3*i], dst[3*i+1], dst[3*i+2] = clip8(r), clip8(g), clip8(b)
	}
}

// alongColumns sums rows of src, stride values apart, into dst.
func alongColumns(dst, src []uint8, stride int, weights []int32) {
	sums := make([]int32, len(dst))
	for i := range sums {
		sums[i] = 1 << (weightBits - 1)
	}
	for k, w := range weights {
		row := src[k*stride : k*stride+len(dst)]
		for i, v := range row {
			sums[i] += w * int32(v)
		}
	}
	for i, s := range sums {
		dst[i] = clip8(s)
	}
}

// parallel calls f with 0 to n-1 from several goroutines. Each call writes to a place of
// its own, so that the result does not depend on their number.
func parallel(n int, f func(i int)) {
	workers := min(n/64, runtime.GOMAXPROCS(0)) // little work is done at once
	if workers < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			for i := k * n / workers; i < (k+1)*n/workers; i++ {
				f(i)
			}
		})
	}
	wg.Wait()
}

// rgb returns the colors of an image, alpha dropped as PIL's convert("RGB") drops it:
// what lies under transparent pixels shows.
func rgb(img image.Image) picture {
	r := img.Bounds()
	p := picture{r.Dx(), r.Dy(), make([]uint8, 3*r.Dx()*r.Dy())}
	switch img := img.(type) {
	case *image.NRGBA:
		p.copyRows(r.Min, img.Pix, img.PixOffset)
	case *image.RGBA:
		if img.Opaque() {
			p.copyRows(r.Min, img.Pix, img.PixOffset)
		} else {
			p.copyColors(img)
		}
	case *image.Gray:
		for y := range p.h {
			row := img.Pix[img.PixOffset(r.Min.X, r.Min.Y+y):]
			for x := range p.w {
				d := p.pix[3*(y*p.w+x):]
				d[0], d[1], d[2] = row[x], row[x], row[x]
			}
		}
	default:
		p.copyColors(img)
	}
	return p
}

// copyRows takes rows of four bytes a pixel.
func (p picture) copyRows(at image.Point, pix []uint8, offset func(x, y int) int) {
	for y := range p.h {
		row := pix[offset(at.X, at.Y+y):]
		for x := range p.w {
			copy(p.pix[3*(y*p.w+x):][:3], row[4*x:])
		}
	}
}
