package media

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
)

// formatImages is the Format of an Info of a folder of images.
const formatImages = "images"

// defaultImageRate is how many images make a second where nothing is said; ffmpeg's
// reader of image sequences has the same.
const defaultImageRate = 25

// maxImageBytes bounds an image file: an uncompressed frame of maxPixels in 16-bit RGBA.
const maxImageBytes = maxPixels * 8

// imageNames lists the images of a folder, .jpg, .jpeg and .png, in natural order: 2
// before 10. Names that begin with a dot are passed over.
func imageNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	all, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	names := slices.DeleteFunc(all, func(name string) bool {
		switch strings.ToLower(filepath.Ext(name)) {
		case ".jpg", ".jpeg", ".png":
			return strings.HasPrefix(name, ".")
		}
		return true
	})
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: %w: the folder holds no images (.jpg, .jpeg, .png); give a video file, or a folder with one image a frame", dir, tall.ErrFormat)
	}
	slices.SortFunc(names, natural)
	return names, nil
}

// natural compares names so that numbers within them count as numbers; equal numbers are
// ordered by their leading zeros.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m != "" && n != "" {
			p, q := strings.TrimLeft(m, "0"), strings.TrimLeft(n, "0")
			if c := cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q)); c != 0 {
				return c
			}
			x, y = x[len(m):], y[len(n):]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// images is a folder of images; it is a strip.
type images struct {
	dir           string
	names         []string
	width, height int
}

func (t *Tools) probeImages(dir string) (Info, error) {
	names, err := imageNames(dir)
	if err != nil {
		return Info{}, err
	}
	first, kind, err := openImage(filepath.Join(dir, names[0]), true)
	if err != nil {
		return Info{}, err
	}
	rate := t.options.ImageRate
	if rate == 0 {
		rate = defaultImageRate
	}
	info := Info{
		Path: dir, Width: first.Bounds().Dx(), Height: first.Bounds().Dy(), Frames: len(names),
		Codec: kind, Format: formatImages, Pixels: "rgb24",
	}
	info.FPSNum, info.FPSDen = fraction(rate, 1_000_000)
	info.Duration = float64(len(names)) / info.FPS()
	return info, checkDuration(info)
}

func (t *Tools) readImages(ctx context.Context, info Info, s Sampling) (*Reader, error) {
	names, err := imageNames(info.Path)
	if err != nil {
		return nil, err
	}
	info.Frames = len(names)
	if info.FPS() == 0 {
		return nil, fmt.Errorf("%s: %w: images without a rate", info.Path, tall.ErrShape)
	}
	return readStrip(ctx, &images{info.Path, names, info.Width, info.Height}, info, s), nil
}

func (m *images) Close() error { return nil }

func (m *images) size(int) (int, int) { return m.width, m.height }

func (m *images) picture(i int, dst []byte) ([]byte, error) {
	path := filepath.Join(m.dir, m.names[i])
	picture, _, err := openImage(path, false)
	if err != nil {
		return dst, err
	}
	b := picture.Bounds()
	if b.Dx() != m.width || b.Dy() != m.height {
		return dst, fmt.Errorf("%s: %w: the image has %d x %d pixels, the first one of the folder %d x %d; bring them to one size", path, tall.ErrShape, b.Dx(), b.Dy(), m.width, m.height)
	}
	flat, ok := picture.(*image.RGBA)
	if !ok || !flat.Opaque() || flat.Stride != 4*m.width {
		flat = image.NewRGBA(image.Rect(0, 0, m.width, m.height))
		// What is transparent shows black, as in a video that is composed of it.
		draw.Draw(flat, flat.Rect, image.Black, image.Point{}, draw.Src)
		draw.Draw(flat, flat.Rect, picture, b.Min, draw.Over)
	}
	if n := m.width * m.height * 3; len(dst) != n {
		dst = make([]byte, n)
	}
	pack(dst, flat)
	return dst, nil
}

// openImage decodes an image, or, with sizeOnly, makes an empty one of its size. The
// contents decide between JPEG and PNG, whatever the name says.
func openImage(path string, sizeOnly bool) (picture image.Image, kind string, err error) {
	folder, size, err := checkFile(path)
	if err == nil && folder {
		err = fmt.Errorf("%s: %w: a folder has the name of an image", path, tall.ErrFormat)
	}
	if err == nil && size > maxImageBytes {
		err = fmt.Errorf("%s: %w: an image of %d MiB", path, tall.ErrUnsafe, size>>20)
	}
	if err != nil {
		return nil, "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	config, kind, err := imageConfig(f)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w: this is no JPEG or PNG image: %w", path, tall.ErrFormat, err)
	}
	if err := checkSize(path, config.Width, config.Height); err != nil {
		return nil, "", err
	}
	if sizeOnly {
		return image.Rect(0, 0, config.Width, config.Height), kind, nil
	}
	if _, err = f.Seek(0, 0); err == nil {
		if kind == "png" {
			picture, err = png.Decode(f)
		} else {
			picture, err = jpeg.Decode(f)
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w: the image is damaged: %w", path, tall.ErrFormat, err)
	}
	return picture, kind, nil
}

// imageConfig reads an image's size.
func imageConfig(f *os.File) (image.Config, string, error) {
	magic := make([]byte, 4)
	if _, err := f.ReadAt(magic, 0); err != nil {
		return image.Config{}, "", err
	}
	if string(magic) == "\x89PNG" {
		config, err := png.DecodeConfig(f)
		return config, "png", err
	}
	config, err := jpeg.DecodeConfig(f)
	return config, "mjpeg", err
}
