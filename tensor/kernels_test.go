package tensor

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// special are the values that kernels must treat as IEEE 754 says. Finite values
// near the edge of overflow are not among them: whether a product overflows
// before it is added depends on fusing.
var special = []float32{
	float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)),
	0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, 1e-30,
}

// drawVector makes n normal values at an odd offset in memory, some of them
// special if asked.
func drawVector(t *rapid.T, name string, n int, specials bool) []float32 {
	off := rapid.IntRange(0, 9).Draw(t, name+" offset")
	rng := newNoise(rapid.Uint64().Draw(t, name+" seed"))
	v := make([]float32, off+n+8)[off : off+n]
	for i := range v {
		v[i] = rng.normal()
		if specials && rng.uniform() < 0.1 {
			v[i] = special[int(rng.uniform()*float32(len(special)))]
		}
	}
	return v
}

// close32 says whether two values agree within ulps units in the last place of
// the larger, or within abs. NaN agrees with NaN.
func close32(got, want float32, ulps, abs float64) bool {
	g, w := float64(got), float64(want)
	if g == w || g != g && w != w {
		return true
	}
	return math.Abs(g-w) <= max(abs, ulps*0x1p-23*max(math.Abs(g), math.Abs(w)))
}

// vectorKernel calls one kernel of k on vectors of equal length and returns what
// it returns.
type vectorKernel struct {
	name    string
	vectors int
	call    func(k *kernels, v [][]float32) float64
	// ulps and abs are by how much the assembly may differ from its twin. They
	// differ because the assembly fuses multiplication and addition.
	ulps, abs float64
}

var vectorKernels = []vectorKernel{
	// One rounding less in x*y+z, which is relative to the largest term: the
	// values are below 8, save the special ones, hence abs.
	{"axpy", 2, func(k *kernels, v [][]float32) float64 { k.axpy(v[0], v[1], -0.37); return 0 }, 1, 1e-6},
	{"pairFold", 5, func(k *kernels, v [][]float32) float64 {
		k.pairFold(rowView(v[0]), v[1], rowView(v[2]), rowView(v[3]), v[4])
		return 0
	}, 1, 4e-6},
	{"normBackward", 3, func(k *kernels, v [][]float32) float64 { k.normBackward(v[0], v[1], v[2], 0.71, 1.3); return 0 }, 2, 2e-6},
	{"normalize", 4, func(k *kernels, v [][]float32) float64 { k.normalize(v[0], v[1], v[2], v[3], 0.71, 1.3); return 0 }, 2, 8e-6},
	// The same operations in the same order.
	{"mul", 2, func(k *kernels, v [][]float32) float64 { k.mul(v[0], v[1]); return 0 }, 0, 0},
	{"add", 2, func(k *kernels, v [][]float32) float64 { k.add(v[0], v[1]); return 0 }, 0, 0},
	{"scale", 2, func(k *kernels, v [][]float32) float64 { k.scale(v[0], v[1], 0.37); return 0 }, 0, 0},
	{"relu", 1, func(k *kernels, v [][]float32) float64 { k.relu(v[0]); return 0 }, 0, 0},
	{"reluBackward", 2, func(k *kernels, v [][]float32) float64 { k.reluBackward(v[0], v[1]); return 0 }, 0, 0},
	{"pairReLU", 3, func(k *kernels, v [][]float32) float64 { k.pairReLU(v[0], v[1], v[2]); return 0 }, 0, 0},
	{"pairReLUBack", 4, func(k *kernels, v [][]float32) float64 {
		k.pairReLUBack(rowView(v[0]), rowView(v[1]), v[2], rowView(v[3]))
		return 0
	}, 0, 0},
	// Polynomials instead of float64: see TestActivate_Oracle.
	{"gelu", 1, func(k *kernels, v [][]float32) float64 { k.gelu(v[0]); return 0 }, 4, 3e-7},
	{"geluTanh", 1, func(k *kernels, v [][]float32) float64 { k.geluTanh(v[0]); return 0 }, 4, 3e-7},
	{"quickGELU", 1, func(k *kernels, v [][]float32) float64 { k.quickGELU(v[0]); return 0 }, 4, 3e-7},
	{"sigmoid", 1, func(k *kernels, v [][]float32) float64 { k.sigmoid(v[0]); return 0 }, 4, 0},
	{"tanh", 1, func(k *kernels, v [][]float32) float64 { k.tanh(v[0]); return 0 }, 4, 0},
	// Sums of up to 300 float64 terms in another order.
	{"dot", 2, func(k *kernels, v [][]float32) float64 { return k.dot(v[0], v[1]) }, 0, 1e-12},
	{"sum", 1, func(k *kernels, v [][]float32) float64 { return k.sum(v[0]) }, 0, 1e-12},
}

