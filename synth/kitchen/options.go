package kitchen

import (
	"errors"
	"fmt"
	"strings"
)

// Options say what videos there shall be. [Default] fills them; each may then be changed
// on its own.
type Options struct {
	// Videos of each part.
	Train int `json:"train"`
	Val   int `json:"val"`
	Test  int `json:"test"`

	// MinSeconds and MaxSeconds are the limits of a video's length.
	MinSeconds float64 `json:"min_seconds"`
	MaxSeconds float64 `json:"max_seconds"`
	// Width and Height of the pictures in pixels, even as H.264 needs them; 16:9 as
	// the scene is, or it is stretched.
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	FPS       int    `json:"fps"`       // pictures a second
	Sentences int    `json:"sentences"` // for each event that sentences tell of
	Seed      uint64 `json:"seed"`
}

// Default returns the options of the videos that `tall demo` trains on: 384 x 216 pixels,
// 16 frames a second, 20 to 50 seconds.
func Default() Options {
	return Options{
		Train: 96, Val: 8, Test: 24,
		MinSeconds: 20, MaxSeconds: 50,
		Width: 384, Height: 216, FPS: 16,
		Sentences: 3, Seed: 1,
	}
}

// splitNames are the parts' names in annotations, and the beginnings of their videos'.
var splitNames = [parts]string{"train", "val", "test"}

func (o *Options) counts() [parts]int { return [parts]int{o.Train, o.Val, o.Test} }

// Validate returns an error that names every option that cannot be used.
func (o *Options) Validate() error {
	var bad []string
	require := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	total := 0
	for part, n := range o.counts() {
		require(n >= 0 && n < 10000, "%d %s videos, want 0 to 9999", n, splitNames[part])
		total += n
	}
	require(total > 0, "no videos at all, want at least one")
	require(o.MinSeconds >= 12 && o.MaxSeconds >= o.MinSeconds && o.MaxSeconds <= 600, "videos of %g to %g seconds, want 12 to 600", o.MinSeconds, o.MaxSeconds)
	even := func(n int) bool { return n >= 32 && n <= 3840 && n%2 == 0 }
	require(even(o.Width) && even(o.Height), "pictures of %d x %d pixels, want even numbers from 32 to 3840", o.Width, o.Height)
	require(o.FPS >= 1 && o.FPS <= 60, "%d frames a second, want 1 to 60", o.FPS)
	require(o.Sentences >= 1 && o.Sentences <= 8, "%d sentences for an event, want 1 to 8", o.Sentences)
	if bad != nil {
		return errors.New("kitchen: " + strings.Join(bad, "; "))
	}
	return nil
}
