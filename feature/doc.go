// Package feature prepares window features for a model: it is the one place
// where windows are found, ordered, checked, put beside their context, and
// handed out as the model's visual input.
//
// A [Store] stands over a folder of .npy files, one a window, named
// {video}_{start}_{end}.npy in frames ([ParseName]). Windows are ordered by
// video, start and end, whatever order the file system lists them in. For
// folders of very many small files the store keeps one packed file
// (docs/formats.md, "Packed features") that it maps into memory, beside a stamp
// of what it was made from; the pack is a cache, made again when the folder
// changes and never needed.
//
// Many corpora come with one vector for each clip of one or two seconds instead
// (CLIP and SlowFast of QVHighlights, I3D of Charades, C3D of ActivityNet): an array
// (N, D) a video, as .npy, .npz or .safetensors, which [Tracks] read. Windows of
// several lengths are then made by sliding-window pooling, the mean over the clips in
// the window ([Pooling]). What a row stands for in time, and how the vectors were made,
// a manifest.json beside the features says ([Description]). Several kinds of features
// stand side by side, concatenated along D, each normalized as declared ([Kind]).
// [Inputs] are either, ready for a model.
//
// The visual input of CTRL is [left | clip | right], where left and right are
// what lies directly before and after the window; [Context] says how it is
// found. Letters: N windows, D values in a window's file, F = 3 D values in the
// model's input.
package feature
