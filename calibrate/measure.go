package calibrate

import (
	"context"
	"math"

	"tall"
)

// sentencesAtOnce bounds the memory for answers, which list every moment.
const sentencesAtOnce = 8

// best is what a prepared video may have beside [tall.Prepared]: the best scores alone,
// without the moments (model/contrast).
type best interface {
	Best(ctx context.Context, sentences []tall.Sentence) ([]float64, error)
}

// Best returns the score of the best moment of each sentence, -Inf where there is none.
// A moment that ends before it starts, as offsets can make it, is none. Progress, if not
// nil, is told how many sentences are done.
func Best(ctx context.Context, p tall.Prepared, sentences []tall.Sentence, progress func(done, total int)) ([]float64, error) {
	out := make([]float64, 0, len(sentences))
	for len(out) < len(sentences) {
		part := sentences[len(out):min(len(out)+sentencesAtOnce, len(sentences))]
		scores, err := bestOf(ctx, p, part)
		if err != nil {
			return nil, err
		}
		out = append(out, scores...)
		if progress != nil {
			progress(len(out), len(sentences))
		}
	}
	return out, nil
}

func bestOf(ctx context.Context, p tall.Prepared, sentences []tall.Sentence) ([]float64, error) {
	if b, ok := p.(best); ok {
		return b.Best(ctx, sentences)
	}
	answers, err := p.Localize(ctx, sentences)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(answers))
	for i, a := range answers {
		out[i] = math.Inf(-1)
		for k, score := range a.Scores {
			if a.Spans[k].Valid() && float64(score) > out[i] {
				out[i] = float64(score)
			}
		}
	}
	return out, nil
}

// Measure asks a video with the bank's sentences, encoded as the question's is, and fits
// the distribution of their best scores.
func Measure(ctx context.Context, p tall.Prepared, bank []tall.Sentence, progress func(done, total int)) (Null, error) {
	scores, err := Best(ctx, p, bank, progress)
	if err != nil {
		return Null{}, err
	}
	return Fit(scores), nil
}
