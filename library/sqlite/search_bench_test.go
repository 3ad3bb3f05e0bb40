package sqlite

import (
	"testing"

	"tall/library"
	"tall/synth/collection"
)

// BenchmarkSearch searches 60 hours; `tall bench --library HOURS` measures larger ones.
func BenchmarkSearch(b *testing.B) {
	c := collection.New(collection.Options{Seed: 1, Videos: 60})
	m := makeLibrary(b, c, jointEngine(c))
	i := 0
	for b.Loop() {
		i++
		m.search(b, library.Query{Sentences: []string{collection.Text(i * 7 % c.Concepts())}})
	}
}
