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
// # Figures
//
// The benchmarks beside the code measure products in GFLOP/s (Product), the peak
// of the processor (Peak, [MeasurePeak]), what waits for memory (Vectors) and the
// arithmetic of one training step of CTRL (Step):
//
//	go test -run '^$' -bench . ./tensor
package tensor
