package skipthought

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"tall"
	"tall/numpy"
	"tall/tensor"
)

// The files of a model.
const (
	dictionaryName = "dictionary.txt"
	uniTableName   = "utable.npy"
	biTableName    = "btable.npy"
	uniName        = "uni_skip.npz"
	biName         = "bi_skip.npz"
)

// unknownWord is the dictionary's word for those that it does not have.
const unknownWord = "UNK"

// Bounds of a text. What the model has seen are sentences of some ten words; each word
// takes about 10 ms.
const (
	maxBytes = 1 << 16
	maxWords = 1000
)

// batchWords is how many words are computed together, unless one sentence has more.
const batchWords = 1024

// hashedRows is how many rows of a table go into the hash.
const hashedRows = 64

// Options of an encoder.
type Options struct {
	Backend tensor.Backend // nil: the CPU
}

// Encoder is the model. It implements [tall.SentenceEncoder]; its methods are for one
// goroutine at a time.
type Encoder struct {
	b         tensor.Backend
	words     *dictionary
	unknown   int // the row of unknownWord
	uni, bi   *table
	u, fw, bw *gru
	manifest  tall.Manifest
}

// Open opens the model in a folder; see the package's documentation for the files. Its
// tables stay open until [Encoder.Close]. Errors wrap [tall.ErrMissing] (which says where
// a file comes from), [tall.ErrFormat], [tall.ErrShape] or [tall.ErrNotFinite].
func Open(dir string, o Options) (_ *Encoder, err error) {
	if o.Backend == nil {
		o.Backend = tensor.NewCPU(0)
	}
	e := &Encoder{b: o.Backend}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if e.words, err = readDictionary(filepath.Join(dir, dictionaryName)); err != nil {
		return nil, err
	}
	lines := len(e.words.words)
	var known bool
	if e.unknown, known = e.words.row(unknownWord); !known {
		return nil, fmt.Errorf("%w: %s has no word %s, which stands for unknown words", tall.ErrMissing, filepath.Join(dir, dictionaryName), unknownWord)
	}
	if e.uni, err = openTable(filepath.Join(dir, uniTableName), lines); err != nil {
		return nil, err
	}
	if e.bi, err = openTable(filepath.Join(dir, biTableName), lines); err != nil {
		return nil, err
	}
	h := sha256.New()
	buf := make([]byte, 0, 1<<16)
	hash := func(values []float32) {
		for _, v := range values {
			if buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v)); len(buf) == cap(buf) {
				h.Write(buf)
				buf = buf[:0]
			}
		}
		h.Write(buf)
		buf = buf[:0]
	}
	if err := e.readNetworks(dir, hash); err != nil {
		return nil, err
	}
	h.Write(e.words.text)
	for _, t := range []*table{e.uni, e.bi} {
		fmt.Fprintf(h, "%d %d\n", t.rows, t.dim)
		row := make([]float32, t.dim)
		for i := range min(hashedRows, t.rows) {
			if err := t.row(i*(t.rows-1)/max(1, min(hashedRows, t.rows)-1), row); err != nil {
				return nil, err
			}
			hash(row)
		}
	}
	e.manifest = tall.Manifest{
		Encoder: "skipthought", WeightsHash: "sha256:" + hex.EncodeToString(h.Sum(nil)), Normalization: "l2 of each half",
		Dim: e.u.d + e.fw.d + e.bw.d, Context: "none",
	}
	return e, nil
}

// readNetworks reads the encoders of both npz files.
func (e *Encoder) readNetworks(dir string, hash func([]float32)) error {
	read := func(name string, prefixes []string, to []**gru, in int) error {
		path := filepath.Join(dir, name)
		z, err := numpy.OpenNPZ(path)
		if err != nil {
			return absent(path, err)
		}
		defer z.Close()
		for i, prefix := range prefixes {
			if *to[i], err = readGRU(e.b, z, path, prefix, in, hash); err != nil {
				return err
			}
		}
		return checkOptions(path+".pkl", in, (*to[0]).d)
	}
	if err := read(uniName, []string{"encoder_"}, []**gru{&e.u}, e.uni.dim); err != nil {
		return err
	}
	if err := read(biName, []string{"encoder_", "encoder_r_"}, []**gru{&e.fw, &e.bw}, e.bi.dim); err != nil {
		return err
	}
	return nil
}

