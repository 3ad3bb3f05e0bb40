package collection

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"tall"
	"tall/feature"
)

func ExampleCollection() {
	c := New(Options{Seed: 1, Dim: 64, Videos: 3, MinSeconds: 100, MaxSeconds: 200})
	video, moment := c.Where(5)
	fmt.Println(video, moment.Concept, len(c.Rows(video)) == c.Seconds(video)*c.Dim(), moment.Span.Valid())
	// Output: 1 5 true true
}

// Texts are those of concepts, or of nothing; the bank's are of neither.
func TestEncoder_EncodeSentences(t *testing.T) {
	e := Encoder{New(Options{Dim: 8, Videos: 2}), "made"}
	texts := []string{Text(5), "concept 007", "something else", "something else", "concept -1", "concept 99999999999"}
	got, err := e.EncodeSentences(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	bank, err := e.Bank(t.Context(), 96)
	if err != nil {
		t.Fatal(err)
	}
	of := func(s tall.Sentence) (concepts []int) {
		for k := range e.Concepts() + unrelated + 96 {
			if slices.Equal(s.Vector, e.Sentence(k)) {
				concepts = append(concepts, k)
			}
		}
		return concepts
	}
	for i, s := range got {
		k := of(s)
		if len(k) != 1 || s.Text != texts[i] || i < 2 && k[0] != 5+2*i || i >= 2 && (k[0] < e.Concepts() || k[0] >= e.Concepts()+unrelated) {
			t.Errorf("%q is concept %v of %d", s.Text, k, e.Concepts())
		}
	}
	if !slices.Equal(got[2].Vector, got[3].Vector) {
		t.Error("the same text is encoded in two ways")
	}
	for i, s := range bank {
		if k := of(s); len(k) != 1 || k[0] != e.Concepts()+unrelated+i {
			t.Errorf("sentence %d of the bank is concept %v", i, k)
		}
	}
}

// Write writes what readers of features read.
func TestEncoder_Write(t *testing.T) {
	e := Encoder{New(Options{Dim: 8, Videos: 2, MinSeconds: 20, MaxSeconds: 40}), "made"}
	dir := filepath.Join(t.TempDir(), "made")
	n, err := e.Write(1, dir, "one", map[string]string{"video": "1"})
	if err != nil || n != e.Seconds(1) {
		t.Fatal(n, err)
	}
	tracks, err := feature.OpenTracks(dir, feature.TrackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := tracks.Rows("one")
	if err != nil || !slices.Equal(rows, e.Rows(1)) || tracks.Manifest().Encoder != "made" {
		t.Errorf("%d values of %v, %v", len(rows), tracks.Manifest(), err)
	}
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
