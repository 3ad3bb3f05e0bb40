package bert

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"tall"
	"tall/tensor"
	"tall/weights"
)

// Name is the encoder's in manifests.
const Name = "minilm"

// WeightsName is the file of weights in a model's folder.
const WeightsName = "model.safetensors"

// maxRows bounds the pieces of a batch, padding included, and with them memory: 4 MB a
// 1,000 of them for all-MiniLM-L6-v2.
const maxRows = 4096

// Encoder encodes sentences. Its methods may be called from several goroutines; they take
// turns.
type Encoder struct {
	tokenizer *Tokenizer
	config    Config
	manifest  tall.Manifest

	mu    sync.Mutex // of what follows
	model *Model
}

// Options change how a model is opened. The zero value is ready to use.
type Options struct {
	// Threads to compute with; 0: GOMAXPROCS. The results do not depend on it.
	Threads int
	// Hash gives the SHA-256 of a file of weights, "sha256:" and hexadecimal digits;
	// nil: it is computed, beside the loading, which takes about as long.
	Hash func(path string) (string, error)
}

// Open reads a model's folder. Errors wrap [tall.ErrMissing],
// [tall.ErrFormat], [tall.ErrShape], [tall.ErrNotFinite] or [tall.ErrUnsafe], name the
// file and what to do.
func Open(dir string, o Options) (*Encoder, error) {
	c, err := OpenConfig(dir)
	if err != nil {
		return nil, err
	}
	t, err := OpenTokenizer(dir)
	if err != nil {
		return nil, err
	}
	if t.Size() > c.Vocab {
		return nil, fmt.Errorf("%s: %w: its tokenizer knows %d pieces, the model %d; they do not belong together", dir, tall.ErrShape, t.Size(), c.Vocab)
	}
	path := filepath.Join(dir, WeightsName)
	f, err := weights.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist; a model that has only pytorch_model.bin must be saved as safetensors", tall.ErrMissing, path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	type result struct {
		sum string
		err error
	}
	hash := o.Hash
	if hash == nil {
		hash = hashFile
	}
	hashed := make(chan result, 1)
	go func() {
		sum, err := hash(path)
		hashed <- result{sum, err}
	}()
	m, err := LoadModel(tensor.NewCPU(o.Threads), c, f)
	weightsHash := <-hashed
	if err = cmp.Or(err, weightsHash.err); err != nil {
		return nil, err
	}
	normalization := "none"
	if c.Normalize {
		normalization = "l2"
	}
	return &Encoder{tokenizer: t, config: c, model: m, manifest: tall.Manifest{
		Encoder: Name, WeightsHash: weightsHash.sum, Normalization: normalization, Dim: c.Width, Context: "none",
	}}, nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// Manifest says how the vectors are made.
func (e *Encoder) Manifest() tall.Manifest { return e.manifest }

// Tokenizer is the model's.
func (e *Encoder) Tokenizer() *Tokenizer { return e.tokenizer }

// Config is the model's.
func (e *Encoder) Config() Config { return e.config }

// EncodeSentences implements [tall.SentenceEncoder]. An empty sentence has the vector
// that the model gives to nothing; of a long one the first pieces count, as many as the
// model's Length.
func (e *Encoder) EncodeSentences(ctx context.Context, texts []string) ([]tall.Sentence, error) {
	out := make([]tall.Sentence, len(texts))
	ids := make([][]int, len(texts))
	order := make([]int, len(texts))
	for i, text := range texts {
		out[i] = tall.Sentence{Text: text, Manifest: e.manifest}
		if e.config.Lower {
			text = strings.ToLower(text)
		}
		ids[i] = e.tokenizer.Encode(text, e.config.Length)
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(ids[a]), len(ids[b])) })
	for len(order) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := 1
		for n < len(order) && (n+1)*len(ids[order[n]]) <= maxRows { // the last is the longest
			n++
		}
		batch := make([][]int, n)
		for i, k := range order[:n] {
			batch[i] = ids[k]
		}
		e.encode(batch, func(i int, vector []float32) { out[order[i]].Vector = slices.Clone(vector) })
		for _, k := range order[:n] {
			if slices.ContainsFunc(out[k].Vector, func(x float32) bool { return x-x != 0 }) {
				return nil, fmt.Errorf("%w: the vector of %.80q; the weights overflow, fetch them again", tall.ErrNotFinite, texts[k])
			}
		}
		order = order[n:]
	}
	return out, nil
}

func (e *Encoder) encode(batch [][]int, emit func(i int, vector []float32)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.model.Encode(batch, emit)
}