// checkOptions compares the pickled options beside a network with its arrays. The file
// need not be there.
func checkOptions(path string, in, d int) error {
	v, err := numpy.UnpickleFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w; this file is not needed: remove it, or fetch it again", err)
	}
	options, ok := v.(*numpy.Dict)
	if !ok {
		return fmt.Errorf("%w: %s holds no dict of options; this file is not needed: remove it, or fetch it again", tall.ErrFormat, path)
	}
	for key, want := range map[string]int64{"dim": int64(d), "dim_word": int64(in)} {
		if got, ok := options.Get(key); ok && got != any(want) {
			return fmt.Errorf("%w: %s says %s is %v, the network has %d; files of two models are mixed", tall.ErrShape, path, key, got, want)
		}
	}
	return nil
}

// Manifest says how the vectors are made.
func (e *Encoder) Manifest() tall.Manifest { return e.manifest }

// Close lets go of the tables. The encoder must not be used afterwards.
func (e *Encoder) Close() error {
	var err error
	for _, t := range []*table{e.uni, e.bi} {
		if t != nil {
			err = errors.Join(err, t.close())
		}
	}
	e.uni, e.bi = nil, nil
	return err
}

// text is a text to encode: the rows of its words, and what asked for it.
type text struct {
	rows  []int
	asked []int
}

// EncodeSentences implements [tall.SentenceEncoder]: vectors of 4800 values. A vector has
// the same bits whatever other texts it is computed with. Texts of more than 1000 words
// or 64 KiB wrap [tall.ErrFormat].
func (e *Encoder) EncodeSentences(ctx context.Context, texts []string) ([]tall.Sentence, error) {
	out := make([]tall.Sentence, len(texts))
	var all []*text
	seen := map[string]*text{}
	for i, s := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out[i] = tall.Sentence{Text: s, Manifest: e.manifest, Vector: make([]float32, e.manifest.Dim)}
		if t := seen[s]; t != nil { // corpora say many things often
			t.asked = append(t.asked, i)
			continue
		}
		rows, err := e.lookUp(s)
		if err != nil {
			return nil, fmt.Errorf("sentence %d: %w", i, err)
		}
		t := &text{rows, []int{i}}
		seen[s] = t
		if len(rows) > 0 {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b *text) int { return len(b.rows) - len(a.rows) })
	for len(all) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, words := 0, 0
		for n < len(all) && (n == 0 || words+len(all[n].rows) <= batchWords) {
			words += len(all[n].rows)
			n++
		}
		if err := e.batch(ctx, all[:n], out); err != nil {
			return nil, err
		}
		all = all[n:]
	}
	return out, nil
}

// lookUp cuts a text into words and finds their rows.
func (e *Encoder) lookUp(s string) ([]int, error) {
	if len(s) > maxBytes {
		return nil, fmt.Errorf("%w: a text of %d bytes; give a sentence, of at most %d", tall.ErrFormat, len(s), maxBytes)
	}
	words := Words(s)
	if len(words) > maxWords {
		return nil, fmt.Errorf("%w: a text of %d words; give a sentence, of at most %d", tall.ErrFormat, len(words), maxWords)
	}
	rows := make([]int, len(words))
	for i, w := range words {
		var known bool
		if rows[i], known = e.words.row(w); !known {
			rows[i] = e.unknown
		}
	}
	return rows, nil
}

// batch encodes texts, the longest first, and writes their vectors into out.
func (e *Encoder) batch(ctx context.Context, texts []*text, out []tall.Sentence) error {
	lengths := make([]int, len(texts))
	for i, t := range texts {
		lengths[i] = len(t.rows)
	}
	// steps are the words in the order of the layers' steps, of one table.
	steps := func(from *table, reverse bool) ([]float32, error) {
		var x []float32
		for t := range lengths[0] {
			for _, s := range texts {
				if t >= len(s.rows) {
					break
				}
				at := t
				if reverse {
					at = len(s.rows) - 1 - t
				}
				x = append(x, make([]float32, from.dim)...)
				if err := from.row(s.rows[at], x[len(x)-from.dim:]); err != nil {
					return nil, err
				}
			}
		}
		return x, nil
	}
	at := 0 // of the layer's part in the vectors
	for _, l := range []struct {
		*gru
		from    *table
		reverse bool
	}{{e.u, e.uni, false}, {e.fw, e.bi, false}, {e.bw, e.bi, true}} {
		x, err := steps(l.from, l.reverse)
		if err != nil {
			return err
		}
		states, err := l.forward(ctx, e.b, x, lengths)
		if err != nil {
			return err
		}
		for i, t := range texts {
			for _, k := range t.asked {
				copy(out[k].Vector[at:at+l.d], states[i*l.d:])
			}
		}
		at += l.d
	}
	for _, t := range texts {
		for _, k := range t.asked {
			normalize(out[k].Vector[:e.u.d])
			normalize(out[k].Vector[e.u.d:])
		}
	}
	return nil
}

// normalize brings a vector to length 1; zeros stay.
func normalize(v []float32) {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	k := 1 / math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) * k)
	}
}
