package contrast

import (
	"context"
	"fmt"
	"math"

	"tall"
	"tall/tensor"
)

// sentencesAtOnce bounds the memory for curves: 8 bytes a row and sentence.
const sentencesAtOnce = 16

// Curve is how well each row of a video fits a sentence.
type Curve struct {
	Similarity []float32 // (N) cosine of row and sentence, in [-1, 1]
	Smooth     []float32 // (N) the same, smoothed along time
}

// Curves returns the curve of each sentence, as for a heat map.
func (p *Prepared) Curves(ctx context.Context, sentences []tall.Sentence) ([]Curve, error) {
	out := make([]Curve, 0, len(sentences))
	err := p.eachCurve(ctx, sentences, func(similarity []float32, smooth []float64) {
		c := Curve{Similarity: append([]float32(nil), similarity...), Smooth: make([]float32, len(smooth))}
		for i, v := range smooth {
			c.Smooth[i] = float32(v)
		}
		out = append(out, c)
	})
	return out, err
}

// eachCurve calls visit with the similarities of each sentence and the smoothed curve;
// both are used again for the next sentence.
func (p *Prepared) eachCurve(ctx context.Context, sentences []tall.Sentence, visit func(similarity []float32, smooth []float64)) error {
	for i, s := range sentences {
		if err := p.check(s); err != nil {
			return fmt.Errorf("sentence %d, %q: %w", i+1, shorten(s.Text), err)
		}
	}
	smooth := make([]float64, p.stream.N)
	if len(smooth) == 0 {
		for range sentences {
			visit(nil, nil)
		}
		return ctx.Err()
	}
	for from := 0; from < len(sentences); from += sentencesAtOnce {
		part := sentences[from:min(from+sentencesAtOnce, len(sentences))]
		curves, err := p.similarities(ctx, part)
		if err != nil {
			return err
		}
		for i := range part {
			curve := curves[i*p.stream.N : (i+1)*p.stream.N]
			convolve(smooth, curve, p.kernel)
			visit(curve, smooth)
		}
	}
	return ctx.Err()
}

// check refuses a sentence that does not share the rows' space.
func (p *Prepared) check(s tall.Sentence) error {
	v, q := p.stream.Manifest, s.Manifest
	want := tall.Manifest{Encoder: v.Encoder, WeightsHash: v.WeightsHash}
	if err := want.Check(tall.Manifest{Encoder: q.Encoder, WeightsHash: q.WeightsHash}); err != nil {
		return fmt.Errorf("frames and sentences must come from one encoder with a common space: %w", err)
	}
	if len(s.Vector) != p.stream.D {
		return fmt.Errorf("%w: its vector has %d values, the rows of %s have %d; frames and sentences must come from one encoder with a common space (clip)", tall.ErrShape, len(s.Vector), p.video, p.stream.D)
	}
	if firstNotFinite(s.Vector) >= 0 {
		return fmt.Errorf("%w: its vector holds NaN or infinity", tall.ErrNotFinite)
	}
	return nil
}

func shorten(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// similarities are the cosines (S, N) of a few sentences and all rows.
func (p *Prepared) similarities(ctx context.Context, sentences []tall.Sentence) ([]float32, error) {
	lane := <-p.l.lanes
	defer func() { p.l.lanes <- lane }()
	b, n, d := lane.b, p.stream.N, p.stream.D
	q := tensor.NewMat(b, len(sentences), d)
	for i, s := range sentences {
		b.Upload(q.RowRange(i, i+1), s.Vector)
	}
	b.L2NormRows(q, tensor.NewMat(b, len(sentences), 1), q)
	out := make([]float32, len(sentences)*n)
	if lane.unit != nil {
		return out, p.unitSimilarities(ctx, lane, q, out)
	}
	sims := tensor.NewMat(b, len(sentences), min(n, rowsAtOnce))
	err := p.eachTile(ctx, lane, func(tile tensor.Mat, from int) error {
		c := tensor.MatOf(sims.Mem, len(sentences), tile.Rows)
		b.Gemm(c, 1, q, false, tile, true, 0)
		for i := range sentences {
			dst := out[i*n+from : i*n+from+tile.Rows]
			b.Download(dst, c.RowRange(i, i+1))
			if firstNotFinite(dst) >= 0 {
				return fmt.Errorf("%s: %w: a similarity", p.video, tall.ErrNotFinite)
			}
		}
		return nil
	})
	return out, err
}

// unitSimilarities are the products (S, N) of sentences q (S, D) and all rows.
func (p *Prepared) unitSimilarities(ctx context.Context, lane *lane, q tensor.Mat, out []float32) error {
	n, d := p.stream.N, p.stream.D
	queries := make([]float32, q.Rows*d)
	lane.b.Download(queries, q)
	var products []float32
	return p.eachRows(ctx, lane, func(rows []float32, from int) error {
		count := len(rows) / d
		if len(products) < q.Rows*count {
			products = make([]float32, q.Rows*count)
		}
		part := products[:q.Rows*count]
		lane.unit.DotUnitRows(part, rows, d, queries)
		if firstNotFinite(part) >= 0 {
			if err := p.finite(rows, from); err != nil {
				return err
			}
			return fmt.Errorf("%s: %w: a similarity", p.video, tall.ErrNotFinite)
		}
		for i := range q.Rows {
			copy(out[i*n+from:], part[i*count:(i+1)*count])
		}
		return nil
	})
}

// gaussian is half of a kernel, from its middle outward to three deviations. A deviation
// too small to matter gives the kernel that changes nothing.
func gaussian(deviation float64) []float64 {
	half := []float64{1}
	for i := 1; float64(i) <= 3*deviation; i++ {
		x := float64(i) / deviation
		half = append(half, math.Exp(-x*x/2))
	}
	return half
}

// convolve smooths a curve. At its ends the kernel is cut off and weighs what is there,
// so that a constant stays as it is.
func convolve(dst []float64, curve []float32, half []float64) {
	edge := func(from, to int) {
		for i := from; i < to; i++ {
			sum, weight := half[0]*float64(curve[i]), half[0]
			for k := 1; k < len(half); k++ {
				if i-k >= 0 {
					sum += half[k] * float64(curve[i-k])
					weight += half[k]
				}
				if i+k < len(curve) {
					sum += half[k] * float64(curve[i+k])
					weight += half[k]
				}
			}
			dst[i] = sum / weight
		}
	}
	reach := len(half) - 1
	if len(dst) <= 2*reach {
		edge(0, len(dst))
		return
	}
	edge(0, reach)
	edge(len(dst)-reach, len(dst))
	total := half[0]
	for _, h := range half[1:] {
		total += 2 * h
	}
	for i := reach; i < len(dst)-reach; i++ {
		before, after := curve[i-reach:i], curve[i+1:i+1+reach]
		sum := half[0] * float64(curve[i])
		for k, v := range after {
			sum += half[k+1] * (float64(v) + float64(before[len(before)-1-k]))
		}
		dst[i] = sum / total
	}
}
