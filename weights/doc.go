// Package weights reads and writes named float32 tensors in the files that
// models come in.
//
//   - safetensors, which our own checkpoints are
//     (https://huggingface.co/docs/safetensors/index#format)
//   - .pdparams, PaddlePaddle's pickled dict of arrays, as the several versions
//     of Paddle, Python and numpy write it
//   - save_combine, PaddlePaddle's nameless stream of tensors: fluid's
//     save_params with a file name, .pdiparams in Paddle 2, and, with one
//     tensor, the files of fluid's save
//
// [Read] tells them apart by their content, whatever they are called. What is
// read is untrusted: every length is checked against the bytes that remain
// before anything is allocated, a pickle is data only ([tall/numpy]), and
// [File.Match] hands out tensors only in the shapes that a model asks for.
//
// Writing replaces a file as a whole or not at all ([tall.ReplaceFile]).
package weights
