// Package onnx encodes the frames of videos with any network that is an ONNX file, such as
// one exported from PyTorch or TensorFlow. A small YAML file beside it says what the
// network takes and gives ([Config]):
//
//	model: efficientnet-lite0.onnx  # beside this file
//	width: 224
//	height: 224
//	white: 255                      # what a white pixel is, before mean and std
//	mean: [127, 127, 127]
//	std: [128, 128, 128]
//	output: features
//	rate: 2                         # frames a second
//
// The network is run by libonnxruntime, a library that is opened when it is needed, and
// not part of the program. Opening one takes the build tag accel,
//
//	go build -tags accel ./cmd/tall
//
// because a program that can open libraries is itself no longer static. Without the tag
// [Open] reads the YAML file and says so.
//
// ONNX files are data, not programs: a network computes on its input and cannot read or
// write other files. Weights in files of their own ("external data") are refused, so that
// the hash of the model file is that of all its weights.
//
// Letters: N rows of a batch, C = 3 channels, T frames of a window, H and W pixels, D
// values of a row.
package onnx
