package tensor

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// framed is a matrix inside a larger memory whose other values must not change.
type framed struct {
	Mat
	mem *hostMem
}

const frame = float32(-12345)

// drawMat makes a matrix at an odd offset, with gaps between its rows, filled
// with values of N(0, 1).
func drawMat(t *rapid.T, name string, rows, cols int) framed {
	off := rapid.IntRange(0, 9).Draw(t, name+" offset")
	gap := rapid.IntRange(0, 5).Draw(t, name+" gap")
	seed := rapid.Uint64().Draw(t, name+" seed")
	return newFramed(seed, rows, cols, off, gap)
}

func newFramed(seed uint64, rows, cols, off, gap int) framed {
	mem := &hostMem{data: make([]float32, off+rows*(cols+gap)+7)}
	for i := range mem.data {
		mem.data[i] = frame
	}
	m := framed{Mat: Mat{Mem: mem, Off: off, Rows: rows, Cols: cols, Stride: cols + gap}, mem: mem}
	rng := newNoise(seed)
	for r := range rows {
		for c := range cols {
			*m.at(r, c) = rng.normal()
		}
	}
	return m
}

func (m framed) at(r, c int) *float32 { return &m.mem.data[m.Off+r*m.Stride+c] }

// clone copies the matrix and its frame.
func (m framed) clone() framed {
	mem := &hostMem{data: append([]float32(nil), m.mem.data...)}
	m.mem, m.Mem = mem, mem
	return m
}

// checkFrame fails if a value outside the matrix has changed.
func (m framed) checkFrame(t rapid.TB, name string) {
	t.Helper()
	for i, x := range m.mem.data {
		r, c := (i-m.Off)/max(1, m.Stride), (i-m.Off)%max(1, m.Stride)
		inside := i >= m.Off && r < m.Rows && c < m.Cols
		if !inside && x != frame {
			t.Fatalf("%s: value %d outside of (%d, %d) at %d, stride %d, became %g", name, i, m.Rows, m.Cols, m.Off, m.Stride, x)
		}
	}
}

// noise is a small generator of normal values, fast enough for large operands.
type noise struct{ s uint64 }

func newNoise(seed uint64) *noise { return &noise{s: seed*2862933555777941757 + 3037000493} }

func (n *noise) uniform() float32 {
	n.s ^= n.s << 13
	n.s ^= n.s >> 7
	n.s ^= n.s << 17
	return float32(n.s>>40) / (1 << 24)
}

func (n *noise) normal() float32 {
	return (n.uniform() + n.uniform() + n.uniform() + n.uniform() - 2) * 1.7320508
}

// eachKernel runs f for every set of kernels of this processor, and says which
// sets it cannot run here.
func eachKernel(t *testing.T, f func(t *testing.T, kernel string)) {
	for _, name := range allKernels {
		t.Run(name, func(t *testing.T) {
			newTestCPU(t, 1, name) // skips visibly
			f(t, name)
		})
	}
}

var allKernels = []string{"generic", "avx2", "avx512"}

// newTestCPU skips the test where the processor cannot run the kernels.
func newTestCPU(t rapid.TB, threads int, kernel string) *CPU {
	t.Helper()
	c, err := NewCPUKernel(threads, kernel)
	if err != nil {
		t.Skipf("kernels %s not tested: this processor has %v", kernel, Kernels())
	}
	return c
}

// op is the element (i, k) of op(a).
func op(a framed, trans bool, i, k int) float64 {
	if trans {
		i, k = k, i
	}
	return float64(*a.at(i, k))
}

