package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// width writes the same operations for vectors of 8 values (AVX2) and of 16
// (AVX-512F). Constants are those of splat: 8 values, of which AVX-512 reads the
// first and repeats it.
type width struct {
	wide bool
	ptr  map[string]reg.Register
	n    reg.Register
	disp int
	mask reg.Register // what the last lanes are selected with, if they are; else nil
}

func (w *width) suffix() string {
	if w.wide {
		return "AVX512"
	}
	return "AVX2"
}

func (w *width) lanes() int {
	if w.wide {
		return 16
	}
	return 8
}

// v is a fresh vector register.
func (w *width) v() reg.Register {
	if w.wide {
		return ZMM()
	}
	return YMM()
}

func (w *width) mem(name string) Mem { return Mem{Base: w.ptr[name], Disp: w.disp} }

// load reads the operand; lanes beyond the last are 0.
func (w *width) load(name string) reg.Register {
	x := w.v()
	switch {
	case w.mask == nil:
		VMOVUPS(w.mem(name), x)
	case w.wide:
		VMOVUPS_Z(w.mem(name), w.mask, x)
	default:
		VMASKMOVPS(w.mem(name), w.mask, x)
	}
	return x
}

func (w *width) store(x reg.Register, name string) {
	switch {
	case w.mask == nil:
		VMOVUPS(x, w.mem(name))
	case w.wide:
		VMOVUPS(x, w.mask, w.mem(name))
	default:
		VMASKMOVPS(x, w.mask, w.mem(name))
	}
}

// zeroRest sets the lanes beyond the last to 0.
func (w *width) zeroRest(x reg.Register) {
	switch {
	case w.mask == nil:
	case w.wide:
		VMOVAPS_Z(x, w.mask, x)
	default:
		VANDPS(x, w.mask, x)
	}
}

// each writes a loop over n values of the operands, a vector at a time, then the
// rest through a mask.
func (w *width) each(operands []string, body func()) {
	w.ptr = map[string]reg.Register{}
	for _, o := range operands {
		w.ptr[o] = Load(Param(o), GP64())
	}
	n := Load(Param("n"), GP64())
	lanes := w.lanes()
	SUBQ(Imm(uint64(lanes)), n)
	JL(LabelRef("last"))
	Label("vector")
	body()
	for _, o := range operands {
		ADDQ(Imm(uint64(4*lanes)), w.ptr[o])
	}
	SUBQ(Imm(uint64(lanes)), n)
	JGE(LabelRef("vector"))
	Label("last")
	ADDQ(Imm(uint64(lanes)), n)
	JZ(LabelRef("done"))
	if w.wide {
		w.mask = reg.K1
		ones := GP64()
		MOVQ(n, reg.RCX)
		MOVQ(U32(1), ones)
		SHLQ(reg.CL, ones)
		SUBQ(Imm(1), ones)
		KMOVW(ones.As32(), reg.K1)
	} else {
		w.mask = maskReg
		loadMask(n, maskReg)
	}
	body()
	w.mask = nil
	Label("done")
}

// constant is c in every lane.
func (w *width) constant(c Mem) reg.Register {
	x := w.v()
	if w.wide {
		VBROADCASTSS(c, x)
	} else {
		VMOVUPS(c, x)
	}
	return x
}

// mul is x*c.
func (w *width) mul(c Mem, x reg.Register) reg.Register {
	y := w.v()
	if w.wide {
		VMULPS_BCST(c, x, y)
	} else {
		VMULPS(c, x, y)
	}
	return y
}

// add is x+c.
func (w *width) add(c Mem, x reg.Register) reg.Register {
	y := w.v()
	if w.wide {
		VADDPS_BCST(c, x, y)
	} else {
		VADDPS(c, x, y)
	}
	return y
}

// horner sets p = p*x + c.
func (w *width) horner(p, x reg.Register, c Mem) {
	if w.wide {
		VFMADD213PS_BCST(c, x, p)
	} else {
		VFMADD213PS(c, x, p)
	}
}

// subMul sets y -= x*c.
func (w *width) subMul(y, x reg.Register, c Mem) {
	if w.wide {
		VFNMADD231PS_BCST(c, x, y)
	} else {
		VFNMADD231PS(c, x, y)
	}
}

// and is the bits of x that are in c.
func (w *width) and(c Mem, x reg.Register) reg.Register {
	y := w.v()
	if w.wide {
		VPANDD_BCST(c, x, y)
	} else {
		VANDPS(c, x, y)
	}
	return y
}

// or adds the bits of x to y.
func (w *width) or(x, y reg.Register) {
	if w.wide {
		VPORD(x, y, y)
	} else {
		VORPS(x, y, y)
	}
}

// product is x*y.
func (w *width) product(x, y reg.Register) reg.Register {
	z := w.v()
	VMULPS(x, y, z)
	return z
}

// polynomial is c[0] + c[1] x + c[2] x^2 + ...
func (w *width) polynomial(x reg.Register, c []Mem) reg.Register {
	p := w.constant(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		w.horner(p, x, c[i])
	}
	return p
}

// whereLess is a where x < c, else (and where x is NaN) b.
func (w *width) whereLess(x reg.Register, c Mem, a, b reg.Register) reg.Register {
	const lessQuiet = 0x11
	y := w.v()
	if w.wide {
		k := K()
		VCMPPS_BCST(Imm(lessQuiet), c, x, k)
		VBLENDMPS(a, b, k, y)
		return y
	}
	less := w.v()
	VCMPPS(Imm(lessQuiet), c, x, less)
	VBLENDVPS(less, a, b, y)
	return y
}

// zeroWhereLess sets y to 0 where x < c, not where x is NaN.
func (w *width) zeroWhereLess(y, x reg.Register, c Mem) {
	if w.wide {
		const notLess = 0x15 // or unordered
		k := K()
		VCMPPS_BCST(Imm(notLess), c, x, k)
		VMOVAPS_Z(y, k, y)
		return
	}
	const lessQuiet = 0x11
	less := w.v()
	VCMPPS(Imm(lessQuiet), c, x, less)
	VANDNPS(y, less, y)
}

// round is the nearest whole number.
func (w *width) round(x reg.Register) reg.Register {
	y := w.v()
	if w.wide {
		VRNDSCALEPS(Imm(0), x, y)
	} else {
		VROUNDPS(Imm(0), x, y)
	}
	return y
}

// power is 2^n for whole n in [-126, 127].
func (w *width) power(n reg.Register, bias Mem) reg.Register {
	y := w.v()
	VCVTPS2DQ(n, y)
	if w.wide {
		VPADDD_BCST(bias, y, y)
	} else {
		VPADDD(bias, y, y)
	}
	VPSLLD(Imm(23), y, y)
	return y
}
