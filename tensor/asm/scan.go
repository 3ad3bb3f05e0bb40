package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scans writes the products of one, two or four queries with many rows of half
// precision or of bytes. The row is converted once for all queries.
func scans() {
	for _, w := range []*width{{}, {wide: true}} {
		for _, queries := range []int{1, 2, 4} {
			w.dotF16(queries)
			w.dotI8(queries, false)
		}
	}
	// The chain of its sums makes VNNI slower for fewer queries.
	(&width{wide: true}).dotI8(4, true)
}

// scanAhead is how far ahead rows are fetched, in bytes; what the processor
// fetches by itself ends at the 4 KB of a page.
const scanAhead = 2048

// overRows writes the loops: for each of n rows, start, then vector for each
// vector of it, then finish. The row register points to the next values of the
// row, and at[i] to those of query i.
func overRows(valueBytes, queryBytes, lanes, queries int, start func(), vector func(row reg.Register, at []Mem), finish func()) {
	row := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	d := Load(Param("d"), GP64())
	q := Load(Param("q"), GP64())
	vectors := Load(Param("vectors"), GP64())
	next, ldq, left := GP64(), GP64(), GP64()
	shift := func(bytes int) { // d values in bytes, from d
		if bytes > 1 {
			SHLQ(Imm(map[int]uint64{2: 1, 4: 2}[bytes]), left)
		}
	}
	MOVQ(d, left)
	shift(queryBytes)
	MOVQ(left, ldq)
	MOVQ(d, left)
	shift(valueBytes)
	MOVQ(left, d)
	starts := []reg.Register{q}
	for range queries - 1 {
		p := GP64()
		LEAQ(Mem{Base: starts[len(starts)-1], Index: ldq, Scale: 1}, p)
		starts = append(starts, p)
	}
	offset := GP64()
	Label("row")
	start()
	MOVQ(row, next)
	XORQ(offset, offset)
	MOVQ(vectors, left)
	Label("vector")
	var at []Mem
	for _, p := range starts {
		at = append(at, Mem{Base: p, Index: offset, Scale: 1})
	}
	PREFETCHT0(Mem{Base: next, Disp: scanAhead})
	vector(next, at)
	ADDQ(I32(lanes*valueBytes), next)
	ADDQ(I32(lanes*queryBytes), offset)
	SUBQ(Imm(1), left)
	JNZ(LabelRef("vector"))
	finish()
	ADDQ(d, row)
	SUBQ(Imm(1), n)
	JNZ(LabelRef("row"))
	end()
}

// dotF16 sums value k in lane k%16, and adds the lanes in halves, in both widths.
func (w *width) dotF16(queries int) {
	kernel(fmt.Sprintf("dotF16x%d%s", queries, w.suffix()), "func(dst *float32, ldd int, rows *uint16, n, d int, q *float32, vectors int)",
		fmt.Sprintf("sets dst[i*ldd+r] to the product of the first 16*vectors values of row r and of query i, for %d queries and n rows of d values.", queries))
	dst := Load(Param("dst"), GP64())
	ldd := Load(Param("ldd"), GP64())
	SHLQ(Imm(2), ldd)
	halves := 16 / w.lanes()
	var sums []reg.Register
	for range queries * halves {
		sums = append(sums, w.v())
	}
	overRows(2, 4, 16, queries, func() {
		for _, s := range sums {
			if w.wide {
				VPXORD(s, s, s)
			} else {
				VXORPS(s, s, s)
			}
		}
	}, func(row reg.Register, at []Mem) {
		var xs []reg.Register
		for h := range halves {
			x := w.v()
			VCVTPH2PS(Mem{Base: row, Disp: 2 * w.lanes() * h}, x)
			xs = append(xs, x)
		}
		for i, m := range at {
			for h, x := range xs {
				m.Disp = 4 * w.lanes() * h
				VFMADD231PS(m, x, sums[i*halves+h])
			}
		}
	}, func() {
		out := GP64()
		MOVQ(dst, out)
		for i := range queries {
			low := YMM()
			if w.wide {
				VEXTRACTF64X4(Imm(1), sums[i], low)
				VADDPS(low, sums[i].(reg.VecVirtual).AsY(), low)
			} else {
				VADDPS(sums[2*i], sums[2*i+1], low)
			}
			x, y := XMM(), XMM()
			VEXTRACTF128(Imm(1), low, x)
			VADDPS(x, low.AsX(), x)
			VPSHUFD(Imm(0x4e), x, y)
			VADDPS(y, x, x)
			VPSHUFD(Imm(0xb1), x, y)
			VADDSS(y, x, x)
			VMOVSS(x, Mem{Base: out})
			if i < queries-1 {
				ADDQ(ldd, out)
			}
		}
		ADDQ(Imm(4), dst)
	})
}

// dotI8 multiplies in 16 bits, adds pairs and sums in 32, all exactly; with VNNI
// that is one instruction.
func (w *width) dotI8(queries int, vnni bool) {
	lanes := 2 * w.lanes() // of 16 bits
	suffix := w.suffix()
	if vnni {
		suffix = "VNNI"
	}
	kernel(fmt.Sprintf("dotI8x%d%s", queries, suffix), "func(sums *int32, rows *int8, n, d int, q *int16, vectors int)",
		fmt.Sprintf("sets sums[i*n+r] to the product of the first %d*vectors values of row r and of query i, for %d queries and n rows of d values.", lanes, queries))
	dst := Load(Param("sums"), GP64())
	ldd := Load(Param("n"), GP64())
	SHLQ(Imm(2), ldd)
	var sums []reg.Register
	for range queries {
		sums = append(sums, w.v())
	}
	overRows(1, 2, lanes, queries, func() {
		for _, s := range sums {
			if w.wide {
				VPXORD(s, s, s)
			} else {
				VPXOR(s, s, s)
			}
		}
	}, func(row reg.Register, at []Mem) {
		x := w.v()
		VPMOVSXBW(Mem{Base: row}, x)
		for i, m := range at {
			if vnni {
				VPDPWSSD(m, x, sums[i])
				continue
			}
			pairs := w.v()
			VPMADDWD(m, x, pairs)
			VPADDD(pairs, sums[i], sums[i])
		}
	}, func() {
		out := GP64()
		MOVQ(dst, out)
		for i := range queries {
			low := YMM()
			if w.wide {
				VEXTRACTI64X4(Imm(1), sums[i], low)
				VPADDD(sums[i].(reg.VecVirtual).AsY(), low, low)
			} else {
				VMOVDQA(sums[i], low)
			}
			x, y := XMM(), XMM()
			VEXTRACTI128(Imm(1), low, x)
			VPADDD(low.AsX(), x, x)
			VPSHUFD(Imm(0x4e), x, y)
			VPADDD(y, x, x)
			VPSHUFD(Imm(0xb1), x, y)
			VPADDD(y, x, x)
			VMOVD(x, Mem{Base: out})
			if i < queries-1 {
				ADDQ(ldd, out)
			}
		}
		ADDQ(Imm(4), dst)
	})
}
