//go:build amd64

package tensor

const (
	mr2 = 6
	nr2 = 16
)

func packA2(dst []float32, a *operand, m0, rows, k0, kc int) { pack2(dst, a, mr2, m0, rows, k0, kc) }

func packB2(dst []float32, b *operand, n0, cols, k0, kc int) { pack2(dst, b, nr2, n0, cols, k0, kc) }

// pack2 packs count indices from i0 in panels of width, mr2 or nr2.
func pack2(dst []float32, o *operand, width, i0, count, k0, kc int) {
	if !o.major {
		copyPanels2(dst, o, width, i0, count, k0, kc)
		return
	}
	var rows, by [8]*float32
	for p := 0; p < count; p += width {
		panel := dst[p*kc:]
		for half := 0; half < width; half += 8 {
			for r := range rows {
				// Past the end, the last row again: what it yields is not stored.
				i := min(i0+p+half+r, i0+count-1)
				if o.q == nil {
					rows[r] = &o.data[i*o.stride]
				} else {
					rows[r] = &o.data[i%o.rows*o.stride]
					by[r] = &o.q.data[i/o.rows*o.q.stride]
				}
			}
			if o.q == nil {
				transposeAVX2(&panel[half], width, &rows[0], k0, kc)
			} else {
				transposeMulAVX2(&panel[half], width, &rows[0], &by[0], k0, kc)
			}
		}
	}
}

// copyPanels2 packs an operand whose rows run along the panels. The last panel,
// if narrow, is left to the twin, and so are pairs of the left side, which no
// product has.
func copyPanels2(dst []float32, o *operand, width, i0, count, k0, kc int) {
	full := count / width
	switch {
	case full == 0 || o.q != nil && width != nr2:
		full = 0
	case o.q == nil && width == nr2:
		copy16AVX2(&dst[0], width*kc, &o.data[k0*o.stride+i0], o.stride, full, kc)
	case o.q == nil:
		copy6AVX2(&dst[0], width*kc, &o.data[k0*o.stride+i0], o.stride, full, kc)
	default:
		for k := 0; k < kc; {
			q, v := (k0+k)/o.rows, (k0+k)%o.rows
			run := min(o.rows-v, kc-k)
			copyMul16AVX2(&dst[k*width], width*kc, &o.data[v*o.stride+i0], o.stride, full, run,
				&o.q.data[q*o.q.stride+i0])
			k += run
		}
	}
	if done := full * width; done < count {
		packGeneric(dst[done*kc:], o, width, i0+done, count-done, k0, kc)
	}
}

// tile2 computes one tile. One with columns missing goes through a copy of C,
// so that every element is computed by the same instructions.
func tile2(c []float32, ldc int, a, b []float32, kc, rows, cols int, alpha, beta float32) {
	if cols == nr2 {
		rows2(&c[0], ldc, &a[0], &b[0], kc, rows, alpha, beta)
		return
	}
	var tile [mr2 * nr2]float32
	for r := range rows {
		copy(tile[r*nr2:], c[r*ldc:][:cols])
	}
	rows2(&tile[0], nr2, &a[0], &b[0], kc, rows, alpha, beta)
	for r := range rows {
		copy(c[r*ldc:][:cols], tile[r*nr2:])
	}
}

func rows2(c *float32, ldc int, a, b *float32, kc, rows int, alpha, beta float32) {
	switch rows {
	case 1:
		tileAVX2x1(kc, a, b, c, ldc, alpha, beta)
	case 2:
		tileAVX2x2(kc, a, b, c, ldc, alpha, beta)
	case 3:
		tileAVX2x3(kc, a, b, c, ldc, alpha, beta)
	case 4:
		tileAVX2x4(kc, a, b, c, ldc, alpha, beta)
	case 5:
		tileAVX2x5(kc, a, b, c, ldc, alpha, beta)
	default:
		tileAVX2x6(kc, a, b, c, ldc, alpha, beta)
	}
}
