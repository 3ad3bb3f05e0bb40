package contrast

import "math"

const (
	// growth of the lengths of windows from scale to scale. A length between two scales
	// is met with an IoU of 0.91 or more.
	growth = 1.189207115002721 // 2^(1/4)
	// startsPerLength is how many starts a length has: a start between two is met with an
	// IoU of 0.88 or more.
	startsPerLength = 8
	// minContrast is what counts as a difference: cosines of float32 vectors are exact to
	// about a tenth of it, and moments are at a hundredth and more.
	minContrast = 1e-6
)

// scale is the windows of one length: count windows, stride rows apart but for the last,
// which ends with the last row.
type scale struct {
	length, stride, count int
	n                     int // rows of the video
	first                 int // index of the first window among those of all scales
}

// newGrid lays out windows of shortest to longest rows over a video of n rows.
func newGrid(n, shortest, longest int) []scale {
	var grid []scale
	first := 0
	add := func(length int) {
		s := scale{length: length, stride: max(1, (length+startsPerLength/2)/startsPerLength), n: n, first: first}
		s.count = (n-length+s.stride-1)/s.stride + 1
		first += s.count
		grid = append(grid, s)
	}
	for l := float64(shortest); math.Round(l) <= float64(longest); l *= growth {
		if length := int(math.Round(l)); length <= n && (len(grid) == 0 || grid[len(grid)-1].length < length) {
			add(length)
		}
	}
	return grid
}

// start is the first row of the i-th window.
func (s scale) start(i int) int { return min(i*s.stride, s.n-s.length) }

// between returns the windows [lo, hi) that start in [from, to].
func (s scale) between(from, to int) (lo, hi int) {
	if to < 0 || from > s.n-s.length {
		return 0, 0
	}
	lo = min((max(from, 0)+s.stride-1)/s.stride, s.count-1)
	if hi = to/s.stride + 1; to >= s.n-s.length {
		hi = s.count
	}
	return lo, max(lo, min(hi, s.count))
}

// prefix returns the sums of the first 0, 1 ... N values of a curve less its middle,
// which keeps them small and so exact.
func prefix(dst, curve []float64) (sums []float64, middle float64) {
	for _, v := range curve {
		middle += v
	}
	middle /= float64(max(1, len(curve)))
	dst = append(dst[:0], 0)
	total := 0.0
	for _, v := range curve {
		total += v - middle
		dst = append(dst, total)
	}
	return dst, middle
}

// contrasts is [contrast] of all windows of a scale.
func (s scale) contrasts(sums, inside, above []float64) {
	inside, above = inside[:s.count], above[:s.count]
	edge := func(from, to int) {
		for i := from; i < to; i++ {
			inside[i], above[i] = contrast(sums, s.start(i), s.length)
		}
	}
	// Windows with a whole neighborhood, without divisions and bounds.
	from := (s.length + s.stride - 1) / s.stride
	to := (s.n-2*s.length)/s.stride + 1
	if s.n < 2*s.length || from >= to {
		edge(0, s.count)
		return
	}
	to = min(to, s.count)
	edge(0, from)
	one, two := 1/float64(s.length), 0.5/float64(s.length)
	start := from * s.stride
	for i := from; i < to; i++ {
		end := start + s.length
		sum := sums[end] - sums[start]
		inside[i] = sum * one
		above[i] = inside[i] - (sums[end+s.length]-sums[start-s.length]-sum)*two
		start += s.stride
	}
	edge(to, s.count)
}

// contrast returns the mean over the window of length rows from start on, and how much
// that is above the mean of its neighborhood.
func contrast(sums []float64, start, length int) (inside, above float64) {
	n, end := len(sums)-1, start+length
	from, to := max(0, start-length), min(n, end+length)
	inside = (sums[end] - sums[start]) / float64(length)
	around := (start - from) + (to - end)
	if around == 0 {
		return inside, 0
	}
	outside := (sums[start] - sums[from] + sums[to] - sums[end]) / float64(around)
	return inside, (inside - outside) * min(1, float64(around)/float64(length))
}
