package onnx

import (
	"fmt"

	"tall"
	"tall/media"
)

// pixels turns frames into the network's input.
type pixels struct {
	config *Config
	value  [3][256]float32 // of each channel of the input
	source [3]int          // the channel of RGB that it is
	stride [4]int          // of T, C, H and W in the input of a row
}

func newPixels(c *Config) *pixels {
	p := &pixels{config: c, source: [3]int{0, 1, 2}}
	if c.Color == "BGR" {
		p.source = [3]int{2, 1, 0}
	}
	for k := range 3 {
		for v := range 256 {
			p.value[k][v] = float32((float64(v)/255*c.White - c.Mean[k]) / c.Std[k])
		}
	}
	// From the last letter of the layout to the first one after N.
	step := 1
	for i := len(c.Layout) - 1; i > 0; i-- {
		switch c.Layout[i] {
		case 'T':
			p.stride[0], step = step, step*c.Window
		case 'C':
			p.stride[1], step = step, step*3
		case 'H':
			p.stride[2], step = step, step*c.Height
		case 'W':
			p.stride[3], step = step, step*c.Width
		}
	}
	return p
}

// cut copies the middle of a frame, (Height, Width, 3), into dst, which is made where it is nil.
func (p *pixels) cut(dst []byte, f media.Frame) ([]byte, error) {
	w, h := p.config.Width, p.config.Height
	exact := f.Width == w && f.Height == h
	if p.config.Fit == "crop" {
		exact = min(f.Width, f.Height) == p.config.Short
	}
	if !exact || f.Width > 1<<24 || f.Height > 1<<24 || len(f.Pix) != 3*f.Width*f.Height {
		return nil, fmt.Errorf("%w: frame %d has %d bytes for %d x %d pixels, which is not the size that was asked for", tall.ErrShape, f.Index, len(f.Pix), f.Width, f.Height)
	}
	if dst == nil {
		dst = make([]byte, 3*w*h)
	}
	left, top := (f.Width-w)/2, (f.Height-h)/2
	for y := range h {
		at := 3 * ((top+y)*f.Width + left)
		copy(dst[3*w*y:3*w*(y+1)], f.Pix[at:at+3*w])
	}
	return dst, nil
}

// write writes the input of a row, of which frame k is (Height, Width, 3).
func (p *pixels) write(dst []float32, frame func(k int) []byte) {
	w, h := p.config.Width, p.config.Height
	for t := range p.config.Window {
		pix := frame(t)
		for c := range 3 {
			value, source := &p.value[c], pix[p.source[c]:]
			for y := range h {
				at := t*p.stride[0] + c*p.stride[1] + y*p.stride[2]
				row := source[3*w*y:]
				for x := range w {
					dst[at] = value[row[3*x]]
					at += p.stride[3]
				}
			}
		}
	}
}
