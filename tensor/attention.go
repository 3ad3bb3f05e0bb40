package tensor

import "fmt"

// Heads says how [Activations] Attention cuts its operands.
type Heads struct {
	Sequences int  // how many sequences the rows hold, one after another
	Heads     int  // how many heads the columns hold, side by side
	Causal    bool // query i sees keys 0 .. i alone
	// Valid is the number of keys that count in each sequence, the first ones;
	// nil: all. A sequence without keys yields zeros.
	Valid []int
}

// attentionRows is the number of queries whose scores are held at a time: for
// 1,000 keys they take 256 KB, which stays in the second-level cache.
const attentionRows = 64

// Attention computes scaled dot-product attention (Vaswani et al. 2017): for
// each sequence and each head, out = softmax(q k^T / sqrt(d)) v, d the columns
// of a head. q and out are (Sequences*Lq, W), k and v (Sequences*Lk, W); they
// may be column ranges of one matrix. Lq and Lk differ only without Causal.
func (c *CPU) Attention(out, q, k, v Mat, h Heads) {
	lq, lk := h.check(out, q, k, v)
	d := 0
	if h.Heads > 0 {
		d = q.Cols / h.Heads
	}
	if lq == 0 || d == 0 {
		return
	}
	ho, hq, hk, hv := host(out), host(q), host(k), host(v)
	scale := inverseRoot(d)
	parts := (lq + attentionRows - 1) / attentionRows
	threads := c.threads
	if h.Sequences*h.Heads*lq*lk*d < smallProduct {
		threads = 1
	}
	runOn(threads, h.Sequences*h.Heads*parts, func(worker, task int) {
		s, head, part := task/parts/h.Heads, task/parts%h.Heads, task%parts
		keys := lk
		if h.Valid != nil {
			keys = h.Valid[s]
		}
		from, to := part*attentionRows, min(lq, (part+1)*attentionRows)
		c0, c1 := head*d, (head+1)*d
		o := ho.part(s*lq+from, s*lq+to, c0, c1)
		if h.Causal {
			keys = min(keys, to) // the others see no query of this part
		}
		if keys == 0 {
			scaleView(o, 0)
			return
		}
		scores := view{data: grow(&c.scratch[worker].scores, (to-from)*keys), rows: to - from, cols: keys, stride: keys}
		qs := operand{view: hq.part(s*lq+from, s*lq+to, c0, c1), major: true}
		ks := operand{view: hk.part(s*lk, s*lk+keys, c0, c1), major: true}
		c.block(worker, scores, 1, &qs, &ks, d, 0, 0, to-from, 0, keys, nil)
		for r := range to - from {
			n := keys
			if h.Causal {
				n = min(n, from+r+1)
			}
			c.k.softmaxRow(scores.row(r), n, scale)
		}
		ps := operand{view: scores, major: true}
		vs := operand{view: hv.part(s*lk, s*lk+keys, c0, c1)}
		c.block(worker, o, 1, &ps, &vs, keys, 0, 0, to-from, 0, d, nil)
	})
}

// check returns the lengths of a sequence of queries and of keys.
func (h Heads) check(out, q, k, v Mat) (lq, lk int) {
	sameShape("Attention", q, out)
	sameShape("Attention", k, v)
	if k.Cols != q.Cols || h.Heads <= 0 || q.Cols%h.Heads != 0 {
		panic(fmt.Sprintf("tensor: Attention: q has %d columns, k %d, for %d heads", q.Cols, k.Cols, h.Heads))
	}
	if h.Sequences == 0 && q.Rows == 0 && k.Rows == 0 {
		return 0, 0
	}
	if h.Sequences <= 0 || q.Rows%h.Sequences != 0 || k.Rows%h.Sequences != 0 {
		panic(fmt.Sprintf("tensor: Attention: %d queries and %d keys for %d sequences", q.Rows, k.Rows, h.Sequences))
	}
	lq, lk = q.Rows/h.Sequences, k.Rows/h.Sequences
	if h.Causal && lq != lk {
		panic(fmt.Sprintf("tensor: Attention: causal with %d queries and %d keys", lq, lk))
	}
	if h.Valid != nil && len(h.Valid) != h.Sequences {
		panic(fmt.Sprintf("tensor: Attention: %d valid lengths for %d sequences", len(h.Valid), h.Sequences))
	}
	for s, n := range h.Valid {
		if n < 0 || n > lk {
			panic(fmt.Sprintf("tensor: Attention: sequence %d has %d valid of %d keys", s, n, lk))
		}
	}
	return lq, lk
}
