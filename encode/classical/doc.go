// Package classical encodes videos without learned weights: by colors, gradients and
// motion, as action recognition did when TACoS was made.
//
// # What a row holds
//
// Every half second of frames (160 pixels wide at most, 8 a second) gives a row of [Dim]
// values, these parts one after the other:
//
//	layout    6 x 16      colors in a grid of 3 x 2 cells, by [Colors] classes
//	hog       6 x 9       histograms of oriented gradients in the same cells
//	hof      12 x 8       directions of the optical flow in a grid of 4 x 3
//	mbh       2 x 8       motion boundaries: directions of the gradients of the flow
//	drift    16 x 7       of each color: how much of it moves, its speed to the right,
//	                      left, down and up, and where (x, y) it moves
//	edges        16       of each color: how strongly it is bounded or parted
//	change   16 x 4       of each color: area, x, y and edges at the row's end minus those
//	                      at its beginning
//	near         16       colors near all that moves
//	focus     9 x 16      colors, directions of the flow and gradients in a grid of 3 x 3
//	          9 x 8       around the place where most moves: a hand and what it holds
//	          9 x 9
//
// A video's layout says more about the kitchen than about what happens in it. Hence it has
// a small weight, and most values tell of what moves.
//
// Values are shares (of pixels, of gradients) or speeds, their square root taken with the
// sign kept (Hellinger's kernel, Arandjelović & Zisserman 2012), times a constant of the
// part. The means of rows, which pooled windows are, keep their meaning.
//
// # How
//
// The flow is that of Lucas & Kanade (1981) in windows of 7 x 7 pixels, coarse to fine on
// a pyramid whose largest level is half the frame, on all three channels. Before it, the
// change of light (a median) and the motion of the camera (a robust fit of a similarity,
// Odobez & Bouthemy 1995) are estimated and taken out, as Wang & Schmid (2013) do: what is
// left moves by itself. A pixel counts as moving only where the picture around it changed.
//
// HOG is that of Dalal & Triggs (2005), HOF and MBH those of Laptev et al. (2008) and of
// Dalal, Triggs & Schmid (2006), with the sampling along dense trajectories (Wang et al.
// 2011) replaced by a grid that follows the strongest motion. Colors belong softly to
// prototypes of basic color terms (van de Weijer et al. 2009 learned theirs).
//
// # Limits
//
// A camera that pans faster than a sixteenth of the frame between two frames, a cut, and
// things smaller than about three pixels of 160 give wrong flow or none. What a thing is
// is told by its color and outline alone.
//
// # Same bits
//
// Each frame and each pair of frames is the work of one thread, and they are added up in
// order: rows have the same bits for any number of threads.
package classical
