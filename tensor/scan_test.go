package tensor

import (
	"fmt"
	"math"
	"runtime"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHalf_AllNumbers decodes every half and encodes it again, and rounds what
// lies between two of them to the nearer one, ties to the even one.
func TestHalf_AllNumbers(t *testing.T) {
	for h := range 1 << 16 {
		x := fromHalf(uint16(h))
		exponent, digits := h>>10&0x1f, float64(h&0x3ff)
		want := math.Ldexp(1024+digits, exponent-25)
		switch {
		case exponent == 0:
			want = math.Ldexp(digits, -24)
		case exponent == 31 && digits == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		}
		if h >= 1<<15 {
			want = -want
		}
		if float64(x) != want && !(x != x && want != want) {
			t.Fatalf("%#04x is %g, want %g", h, x, want)
		}
		back := toHalf(x)
		if x != x {
			if y := fromHalf(back); y == y {
				t.Fatalf("NaN becomes %g", y)
			}
			continue
		}
		if int(back) != h {
			t.Fatalf("%g becomes %#04x, want %#04x", x, back, h)
		}
		if exponent == 31 || h == 0x7bff || h == 0xfbff {
			continue
		}
		next := fromHalf(uint16(h + 1))
		middle := float32((float64(x) + float64(next)) / 2) // exact
		even := uint16(h + h&1)
		for _, c := range []struct {
			x    float32
			want uint16
		}{
			{middle, even},
			{math.Nextafter32(middle, x), uint16(h)},
			{math.Nextafter32(middle, next), uint16(h + 1)},
		} {
			if got := toHalf(c.x); got != c.want {
				t.Fatalf("%g becomes %#04x, want %#04x", c.x, got, c.want)
			}
		}
	}
	for x, want := range map[float32]uint16{65519.996: 0x7bff, 65520: 0x7c00, -1e30: 0xfc00, 1e-30: 0, 0x1p-25: 0, 0x1.000002p-25: 1} {
		if got := toHalf(x); got != want {
			t.Errorf("%g becomes %#04x, want %#04x", x, got, want)
		}
	}
}

func TestDotF16_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, 2, kernel)
			n, d := rapid.IntRange(0, 70).Draw(t, "n"), rapid.IntRange(1, 100).Draw(t, "d")
			queries := rapid.IntRange(1, 9).Draw(t, "queries")
			q := drawVector(t, "q", queries*d, false)
			rows := make([]uint16, n*d+1)[1:]
			EncodeF16(rows, drawVector(t, "rows", n*d, false))
			exact := make([]float32, n*d)
			DecodeF16(exact, rows)
			dst := make([]float32, queries*n)
			cpu.DotF16(dst, rows, d, q)
			for i := range queries {
				for r := range n {
					var want, size float64
					for k := range d {
						p := float64(q[i*d+k]) * float64(exact[r*d+k])
						want += p
						size += math.Abs(p)
					}
					// Each of up to d+5 roundings errs by 2^-24 of the magnitudes.
					if got := float64(dst[i*n+r]); math.Abs(got-want) > float64(d+5)*0x1p-24*size {
						t.Fatalf("query %d, row %d: %g, want %g", i, r, got, want)
					}
				}
			}
			if n == 0 {
				return
			}
			// One query, one row, other threads: the same bits.
			i, r := rapid.IntRange(0, queries-1).Draw(t, "i"), rapid.IntRange(0, n-1).Draw(t, "r")
			alone, picked := make([]float32, 1), make([]float32, 2*queries)
			newTestCPU(t, 3, kernel).DotF16(alone, rows[r*d:(r+1)*d], d, q[i*d:(i+1)*d])
			cpu.DotRowsF16(picked, rows, d, []int{n - 1, r}, q)
			if alone[0] != dst[i*n+r] || picked[2*i+1] != dst[i*n+r] || picked[2*i] != dst[i*n+n-1] {
				t.Fatalf("alone %g, picked %g, among others %g", alone[0], picked[2*i+1], dst[i*n+r])
			}
		})
	})
}

func TestDotI8_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, 2, kernel)
			n := rapid.IntRange(1, 150).Draw(t, "n")
			d := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(500, 1100)).Draw(t, "d")
			queries := rapid.IntRange(1, 9).Draw(t, "queries")
			q, exact := drawVector(t, "q", queries*d, false), drawVector(t, "rows", n*d, false)
			rows, scales := make([]int8, n*d), make([]float32, n)
			for r := range n {
				scales[r] = QuantizeI8(rows[r*d:(r+1)*d], exact[r*d:(r+1)*d])
			}
			dst, twin := make([]float32, queries*n), make([]float32, queries*n)
			cpu.DotI8(dst, rows, scales, d, q)
			newTestCPU(t, 1, "generic").DotI8(twin, rows, scales, d, q)
			for i := range queries {
				for r := range n {
					var want float64
					for k := range d {
						want += float64(q[i*d+k]) * float64(exact[r*d+k])
					}
					got := dst[i*n+r]
					// The bound, and three roundings of the result.
					if bound := float64(ErrorI8(q[i*d:(i+1)*d], scales[r])); math.Abs(float64(got)-want) > bound*(1+1e-6)+4*0x1p-24*math.Abs(want) {
						t.Fatalf("query %d, row %d: %g, want %g within %g", i, r, got, want, bound)
					}
					if got != twin[i*n+r] {
						t.Fatalf("query %d, row %d: %g, the twin %g", i, r, got, twin[i*n+r])
					}
				}
			}
		})
	})
}

