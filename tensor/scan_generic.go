package tensor

// The pure-Go twins of the scan kernels.

// dotLanes is the number of partial sums of a product of DotF16: value k goes to
// sum k%dotLanes, and they are added in halves.
const dotLanes = 16

func dotF16Generic(dst []float32, ldd int, rows []uint16, d int, q []float32) int {
	q = q[:d]
	for r := range len(rows) / d {
		row := rows[r*d:][:d]
		var s [dotLanes]float32
		k := 0
		for ; k+dotLanes <= d; k += dotLanes {
			for l := range s {
				s[l] += fromHalf(row[k+l]) * q[k+l]
			}
		}
		for n := dotLanes / 2; n > 0; n /= 2 {
			for l := range n {
				s[l] += s[l+n]
			}
		}
		dst[r] = s[0] + dotTailF16(row[k:], q[k:])
	}
	return 1
}

// dotTailF16 is the product of the last values, fewer than dotLanes.
func dotTailF16(row []uint16, q []float32) float32 {
	var s float32
	for k, h := range row {
		s += fromHalf(h) * q[k]
	}
	return s
}

func dotI8Generic(sums []int32, rows []int8, d int, q []int16) int {
	q = q[:d]
	for r := range len(rows) / d {
		sums[r] = dotTailI8(rows[r*d:][:d], q)
	}
	return 1
}

func dotTailI8(row []int8, q []int16) int32 {
	var s int32
	for k, x := range row {
		s += int32(x) * int32(q[k])
	}
	return s
}
