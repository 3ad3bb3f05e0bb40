package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constants are what the exponential and the activations need.
type constants struct {
	log2e, ln2hi, ln2lo, least, one, zero, bias, signBit, magnitude Mem
	exp                                                             []Mem
}

func newConstants() constants {
	c := constants{
		log2e:     splat("log2e", math.Log2E),
		ln2hi:     splat("ln2hi", 0.693359375), // 10 bits: n times it is exact
		ln2lo:     splat("ln2lo", math.Ln2-0.693359375),
		least:     splat("leastExponent", -87), // e^-87 is a normal number
		one:       splat("one", 1),
		zero:      splat("zero", 0),
		bias:      splatBits("exponentBias", 127),
		signBit:   splatBits("signBit", 0x80000000),
		magnitude: splatBits("magnitude", 0x7fffffff),
	}
	fact := 1.0
	for i := range 8 {
		if i > 0 {
			fact *= float64(i)
		}
		c.exp = append(c.exp, splat(fmt.Sprint("exp", i), 1/fact))
	}
	return c
}

// splats are the constants of a polynomial.
func splats(name string, values ...float64) []Mem {
	var ms []Mem
	for i, v := range values {
		ms = append(ms, splat(fmt.Sprint(name, i), v))
	}
	return ms
}

// exp is e^x for x <= 0 (or a rounding above it), 0 below -87: x = n ln 2 + r,
// |r| <= ln 2 / 2, and the Taylor series of e^r to r^7, whose rest is below
// 2^-27.
func (w *width) exp(c constants, x reg.Register) reg.Register {
	t := w.v()
	VMAXPS(x, w.constant(c.least), t) // x, if it is NaN
	n := w.round(w.mul(c.log2e, t))
	w.subMul(t, n, c.ln2hi)
	w.subMul(t, n, c.ln2lo)
	e := w.product(w.polynomial(t, c.exp), w.power(n, c.bias))
	w.zeroWhereLess(e, x, c.least)
	return e
}

// sigmoid is 1/(1+t) where z >= 0 and t/(1+t) where z < 0, with t = e^-|z|.
func (w *width) sigmoid(c constants, z reg.Register) reg.Register {
	minus := w.and(c.magnitude, z)
	w.or(w.constant(c.signBit), minus)
	t := w.exp(c, minus)
	y := w.v()
	VDIVPS(w.add(c.one, t), w.whereLess(z, c.zero, t, w.constant(c.one)), y)
	return y
}

// activations writes the activations and what Softmax and LayerNorm need.
func activations(c constants) {
	own := newActivationConstants()
	for _, wide := range []bool{false, true} {
		w := &width{wide: wide}
		w.activations(c, own)
		w.expSum(c)
	}
	kernel("mulAVX2", "func(y, x *float32, n int)", "computes y *= x.")
	each(4, []string{"y", "x"}, func(_ int, l lanes) {
		l.load("y", ymm(0))
		l.load("x", ymm(1))
		VMULPS(ymm(1), ymm(0), ymm(0))
		l.store(ymm(0), "y")
	})
	end()

	kernel("normalizeAVX2", "func(y, x, gain, bias *float32, n int, mean, inv float32)", "computes y = (x-mean)*inv*gain + bias.")
	VBROADCASTSS(addr("mean"), ymm(13))
	VBROADCASTSS(addr("inv"), ymm(14))
	each(4, []string{"y", "x", "gain", "bias"}, func(_ int, l lanes) {
		l.load("x", ymm(0))
		l.load("gain", ymm(1))
		l.load("bias", ymm(2))
		VSUBPS(ymm(13), ymm(0), ymm(0))
		VMULPS(ymm(14), ymm(0), ymm(0))
		VFMADD213PS(ymm(2), ymm(1), ymm(0))
		l.store(ymm(0), "y")
	})
	end()

	largest()
}

// activationConstants are those of the functions' own polynomials.
type activationConstants struct {
	quick, minusTwo, minusHalf, tailScale, small Mem
	tanhScale                                    []Mem
	tail, tanh                                   []Mem
}

func newActivationConstants() activationConstants {
	root := 2 * math.Sqrt(2/math.Pi)
	return activationConstants{
		quick:     splat("quickGELU", 1.702),
		minusTwo:  splat("minusTwo", -2),
		minusHalf: splat("minusHalf", -0.5),
		tanhScale: splats("geluTanh", root, 0.044715*root),
		// The tail of the normal distribution, Phi(-u) = e^(-u^2/2) t q(t) with
		// t = 1/(1+0.34u): q by weighted least squares (iterated towards the
		// least largest relative error, 2.5e-8) over u in [0, 13.25].
		tailScale: splat("tailScale", 0.34),
		tail: splats("tail", 0.1356187313097291, 0.1361446506025403, 0.11495036373125044, 0.116385082592358,
			-0.047259490453583415, 0.2060422804237775, -0.27665502631934596, 0.14127100866679485, -0.02649758823848313),
		// tanh x = x + x^3 p(x^2) where |x| < 0.625, by the same method: 4.4e-9.
		small: splat("tanhSmall", 0.625),
		tanh: splats("tanh", -0.33333281942773474, 0.13331442214810424, -0.05373971626329402,
			0.02063909061039304, -0.005704990361943056),
	}
}

