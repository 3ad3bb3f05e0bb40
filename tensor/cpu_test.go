package tensor

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewCPU_Kernels(t *testing.T) {
	t.Setenv(KernelVariable, "generic")
	if got := NewCPU(1).Name(); got != "cpu/generic" {
		t.Errorf("%s=generic gives %s", KernelVariable, got)
	}
	t.Setenv(KernelVariable, "")
	if got, want := NewCPU(1).Name(), "cpu/"+Kernels()[0]; got != want {
		t.Errorf("the default is %s, want %s", got, want)
	}
	if got := NewCPU(0).Threads(); got < 1 {
		t.Errorf("0 threads gives %d", got)
	}
	_, err := NewCPUKernel(1, "sse9")
	if err == nil || !strings.Contains(err.Error(), `"sse9"`) || !strings.Contains(err.Error(), strings.Join(Kernels(), ", ")) {
		t.Errorf("an unknown name: %v; want it and the valid ones named", err)
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "generic") {
			t.Errorf("NewCPU with an unknown name: %v", r)
		}
	}()
	t.Setenv(KernelVariable, "sse9")
	NewCPU(1)
}

// step runs every operation once on shapes large enough to be split over
// threads, and returns all results.
func step(cpu *CPU) []framed {
	const s, n, d, h = 7, 61, 300, 210
	var out []framed
	seed := uint64(0)
	mat := func(rows, cols int) framed {
		seed++
		m := newFramed(seed, rows, cols, 1, 3)
		out = append(out, m)
		return m
	}
	scalar := func(x float64) {
		m := mat(1, 2)
		bits := math.Float64bits(x)
		*m.at(0, 0), *m.at(0, 1) = float32(bits>>32&0xffffff), float32(bits&0xffffff)
	}
	v, q, w, hid := mat(n, d), mat(s, d), mat(h, d), mat(s*n, h)
	cpu.PairNT(hid.Mat, v.Mat, q.Mat, w.Mat)
	tv, ts := mat(n, h), mat(s, h)
	cpu.PairReLU(hid.Mat, tv.Mat, ts.Mat)
	dh, dtv, dts := mat(s*n, h), mat(n, h), mat(s, h)
	cpu.PairReLUBackward(dh.Mat, dtv.Mat, dts.Mat, hid.Mat)
	cpu.PairTN(mat(h, d).Mat, 1, dh.Mat, v.Mat, q.Mat, 0.5)
	dz, dv, dq := mat(s*n, d), mat(n, d), mat(s, d)
	cpu.Gemm(dz.Mat, 1, dh.Mat, false, w.Mat, false, 0)
	cpu.PairFold(dv.Mat, dq.Mat, dz.Mat, v.Mat, q.Mat)
	y, norm := mat(s*n, d), mat(s*n, 1)
	cpu.L2NormRows(y.Mat, norm.Mat, dz.Mat)
	cpu.L2NormRowsBackward(mat(s*n, d).Mat, mat(s*n, d).Mat, y.Mat, norm.Mat)
	row, col := mat(1, d), mat(s*n, 1)
	cpu.SumRows(row.Mat, dz.Mat, 0.5)
	cpu.SumColumns(col.Mat, dz.Mat, 0.5)
	cpu.AddRow(y.Mat, row.Mat)
	cpu.AddColumn(y.Mat, col.Mat)
	cpu.Axpy(y.Mat, 0.3, dz.Mat)
	cpu.ReLU(y.Mat)
	cpu.ReLUBackward(dz.Mat, y.Mat)
	scalar(cpu.Dot(y.Mat, dz.Mat))
	flat := NewMat(cpu, 997, 211)
	cpu.Upload(flat, mat(997*211, 1).packed())
	scalar(cpu.SumSquares(flat))
	x, sign, weight := mat(s*n, d), mat(s*n, d), mat(s*n, d)
	scalar(cpu.LogisticLoss(mat(s*n, d).Mat, x.Mat, sign.Mat, weight.Mat))
	scalar(cpu.L1Loss(mat(s*n, d).Mat, x.Mat, weight.Mat, 0.3, 0.5))
	sq := mat(s*n, d)
	cpu.Zero(sq.Mat)
	cpu.Adam(x.Mat, weight.Mat, sq.Mat, dz.Mat, AdamStep{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Rate: 0.01, GradScale: 0.7})
	cpu.Copy(sign.Mat, x.Mat)
	for _, f := range allActivations {
		cpu.Activate(mat(s*n, d).Mat, f)
	}
	cpu.Softmax(mat(s*n, d).Mat, 0.7, nil)
	cpu.LayerNorm(mat(s*n, d).Mat, mat(s*n, d).Mat, mat(1, d).Mat, mat(1, d).Mat, 1e-5)
	cpu.Mul(mat(s*n, d).Mat, mat(s*n, d).Mat)
	cpu.Affine(mat(s*n, h).Mat, mat(s*n, d).Mat, mat(h, d).Mat, mat(1, h).Mat, GELU, 0)
	cpu.Attention(mat(s*n, d).Mat, mat(s*n, d).Mat, mat(s*n, d).Mat, mat(s*n, d).Mat,
		Heads{Sequences: s, Heads: 6, Causal: true, Valid: []int{n, n, 30, 1, 0, n, 7}})
	return out
}

