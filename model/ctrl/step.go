package ctrl

import (
	"fmt"

	"tall/tensor"
)

// Batch is the input of a training step, B pairs that match, on the host.
type Batch struct {
	Windows   []float32 // (B, F)
	Sentences []float32 // (B, E)
	Offsets   []float32 // (2, B): true starts - window starts, then the ends
}

// NewBatch returns room for n pairs.
func (o Options) NewBatch(n int) Batch {
	return Batch{
		Windows:   make([]float32, n*o.VisualDim),
		Sentences: make([]float32, n*o.SentenceDim),
		Offsets:   make([]float32, 2*n),
	}
}

// Loss is the loss of a batch: Total = Align + RegressionWeight * Reg.
type Loss struct {
	Total float64
	Align float64 // alignment: weighted logistic loss over all B x B pairs
	Reg   float64 // regression: mean over the 2B offsets, in the windows' clock; 0 where its weight is 0
}

// workspace is everything between input and gradient for one batch size.
type workspace struct {
	n int // B

	x, y, target   tensor.Mat // (B, F), (B, E), (2, B)
	v, vnorm       tensor.Mat // (B, D), (B, 1)
	q, qnorm       tensor.Mat // (B, D), (B, 1)
	tv, ts         tensor.Mat // (B, H)
	h              tensor.Mat // (B*B, H)
	o              tensor.Mat // (3, B*B)
	sign, weight   tensor.Mat // (B, B), of the alignment loss; constant
	do             tensor.Mat // (3, B*B); off the diagonals of the offsets always 0
	dh             tensor.Mat // (B*B, H)
	dz             tensor.Mat // (B*B, D): gradient of v*q
	dtv, dts       tensor.Mat // (B, H)
	dv, dq         tensor.Mat // (B, D)
	regressionStep float32    // weight of one offset in the loss
}

func newWorkspace(b tensor.Backend, o Options, n int) *workspace {
	d, h := o.SemanticDim, o.HiddenDim
	mat := func(rows, cols int) tensor.Mat { return tensor.NewMat(b, rows, cols) }
	ws := &workspace{
		n: n,
		x: mat(n, o.VisualDim), y: mat(n, o.SentenceDim), target: mat(2, n),
		v: mat(n, d), vnorm: mat(n, 1),
		q: mat(n, d), qnorm: mat(n, 1),
		tv: mat(n, h), ts: mat(n, h),
		h:    mat(n*n, h),
		o:    mat(outputs, n*n),
		sign: mat(n, n), weight: mat(n, n),
		do:  mat(outputs, n*n),
		dh:  mat(n*n, h),
		dz:  mat(n*n, d),
		dtv: mat(n, h), dts: mat(n, h),
		dv: mat(n, d), dq: mat(n, d),
		regressionStep: float32(o.RegressionWeight / float64(2*n)),
	}
	// align = mean of (1[i=j] + 1/B) softplus(m score), m = -1 on the diagonal.
	sign, weight := make([]float32, n*n), make([]float32, n*n)
	for i := range n {
		for j := range n {
			sign[i*n+j], weight[i*n+j] = 1, float32(1/float64(n)/float64(n*n))
		}
		sign[i*n+i], weight[i*n+i] = -1, float32((1+1/float64(n))/float64(n*n))
	}
	b.Upload(ws.sign, sign)
	b.Upload(ws.weight, weight)
	return ws
}

// plane views output k of all pairs, o or its gradient, as (B, B).
func (ws *workspace) plane(o tensor.Mat, k int) tensor.Mat {
	return o.RowRange(k, k+1).Reshape(ws.n, ws.n)
}

// Step computes the loss of a batch and the gradient of every parameter, which
// must have been given room ([Model.Train]). It updates nothing.
func (m *Model) Step(batch Batch) Loss {
	ws := m.load(batch)
	m.forward(ws)
	loss := m.loss(ws)
	m.backward(ws)
	return loss
}

// Loss computes the loss of a batch alone.
func (m *Model) Loss(batch Batch) Loss {
	ws := m.load(batch)
	m.forward(ws)
	return m.loss(ws)
}

