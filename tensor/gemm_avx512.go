//go:build amd64

package tensor

const (
	mr512 = 14
	nr512 = 32
)

// pack512 packs count indices from i0 in panels of width.
func pack512(dst []float32, o *operand, width, i0, count, k0, kc int) {
	if !o.major {
		copyPanels512(dst, o, width, i0, count, k0, kc)
		return
	}
	var rows, by [16]*float32
	for p := 0; p < count; p += width {
		panel := dst[p*kc:]
		for half := 0; half < width; half += 16 {
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
				transposeAVX512(&panel[half], width, &rows[0], k0, kc)
			} else {
				transposeMulAVX512(&panel[half], width, &rows[0], &by[0], k0, kc)
			}
		}
	}
}

// copyPanels512 packs an operand whose rows run along the panels.
func copyPanels512(dst []float32, o *operand, width, i0, count, k0, kc int) {
	if o.q == nil {
		copyAVX512(&dst[0], width*kc, width, &o.data[k0*o.stride+i0], o.stride, count, kc)
		return
	}
	for k := 0; k < kc; {
		q, v := (k0+k)/o.rows, (k0+k)%o.rows
		run := min(o.rows-v, kc-k)
		copyMulAVX512(&dst[k*width], width*kc, width, &o.data[v*o.stride+i0], o.stride, count, run,
			&o.q.data[q*o.q.stride+i0])
		k += run
	}
}

func packA512(dst []float32, a *operand, m0, rows, k0, kc int) {
	pack512(dst, a, mr512, m0, rows, k0, kc)
}

func packB512(dst []float32, b *operand, n0, cols, k0, kc int) {
	pack512(dst, b, nr512, n0, cols, k0, kc)
}

func tile512(c []float32, ldc int, a, b []float32, kc, rows, cols int, alpha, beta float32) {
	pa, pb, pc := &a[0], &b[0], &c[0]
	mask := uint32(1<<cols - 1)
	switch rows {
	case 1:
		tileAVX512x1(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 2:
		tileAVX512x2(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 3:
		tileAVX512x3(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 4:
		tileAVX512x4(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 5:
		tileAVX512x5(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 6:
		tileAVX512x6(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 7:
		tileAVX512x7(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 8:
		tileAVX512x8(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 9:
		tileAVX512x9(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 10:
		tileAVX512x10(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 11:
		tileAVX512x11(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 12:
		tileAVX512x12(kc, pa, pb, pc, ldc, mask, alpha, beta)
	case 13:
		tileAVX512x13(kc, pa, pb, pc, ldc, mask, alpha, beta)
	default:
		tileAVX512x14(kc, pa, pb, pc, ldc, mask, alpha, beta)
	}
}
