// Package synth writes synthetic corpora in exactly the reference's formats, with
// a configuration that points to them, so that `tall train --config
// DIR/tall.yaml` runs on them as on TACoS.
//
// # What is hidden in them
//
// A video is a time line of events that do not overlap, each a verb and an
// object ("peels", "the carrot") at a random place and of a random length, with
// idle time between them. Events of one video differ, but share verbs and objects
// with each other, so that half of a sentence's meaning does not find its event.
//
// A window's feature is the rectified mixture, by share of the window, of the
// codes of the events in it, through a fixed random projection, with the video's
// look, each event's own look, and noise; weak directions tell the window's
// length and how long the event has gone on and will go on, so that boundaries
// can be regressed. About 73 % of the values are 0, their mean is about 0.6 and
// their deviation about 1.5, as measured on C3D fc6 features of TACoS.
//
// A sentence's vector is made of the same verb and object by two other
// projections, one for each half, with a component that all sentences share, one
// for the way of putting it, and noise; each half has length 1, as those of
// skip-thought have. Some events have several sentences, some have none.
//
// Pairs of verb and object are divided among training, validation and test:
// whoever finds the events of the test videos has learnt what verbs and objects
// look like, and not their pairs by heart. Places and lengths of events say
// nothing about their meaning: a model that ignores the sentence, or the video,
// stays near chance.
//
// # Same bytes
//
// The corpus is a function of its [Options] without Threads and Force: the same
// bytes on every machine, whatever its number of threads. Therefore numbers are
// drawn from PCG, no transcendental function is used, and products are rounded
// before they are added, which keeps compilers from fusing them. Only tall.yaml
// differs, which holds absolute paths.
package synth
