package clip

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	"tall/nn"
	"tall/tensor"
	"tall/weights"
)

const (
	weightsFile = "model.safetensors"
	indexFile   = "model.safetensors.index.json"
)

// maxShards bounds the files of a model.
const maxShards = 256

// archive is a model's weights on disk: one file, or several with an index.
type archive struct {
	dir   string
	files []string            // names in dir
	where map[string]string   // file of each tensor; nil: the one file
	stats map[string]fileStat // at the time the archive was checked
}

type fileStat struct {
	size  int64
	mtime int64
}

// findWeights looks which files hold a model's weights.
func findWeights(dir string) (*archive, error) {
	a := &archive{dir: dir, stats: map[string]fileStat{}}
	if _, err := os.Stat(filepath.Join(dir, weightsFile)); err == nil {
		a.files = []string{weightsFile}
		return a, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	path := filepath.Join(dir, indexFile)
	text, err := readBounded(path, maxTokenizerBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missingWeights(dir)
	}
	if err != nil {
		return nil, err
	}
	if a.where, err = parseIndex(text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range a.where {
		if !slices.Contains(a.files, name) {
			a.files = append(a.files, name)
		}
	}
	slices.Sort(a.files)
	for _, name := range a.files {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("%w: %s names %s: %w; take all files from the model's page", tall.ErrMissing, path, name, err)
		}
	}
	return a, nil
}

// parseIndex reads the text of an index: which file beside it holds which tensor.
func parseIndex(text []byte) (map[string]string, error) {
	var j struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	if len(j.Map) == 0 {
		return nil, fmt.Errorf("%w: weight_map names no tensors", tall.ErrFormat)
	}
	files := map[string]bool{}
	for tensor, name := range j.Map {
		if name != filepath.Base(name) || strings.ContainsAny(name, `/\`) || !strings.HasSuffix(name, ".safetensors") {
			return nil, fmt.Errorf("%w: weight_map puts %.100q into %.100q, which is not a safetensors file beside it", tall.ErrUnsafe, tensor, name)
		}
		if files[name] = true; len(files) > maxShards {
			return nil, fmt.Errorf("%w: weight_map names more than %d files", tall.ErrUnsafe, maxShards)
		}
	}
	return j.Map, nil
}

// missingWeights tells how to come to weights that can be read.
func missingWeights(dir string) error {
	for _, name := range []string{"pytorch_model.bin", "open_clip_pytorch_model.bin", "model.pt"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%w: %s holds its weights as %s, a pickle, which is not read because it may run code; "+
				"convert it once, with Python: from transformers import CLIPModel; CLIPModel.from_pretrained(%q).save_pretrained(%q, safe_serialization=True)",
				tall.ErrMissing, dir, name, dir, dir)
		}
	}
	return fmt.Errorf("%w: %s holds no %s; take it from the model's page", tall.ErrMissing, dir, weightsFile)
}

// unused reports tensors that files hold and no vector depends on: the temperature of the
// training loss, and what older versions of the original saved though it is not learned.
func unused(name string) bool {
	return name == "logit_scale" || name == "text_model.embeddings.position_ids" || name == "vision_model.embeddings.position_ids"
}

// check compares what the files say of their tensors with what the model wants, before
// any memory is taken for them, and that every tensor of the files is wanted.
func (a *archive) check(specs []weights.Spec) error {
	wanted := map[string][]weights.Spec{}
	for _, s := range specs {
		name, err := a.file(s.Name)
		if err != nil {
			return err
		}
		wanted[name] = append(wanted[name], s)
	}
	for _, name := range a.files {
		f, err := a.open(name, true)
		if err != nil {
			return err
		}
		_, err = f.Match(wanted[name])
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// file is the name of the file that holds a tensor.
func (a *archive) file(tensor string) (string, error) {
	if a.where == nil {
		return a.files[0], nil
	}
	name, ok := a.where[tensor]
	if !ok {
		return "", fmt.Errorf("%s: these are not this model's weights: %w: %s", filepath.Join(a.dir, indexFile), tall.ErrMissing, tensor)
	}
	return name, nil
}

// open opens a file and passes over its unused tensors. The first time its
// size and time are kept; it must not have changed later.
func (a *archive) open(name string, first bool) (*weights.File, error) {
	path := filepath.Join(a.dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	is := fileStat{info.Size(), info.ModTime().UnixNano()}
	if !first && a.stats[name] != is {
		return nil, fmt.Errorf("%w: %s has changed since the model was opened; start again", tall.ErrFormat, path)
	}
	a.stats[name] = is
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	if f.Format != weights.Safetensors {
		return nil, errors.Join(fmt.Errorf("%s: %w: this is %s, not safetensors", path, tall.ErrFormat, f.Format), f.Close())
	}
	f.Tensors = slices.DeleteFunc(f.Tensors, func(t weights.Tensor) bool { return unused(t.Name) })
	return f, nil
}

// load reads the values of parameters.
func (a *archive) load(b tensor.Memory, params []*nn.Param) error {
	byFile := map[string][]*nn.Param{}
	for _, p := range params {
		name, err := a.file(p.Name)
		if err != nil {
			return err
		}
		byFile[name] = append(byFile[name], p)
	}
	for _, name := range a.files {
		if len(byFile[name]) == 0 {
			continue
		}
		f, err := a.open(name, false)
		if err != nil {
			return err
		}
		err = loadFrom(b, f, byFile[name])
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// loadFrom reads parameters of one file, whose shapes were checked.
func loadFrom(b tensor.Memory, f *weights.File, params []*nn.Param) error {
	byName := map[string]weights.Tensor{}
	for _, t := range f.Tensors {
		byName[t.Name] = t
	}
	for _, p := range params {
		done := 0
		err := f.Values(byName[p.Name], func(piece []float32) error {
			if done+len(piece) > p.Len() {
				return fmt.Errorf("%s: %w: tensor %s has more than %d values", f.Path, tall.ErrShape, p.Name, p.Len())
			}
			if n := feature.NotFinite(piece); n > 0 {
				return fmt.Errorf("%s: %w: tensor %s holds NaN or infinity; fetch the file again", f.Path, tall.ErrNotFinite, p.Name)
			}
			part := p.Value
			part.Off, part.Rows, part.Cols, part.Stride = part.Off+done, 1, len(piece), len(piece)
			b.Upload(part, piece)
			done += len(piece)
			return nil
		})
		if err == nil && done != p.Len() {
			err = fmt.Errorf("%s: %w: tensor %s has %d values, the model %d", f.Path, tall.ErrShape, p.Name, done, p.Len())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hash is that of the one file, or of the list of several files' names and hashes, in the
// form of sha256sum. one gives the hash of a file, "sha256:" and hexadecimal digits.
func (a *archive) hash(one func(path string) (string, error)) (string, error) {
	sum := sha256.New()
	for _, name := range a.files {
		h, err := one(filepath.Join(a.dir, name))
		if err != nil || len(a.files) == 1 {
			return h, err
		}
		fmt.Fprintf(sum, "%s  %s\n", strings.TrimPrefix(h, hashPrefix), name)
	}
	return hashPrefix + hex.EncodeToString(sum.Sum(nil)), nil
}

const hashPrefix = "sha256:"

// hashFile is the SHA-256 of a file.
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
	return hashPrefix + hex.EncodeToString(sum.Sum(nil)), nil
}

// shapes is a [tensor.Memory] that takes no memory: a model built on it knows the names
// and shapes of its parameters.
type shapes struct{}

type hollow int

func (h hollow) Len() int { return int(h) }

func (shapes) Name() string                   { return "shapes" }
func (shapes) Alloc(n int) tensor.Mem         { return hollow(n) }
func (shapes) Upload(tensor.Mat, []float32)   {}
func (shapes) Download([]float32, tensor.Mat) {}

// specsOf lists what parameters want of a file.
func specsOf(params []*nn.Param) []weights.Spec {
	specs := make([]weights.Spec, len(params))
	for i, p := range params {
		specs[i] = weights.Spec{Name: p.Name, Shape: p.Shape}
	}
	return specs
}
