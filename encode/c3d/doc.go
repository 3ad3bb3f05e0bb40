// Package c3d encodes windows of frames with C3D (Tran et al. 2015, "Learning
// Spatiotemporal Features with 3D Convolutional Networks") up to its layer fc6, as the
// visual features of TALL are made: 4096 values, after ReLU and not normalized, of each
// window of 128 and of 256 frames. With it, and with tall/encode/skipthought for the
// sentences, models that were trained on TALL's features answer about any video.
//
// # From frames to a row
//
//   - Windows are [start, start+length), in frames counted from 1; of each length they
//     begin at 1 and then every int(0.2*length) frames (25 and 51). Only windows that the
//     video fills exist; a video too short for any has one window of all its frames.
//   - 16 frames of a window, uniformly, go through the network once: frames
//     start + floor(k*length/16), k = 0 to 15. TALL's author wrote no more than "I just
//     uniformly sample 16 frames", so which frame of each sixteenth it was is our choice.
//   - A frame is resized to 171x128 with the bilinear arithmetic of OpenCV's
//     cv::resize on bytes, taken as blue, green, red, the mean cube (3, 16, 128, 171) is
//     subtracted, and of that the 112x112 in the middle remain (from row 8, column 29).
//   - Convolutions are 3x3x3 with padding 1, pooling is by maximum and rounds sizes up,
//     as Caffe does: 7x7 becomes 4x4.
//
// The frames are asked for in their own size ([media.FitNone]): ffmpeg's bilinear
// filter averages over the pixels that a smaller picture skips, OpenCV's does not, and
// the difference is far larger than rounding. A picture with pixels that are not square
// comes square from media, which OpenCV would not have done. By default every frame of
// the file counts, as in TALL, whose clock is that of the file (TACoS: 29.4 frames a
// second); [Options.Rate] brings videos of other rates to a clock of one's choice.
//
// # Weights
//
// A folder of weights holds one of
//
//	c3d.safetensors                            made by [Convert], mean included
//	conv3d_deepnetA_sport1m_iter_1900000       the authors' Caffe model, as published,
//	                                           or with the extension .caffemodel
//
// and, for the latter, the mean cube as sport1m_train16_128_mean.binaryproto or mean.npy.
// They are published by the authors at https://github.com/facebookarchive/C3D under
// CC BY-NC 3.0: not for commercial use.
//
// The tensors of a safetensors file are conv1a.weight (64, 3, 3, 3, 3), conv2a.weight
// (128, 64, 3, 3, 3), conv3a, conv3b, conv4a, conv4b, conv5a, conv5b and fc6.weight
// (4096, 8192), each with NAME.bias, and mean (3, 16, 128, 171). The names conv1, conv2
// and fc6-1, which conversions to other frameworks use, are accepted, fc7 and fc8 are
// passed over. Input channels must be blue, green, red, and the filters not mirrored: a
// conversion from a framework that mirrors them must have turned them back.
package c3d
