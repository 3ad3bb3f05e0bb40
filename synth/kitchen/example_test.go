package kitchen_test

import (
	"fmt"

	"tall/media"
	"tall/synth/kitchen"
)

func Example() {
	o := kitchen.Default()
	o.Train, o.Val, o.Test = 2, 0, 0
	k, err := kitchen.New(o)
	if err != nil {
		panic(err)
	}
	v := k.Videos()[1]
	fmt.Printf("%s, %g s\n", v.Name, v.Duration())
	for _, e := range v.Events[:2] {
		fmt.Printf("%s: %s\n", e.Span, e.Sentences[0])
	}
	frames, err := v.Frames(media.Sampling{Rate: 2, Fit: media.FitInside, Width: 160, Height: 120})
	if err != nil {
		panic(err)
	}
	f, err := frames.Next()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d frames of %d x %d pixels\n", frames.Len(), f.Width, f.Height)
	// Output:
	// train002, 49 s
	// 0.76-6.6: the red apple is taken out
	// 8.52-13.72: a person peels the purple carrot
	// 98 frames of 160 x 90 pixels
}
