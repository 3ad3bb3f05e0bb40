package tensor

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// slowAttention is one head of one sequence in float64: query i over the first
// seen(i) keys. It returns the result and the sum of magnitudes of its terms.
func slowAttention(q, k, v framed, q0, k0, c0, d, i, seen int) (out, size []float64) {
	w := make([]float64, seen)
	most := math.Inf(-1)
	for j := range w {
		for c := range d {
			w[j] += float64(*q.at(q0+i, c0+c)) * float64(*k.at(k0+j, c0+c)) / math.Sqrt(float64(d))
		}
		most = max(most, w[j])
	}
	var sum float64
	for j := range w {
		w[j] = math.Exp(w[j] - most)
		sum += w[j]
	}
	out, size = make([]float64, d), make([]float64, d)
	for j := range w {
		for c := range d {
			term := w[j] / sum * float64(*v.at(k0+j, c0+c))
			out[c] += term
			size[c] += math.Abs(term)
		}
	}
	return out, size
}

func TestAttention_Oracle(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		rapid.Check(t, func(t *rapid.T) {
			cpu := newTestCPU(t, rapid.IntRange(1, 3).Draw(t, "threads"), kernel)
			h := Heads{Sequences: rapid.IntRange(1, 3).Draw(t, "sequences"), Heads: rapid.IntRange(1, 3).Draw(t, "heads")}
			lk := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(60, 140)).Draw(t, "keys")
			lq, d := lk, rapid.IntRange(1, 20).Draw(t, "d")
			if h.Causal = rapid.Bool().Draw(t, "causal"); !h.Causal && rapid.Bool().Draw(t, "few queries") {
				lq = rapid.IntRange(1, 70).Draw(t, "queries")
			}
			if rapid.Bool().Draw(t, "padded") {
				for range h.Sequences {
					h.Valid = append(h.Valid, rapid.IntRange(0, lk).Draw(t, "valid"))
				}
			}
			w := h.Heads * d
			q, out := drawMat(t, "q", h.Sequences*lq, w), drawMat(t, "out", h.Sequences*lq, w)
			k, v := drawMat(t, "k", h.Sequences*lk, w), drawMat(t, "v", h.Sequences*lk, w)
			for s, n := range h.Valid { // what is padding must not be read
				for r := n; r < lk; r++ {
					for c := range w {
						*k.at(s*lk+r, c), *v.at(s*lk+r, c) = float32(math.NaN()), float32(math.NaN())
					}
				}
			}
			cpu.Attention(out.Mat, q.Mat, k.Mat, v.Mat, h)
			out.checkFrame(t, "out")
			for s := range h.Sequences {
				for i := range lq {
					seen := lk
					if h.Valid != nil {
						seen = h.Valid[s]
					}
					if h.Causal {
						seen = min(seen, i+1)
					}
					for head := range h.Heads {
						want, size := slowAttention(q, k, v, s*lq, s*lk, head*d, d, i, seen)
						for c := range d {
							got := float64(*out.at(s*lq+i, head*d+c))
							// Scores, sums of d products of at most 16, are off by
							// (d+2) 2^-24 of their magnitude, at most 40 here, and the
							// exponentials by that; the sum over the keys rounds again.
							tol := (float64(d+4)*40 + float64(seen+4)) * 0x1p-24 * size[c]
							if !(math.Abs(got-want[c]) <= tol) {
								t.Fatalf("sequence %d, head %d, query %d, column %d is %g, want %g within %g", s, head, i, c, got, want[c], tol)
							}
						}
					}
				}
			}
		})
	})
}

// TestAttention_SequencesAlone shows that a sequence has the same bits alone,
// among others, with padding, and asked for some of its rows.
func TestAttention_SequencesAlone(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string) {
		const sequences, length, heads, d = 3, 150, 2, 24
		cpu := newTestCPU(t, 2, kernel)
		qkv := newFramed(5, sequences*length, 3*heads*d, 1, 2)
		part := func(m Mat, i int) Mat { return m.ColRange(i*heads*d, (i+1)*heads*d) }
		for _, causal := range []bool{false, true} {
			valid := []int{length, 100, 17}
			whole := newFramed(6, sequences*length, heads*d, 0, 0)
			cpu.Attention(whole.Mat, part(qkv.Mat, 0), part(qkv.Mat, 1), part(qkv.Mat, 2), Heads{sequences, heads, causal, valid})
			for _, threads := range []int{1, 3, 7} {
				other := newTestCPU(t, threads, kernel)
				for s, n := range valid {
					alone := newFramed(7, n, heads*d, 0, 0)
					m := qkv.RowRange(s*length, s*length+n)
					other.Attention(alone.Mat, part(m, 0), part(m, 1), part(m, 2), Heads{1, heads, causal, nil})
					want := framed{Mat: whole.RowRange(s*length, s*length+n), mem: whole.mem}
					mustEqual(t, fmt.Sprintf("sequence %d, causal %v, %d threads", s, causal, threads), alone, want)

					last := newFramed(8, 1, heads*d, 0, 0)
					other.Attention(last.Mat, part(m.RowRange(n-1, n), 0), part(m, 1), part(m, 2), Heads{1, heads, false, nil})
					mustEqual(t, fmt.Sprintf("last row of sequence %d", s), last, framed{Mat: want.RowRange(n-1, n), mem: whole.mem})
				}
			}
		}
	})
}

func TestAttention_RefusesWrongShapes(t *testing.T) {
	cpu := newTestCPU(t, 1, "generic")
	m, n := NewMat(cpu, 6, 4), NewMat(cpu, 3, 4)
	for name, f := range map[string]func(){
		"heads":        func() { cpu.Attention(m, m, m, m, Heads{Sequences: 1, Heads: 3}) },
		"no heads":     func() { cpu.Attention(m, m, m, m, Heads{Sequences: 1}) },
		"sequences":    func() { cpu.Attention(m, m, m, m, Heads{Sequences: 4, Heads: 1}) },
		"no sequences": func() { cpu.Attention(m, m, m, m, Heads{Heads: 1}) },
		"causal":       func() { cpu.Attention(n, n, m, m, Heads{Sequences: 3, Heads: 1, Causal: true}) },
		"valid":        func() { cpu.Attention(m, m, m, m, Heads{Sequences: 2, Heads: 1, Valid: []int{1}}) },
		"too valid":    func() { cpu.Attention(m, m, m, m, Heads{Sequences: 2, Heads: 1, Valid: []int{1, 4}}) },
		"values":       func() { cpu.Attention(m, m, m, n, Heads{Sequences: 3, Heads: 1}) },
		"Affine":       func() { cpu.Affine(m, m, n, Mat{}, Identity, 0) },
		"packed":       func() { cpu.AffinePacked(m, m, cpu.Pack(n), Mat{}, Identity, 0) },
		"not packed":   func() { cpu.AffinePacked(NewMat(cpu, 6, 3), m, Packed{Rows: 3, Cols: 4}, Mat{}, Identity, 0) },
		"bias":         func() { cpu.Affine(NewMat(cpu, 6, 3), m, n, n, Identity, 0) },
		"activation":   func() { cpu.Activate(m, 99) },
		"Softmax":      func() { cpu.Softmax(m, 1, []int{1}) },
		"Softmax row":  func() { cpu.Softmax(n, 1, []int{1, 5, 2}) },
		"LayerNorm":    func() { cpu.LayerNorm(m, m, n, n, 0) },
		"Mul":          func() { cpu.Mul(m, n) },
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
