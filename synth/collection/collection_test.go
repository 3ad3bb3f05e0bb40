package collection

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func ExampleCollection() {
	c := New(Options{Seed: 1, Dim: 64, Videos: 3, MinSeconds: 100, MaxSeconds: 200})
	video, moment := c.Where(5)
	fmt.Println(video, moment.Concept, len(c.Rows(video)) == c.Seconds(video)*c.Dim(), moment.Span.Valid())
	// Output: 1 5 true true
}

// Rows have length 1; a moment's sentence is nearer to its rows than to those around.
func TestCollection_Rows(t *testing.T) {
	c := New(Options{Seed: 7, Dim: 128, Videos: 5, MinSeconds: 300, MaxSeconds: 900})
	for video := range c.Len() {
		rows := c.Rows(video)
		if !slices.Equal(rows, c.Rows(video)) {
			t.Fatal("rows differ from call to call")
		}
		for _, m := range c.Moments(video) {
			if at, same := c.Where(m.Concept); at != video || same != m {
				t.Errorf("concept %d is in %d %v", m.Concept, at, same)
			}
			q := c.Sentence(m.Concept)
			var in, out, n float64
			for s := range c.Seconds(video) {
				var dot, square float64
				for j, x := range rows[s*c.Dim() : (s+1)*c.Dim()] {
					dot += float64(x) * float64(q[j])
					square += float64(x) * float64(x)
				}
				if math.Abs(square-1) > 1e-5 { // of float32
					t.Fatalf("row %d has length %g", s, math.Sqrt(square))
				}
				if float64(s) >= m.Span.Start && float64(s) < m.Span.End {
					in += dot / m.Span.Len()
				} else {
					out += dot
					n++
				}
			}
			// Directions of 128 values have cosines of 0.09; means of many have less.
			if in < out/n+m.Strength/2 {
				t.Errorf("video %d, %v of strength %.2f: similarity %.2f inside, %.2f outside", video, m.Span, m.Strength, in, out/n)
			}
		}
	}
}
