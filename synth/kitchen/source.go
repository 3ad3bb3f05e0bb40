package kitchen

import (
	"io"
	"math"

	"tall/media"
)

// Source renders a video, frame by frame. It implements [media.Source].
type Source struct {
	plan     *plan
	sampling media.Sampling
	frames   int
	rate     float64
	fps      float64 // of the video
	next     int

	canvas     *canvas
	background *canvas // the room, with a margin around it
	margin     int
	fit        affine // scene to pixels
}

// margin is how far the room is painted beyond the picture, in units of the scene: more
// than the camera ever moves.
const margin = 9

// newSource returns a source of frames of a size, rate a second.
func newSource(p *plan, width, height, frames int, fps float64, s media.Sampling) *Source {
	k := float64(width) / sceneWidth
	ky := float64(height) / sceneHeight
	zoom := p.camera.zoom
	src := &Source{
		plan: p, sampling: s, frames: frames, rate: s.Rate, fps: fps,
		canvas: newCanvas(width, height),
		margin: int(math.Ceil(margin * max(k, ky))),
		fit:    affine{a: k, d: ky}.shift(sceneWidth/2, sceneHeight/2).scale(zoom, zoom).shift(-sceneWidth/2, -sceneHeight/2),
	}
	src.background = newCanvas(width+2*src.margin, height+2*src.margin)
	m := affine{a: 1, d: 1, e: float64(src.margin), f: float64(src.margin)}.then(src.fit)
	p.room.paint(src.background, m)
	return src
}

// Len is the number of frames.
func (s *Source) Len() int { return s.frames }

// Next implements [media.Source].
func (s *Source) Next() (media.Frame, error) {
	if s.next >= s.frames {
		return media.Frame{}, io.EOF
	}
	t := s.sampling.From + float64(s.next)/s.rate
	// A file would show the latest of its frames.
	t = math.Floor(t*s.fps+1e-6) / s.fps
	f := media.Frame{Index: s.next, Time: t, Width: s.canvas.width, Height: s.canvas.height, Pix: s.canvas.pix}
	s.render(t)
	s.next++
	return f, nil
}

// render draws the picture at a time.
func (s *Source) render(t float64) {
	d := s.plan.camera.offset(t)
	dx, dy := d.x*s.fit.a, d.y*s.fit.d
	// On a grid of 1/64 pixel the room and what stands in it move together.
	dx, dy = math.Round(dx*64)/64, math.Round(dy*64)/64
	s.room(dx, dy)
	m := affine{a: 1, d: 1, e: dx, f: dy}.then(s.fit)
	s.plan.at(t).draw(s.canvas, m, s.plan)
	s.lit(t)
}

// room copies the background, moved by (dx, dy) pixels, multiples of 1/64.
func (s *Source) room(dx, dy float64) {
	w, h := s.canvas.width, s.canvas.height
	bw := s.background.width
	x, y := float64(s.margin)-dx, float64(s.margin)-dy
	x0, y0 := int(math.Floor(x)), int(math.Floor(y))
	fx, fy := uint32((x-float64(x0))*64), uint32((y-float64(y0))*64)
	gx, gy := 64-fx, 64-fy
	for row := range h {
		a := s.background.pix[3*((y0+row)*bw+x0):]
		b := s.background.pix[3*((y0+row+1)*bw+x0):]
		a, b = a[:3*w+3], b[:3*w+3]
		out := s.canvas.pix[3*row*w : 3*row*w+3*w]
		for i := range out {
			top := uint32(a[i])*gx + uint32(a[i+3])*fx
			low := uint32(b[i])*gx + uint32(b[i+3])*fx
			out[i] = byte((top*gy + low*fy + 2048) >> 12)
		}
	}
}

// lit multiplies the picture by the light of the moment.
func (s *Source) lit(t float64) {
	var tables [3][256]byte
	for i, k := range s.plan.light.gain(t) {
		for x := range tables[i] {
			tables[i][x] = byte(min(255, math.Round(float64(x)*k)))
		}
	}
	for i := 0; i+2 < len(s.canvas.pix); i += 3 {
		p := s.canvas.pix[i : i+3 : i+3]
		p[0], p[1], p[2] = tables[0][p[0]], tables[1][p[1]], tables[2][p[2]]
	}
}
