package tensor

import (
	"fmt"
	"testing"
	"time"
)

// product is a benchmarked product: c (m, n), inner dimension k.
type benchProduct struct {
	name    string
	m, k, n int
}

var benchProducts = []benchProduct{
	{"NN", 3136, 1024, 1000},
	{"TN", 3136, 1024, 1000},
	{"NT", 3136, 1024, 1000},
	{"PairNT", 3136, 1024, 1000},
	{"PairTN", 1000, 3136, 1024},
	{"NN", 56, 12288, 1024},
	{"TN", 12288, 56, 1024},
	{"NT", 56, 1024, 12288},
	{"NN", 56, 4800, 1024},
	{"NN", 1, 4800, 1024},
	{"NT", 3, 1000, 3136},
	{"NN", 3, 3136, 1000},
	{"TN", 3136, 3, 1000},
}

// run makes a closure that computes the product once.
func (p benchProduct) prepare(cpu *CPU) func() {
	mat := func(rows, cols int) Mat {
		m := NewMat(cpu, rows, cols)
		cpu.Upload(m, newFramed(uint64(rows*cols), rows, cols, 0, 0).packed())
		return m
	}
	c := NewMat(cpu, p.m, p.n)
	switch p.name {
	case "PairNT":
		v, q, w := mat(56, p.k), mat(56, p.k), mat(p.n, p.k)
		return func() { cpu.PairNT(c, v, q, w) }
	case "PairTN":
		g, v, q := mat(p.k, p.m), mat(56, p.n), mat(56, p.n)
		return func() { cpu.PairTN(c, 1, g, v, q, 0) }
	}
	ta, tb := p.name[0] == 'T', p.name[1] == 'T'
	a, b := mat(p.m, p.k), mat(p.k, p.n)
	if ta {
		a = mat(p.k, p.m)
	}
	if tb {
		b = mat(p.n, p.k)
	}
	return func() { cpu.Gemm(c, 1, a, ta, b, tb, 0) }
}

func BenchmarkProduct(b *testing.B) {
	for _, kernel := range allKernels {
		for _, threads := range []int{1, 2} {
			for _, p := range benchProducts {
				b.Run(fmt.Sprintf("%s/%s/%dx%dx%d/threads=%d", kernel, p.name, p.m, p.k, p.n, threads), func(b *testing.B) {
					cpu := newTestCPU(b, threads, kernel)
					f := p.prepare(cpu)
					f()
					best := time.Duration(1 << 62)
					for b.Loop() {
						start := time.Now()
						f()
						best = min(best, time.Since(start))
					}
					flops := 2 * float64(p.m) * float64(p.k) * float64(p.n)
					b.ReportMetric(flops/float64(best.Nanoseconds()), "GFLOP/s(max)")
					b.ReportMetric(float64(best.Microseconds())/1000, "ms(min)")
				})
			}
		}
	}
}

// BenchmarkVectors measures what waits for memory: GB/s of reads and writes.
func BenchmarkVectors(b *testing.B) {
	const s, n, d, params = 56, 56, 1024, 21_597_112
	for _, kernel := range []string{"generic", "avx2"} {
		for _, threads := range []int{1, 2} {
			cpu := newTestCPU(b, threads, kernel)
			pairs := func() Mat { return NewMat(cpu, s*n, d) }
			side := func() Mat { return NewMat(cpu, n, d) }
			dz, h := pairs(), pairs()
			v, q, dv, dq := side(), side(), side(), side()
			for _, op := range []struct {
				name  string
				bytes int
				f     func() func()
			}{
				{"Adam", 28 * params, func() func() {
					var m [4]Mat
					for i := range m {
						m[i] = NewMat(cpu, 1, params)
					}
					return func() {
						cpu.Adam(m[0], m[1], m[2], m[3], AdamStep{Beta1: .9, Beta2: .999, Epsilon: 1e-8, Rate: .001, GradScale: 1})
					}
				}},
				{"SumSquares", 4 * params, func() func() {
					m := NewMat(cpu, 1, params)
					return func() { cpu.SumSquares(m) }
				}},
				{"PairFold", 4 * s * n * d, func() func() { return func() { cpu.PairFold(dv, dq, dz, v, q) } }},
				{"PairReLU", 8 * s * n * d, func() func() { return func() { cpu.PairReLU(h, v, q) } }},
				{"PairReLUBackward", 12 * s * n * d, func() func() { return func() { cpu.PairReLUBackward(dz, dv, dq, h) } }},
				{"LogisticLoss", 16 * s * n, func() func() {
					m := NewMat(cpu, s, n)
					return func() { cpu.LogisticLoss(m, m, m, m) }
				}},
				{"L2NormRows", 8 * s * d, func() func() { norm := NewMat(cpu, s, 1); return func() { cpu.L2NormRows(v, norm, q) } }},
			} {
				b.Run(fmt.Sprintf("%s/%s/threads=%d", kernel, op.name, threads), func(b *testing.B) {
					f := op.f()
					f()
					best := time.Duration(1 << 62)
					for b.Loop() {
						start := time.Now()
						f()
						best = min(best, time.Since(start))
					}
					b.ReportMetric(float64(op.bytes)/float64(best.Nanoseconds()), "GB/s(max)")
					b.ReportMetric(float64(best.Nanoseconds())/1e6, "ms(min)")
				})
			}
		}
	}
}
