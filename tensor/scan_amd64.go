package tensor

// groupOf is how many of the queries that are left one pass takes.
func groupOf(queries int) int {
	switch {
	case queries >= 4:
		return 4
	case queries >= 2:
		return 2
	}
	return 1
}

// The kernels take whole vectors of a row; what is left of it is added after.

func dotF16Vectors(dst []float32, ldd int, rows []uint16, d int, q []float32, one, two, four func(dst *float32, ldd int, rows *uint16, n, d int, q *float32, vectors int)) int {
	n, group, vectors := len(rows)/d, groupOf(len(q)/d), d/dotLanes
	whole := vectors * dotLanes
	kernel := one
	switch group {
	case 4:
		kernel = four
	case 2:
		kernel = two
	}
	if vectors > 0 {
		kernel(&dst[0], ldd, &rows[0], n, d, &q[0], vectors)
	}
	if whole == d {
		return group
	}
	for g := range group {
		for r := range n {
			tail := dotTailF16(rows[r*d+whole:(r+1)*d], q[g*d+whole:(g+1)*d])
			if vectors > 0 {
				tail += dst[g*ldd+r]
			}
			dst[g*ldd+r] = tail
		}
	}
	return group
}

func dotF16AVX2(dst []float32, ldd int, rows []uint16, d int, q []float32) int {
	return dotF16Vectors(dst, ldd, rows, d, q, dotF16x1AVX2, dotF16x2AVX2, dotF16x4AVX2)
}

func dotF16AVX512(dst []float32, ldd int, rows []uint16, d int, q []float32) int {
	return dotF16Vectors(dst, ldd, rows, d, q, dotF16x1AVX512, dotF16x2AVX512, dotF16x4AVX512)
}

func dotI8Vectors(sums []int32, rows []int8, d int, q []int16, lanes int, one, two, four func(sums *int32, rows *int8, n, d int, q *int16, vectors int)) int {
	n, group, vectors := len(rows)/d, groupOf(len(q)/d), d/lanes
	whole := vectors * lanes
	kernel := one
	switch group {
	case 4:
		kernel = four
	case 2:
		kernel = two
	}
	sums = sums[:group*n]
	if vectors > 0 {
		kernel(&sums[0], &rows[0], n, d, &q[0], vectors)
	} else {
		clear(sums)
	}
	for g := 0; g < group && whole < d; g++ {
		for r := range n {
			sums[g*n+r] += dotTailI8(rows[r*d+whole:(r+1)*d], q[g*d+whole:(g+1)*d])
		}
	}
	return group
}

func dotI8AVX2(sums []int32, rows []int8, d int, q []int16) int {
	return dotI8Vectors(sums, rows, d, q, 16, dotI8x1AVX2, dotI8x2AVX2, dotI8x4AVX2)
}

func dotI8AVX512(sums []int32, rows []int8, d int, q []int16) int {
	return dotI8Vectors(sums, rows, d, q, 32, dotI8x1AVX512, dotI8x2AVX512, dotI8x4AVX512)
}

func dotI8VNNI(sums []int32, rows []int8, d int, q []int16) int {
	return dotI8Vectors(sums, rows, d, q, 32, dotI8x1AVX512, dotI8x2AVX512, dotI8x4VNNI)
}