// packed is the matrix without gaps.
func (m framed) packed() []float32 {
	var out []float32
	for r := range m.Rows {
		out = append(out, m.mem.data[m.Off+r*m.Stride:][:m.Cols]...)
	}
	return out
}

// TestCPU_SameBitsForAnyThreads runs every operation with several numbers of
// threads.
func TestCPU_SameBitsForAnyThreads(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		want := step(newTestCPU(t, 1, kernel))
		for _, threads := range []int{2, 3, 7} {
			got := step(newTestCPU(t, threads, kernel))
			for i := range want {
				mustEqual(t, fmt.Sprintf("%d threads, matrix %d", threads, i), got[i], want[i])
				got[i].checkFrame(t, fmt.Sprintf("%d threads, matrix %d", threads, i))
			}
		}
	})
}

// TestCPU_SameBitsForAnyVectors shows that AVX2 and AVX-512 agree bit for bit:
// both sum each element of a product in the same order.
func TestCPU_SameBitsForAnyVectors(t *testing.T) {
	want, got := step(newTestCPU(t, 1, "avx2")), step(newTestCPU(t, 1, "avx512"))
	for i := range want {
		mustEqual(t, fmt.Sprintf("matrix %d", i), got[i], want[i])
	}
}

// TestCPU_OperationsEqualTwin compares whole operations on views with gaps.
func TestCPU_OperationsEqualTwin(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		want, got := step(newTestCPU(t, 1, "generic")), step(newTestCPU(t, 2, kernel))
		for i := range want {
			if want[i].Rows == 1 && want[i].Cols == 2 {
				continue // the bits of a float64 sum
			}
			var worst, size float64
			for r := range want[i].Rows {
				for c := range want[i].Cols {
					w := float64(*want[i].at(r, c))
					worst = max(worst, math.Abs(float64(*got[i].at(r, c))-w))
					size = max(size, math.Abs(w))
				}
			}
			// Sums of up to 427 terms in float32, fused or not, and one
			// step's worth of operations after one another.
			if worst > 1e-4*size {
				t.Errorf("matrix %d (%d, %d) differs by %g, its largest value is %g", i, want[i].Rows, want[i].Cols, worst, size)
			}
		}
	})
}

