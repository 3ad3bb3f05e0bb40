package clip

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg"
	"math"
	"os"
	"strings"
	"testing"

	"tall"
	"tall/internal/shared"
	"tall/numpy"
)

// formula is the picture of testdata/pictures.py.
func formula(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range uint64(h) {
		for x := range uint64(w) {
			for c := range uint64(3) {
				v := (x*(c+1)/3 + y*y/64) & 255
				if (x/40+y/24)%2 == 0 {
					v = ((x*73856093 ^ y*19349663 ^ c*83492791) * 2654435761) >> 13 & 255
				}
				img.Pix[4*(int(y)*w+int(x))+int(c)] = uint8(v)
			}
			img.Pix[4*(int(y)*w+int(x))+3] = 255
		}
	}
	return img
}

// bits undoes the normalization.
func bits(p Preparation, x []float32) []uint8 {
	out := make([]uint8, len(x))
	n := p.Crop * p.Crop
	for i, v := range x {
		out[i] = uint8(math.Round((float64(v)*p.Std[i/n] + p.Mean[i/n]) * 255))
	}
	return out
}

func TestPreparation_IsPILs(t *testing.T) {
	text, err := os.ReadFile("testdata/pictures.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Width, Height int
		SHA256        string
		Some          [3]float64
	}
	if err := json.Unmarshal(text, &list); err != nil || len(list) < 10 {
		t.Fatalf("%d pictures, %v", len(list), err)
	}
	p := DefaultPreparation(224)
	x := make([]float32, 3*224*224)
	for _, want := range list {
		t.Run(fmt.Sprintf("%dx%d", want.Width, want.Height), func(t *testing.T) {
			if err := p.Image(x, formula(want.Width, want.Height)); err != nil {
				t.Fatal(err)
			}
			// The 8-bit values are PIL's to the last bit.
			sum := sha256.Sum256(bits(p, x))
			if got := hex.EncodeToString(sum[:]); got != want.SHA256 {
				t.Errorf("SHA-256 %s, want %s", got, want.SHA256)
			}
			for i, at := range []int{0, 224*224 + 100*224 + 50, len(x) - 1} {
				// The original normalizes in float32: a few units of 2^-23 of values up to 2.7.
				if d := math.Abs(float64(x[at]) - want.Some[i]); !(d < 1e-6) {
					t.Errorf("value %d: %v, want %v", at, x[at], want.Some[i])
				}
			}
		})
	}
}

