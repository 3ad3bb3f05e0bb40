package media_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"tall/media"
)

// A folder of images is read like any video, without ffmpeg: here ten gray images, four a
// second, of which two a second are asked for, half as large.
func Example() {
	dir, err := os.MkdirTemp("", "images")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for i := range 10 {
		m := image.NewGray(image.Rect(0, 0, 64, 48))
		draw.Draw(m, m.Rect, image.NewUniform(color.Gray{Y: uint8(20 * i)}), image.Point{}, draw.Src)
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.png", i)))
		if err != nil {
			panic(err)
		}
		if err := errors.Join(png.Encode(f, m), f.Close()); err != nil {
			panic(err)
		}
	}

	tools, err := media.Find(media.Options{ImageRate: 4})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	info, err := tools.Probe(ctx, dir)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d x %d, %g s\n", info.Width, info.Height, info.Duration)
	frames, err := tools.Frames(ctx, info, media.Sampling{Rate: 2, Fit: media.FitInside, Width: 32, Height: 32})
	if err != nil {
		panic(err)
	}
	defer frames.Close()
	for {
		f, err := frames.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			panic(err)
		}
		fmt.Printf("%g s: %d x %d, %d\n", f.Time, f.Width, f.Height, f.Pix[0])
	}
	// Output:
	// 64 x 48, 2.5 s
	// 0 s: 32 x 24, 0
	// 0.5 s: 32 x 24, 40
	// 1 s: 32 x 24, 80
	// 1.5 s: 32 x 24, 120
	// 2 s: 32 x 24, 160
}