// checkProduct compares c with alpha*A*B + beta*before, summed in float64. The
// tolerance is that of a sum of k products in float32: each of k+2 roundings
// errs by at most 2^-24 of the sum of magnitudes.
func checkProduct(t rapid.TB, c, before framed, alpha, beta float32, k int, a, b func(i, k int) float64) {
	t.Helper()
	for i := range c.Rows {
		for j := range c.Cols {
			var sum, mag float64
			for x := range k {
				p := a(i, x) * b(j, x)
				sum += p
				mag += math.Abs(p)
			}
			want := float64(alpha) * sum
			mag *= math.Abs(float64(alpha))
			if beta != 0 {
				old := float64(beta) * float64(*before.at(i, j))
				want += old
				mag += math.Abs(old)
			}
			got := float64(*c.at(i, j))
			if tol := float64(k+3) * mag * 0x1p-24; !(math.Abs(got-want) <= tol) && !(got == want) {
				t.Fatalf("(%d, %d) is %g, want %g within %g", i, j, got, want, tol)
			}
		}
	}
}

// drawSize prefers sizes around the edges of tiles and chunks.
func drawSize(t *rapid.T, name string, limit int) int {
	return rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, limit)).Draw(t, name)
}

func TestGemm_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			threads := rapid.SampledFrom([]int{1, 2, 3}).Draw(t, "threads")
			cpu := newTestCPU(t, threads, kernel)
			m, n := drawSize(t, "m", 70), drawSize(t, "n", 70)
			k := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(1, 100), rapid.IntRange(380, 800)).Draw(t, "k")
			ta, tb := rapid.Bool().Draw(t, "transA"), rapid.Bool().Draw(t, "transB")
			alpha := rapid.SampledFrom([]float32{1, -0.5, 0}).Draw(t, "alpha")
			beta := rapid.SampledFrom([]float32{0, 1, 0.25}).Draw(t, "beta")
			ar, ac, br, bc := m, k, k, n
			if ta {
				ar, ac = ac, ar
			}
			if tb {
				br, bc = bc, br
			}
			a, b, c := drawMat(t, "a", ar, ac), drawMat(t, "b", br, bc), drawMat(t, "c", m, n)
			before := c.clone()
			if beta == 0 {
				for i := range m {
					for j := range n {
						*c.at(i, j) = float32(math.NaN())
					}
				}
			}
			cpu.Gemm(c.Mat, alpha, a.Mat, ta, b.Mat, tb, beta)
			c.checkFrame(t, "c")
			checkProduct(t, c, before, alpha, beta, k,
				func(i, k int) float64 { return op(a, ta, i, k) },
				func(j, k int) float64 { return op(b, !tb, j, k) })
		})
	})
}

func TestPairProducts_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, 2, kernel)
			s, n := rapid.IntRange(1, 4).Draw(t, "s"), rapid.IntRange(1, 40).Draw(t, "n")
			d, h := drawSize(t, "d", 70), drawSize(t, "h", 70)
			if rapid.Bool().Draw(t, "deep") {
				d += 380
			}
			v, q, w := drawMat(t, "v", n, d), drawMat(t, "q", s, d), drawMat(t, "w", h, d)
			c := drawMat(t, "c", s*n, h)
			cpu.PairNT(c.Mat, v.Mat, q.Mat, w.Mat)
			c.checkFrame(t, "c")
			product := func(r, k int) float64 { return float64(*v.at(r%n, k) * *q.at(r/n, k)) }
			checkProduct(t, c, c, 1, 0, d, product, func(j, k int) float64 { return op(w, false, j, k) })

			g := drawMat(t, "g", s*n, h)
			alpha := rapid.SampledFrom([]float32{1, -0.5}).Draw(t, "alpha")
			beta := rapid.SampledFrom([]float32{0, 1, 0.25}).Draw(t, "beta")
			before := w.clone()
			cpu.PairTN(w.Mat, alpha, g.Mat, v.Mat, q.Mat, beta)
			w.checkFrame(t, "w")
			checkProduct(t, w, before, alpha, beta, s*n,
				func(i, k int) float64 { return op(g, true, i, k) },
				func(j, k int) float64 { return product(k, j) })
		})
	})
}

