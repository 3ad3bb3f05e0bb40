package weights

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
)

// Tensor is a named array of numbers.
type Tensor struct {
	Name  string    // empty in a save_combine stream
	Shape []int     // any number of dimensions
	Data  []float32 // row-major; read-only, as two tensors of a file may share it
}

// Spec is the tensor that a model wants.
type Spec struct {
	Name  string
	Shape []int
}

// The formats of a [File].
const (
	Safetensors = "safetensors"
	Pdparams    = "pdparams"
	SaveCombine = "save_combine"
)

// File is what a file of weights holds.
type File struct {
	Path    string
	Format  string // Safetensors, Pdparams or SaveCombine
	Tensors []Tensor
	Meta    map[string]string // safetensors' __metadata__

	// parameter holds the other names of tensors: Paddle's dygraph files name
	// tensors by their place in the model (fc.weight) and record the name of the
	// parameter (linear_0.w_0) beside.
	parameter map[string]string

	opened  bool             // by Open
	source  *os.File         // where the values are; nil: in Tensors
	entries map[string]Entry // of source, by name
}

// Read reads a file of weights. It knows the format by the content; the error
// for any other file says what it seems to be.
func Read(path string) (*File, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, err := decode(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out.Path = path
	if out.Format == SaveCombine && len(out.Tensors) == 1 {
		out.Tensors[0].Name = filepath.Base(path) // fluid's save names the file after the variable
	}
	return out, nil
}

// openRegular opens a file that has a size.
func openRegular(path string) (_ *os.File, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s: %w: a folder; name the file of weights in it", path, tall.ErrFormat)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s: %w: not a regular file; copy it to one first", path, tall.ErrFormat)
	default:
		return f, info.Size(), nil
	}
	return nil, 0, errors.Join(err, f.Close())
}

// headBytes is how much of a file its format is known by.
const headBytes = 512

// decode reads size bytes of any of the formats.
func decode(r io.Reader, size int64) (*File, error) {
	b := bufio.NewReaderSize(r, 4096) // large reads pass it by
	head, err := b.Peek(int(min(size, headBytes)))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch format, foreign := detect(head, size); format {
	case Safetensors:
		return readSafetensors(b, size)
	case Pdparams:
		return readPdparams(b, size)
	case SaveCombine:
		return readSaveCombine(b, size)
	default:
		return nil, fmt.Errorf("%w: %s; weights are read from safetensors, .pdparams (a pickled dict) and save_combine", tall.ErrFormat, foreign)
	}
}

// detect tells a format by the first bytes of a file of size bytes, or says
// what else the file seems to be.
func detect(head []byte, size int64) (format, foreign string) {
	has := func(prefix string) bool { return bytes.HasPrefix(head, []byte(prefix)) }
	text := strings.ToLower(strings.TrimSpace(strings.TrimPrefix(string(head), "\ufeff")))
	switch {
	case size == 0:
		return "", "the file is empty; fetch or write it again"
	case has("PK\x03\x04") && bytes.Contains(head, []byte("data.pkl")):
		return "", "this is a PyTorch checkpoint (zip); save its state_dict with safetensors.torch.save_file"
	case has("PK\x03\x04"), has("PK\x05\x06"):
		return "", "this is a zip archive (an .npz, or a PyTorch checkpoint); unpack it, or save the weights as safetensors"
	case has("\x89HDF\r\n\x1a\n"):
		return "", "this is an HDF5 file; convert it to safetensors with Python's h5py"
	case has("\x93NUMPY"):
		return "", "this is a single numpy array (.npy), not a model's weights"
	case has("\x1f\x8b"):
		return "", "this is gzip-compressed; unpack it first"
	case has("BZh"), has("\xfd7zXZ\x00"), has("\x28\xb5\x2f\xfd"):
		return "", "this is compressed (bzip2, xz or zstd); unpack it first"
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return "", "this is a tar archive; unpack it first"
	case strings.HasPrefix(text, "<!doctype"), strings.HasPrefix(text, "<html"), strings.HasPrefix(text, "<?xml"), strings.HasPrefix(text, "<error"):
		return "", "this is a web page or a server's error message, not weights; fetch it again"
	case strings.HasPrefix(text, "version https://git-lfs"):
		return "", "this is a Git LFS pointer; fetch the file it stands for (git lfs pull)"
	case isSafetensors(head, size):
		return Safetensors, ""
	case strings.HasPrefix(text, "{"):
		return "", "this is JSON text (a server's error message?), not weights; fetch it again"
	case isPickle(head):
		return Pdparams, ""
	case isSaveCombine(head):
		return SaveCombine, ""
	}
	return "", fmt.Sprintf("its first bytes, %q, are of no format known here", head[:min(len(head), 16)])
}

