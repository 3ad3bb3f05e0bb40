package ctrl

import (
	"errors"

	"tall/tensor"
)

// Naive is the training step as the ports compute it: the (B*B, 4D) matrix of all
// pairs is built, and multiplied by the whole fusion matrix. It gives the
// gradients of [Model.Step] in four times the arithmetic and is there to be
// compared with.
type Naive struct {
	m     *Model
	n     int
	f, df tensor.Mat // (B*B, 4D)
	host  []float32
}

// NewNaive returns the naive step of a model with raw fusion.
func NewNaive(m *Model) (*Naive, error) {
	if m.opts.Fusion != FusionRaw {
		return nil, errors.New("the naive step exists for raw fusion only")
	}
	m.Train()
	return &Naive{m: m}, nil
}

// Step is [Model.Step].
func (s *Naive) Step(batch Batch) Loss {
	m, b := s.m, s.m.b
	ws := m.load(batch)
	n, d := ws.n, m.opts.SemanticDim
	if s.n != n {
		s.n = n
		s.f, s.df = tensor.NewMat(b, n*n, 4*d), tensor.NewMat(b, n*n, 4*d)
		s.host = make([]float32, n*n*4*d)
	}

	m.embedWindows(ws.v, ws.vnorm, ws.x)
	m.embedSentences(ws.q, ws.qnorm, ws.y)
	s.concatenate(ws)
	b.Gemm(ws.h, 1, s.f, false, m.mid.Value, true, 0)
	if m.midBias != nil {
		b.AddRow(ws.h, m.midBias.Row())
	}
	b.ReLU(ws.h)
	m.output(ws.o, ws.h)

	loss := m.loss(ws)

	m.outputBackward(ws.dh, ws.do, ws.h)
	b.ReLUBackward(ws.dh, ws.h)
	if m.midBias != nil {
		b.SumRows(m.midBias.GradRow(), ws.dh, 0)
	}
	b.Gemm(m.mid.Grad, 1, ws.dh, true, s.f, false, 0)
	b.Gemm(s.df, 1, ws.dh, false, m.mid.Value, false, 0)
	b.Zero(ws.dv)
	b.Zero(ws.dq)
	b.PairFold(ws.dv, ws.dq, part(s.df, 4, 0), ws.v, ws.q)
	sum, dv, dq := part(s.df, 4, 1), part(s.df, 4, 2), part(s.df, 4, 3)
	for i := range n {
		dqi := ws.dq.RowRange(i, i+1)
		b.Axpy(ws.dv, 1, sum.RowRange(i*n, (i+1)*n))
		b.Axpy(ws.dv, 1, dv.RowRange(i*n, (i+1)*n))
		b.SumRows(dqi, sum.RowRange(i*n, (i+1)*n), 1)
		b.SumRows(dqi, dq.RowRange(i*n, (i+1)*n), 1)
	}
	m.embedBackward(ws)
	return loss
}

// concatenate fills f with [v*q | v+q | v | q]. The backend has no such
// operation, because nothing else wants the matrix: it is written on the host.
func (s *Naive) concatenate(ws *workspace) {
	n, d := ws.n, s.m.opts.SemanticDim
	v, q := make([]float32, n*d), make([]float32, n*d)
	s.m.b.Download(v, ws.v)
	s.m.b.Download(q, ws.q)
	for i := range n {
		for j := range n {
			row := s.host[(i*n+j)*4*d:][:4*d]
			prod, sum, left, right := row[:d], row[d:2*d], row[2*d:3*d], row[3*d:]
			copy(left, v[j*d:][:d])
			copy(right, q[i*d:][:d])
			for c := range prod {
				prod[c] = left[c] * right[c]
				sum[c] = left[c] + right[c]
			}
		}
	}
	s.m.b.Upload(s.f, s.host)
}
