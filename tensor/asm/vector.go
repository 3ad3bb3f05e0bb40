package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes reads and writes one vector of each operand at the place that the loop
// has reached.
type lanes struct {
	ptr    map[string]reg.Register
	disp   int
	masked bool // only the lanes that maskReg selects
}

// maskReg holds the mask of the last lanes.
var maskReg = ymm(15)

func (l lanes) mem(name string) Mem { return Mem{Base: l.ptr[name], Disp: l.disp} }

func (l lanes) load(name string, dst reg.VecPhysical) {
	if l.masked {
		VMASKMOVPS(l.mem(name), maskReg, dst)
		return
	}
	VMOVUPS(l.mem(name), dst)
}

func (l lanes) store(src reg.VecPhysical, name string) {
	if l.masked {
		VMASKMOVPS(src, maskReg, l.mem(name))
		return
	}
	VMOVUPS(src, l.mem(name))
}

// each writes a loop over n values of the operands: unroll vectors at a time,
// then one, then what is left through a mask. Lanes beyond it read as 0.
func each(unroll int, operands []string, body func(u int, l lanes)) {
	ptr := map[string]reg.Register{}
	for _, o := range operands {
		ptr[o] = Load(Param(o), GP64())
	}
	n := Load(Param("n"), GP64())
	advance := func(by int) {
		for _, o := range operands {
			ADDQ(I32(by), ptr[o])
		}
	}
	if unroll > 1 {
		SUBQ(I32(8*unroll), n)
		JL(LabelRef("few"))
		Label("many")
		for u := range unroll {
			body(u, lanes{ptr: ptr, disp: 32 * u})
		}
		advance(32 * unroll)
		SUBQ(I32(8*unroll), n)
		JGE(LabelRef("many"))
		Label("few")
		ADDQ(I32(8*unroll), n)
	}
	SUBQ(Imm(8), n)
	JL(LabelRef("last"))
	Label("vector")
	body(0, lanes{ptr: ptr})
	advance(32)
	SUBQ(Imm(8), n)
	JGE(LabelRef("vector"))
	Label("last")
	ADDQ(Imm(8), n)
	JZ(LabelRef("done"))
	loadMask(n, maskReg)
	body(0, lanes{ptr: ptr, masked: true})
	Label("done")
}

func kernel(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
}

func end() {
	VZEROUPPER()
	RET()
}

// zeroWhereNotAbove sets x to 0 where y <= 0, through tmp. NaN is not <= 0.
func zeroWhereNotAbove(x, y, zero, tmp reg.VecPhysical) {
	const lessOrEqualQuiet = 0x12
	VCMPPS(Imm(lessOrEqualQuiet), zero, y, tmp)
	VANDNPS(x, tmp, x)
}

