package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The AVX-512 tile: 14 rows of two vectors use 28 of the 32 registers for sums,
// two for B and two for the broadcast element of A.
const (
	mr512 = 14
	nr512 = 32
)

func tiles512() {
	for rows := 1; rows <= mr512; rows++ {
		tile512(rows)
	}
}

// tile512 writes the tile with the first rows rows.
func tile512(rows int) {
	name := fmt.Sprintf("tileAVX512x%d", rows)
	TEXT(name, NOSPLIT, "func(kc int, a, b, c *float32, ldc int, mask uint32, alpha, beta float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes %d rows of a tile of %d columns; bit j of mask says that column j is stored.", name, rows, nr512))
	kc := Load(Param("kc"), GP64())
	a := Load(Param("a"), GP64())
	b := Load(Param("b"), GP64())
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	mask := Load(Param("mask"), GP32())
	SHLQ(Imm(2), ldc)
	KMOVW(mask, reg.K1)
	SHRL(Imm(16), mask)
	KMOVW(mask, reg.K2)

	acc := func(r, h int) reg.VecPhysical { return zmm(2*r + h) }
	b0, b1 := zmm(28), zmm(29)
	at := func(r int) reg.VecPhysical { return zmm(30 + r%2) }
	row := GP64()
	MOVQ(c, row)
	for r := range rows {
		VPXORD(acc(r, 0), acc(r, 0), acc(r, 0))
		VPXORD(acc(r, 1), acc(r, 1), acc(r, 1))
		PREFETCHT0(Mem{Base: row})
		PREFETCHT0(Mem{Base: row, Disp: 64})
		if r < rows-1 {
			ADDQ(ldc, row)
		}
	}
	step := func(u int) {
		VMOVUPS(Mem{Base: b, Disp: u * nr512 * 4}, b0)
		VMOVUPS(Mem{Base: b, Disp: u*nr512*4 + 64}, b1)
		PREFETCHT0(Mem{Base: b, Disp: u*nr512*4 + ahead512})
		PREFETCHT0(Mem{Base: b, Disp: u*nr512*4 + ahead512 + 64})
		for r := range rows {
			VBROADCASTSS(Mem{Base: a, Disp: (u*mr512 + r) * 4}, at(r))
			VFMADD231PS(b0, at(r), acc(r, 0))
			VFMADD231PS(b1, at(r), acc(r, 1))
		}
	}
	const unroll = 4
	sumLoop(kc, a, b, unroll, mr512*4, nr512*4, step)

	Comment("c = alpha*sum + beta*c")
	av, bv := zmm(28), zmm(29)
	VBROADCASTSS(addr("alpha"), av)
	VBROADCASTSS(addr("beta"), bv)
	bits := GP32()
	MOVL(addr("beta"), bits)
	SHLL(Imm(1), bits) // -0 is 0 too
	JZ(LabelRef("store"))
	for r := range rows {
		for h := range 2 {
			m := Mem{Base: c, Disp: 64 * h}
			k := []reg.Register{reg.K1, reg.K2}[h]
			VMULPS_Z(m, bv, k, at(h))
			VFMADD231PS(av, acc(r, h), at(h))
			VMOVUPS(at(h), k, m)
		}
		if r < rows-1 {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
	Label("store")
	for r := range rows {
		for h := range 2 {
			VMULPS(av, acc(r, h), acc(r, h))
			VMOVUPS(acc(r, h), []reg.Register{reg.K1, reg.K2}[h], Mem{Base: c, Disp: 64 * h})
		}
		if r < rows-1 {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}

// ahead512 is how far ahead of its use B is fetched from the second-level
// cache, in bytes: 8 steps of k.
const ahead512 = 8 * nr512 * 4

// sumLoop writes the loop over k: unroll steps at a time, then the rest.
func sumLoop(kc, a, b reg.Register, unroll, strideA, strideB int, step func(u int)) {
	rest := GP64()
	MOVQ(kc, rest)
	shift := map[int]uint64{2: 1, 4: 2, 8: 3}[unroll]
	SHRQ(Imm(shift), kc)
	JZ(LabelRef("rest"))
	Label("sum")
	for u := range unroll {
		step(u)
	}
	ADDQ(I32(unroll*strideA), a)
	ADDQ(I32(unroll*strideB), b)
	SUBQ(Imm(1), kc)
	JNZ(LabelRef("sum"))
	Label("rest")
	ANDQ(Imm(uint64(unroll-1)), rest)
	JZ(LabelRef("summed"))
	Label("one")
	step(0)
	ADDQ(I32(strideA), a)
	ADDQ(I32(strideB), b)
	SUBQ(Imm(1), rest)
	JNZ(LabelRef("one"))
	Label("summed")
}

// addr is the memory of a parameter.
func addr(name string) Mem {
	c, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return c.Addr
}
