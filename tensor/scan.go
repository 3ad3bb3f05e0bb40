package tensor

import (
	"fmt"
	"math"
)

// i8Rows is the most rows whose sums the products of bytes hold at a time.
const i8Rows = 64

// scanBlock is about how many bytes of rows are multiplied with one group of
// queries after another: they stay in the first-level cache.
const scanBlock = 16 << 10

// scanTask is about how many bytes of rows a thread takes at a time.
const scanTask = 1 << 20

// DotF16 computes the dot products of queries q (Q, d) with rows (N, d) of
// half-precision numbers (see [EncodeF16]): dst[i*N+r] is that of query i and row
// r. Rows are read from memory once for all queries, and for a few queries that
// is what takes the time. Sums are in float32; a product has the same bits
// whatever the other rows and queries and the number of threads are. It may be
// called by several goroutines at a time.
func (c *CPU) DotF16(dst []float32, rows []uint16, d int, q []float32) {
	n, queries := scanShape("DotF16", len(dst), len(rows), d, len(q))
	c.scan(n, 2*d, func(_, from, to int) {
		for i := 0; i < queries; {
			i += c.k.dotF16(dst[i*n+from:], n, rows[from*d:to*d], d, q[i*d:])
		}
	})
}

// DotRowsF16 is [CPU.DotF16] for the rows at the indices ids alone, with the same
// bits: dst[i*len(ids)+k] is the product of query i and row ids[k].
func (c *CPU) DotRowsF16(dst []float32, rows []uint16, d int, ids []int, q []float32) {
	if d <= 0 || len(q)%d != 0 || len(rows)%d != 0 || len(dst) != len(ids)*(len(q)/d) {
		panic(fmt.Sprintf("tensor: DotRowsF16: %d products of %d rows, %d values of rows and %d of queries, d %d", len(dst), len(ids), len(rows), len(q), d))
	}
	n, queries := len(ids), len(q)/d
	c.scan(n, 2*d, func(_, from, to int) {
		for k := from; k < to; k++ {
			row := rows[ids[k]*d : ids[k]*d+d]
			for i := 0; i < queries; {
				i += c.k.dotF16(dst[i*n+k:], n, row, d, q[i*d:])
			}
		}
	})
}

// DotI8 computes the dot products of queries q (Q, d) with rows (N, d) that
// [QuantizeI8] made, row r with scales[r]: dst[i*N+r] is that of query i and row
// r. Queries are rounded to 16 bits (for d up to 512; fewer beyond); products are
// then summed in whole numbers, exactly, so that every set of kernels gives the
// same bits. [ErrorI8] bounds the difference to the products of the numbers that
// were quantized: enough to choose the rows that [CPU.DotRowsF16] scores again.
// A query or a row with a value that is not finite has NaN for its products. It
// may be called by several goroutines at a time.
func (c *CPU) DotI8(dst []float32, rows []int8, scales []float32, d int, q []float32) {
	n, queries := scanShape("DotI8", len(dst), len(rows), d, len(q))
	if len(scales) != n {
		panic(fmt.Sprintf("tensor: DotI8: %d scales for %d rows", len(scales), n))
	}
	whole, steps := make([]int16, len(q)), make([]float32, queries)
	for i := range steps {
		steps[i] = quantizeQuery(whole[i*d:(i+1)*d], q[i*d:(i+1)*d])
	}
	all := make([]int32, c.threads*4*i8Rows)
	c.scan(n, d, func(worker, from, to int) {
		sums := all[worker*4*i8Rows:][:4*i8Rows]
		for from < to {
			end := min(to, from+i8Rows)
			for i := 0; i < queries; {
				group := c.k.dotI8(sums, rows[from*d:end*d], d, whole[i*d:])
				for g := range group {
					out := dst[(i+g)*n+from : (i+g)*n+end]
					for r, s := range sums[g*(end-from):][:len(out)] {
						out[r] = float32(s) * (scales[from+r] * steps[i+g])
					}
				}
				i += group
			}
			from = end
		}
	})
}

// scanShape returns the numbers of rows and of queries.
func scanShape(op string, dst, rows, d, q int) (n, queries int) {
	if d <= 0 || rows%d != 0 || q%d != 0 || dst != rows/d*(q/d) {
		panic(fmt.Sprintf("tensor: %s: %d products of %d values of rows and %d of queries, d %d", op, dst, rows, q, d))
	}
	return rows / d, q / d
}

