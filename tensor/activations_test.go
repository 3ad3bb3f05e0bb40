package tensor

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// exactActivation is f in float64.
func exactActivation(f Activation, x float64) float64 {
	switch f {
	case ReLU:
		return max(0, x)
	case GELU:
		return x * 0.5 * math.Erfc(-x/math.Sqrt2)
	case GELUTanh:
		return x * 0.5 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case QuickGELU:
		return x / (1 + math.Exp(-1.702*x))
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	case Tanh:
		return math.Tanh(x)
	}
	return x
}

var allActivations = []Activation{Identity, ReLU, GELU, GELUTanh, QuickGELU, Sigmoid, Tanh}

// TestActivate_Oracle goes through a fine grid, and the ends of the numbers.
func TestActivate_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		cpu := newTestCPU(t, 1, kernel)
		var xs []float32
		for x := -20.0; x <= 20; x += 1.0 / 512 {
			xs = append(xs, float32(x))
		}
		for e := -140; e < 127; e += 3 {
			x := float32(math.Ldexp(1.3, e))
			xs = append(xs, x, -x)
		}
		for _, f := range allActivations {
			m := NewMat(cpu, 1, len(xs))
			cpu.Upload(m, xs)
			cpu.Activate(m, f)
			got := make([]float32, len(xs))
			cpu.Download(got, m)
			worst := 0.0
			for i, x := range xs {
				want := exactActivation(f, float64(x))
				// The exponential takes the rounding of its argument (half a unit of
				// up to 8 where the result is above 1e-7 of the argument), and the
				// polynomials a few units of their own.
				if math.Abs(float64(got[i])-want) > max(4*0x1p-23*math.Abs(want), 3e-7*min(1, math.Abs(float64(x))), 2e-38) && math.Abs(want) < math.MaxFloat32 {
					t.Fatalf("%v(%g) is %g, want %g", f, x, got[i], want)
				}
				if math.Abs(want) > 1e-3 && math.Abs(want) < 1e6 {
					worst = max(worst, math.Abs(float64(got[i])-want)/math.Abs(want))
				}
			}
			t.Logf("%v: relative error at most %.2g where the result is above 0.001", f, worst)
		}
	})
}

// TestActivate_Specials compares NaN, infinities and zeros with IEEE arithmetic.
func TestActivate_Specials(t *testing.T) {
	inf := float32(math.Inf(1))
	nan := float32(math.NaN())
	for f, want := range map[Activation][3]float32{ // of +Inf, -Inf, 0
		ReLU: {inf, 0, 0}, GELU: {inf, nan, 0}, GELUTanh: {inf, nan, 0}, QuickGELU: {inf, nan, 0}, Sigmoid: {1, 0, 0.5}, Tanh: {1, -1, 0},
	} {
		eachKernel(t, func(t *testing.T, kernel string) {
			cpu := newTestCPU(t, 1, kernel)
			m := NewMat(cpu, 1, 4)
			cpu.Upload(m, []float32{inf, -inf, 0, nan})
			cpu.Activate(m, f)
			got := make([]float32, 4)
			cpu.Download(got, m)
			for i, w := range append(want[:], nan) {
				if !close32(got[i], w, 1, 0) {
					t.Errorf("%v: value %d is %g, want %g", f, i, got[i], w)
				}
			}
		})
	}
}

func TestActivation_String(t *testing.T) {
	if s := fmt.Sprint(GELU, Tanh, Activation(99)); s != "GELU Tanh Activation(99)" {
		t.Error(s)
	}
}

func TestSoftmax_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, 2, kernel)
			rows, cols := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 70).Draw(t, "cols")
			m := drawMat(t, "m", rows, cols)
			scale := rapid.SampledFrom([]float32{1, 0.125, 30, 0}).Draw(t, "scale")
			var valid []int
			if rapid.Bool().Draw(t, "masked") {
				for range rows {
					valid = append(valid, rapid.IntRange(0, cols).Draw(t, "valid"))
				}
			}
			before := m.clone()
			cpu.Softmax(m.Mat, scale, valid)
			m.checkFrame(t, "m")
			for r := range rows {
				n := cols
				if valid != nil {
					n = valid[r]
				}
				var sum float64
				for c := range n {
					sum += math.Exp(float64(scale) * float64(*before.at(r, c)))
				}
				for c := range cols {
					want := 0.0
					if c < n {
						want = math.Exp(float64(scale)*float64(*before.at(r, c))) / sum
					}
					// The argument, at most 30*8*2, is rounded twice.
					if got := float64(*m.at(r, c)); math.Abs(got-want) > want*(480*0x1p-23+8*0x1p-23)+1e-37 {
						t.Fatalf("(%d, %d) is %g, want %g", r, c, got, want)
					}
				}
			}
		})
	})
}