// rowView is a view of one row.
func rowView(v []float32) view { return view{data: v, rows: 1, cols: len(v), stride: len(v)} }

func TestVectorKernels_EqualTwins(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		k, twin := newTestCPU(t, 1, kernel).k, genericKernels()
		for _, vk := range vectorKernels {
			t.Run(vk.name, func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					n := rapid.IntRange(1, 300).Draw(t, "n")
					specials := rapid.Bool().Draw(t, "special values")
					got, want := make([][]float32, vk.vectors), make([][]float32, vk.vectors)
					whole := make([][]float32, vk.vectors)
					for i := range got {
						got[i] = drawVector(t, fmt.Sprint("v", i), n, specials)
						want[i] = append([]float32(nil), got[i]...)
						whole[i] = got[i][:n+8] // the kernel must not write past the end
					}
					g, w := vk.call(k, got), vk.call(twin, want)
					if g != w && (g == g || w == w) && !(math.Abs(g-w) <= 1e-12*max(1, math.Abs(w))) && !specials {
						t.Fatalf("returned %g, want %g", g, w)
					}
					if (g != g) != (w != w) || math.IsInf(g, 0) != math.IsInf(w, 0) {
						t.Fatalf("returned %g, want %g", g, w)
					}
					for i := range got {
						for j := range got[i] {
							if !close32(got[i][j], want[i][j], vk.ulps, vk.abs) {
								t.Fatalf("vector %d, value %d is %g, want %g", i, j, got[i][j], want[i][j])
							}
						}
						for j, x := range whole[i][n:] {
							if x != 0 {
								t.Fatalf("vector %d: value %d past the end became %g", i, j, x)
							}
						}
					}
				})
			})
		}
	})
}

func TestReLU_PassesNaN(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		cpu := newTestCPU(t, 1, kernel)
		nan := float32(math.NaN())
		upload := func(v ...float32) Mat {
			m := NewMat(cpu, 1, len(v))
			cpu.Upload(m, v)
			return m
		}
		check := func(what string, m Mat, want ...float32) {
			t.Helper()
			got := make([]float32, m.Cols)
			cpu.Download(got, m)
			for i := range want {
				if !close32(got[i], want[i], 0, 0) {
					t.Errorf("%s: %v, want %v", what, got, want)
				}
			}
		}
		x := upload(-1, nan, 2)
		cpu.ReLU(x)
		check("ReLU", x, 0, nan, 2)
		d := upload(5, 6, 7)
		cpu.ReLUBackward(d, x)
		check("ReLUBackward", d, 0, 6, 7)
		h := upload(1, 2, 3)
		cpu.PairReLU(h, upload(nan, -4, 0), upload(0, 1, 1))
		check("PairReLU", h, nan, 0, 4)
		dtv, dts := upload(9, 9, 9), upload(9, 9, 9)
		d = upload(5, 6, nan)
		cpu.PairReLUBackward(d, dtv, dts, h)
		check("PairReLUBackward", d, 5, 0, nan)
		check("PairReLUBackward, dtv", dtv, 5, 0, nan)
	})
}

// TestLogistic_Oracle compares the loss and its gradient with float64.
func TestLogistic_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		k := newTestCPU(t, 1, kernel).k
		// A dense sweep, and the far ends.
		var xs []float32
		for x := float32(-110); x <= 110; x += 0.0137 {
			xs = append(xs, x)
		}
		for e := -40; e < 38; e++ {
			xs = append(xs, float32(math.Pow10(e)), -float32(math.Pow10(e)))
		}
		xs = append(xs, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()))
		for _, x := range xs {
			for _, sign := range []float32{1, -1} {
				dx := []float32{0}
				got := k.logistic(dx, []float32{x}, []float32{sign}, []float32{0.5})
				z := float64(sign * x)
				want := 0.5 * (math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))))
				wantDx := 0.5 * float64(sign) / (1 + math.Exp(-z))
				// Seven roundings of float32 at most in either; below e^-87 the
				// assembly returns e^-87.
				if !close32(float32(got), float32(want), 4, 1e-37) {
					t.Fatalf("loss at %g, sign %g: %g, want %g", x, sign, got, want)
				}
				if !close32(dx[0], float32(wantDx), 4, 1e-37) {
					t.Fatalf("gradient at %g, sign %g: %g, want %g", x, sign, dx[0], wantDx)
				}
			}
		}
	})
}

