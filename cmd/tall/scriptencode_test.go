package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// pictures DIR N writes a folder of N small pictures, in which a square wanders.
func scriptPictures(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "pictures DIR N")
	ts.Check(writePictures(ts.MkAbs(args[0]), number(ts, args[1])))
}

func writePictures(dir string, n int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range n {
		m := image.NewRGBA(image.Rect(0, 0, sceneWidth, sceneHeight))
		draw.Draw(m, m.Rect, image.NewUniform(color.Gray{128}), image.Point{}, draw.Src)
		draw.Draw(m, image.Rect(i%40, 10, i%40+16, 26), image.NewUniform(color.RGBA{200, 40, 40, 255}), image.Point{}, draw.Src)
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%04d.png", i)))
		if err == nil {
			err = errors.Join(png.Encode(f, m), f.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