// load uploads a batch into a workspace of its size.
func (m *Model) load(batch Batch) *workspace {
	o := m.opts
	n := len(batch.Offsets) / 2
	if n == 0 || len(batch.Windows) != n*o.VisualDim || len(batch.Sentences) != n*o.SentenceDim || len(batch.Offsets) != 2*n {
		panic(fmt.Sprintf("ctrl: batch of %d window, %d sentence and %d offset values for F=%d, E=%d",
			len(batch.Windows), len(batch.Sentences), len(batch.Offsets), o.VisualDim, o.SentenceDim))
	}
	if m.ws == nil || m.ws.n != n {
		m.ws = newWorkspace(m.b, o, n)
	}
	m.b.Upload(m.ws.x, batch.Windows)
	m.b.Upload(m.ws.y, batch.Sentences)
	m.b.Upload(m.ws.target, batch.Offsets)
	return m.ws
}

func (m *Model) forward(ws *workspace) {
	m.embedWindows(ws.v, ws.vnorm, ws.x)
	m.embedSentences(ws.q, ws.qnorm, ws.y)
	m.windowTerms(ws.tv, ws.v)
	m.sentenceTerms(ws.ts, ws.q)
	m.pairs(ws.o, ws.h, ws.v, ws.q, ws.tv, ws.ts)
}

// loss computes the loss and do, the gradient of the outputs.
func (m *Model) loss(ws *workspace) Loss {
	align := m.b.LogisticLoss(ws.plane(ws.do, 0), ws.plane(ws.o, 0), ws.sign, ws.weight)
	var beta float32
	if m.opts.Regression == SmoothL1 {
		beta = 1
	}
	var weighted float64
	for k := range 2 {
		target := ws.target.RowRange(k, k+1).Reshape(ws.n, 1)
		do, o := ws.plane(ws.do, 1+k).Diagonal(), ws.plane(ws.o, 1+k).Diagonal()
		weighted += m.b.L1Loss(do, o, target, ws.regressionStep, beta)
	}
	loss := Loss{Total: align + weighted, Align: align}
	if m.opts.RegressionWeight > 0 {
		loss.Reg = weighted / m.opts.RegressionWeight
	}
	return loss
}

// backward mirrors forward, from do to the gradients of all parameters.
func (m *Model) backward(ws *workspace) {
	m.outputBackward(ws.dh, ws.do, ws.h)

	m.b.PairReLUBackward(ws.dh, ws.dtv, ws.dts, ws.h)
	m.b.PairTN(m.product(m.mid.Grad), 1, ws.dh, ws.v, ws.q, 0)
	m.b.Gemm(ws.dz, 1, ws.dh, false, m.product(m.mid.Value), false, 0)

	if m.midBias != nil {
		m.b.SumRows(m.midBias.GradRow(), ws.dts, 0)
	}
	m.fusion.backward(ws.dv, ws.dq, ws.dtv, ws.dts, ws.v, ws.q)
	m.b.PairFold(ws.dv, ws.dq, ws.dz, ws.v, ws.q)

	m.embedBackward(ws)
}

// outputBackward writes dh (S*N, H) and the gradients of the last layer from
// do (3, S*N) and h.
func (m *Model) outputBackward(dh, do, h tensor.Mat) {
	m.b.Gemm(m.out.Grad, 1, do, false, h, false, 0)
	if m.outBias != nil {
		m.b.SumColumns(m.outBias.Grad, do, 0)
	}
	m.b.Gemm(dh, 1, do, true, m.out.Value, false, 0)
}

// embedBackward writes the gradients of both embeddings from dv and dq.
func (m *Model) embedBackward(ws *workspace) {
	m.b.L2NormRowsBackward(ws.dv, ws.dv, ws.v, ws.vnorm)
	m.b.L2NormRowsBackward(ws.dq, ws.dq, ws.q, ws.qnorm)
	m.visual.Backward(m.b, ws.dv, ws.x)
	m.sentence.Backward(m.b, ws.dq, ws.y)
}
