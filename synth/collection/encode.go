package collection

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tall"
	"tall/feature"
	"tall/weights"
)

// textHead begins the texts of concepts.
const textHead = "concept "

// unrelated is how many concepts beyond those of moments other texts stand for.
const unrelated = 100

// Encoder stands for the encoders, of videos and of sentences, that would have made a
// collection.
type Encoder struct {
	*Collection
	Name string // in manifests
}

// Text is the sentence that describes a concept: "concept 17".
func Text(concept int) string { return fmt.Sprint(textHead, concept) }

// EncodeSentences implements [tall.SentenceEncoder]: texts are those of [Text]. All others
// describe what no moment shows.
func (e Encoder) EncodeSentences(_ context.Context, texts []string) ([]tall.Sentence, error) {
	out := make([]tall.Sentence, len(texts))
	for i, text := range texts {
		n, err := strconv.ParseUint(strings.TrimPrefix(text, textHead), 10, 31)
		if err != nil {
			h := fnv.New32()
			h.Write([]byte(text))
			n = uint64(e.Concepts()) + uint64(h.Sum32()%unrelated)
		}
		out[i] = tall.Sentence{Text: text, Manifest: tall.Manifest{Encoder: e.Name}, Vector: e.Sentence(int(n))}
	}
	return out, nil
}

// Bank are n sentences that no moment fits, nor any other text.
func (e Encoder) Bank(ctx context.Context, n int) ([]tall.Sentence, error) {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = Text(e.Concepts() + unrelated + i)
	}
	return e.EncodeSentences(ctx, texts)
}

// Description is that of the features.
func (e Encoder) Description() feature.Description {
	return feature.Description{Manifest: tall.Manifest{Encoder: e.Name, Dim: e.Dim()}, Window: 1, Stride: 1}
}

// Save is that of library.VideoEncoder, for files that hold the number of a video as text.
func (e Encoder) Save(_ context.Context, path, dir, name string, meta map[string]string, progress func(done, total float64)) (rows int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	video, err := strconv.Atoi(string(text))
	if err != nil {
		return 0, fmt.Errorf("%w: %s", tall.ErrFormat, path)
	}
	rows, err = e.Write(video, dir, name, meta)
	progress(float64(rows), float64(rows))
	return rows, err
}

// Write writes the features of a video to dir/name.safetensors, with the folder's
// manifest, and returns the number of rows.
func (e Encoder) Write(video int, dir, name string, meta map[string]string) (rows int, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, err
	}
	// Whole at any time, as several workers write the same.
	err = tall.ReplaceFile(filepath.Join(dir, feature.ManifestName), func(w io.Writer) error { return json.NewEncoder(w).Encode(e.Description()) })
	if err != nil {
		return 0, err
	}
	rows = e.Seconds(video)
	return rows, weights.WriteSafetensors(filepath.Join(dir, name+".safetensors"), &weights.File{
		Meta: meta, Tensors: []weights.Tensor{{Name: "features", Shape: []int{rows, e.Dim()}, Data: e.Rows(video)}},
	})
}
