package encode

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"

	"tall"
)

// Lengths of a word's character n-grams.
const (
	minGram = 3
	maxGram = 5
)

// maxHashDim bounds the dimension of a [Hash].
const maxHashDim = 1 << 20

// Hash is a hashed bag of words and character n-grams (Weinberger et al. 2009,
// "Feature Hashing for Large Scale Multitask Learning"): deterministic, without
// weights, for any language that puts blanks between words.
//
// Each word of [Words] adds 1 or -1 to the value that its hash chooses, and so do its
// n-grams of 3 to 5 characters, with "<" before and ">" behind the word, by 1/sqrt of
// their number each, so that "cuts" lies near "cutting". The vector is brought to
// length 1; a text without words is zeros. The hash is 64-bit FNV-1a, its lowest bit
// the sign.
type Hash struct {
	dim int
}

// NewHash returns an encoder to vectors of dim values.
func NewHash(dim int) (*Hash, error) {
	if dim < 1 || dim > maxHashDim {
		return nil, fmt.Errorf("%w: a hashed vector of %d values; give a number from 1 to %d", tall.ErrFormat, dim, maxHashDim)
	}
	return &Hash{dim}, nil
}

// Manifest says how the vectors are made.
func (h *Hash) Manifest() tall.Manifest {
	return tall.Manifest{
		Encoder: "hash of words and 3-5-grams 1", WeightsHash: "none", Normalization: "l2", Dim: h.dim, Context: "none",
	}
}

// EncodeSentences implements [tall.SentenceEncoder].
func (h *Hash) EncodeSentences(ctx context.Context, texts []string) ([]tall.Sentence, error) {
	out := make([]tall.Sentence, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out[i] = tall.Sentence{Text: text, Manifest: h.Manifest(), Vector: h.vector(text)}
	}
	return out, nil
}

func (h *Hash) vector(text string) []float32 {
	sum := make([]float64, h.dim)
	for _, word := range Words(text) {
		h.add(sum, "w"+word, 1)
		grams := ngrams(word)
		for _, g := range grams {
			h.add(sum, "g"+g, 1/math.Sqrt(float64(len(grams))))
		}
	}
	square := 0.0
	for _, x := range sum {
		square += float64(x * x)
	}
	out := make([]float32, h.dim)
	if square == 0 {
		return out
	}
	scale := 1 / math.Sqrt(square)
	for i, x := range sum {
		out[i] = float32(x * scale)
	}
	return out
}

func (h *Hash) add(sum []float64, token string, weight float64) {
	f := fnv.New64a()
	f.Write([]byte(token))
	x := f.Sum64()
	if x&1 != 0 {
		weight = -weight
	}
	sum[(x>>1)%uint64(h.dim)] += weight
}

// ngrams lists the character n-grams of a word with its ends marked, without the
// marked word itself.
func ngrams(word string) []string {
	runes := []rune("<" + word + ">")
	var out []string
	for n := minGram; n <= maxGram; n++ {
		for at := 0; at+n <= len(runes) && n < len(runes); at++ {
			out = append(out, string(runes[at:at+n]))
		}
	}
	return out
}