// TestGemm_RowsAlone shows that a row of a product does not depend on the other
// rows, on the path taken for their number, or on the number of threads.
func TestGemm_RowsAlone(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		cpu := newTestCPU(t, 1, kernel)
		const m, n, k = 77, 69, 805
		for _, trans := range []string{"NN", "NT", "TN", "TT"} {
			ta, tb := trans[0] == 'T', trans[1] == 'T'
			a, b := newFramed(1, m, k, 3, 2), newFramed(2, k, n, 1, 3)
			if ta {
				a = newFramed(1, k, m, 3, 2)
			}
			if tb {
				b = newFramed(2, n, k, 1, 3)
			}
			whole := newFramed(3, m, n, 0, 0)
			cpu.Gemm(whole.Mat, 0.5, a.Mat, ta, b.Mat, tb, 0)
			for _, threads := range []int{1, 2, 3, 7} {
				other := newTestCPU(t, threads, kernel)
				for _, size := range [][2]int{{1, 1}, {1, n}, {2, 3}, {5, n}, {13, 40}, {m, 1}, {m, 17}, {m, n}} {
					rows, cols := size[0], size[1]
					for _, from := range []int{0, (m - rows) / 2, m - rows} {
						to := (n - cols) * from / max(1, m-rows)
						pa, pb := a.RowRange, b.ColRange
						if ta {
							pa = a.ColRange
						}
						if tb {
							pb = b.RowRange
						}
						part := newFramed(4, rows, cols, 1, 1)
						other.Gemm(part.Mat, 0.5, pa(from, from+rows), ta, pb(to, to+cols), tb, 0)
						for i := range rows {
							for j := range cols {
								got, want := *part.at(i, j), *whole.at(from+i, to+j)
								if math.Float32bits(got) != math.Float32bits(want) {
									t.Fatalf("%s, %d threads: (%d, %d) of a product of %d rows and %d columns is %g, of the whole %g",
										trans, threads, from+i, to+j, rows, cols, got, want)
								}
							}
						}
					}
				}
			}
		}
	})
}

// TestPairNT_IsGemm shows that pair products are bit for bit those of the pair
// matrix, whatever the numbers of sentences and windows.
func TestPairNT_IsGemm(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		for _, threads := range []int{1, 2, 3, 7} {
			cpu := newTestCPU(t, threads, kernel)
			const d, h = 805, 69
			for _, size := range [][2]int{{1, 1}, {1, 31}, {31, 1}, {5, 13}, {3, 14}, {2, 64}} {
				s, n := size[0], size[1]
				v, q, w := newFramed(1, n, d, 1, 2), newFramed(2, s, d, 0, 1), newFramed(3, h, d, 2, 0)
				pairs := newFramed(0, s*n, d, 0, 0)
				for r := range s * n {
					for k := range d {
						*pairs.at(r, k) = *v.at(r%n, k) * *q.at(r/n, k)
					}
				}
				got, want := newFramed(0, s*n, h, 0, 0), newFramed(0, s*n, h, 0, 0)
				cpu.PairNT(got.Mat, v.Mat, q.Mat, w.Mat)
				cpu.Gemm(want.Mat, 1, pairs.Mat, false, w.Mat, true, 0)
				mustEqual(t, fmt.Sprintf("PairNT %v, %d threads", size, threads), got, want)

				g := newFramed(4, s*n, h, 0, 0)
				got, want = newFramed(5, h, d, 0, 0), newFramed(5, h, d, 0, 0)
				cpu.PairTN(got.Mat, 2, g.Mat, v.Mat, q.Mat, 0.5)
				cpu.Gemm(want.Mat, 2, g.Mat, true, pairs.Mat, false, 0.5)
				mustEqual(t, fmt.Sprintf("PairTN %v, %d threads", size, threads), got, want)
			}
		}
	})
}

// mustEqual fails unless all bits are equal.
func mustEqual(t rapid.TB, what string, got, want framed) {
	t.Helper()
	for i := range got.Rows {
		for j := range got.Cols {
			g, w := *got.at(i, j), *want.at(i, j)
			if math.Float32bits(g) != math.Float32bits(w) {
				t.Fatalf("%s: (%d, %d) is %g, want %g", what, i, j, g, w)
			}
		}
	}
}

