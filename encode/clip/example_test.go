package clip_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"log"

	"tall/encode/clip"
)

// How like a picture and two sentences are.
func ExampleOpen() {
	m, err := clip.Open("models/clip-vit-b-32", clip.Options{})
	if err != nil {
		log.Fatal(err)
	}
	sentences, err := m.EncodeSentences(context.Background(), []string{"a photo of a cat", "a photo of a dog"})
	if err != nil {
		log.Fatal(err)
	}
	pictures, err := m.EncodeImages(context.Background(), []image.Image{image.NewRGBA(image.Rect(0, 0, 640, 480))})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range sentences {
		likeness := float32(0)
		for i, v := range s.Vector {
			likeness += v * pictures[0][i]
		}
		fmt.Println(s.Text, likeness)
	}
}

func ExampleParseConfig() {
	c, err := clip.ParseConfig([]byte(`{"model_type": "clip", "projection_dim": 512, "vision_config": {"patch_size": 16}}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d layers of width %d see %d tokens of a picture of %d x %[4]d; vectors have %d values\n",
		c.Vision.Layers, c.Vision.Width, c.Vision.Tokens(), c.Vision.Image, c.Projection)
	// Output: 12 layers of width 768 see 197 tokens of a picture of 224 x 224; vectors have 512 values
}

func ExamplePreparation_Image() {
	gray := image.NewUniform(color.Gray{128})
	p := clip.DefaultPreparation(224)
	x := make([]float32, 3*p.Crop*p.Crop)
	if err := p.Image(x, bounded{gray}); err != nil {
		log.Fatal(err)
	}
	n := p.Crop * p.Crop
	fmt.Printf("red %.4f green %.4f blue %.4f\n", x[0], x[n], x[2*n])
	// Output: red 0.0763 green 0.1689 blue 0.3399
}

// bounded is a picture of one color with a size.
type bounded struct{ *image.Uniform }

func (bounded) Bounds() image.Rectangle { return image.Rect(0, 0, 640, 480) }
