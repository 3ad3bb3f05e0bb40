package weights

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"tall"
	"tall/numpy"
)

// Stream is a tensor whose values are fetched while a file is written.
type Stream struct {
	Spec
	// Values calls part with all values in order, in as many pieces as it likes. A
	// piece is used until part returns.
	Values func(part func(values []float32) error) error
}

// WriteStreams is [WriteSafetensors] for tensors that shall not be copied as a
// whole: what a training run saves is three times its parameters.
func WriteStreams(path string, meta map[string]string, ts []Stream) error {
	specs := make([]Spec, len(ts))
	for i, t := range ts {
		specs[i] = t.Spec
	}
	err := checkSpecs(specs)
	var header []byte
	if err == nil {
		header, err = SafetensorsHeader(specs, meta)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return tall.ReplaceFile(path, func(w io.Writer) error {
		if _, err := w.Write(header); err != nil {
			return err
		}
		for _, t := range ts {
			if err := t.write(w); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t Stream) write(w io.Writer) error {
	n := 0
	err := t.Values(func(values []float32) error {
		n += len(values)
		_, err := w.Write(numpy.FromFloat32([]int{len(values)}, values).Data)
		return err
	})
	if err == nil && n != elements(t.Shape) {
		err = fmt.Errorf("%w: %s gave %d numbers for shape %v", tall.ErrShape, t.Name, n, t.Shape)
	}
	return err
}

// checkSpecs finds the mistakes in names and shapes that would make an unreadable
// file.
func checkSpecs(specs []Spec) error {
	seen := make(map[string]bool, len(specs))
	for _, s := range specs {
		switch {
		case s.Name == "":
			return fmt.Errorf("%w: a tensor of shape %v without a name (read from a save_combine stream? File.Match gives names)", tall.ErrMissing, s.Shape)
		case seen[s.Name]:
			return fmt.Errorf("%w: two tensors are called %s", tall.ErrFormat, s.Name)
		case slices.ContainsFunc(s.Shape, func(d int) bool { return d < 0 }):
			return fmt.Errorf("%w: %s has shape %v", tall.ErrShape, s.Name, s.Shape)
		}
		seen[s.Name] = true
	}
	return nil
}

// elements is the number of values of a shape.
func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Open is [Read] for safetensors files too large to hold twice: it reads what the
// file says of its tensors, and leaves their values to [File.Values]. A file of
// another format is read whole. Close it when the values have been used.
func Open(path string) (*File, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	entries, meta, err := ReadSafetensorsHeader(f, size)
	if err != nil { // of another format, or damaged: Read tells
		return readAndClose(path, f)
	}
	out := &File{Path: path, Format: Safetensors, Meta: meta, opened: true, source: f, entries: make(map[string]Entry, len(entries))}
	for _, e := range entries {
		out.Tensors = append(out.Tensors, Tensor{Name: e.Name, Shape: e.Shape})
		out.entries[e.Name] = e
	}
	return out, nil
}

func readAndClose(path string, f *os.File) (*File, error) {
	if err := f.Close(); err != nil {
		return nil, err
	}
	out, err := Read(path)
	if err == nil {
		out.opened = true
	}
	return out, err
}

// Close lets go of the values of a file that [Open] returned; names, shapes and
// metadata stay. On one that [Read] returned it does nothing.
func (f *File) Close() error {
	if !f.opened {
		return nil
	}
	for i := range f.Tensors {
		f.Tensors[i].Data = nil
	}
	if f.source == nil {
		return nil
	}
	err := f.source.Close()
	if errors.Is(err, os.ErrClosed) { // closed before
		return nil
	}
	return err
}

// pieceValues is how many values [File.Values] reads at a time.
const pieceValues = 1 << 18

// Values calls part with the values of a tensor, one of f.Tensors or of
// [File.Match], in order and in pieces. A piece is valid until part returns.
func (f *File) Values(t Tensor, part func(values []float32) error) error {
	e, ok := f.entries[t.Name]
	if !ok {
		return part(t.Data)
	}
	size := elementSize(e.DType)
	raw := make([]byte, min(e.Size, int64(pieceValues*size)))
	in := io.NewSectionReader(f.source, e.Offset, e.Size)
	for left := e.Size; left > 0; {
		piece := raw[:min(left, int64(len(raw)))]
		if err := readFull(in, piece); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if err := part(widen(e.DType, []int{len(piece) / size}, piece)); err != nil {
			return err
		}
		left -= int64(len(piece))
	}
	return nil
}
