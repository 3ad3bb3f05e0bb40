// Package dataset reads corpora: which sentence describes which spans of which
// video. There is one file for each corpus; all of them give [tall.Example]s.
//
//   - tacos.go: TACoS as the authors of TALL published it, pickles of clip names
//     and sentence vectors ([ReadClipSentences], [ReadLengths]), spans in frames
//   - annotations.go: our own JSON lines ([ReadAnnotations], [WriteAnnotations]),
//     docs/formats.md, spans in seconds
//
// Examples are carried as their files state them: reversed spans and spans
// beyond the end of the video are read, and named by [Inspect], which looks over
// sentences and features together. [GenInfer] makes the reference's inference
// sample.
package dataset
