package ctrl

import (
	"tall/nn"
	"tall/tensor"
)

// fusion is the part of the fusion layer that is not per pair: the terms of the
// hidden units that come from the window alone and from the sentence alone. The
// per-pair part, W1 (v*q), is the same for both kinds and lies in the model.
type fusion interface {
	// windowTerms computes t (N, H) from v (N, D).
	windowTerms(t, v tensor.Mat)
	// sentenceTerms computes t (S, H) from q (S, D), without the bias of mid_out.
	sentenceTerms(t, q tensor.Mat)
	// backward writes the gradients of the weights that both methods used in the
	// last forward, and dv (N, D) and dq (S, D) from dtv (N, H) and dts (S, H).
	backward(dv, dq, dtv, dts, v, q tensor.Mat)
}

// rawFusion is [v*q | v+q | v | q]: the terms are v (W2+W3)^T and q (W2+W4)^T.
type rawFusion struct {
	b            tensor.Backend
	mid          *nn.Param  // (H, 4D)
	sum23, sum24 tensor.Mat // (H, D): W2+W3 and W2+W4 as of the last forward
}

func newRawFusion(b tensor.Backend, mid *nn.Param, d int) *rawFusion {
	h := mid.Value.Rows
	return &rawFusion{b: b, mid: mid, sum23: tensor.NewMat(b, h, d), sum24: tensor.NewMat(b, h, d)}
}

func (f *rawFusion) windowTerms(t, v tensor.Mat) {
	f.b.Copy(f.sum23, part(f.mid.Value, 4, 1))
	f.b.Axpy(f.sum23, 1, part(f.mid.Value, 4, 2))
	f.b.Gemm(t, 1, v, false, f.sum23, true, 0)
}

func (f *rawFusion) sentenceTerms(t, q tensor.Mat) {
	f.b.Copy(f.sum24, part(f.mid.Value, 4, 1))
	f.b.Axpy(f.sum24, 1, part(f.mid.Value, 4, 3))
	f.b.Gemm(t, 1, q, false, f.sum24, true, 0)
}

func (f *rawFusion) backward(dv, dq, dtv, dts, v, q tensor.Mat) {
	g2, g3, g4 := part(f.mid.Grad, 4, 1), part(f.mid.Grad, 4, 2), part(f.mid.Grad, 4, 3)
	f.b.Gemm(g3, 1, dtv, true, v, false, 0)
	f.b.Gemm(g4, 1, dts, true, q, false, 0)
	f.b.Copy(g2, g3) // v+q is multiplied by W2: g2 = g3 + g4
	f.b.Axpy(g2, 1, g4)
	f.b.Gemm(dv, 1, dtv, false, f.sum23, false, 0)
	f.b.Gemm(dq, 1, dts, false, f.sum24, false, 0)
}

// fcFusion is [v*q | v+q | u] with u = v Fv + q Fq + bf, where fusion_fc_weights
// is Fv above Fq. As the layer is linear, u splits as well: the terms are
// v W2^T + (v Fv) W3^T and q W2^T + (q Fq + bf) W3^T.
type fcFusion struct {
	b   tensor.Backend
	mid *nn.Param // (H, 3D)
	fc  nn.Linear // (2D, D)
	d   int

	uv, uq   tensor.Mat // (N, D) and (S, D): v Fv and q Fq + bf of the last forward
	duv, duq tensor.Mat
}

func newFCFusion(b tensor.Backend, mid *nn.Param, fc nn.Linear, d int) *fcFusion {
	return &fcFusion{b: b, mid: mid, fc: fc, d: d}
}

func (f *fcFusion) halves(m tensor.Mat) (v, q tensor.Mat) {
	return m.RowRange(0, f.d), m.RowRange(f.d, 2*f.d)
}

// rows returns a matrix of n rows: m or its beginning where it is large enough.
func (f *fcFusion) rows(m *tensor.Mat, n int) tensor.Mat {
	if m.Rows < n {
		*m = tensor.NewMat(f.b, n, f.d)
	}
	return m.RowRange(0, n)
}

func (f *fcFusion) windowTerms(t, v tensor.Mat) {
	fv, _ := f.halves(f.fc.W.Value)
	uv := f.rows(&f.uv, v.Rows)
	f.b.Gemm(uv, 1, v, false, fv, false, 0)
	f.terms(t, v, uv)
}

func (f *fcFusion) sentenceTerms(t, q tensor.Mat) {
	_, fq := f.halves(f.fc.W.Value)
	uq := f.rows(&f.uq, q.Rows)
	f.b.Gemm(uq, 1, q, false, fq, false, 0)
	if f.fc.B != nil {
		f.b.AddRow(uq, f.fc.B.Row())
	}
	f.terms(t, q, uq)
}

// terms computes t = x W2^T + u W3^T.
func (f *fcFusion) terms(t, x, u tensor.Mat) {
	f.b.Gemm(t, 1, x, false, part(f.mid.Value, 3, 1), true, 0)
	f.b.Gemm(t, 1, u, false, part(f.mid.Value, 3, 2), true, 1)
}

func (f *fcFusion) backward(dv, dq, dtv, dts, v, q tensor.Mat) {
	w2, w3 := part(f.mid.Value, 3, 1), part(f.mid.Value, 3, 2)
	g2, g3 := part(f.mid.Grad, 3, 1), part(f.mid.Grad, 3, 2)
	fv, fq := f.halves(f.fc.W.Value)
	gv, gq := f.halves(f.fc.W.Grad)
	uv, uq := f.rows(&f.uv, v.Rows), f.rows(&f.uq, q.Rows)
	duv, duq := f.rows(&f.duv, v.Rows), f.rows(&f.duq, q.Rows)

	f.b.Gemm(g2, 1, dtv, true, v, false, 0)
	f.b.Gemm(g2, 1, dts, true, q, false, 1)
	f.b.Gemm(g3, 1, dtv, true, uv, false, 0)
	f.b.Gemm(g3, 1, dts, true, uq, false, 1)

	f.b.Gemm(duv, 1, dtv, false, w3, false, 0)
	f.b.Gemm(duq, 1, dts, false, w3, false, 0)
	f.b.Gemm(gv, 1, v, true, duv, false, 0)
	f.b.Gemm(gq, 1, q, true, duq, false, 0)
	if f.fc.B != nil {
		f.b.SumRows(f.fc.B.GradRow(), duq, 0)
	}

	f.b.Gemm(dv, 1, dtv, false, w2, false, 0)
	f.b.Gemm(dv, 1, duv, false, fv, true, 1)
	f.b.Gemm(dq, 1, dts, false, w2, false, 0)
	f.b.Gemm(dq, 1, duq, false, fq, true, 1)
}

// part views the k-th of n equal column blocks of a fusion matrix: W(k+1), (H, D).
func part(m tensor.Mat, n, k int) tensor.Mat {
	d := m.Cols / n
	return m.ColRange(k*d, (k+1)*d)
}
