package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"

	"tall"
)

// jpegQuality is what thumbnails are written with: 85 of 100 shows no blocks at a size of
// a few kilobytes.
const jpegQuality = 85

// Thumbnail is the picture that is shown at a time, in seconds, as a JPEG image of the
// given width, the height in proportion; width 0, or one beyond the video's own, leaves
// the size.
func (t *Tools) Thumbnail(ctx context.Context, info Info, at float64, width int) ([]byte, error) {
	f, err := t.still(ctx, info, at, width)
	if err != nil {
		return nil, err
	}
	return encodeJPEG(f.image())
}

// still decodes one picture. Its pixels are the caller's.
func (t *Tools) still(ctx context.Context, info Info, at float64, width int) (Frame, error) {
	if width < 0 {
		return Frame{}, fmt.Errorf("%s: %w: a thumbnail of %d pixels", info.Path, tall.ErrShape, width)
	}
	at = max(0, at)
	if info.Duration > 0 {
		// At the very end the last picture is shown.
		at = max(0, min(at, info.Duration-2*slack))
	}
	s := Sampling{Rate: 1, From: at, To: at + 0.5}
	if width > 0 && width < info.Width {
		s.Fit, s.Width, s.Height = FitInside, width, maxSide
	}
	r, err := t.Frames(ctx, info, s)
	if err != nil {
		return Frame{}, err
	}
	defer r.Close()
	f, err := r.Next()
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w: there is no picture at %g s", info.Path, tall.ErrFormat, at)
	}
	return f, err
}

// image copies the frame.
func (f Frame) image() *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for i, o := 0, 0; i < len(f.Pix); i, o = i+3, o+4 {
		m.Pix[o], m.Pix[o+1], m.Pix[o+2], m.Pix[o+3] = f.Pix[i], f.Pix[i+1], f.Pix[i+2], 255
	}
	return m
}

func encodeJPEG(m image.Image) ([]byte, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: jpegQuality}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
