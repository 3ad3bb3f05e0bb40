package media

import (
	"image"
	"image/color"
)

// rgb is a frame as an image.
type rgb struct{ Frame }

func (m rgb) ColorModel() color.Model { return color.RGBAModel }

func (m rgb) Bounds() image.Rectangle { return image.Rect(0, 0, m.Width, m.Height) }

func (m rgb) At(x, y int) color.Color {
	p := m.Pix[(y*m.Width+x)*3:]
	return color.RGBA{p[0], p[1], p[2], 255}
}