// TestSoftmax_Specials: -Inf is a mask, +Inf and NaN make the row NaN, large
// values do not overflow.
func TestSoftmax_Specials(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachKernel(t, func(t *testing.T, kernel string) {
		cpu := newTestCPU(t, 1, kernel)
		for _, c := range []struct{ x, want []float32 }{
			{[]float32{0, -inf, 0}, []float32{0.5, 0, 0.5}},
			{[]float32{3e38, 3e38, -3e38}, []float32{0.5, 0.5, 0}},
			{[]float32{0, inf}, []float32{nan, nan}},
			{[]float32{0, nan, 1}, []float32{nan, nan, nan}},
			{[]float32{nan, 0, 1, 2, 3, 4, 5, 6, 7, 8}, []float32{nan, nan, nan, nan, nan, nan, nan, nan, nan, nan}},
			{[]float32{-inf, -inf}, []float32{nan, nan}},
		} {
			m := NewMat(cpu, 1, len(c.x))
			cpu.Upload(m, c.x)
			cpu.Softmax(m, 1, nil)
			got := make([]float32, len(c.x))
			cpu.Download(got, m)
			for i := range got {
				if !close32(got[i], c.want[i], 1, 0) {
					t.Errorf("%v: %v, want %v", c.x, got, c.want)
				}
			}
		}
	})
}

func TestLayerNorm_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, 2, kernel)
			rows, cols := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 100).Draw(t, "cols")
			x, y := drawMat(t, "x", rows, cols), drawMat(t, "y", rows, cols)
			gain, bias := drawMat(t, "gain", 1, cols), drawMat(t, "bias", 1, cols)
			scale := rapid.SampledFrom([]float32{1, 1e-3, 1e6}).Draw(t, "scale")
			shift := rapid.SampledFrom([]float32{0, 1, 1000}).Draw(t, "shift")
			eps := rapid.SampledFrom([]float32{1e-5, 1e-12}).Draw(t, "eps")
			for r := range rows {
				for c := range cols {
					*x.at(r, c) = scale * (*x.at(r, c) + shift)
				}
			}
			before := x.clone()
			cpu.LayerNorm(y.Mat, x.Mat, gain.Mat, bias.Mat, eps)
			cpu.LayerNorm(x.Mat, x.Mat, gain.Mat, bias.Mat, eps)
			mustEqual(t, "in place", x, y)
			y.checkFrame(t, "y")
			for r := range rows {
				var mean, variance, size float64
				for c := range cols {
					mean += float64(*before.at(r, c)) / float64(cols)
				}
				for c := range cols {
					d := float64(*before.at(r, c)) - mean
					variance += d * d / float64(cols)
					size = max(size, math.Abs(float64(*before.at(r, c))))
				}
				inv := 1 / math.Sqrt(variance+float64(eps))
				for c := range cols {
					g := float64(*gain.at(0, c))
					term := (float64(*before.at(r, c)) - mean) * inv * g
					want := term + float64(*bias.at(0, c))
					// Rounded: the mean, to half a unit of the largest value; the
					// difference, the factor, and both products and the sum. The
					// variance loses 2^-50 of the squares.
					tol := size*inv*math.Abs(g)*0x1p-23 + 6*0x1p-24*(math.Abs(term)+math.Abs(want)) +
						math.Abs(term)*size*size*inv*inv*0x1p-49
					if got := float64(*y.at(r, c)); math.Abs(got-want) > tol {
						t.Fatalf("(%d, %d) is %g, want %g within %g", r, c, got, want, tol)
					}
				}
			}
		})
	})
}

// TestAffine_IsGemm shows that the fused form has the bits of its parts, whatever
// the number of threads.
func TestAffine_IsGemm(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		for _, threads := range []int{1, 2, 3} {
			cpu := newTestCPU(t, threads, kernel)
			for i, size := range [][3]int{{1, 5, 3}, {17, 805, 69}, {120, 24, 530}, {13, 0, 20}, {3, 400, 64}, {5, 384, 1}} {
				n, in, out := size[0], size[1], size[2]
				for j, f := range allActivations {
					beta := float32(j % 2)
					x, w, bias := newFramed(1, n, in, 1, 2), newFramed(2, out, in, 1, i%2), newFramed(3, 1, out, 2, 0)
					got := newFramed(4, n, out, 1, 1)
					want := got.clone()
					noBias := (i+j)%3 == 0
					cpu.Gemm(want.Mat, 1, x.Mat, false, w.Mat, true, beta)
					b := bias.Mat
					if noBias {
						b = Mat{}
					} else {
						cpu.AddRow(want.Mat, b)
					}
					cpu.Activate(want.Mat, f)
					cpu.Affine(got.Mat, x.Mat, w.Mat, b, f, beta)
					mustEqual(t, fmt.Sprintf("Affine %v, %v, %d threads", size, f, threads), got, want)
					got.checkFrame(t, "y")

					got = newFramed(4, n, out, 1, 1)
					w = w.clone()
					cpu.AffinePacked(got.Mat, x.Mat, cpu.Pack(w.Mat), b, f, beta)
					w.checkFrame(t, "w")
					mustEqual(t, fmt.Sprintf("AffinePacked %v, %v, %d threads", size, f, threads), got, want)
					got.checkFrame(t, "y")
				}
			}
		}
	})
}

func TestMul_Products(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		cpu := newTestCPU(t, 1, kernel)
		x, y := newFramed(1, 3, 21, 1, 1), newFramed(2, 3, 21, 0, 2)
		before := y.clone()
		cpu.Mul(y.Mat, x.Mat)
		for r := range 3 {
			for c := range 21 {
				if want := *before.at(r, c) * *x.at(r, c); *y.at(r, c) != want {
					t.Fatalf("(%d, %d) is %g, want %g", r, c, *y.at(r, c), want)
				}
			}
		}
		y.checkFrame(t, "y")
	})
}
