package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func pack2() {
	transpose2("transposeAVX2", false)
	transpose2("transposeMulAVX2", true)
	copy2(mr2, false)
	copy2(nr2, false)
	copy2(nr2, true)
}

// transpose2 writes the packing of 8 rows of consecutive k.
func transpose2(name string, mul bool) {
	sig := "func(dst *float32, stride int, rows **float32, k0, kc int)"
	doc := " sets dst[k*stride+r] = rows[r][k0+k] for 8 rows and k in [0, kc), kc rounded up to 8 with zeros; stores go upwards, 8 values each."
	if mul {
		sig = "func(dst *float32, stride int, rows, by **float32, k0, kc int)"
		doc = " is as transposeAVX2, of rows[r][k0+k] * by[r][k0+k]."
	}
	TEXT(name, NOSPLIT, sig)
	Pragma("noescape")
	Doc(name + doc)
	dst := Load(Param("dst"), GP64())
	stride := Load(Param("stride"), GP64())
	rows := Load(Param("rows"), GP64())
	var by reg.Register
	if mul {
		by = Load(Param("by"), GP64())
	}
	off := Load(Param("k0"), GP64())
	kc := Load(Param("kc"), GP64())
	SHLQ(Imm(2), off)
	SHLQ(Imm(2), stride)
	stride3 := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	p, q := GP64(), GP64()

	body := func(masked bool) {
		for r := range 8 {
			MOVQ(Mem{Base: rows, Disp: 8 * r}, p)
			m := Mem{Base: p, Index: off, Scale: 1}
			if masked {
				VMASKMOVPS(m, ymm(15), ymm(r))
			} else {
				VMOVUPS(m, ymm(r))
				m.Disp = 256
				PREFETCHT0(m)
			}
			if mul {
				MOVQ(Mem{Base: by, Disp: 8 * r}, q)
				m := Mem{Base: q, Index: off, Scale: 1}
				if masked {
					VMASKMOVPS(m, ymm(15), ymm(14))
					VMULPS(ymm(14), ymm(r), ymm(r))
				} else {
					VMULPS(m, ymm(r), ymm(r))
				}
			}
		}
		// Pairs of rows, then fours, then halves.
		for r := 0; r < 8; r += 4 {
			lo01, hi01, lo23, hi23 := ymm(8), ymm(9), ymm(10), ymm(11)
			VUNPCKLPS(ymm(r+1), ymm(r), lo01)
			VUNPCKHPS(ymm(r+1), ymm(r), hi01)
			VUNPCKLPS(ymm(r+3), ymm(r+2), lo23)
			VUNPCKHPS(ymm(r+3), ymm(r+2), hi23)
			VUNPCKLPD(lo23, lo01, ymm(r))
			VUNPCKHPD(lo23, lo01, ymm(r+1))
			VUNPCKLPD(hi23, hi01, ymm(r+2))
			VUNPCKHPD(hi23, hi01, ymm(r+3))
		}
		for c := range 4 {
			VPERM2F128(Imm(0x20), ymm(4+c), ymm(c), ymm(8+c))
			VPERM2F128(Imm(0x31), ymm(4+c), ymm(c), ymm(4+c))
		}
		at := GP64()
		MOVQ(dst, at)
		for _, base := range []int{8, 4} {
			VMOVUPS(ymm(base), Mem{Base: at})
			VMOVUPS(ymm(base+1), Mem{Base: at, Index: stride, Scale: 1})
			VMOVUPS(ymm(base+2), Mem{Base: at, Index: stride, Scale: 2})
			VMOVUPS(ymm(base+3), Mem{Base: at, Index: stride3, Scale: 1})
			LEAQ(Mem{Base: at, Index: stride, Scale: 4}, at)
		}
		MOVQ(at, dst)
	}
	SUBQ(Imm(8), kc)
	JL(LabelRef("rest"))
	Label("block")
	body(false)
	ADDQ(Imm(32), off)
	SUBQ(Imm(8), kc)
	JGE(LabelRef("block"))
	Label("rest")
	ADDQ(Imm(8), kc)
	JZ(LabelRef("done"))
	Comment("the last k: read no further")
	loadMask(kc, ymm(15))
	body(true)
	Label("done")
	VZEROUPPER()
	RET()
}

