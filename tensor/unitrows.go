package tensor

import "math"

// DotUnitRows computes the dot products of queries q (Q, d) with rows (N, d) brought to
// length 1, as [CPU.L2NormRows] does: dst[i*N+r] is that of query i and row r. Nothing is
// copied, and sums are in float64; a product has the same bits whatever the other rows and
// queries and the number of threads are. A row with a value that is not finite has NaN for
// its products. It may be called by several goroutines at a time.
func (c *CPU) DotUnitRows(dst, rows []float32, d int, q []float32) {
	n, queries := scanShape("DotUnitRows", len(dst), len(rows), d, len(q))
	c.scan(n, 4*d, func(_, from, to int) {
		for r := from; r < to; r++ {
			row := rows[r*d : (r+1)*d]
			sum := c.k.dot(row, row)
			if sum < normFloor { // false for NaN, which passes on
				sum = normFloor
			}
			root := math.Sqrt(sum)
			for i := range queries {
				dst[i*n+r] = float32(c.k.dot(row, q[i*d:(i+1)*d]) / root)
			}
			if math.IsInf(root, 0) { // a value is infinite; the product may not show it
				for i := range queries {
					dst[i*n+r] = float32(math.NaN())
				}
			}
		}
	})
}