func TestL2NormRows_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, 2, kernel)
			rows, cols := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 70).Draw(t, "cols")
			scale := rapid.SampledFrom([]float32{1, 1e-9, 0, 1e15}).Draw(t, "scale")
			x, y, norm := drawMat(t, "x", rows, cols), drawMat(t, "y", rows, cols), drawMat(t, "norm", rows, 1)
			dy, dx := drawMat(t, "dy", rows, cols), drawMat(t, "dx", rows, cols)
			for r := range rows {
				for c := range cols {
					*x.at(r, c) *= scale
				}
			}
			cpu.L2NormRows(y.Mat, norm.Mat, x.Mat)
			cpu.L2NormRowsBackward(dx.Mat, dy.Mat, y.Mat, norm.Mat)
			for r := range rows {
				var sum, dot, dotSize float64
				for c := range cols {
					sum += float64(*x.at(r, c)) * float64(*x.at(r, c))
				}
				n := math.Sqrt(max(sum, 1e-12))
				if sum > 1e-12 {
					for c := range cols {
						term := float64(*x.at(r, c)) / n * float64(*dy.at(r, c))
						dot += term
						dotSize += math.Abs(term)
					}
				}
				if !close32(*norm.at(r, 0), float32(n), 1, 0) {
					t.Fatalf("row %d: norm %g, want %g", r, *norm.at(r, 0), n)
				}
				for c := range cols {
					unit := float64(*x.at(r, c)) / n
					if !close32(*y.at(r, c), float32(unit), 2, 0) {
						t.Fatalf("(%d, %d): %g, want %g", r, c, *y.at(r, c), unit)
					}
					want := (float64(*dy.at(r, c)) - unit*dot) / n
					// The difference may cancel, and so may the sum in it:
					// relative to all their terms.
					size := (math.Abs(float64(*dy.at(r, c))) + math.Abs(unit)*dotSize) / n
					if got := float64(*dx.at(r, c)); math.Abs(got-want) > 8*0x1p-24*size {
						t.Fatalf("(%d, %d): gradient %g, want %g", r, c, got, want)
					}
				}
			}
			y.checkFrame(t, "y")
			dx.checkFrame(t, "dx")
			norm.checkFrame(t, "norm")
		})
	})
}

func TestL1Loss(t *testing.T) {
	cpu := newTestCPU(t, 1, "generic")
	x, target, dx := NewMat(cpu, 1, 4), NewMat(cpu, 1, 4), NewMat(cpu, 1, 4)
	cpu.Upload(x, []float32{3, -1, 2, 1.5})
	cpu.Upload(target, []float32{1, 1, 2, 1})
	check := func(beta float32, wantLoss float64, want ...float32) {
		t.Helper()
		got := make([]float32, 4)
		loss := cpu.L1Loss(dx, x, target, 0.5, beta)
		cpu.Download(got, dx)
		if loss != wantLoss || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("beta %g: %g %v, want %g %v", beta, loss, got, wantLoss, want)
		}
	}
	check(0, 0.5*(2+2+0+0.5), 0.5, -0.5, 0, 0.5)
	check(1, 0.5*(1.5+1.5+0+0.125), 0.5, -0.5, 0, 0.25)

	cpu.Upload(x, []float32{float32(math.NaN()), float32(math.Inf(1)), 2, 1})
	if loss := cpu.L1Loss(dx, x, target, 0.5, 1); !math.IsNaN(loss) {
		t.Errorf("the loss of NaN is %g", loss)
	}
	got := make([]float32, 4)
	cpu.Download(got, dx)
	if got[0] == got[0] || got[1] != 0.5 {
		t.Errorf("gradient %v, want NaN and 0.5 first", got)
	}
}

