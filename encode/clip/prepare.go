package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"math"
	"path/filepath"

	"tall"
)

// The files that say how pictures are prepared: newer folders have it as a part of the
// first, which counts where both have it.
const (
	processorFile    = "processor_config.json"
	preprocessorFile = "preprocessor_config.json"
)

// Preparation says how pictures become the input of an image tower: resized so that the
// shorter side has Short pixels, cut to the Crop x Crop pixels in the middle, brought to
// 0 to 1, and normalized by channel.
type Preparation struct {
	Short, Crop int
	Mean, Std   [3]float64 // RGB
}

// DefaultPreparation is that of OpenAI's models, for a tower that takes size x size
// pixels (github.com/openai/CLIP, clip/clip.py).
func DefaultPreparation(size int) Preparation {
	return Preparation{
		Short: size, Crop: size,
		Mean: [3]float64{0.48145466, 0.4578275, 0.40821073},
		Std:  [3]float64{0.26862954, 0.26130258, 0.27577711},
	}
}

// maxSide bounds the pixels of a side of a tower's input.
const maxSide = 4096

// edge is a size in a preprocessor_config.json: a number or an object.
type edge struct {
	Shortest, Height, Width int
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *edge) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] != '{' {
		return json.Unmarshal(text, &e.Shortest)
	}
	var o struct {
		Shortest int `json:"shortest_edge"`
		Height   int `json:"height"`
		Width    int `json:"width"`
	}
	err := json.Unmarshal(text, &o)
	*e = edge{o.Shortest, o.Height, o.Width}
	return err
}

// ParsePreparation reads the text of a preprocessor_config.json of a model whose image
// tower takes size x size pixels. What it does not say is as in [DefaultPreparation].
// Errors wrap [tall.ErrFormat].
func ParsePreparation(text []byte, size int) (Preparation, error) {
	p := DefaultPreparation(size)
	yes := true
	j := struct {
		Size      edge      `json:"size"`
		Crop      edge      `json:"crop_size"`
		Mean      []float64 `json:"image_mean"`
		Std       []float64 `json:"image_std"`
		Resample  *int      `json:"resample"`
		Factor    *float64  `json:"rescale_factor"`
		Resize    *bool     `json:"do_resize"`
		Cut       *bool     `json:"do_center_crop"`
		Rescale   *bool     `json:"do_rescale"`
		Normalize *bool     `json:"do_normalize"`
	}{}
	bad := func(format string, args ...any) (Preparation, error) {
		return Preparation{}, fmt.Errorf("%w: %s", tall.ErrFormat, fmt.Sprintf(format, args...))
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return bad("%v", err)
	}
	for name, value := range map[string]*bool{"do_resize": j.Resize, "do_center_crop": j.Cut, "do_rescale": j.Rescale, "do_normalize": j.Normalize} {
		if value == nil {
			value = &yes
		}
		if !*value {
			return bad("%s is false; CLIP's preparation has all its steps", name)
		}
	}
	if j.Resample != nil && *j.Resample != 3 {
		return bad("resample is %d; only 3 (bicubic) is supported", *j.Resample)
	}
	if j.Factor != nil && math.Abs(*j.Factor*255-1) > 1e-6 {
		return bad("rescale_factor is %g; only 1/255 is supported", *j.Factor)
	}
	switch s := j.Size; {
	case s.Shortest == 0 && (s.Height != 0 || s.Width != 0):
		return bad("size is %d x %d, which changes the shape of pictures; only shortest_edge is supported", s.Width, s.Height)
	case s.Shortest != 0:
		p.Short = s.Shortest
	}
	switch c := j.Crop; {
	case c.Height != c.Width:
		return bad("crop_size is %d x %d; it must be square", c.Width, c.Height)
	case c.Height != 0:
		p.Crop = c.Height
	case c.Shortest != 0:
		p.Crop = c.Shortest
	}
	if p.Crop != size {
		return bad("crop_size is %d, but config.json's image_size is %d", p.Crop, size)
	}
	if p.Short < p.Crop || p.Short > maxSide {
		return bad("size is %d; it must be from crop_size, %d, to %d", p.Short, p.Crop, maxSide)
	}
	for _, list := range []struct {
		name string
		from []float64
		to   *[3]float64
	}{{"image_mean", j.Mean, &p.Mean}, {"image_std", j.Std, &p.Std}} {
		if list.from == nil {
			continue
		}
		if len(list.from) != 3 {
			return bad("%s has %d values, not 3", list.name, len(list.from))
		}
		copy(list.to[:], list.from)
	}
	for c := range 3 {
		if !(p.Std[c] > 1e-6) || math.Abs(p.Mean[c]) > 1e3 || p.Std[c] > 1e3 {
			return bad("image_mean %v and image_std %v do not normalize", p.Mean, p.Std)
		}
	}
	return p, nil
}

// readPreparation reads what a model folder says of the preparation of pictures, if it
// does.
func readPreparation(dir string, size int) (Preparation, error) {
	path := filepath.Join(dir, processorFile)
	text, err := readBounded(path, maxConfigBytes)
	if err == nil {
		j := struct {
			Pictures json.RawMessage `json:"image_processor"`
		}{}
		if err := json.Unmarshal(text, &j); err != nil {
			return Preparation{}, fmt.Errorf("%s: %w: %w", path, tall.ErrFormat, err)
		}
		text = j.Pictures
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && !present(text) {
		path = filepath.Join(dir, preprocessorFile)
		if text, err = readBounded(path, maxConfigBytes); errors.Is(err, fs.ErrNotExist) {
			return DefaultPreparation(size), nil
		}
	}
	if err != nil {
		return Preparation{}, err
	}
	p, err := ParsePreparation(text, size)
	if err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Image writes the input of one picture into dst (3, Crop, Crop). Pixels are resized in
// 8 bits, as PIL does it. It fails for a picture without pixels.
func (p Preparation) Image(dst []float32, img image.Image) error {
	if img == nil || img.Bounds().Empty() {
		return fmt.Errorf("%w: a picture without pixels", tall.ErrFormat)
	}
	p.prepare(dst, rgb(img))
	return nil
}

// prepare is Image for a picture that has pixels.
func (p Preparation) prepare(dst []float32, src picture) {
	w, h := p.resized(src.w, src.h)
	left, top := (w-p.Crop)/2, (h-p.Crop)/2
	cut := resize(src, w, h, image.Rect(left, top, left+p.Crop, top+p.Crop))
	n := p.Crop * p.Crop
	for c := range 3 {
		var value [256]float32
		for v := range value {
			value[v] = float32((float64(v)/255 - p.Mean[c]) / p.Std[c])
		}
		plane := dst[c*n : (c+1)*n]
		for i := range plane {
			plane[i] = value[cut.pix[3*i+c]]
		}
	}
}

// resized is the size to which a picture is resized: the longer side is rounded down.
func (p Preparation) resized(w, h int) (int, int) {
	if w <= h {
		return p.Short, max(p.Short, int(float64(p.Short)*float64(h)/float64(w)))
	}
	return max(p.Short, int(float64(p.Short)*float64(w)/float64(h))), p.Short
}

// copyColors takes the colors of any image, one by one.
func (p picture) copyColors(img image.Image) {
	r := img.Bounds()
	for y := range p.h {
		for x := range p.w {
			c := color.NRGBAModel.Convert(img.At(r.Min.X+x, r.Min.Y+y)).(color.NRGBA)
			d := p.pix[3*(y*p.w+x):]
			d[0], d[1], d[2] = c.R, c.G, c.B
		}
	}
}
