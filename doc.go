// Package tall holds the words of the domain: a [Span] of time, a [Moment] in a
// video, the [Features] of a video's windows, a [Sentence], an [Example] of the
// ground truth, and how vectors were made, the [Manifest]. It also holds the few
// formulas that every other package shares, each exactly once: the overlap of
// two spans ([IoU], [HullIoU], [NIoL]) and temporal non-maximum suppression
// ([Suppress]).
//
// # Letters
//
// Shapes are written with the same letters everywhere:
//
//	S  sentences
//	N  windows of a video
//	B  pairs in a training batch (then S = N = B)
//	F  visual input dimension (TACoS: 12288 = 3 x 4096)
//	E  sentence vector dimension (skip-thought: 4800)
//	D  dimension of the joint semantic space (1024)
//	H  hidden units of the fusion layer (1000)
//	L  tokens of a sentence
//
// # Clocks
//
// Users see seconds. CTRL's pairs, offsets, suppression and recall are computed
// in source frames, as the reference computes them: dividing by 29.4 first flips
// 193 of TACoS's 29,287 training pairs. A type that holds spans therefore states
// its clock in a field FPS, the ticks of its spans in a second; 1 means that the
// spans are seconds. The conversion happens once, at the boundary
// ([Scored.Moment], [Example.Seconds]).
//
// Predicted and annotated spans may be invalid or lie outside their video. They
// are carried and reported as they are, and scored as the protocol says.
package tall