func TestLogistic_EqualsTwin(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		k, twin := newTestCPU(t, 1, kernel).k, genericKernels()
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.IntRange(1, 100).Draw(t, "n")
			x, w := drawVector(t, "x", n, false), drawVector(t, "w", n, false)
			sign := drawVector(t, "sign", n, false)
			for i, s := range sign {
				sign[i] = float32(math.Copysign(1, float64(s)))
				x[i] *= 20
			}
			got, want := make([]float32, n), make([]float32, n)
			g, b := k.logistic(got, x, sign, w), twin.logistic(want, x, sign, w)
			// Terms up to 100, each within 4 units of 2^-24.
			if math.Abs(g-b) > float64(n)*100*4*0x1p-24 {
				t.Fatalf("loss %g, want %g", g, b)
			}
			for i := range got {
				if !close32(got[i], want[i], 4, 1e-37) {
					t.Fatalf("gradient %d is %g, want %g", i, got[i], want[i])
				}
			}
		})
	})
}

// TestAdam_Oracle compares three steps with float64.
func TestAdam_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, 2, kernel)
			rows, cols := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "cols")
			p, m, v := drawMat(t, "p", rows, cols), drawMat(t, "m", rows, cols), drawMat(t, "v", rows, cols)
			g := drawMat(t, "g", rows, cols)
			type state struct{ p, m, v float64 }
			var want []state
			for r := range rows {
				for c := range cols {
					*m.at(r, c) = 0
					*v.at(r, c) = 0
					want = append(want, state{p: float64(*p.at(r, c))})
				}
			}
			for step := 1; step <= 3; step++ {
				s := AdamStep{
					Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, GradScale: 0.5,
					Rate: float32(0.001 * math.Sqrt(1-math.Pow(0.999, float64(step))) / (1 - math.Pow(0.9, float64(step)))),
				}
				cpu.Adam(p.Mat, m.Mat, v.Mat, g.Mat, s)
				for i := range want {
					w, d := &want[i], 0.5*float64(*g.at(i/cols, i%cols))
					w.m = float64(s.Beta1)*w.m + (1-float64(s.Beta1))*d
					w.v = float64(s.Beta2)*w.v + (1-float64(s.Beta2))*d*d
					w.p -= float64(s.Rate) * w.m / (math.Sqrt(w.v) + 1e-8)
				}
			}
			for i, w := range want {
				r, c := i/cols, i%cols
				// 1-beta2 in float32 is off by 2^-25 of 0.001: 6e-5 of v.
				// Weights move by 3e-3 at most; each step rounds once.
				if !close32(*m.at(r, c), float32(w.m), 16, 1e-12) ||
					!close32(*v.at(r, c), float32(w.v), 1000, 1e-12) ||
					!close32(*p.at(r, c), float32(w.p), 3, 4e-7) {
					t.Fatalf("(%d, %d): p %g m %g v %g, want %+v", r, c, *p.at(r, c), *m.at(r, c), *v.at(r, c), w)
				}
			}
			for name, f := range map[string]framed{"p": p, "m": m, "v": v, "g": g} {
				f.checkFrame(t, name)
			}
		})
	})
}

// TestAdam_EqualsTwin lets infinities and NaN through as the twin does.
func TestAdam_EqualsTwin(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		k, twin := newTestCPU(t, 1, kernel).k, genericKernels()
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.IntRange(1, 100).Draw(t, "n")
			var got, want [4][]float32
			for i := range got {
				got[i] = drawVector(t, fmt.Sprint("v", i), n, true)
				want[i] = append([]float32(nil), got[i]...)
			}
			for i := range n { // v, a mean of squares, is never negative
				got[2][i] = float32(math.Abs(float64(got[2][i])))
				want[2][i] = got[2][i]
			}
			s := &AdamStep{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Rate: 0.01, GradScale: 0.5}
			k.adam(got[0], got[1], got[2], got[3], s)
			twin.adam(want[0], want[1], want[2], want[3], s)
			for i := range got {
				for j := range n {
					// m may cancel, hence abs; p moves by rate*m/sqrt(v), which
					// for special m is any size.
					if !close32(got[i][j], want[i][j], 64, 1e-6) {
						t.Fatalf("vector %d, value %d is %g, want %g", i, j, got[i][j], want[i][j])
					}
				}
			}
		})
	})
}
