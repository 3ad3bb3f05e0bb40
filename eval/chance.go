package eval

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"tall"
)

// Chance is the localizer that guesses: it returns the windows of a video in a
// random order, all orders equally likely. Scored like any other, it is the line
// that a model must clear. An order depends on the seed, the video and the
// sentence alone, not on how sentences are put into batches. Add the answers of
// several seeds to one [Scorer] for a steadier estimate.
type Chance struct {
	Seed uint64
}

// Prepare implements [tall.Localizer].
func (c Chance) Prepare(_ context.Context, video *tall.Features) (tall.Prepared, error) {
	return guesses{c.Seed, video}, nil
}

type guesses struct {
	seed  uint64
	video *tall.Features
}

// Localize implements [tall.Prepared].
func (g guesses) Localize(_ context.Context, sentences []tall.Sentence) ([]tall.Scored, error) {
	out := make([]tall.Scored, len(sentences))
	for i, s := range sentences {
		out[i] = answer(g.video, make([]float32, len(g.video.Spans)))
		rng := rand.New(rand.NewPCG(g.seed, identity(g.video.Video, s)))
		for j, rank := range rng.Perm(len(out[i].Scores)) {
			out[i].Scores[j] = float32(rank)
		}
	}
	return out, nil
}

// answer is the windows of a video with scores.
func answer(video *tall.Features, scores []float32) tall.Scored {
	return tall.Scored{Video: video.Video, FPS: video.FPS, Spans: video.Spans, Scores: scores, Windows: video.Spans}
}

func identity(video string, s tall.Sentence) uint64 {
	h := fnv.New64a()
	h.Write([]byte(video))
	h.Write([]byte{0})
	h.Write([]byte(s.Text))
	h.Write([]byte{0})
	buf := make([]byte, 0, 4*len(s.Vector))
	for _, v := range s.Vector {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
	}
	h.Write(buf)
	return h.Sum64()
}
