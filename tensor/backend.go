package tensor

// Backend does the arithmetic. Models and layers work on opaque [Mem] through
// this interface only, so that another device can take the CPU's place without
// touching them. A Backend is for one goroutine at a time; it runs its own
// threads, and gives the same bits for any number of them.
//
// Methods panic on shapes that do not fit (a bug of the caller, not of data).
// NaN and infinities pass through every operation as IEEE 754 says. An operand
// that is written must not overlap the others unless its method says so.
type Backend interface {
	Memory
	Products
	Pairs
	Elements
	Losses
	Optimizer
	Activations
}

// Memory moves numbers between the host and the device.
type Memory interface {
	// Name says what the backend runs on, such as "cpu/avx2+fma" or "cpu/generic".
	Name() string
	// Alloc returns n zeros.
	Alloc(n int) Mem
	// Upload copies src, Rows*Cols contiguous values, into dst.
	Upload(dst Mat, src []float32)
	// Download copies src into dst, Rows*Cols contiguous values.
	Download(dst []float32, src Mat)
}

// Products are the matrix products.
type Products interface {
	// Gemm computes c = alpha * op(a) op(b) + beta * c, where op transposes if
	// its flag is set. With beta 0, c is not read (it may hold NaN). An element
	// of c has the same bits whatever the size of the product: a row computed
	// alone equals the same row among others.
	Gemm(c Mat, alpha float32, a Mat, transA bool, b Mat, transB bool, beta float32)
}

// Pairs work on the S*N pairs of sentences q (S, D) and windows v (N, D). Row
// i*N+j of a pair matrix belongs to sentence i and window j; the product rows
// v_j * q_i (elementwise) are never stored, but formed where they are used.
type Pairs interface {
	// PairNT computes c (S*N, H) = (v*q) w^T, with w (H, D).
	PairNT(c Mat, v, q, w Mat)
	// PairTN computes c (H, D) = alpha * g^T (v*q) + beta * c, with g (S*N, H).
	PairTN(c Mat, alpha float32, g Mat, v, q Mat, beta float32)
	// PairFold adds the gradient dz (S*N, D) of the products to the gradients
	// of both sides: dv_j += sum_i dz_ij * q_i, dq_i += sum_j dz_ij * v_j.
	PairFold(dv, dq Mat, dz, v, q Mat)
	// PairReLU computes h_ij = max(0, h_ij + tv_j + ts_i) in place, with
	// h (S*N, H), tv (N, H), ts (S, H). NaN stays NaN.
	PairReLU(h, tv, ts Mat)
	// PairReLUBackward computes dh_ij = 0 where h_ij <= 0, in place, and sums
	// it (where h_ij is NaN, dh_ij stays): dtv_j = sum_i dh_ij, dts_i = sum_j dh_ij (both overwritten).
	PairReLUBackward(dh, dtv, dts Mat, h Mat)
}

// Elements are operations by element or by row.
type Elements interface {
	// Zero sets m to 0.
	Zero(m Mat)
	// Copy sets dst to src.
	Copy(dst, src Mat)
	// Axpy computes y += alpha * x.
	Axpy(y Mat, alpha float32, x Mat)
	// AddRow adds the row vector b (1, Cols) to each row of m.
	AddRow(m, b Mat)
	// AddColumn adds the column b (Rows, 1) to each column of m.
	AddColumn(m, b Mat)
	// SumRows computes b (1, Cols) = beta * b + sum of the rows of m.
	SumRows(b Mat, m Mat, beta float32)
	// SumColumns computes b (Rows, 1) = beta * b + sum of the columns of m.
	SumColumns(b Mat, m Mat, beta float32)
	// ReLU computes m = max(0, m) in place. NaN stays NaN.
	ReLU(m Mat)
	// ReLUBackward sets d to 0 where y, the ReLU's output, is 0 or less. Where
	// y is NaN, d stays.
	ReLUBackward(d, y Mat)
	// Dot is the sum of x*y over all elements, summed in float64.
	Dot(x, y Mat) float64
	// L2NormRows computes y = x / sqrt(max(sum of squares of the row, 1e-12))
	// by rows and stores the divisor in norm (Rows, 1). y may be x.
	L2NormRows(y, norm Mat, x Mat)
	// L2NormRowsBackward computes dx from dy, the output y and the divisor:
	// dx = (dy - y (y . dy)) / norm, and dx = dy / norm where the floor of
	// 1e-12 was in force. dx may be dy.
	L2NormRowsBackward(dx, dy, y, norm Mat)
}