// scan calls f for ranges of n rows of so many bytes that a range stays in the
// first-level cache.
func (c *CPU) scan(n, bytes int, f func(worker, from, to int)) {
	task, block := max(1, scanTask/bytes), max(1, scanBlock/bytes)
	c.run((n+task-1)/task, func(worker, t int) {
		to := min(n, (t+1)*task)
		for from := t * task; from < to; from += block {
			f(worker, from, min(to, from+block))
		}
	})
}

// QuantizeI8 rounds a row to whole multiples of the scale it returns, which is a
// 127th of the largest magnitude: src[i] is about scale * dst[i]. A row of zeros
// has scale 0, and one with a value that is not finite has zeros and scale NaN.
func QuantizeI8(dst []int8, src []float32) (scale float32) {
	most := largestMagnitude(src)
	if most == 0 || math.IsNaN(float64(most)) {
		clear(dst)
		return most
	}
	scale = most / 127
	if scale == 0 { // of a row of the least numbers there are
		scale = most
	}
	for i, x := range src {
		dst[i] = int8(math.RoundToEven(max(-127, min(127, float64(x)/float64(scale)))))
	}
	return scale
}

// quantizeQuery rounds a query to whole multiples of the step it returns.
func quantizeQuery(dst []int16, src []float32) (step float32) {
	most := largestMagnitude(src)
	if most == 0 || math.IsNaN(float64(most)) {
		clear(dst)
		return most
	}
	limit := float64(querySteps(len(src)))
	step = float32(float64(most) / limit)
	if step == 0 {
		step = most
	}
	for i, x := range src {
		dst[i] = int16(math.RoundToEven(max(-limit, min(limit, float64(x)/float64(step)))))
	}
	return step
}

// querySteps is the largest whole number that a query of d values is given: 32
// bits hold the sum of d products of it with any byte.
func querySteps(d int) int { return max(1, min(math.MaxInt16, math.MaxInt32/(128*d))) }

// ErrorI8 is the most by which a product of [CPU.DotI8] differs from that of the
// numbers that were quantized with the scale, but for the rounding of either
// sum: half a step of each value.
func ErrorI8(q []float32, scale float32) float32 {
	var sum float64
	for _, x := range q {
		sum += math.Abs(float64(x))
	}
	step := float64(largestMagnitude(q)) / float64(querySteps(len(q)))
	return float32(float64(scale) / 2 * (sum + 127*float64(len(q))*step))
}

// largestMagnitude is NaN if a value is not finite.
func largestMagnitude(x []float32) float32 {
	var most float32
	for _, v := range x {
		most = max(most, float32(math.Abs(float64(v)))) // NaN stays
	}
	if math.IsInf(float64(most), 0) {
		return float32(math.NaN())
	}
	return most
}

// EncodeF16 rounds numbers to half precision (IEEE 754 binary16), to the nearest,
// ties to even; beyond 65504 they become infinite.
func EncodeF16(dst []uint16, src []float32) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = toHalf(x)
	}
}

// DecodeF16 is the number that each half-precision number is.
func DecodeF16(dst []float32, src []uint16) {
	src = src[:len(dst)]
	for i, h := range src {
		dst[i] = fromHalf(h)
	}
}

func toHalf(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits >> 16 & 0x8000)
	size := math.Float32frombits(bits & 0x7fffffff)
	switch {
	case size != size:
		return sign | 0x7e00
	case size >= 65520: // half a unit above the largest
		return sign | 0x7c00
	case size < 0x1p-14:
		// Adding 1/2 leaves multiples of 2^-24, the unit of subnormals, rounded.
		return sign | uint16(math.Float32bits(size+0.5)-math.Float32bits(0.5))
	}
	u := math.Float32bits(size)
	u += 0xfff + u>>13&1 // round to even
	return sign | uint16(u>>13-(127-15)<<10)
}

func fromHalf(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	switch exponent, digits := h>>10&0x1f, uint32(h&0x3ff); exponent {
	case 0:
		return math.Float32frombits(sign | math.Float32bits(float32(digits)*0x1p-24))
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | digits<<13)
	default:
		return math.Float32frombits(sign | (uint32(exponent)+127-15)<<23 | digits<<13)
	}
}
