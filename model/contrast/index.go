package contrast

import (
	"context"
	"fmt"
	"math"
	"sync"

	"tall"
)

// Index ranks videos before a [Localizer] sees them, by the products of a sentence with
// their rows or with means of neighboring rows: what package library calls an indexer. It
// may be used by several goroutines.
type Index struct {
	smooth, level float64
	pool          sync.Pool // of *estimate
}

// Index returns the index that goes with the localizer.
func (l *Localizer) Index() *Index { return &Index{smooth: l.o.Smooth, level: l.o.Level} }

// Vectors are the rows of a video, brought to length 1, and the seconds of each.
func (x *Index) Vectors(_ context.Context, video *tall.Features) ([]tall.Span, tall.Stream, error) {
	if len(video.Streams) != 1 {
		return nil, tall.Stream{}, fmt.Errorf("%s: %w: %d kinds of features, want one", video.Video, tall.ErrShape, len(video.Streams))
	}
	fps := video.FPS
	if fps <= 0 {
		fps = 1
	}
	spans := make([]tall.Span, len(video.Spans))
	for i, s := range video.Spans {
		spans[i] = s.Scale(1 / fps)
	}
	rows := video.Streams[0]
	unit := tall.Stream{Manifest: rows.Manifest, N: rows.N, D: rows.D, Read: func(from int, dst []float32) error {
		values, err := rows.Rows(from, from+len(dst)/rows.D, dst)
		if err != nil {
			return err
		}
		for i := 0; i < len(dst); i += rows.D {
			normalize(dst[i:i+rows.D], values[i:i+rows.D])
		}
		return nil
	}}
	return spans, unit, nil
}

// normalize brings a vector to length 1; one of zeros stays.
func normalize(dst, src []float32) {
	var sum float64
	for _, v := range src {
		sum += float64(v) * float64(v)
	}
	scale := float32(0)
	if sum > 0 {
		scale = float32(1 / math.Sqrt(sum))
	}
	for i, v := range src {
		dst[i] = v * scale
	}
}

// Probe is the sentence, brought to length 1: its products with vectors are cosines.
func (x *Index) Probe(_ context.Context, s tall.Sentence, _ []float32) ([]float32, error) {
	if firstNotFinite(s.Vector) >= 0 {
		return nil, fmt.Errorf("%w: the vector of %q", tall.ErrNotFinite, shorten(s.Text))
	}
	out := make([]float32, len(s.Vector))
	normalize(out, s.Vector)
	return out, nil
}

const (
	// An estimate looks at fewer windows than the localizer: a length between two is met
	// with an IoU of 0.84 or more, and a start with 0.78.
	estimateGrowth = math.Sqrt2
	estimateStarts = 4
)

// estimate is the memory for one video after the other.
type estimate struct{ smooth, sums []float64 }

// Evidence estimates the score of the best moment, and where it is, from the similarity of
// consecutive parts of a video, equally long.
func (x *Index) Evidence(spans []tall.Span, similarity []float32) (evidence float64, best tall.Span) {
	n := len(spans)
	if n == 0 {
		return math.Inf(-1), tall.Span{}
	}
	w, _ := x.pool.Get().(*estimate)
	if w == nil {
		w = &estimate{}
	}
	defer x.pool.Put(w)
	if cap(w.smooth) < n {
		w.smooth = make([]float64, n)
	}
	w.smooth = w.smooth[:n]
	duration := spans[n-1].End - spans[0].Start
	step := duration / float64(n)
	// Means of parts are smooth already: variances add.
	smooth := min(x.smooth, duration/20)
	deviation := math.Sqrt(max(0, smooth*smooth-step*step/12)) / step
	convolve(w.smooth, similarity, gaussian(min(deviation, float64(n))))
	var middle float64
	w.sums, middle = prefix(w.sums, w.smooth)
	evidence = math.Inf(-1)
	from, long := 0, 0
	for l := 1.0; int(l) <= n; l = max(l*estimateGrowth, math.Floor(l)+1) {
		length := int(l)
		stride := max(1, length/estimateStarts)
		last := n - length
		one, two := 1/float64(length), 0.5/float64(length)
		look := func(start int) {
			inside, above := contrast(w.sums, start, length)
			if score := above + x.level*(inside+middle); above > minContrast && score > evidence {
				evidence, from, long = score, start, length
			}
		}
		start := 0
		for ; start < min(length, last); start += stride {
			look(start)
		}
		// As contrast, without its divisions, where all of the neighborhood is there.
		base, top, at := x.level*middle, evidence, -1
		for ; start+2*length <= n; start += stride {
			end := start + length
			sum := w.sums[end] - w.sums[start]
			inside := sum * one
			above := inside - (w.sums[end+length]-w.sums[start-length]-sum)*two
			if score := above + x.level*inside + base; score > top && above > minContrast {
				top, at = score, start
			}
		}
		if at >= 0 {
			evidence, from, long = top, at, length
		}
		for ; start < last; start += stride {
			look(start)
		}
		look(last)
	}
	if long > 0 {
		best = tall.Span{Start: spans[from].Start, End: spans[from+long-1].End}
	}
	return evidence, best
}
