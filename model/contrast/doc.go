// Package contrast finds moments without training, where the rows of a video and a
// sentence lie in one space (CLIP): a moment is a stretch whose frames resemble the
// sentence more than the frames around it do.
//
// # Method
//
// With rows X (N, D) and sentences Y (S, D), letters as in package tall, all rows and
// sentences brought to length 1:
//
//	s = Y X^T            (S, N)  similarity of each sentence and row
//	u = smooth(s)        (S, N)  Gaussian along time, of [DefaultSmooth]
//	c(a, l) = mean of u over [a, a+l) - mean of u over [a-l, a) and [a+l, a+2l)
//
// for windows of l rows from row a on, at lengths that grow by the fourth root of 2 from
// 2 rows to the whole video and at starts an eighth of the length apart. Each window is
// thus compared with a neighborhood of its own length on both sides. Compared with all
// the rest, moments come out too long or too short, as what else happens in a video
// moves the mean (on the QVHighlights sample of the tests: IoU 0.27 against 0.75). A
// neighborhood is cut off at the ends of the video; one of less than l rows in all
// counts in proportion, c min(1, n/l), so that a single odd frame at the end makes no
// moment of the whole rest. Means are differences of prefix sums: O(N x scales).
//
// A window with c > 0 is a moment. Its score is c + [DefaultLevel] x (mean of u inside):
// contrast says where a moment is, and the level how well it fits the sentence, which
// matters as soon as several places or videos compete.
//
// The boundaries of a moment are the means, weighted by c squared, of those of all
// windows that overlap it with an IoU of 0.5 or more (score-weighted merging, as in
// HiTeA); they lie at fractions of the sampling step. Windows are sorted by scale and
// equally spaced, so these sums are differences of prefix sums, too.
//
// Moments are not suppressed: callers use [tall.Suppress].
package contrast
