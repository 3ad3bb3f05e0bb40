// Package dataset reads corpora: which sentence describes which spans of which
// video. [OpenCorpus] reads all of them, each from a file of its own here, into
// [tall.Example]s; docs/datasets.md describes their files.
//
//   - tacos.go: TACoS as the authors of TALL published it, pickles of clip names
//     and sentence vectors ([Clips], [ReadClipSentences], [ReadLengths]), in frames
//   - tacos2dtan.go: TACoS as JSON with the texts, in frames
//   - charades.go: Charades-STA, lines of text, with the CSV of Charades
//   - activitynet.go: ActivityNet Captions, JSON
//   - qvhighlights.go: QVHighlights, JSON lines with [Saliency]
//   - didemo.go: DiDeMo, JSON, chunks of 5 seconds
//   - annotations.go: our own JSON lines ([ReadAnnotations], [WriteAnnotations]),
//     docs/formats.md
//
// Examples are carried as their files state them: reversed spans and spans
// beyond the end of the video are read. What is wrong is a [Finding] with its
// places, and is changed only where a [Repair] is asked for. [Inspect] looks over
// sentences and features together, [Summarize] counts, [GenInfer] makes the
// reference's inference sample.
package dataset