// loadMask sets mask to select the first n lanes, n < 8.
func loadMask(n reg.Register, mask reg.VecPhysical) {
	table, back := GP64(), GP64()
	LEAQ(NewDataAddr(NewStaticSymbol(maskTable), 0), table)
	MOVQ(n, back)
	NEGQ(back)
	VMOVUPS(Mem{Base: table, Index: back, Scale: 4, Disp: 32}, mask)
}

// masks writes the table that loadMask reads: 8 ones and 8 zeros. Read from 8-n,
// it selects n lanes.
func masks() {
	GLOBL(maskTable, RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(0xffffffff))
	}
	for i := range 8 {
		DATA(32+4*i, U32(0))
	}
}

const maskTable = "firstLanes"

// copy2 writes the packing of rows that run along panels of width values.
func copy2(width int, mul bool) {
	name := fmt.Sprintf("copy%dAVX2", width)
	sig := "func(dst *float32, panel int, src *float32, ld, panels, kc int)"
	doc := fmt.Sprintf(" sets dst[p*panel + k*%d + j] = src[k*ld + p*%d + j] for k in [0, kc), p in [0, panels), j in [0, %d).", width, width, width)
	if mul {
		doc = fmt.Sprintf(" is as %s, of src[k*ld + p*%d + j] * by[p*%d + j].", name, width, width)
		name = fmt.Sprintf("copyMul%dAVX2", width)
		sig = "func(dst *float32, panel int, src *float32, ld, panels, kc int, by *float32)"
	}
	TEXT(name, NOSPLIT, sig)
	Pragma("noescape")
	Doc(name + doc)
	dst := Load(Param("dst"), GP64())
	panel := Load(Param("panel"), GP64())
	src := Load(Param("src"), GP64())
	ld := Load(Param("ld"), GP64())
	panels := Load(Param("panels"), GP64())
	kc := Load(Param("kc"), GP64())
	var by, byp reg.Register
	if mul {
		by = Load(Param("by"), GP64())
		byp = GP64()
	}
	SHLQ(Imm(2), panel)
	SHLQ(Imm(2), ld)
	s, d, left := GP64(), GP64(), GP64()
	Label("row")
	MOVQ(src, s)
	MOVQ(dst, d)
	MOVQ(panels, left)
	if mul {
		MOVQ(by, byp)
	}
	Label("panel")
	PREFETCHT0(Mem{Base: s, Index: ld, Scale: 4})
	for j := 0; j < width; {
		switch {
		case width-j >= 8:
			VMOVUPS(Mem{Base: s, Disp: 4 * j}, ymm(0))
			if mul {
				VMULPS(Mem{Base: byp, Disp: 4 * j}, ymm(0), ymm(0))
			}
			VMOVUPS(ymm(0), Mem{Base: d, Disp: 4 * j})
			j += 8
		case width-j >= 4:
			VMOVUPS(Mem{Base: s, Disp: 4 * j}, xmm(0))
			VMOVUPS(xmm(0), Mem{Base: d, Disp: 4 * j})
			j += 4
		default:
			VMOVSD(Mem{Base: s, Disp: 4 * j}, xmm(1))
			VMOVSD(xmm(1), Mem{Base: d, Disp: 4 * j})
			j += 2
		}
	}
	ADDQ(Imm(uint64(4*width)), s)
	if mul {
		ADDQ(Imm(uint64(4*width)), byp)
	}
	ADDQ(panel, d)
	SUBQ(Imm(1), left)
	JNZ(LabelRef("panel"))
	ADDQ(ld, src)
	ADDQ(Imm(uint64(4*width)), dst)
	SUBQ(Imm(1), kc)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
