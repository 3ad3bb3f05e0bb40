package tensor

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/cpu"
)

// TestDotI8_Kernels compares every kernel that this processor can run with the
// twin, chosen or not.
func TestDotI8_Kernels(t *testing.T) {
	kernels := map[string]func(sums []int32, rows []int8, d int, q []int16) int{}
	if hasAVX2() {
		kernels["avx2"] = dotI8AVX2
	}
	if hasAVX512() && cpu.X86.HasAVX512BW {
		kernels["avx512bw"] = dotI8AVX512
		if cpu.X86.HasAVX512VNNI {
			kernels["vnni"] = dotI8VNNI
		}
	}
	rng := newNoise(9)
	for _, d := range []int{1, 15, 16, 31, 33, 64, 97} {
		for queries := 1; queries <= 5; queries++ {
			const n = 7
			rows, q := make([]int8, n*d), make([]int16, queries*d)
			for i := range rows {
				rows[i] = int8(rng.uniform()*254 - 127)
			}
			for i := range q {
				q[i] = int16(rng.uniform()*65534 - 32767)
			}
			for name, kernel := range kernels {
				got, want := make([]int32, 4*n), make([]int32, 4*n)
				group := kernel(got, rows, d, q)
				for g := range group {
					dotI8Generic(want[g*n:], rows, d, q[g*d:])
				}
				if !slices.Equal(got, want) {
					t.Error(fmt.Sprint(name, ", d ", d, ", ", queries, " queries: ", got, ", want ", want))
				}
			}
		}
	}
}
