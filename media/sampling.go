package media

import (
	"fmt"
	"math"

	"tall"
)

// slack is by how much a picture may be late to count as shown at a time, in seconds:
// Matroska and others round times to milliseconds, so that the picture of 2/30 s
// may stand at 0.067.
const slack = 0.0005

// maxSide bounds a side of a frame that is asked for, pixels.
const maxSide = 1 << 14

// check refuses samplings that make no sense.
func (s Sampling) check() error {
	switch {
	case math.IsNaN(s.Rate) || math.IsInf(s.Rate, 0) || s.Rate < 0 || s.Rate > 1000:
		return fmt.Errorf("media: %w: a rate of %g frames a second, want 0 (every frame) to 1000", tall.ErrShape, s.Rate)
	case s.Rate > 0 && s.Rate < 1e-5:
		return fmt.Errorf("media: %w: a rate of %g frames a second is less than one a day", tall.ErrShape, s.Rate)
	case math.IsNaN(s.From) || math.IsNaN(s.To) || math.IsInf(s.From, 0) || math.IsInf(s.To, 0) || s.From < 0 || s.To < 0 || s.To > 0 && s.To <= s.From:
		return fmt.Errorf("media: %w: the part from %g to %g s", tall.ErrShape, s.From, s.To)
	case s.Width < 0 || s.Height < 0 || s.Width > maxSide || s.Height > maxSide:
		return fmt.Errorf("media: %w: frames of %d x %d pixels, want %d a side at most", tall.ErrShape, s.Width, s.Height, maxSide)
	}
	switch s.Fit {
	case FitNone:
	case FitStretch, FitInside:
		if s.Width == 0 || s.Height == 0 {
			return fmt.Errorf("media: %w: fit %q needs Width and Height", tall.ErrShape, s.Fit)
		}
	case FitShort:
		if s.Width == 0 {
			return fmt.Errorf("media: %w: fit %q needs Width, the shorter side", tall.ErrShape, s.Fit)
		}
	default:
		return fmt.Errorf("media: %w: fit %q is none of %q, %q, %q or empty", tall.ErrShape, s.Fit, FitStretch, FitShort, FitInside)
	}
	return nil
}

// size is how large the frames of a video of width x height become.
func (s Sampling) size(width, height int) (int, int) {
	scale := func(n, num, den int) int {
		return max(1, int(math.Round(float64(n)*float64(num)/float64(den))))
	}
	switch s.Fit {
	case FitStretch:
		return s.Width, s.Height
	case FitShort:
		// The longer side is cut down to a whole number, as torchvision's and
		// Hugging Face's resize by the shortest edge do.
		long := func(n, short int) int {
			return max(1, int(float64(s.Width)*float64(n)/float64(short)))
		}
		if width <= height {
			return s.Width, long(height, width)
		}
		return long(width, height), s.Width
	case FitInside:
		if width <= s.Width && height <= s.Height {
			return width, height
		}
		if width*s.Height >= height*s.Width {
			return s.Width, min(s.Height, scale(height, s.Width, width))
		}
		return min(s.Width, scale(width, s.Height, height)), s.Height
	}
	return width, height
}

// end is where the part that is read ends, in seconds.
func (s Sampling) end(info Info) float64 {
	if s.To > 0 && (s.To < info.Duration || info.Duration <= 0) {
		return s.To
	}
	return info.Duration
}

// count is how many frames a rate gives between From and end: frame k stands at
// From + k/Rate.
func (s Sampling) count(end float64) int {
	return int(math.Ceil((end - s.From - slack) * s.Rate))
}
