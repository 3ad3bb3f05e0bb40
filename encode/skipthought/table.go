package skipthought

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"github.com/edsrzf/mmap-go"

	"tall"
	"tall/numpy"
)

// table is a file of word vectors, (words, dim), mapped into memory.
type table struct {
	path      string
	rows, dim int
	dtype     numpy.DType
	offset    int64   // of row 0, where rows follow one another
	objects   *rowsOf // else
	file      *os.File
	mapped    mmap.MMap
}

// openTable opens the word vectors of at least so many words: an npy file of floats, or one of
// objects as the authors published it.
func openTable(path string, words int) (_ *table, err error) {
	t := &table{path: path}
	if t.file, err = os.Open(path); err != nil {
		return nil, absent(path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	rows, data, objects := isObjects(t.file)
	t.rows = rows
	need := int64(0) // bytes of the file
	if !objects {
		h, err := numpy.ReadFileHeader(path)
		if err != nil {
			return nil, err
		}
		if len(h.Shape) != 2 || h.Shape[1] < 1 || h.Fortran || h.DType.Kind != 'f' {
			return nil, fmt.Errorf("%w: %s holds %v of %v (Fortran order: %v), want word vectors, rows of floats in C order", tall.ErrShape, path, h.Shape, h.DType, h.Fortran)
		}
		t.rows, t.dim, t.dtype, t.offset = h.Shape[0], h.Shape[1], h.DType, h.Offset
		need = h.Offset + h.Bytes()
	}
	if t.rows < words { // the authors' program takes what both have
		return nil, fmt.Errorf("%w: %s has %d rows, the dictionary %d words; files of two models are mixed", tall.ErrShape, path, t.rows, words)
	}
	if t.mapped, err = mmap.Map(t.file, mmap.RDONLY, 0); err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	if int64(len(t.mapped)) < need { // cut since it was measured
		return nil, fmt.Errorf("%w: %s: %d bytes, its header describes %d", tall.ErrFormat, path, len(t.mapped), need)
	}
	if objects {
		err = t.guard(func() error { return t.openObjects(t.rows, data) })
	}
	return t, err
}

// guard turns a fault of f while it reads the mapped file (another process cut it, or the
// disk failed) into an error instead of the end of the process.
func (t *table) guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if _, fault := r.(interface{ Addr() uintptr }); !fault {
				panic(r)
			}
			err = fmt.Errorf("%w: %s was cut or could not be read while in use", tall.ErrFormat, t.path)
		}
	}()
	return f()
}

// row copies row i.
func (t *table) row(i int, dst []float32) error {
	return t.guard(func() error {
		size := int64(t.dim * t.dtype.Size)
		at := t.offset + int64(i)*size
		if t.objects != nil {
			if at = t.objects.offsets[i]; !t.objects.here(t.mapped, at) {
				return fmt.Errorf("%w: %s is not the index of %s; remove it, and it is made again", tall.ErrFormat, indexPath(t.path), t.path)
			}
		}
		row := numpy.Array{Shape: []int{t.dim}, DType: t.dtype, Data: t.mapped[at : at+size]}
		if err := row.CopyFloat32(dst); err != nil {
			return err
		}
		if !finite(dst) {
			return fmt.Errorf("%w: row %d of %s", tall.ErrNotFinite, i, t.path)
		}
		return nil
	})
}

func (t *table) close() error {
	var err error
	if t.mapped != nil {
		err = t.mapped.Unmap()
	}
	return errors.Join(err, t.file.Close())
}

func finite(v []float32) bool {
	for _, x := range v {
		if x-x != 0 { // NaN for NaN and both infinities
			return false
		}
	}
	return true
}

// absent says where a file that is not there comes from.
func absent(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w: there is no %s; skip-thoughts' files are published at http://www.cs.toronto.edu/~rkiros/models/ (about: https://github.com/ryankiros/skip-thoughts): `tall models pull skip-thoughts` fetches them, or says what to place where", tall.ErrMissing, path)
}
