package clip

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"tall"
	"tall/feature"
	"tall/tensor"
)

// Name is what manifests call the encoder.
const Name = "clip"

// DefaultRate is how many frames a second are encoded unless [Options.Rate] says so.
const DefaultRate = 1.0

// maxRate bounds Rate: faster than any camera of interest.
const maxRate = 1000

// Options change how a model is opened. The zero value is ready to use.
type Options struct {
	// Threads to compute with; 0: GOMAXPROCS. The results do not depend on it.
	Threads int
	// Rate is how many frames a second are encoded; 0: DefaultRate.
	Rate float64
	// Batch is how many pictures go through the tower together; 0: as many as make some
	// 1,000 rows, at most 16. The results do not depend on it.
	Batch int
	// Hash gives the SHA-256 of a file of weights, "sha256:" and hexadecimal digits;
	// nil: it is computed, which takes a second for each gigabyte or two.
	Hash func(path string) (string, error)
}

// Model is a CLIP model: it encodes pictures and the frames of videos ([Model.Encode],
// [Model.EncodeImages]), and sentences ([Model.EncodeSentences]) into one space, where
// the dot product of two vectors is their likeness. It reads the weights of a tower when
// that is first used. Its methods may be called from several goroutines; they take turns.
type Model struct {
	config    Config
	prep      Preparation
	tokenizer *Tokenizer
	archive   *archive
	manifest  tall.Manifest
	rate      float64
	batch     int

	mu     sync.Mutex // of what follows
	b      tensor.Backend
	vision *vision
	text   *text
}

// Open opens a model's folder in the layout of Hugging Face: config.json,
// model.safetensors (or several files and their index), preprocessor_config.json, and
// the tokenizer ([OpenTokenizer]). All is checked but the weights' values: names and
// shapes of all tensors are compared with the configuration before memory is taken.
//
// Errors name the file, what is wrong and the remedy. They wrap [tall.ErrMissing],
// [tall.ErrFormat], [tall.ErrShape] or [tall.ErrUnsafe].
func Open(dir string, o Options) (*Model, error) {
	if o.Rate < 0 || o.Rate > maxRate || math.IsNaN(o.Rate) {
		return nil, fmt.Errorf("%w: a rate of %g frames a second; give one above 0, at most %d", tall.ErrFormat, o.Rate, maxRate)
	}
	if o.Batch < 0 {
		return nil, fmt.Errorf("%w: batches of %d pictures; give a number above 0", tall.ErrFormat, o.Batch)
	}
	c, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	m := &Model{config: c, rate: cmp.Or(o.Rate, DefaultRate), batch: o.Batch, b: tensor.NewCPU(o.Threads)}
	if m.batch == 0 {
		m.batch = min(max(1024/c.Vision.Tokens(), 1), 16)
	}
	if m.prep, err = readPreparation(dir, c.Vision.Image); err != nil {
		return nil, err
	}
	if m.archive, err = findWeights(dir); err != nil {
		return nil, err
	}
	if err := m.archive.check(specsOf(slices.Concat(newText(shapes{}, c).params(), newVision(shapes{}, c).params()))); err != nil {
		return nil, err
	}
	if m.tokenizer, err = OpenTokenizer(dir); err != nil {
		return nil, err
	}
	if n := m.tokenizer.Size(); n > c.Text.Vocabulary {
		return nil, fmt.Errorf("%s: %w: the tokenizer has ids up to %d, config.json's vocab_size is %d; take all files from one model", dir, tall.ErrShape, n-1, c.Text.Vocabulary)
	}
	if end := int(m.tokenizer.End()); c.Text.EndID != legacyEnd && c.Text.EndID != end {
		return nil, fmt.Errorf("%s: %w: the tokenizer ends texts with id %d, config.json's eos_token_id is %d; take all files from one model", dir, tall.ErrFormat, end, c.Text.EndID)
	}
	hash := o.Hash
	if hash == nil {
		hash = hashFile
	}
	sum, err := m.archive.hash(hash)
	if err != nil {
		return nil, err
	}
	m.manifest = tall.Manifest{Encoder: Name, WeightsHash: sum, Normalization: "l2", Dim: c.Projection, Context: "none"}
	return m, nil
}

// Config says how large the model is.
func (m *Model) Config() Config { return m.config }

// Manifest says how vectors of sentences and pictures are made: they may be compared.
func (m *Model) Manifest() tall.Manifest { return m.manifest }

// maxText bounds a text in bytes. No more than Config.Text.Positions tokens count.
const maxText = 1 << 20

// textBatch is how many texts go through the tower together.
const textBatch = 32

// EncodeSentences implements [tall.SentenceEncoder]: vectors (D) of length 1. What
// exceeds the tower's tokens (77, some 60 words) is cut off, as in the original; an empty
// text has the vector of none. Texts of more than 1 MiB are errors.
func (m *Model) EncodeSentences(ctx context.Context, texts []string) ([]tall.Sentence, error) {
	ids := make([][]int32, len(texts))
	order := make([]int, len(texts))
	for i, s := range texts {
		if len(s) > maxText {
			return nil, fmt.Errorf("%w: sentence %d has %d bytes, at most %d; is it a file's content?", tall.ErrFormat, i+1, len(s), maxText)
		}
		ids[i] = m.config.Text.seen(m.tokenizer.Encode(s, m.config.Text.Positions))
		order[i] = i
	}
	// Texts of like length go together, so that little is computed for padding.
	slices.SortStableFunc(order, func(a, b int) int { return len(ids[a]) - len(ids[b]) })
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(texts) > 0 && m.text == nil {
		t := newText(m.b, m.config)
		if err := m.archive.load(m.b, t.params()); err != nil {
			return nil, err
		}
		t.ready(m.b)
		m.text = t
	}
	out := make([]tall.Sentence, len(texts))
	for part := range slices.Chunk(order, textBatch) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch := make([][]int32, len(part))
		for k, i := range part {
			batch[k] = ids[i]
		}
		rows := m.download(m.text.forward(m.b, batch))
		for k, i := range part {
			v := rows[k*m.manifest.Dim : (k+1)*m.manifest.Dim : (k+1)*m.manifest.Dim]
			if feature.NotFinite(v) > 0 {
				return nil, m.overflow(fmt.Sprintf("sentence %.60q", texts[i]))
			}
			out[i] = tall.Sentence{Text: texts[i], Manifest: m.manifest, Vector: v}
		}
	}
	return out, nil
}

// download copies a matrix to the host.
func (m *Model) download(rows tensor.Mat) []float32 {
	out := make([]float32, rows.Rows*rows.Cols)
	m.b.Download(out, rows)
	return out
}

// overflow is the error of finite weights whose products are not.
func (m *Model) overflow(what string) error {
	return fmt.Errorf("%w: the vector of %s; the weights in %s are not those of a trained model", tall.ErrNotFinite, what, m.archive.dir)
}
