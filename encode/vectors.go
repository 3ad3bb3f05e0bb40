package encode

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
	"tall/feature"
	"tall/numpy"
	"tall/weights"
)

// placeholder stands for an example's ID in a pattern of file names.
const placeholder = "{id}"

// Vectors are sentence vectors that another program made, found by the ID of an
// example or by its text:
//
//   - FILE.npz, an array for each ID or text;
//   - FILE.safetensors, a tensor for each, or one matrix (S, E) and the metadata "ids",
//     one a line, in the order of its rows;
//   - FILE.npy, a matrix (S, E), beside FILE.ids.txt, one a line;
//   - a folder and a pattern with {id}, such as "text/clip_text_qid{id}.npz", or a folder
//     alone, in which ID, qidID and clip_text_qidID are looked for: a file for each
//     sentence, of which the array pooler_output is taken, else sentence, else features,
//     else last_hidden_state, else the only one.
//
// A vector is (E), or (L, E) for the tokens of a sentence, of which the mean is taken.
// A manifest.json beside the file or in the folder says how they were made.
type Vectors struct {
	path string
	made tall.Manifest
	many bool // a file for each sentence
	find func(key string) (numbers, bool, error)
	stop func() error
}

// numbers is an array as a file holds it.
type numbers struct {
	shape []int
	data  []float32
	where string
}

// tokenNames are the arrays of a sentence's file, best first; see [Vectors].
func tokenNames() []string {
	return []string{"pooler_output", "sentence", "features", "last_hidden_state"}
}

