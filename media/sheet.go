package media

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"tall"
)

// passSeconds is the longest stretch between two pictures of a contact sheet, in seconds,
// for which the video is read through once; beyond it, seeking to each is faster.
const passSeconds = 10

// ContactSheet is one JPEG image of columns x rows pictures from all over the video, each
// width pixels wide and marked with its time: the middles of as many equal parts.
func (t *Tools) ContactSheet(ctx context.Context, info Info, columns, rows, width int) ([]byte, error) {
	if columns < 1 || rows < 1 || width < 16 || columns > maxSide/width || columns*rows > 400 {
		return nil, fmt.Errorf("%s: %w: a sheet of %d x %d pictures %d pixels wide; want 400 pictures and %d pixels at most", info.Path, tall.ErrShape, columns, rows, width, maxSide)
	}
	s := Sampling{Fit: FitStretch, Width: width, Height: max(1, (width*info.Height+info.Width/2)/max(1, info.Width))}
	if rows > maxSide/s.Height {
		return nil, fmt.Errorf("%s: %w: a sheet of %d rows of %d pixels", info.Path, tall.ErrShape, rows, s.Height)
	}
	n := columns * rows
	part := info.Duration / float64(n)
	sheet := image.NewRGBA(image.Rect(0, 0, columns*s.Width, rows*s.Height))
	place := func(i int, f Frame) {
		at := image.Pt(i%columns*s.Width, i/columns*s.Height)
		draw.Draw(sheet, image.Rectangle{at, at.Add(image.Pt(f.Width, f.Height))}, f.image(), image.Point{}, draw.Src)
		label(sheet, at.Add(image.Pt(4, f.Height-4)), clock(part*(float64(i)+0.5)))
	}
	var err error
	if part <= passSeconds {
		s.Rate, s.From = 1/part, part/2
		err = t.eachFrame(ctx, info, s, n, place)
	} else {
		for i := 0; i < n && err == nil; i++ {
			s.Rate, s.From = 1, part*(float64(i)+0.5)
			err = t.eachFrame(ctx, info, s, 1, func(_ int, f Frame) { place(i, f) })
		}
	}
	if err != nil {
		return nil, err
	}
	return encodeJPEG(sheet)
}

// eachFrame hands n frames to do, fewer where the video ends early.
func (t *Tools) eachFrame(ctx context.Context, info Info, s Sampling, n int, do func(i int, f Frame)) error {
	r, err := t.Frames(ctx, info, s)
	if err != nil {
		return err
	}
	defer r.Close()
	for i := range n {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		do(i, f)
	}
	return nil
}

// clock writes a time as players do: 1:02:03, or 2:03.4 below an hour.
func clock(t float64) string {
	tenths := int(t*10 + 0.5)
	s := tenths / 10
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d.%d", s/60, s%60, tenths%10)
}

// label writes text in white on black, its base line beginning at a point.
func label(dst draw.Image, at image.Point, text string) {
	face := basicfont.Face7x13
	back := image.Rect(at.X-2, at.Y-face.Ascent-1, at.X+face.Advance*len(text)+1, at.Y+face.Descent+1)
	draw.Draw(dst, back, image.NewUniform(color.RGBA{A: 160}), image.Point{}, draw.Over)
	d := font.Drawer{Dst: dst, Src: image.White, Face: face, Dot: fixed.P(at.X, at.Y)}
	d.DrawString(text)
}
