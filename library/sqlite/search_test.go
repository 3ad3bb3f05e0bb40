package sqlite

import (
	"os"
	"testing"

	"tall"
	"tall/library"
	"tall/synth/collection"
)

// size of the tests of agreement: the long one is that of the promise.
func agreement() (videos, queries int) {
	if os.Getenv("TALL_LONG") == "1" {
		return 320, 200
	}
	return 60, 24
}

// sameAnswer compares the first answers of two searches.
func sameAnswer(a, b library.Results) bool {
	if a.NoMatch != b.NoMatch || len(a.Hits) == 0 != (len(b.Hits) == 0) {
		return false
	}
	return a.NoMatch || len(a.Hits) == 0 || a.Hits[0].Video == b.Hits[0].Video && a.Hits[0].Span == b.Hits[0].Span
}

// Candidates lead to the answer that the localizer finds in the whole collection.
func TestSearch_AgreesWithBrute(t *testing.T) {
	videos, queries := agreement()
	c := collection.New(collection.Options{Seed: 3, Dim: 96, Videos: videos, MinSeconds: 40, MaxSeconds: 1500})
	m := makeLibrary(t, c, jointEngine(c), ctrlEngine(t, c))
	for _, engine := range m.Engines() {
		agree, right, matches := 0, 0, 0
		for i := range queries {
			concept := i * c.Concepts() / queries
			if i%8 == 7 {
				concept = c.Concepts() + 200 + i // matches nothing
			}
			q := library.Query{Sentences: []string{collection.Text(concept)}, Encoder: engine}
			got := m.search(t, q)
			q.Brute = true
			want := m.search(t, q)
			if got.Videos != videos || want.Videos != videos {
				t.Errorf("%d and %d videos searched", got.Videos, want.Videos)
			}
			if sameAnswer(got, want) {
				agree++
			} else {
				t.Logf("%s: %+v, brute %+v", collection.Text(concept), got.Hits[0], want.Hits[0])
			}
			if !want.NoMatch {
				matches++
			}
			if concept < c.Concepts() {
				video, moment := c.Where(concept)
				if len(got.Hits) > 0 && got.Hits[0].Video == m.ids[video] && tall.IoU(got.Hits[0].Span, moment.Span) > 0.5 {
					right++
				}
			}
		}
		t.Logf("%s: %d of %d first answers agree; %d queries match, %d find the planted moment", engine, agree, queries, matches, right)
		if agree*100 < queries*99 {
			t.Errorf("%s: %d of %d first answers agree with those of the whole collection", engine, agree, queries)
		}
	}
}
