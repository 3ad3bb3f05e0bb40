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
		m := newFramed(uint64(rows*cols), rows, cols, 0, 0)
		return m.Mat
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
