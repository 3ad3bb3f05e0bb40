package tensor

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// ctrlStep is the arithmetic of one training step of CTRL at batch B, without
// what costs nothing: the pair quarter of the fusion layer and the per-side
// terms, their gradients, the clip of the global norm, and Adam over all 21.6 million parameters.
type ctrlStep struct {
	cpu                    *CPU
	x, y                   Mat // (B, F), (B, E)
	v, q, vn, qn, dv, dq   Mat // (B, D)
	normV, normQ           Mat // (B, 1)
	tv, ts, dtv, dts       Mat // (B, H)
	h, dh                  Mat // (B*B, H)
	dz                     Mat // (B*B, D)
	out, dout              Mat // (3, B*B)
	sign, weight           Mat // (1, B*B)
	params                 [6]param
	wv, ws, w1, w2, w3, wo *param
}

type param struct{ value, grad, m, v Mat }

func newCtrlStep(cpu *CPU, b int) *ctrlStep {
	const f, e, d, h = 12288, 4800, 1024, 1000
	seed := uint64(0)
	mat := func(rows, cols int, scale float32) Mat {
		seed++
		m := NewMat(cpu, rows, cols)
		values, rng := make([]float32, rows*cols), newNoise(seed)
		for i := range values {
			values[i] = rng.normal() * scale
		}
		cpu.Upload(m, values)
		return m
	}
	zeros := func(rows, cols int) Mat { return NewMat(cpu, rows, cols) }
	s := &ctrlStep{cpu: cpu, x: mat(b, f, 1), y: mat(b, e, 0.02)}
	for _, m := range []*Mat{&s.v, &s.q, &s.vn, &s.qn, &s.dv, &s.dq} {
		*m = zeros(b, d)
	}
	for _, m := range []*Mat{&s.tv, &s.ts, &s.dtv, &s.dts} {
		*m = zeros(b, h)
	}
	s.normV, s.normQ = zeros(b, 1), zeros(b, 1)
	s.h, s.dh, s.dz = zeros(b*b, h), zeros(b*b, h), zeros(b*b, d)
	s.out, s.dout = zeros(3, b*b), zeros(3, b*b)
	s.sign, s.weight = mat(1, b*b, 1), mat(1, b*b, 1)
	for i, shape := range [6][2]int{{f, d}, {e, d}, {h, d}, {h, 2 * d}, {h, d}, {3, h}} {
		r, c := shape[0], shape[1]
		s.params[i] = param{value: mat(r, c, 0.03), grad: zeros(r, c), m: zeros(r, c), v: zeros(r, c)}
	}
	s.wv, s.ws, s.w1, s.w2, s.w3, s.wo = &s.params[0], &s.params[1], &s.params[2], &s.params[3], &s.params[4], &s.params[5]
	return s
}

// run does one step and calls lap after each part.
func (s *ctrlStep) run(lap func(part string)) {
	c := s.cpu
	const d = 1024
	w2, g2 := s.w2.value.ColRange(0, d), s.w2.grad.ColRange(0, d)
	c.Gemm(s.v, 1, s.x, false, s.wv.value, false, 0)
	c.Gemm(s.q, 1, s.y, false, s.ws.value, false, 0)
	lap("X Wv, Y Ws")
	c.L2NormRows(s.vn, s.normV, s.v)
	c.L2NormRows(s.qn, s.normQ, s.q)
	c.Gemm(s.tv, 1, s.vn, false, w2, true, 0)
	c.Gemm(s.ts, 1, s.qn, false, s.w3.value, true, 0)
	lap("per window and sentence")
	c.PairNT(s.h, s.vn, s.qn, s.w1.value)
	lap("PairNT")
	c.PairReLU(s.h, s.tv, s.ts)
	lap("PairReLU")
	c.Gemm(s.out, 1, s.wo.value, false, s.h, true, 0)
	c.LogisticLoss(s.dout.RowRange(0, 1), s.out.RowRange(0, 1), s.sign, s.weight)
	lap("out")
	c.Gemm(s.wo.grad, 1, s.dout, false, s.h, false, 0)
	lap("dWo")
	c.Gemm(s.dh, 1, s.dout, true, s.wo.value, false, 0)
	lap("dh")
	c.PairReLUBackward(s.dh, s.dtv, s.dts, s.h)
	lap("PairReLUBackward")
	c.PairTN(s.w1.grad, 1, s.dh, s.vn, s.qn, 0)
	lap("PairTN")
	c.Gemm(s.dz, 1, s.dh, false, s.w1.value, false, 0)
	lap("dz")
	c.Gemm(g2, 1, s.dtv, true, s.vn, false, 0)
	c.Gemm(s.w3.grad, 1, s.dts, true, s.qn, false, 0)
	c.Gemm(s.dv, 1, s.dtv, false, w2, false, 0)
	c.Gemm(s.dq, 1, s.dts, false, s.w3.value, false, 0)
	lap("per window and sentence, backward")
	c.PairFold(s.dv, s.dq, s.dz, s.vn, s.qn)
	lap("PairFold")
	c.L2NormRowsBackward(s.dv, s.dv, s.vn, s.normV)
	c.L2NormRowsBackward(s.dq, s.dq, s.qn, s.normQ)
	c.Gemm(s.wv.grad, 1, s.x, true, s.dv, false, 0)
	c.Gemm(s.ws.grad, 1, s.y, true, s.dq, false, 0)
	lap("dWv, dWs")
	var sum float64
	for _, p := range s.params {
		sum += c.SumSquares(p.grad)
	}
	lap("SumSquares")
	step := AdamStep{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Rate: 1e-3, GradScale: float32(5 / max(5, sum))}
	for _, p := range s.params {
		c.Adam(p.value, p.m, p.v, p.grad, step)
	}
	lap("Adam")
}

// BenchmarkStep measures one training step at batch 56 and its parts.
func BenchmarkStep(b *testing.B) {
	for _, kernel := range allKernels {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", kernel, threads), func(b *testing.B) {
				s := newCtrlStep(newTestCPU(b, threads, kernel), 56)
				s.run(func(string) {})
				var parts []string
				best := map[string]time.Duration{}
				var times []time.Duration
				for b.Loop() {
					begin := time.Now()
					last := begin
					s.run(func(part string) {
						now := time.Now()
						took := now.Sub(last)
						if old, ok := best[part]; !ok {
							parts = append(parts, part)
							best[part] = took
						} else {
							best[part] = min(old, took)
						}
						last = now
					})
					times = append(times, time.Since(begin))
				}
				slices.Sort(times)
				b.ReportMetric(ms(times[0]), "ms(min)")
				b.ReportMetric(ms(times[len(times)/2]), "ms(median)")
				for _, part := range parts {
					b.Logf("%8.3f ms  %s", ms(best[part]), part)
				}
			})
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