func (w *width) activations(c constants, a activationConstants) {
	function := func(name, doc string, f func(x reg.Register) reg.Register) {
		kernel(name+w.suffix(), "func(x *float32, n int)", "computes x = "+doc+".")
		w.each([]string{"x"}, func() { w.store(f(w.load("x")), "x") })
		end()
	}
	function("sigmoid", "1/(1+e^-x)", func(x reg.Register) reg.Register { return w.sigmoid(c, x) })
	function("quickGELU", "x*sigmoid(1.702x)", func(x reg.Register) reg.Register {
		return w.product(x, w.sigmoid(c, w.mul(a.quick, x)))
	})
	function("geluTanh", "x*sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3))", func(x reg.Register) reg.Register {
		p := w.polynomial(w.product(x, x), a.tanhScale)
		return w.product(x, w.sigmoid(c, w.product(x, p)))
	})
	function("gelu", "x Phi(x)", func(x reg.Register) reg.Register {
		e := w.exp(c, w.product(w.mul(a.minusHalf, x), x))
		d := w.add(c.one, w.mul(a.tailScale, w.and(c.magnitude, x)))
		t := w.v()
		VDIVPS(d, w.constant(c.one), t)
		tail := w.product(w.product(w.polynomial(t, a.tail), t), e)
		rest := w.v()
		VSUBPS(tail, w.constant(c.one), rest)
		return w.product(x, w.whereLess(x, c.zero, tail, rest))
	})
	function("tanh", "tanh x", func(x reg.Register) reg.Register {
		u := w.and(c.magnitude, x)
		t := w.exp(c, w.mul(a.minusTwo, u))
		large := w.v()
		VSUBPS(t, w.constant(c.one), large)
		VDIVPS(w.add(c.one, t), large, large)
		w.or(w.and(c.signBit, x), large)
		y := w.product(x, x)
		p := w.product(w.polynomial(y, a.tanh), y)
		VFMADD213PS(x, x, p)
		return w.whereLess(u, a.small, p, large)
	})
}

// expSum adds in the same order in both widths: value i goes to sum i%8.
func (w *width) expSum(c constants) {
	kernel("expSum"+w.suffix(), "func(x *float32, n int, scale, shift float32) float64",
		"computes x = exp(scale*(x-shift)), at most 1, and returns the sum.")
	scale, shift := w.v(), w.v()
	VBROADCASTSS(addr("scale"), scale)
	VBROADCASTSS(addr("shift"), shift)
	low, high := YMM(), YMM()
	sums := ZMM()
	if w.wide {
		VPXORD(sums, sums, sums)
	} else {
		VXORPD(low, low, low)
		VXORPD(high, high, high)
	}
	w.each([]string{"x"}, func() {
		x := w.load("x")
		VSUBPS(shift, x, x)
		VMULPS(scale, x, x)
		e := w.exp(c, x)
		w.zeroRest(e)
		w.store(e, "x")
		if w.wide {
			first, second, half := ZMM(), ZMM(), YMM()
			VEXTRACTF64X4(Imm(1), e, half)
			VCVTPS2PD(e.(reg.VecVirtual).AsY(), first)
			VCVTPS2PD(half, second)
			VADDPD(first, sums, sums)
			VADDPD(second, sums, sums)
			return
		}
		first, second, half := YMM(), YMM(), XMM()
		VEXTRACTF128(Imm(1), e, half)
		VCVTPS2PD(e.(reg.VecVirtual).AsX(), first)
		VCVTPS2PD(half, second)
		VADDPD(first, low, low)
		VADDPD(second, high, high)
	})
	if w.wide {
		VEXTRACTF64X4(Imm(1), sums, high)
		VADDPD(high, sums.AsY(), low)
	} else {
		VADDPD(high, low, low)
	}
	tmp, sum := XMM(), XMM()
	VEXTRACTF128(Imm(1), low, tmp)
	VADDPD(tmp, low.AsX(), sum)
	VUNPCKHPD(sum, sum, tmp)
	VADDSD(tmp, sum, sum)
	Store(sum, ReturnIndex(0))
	end()
}

// largest starts from the first value, so that lanes beyond the last must not
// count: they are set to it.
func largest() {
	kernel("largestAVX2", "func(x *float32, n int) float32", "is the largest value; NaN may be skipped.")
	VBROADCASTSS(Mem{Base: Load(Param("x"), GP64())}, ymm(8))
	for i := range 4 {
		VMOVAPS(ymm(8), ymm(i))
	}
	each(4, []string{"x"}, func(u int, l lanes) {
		l.load("x", ymm(4+u))
		if l.masked {
			VBLENDVPS(maskReg, ymm(4), ymm(8), ymm(4))
		}
		VMAXPS(ymm(u), ymm(4+u), ymm(u)) // the sum so far, if one is NaN
	})
	VMAXPS(ymm(1), ymm(0), ymm(0))
	VMAXPS(ymm(3), ymm(2), ymm(2))
	VMAXPS(ymm(2), ymm(0), ymm(0))
	VEXTRACTF128(Imm(1), ymm(0), xmm(1))
	VMAXPS(xmm(1), xmm(0), xmm(0))
	VPSHUFD(Imm(0x4e), xmm(0), xmm(1))
	VMAXPS(xmm(1), xmm(0), xmm(0))
	VPSHUFD(Imm(0xb1), xmm(0), xmm(1))
	VMAXPS(xmm(1), xmm(0), xmm(0))
	Store(reg.X0, ReturnIndex(0))
	end()
}