// OpenVectors opens sentence vectors. Errors wrap [tall.ErrMissing] or
// [tall.ErrFormat] and name the file.
func OpenVectors(path string) (*Vectors, error) {
	v := &Vectors{path: path, stop: func() error { return nil }}
	dir := path
	info, err := os.Stat(path)
	pattern := strings.Contains(filepath.Base(path), placeholder)
	switch {
	case pattern:
		dir = filepath.Dir(path)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%w: %s is no folder of sentence vectors", tall.ErrMissing, dir)
		}
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: the sentence vectors %s do not exist; give a file, a folder, glove:FILE or hash:DIM", tall.ErrMissing, path)
	case err != nil:
		return nil, err
	case !info.IsDir():
		dir = filepath.Dir(path)
	}
	d, err := feature.ReadDescription(dir, "sentences")
	if err != nil {
		return nil, err
	}
	v.made = d.Manifest
	switch {
	case pattern:
		v.fromFolder(dir, []string{filepath.Base(path)})
	case info.IsDir():
		v.fromFolder(dir, []string{placeholder, "qid" + placeholder, "clip_text_qid" + placeholder})
	default:
		err = v.fromFile()
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Close closes the file.
func (v *Vectors) Close() error { return v.stop() }

// Sentence returns the vector of a sentence, by its ID, else by its text. ok is false
// where there is none. Errors wrap [tall.ErrShape] or [tall.ErrNotFinite].
func (v *Vectors) Sentence(id, text string) (s tall.Sentence, ok bool, err error) {
	var n numbers
	for _, key := range []string{id, text} {
		if key == "" {
			continue
		}
		if n, ok, err = v.find(key); ok || err != nil {
			break
		}
	}
	if !ok || err != nil {
		return s, false, err
	}
	s = tall.Sentence{Text: text, Manifest: v.made}
	if s.Vector, s.Tokens, err = n.vector(); err != nil {
		return s, false, err
	}
	if m := v.made.Dim; m != 0 && m != len(s.Vector) {
		return s, false, fmt.Errorf("%w: %s is a vector of %d values, the %s beside it says %d", tall.ErrShape, n.where, len(s.Vector), feature.ManifestName, m)
	}
	s.Manifest.Dim = len(s.Vector)
	if s.Tokens != nil && s.Manifest.Encoder != "" {
		s.Manifest.Encoder += ", mean of tokens"
	}
	if s.Manifest.Context == "" {
		s.Manifest.Context = "none"
	}
	return s, true, nil
}

// vector is the vector of a sentence, and its tokens where the file has those.
func (n numbers) vector() (vector, tokens []float32, err error) {
	if bad := feature.NotFinite(n.data); bad > 0 {
		return nil, nil, fmt.Errorf("%w: %s: %d of %d values are NaN or infinite; make the vector again, or leave the sentence out", tall.ErrNotFinite, n.where, bad, len(n.data))
	}
	long := slices.DeleteFunc(slices.Clone(n.shape), func(k int) bool { return k == 1 })
	if len(n.data) == 0 || len(long) > 2 {
		return nil, nil, fmt.Errorf("%w: %s has shape %v; a sentence vector is (E), or (L, E) for its tokens", tall.ErrShape, n.where, n.shape)
	}
	if len(long) < 2 {
		return n.data, nil, nil
	}
	e := long[1]
	sum := make([]float64, e)
	for i, x := range n.data {
		sum[i%e] += float64(x)
	}
	vector = make([]float32, e)
	for j := range vector {
		vector[j] = float32(sum[j] / float64(long[0]))
	}
	return vector, n.data, nil
}

// fromFile reads a file that holds all vectors.
func (v *Vectors) fromFile() error {
	switch strings.ToLower(filepath.Ext(v.path)) {
	case ".npz":
		z, err := numpy.OpenNPZ(v.path)
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for _, name := range z.Names() {
			names[name] = true
		}
		v.stop = z.Close
		v.find = func(key string) (numbers, bool, error) {
			if !names[key] {
				return numbers{}, false, nil
			}
			a, err := z.Read(key)
			if err != nil {
				return numbers{}, false, err
			}
			return numbers{a.Shape, a.Float32(), v.path + "[" + key + "]"}, true, nil
		}
		return nil
	case ".safetensors":
		f, err := weights.Read(v.path)
		if err != nil {
			return err
		}
		if ids, ok := f.Meta["ids"]; ok && len(f.Tensors) == 1 {
			return v.fromMatrix(f.Tensors[0].Shape, f.Tensors[0].Data, strings.Split(strings.TrimSuffix(ids, "\n"), "\n"))
		}
		tensors := map[string]weights.Tensor{}
		for _, t := range f.Tensors {
			tensors[t.Name] = t
		}
		v.find = func(key string) (numbers, bool, error) {
			t, ok := tensors[key]
			return numbers{t.Shape, t.Data, v.path + "[" + key + "]"}, ok, nil
		}
		return nil
	case ".npy":
		a, err := numpy.ReadFile(v.path)
		if err != nil {
			return err
		}
		list := strings.TrimSuffix(v.path, filepath.Ext(v.path)) + ".ids.txt"
		text, err := os.ReadFile(list)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s tells which sentences the rows of %s are, an id a line, and does not exist", tall.ErrMissing, list, v.path)
		}
		if err != nil {
			return err
		}
		return v.fromMatrix(a.Shape, a.Float32(), strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n"))
	}
	return fmt.Errorf("%w: %s: sentence vectors are .npz, .safetensors or .npy, a folder, glove:FILE or hash:DIM", tall.ErrFormat, v.path)
}

// fromMatrix finds rows by the ids of their order.
func (v *Vectors) fromMatrix(shape []int, data []float32, ids []string) error {
	if len(shape) != 2 || shape[0] != len(ids) || shape[1] < 1 {
		return fmt.Errorf("%w: %s has shape %v for %d ids; a row for each id is needed", tall.ErrShape, v.path, shape, len(ids))
	}
	rows := map[string]int{}
	for i, id := range ids {
		if first, ok := rows[id]; ok {
			return fmt.Errorf("%w: %s: rows %d and %d have the same id %q", tall.ErrFormat, v.path, first, i, id)
		}
		rows[id] = i
	}
	dim := shape[1]
	v.find = func(key string) (numbers, bool, error) {
		i, ok := rows[key]
		if !ok {
			return numbers{}, false, nil
		}
		return numbers{[]int{dim}, data[i*dim : (i+1)*dim], fmt.Sprintf("%s[%d]", v.path, i)}, true, nil
	}
	return nil
}

// fromFolder finds a file for each sentence, by patterns of its name.
func (v *Vectors) fromFolder(dir string, patterns []string) {
	v.many = true
	v.find = func(key string) (numbers, bool, error) {
		if key != filepath.Base(key) || key == "." || key == ".." || strings.ContainsAny(key, "/\\\x00") {
			return numbers{}, false, nil // a text, not the name of a file
		}
		for _, pattern := range patterns {
			path := filepath.Join(dir, strings.Replace(pattern, placeholder, key, 1))
			for _, ext := range []string{"", ".npz", ".npy", ".safetensors"} {
				if ext == "" && !strings.Contains(pattern, ".") {
					continue
				}
				info, err := os.Stat(path + ext)
				if err != nil || !info.Mode().IsRegular() {
					continue
				}
				n, err := readSentence(path + ext)
				return n, err == nil, err
			}
		}
		return numbers{}, false, nil
	}
}

// readSentence reads the file of one sentence.
func readSentence(path string) (numbers, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npz":
		z, err := numpy.OpenNPZ(path)
		if err != nil {
			return numbers{}, err
		}
		defer z.Close()
		name, err := pick(path, z.Names())
		if err != nil {
			return numbers{}, err
		}
		a, err := z.Read(name)
		if err != nil {
			return numbers{}, err
		}
		return numbers{a.Shape, a.Float32(), path}, nil
	case ".npy":
		a, err := numpy.ReadFile(path)
		if err != nil {
			return numbers{}, err
		}
		return numbers{a.Shape, a.Float32(), path}, nil
	}
	f, err := weights.Read(path)
	if err != nil {
		return numbers{}, err
	}
	names := make([]string, len(f.Tensors))
	for i, t := range f.Tensors {
		names[i] = t.Name
	}
	name, err := pick(path, names)
	if err != nil {
		return numbers{}, err
	}
	t := f.Tensors[slices.Index(names, name)]
	return numbers{t.Shape, t.Data, path}, nil
}

// pick chooses the array that holds the sentence.
func pick(path string, names []string) (string, error) {
	for _, want := range tokenNames() {
		if slices.Contains(names, want) {
			return want, nil
		}
	}
	if len(names) == 1 {
		return names[0], nil
	}
	return "", fmt.Errorf("%w: %s holds the arrays %s; a sentence's must be named %s", tall.ErrFormat, path, strings.Join(names, ", "), strings.Join(tokenNames(), " or "))
}

// hashFile is the SHA-256 of a file, "sha256:" and hexadecimal.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
