// Package tensor does the arithmetic of Tall: float32 matrices ([Mat]) behind a
// [Backend]. [CPU] is the one backend of the default build: assembly kernels for
// AVX2 with FMA and for AVX-512, chosen by CPUID at start, and a pure-Go twin
// for each of them, which is also what other processors run. The environment
// variable TALL_KERNEL ([KernelVariable]) forces a set.
//
// # Products
//
// A product C = A B is cut into blocks of C, at most 768 rows by 512 columns,
// which the threads take one after another. For each block and each chunk of 384
// k (kcBlock), the columns of B are packed into panels as wide as a tile, and
// then the rows of A, a block at a time; a tile of C is summed in registers
// over the chunk and added to C. This is the scheme of Goto and van de Geijn
// ("Anatomy of High-Performance Matrix Multiplication", 2008) and of BLIS.
//
//	            tile      panel of B    block of A
//	AVX2        6 x 16    24 KB         120 rows, 180 KB
//	AVX-512    14 x 32    48 KB         112 rows, 168 KB
//	generic     4 x 4      6 KB          64 rows,  96 KB
//
// [CPU.Pack] keeps the panels of a matrix that stays the same, the weights of a
// trained layer: products of a few rows would otherwise be mostly packing.
//
// Transposes, strides and the pair products v*q are dealt with while packing,
// which transposes 8x8 or 16x16 values in registers and fetches the rows to
// come; so every product, the skinny ones too, ends in the same tile.
//
// # Order of sums
//
// Each element of a product is a chain of fused multiply-adds over k in order,
// from 0, within each chunk; the chunks are added to C in order:
//
//	c = alpha*sum(chunk 0) + beta*c;  c = alpha*sum(chunk 1) + c;  ...
//
// Neither the tile, nor the number of rows, columns or threads changes this.
// So results have the same bits for any number of threads; a row computed
// alone equals the same row in a batch; and AVX2 and AVX-512 agree. The twin has
// the same order, but rounds products before it adds them. Sums that run along
// other axes have an order of their own, also independent of the threads.
//
// # Layers of encoders
//
// [CPU.Affine] adds the bias and applies the activation to a block of the product
// that is still in the cache. [CPU.Attention] takes one head of one sequence, 64
// queries at a time, as a task: two small products and a softmax in a thread's
// own cache. Padding is neither read nor summed, so a sequence has the same bits
// alone and in a batch. The exponential of the assembly errs by about 1e-7 of its
// value; GELU uses the tail of the normal distribution, so that it keeps its
// digits where 1+erf would cancel. AVX2 and AVX-512 agree bit for bit here too.
//
// # Scans
//
// [CPU.DotF16] and [CPU.DotI8] multiply a few queries with very many rows of
// half-precision numbers or of bytes with a scale each; they wait for memory,
// which they read once. Byte products are sums of whole numbers, the same on
// every processor, and [ErrorI8] bounds what the bytes lost, so that a search can
// score again the rows that matter with [CPU.DotRowsF16].
//
// # Figures
//
// The benchmarks beside the code measure products in GFLOP/s (Product), the peak
// of the processor (Peak, [MeasurePeak]), what waits for memory (Vectors), scans
// beside a plain sum and a copy (Scan) and the arithmetic of one training step of
// CTRL (Step); package nn has the towers of encoders (Transformer):
//
//	go test -run '^$' -bench . ./tensor ./nn
package tensor