func TestPreparation_RealPicture(t *testing.T) {
	want, err := numpy.ReadFile(shared.Path(t, "conformance/clip-preprocess/expected_preprocessed_image.npy"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(shared.Path(t, "conformance/clip-preprocess/franz-kafka.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	p := DefaultPreparation(224)
	x := make([]float32, 3*224*224)
	if err := p.Image(x, img); err != nil {
		t.Fatal(err)
	}
	a, b := bits(p, x), bits(p, want.Float32())
	if len(a) != len(b) {
		t.Fatal(want.Shape)
	}
	differ, most := 0, 0
	for i := range a {
		if d := int(a[i]) - int(b[i]); d != 0 {
			differ, most = differ+1, max(most, d, -d)
		}
	}
	t.Logf("%d of %d values differ, at most by %d of 255", differ, len(a), most)
	// TestPreparation_IsPILs shows that nothing is left to chance once the pixels are
	// the same; here two decoders of JPEG (Go's and libjpeg) round their inverse DCT and
	// colors differently.
	if most > 2 {
		t.Errorf("a value differs by %d of 255", most)
	}
}

// TestResize_CropIsPartOfTheWhole: what is computed for a crop alone is what stands there.
func TestResize_CropIsPartOfTheWhole(t *testing.T) {
	src := rgb(formula(83, 61))
	for _, size := range []image.Point{{40, 30}, {83, 61}, {83, 30}, {150, 61}, {200, 190}} {
		whole := resize(src, size.X, size.Y, image.Rect(0, 0, size.X, size.Y))
		crop := image.Rect(5, 7, 33, 29)
		part := resize(src, size.X, size.Y, crop)
		for y := range part.h {
			want := whole.pix[3*((y+7)*whole.w+5):][:3*part.w]
			if string(part.pix[3*y*part.w:3*(y+1)*part.w]) != string(want) {
				t.Errorf("%v: row %d differs", size, y)
			}
		}
	}
}

func TestRGB_KindsOfImages(t *testing.T) {
	// A picture within a larger one, so that offsets count.
	bounds := image.Rect(3, 2, 8, 6)
	colors := func(x, y int) color.NRGBA { return color.NRGBA{uint8(40 * x), uint8(30 * y), uint8(7 * x * y), 255} }
	full := image.Rect(0, 0, 10, 10)
	nrgba, rgba, deep := image.NewNRGBA(full), image.NewRGBA(full), image.NewNRGBA64(full)
	gray, clear := image.NewGray(full), image.NewRGBA(full)
	for y := range 10 {
		for x := range 10 {
			nrgba.Set(x, y, colors(x, y))
			rgba.Set(x, y, colors(x, y))
			deep.Set(x, y, colors(x, y))
			gray.SetGray(x, y, color.Gray{uint8(x * y)})
			clear.Set(x, y, color.NRGBA{255, 0, 255, 128})
		}
	}
	for name, img := range map[string]image.Image{
		"NRGBA": nrgba.SubImage(bounds), "RGBA": rgba.SubImage(bounds), "NRGBA64": deep.SubImage(bounds),
	} {
		p := rgb(img)
		for y := range p.h {
			for x := range p.w {
				want := colors(x+3, y+2)
				if got := p.pix[3*(y*p.w+x):]; got[0] != want.R || got[1] != want.G || got[2] != want.B {
					t.Errorf("%s (%d, %d): %v, want %v", name, x, y, got[:3], want)
				}
			}
		}
	}
	if p := rgb(gray.SubImage(bounds)); p.pix[0] != 6 || p.pix[2] != 6 || p.pix[len(p.pix)-1] != 35 {
		t.Errorf("gray: %v", p.pix)
	}
	if p := rgb(clear); p.pix[0] != 255 || p.pix[1] != 0 || p.pix[2] != 255 {
		t.Errorf("half-transparent magenta: %v", p.pix[:3])
	}
	p := DefaultPreparation(224)
	if err := p.Image(nil, image.NewGray(image.Rect(0, 0, 0, 5))); !errors.Is(err, tall.ErrFormat) {
		t.Error(err)
	}
}

func TestParsePreparation(t *testing.T) {
	// The two forms that files have.
	old := `{"crop_size": 224, "do_center_crop": true, "do_normalize": true, "do_resize": true, "feature_extractor_type": "CLIPFeatureExtractor",
 "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "resample": 3, "size": 224}`
	young := `{"crop_size": {"height": 224, "width": 224}, "do_convert_rgb": true, "do_rescale": true, "rescale_factor": 0.00392156862745098,
 "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 224}}`
	want := Preparation{224, 224, [3]float64{.5, .5, .5}, [3]float64{.25, .25, .25}}
	for _, text := range []string{old, young} {
		if got, err := ParsePreparation([]byte(text), 224); err != nil || got != want {
			t.Errorf("%v, %v", got, err)
		}
	}
	if got, err := ParsePreparation([]byte("{}"), 30); err != nil || got != DefaultPreparation(30) {
		t.Errorf("%v, %v", got, err)
	}
	for text, says := range map[string]string{
		`{`:                               "",
		`{"size": 336, "crop_size": 336}`: "image_size is 224",
		`{"size": {"height": 224, "width": 224}}`:      "changes the shape",
		`{"crop_size": {"height": 224, "width": 200}}`: "square",
		`{"size": 100}`:                   "from crop_size",
		`{"size": 1000000000000}`:         "from crop_size",
		`{"size": -1}`:                    "from crop_size",
		`{"do_center_crop": false}`:       "do_center_crop",
		`{"resample": 2}`:                 "bicubic",
		`{"rescale_factor": 1}`:           "1/255",
		`{"image_mean": [1, 2]}`:          "2 values",
		`{"image_std": [0, 1, 1]}`:        "do not normalize",
		`{"image_mean": [1e300, 0, 0]}`:   "do not normalize",
		`{"size": {"shortest_edge": ""}}`: "",
	} {
		if _, err := ParsePreparation([]byte(text), 224); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// Newer folders hold the preparation within processor_config.json.
func TestReadPreparation(t *testing.T) {
	old, now := `{"image_mean": [0.1, 0.1, 0.1]}`, `{"image_processor": {"image_mean": [0.5, 0.5, 0.5]}}`
	for name, c := range map[string]struct {
		files map[string][]byte
		mean  float64
	}{
		"none":      {nil, DefaultPreparation(8).Mean[0]},
		"old":       {map[string][]byte{preprocessorFile: []byte(old)}, 0.1},
		"new":       {map[string][]byte{processorFile: []byte(now)}, 0.5},
		"both":      {map[string][]byte{preprocessorFile: []byte(old), processorFile: []byte(now)}, 0.5},
		"of others": {map[string][]byte{preprocessorFile: []byte(old), processorFile: []byte(`{"processor_class": "CLIPProcessor"}`)}, 0.1},
	} {
		dir := t.TempDir()
		writeFiles(t, dir, c.files)
		if got, err := readPreparation(dir, 8); err != nil || got.Mean[0] != c.mean {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, text := range []string{`{`, `{"image_processor": {"do_resize": false}}`} {
		dir := t.TempDir()
		writeFiles(t, dir, map[string][]byte{processorFile: []byte(text)})
		if _, err := readPreparation(dir, 8); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), processorFile) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParsePreparation(f *testing.F) {
	f.Add([]byte(`{"crop_size": 8, "size": {"shortest_edge": 9}}`))
	f.Add([]byte(`{"image_std": [0.1, 1, 1], "resample": 3}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePreparation(text, 8)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		x := make([]float32, 3*8*8)
		if err := p.Image(x, formula(11, 5)); err != nil {
			t.Fatal(err)
		}
		for _, v := range x {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("%s: %v", text, v)
			}
		}
	})
}