// TestDotI8_Extremes has the largest sums that there can be, which must not
// overflow, at the numbers of values where the step of a query changes.
func TestDotI8_Extremes(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		cpu := newTestCPU(t, 1, kernel)
		for _, d := range []int{1, 16, 511, 512, 513, 1024, 4096, 20000} {
			x := make([]float32, d)
			for i := range x {
				x[i] = 3
			}
			row := make([]int8, d)
			scale := QuantizeI8(row, x)
			for _, sign := range []float32{1, -1} {
				q := make([]float32, d)
				for i := range q {
					q[i] = sign * 5
				}
				got := make([]float32, 1)
				cpu.DotI8(got, row, []float32{scale}, d, q)
				if want := sign * 15 * float32(d); !close32(got[0], want, 4, 0) {
					t.Errorf("d %d: %g, want %g", d, got[0], want)
				}
			}
		}
		nan, inf := float32(math.NaN()), float32(math.Inf(1))
		for _, bad := range []float32{nan, inf, -inf} {
			row := make([]int8, 3)
			scale := QuantizeI8(row, []float32{1, bad, 2})
			got := make([]float32, 1)
			cpu.DotI8(got, row, []float32{scale}, 3, []float32{1, 2, 3})
			if got[0] == got[0] {
				t.Errorf("a row with %g gives %g", bad, got[0])
			}
			cpu.DotI8(got, []int8{1, 2, 3}, []float32{1}, 3, []float32{1, 2, bad})
			if got[0] == got[0] {
				t.Errorf("a query with %g gives %g", bad, got[0])
			}
		}
		row, got := make([]int8, 2), make([]float32, 1)
		cpu.DotI8(got, row, []float32{QuantizeI8(row, []float32{0, 0})}, 2, []float32{0, 0})
		if got[0] != 0 {
			t.Errorf("zeros give %g", got[0])
		}
		if scale := QuantizeI8(row, []float32{math.SmallestNonzeroFloat32, 0}); row[0] == 0 || scale == 0 {
			t.Errorf("the least number becomes %d * %g", row[0], scale)
		}
	})
}

// TestDotI8_ChoosesRows shows that rows whose product comes within the bounds of
// the best hold the best rows of the exact products: a search by bytes, scored
// again, finds what an exact one finds.
func TestDotI8_ChoosesRows(t *testing.T) {
	cpu := NewCPU(2)
	const n, d, top = 5000, 64, 10
	rng := newNoise(3)
	exact, q := make([]float32, n*d), make([]float32, d)
	for i := range exact {
		exact[i] = rng.normal()
	}
	for i := range q {
		q[i] = rng.normal()
	}
	half, rows, scales := make([]uint16, n*d), make([]int8, n*d), make([]float32, n)
	EncodeF16(half, exact)
	DecodeF16(exact, half)
	for r := range n {
		scales[r] = QuantizeI8(rows[r*d:(r+1)*d], exact[r*d:(r+1)*d])
	}
	best := func(scores []float32) []int {
		order := make([]int, len(scores))
		for i := range order {
			order[i] = i
		}
		sort.SliceStable(order, func(i, j int) bool { return scores[order[i]] > scores[order[j]] })
		return order[:top]
	}
	want := make([]float32, n)
	cpu.DotF16(want, half, d, q)

	rough := make([]float32, n)
	cpu.DotI8(rough, rows, scales, d, q)
	worst := best(rough)[top-1]
	least := rough[worst] // at least this much, less its error, have the best
	var most float32
	for _, s := range scales {
		most = max(most, s)
	}
	least -= 2 * ErrorI8(q, most)
	var ids []int
	for r, s := range rough {
		if s >= least {
			ids = append(ids, r)
		}
	}
	scores := make([]float32, len(ids))
	cpu.DotRowsF16(scores, half, d, ids, q)
	for i, k := range best(scores) {
		if w := best(want)[i]; ids[k] != w {
			t.Errorf("place %d is row %d, want %d", i, ids[k], w)
		}
	}
	if len(ids) > n/5 {
		t.Errorf("%d of %d rows had to be scored again", len(ids), n)
	}
}

