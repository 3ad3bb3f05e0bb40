// Package kitchen renders short untrimmed videos of a kitchen, in pure Go: a counter with
// colored things, clutter, a camera that somebody holds, light that changes, and an arm
// that takes things out, cuts, pours, stirs, stacks them and more. What happens is known
// to the frame, and each event has several English sentences.
//
//	k, err := kitchen.New(kitchen.Default())
//	for _, v := range k.Videos() {
//		frames, err := v.Frames(media.Sampling{}) // a media.Source
//	}
//
// # What is hidden in them
//
// An event is a [Combination] of verb, kind of thing and color. The combinations are
// divided among training, validation and test: who finds the events of the test videos
// has learnt what verbs, things and colors look like, and not their combinations by
// heart. The events of a video share verbs and things, so that half of a sentence does not
// find its event; lengths and places of events are drawn without regard to them, so that
// a guess without looking at the video stays near chance. Between the events are pauses,
// gestures, and some events that no sentence tells of.
//
// # Same bytes
//
// Plans, sentences and frames are a function of [Options]. A frame can be rendered at any
// time in any order: the scene at a time is computed from the events before it, not from
// the frame before. Corners are rounded to 1/256 pixel before they are filled, so that
// processors which fuse multiplication and addition draw the same picture.
package kitchen