// Activations are what the layers of transformers and recurrent networks need
// beside products. A row of a result has the same bits whatever the other rows,
// sequences and paddings are.
type Activations interface {
	// Activate computes m = f(m).
	Activate(m Mat, f Activation)
	// Mul computes y = y * x by elements.
	Mul(y, x Mat)
	// Softmax turns each row of m into exp(scale*m) divided by its sum over the
	// row's first valid[r] columns (all if valid is nil); the others become 0.
	// Rows without valid columns become 0. scale must not be negative.
	Softmax(m Mat, scale float32, valid []int)
	// LayerNorm computes y = (x - mean) / sqrt(variance + eps) * gain + bias by
	// rows, with gain and bias (1, Cols). y may be x.
	LayerNorm(y, x, gain, bias Mat, eps float32)
	// Affine computes y = f(x w^T + bias + beta*y), with x (N, In), w (Out, In)
	// and bias (1, Out); a bias whose Mem is nil is none. With beta 0, y is not
	// read.
	Affine(y, x, w, bias Mat, f Activation, beta float32)
	// Pack puts w (Out, In) into the order in which AffinePacked reads it, in
	// w's own memory if it can. w is not to be used afterwards.
	Pack(w Mat) Packed
	// AffinePacked is Affine with a packed w: the same bits, sooner.
	AffinePacked(y, x Mat, w Packed, bias Mat, f Activation, beta float32)
	// Attention computes out = softmax(q k^T / sqrt(d)) v for each sequence and
	// each head of d columns, with q and out (Sequences*Lq, Heads*d), k and v
	// (Sequences*Lk, Heads*d). q, k and v may be column ranges of one matrix.
	// Lq and Lk may differ unless it is causal.
	Attention(out, q, k, v Mat, h Heads)
}

// Losses return the loss and write its gradient.
type Losses interface {
	// LogisticLoss returns sum w * softplus(sign * x) and writes
	// dx = w * sign * sigmoid(sign * x); all (Rows, Cols). Softplus is
	// computed as max(x, 0) + log1p(exp(-|x|)), which never overflows.
	LogisticLoss(dx, x, sign, w Mat) float64
	// L1Loss returns w * sum |x - target| and writes dx = w * sgn(x - target).
	// With beta > 0 it is the smooth form: 0.5 d^2 / beta where |d| < beta,
	// |d| - 0.5 beta elsewhere.
	L1Loss(dx, x, target Mat, w, beta float32) float64
}

// AdamStep holds the scalars of one Adam update.
type AdamStep struct {
	Beta1, Beta2 float32
	Epsilon      float32 // added to sqrt(v), not scaled by the bias correction
	Rate         float32 // lr * sqrt(1-beta2^t) / (1-beta1^t)
	GradScale    float32 // multiplies each gradient first: the clip of the global norm
}

// Optimizer updates parameters.
type Optimizer interface {
	// Adam updates p, m and v in one pass: g' = GradScale*g,
	// m = Beta1*m + (1-Beta1)*g', v = Beta2*v + (1-Beta2)*g'^2,
	// p -= Rate * m / (sqrt(v) + Epsilon).
	Adam(p, m, v, g Mat, step AdamStep)
	// SumSquares is the sum of squares of all elements, in float64.
	SumSquares(m Mat) float64
}