func TestScan_RefusesWrongShapes(t *testing.T) {
	cpu := newTestCPU(t, 1, "generic")
	for name, f := range map[string]func(){
		"F16":      func() { cpu.DotF16(make([]float32, 2), make([]uint16, 7), 4, make([]float32, 4)) },
		"F16 dst":  func() { cpu.DotF16(make([]float32, 3), make([]uint16, 8), 4, make([]float32, 4)) },
		"no width": func() { cpu.DotF16(nil, nil, 0, nil) },
		"I8":       func() { cpu.DotI8(make([]float32, 2), make([]int8, 8), make([]float32, 2), 4, make([]float32, 5)) },
		"scales":   func() { cpu.DotI8(make([]float32, 2), make([]int8, 8), make([]float32, 1), 4, make([]float32, 4)) },
		"rows":     func() { cpu.DotRowsF16(make([]float32, 2), make([]uint16, 8), 4, []int{1}, make([]float32, 4)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// BenchmarkScan reports GB/s of rows, beside those of a plain sum and of a copy.
func BenchmarkScan(b *testing.B) {
	const d, bytes = 512, 512 << 20
	half, rows, scales := make([]uint16, bytes/2), make([]int8, bytes), make([]float32, bytes/d)
	words, other := make([]uint64, bytes/8), make([]uint64, bytes/8)
	rng := newNoise(1)
	for i := range half {
		half[i] = uint16(0x3000 + int(rng.uniform()*1000))
	}
	for i := range rows {
		rows[i] = int8(rng.uniform()*254 - 127)
	}
	for i := range scales {
		scales[i] = 0.01
	}
	for i := range words {
		words[i], other[i] = uint64(i), 1
	}
	q := make([]float32, 8*d)
	for i := range q {
		q[i] = rng.normal()
	}
	dst := make([]float32, 8*bytes/d)
	measure := func(name string, bytes int, f func()) {
		b.Run(name, func(b *testing.B) {
			best := time.Duration(1 << 62)
			for b.Loop() {
				start := time.Now()
				f()
				best = min(best, time.Since(start))
			}
			b.ReportMetric(float64(bytes)/float64(best.Nanoseconds()), "GB/s(max)")
			b.ReportMetric(float64(best.Microseconds())/1000, "ms(min)")
		})
	}
	for threads := 1; threads <= max(2, runtime.GOMAXPROCS(0)); threads *= 2 {
		cpu := NewCPU(threads)
		sums := make([]uint64, 64)
		measure(fmt.Sprintf("sum/threads=%d", threads), bytes, func() {
			part := len(words) / 64
			cpu.run(64, func(_, t int) {
				var s0, s1, s2, s3 uint64
				for w := words[t*part : (t+1)*part]; len(w) >= 8; w = w[8:] {
					s0 += w[0] + w[4]
					s1 += w[1] + w[5]
					s2 += w[2] + w[6]
					s3 += w[3] + w[7]
				}
				sums[t] = s0 + s1 + s2 + s3
			})
		})
		measure(fmt.Sprintf("copy/threads=%d", threads), bytes, func() {
			part := len(words) / 64
			cpu.run(64, func(_, t int) { copy(other[t*part:(t+1)*part], words[t*part:(t+1)*part]) })
		})
		for _, kernel := range allKernels[1:] {
			cpu := newTestCPU(b, threads, kernel)
			for _, queries := range []int{1, 8} {
				measure(fmt.Sprintf("f16/%s/queries=%d/threads=%d", kernel, queries, threads), bytes, func() {
					cpu.DotF16(dst[:queries*bytes/2/d], half, d, q[:queries*d])
				})
				measure(fmt.Sprintf("i8/%s/queries=%d/threads=%d", kernel, queries, threads), bytes, func() {
					cpu.DotI8(dst[:queries*bytes/d], rows, scales, d, q[:queries*d])
				})
			}
		}
	}
}

// BenchmarkScanCached measures what the kernels do with rows in the cache: how
// far they are from being what a scan waits for.
func BenchmarkScanCached(b *testing.B) {
	const d, bytes = 512, 4 << 20
	half, rows, scales := make([]uint16, bytes/2), make([]int8, bytes), make([]float32, bytes/d)
	q, dst := make([]float32, 8*d), make([]float32, 8*bytes/d)
	for _, kernel := range allKernels {
		cpu := newTestCPU(b, 1, kernel)
		for _, queries := range []int{1, 2, 4, 8} {
			for name, f := range map[string]func(){
				"f16": func() { cpu.DotF16(dst[:queries*bytes/2/d], half, d, q[:queries*d]) },
				"i8":  func() { cpu.DotI8(dst[:queries*bytes/d], rows, scales, d, q[:queries*d]) },
			} {
				b.Run(fmt.Sprintf("%s/%s/queries=%d", name, kernel, queries), func(b *testing.B) {
					best := time.Duration(1 << 62)
					for b.Loop() {
						start := time.Now()
						f()
						best = min(best, time.Since(start))
					}
					b.ReportMetric(float64(bytes)/float64(best.Nanoseconds()), "GB/s(max)")
				})
			}
		}
	}
}
