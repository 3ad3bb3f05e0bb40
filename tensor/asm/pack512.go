package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func pack512() {
	transpose512("transposeAVX512", false)
	transpose512("transposeMulAVX512", true)
	copy512("copyAVX512", false)
	copy512("copyMulAVX512", true)
}

// transpose512 writes the packing of 16 rows of consecutive k.
func transpose512(name string, mul bool) {
	sig := "func(dst *float32, stride int, rows **float32, k0, kc int)"
	doc := " sets dst[k*stride+r] = rows[r][k0+k] for 16 rows and k in [0, kc), kc rounded up to 16 with zeros; stores go upwards, 16 values each."
	if mul {
		sig = "func(dst *float32, stride int, rows, by **float32, k0, kc int)"
		doc = " is as transposeAVX512, of rows[r][k0+k] * by[r][k0+k]."
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
	p, q, full := GP64(), GP64(), GP64()
	MOVQ(I32(-1), full)
	KMOVW(full.As32(), reg.K1)

	Label("block")
	CMPQ(kc, Imm(16))
	JGE(LabelRef("whole"))
	Comment("the last k: read no further")
	ones := GP64()
	cl := reg.RCX
	MOVQ(kc, cl)
	MOVQ(U32(1), ones)
	SHLQ(reg.CL, ones)
	SUBQ(Imm(1), ones)
	KMOVW(ones.As32(), reg.K1)
	Label("whole")
	for r := range 16 {
		MOVQ(Mem{Base: rows, Disp: 8 * r}, p)
		VMOVUPS_Z(Mem{Base: p, Index: off, Scale: 1}, reg.K1, zmm(r))
		PREFETCHT0(Mem{Base: p, Index: off, Scale: 1, Disp: 256})
		if mul {
			MOVQ(Mem{Base: by, Disp: 8 * r}, q)
			VMULPS_Z(Mem{Base: q, Index: off, Scale: 1}, zmm(r), reg.K1, zmm(r))
		}
	}
	// 4x4 transposes within the 128-bit lanes: after them, register r of
	// group g = r/4 holds, in lane l, column 4l+r%4 of rows 4g .. 4g+3.
	for g := 0; g < 16; g += 4 {
		VUNPCKLPS(zmm(g+1), zmm(g), zmm(16+g))
		VUNPCKHPS(zmm(g+1), zmm(g), zmm(16+g+1))
		VUNPCKLPS(zmm(g+3), zmm(g+2), zmm(16+g+2))
		VUNPCKHPS(zmm(g+3), zmm(g+2), zmm(16+g+3))
	}
	for g := 0; g < 16; g += 4 {
		VUNPCKLPD(zmm(16+g+2), zmm(16+g), zmm(g))
		VUNPCKHPD(zmm(16+g+2), zmm(16+g), zmm(g+1))
		VUNPCKLPD(zmm(16+g+3), zmm(16+g+1), zmm(g+2))
		VUNPCKHPD(zmm(16+g+3), zmm(16+g+1), zmm(g+3))
	}
	// Then the 4x4 transpose of the lanes.
	for c := range 4 {
		VSHUFF32X4(Imm(0x44), zmm(4+c), zmm(c), zmm(16+c))    // lanes 0 1 of groups 0, 1
		VSHUFF32X4(Imm(0xee), zmm(4+c), zmm(c), zmm(20+c))    // lanes 2 3
		VSHUFF32X4(Imm(0x44), zmm(12+c), zmm(8+c), zmm(24+c)) // of groups 2, 3
		VSHUFF32X4(Imm(0xee), zmm(12+c), zmm(8+c), zmm(28+c))
	}
	for c := range 4 {
		VSHUFF32X4(Imm(0x88), zmm(24+c), zmm(16+c), zmm(c))    // column c
		VSHUFF32X4(Imm(0xdd), zmm(24+c), zmm(16+c), zmm(4+c))  // column 4+c
		VSHUFF32X4(Imm(0x88), zmm(28+c), zmm(20+c), zmm(8+c))  // column 8+c
		VSHUFF32X4(Imm(0xdd), zmm(28+c), zmm(20+c), zmm(12+c)) // column 12+c
	}
	for g := 0; g < 16; g += 4 {
		VMOVUPS(zmm(g), Mem{Base: dst})
		VMOVUPS(zmm(g+1), Mem{Base: dst, Index: stride, Scale: 1})
		VMOVUPS(zmm(g+2), Mem{Base: dst, Index: stride, Scale: 2})
		VMOVUPS(zmm(g+3), Mem{Base: dst, Index: stride3, Scale: 1})
		LEAQ(Mem{Base: dst, Index: stride, Scale: 4}, dst)
	}
	ADDQ(Imm(64), off)
	SUBQ(Imm(16), kc)
	JG(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// copy512 writes the packing of rows that run along the panels.
func copy512(name string, mul bool) {
	sig := "func(dst *float32, panel, width int, src *float32, ld, cols, kc int)"
	doc := " sets dst[(j/width)*panel + k*width + j%width] = src[k*ld+j] for k in [0, kc) and j in [0, cols), where width is at most 32; stores go upwards and may write up to 32 values from where a row of a panel begins."
	if mul {
		sig = "func(dst *float32, panel, width int, src *float32, ld, cols, kc int, by *float32)"
		doc = " is as copyAVX512, of src[k*ld+j] * by[j]."
	}
	TEXT(name, NOSPLIT, sig)
	Pragma("noescape")
	Doc(name + doc)
	dst := Load(Param("dst"), GP64())
	panel := Load(Param("panel"), GP64())
	width := Load(Param("width"), GP64())
	src := Load(Param("src"), GP64())
	ld := Load(Param("ld"), GP64())
	cols := Load(Param("cols"), GP64())
	kc := Load(Param("kc"), GP64())
	var by, byp reg.Register
	if mul {
		by = Load(Param("by"), GP64())
		byp = GP64()
	}
	SHLQ(Imm(2), panel)
	SHLQ(Imm(2), ld)
	masks := func(n reg.GPVirtual, lo, hi reg.Register) {
		ones := GP64()
		MOVQ(n, reg.RCX)
		MOVQ(U32(1), ones)
		SHLQ(reg.CL, ones)
		SUBQ(Imm(1), ones)
		KMOVW(ones.As32(), lo)
		SHRQ(Imm(16), ones)
		KMOVW(ones.As32(), hi)
	}
	width4 := GP64()
	rem := GP64()
	masks(width.(reg.GPVirtual), reg.K1, reg.K2)
	MOVQ(width, width4)
	SHLQ(Imm(2), width4)

	s, d, left := GP64(), GP64(), GP64()
	Label("row")
	MOVQ(src, s)
	MOVQ(dst, d)
	MOVQ(cols, left)
	if mul {
		MOVQ(by, byp)
	}
	move := func(lo, hi reg.Register) {
		PREFETCHT0(Mem{Base: s, Index: ld, Scale: 8})
		PREFETCHT0(Mem{Base: s, Index: ld, Scale: 8, Disp: 64})
		VMOVUPS_Z(Mem{Base: s}, lo, zmm(0))
		VMOVUPS_Z(Mem{Base: s, Disp: 64}, hi, zmm(1))
		if mul {
			VMULPS_Z(Mem{Base: byp}, zmm(0), lo, zmm(0))
			VMULPS_Z(Mem{Base: byp, Disp: 64}, zmm(1), hi, zmm(1))
		}
		VMOVUPS(zmm(0), lo, Mem{Base: d})
		VMOVUPS(zmm(1), hi, Mem{Base: d, Disp: 64})
	}
	CMPQ(left, width)
	JL(LabelRef("narrow"))
	Label("panel")
	move(reg.K1, reg.K2)
	ADDQ(width4, s)
	if mul {
		ADDQ(width4, byp)
	}
	ADDQ(panel, d)
	SUBQ(width, left)
	CMPQ(left, width)
	JGE(LabelRef("panel"))
	Label("narrow")
	TESTQ(left, left)
	JZ(LabelRef("next"))
	MOVQ(left, rem)
	masks(rem, reg.K3, reg.K4)
	move(reg.K3, reg.K4)
	Label("next")
	ADDQ(ld, src)
	ADDQ(width4, dst)
	SUBQ(Imm(1), kc)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