func vectors(c constants) {
	kernel("axpyAVX2", "func(y, x *float32, n int, alpha float32)", "computes y += alpha * x.")
	VBROADCASTSS(addr("alpha"), ymm(14))
	each(4, []string{"y", "x"}, func(_ int, l lanes) {
		l.load("y", ymm(0))
		l.load("x", ymm(1))
		VFMADD231PS(ymm(1), ymm(14), ymm(0))
		l.store(ymm(0), "y")
	})
	end()

	kernel("addAVX2", "func(y, x *float32, n int)", "computes y += x.")
	each(4, []string{"y", "x"}, func(_ int, l lanes) {
		l.load("y", ymm(0))
		l.load("x", ymm(1))
		VADDPS(ymm(1), ymm(0), ymm(0))
		l.store(ymm(0), "y")
	})
	end()

	kernel("scaleAVX2", "func(y, x *float32, n int, s float32)", "computes y = s * x.")
	VBROADCASTSS(addr("s"), ymm(14))
	each(4, []string{"y", "x"}, func(_ int, l lanes) {
		l.load("x", ymm(0))
		VMULPS(ymm(14), ymm(0), ymm(0))
		l.store(ymm(0), "y")
	})
	end()

	kernel("reluAVX2", "func(x *float32, n int)", "computes x = max(0, x); NaN stays.")
	VXORPS(ymm(14), ymm(14), ymm(14))
	each(4, []string{"x"}, func(_ int, l lanes) {
		l.load("x", ymm(0))
		zeroWhereNotAbove(ymm(0), ymm(0), ymm(14), ymm(1))
		l.store(ymm(0), "x")
	})
	end()

	kernel("reluBackwardAVX2", "func(d, y *float32, n int)", "sets d to 0 where y <= 0.")
	VXORPS(ymm(14), ymm(14), ymm(14))
	each(4, []string{"d", "y"}, func(_ int, l lanes) {
		l.load("d", ymm(0))
		l.load("y", ymm(1))
		zeroWhereNotAbove(ymm(0), ymm(1), ymm(14), ymm(2))
		l.store(ymm(0), "d")
	})
	end()

	kernel("normBackwardAVX2", "func(dx, dy, y *float32, n int, dot, inv float32)", "computes dx = (dy - y*dot) * inv.")
	VBROADCASTSS(addr("dot"), ymm(14))
	VBROADCASTSS(addr("inv"), ymm(13))
	each(4, []string{"dx", "dy", "y"}, func(_ int, l lanes) {
		l.load("dy", ymm(0))
		l.load("y", ymm(1))
		VFNMADD231PS(ymm(14), ymm(1), ymm(0))
		VMULPS(ymm(13), ymm(0), ymm(0))
		l.store(ymm(0), "dx")
	})
	end()

	kernel("pairReLUAVX2", "func(h, tv, ts *float32, n int)", "computes h = max(0, h + tv + ts); NaN stays.")
	VXORPS(ymm(14), ymm(14), ymm(14))
	each(4, []string{"h", "tv", "ts"}, func(_ int, l lanes) {
		l.load("h", ymm(0))
		l.load("tv", ymm(1))
		l.load("ts", ymm(2))
		VADDPS(ymm(1), ymm(0), ymm(0))
		VADDPS(ymm(2), ymm(0), ymm(0))
		zeroWhereNotAbove(ymm(0), ymm(0), ymm(14), ymm(1))
		l.store(ymm(0), "h")
	})
	end()

	kernel("pairReLUBackAVX2", "func(dh, dtv, dts, h *float32, n int)", "sets dh to 0 where h <= 0 and adds it to dtv and dts.")
	VXORPS(ymm(14), ymm(14), ymm(14))
	each(2, []string{"dh", "dtv", "dts", "h"}, func(_ int, l lanes) {
		l.load("dh", ymm(0))
		l.load("h", ymm(1))
		zeroWhereNotAbove(ymm(0), ymm(1), ymm(14), ymm(2))
		l.store(ymm(0), "dh")
		l.load("dtv", ymm(1))
		l.load("dts", ymm(2))
		VADDPS(ymm(0), ymm(1), ymm(1))
		VADDPS(ymm(0), ymm(2), ymm(2))
		l.store(ymm(1), "dtv")
		l.store(ymm(2), "dts")
	})
	end()

	kernel("pairFoldAVX2", "func(dv, dq, dz, v, q *float32, n int)", "computes dv += dz*q and dq += dz*v.")
	each(2, []string{"dv", "dq", "dz", "v", "q"}, func(_ int, l lanes) {
		l.load("dz", ymm(0))
		l.load("dv", ymm(1))
		l.load("q", ymm(2))
		VFMADD231PS(ymm(0), ymm(2), ymm(1))
		l.store(ymm(1), "dv")
		l.load("dq", ymm(3))
		l.load("v", ymm(4))
		VFMADD231PS(ymm(0), ymm(4), ymm(3))
		l.store(ymm(3), "dq")
	})
	end()

	stripKernels()

	kernel("adamAVX2", "func(p, m, v, grad *float32, n int, c *[7]float32)",
		"is one step of Adam, with c = beta1, 1-beta1, beta2, 1-beta2, scale of g, rate, epsilon.")
	coefficients := Load(Param("c"), GP64())
	for i := range 7 {
		VBROADCASTSS(Mem{Base: coefficients, Disp: 4 * i}, ymm(8+i))
	}
	each(2, []string{"p", "m", "v", "grad"}, func(_ int, l lanes) {
		l.load("grad", ymm(0))
		VMULPS(ymm(12), ymm(0), ymm(0)) // g'
		l.load("m", ymm(1))
		VMULPS(ymm(8), ymm(1), ymm(1))
		VFMADD231PS(ymm(0), ymm(9), ymm(1))
		l.store(ymm(1), "m")
		l.load("v", ymm(2))
		VMULPS(ymm(0), ymm(0), ymm(0))
		VMULPS(ymm(10), ymm(2), ymm(2))
		VFMADD231PS(ymm(0), ymm(11), ymm(2))
		l.store(ymm(2), "v")
		VSQRTPS(ymm(2), ymm(2))
		VADDPS(ymm(14), ymm(2), ymm(2))
		VMULPS(ymm(13), ymm(1), ymm(1))
		VDIVPS(ymm(2), ymm(1), ymm(1))
		l.load("p", ymm(3))
		VSUBPS(ymm(1), ymm(3), ymm(3))
		l.store(ymm(3), "p")
	})
	end()

	dots()
	logistic(c)
}

// stripColumns is the width of a strip of a pair matrix whose sums over windows
// stay in registers.
const stripColumns = 64

