package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The AVX2 tile: 6 rows of two vectors use 12 of the 16 registers for sums, two
// for B and two for the broadcast element of A.
const (
	mr2 = 6
	nr2 = 16
)

func tiles2() {
	for rows := 1; rows <= mr2; rows++ {
		tile2(rows)
	}
}

// tile2 writes the tile with the first rows rows.
func tile2(rows int) {
	name := fmt.Sprintf("tileAVX2x%d", rows)
	TEXT(name, NOSPLIT, "func(kc int, a, b, c *float32, ldc int, alpha, beta float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes %d rows of a tile of %d columns.", name, rows, nr2))
	kc := Load(Param("kc"), GP64())
	a := Load(Param("a"), GP64())
	b := Load(Param("b"), GP64())
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	SHLQ(Imm(2), ldc)

	acc := func(r, h int) reg.VecPhysical { return ymm(2*r + h) }
	b0, b1 := ymm(12), ymm(13)
	at := func(r int) reg.VecPhysical { return ymm(14 + r%2) }
	row := GP64()
	MOVQ(c, row)
	for r := range rows {
		VXORPS(acc(r, 0), acc(r, 0), acc(r, 0))
		VXORPS(acc(r, 1), acc(r, 1), acc(r, 1))
		PREFETCHT0(Mem{Base: row})
		PREFETCHT0(Mem{Base: row, Disp: 60})
		if r < rows-1 {
			ADDQ(ldc, row)
		}
	}
	step := func(u int) {
		VMOVUPS(Mem{Base: b, Disp: u * nr2 * 4}, b0)
		VMOVUPS(Mem{Base: b, Disp: u*nr2*4 + 32}, b1)
		PREFETCHT0(Mem{Base: a, Disp: u*mr2*4 + ahead2})
		for r := range rows {
			VBROADCASTSS(Mem{Base: a, Disp: (u*mr2 + r) * 4}, at(r))
			VFMADD231PS(b0, at(r), acc(r, 0))
			VFMADD231PS(b1, at(r), acc(r, 1))
		}
	}
	sumLoop(kc, a, b, 4, mr2*4, nr2*4, step)

	Comment("c = alpha*sum + beta*c")
	av, bv := ymm(12), ymm(13)
	VBROADCASTSS(addr("alpha"), av)
	VBROADCASTSS(addr("beta"), bv)
	bits := GP32()
	MOVL(addr("beta"), bits)
	SHLL(Imm(1), bits) // -0 is 0 too
	JZ(LabelRef("store"))
	for r := range rows {
		for h := range 2 {
			m := Mem{Base: c, Disp: 32 * h}
			VMULPS(m, bv, at(h))
			VFMADD231PS(av, acc(r, h), at(h))
			VMOVUPS(at(h), m)
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
			VMOVUPS(acc(r, h), Mem{Base: c, Disp: 32 * h})
		}
		if r < rows-1 {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}

// ahead2 is how far ahead of its use A is fetched from the second-level cache,
// in bytes: 16 steps of k.
const ahead2 = 16 * mr2 * 4