// TestPairReLUBackward_Sums compares the sums with a plain loop.
func TestPairReLUBackward_Sums(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, 2, kernel)
			s, n, h := rapid.IntRange(1, 5).Draw(t, "s"), rapid.IntRange(1, 9).Draw(t, "n"), rapid.IntRange(1, 600).Draw(t, "h")
			hid, dh := drawMat(t, "h", s*n, h), drawMat(t, "dh", s*n, h)
			dtv, dts := drawMat(t, "dtv", n, h), drawMat(t, "dts", s, h)
			dv, dq := drawMat(t, "dv", n, h), drawMat(t, "dq", s, h)
			v, q := drawMat(t, "v", n, h), drawMat(t, "q", s, h)
			wantV, wantS, wantDv, wantDq := map[[2]int]float64{}, map[[2]int]float64{}, map[[2]int]float64{}, map[[2]int]float64{}
			for c := range h {
				for j := range n {
					wantDv[[2]int{j, c}] = float64(*dv.at(j, c))
				}
				for i := range s {
					wantDq[[2]int{i, c}] = float64(*dq.at(i, c))
					for j := range n {
						d := float64(*dh.at(i*n+j, c))
						if *hid.at(i*n+j, c) <= 0 {
							d = 0
						}
						wantV[[2]int{j, c}] += d
						wantS[[2]int{i, c}] += d
						wantDv[[2]int{j, c}] += d * float64(*q.at(i, c))
						wantDq[[2]int{i, c}] += d * float64(*v.at(j, c))
					}
				}
			}
			cpu.PairReLUBackward(dh.Mat, dtv.Mat, dts.Mat, hid.Mat)
			cpu.PairFold(dv.Mat, dq.Mat, dh.Mat, v.Mat, q.Mat)
			for name, c := range map[string]struct {
				m    framed
				want map[[2]int]float64
			}{"dtv": {dtv, wantV}, "dts": {dts, wantS}, "dv": {dv, wantDv}, "dq": {dq, wantDq}} {
				for at, want := range c.want {
					// At most 10 terms, each below 40.
					if got := float64(*c.m.at(at[0], at[1])); math.Abs(got-want) > 10*10*40*0x1p-24 {
						t.Fatalf("%s %v: %g, want %g", name, at, got, want)
					}
				}
				c.m.checkFrame(t, name)
			}
		})
	})
}

func TestCPU_RefusesWrongShapes(t *testing.T) {
	cpu := newTestCPU(t, 1, "generic")
	a, b := NewMat(cpu, 2, 3), NewMat(cpu, 3, 2)
	short := a
	short.Rows = 3
	for name, f := range map[string]func(){
		"Gemm":        func() { cpu.Gemm(a, 1, a, false, b, false, 0) },
		"PairNT":      func() { cpu.PairNT(a, a, b, a) },
		"PairTN":      func() { cpu.PairTN(a, 1, a, a, b, 0) },
		"PairFold":    func() { cpu.PairFold(a, a, a, b, b) },
		"Axpy":        func() { cpu.Axpy(a, 1, b) },
		"AddRow":      func() { cpu.AddRow(a, b) },
		"past memory": func() { cpu.ReLU(short) },
		"Upload":      func() { cpu.Upload(a, make([]float32, 5)) },
		"Download":    func() { cpu.Download(make([]float32, 5), a) },
		"foreign":     func() { cpu.ReLU(MatOf(foreign{}, 1, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "tensor: ") {
					t.Errorf("panic %v, want one of tensor's", r)
				}
			}()
			f()
		})
	}
}

type foreign struct{}

func (foreign) Len() int { return 1 }

func TestCPU_EmptyShapes(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		cpu := newTestCPU(t, 2, kernel)
		none, wide, row := NewMat(cpu, 0, 3), NewMat(cpu, 4, 0), NewMat(cpu, 1, 3)
		cpu.Gemm(none, 1, NewMat(cpu, 0, 5), false, NewMat(cpu, 5, 3), false, 0)
		cpu.Upload(row, []float32{1, 2, 3})
		cpu.Gemm(row, 1, NewMat(cpu, 1, 0), false, none, false, 2)
		got := make([]float32, 3)
		cpu.Download(got, row)
		if got[0] != 2 || got[2] != 6 {
			t.Errorf("a product over nothing gives %v, want twice 1 2 3", got)
		}
		cpu.ReLU(none)
		cpu.SumRows(row, none, 1)
		cpu.SumColumns(NewMat(cpu, 4, 1), wide, 1)
		cpu.AddRow(wide, NewMat(cpu, 1, 0))
		cpu.L2NormRows(wide, NewMat(cpu, 4, 1), wide)
		cpu.L2NormRowsBackward(wide, wide, wide, NewMat(cpu, 4, 1))
		if cpu.Dot(wide, wide) != 0 || cpu.LogisticLoss(none, none, none, none) != 0 || cpu.L1Loss(none, none, none, 1, 0) != 0 {
			t.Error("sums over nothing are not 0")
		}
	})
}