// TestGemm_PassesNaN puts infinities and NaN into both operands: each element of
// the product is NaN or infinite exactly where the plain sum is, so nothing that
// is not finite is lost, and nothing leaks into other rows and columns through
// the unused lanes of edge tiles.
func TestGemm_PassesNaN(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, 1, kernel)
			m, n, k := drawSize(t, "m", 40), drawSize(t, "n", 70), drawSize(t, "k", 40)
			ta, tb := rapid.Bool().Draw(t, "transA"), rapid.Bool().Draw(t, "transB")
			ar, ac, br, bc := m, k, k, n
			if ta {
				ar, ac = ac, ar
			}
			if tb {
				br, bc = bc, br
			}
			a, b, c := drawMat(t, "a", ar, ac), drawMat(t, "b", br, bc), drawMat(t, "c", m, n)
			for range rapid.IntRange(0, 3).Draw(t, "specials") {
				x := rapid.SampledFrom(special).Draw(t, "special")
				f := rapid.SampledFrom([]framed{a, b}).Draw(t, "operand")
				*f.at(rapid.IntRange(0, f.Rows-1).Draw(t, "row"), rapid.IntRange(0, f.Cols-1).Draw(t, "column")) = x
			}
			// What surrounds the operands must not be read into the product.
			for _, f := range []framed{a, b} {
				for i, x := range f.mem.data {
					if x == frame {
						f.mem.data[i] = float32(math.NaN())
					}
				}
			}
			cpu.Gemm(c.Mat, 1, a.Mat, ta, b.Mat, tb, 0)
			for i := range m {
				for j := range n {
					var want float64
					for x := range k {
						want += op(a, ta, i, x) * op(b, tb, x, j)
					}
					got := float64(*c.at(i, j))
					if math.IsNaN(got) != math.IsNaN(want) || (math.IsInf(want, 0) && got != want) || math.IsInf(got, 0) != math.IsInf(want, 0) {
						t.Fatalf("(%d, %d) is %g, want %g", i, j, got, want)
					}
				}
			}
		})
	})
}

// TestGemm_ReusesBuffers bounds the garbage of a call: a few small closures, but
// no buffers. (With more threads it is the same, once each has had a task.)
func TestGemm_ReusesBuffers(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		cpu := newTestCPU(t, 1, kernel)
		a, b, c := NewMat(cpu, 100, 400), NewMat(cpu, 400, 100), NewMat(cpu, 100, 100)
		cpu.Gemm(c, 1, a, false, b, false, 0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const calls = 50
		for range calls {
			cpu.Gemm(c, 1, a, false, b, false, 0)
		}
		runtime.ReadMemStats(&after)
		if bytes := (after.TotalAlloc - before.TotalAlloc) / calls; bytes > 1024 {
			t.Errorf("a product leaves %d bytes of garbage", bytes)
		}
	})
}

// TestPlan_CoversProduct shows that blocks are multiples of the tile (so that no
// element's tile depends on the number of threads), and that they end.
func TestPlan_CoversProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := gemmKernels{mr: rapid.SampledFrom([]int{4, 6, 14}).Draw(t, "mr"), nr: rapid.SampledFrom([]int{4, 16, 32}).Draw(t, "nr")}
		m, n := rapid.IntRange(1, 20000).Draw(t, "m"), rapid.IntRange(1, 20000).Draw(t, "n")
		threads := rapid.IntRange(1, 256).Draw(t, "threads")
		tm, tn := g.plan(m, n, threads)
		if tm <= 0 || tn <= 0 || tm%g.mr != 0 || tn%g.nr != 0 || tm > 768+g.mr || tn > 512+g.nr {
			t.Fatalf("blocks of (%d, %d)", tm, tn)
		}
	})
}
