package calibrate

import (
	"context"
	"math"

	"tall"
)

// sentencesAtOnce bounds the memory for answers, which list every moment.
const sentencesAtOnce = 8

// selfEvident is what a prepared video may have beside [tall.Prepared]: the scores of the
// best moments alone, without the moments, which are evidence as they are
// (model/contrast).
type selfEvident interface {
	Best(ctx context.Context, sentences []tall.Sentence) ([]float64, error)
}

// Evidence is what the scores of an answer say for its moments. Where the localizer's
// scores compare moments with the rest of the video already, it is the scores. Else it is
// how far each is above the mean over the video: models such as CTRL learn which window
// fits a sentence, and nothing of how sentences compare, so that an odd sentence may have
// high scores everywhere.
func Evidence(p tall.Prepared, a tall.Scored) []float64 {
	out := make([]float64, len(a.Scores))
	mean := 0.0
	if _, ok := p.(selfEvident); !ok {
		for _, s := range a.Scores {
			mean += float64(s) / float64(len(a.Scores))
		}
	}
	for i, s := range a.Scores {
		out[i] = float64(s) - mean
	}
	return out
}

// Best returns the evidence for the best moment of each sentence, -Inf where there is
// none. A moment that ends before it starts, as offsets can make it, is none. Progress,
// if not nil, is told how many sentences are done.
func Best(ctx context.Context, p tall.Prepared, sentences []tall.Sentence, progress func(done, total int)) ([]float64, error) {
	out := make([]float64, 0, len(sentences))
	for len(out) < len(sentences) {
		part := sentences[len(out):min(len(out)+sentencesAtOnce, len(sentences))]
		evidence, err := bestOf(ctx, p, part)
		if err != nil {
			return nil, err
		}
		out = append(out, evidence...)
		if progress != nil {
			progress(len(out), len(sentences))
		}
	}
	return out, nil
}

func bestOf(ctx context.Context, p tall.Prepared, sentences []tall.Sentence) ([]float64, error) {
	if b, ok := p.(selfEvident); ok {
		return b.Best(ctx, sentences)
	}
	answers, err := p.Localize(ctx, sentences)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(answers))
	for i, a := range answers {
		out[i] = math.Inf(-1)
		for k, v := range Evidence(p, a) {
			if a.Spans[k].Valid() && v > out[i] {
				out[i] = v
			}
		}
	}
	return out, nil
}

// Measure asks a video with the bank's sentences, encoded as the question's is, and fits
// the distribution of the evidence for their best moments.
func Measure(ctx context.Context, p tall.Prepared, bank []tall.Sentence, progress func(done, total int)) (Null, error) {
	scores, err := Best(ctx, p, bank, progress)
	if err != nil {
		return Null{}, err
	}
	return Fit(scores), nil
}
