// Package nn holds what a model made of matrices needs in order to learn:
// parameters with their gradients and moments ([Param]), initial values that do
// not depend on the number of threads ([Init]), a linear layer with its
// hand-written backward ([Linear]), and the optimizer ([Adam]).
//
// All arithmetic goes through a [tensor.Backend]; only initial values and the
// scalars of a step are made on the host.
package nn