// Match returns the tensors that a model asks for, in the order of specs and
// with the shapes of specs. Tensors are found by name; a Paddle file may use
// its structured names or those of the parameters. In a save_combine stream,
// which has no names, they come in the order of the names, compared as Python
// strings, and there must be as many as specs.
//
// Trailing dimensions of 1 do not count. The error names every tensor that is
// missing ([tall.ErrMissing]) or has another shape ([tall.ErrShape]), and every
// tensor that nobody asked for, because a model that leaves out a part of what
// was trained is another model. Tensors of the optimiser (adam.*) may always be
// left over, and when specs ask for nothing but those, so may the model's.
func (f *File) Match(specs []Spec) ([]Tensor, error) {
	if f.Format == SaveCombine {
		return f.matchOrder(specs)
	}
	byName := make(map[string]int, 2*len(f.Tensors))
	for i, t := range f.Tensors {
		if p, ok := f.parameter[t.Name]; ok {
			byName[p] = i
		}
	}
	for i, t := range f.Tensors { // last, so that a tensor's own name counts first
		byName[t.Name] = i
	}
	out := make([]Tensor, len(specs))
	var missing, shapes, extra []string
	used := make([]bool, len(f.Tensors))
	onlyState := true
	for i, s := range specs {
		onlyState = onlyState && isState(s.Name)
		at, ok := byName[s.Name]
		if !ok {
			missing = append(missing, fmt.Sprintf("%s %v", s.Name, s.Shape))
			continue
		}
		used[at] = true
		t := f.Tensors[at]
		if !sameShape(t.Shape, s.Shape) {
			shapes = append(shapes, fmt.Sprintf("%s is %v, the model has %v", s.Name, t.Shape, s.Shape))
			continue
		}
		out[i] = Tensor{Name: s.Name, Shape: s.Shape, Data: t.Data}
	}
	for i, t := range f.Tensors {
		if !used[i] && !isState(t.Name) && !onlyState {
			extra = append(extra, fmt.Sprintf("%s %v", t.Name, t.Shape))
		}
	}
	return out, f.mismatch(missing, shapes, extra)
}

// isState tells the optimiser's tensors from the model's.
func isState(name string) bool { return strings.HasPrefix(name, "adam.") }

// sameShape compares shapes but for trailing ones.
func sameShape(a, b []int) bool { return slices.Equal(trimOnes(a), trimOnes(b)) }

func trimOnes(s []int) []int {
	for len(s) > 0 && s[len(s)-1] == 1 {
		s = s[:len(s)-1]
	}
	return s
}

// mismatch makes one error of everything that does not fit.
func (f *File) mismatch(missing, shapes, extra []string) error {
	var parts []string
	var kinds []error
	add := func(kind error, what string, names []string) {
		if len(names) == 0 {
			return
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
		parts = append(parts, what+strings.Join(names, "; "))
	}
	add(tall.ErrMissing, "not in the file: ", some(missing))
	add(tall.ErrShape, "of another shape: ", some(shapes))
	add(tall.ErrShape, "in the file, but not in the model: ", some(extra))
	if kinds == nil {
		return nil
	}
	err := kinds[0]
	if len(kinds) == 2 {
		err = fmt.Errorf("%w, %w", kinds[0], kinds[1])
	}
	return fmt.Errorf("%s (%s): these are not this model's weights: %w: %s", f.Path, f.Format, err, strings.Join(parts, ". "))
}

// some shortens the list of a large model's tensors, of which the first say enough.
func some(names []string) []string {
	const most = 8
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most]), fmt.Sprintf("and %d more", len(names)-most))
}

// matchOrder gives the tensors of a nameless stream the names of specs.
func (f *File) matchOrder(specs []Spec) ([]Tensor, error) {
	order := make([]int, len(specs)) // of specs, by name
	for i := range order {
		order[i] = i
	}
	// Python compares strings by code points, which UTF-8 keeps in the order of
	// its bytes.
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(specs[a].Name, specs[b].Name) })
	out := make([]Tensor, len(specs))
	var missing, shapes, extra []string
	for k, i := range order {
		s := specs[i]
		if k >= len(f.Tensors) {
			missing = append(missing, fmt.Sprintf("%s %v (tensor %d of the stream)", s.Name, s.Shape, k+1))
			continue
		}
		t := f.Tensors[k]
		if !sameShape(t.Shape, s.Shape) {
			shapes = append(shapes, fmt.Sprintf("tensor %d of the stream, %s by its place, is %v, the model has %v", k+1, s.Name, t.Shape, s.Shape))
			continue
		}
		out[i] = Tensor{Name: s.Name, Shape: s.Shape, Data: t.Data}
	}
	for k := len(specs); k < len(f.Tensors); k++ {
		extra = append(extra, fmt.Sprintf("tensor %d of the stream %v", k+1, f.Tensors[k].Shape))
	}
	return out, f.mismatch(missing, shapes, extra)
}
