package classical

import (
	"context"
	"io"
	"math"
	"sync"
	"testing"

	"tall"
	"tall/media"
)

// film is a [media.Source] of pictures made by a function of place and frame.
type film struct {
	width, height, frames int
	at                    func(x, y float64, k int) [3]float64 // 0 to 255
	next                  int
	pix                   []byte
}

func (f *film) Next() (media.Frame, error) {
	if f.next == f.frames {
		return media.Frame{}, io.EOF
	}
	f.pix = resize(f.pix, 3*f.width*f.height)
	f.draw(f.pix, f.next)
	k := f.next
	f.next++
	return media.Frame{Index: k, Time: float64(k) / Rate, Width: f.width, Height: f.height, Pix: f.pix}, nil
}

// draw averages 2 x 2 places of each pixel, so that edges between pixels exist.
func (f *film) draw(pix []byte, k int) {
	const n = 2
	for y := range f.height {
		for x := range f.width {
			var sum [3]float64
			for i := range n * n {
				c := f.at(float64(x)+(float64(i%n)+0.5)/n, float64(y)+(float64(i/n)+0.5)/n, k)
				for ch := range sum {
					sum[ch] += c[ch]
				}
			}
			for ch := range sum {
				pix[3*(y*f.width+x)+ch] = byte(math.Round(min(max(sum[ch]/(n*n), 0), 255)))
			}
		}
	}
}

func (f *film) still(k int) *still {
	s := &still{width: f.width, height: f.height, pix: make([]byte, 3*f.width*f.height)}
	f.draw(s.pix, k)
	e := oneThread()
	s.prepare(e.palette, &e.root)
	return s
}

// oneThread is an encoder whose table of colors serves all tests.
var oneThread = sync.OnceValue(func() *Encoder { return New(1) })

// encode returns the rows of a film.
func encode(tb testing.TB, e *Encoder, f media.Source) (spans []tall.Span, values [][]float32) {
	tb.Helper()
	err := e.Encode(context.Background(), media.Info{Path: "film"}, f, func(s tall.Span, row []float32) error {
		spans = append(spans, s)
		values = append(values, append([]float32(nil), row...))
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return spans, values
}

// table is a background with texture: a smooth, aperiodic pattern.
func table(x, y float64) [3]float64 {
	v := 20*math.Sin(x/5.1+y/17) + 15*math.Sin(y/4.3-x/23) + 10*math.Sin((x+y)/9.7)
	return [3]float64{150 + v, 140 + v, 120 + 0.8*v}
}

// Colors of things in films.
var (
	redColor   = [3]float64{200, 35, 35}
	blueColor  = [3]float64{45, 85, 200}
	plainColor = [3]float64{190, 190, 190}
)

// box draws a square of a side around a middle before a background.
func box(x, y, midX, midY, side float64, color, behind [3]float64) [3]float64 {
	if math.Abs(x-midX) < side/2 && math.Abs(y-midY) < side/2 {
		return color
	}
	return behind
}
