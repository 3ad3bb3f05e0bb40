package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peak writes loops of independent fused multiply-adds that touch no memory:
// what a processor can do at most.
func peak() {
	peakLoop("peakAVX2", "24 of 8 lanes, on 12 sums", 12, 2, ymm)
	peakLoop("peakAVX512", "48 of 16 lanes, on 24 sums", 24, 2, zmm)
}

func peakLoop(name, what string, sums, unroll int, r func(int) reg.VecPhysical) {
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(name + " does n rounds of fused multiply-adds: " + what + ".")
	n := Load(Param("n"), GP64())
	x, y := r(sums), r(sums+1)
	for i := range sums + 2 {
		if sums > 16 {
			VPXORD(r(i), r(i), r(i))
		} else {
			VXORPS(r(i), r(i), r(i))
		}
	}
	Label("round")
	for range unroll {
		for i := range sums {
			VFMADD231PS(x, y, r(i))
		}
	}
	SUBQ(Imm(1), n)
	JNZ(LabelRef("round"))
	VZEROUPPER()
	RET()
}

func xmm(i int) reg.VecPhysical {
	return []reg.VecPhysical{
		reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7,
		reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15,
	}[i]
}

func ymm(i int) reg.VecPhysical { return xmm(i).AsY().(reg.VecPhysical) }

func zmm(i int) reg.VecPhysical {
	return []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	}[i]
}