// stripKernels writes the sums of one sentence's n rows of a pair matrix, over
// strips of stripColumns columns. They add in the order of the row kernels.
func stripKernels() {
	// over writes the loop over the n rows; rows lists the operands that have
	// one row for each window, whose distance is the parameter of the same name
	// after "ld".
	over := func(rows []string, ptr map[string]reg.Register, body func(c int, l lanes)) {
		n := Load(Param("n"), GP64())
		ld := map[string]reg.Register{}
		for _, o := range rows {
			ld[o] = Load(Param("ld"+o), GP64())
			SHLQ(Imm(2), ld[o])
		}
		Label("window")
		for c := range stripColumns / 8 {
			body(c, lanes{ptr: ptr, disp: 32 * c})
		}
		for _, o := range rows {
			ADDQ(ld[o], ptr[o])
		}
		SUBQ(Imm(1), n)
		JNZ(LabelRef("window"))
	}
	load := func(operands ...string) map[string]reg.Register {
		ptr := map[string]reg.Register{}
		for _, o := range operands {
			ptr[o] = Load(Param(o), GP64())
		}
		return ptr
	}
	sum := ymm

	kernel("pairFoldStripAVX2", "func(dv, dq, dz, v, q *float32, n, lddv, lddz, ldv int)",
		"is pairFoldAVX2 for the 64 columns of one sentence and n windows.")
	ptr := load("dv", "dq", "dz", "v", "q")
	for c := range stripColumns / 8 {
		lanes{ptr: ptr, disp: 32 * c}.load("dq", sum(c))
	}
	over([]string{"dv", "dz", "v"}, ptr, func(c int, l lanes) {
		dz, dv := ymm(8+2*(c%4)), ymm(9+2*(c%4))
		l.load("dz", dz)
		l.load("dv", dv)
		VFMADD231PS(l.mem("q"), dz, dv)
		l.store(dv, "dv")
		VFMADD231PS(l.mem("v"), dz, sum(c))
	})
	for c := range stripColumns / 8 {
		lanes{ptr: ptr, disp: 32 * c}.store(sum(c), "dq")
	}
	end()

	kernel("pairReLUBackStripAVX2", "func(dh, dtv, dts, h *float32, n, lddh, lddtv, ldh int)",
		"is pairReLUBackAVX2 for the 64 columns of one sentence and n windows.")
	ptr = load("dh", "dtv", "dts", "h")
	zero := ymm(15)
	VXORPS(zero, zero, zero)
	for c := range stripColumns / 8 {
		lanes{ptr: ptr, disp: 32 * c}.load("dts", sum(c))
	}
	over([]string{"dh", "dtv", "h"}, ptr, func(c int, l lanes) {
		dh, h := ymm(8+2*(c%3)), ymm(9+2*(c%3))
		l.load("dh", dh)
		l.load("h", h)
		zeroWhereNotAbove(dh, h, zero, h)
		l.store(dh, "dh")
		VADDPS(dh, sum(c), sum(c))
		VADDPS(l.mem("dtv"), dh, dh)
		l.store(dh, "dtv")
	})
	for c := range stripColumns / 8 {
		lanes{ptr: ptr, disp: 32 * c}.store(sum(c), "dts")
	}
	end()
}

// dots writes the sums in float64: four pairs of sums of 4 lanes, added in a
// fixed order at the end.
func dots() {
	sums := func(name, signature, doc string, operands []string, body func(u int, l lanes)) {
		kernel(name, signature, doc)
		for i := range 8 {
			VXORPD(ymm(i), ymm(i), ymm(i))
		}
		each(4, operands, body)
		for step := 4; step > 0; step /= 2 {
			for i := range step {
				VADDPD(ymm(i+step), ymm(i), ymm(i))
			}
		}
		sumLanes(ymm(0), xmm(0), xmm(1))
		Store(reg.X0, ReturnIndex(0))
		end()
	}
	sums("dotAVX2", "func(x, y *float32, n int) float64", "is the sum of x*y.", []string{"x", "y"}, func(u int, l lanes) {
		x, y := ymm(8), ymm(10)
		if l.masked {
			l.load("x", x)
			l.load("y", y)
			VEXTRACTF128(Imm(1), x, xmm(9))
			VEXTRACTF128(Imm(1), y, xmm(11))
			for i := 8; i < 12; i++ {
				VCVTPS2PD(xmm(i), ymm(i))
			}
		} else {
			for i, o := range []string{"x", "y"} {
				for h := range 2 {
					m := l.mem(o)
					m.Disp += 16 * h
					VCVTPS2PD(m, ymm(8+2*i+h))
				}
			}
		}
		VFMADD231PD(x, y, ymm(2*u))
		VFMADD231PD(ymm(9), ymm(11), ymm(2*u+1))
	})
	sums("sumAVX2", "func(x *float32, n int) float64", "is the sum of x.", []string{"x"}, func(u int, l lanes) {
		l.load("x", ymm(8))
		addAsDoubles(ymm(8), 8, ymm(2*u), ymm(2*u+1))
	})
}

