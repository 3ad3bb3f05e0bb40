package classical

import "math"

const (
	// lightSteps is the resolution of light's estimate: bins in a factor of 2.
	lightSteps = 64
	// darkest and brightest bound the values that tell of the light: below, rounding
	// is too coarse; above, the camera may have clipped.
	darkest, brightest = 16, 245
)

// light estimates by what factor each channel became brighter from one frame to the
// next: the median of the ratio at the same pixels, which neither small movements of
// the camera nor objects change, as long as they fill less than half of the frame.
type light struct {
	log    [256]int32 // of values, in lightSteps a factor of 2
	counts [2*lightSteps + 1]int32
}

func newLight() *light {
	l := &light{}
	for v := 1; v < len(l.log); v++ {
		l.log[v] = int32(math.Round(lightSteps * math.Log2(float64(v))))
	}
	return l
}

// gain returns the factor of each channel, from half to double; exactly 1 where the
// change is within what rounding explains.
func (l *light) gain(from, to *level) [3]float32 {
	var out [3]float32
	for k := range out {
		l.counts = [2*lightSteps + 1]int32{}
		total := int32(0)
		for i := k; i < len(from.rgb); i += 3 {
			a, b := from.rgb[i], to.rgb[i]
			if a < darkest || a > brightest || b < darkest || b > brightest {
				continue
			}
			d := l.log[byte(b)] - l.log[byte(a)]
			l.counts[lightSteps+min(max(d, -lightSteps), lightSteps)]++
			total++
		}
		out[k] = float32(math.Exp2(l.median(total) / lightSteps))
	}
	return out
}

// median is that of the counted steps, interpolated within its bin; 0 below one step.
func (l *light) median(total int32) float64 {
	below := int32(0)
	for i, n := range l.counts {
		if n > 0 && 2*(below+n) >= total {
			step := float64(i-lightSteps) - 0.5 + (float64(total)/2-float64(below))/float64(n)
			if math.Abs(step) < 1 {
				return 0
			}
			return step
		}
		below += n
	}
	return 0
}
