// Package nn holds what a model made of matrices needs in order to learn:
// parameters with their gradients and moments ([Param]), initial values that do
// not depend on the number of threads ([Init]), a linear layer with its
// hand-written backward ([Linear]), and the optimizer ([Adam]).
//
// For models that others have trained it has the layers of encoders, forward
// alone: [Dense], [LayerNorm], [Embedding] and the [Transformer] of CLIP and
// BERT. Their parameters are frozen and carry the names that Hugging Face's
// files give them ([CLIPNames], [BERTNames]), so that loading is a loop over
// Params with [Param.Load].
//
// All arithmetic goes through a [tensor.Backend]; only initial values and the
// scalars of a step are made on the host.
package nn
