// Package library is a collection of videos that sentences search.
//
// A [Library] is made of parts that it declares itself, each small: a [Catalog] of videos
// and their states, a [FeatureStore], a [CandidateIndex] for each encoder, and [Engine]s,
// which know how sentences and videos become vectors and how moments are found. The
// adapters of one machine (SQLite, mapped files) are in library/sqlite; others can stand
// behind the same interfaces, as a video's identity is the hash of its content, never a
// row of a table or a path.
//
// A search takes cheap candidates from the whole collection first, then runs the exact
// localizer on the best videos alone ([Library.Search]).
package library