// addAsDoubles adds the low lanes of x (register i) to lo, the high ones to hi.
func addAsDoubles(x reg.VecPhysical, i int, lo, hi reg.VecPhysical) {
	VEXTRACTF128(Imm(1), x, xmm(i+1))
	VCVTPS2PD(xmm(i), ymm(i))
	VCVTPS2PD(xmm(i+1), ymm(i+1))
	VADDPD(ymm(i), lo, lo)
	VADDPD(ymm(i+1), hi, hi)
}

// sumLanes adds the four lanes of y into the lowest lane of x, its lower half.
func sumLanes(y, x, tmp reg.VecPhysical) {
	VEXTRACTF128(Imm(1), y, tmp)
	VADDPD(tmp, x, x)
	VUNPCKHPD(x, x, tmp)
	VADDSD(tmp, x, x)
}

// splat is a constant vector.
func splat(name string, v float64) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, F32(v))
	}
	return m
}

func splatBits(name string, v uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(v))
	}
	return m
}

// logistic writes the logistic loss.
//
// With t = exp(-|z|), sigmoid(z) is 1/(1+t) or t/(1+t), and softplus(z) is
// max(z, 0) + log1p(t). exp: z = n ln 2 + r, |r| <= ln 2 / 2, and the Taylor
// series of e^r to r^7, whose rest is below 2^-27. log1p: with s = t/(2+t), at
// most 1/3, it is 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...), to s^15, whose rest
// is below 2^-27 of it.
func logistic(c constants) {
	log2e, ln2hi, ln2lo, least := c.log2e, c.ln2hi, c.ln2lo, c.least
	one, bias, signBit, exp := c.one, c.bias, c.signBit, c.exp
	var atanh []Mem
	for i := range 8 {
		atanh = append(atanh, splat(fmt.Sprint("atanh", i), 2/float64(2*i+1)))
	}

	kernel("logisticAVX2", "func(dx, x, sign, w *float32, n int) float64",
		"returns sum w*softplus(sign*x) and writes dx = w*sign*sigmoid(sign*x).")
	VXORPS(ymm(13), ymm(13), ymm(13))
	VXORPD(ymm(11), ymm(11), ymm(11))
	VXORPD(ymm(12), ymm(12), ymm(12))
	each(1, []string{"dx", "x", "sign", "w"}, func(_ int, l lanes) {
		z, t, r, p, tmp := ymm(0), ymm(1), ymm(2), ymm(3), ymm(4)
		sign, w := ymm(5), ymm(6)
		l.load("x", z)
		l.load("sign", sign)
		l.load("w", w)
		VMULPS(sign, z, z)
		Comment("t = exp(-|z|)")
		VORPS(signBit, z, t)
		VMOVUPS(least, tmp)
		VMAXPS(t, tmp, t) // the second operand, if one is NaN
		VMULPS(log2e, t, tmp)
		VROUNDPS(Imm(0), tmp, tmp)
		VMOVAPS(t, r)
		VFNMADD231PS(ln2hi, tmp, r)
		VFNMADD231PS(ln2lo, tmp, r)
		VMOVUPS(exp[7], p)
		for i := 6; i >= 0; i-- {
			VFMADD213PS(exp[i], r, p)
		}
		VCVTPS2DQ(tmp, tmp)
		VPADDD(bias, tmp, tmp)
		VPSLLD(Imm(23), tmp, tmp)
		VMULPS(tmp, p, t)
		Comment("log1p(t) + max(z, 0)")
		VADDPS(one, t, tmp) // 1 + t
		VADDPS(one, tmp, r) // 2 + t
		VDIVPS(r, t, r)     // s
		VMULPS(r, r, ymm(7))
		VMOVUPS(atanh[7], p)
		for i := 6; i >= 0; i-- {
			VFMADD213PS(atanh[i], ymm(7), p)
		}
		VMULPS(r, p, p)
		VMAXPS(z, ymm(13), r)
		VADDPS(r, p, p)
		VMULPS(w, p, ymm(8))
		addAsDoubles(ymm(8), 8, ymm(11), ymm(12))
		Comment("sigmoid(z): t/(1+t) where z < 0, else 1/(1+t)")
		VMOVUPS(one, r)
		const lessQuiet = 0x11
		VCMPPS(Imm(lessQuiet), ymm(13), z, p)
		VBLENDVPS(p, t, r, r)
		VDIVPS(tmp, r, r)
		VMULPS(sign, w, w)
		VMULPS(w, r, r)
		l.store(r, "dx")
	})
	VADDPD(ymm(12), ymm(11), ymm(0))
	sumLanes(ymm(0), xmm(0), xmm(1))
	Store(reg.X0, ReturnIndex(0))
	end()
}
