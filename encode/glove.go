package encode

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"tall"
)

// Glove encodes a sentence as the mean of the vectors of its words, in the text format
// of GloVe (Pennington et al. 2014), a word and its values a line; the first line may be
// word2vec's, the numbers of words and values.
//
// The words are those of [Words]; one that the file does not have is looked up by its
// parts ("close-up": "close" and "up"; "man's": "man" and "'s"), and passed over where
// those are unknown too. A sentence without any known word is zeros.
type Glove struct {
	dim     int
	hash    string
	vectors map[string][]float32
}

// Bounds of a file of word vectors.
const (
	maxGloveLine = 1 << 20
	maxGloveDim  = 1 << 14
)

// OpenGlove reads word vectors, gzipped or not, from a file. Only the words of the texts
// are kept, as whole files hold millions; without texts all are.
func OpenGlove(path string, texts []string) (*Glove, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: the word vectors %s do not exist; correct the path (--sentences glove:FILE)", tall.ErrMissing, path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(f, sum), 1<<16)
	var r io.Reader = in
	if head, err := in.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		if r, err = gzip.NewReader(in); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", path, tall.ErrFormat, err)
		}
	}
	g, err := ReadGlove(r, keepOf(texts))
	if err == nil {
		_, err = io.Copy(io.Discard, in) // what gzip leaves unread belongs to the hash
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	g.hash = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return g, nil
}

// keepOf tells the words that the texts can ask for; nil: all.
func keepOf(texts []string) func(word []byte) bool {
	if texts == nil {
		return nil
	}
	wanted := map[string]bool{}
	for _, text := range texts {
		for _, w := range Words(text) {
			wanted[w] = true
			for _, p := range parts(w) {
				wanted[p] = true
			}
		}
	}
	return func(word []byte) bool { return wanted[string(word)] }
}

// ReadGlove reads word vectors from a stream; those that keep refuses (nil: none) are
// not looked at. Errors wrap [tall.ErrFormat] or [tall.ErrNotFinite] and name the line.
func ReadGlove(r io.Reader, keep func(word []byte) bool) (*Glove, error) {
	g := &Glove{vectors: map[string][]float32{}}
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 1<<16), maxGloveLine)
	line := 0
	for in.Scan() {
		line++
		text := bytes.TrimRight(in.Bytes(), " \r")
		if len(text) == 0 || line == 1 && isCounts(text) {
			continue
		}
		if err := g.add(text, keep); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d: %w: longer than %d bytes; this is no file of word vectors", line+1, tall.ErrFormat, maxGloveLine)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("line %d: %w: %w; the file is cut or damaged", line+1, tall.ErrFormat, err)
	case err != nil:
		return nil, fmt.Errorf("line %d: %w", line+1, err)
	case g.dim == 0:
		return nil, fmt.Errorf("%w: no word vectors in it; the form is a word and its numbers a line", tall.ErrFormat)
	}
	return g, nil
}

// isCounts tells word2vec's first line: two whole numbers.
func isCounts(line []byte) bool {
	fields := bytes.Fields(line)
	if len(fields) != 2 {
		return false
	}
	for _, f := range fields {
		if _, err := strconv.ParseUint(string(f), 10, 32); err != nil {
			return false
		}
	}
	return true
}

// add reads a line. A word may hold blanks (glove.840B has some): the values are the
// last fields.
func (g *Glove) add(text []byte, keep func([]byte) bool) error {
	dim := g.dim
	if dim == 0 {
		if dim = bytes.Count(text, []byte(" ")); dim < 1 || dim > maxGloveDim {
			return fmt.Errorf("%w: a word and %d numbers; the form is a word and its numbers, with blanks between them", tall.ErrFormat, dim)
		}
	}
	at := len(text)
	for range dim {
		if at = bytes.LastIndexByte(text[:at], ' '); at < 0 {
			return fmt.Errorf("%w: a word and fewer than %d numbers, as the lines before it have", tall.ErrFormat, dim)
		}
	}
	word, values := text[:at], text[at+1:]
	if g.dim != 0 && keep != nil && !keep(word) {
		return nil
	}
	vector := make([]float32, dim)
	for i := range vector {
		field, rest, _ := bytes.Cut(values, []byte(" "))
		x, err := strconv.ParseFloat(string(field), 32)
		if err != nil {
			return fmt.Errorf("%w: value %d of the word %q is %q, must be a number", tall.ErrFormat, i+1, word, field)
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%w: value %d of the word %q is %q", tall.ErrNotFinite, i+1, word, field)
		}
		vector[i], values = float32(x), rest
	}
	g.dim = dim
	if _, ok := g.vectors[string(word)]; !ok && (keep == nil || keep(word)) { // the first one counts
		g.vectors[string(word)] = vector
	}
	return nil
}

// Dim is E.
func (g *Glove) Dim() int { return g.dim }

// Manifest says how the vectors are made.
func (g *Glove) Manifest() tall.Manifest {
	return tall.Manifest{
		Encoder: "mean of word vectors 1", WeightsHash: g.hash, Normalization: "none", Dim: g.dim, Context: "none",
	}
}

// Known counts the words of a text that have a vector, whole or in parts, and all its
// words.
func (g *Glove) Known(text string) (known, words int) {
	for _, w := range Words(text) {
		words++
		if len(g.lookup(w)) > 0 {
			known++
		}
	}
	return known, words
}

// lookup returns the vector of a word, or those of its parts.
func (g *Glove) lookup(word string) [][]float32 {
	if v, ok := g.vectors[word]; ok {
		return [][]float32{v}
	}
	var out [][]float32
	for _, p := range parts(word) {
		if v, ok := g.vectors[p]; ok {
			out = append(out, v)
		}
	}
	return out
}

// EncodeSentences implements [tall.SentenceEncoder].
func (g *Glove) EncodeSentences(ctx context.Context, texts []string) ([]tall.Sentence, error) {
	out := make([]tall.Sentence, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out[i] = tall.Sentence{Text: text, Manifest: g.Manifest(), Vector: g.vector(text)}
	}
	return out, nil
}

func (g *Glove) vector(text string) []float32 {
	sum, n := make([]float64, g.dim), 0
	for _, w := range Words(text) {
		for _, v := range g.lookup(w) {
			for j, x := range v {
				sum[j] += float64(x)
			}
			n++
		}
	}
	out := make([]float32, g.dim)
	for j, x := range sum {
		out[j] = float32(x / float64(max(1, n)))
	}
	return out
}
