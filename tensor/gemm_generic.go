package tensor

// The pure-Go twin of the product kernels.

const (
	genericMR = 4
	genericNR = 4
)

// packGeneric copies indices [i0, i0+count) of the operand and k in [k0, k0+kc)
// into panels of width indices, dst[panel][k][index], filled up with zeros.
func packGeneric(dst []float32, o *operand, width, i0, count, k0, kc int) {
	for p := 0; p < count; p += width {
		panel := dst[p*kc : (p+width)*kc]
		valid := min(width, count-p)
		if valid < width {
			clear(panel)
		}
		switch {
		case o.major && o.q == nil:
			for i := range valid {
				src := o.data[(i0+p+i)*o.stride+k0:][:kc]
				for k, x := range src {
					panel[k*width+i] = x
				}
			}
		case o.major:
			for i := range valid {
				r := i0 + p + i
				v := o.data[r%o.rows*o.stride+k0:][:kc]
				q := o.q.data[r/o.rows*o.q.stride+k0:][:kc]
				for k, x := range v {
					panel[k*width+i] = x * q[k]
				}
			}
		case o.q == nil:
			for k := range kc {
				copy(panel[k*width:], o.data[(k0+k)*o.stride+i0+p:][:valid])
			}
		default:
			for k := range kc {
				r := k0 + k
				v := o.data[r%o.rows*o.stride+i0+p:][:valid]
				q := o.q.data[r/o.rows*o.q.stride+i0+p:][:valid]
				for i, x := range v {
					panel[k*width+i] = x * q[i]
				}
			}
		}
	}
}

func packAGeneric(dst []float32, a *operand, m0, rows, k0, kc int) {
	packGeneric(dst, a, genericMR, m0, rows, k0, kc)
}

func packBGeneric(dst []float32, b *operand, n0, cols, k0, kc int) {
	packGeneric(dst, b, genericNR, n0, cols, k0, kc)
}

// tileGeneric computes one (4, 4) tile, two rows at a time: eight sums, and
// what they need, are as much as 16 registers hold.
func tileGeneric(c []float32, ldc int, a, b []float32, kc, rows, cols int, alpha, beta float32) {
	var acc [genericMR][genericNR]float32
	b = b[:kc*genericNR]
	for r := 0; r < rows; r += 2 {
		var c00, c01, c02, c03, c10, c11, c12, c13 float32
		pa := a[r : r+(kc-1)*genericMR+2]
		for pb := b; len(pb) >= genericNR && len(pa) >= 2; pb = pb[genericNR:] {
			a0, a1 := pa[0], pa[1]
			b0, b1, b2, b3 := pb[0], pb[1], pb[2], pb[3]
			c00 += a0 * b0
			c01 += a0 * b1
			c02 += a0 * b2
			c03 += a0 * b3
			c10 += a1 * b0
			c11 += a1 * b1
			c12 += a1 * b2
			c13 += a1 * b3
			if len(pa) < genericMR {
				break
			}
			pa = pa[genericMR:]
		}
		acc[r] = [genericNR]float32{c00, c01, c02, c03}
		acc[r+1] = [genericNR]float32{c10, c11, c12, c13}
	}
	for r := range rows {
		row := c[r*ldc:][:cols]
		switch beta {
		case 0:
			for j := range row {
				row[j] = alpha * acc[r][j]
			}
		default:
			for j := range row {
				row[j] = beta*row[j] + alpha*acc[r][j]
			}
		}
	}
}
