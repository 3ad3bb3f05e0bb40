package numpy

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"tall"
)

// Bounds against archives that unpack to far more than they hold. Features and
// weights hardly compress; padding with zeros does, so small entries may.
const (
	inflateFree  = 64 << 20 // bytes that any entry may unpack to
	inflateRatio = 100      // beyond that, unpacked bytes for each packed byte
)

// NPZ is an open archive of arrays.
type NPZ struct {
	path    string
	size    int64    // of the archive
	names   []string // without .npy, in the archive's order
	entries map[string]*zip.File
	closer  io.Closer
}

// OpenNPZ opens an archive written by numpy.savez or savez_compressed. Nothing
// but its directory is read until [NPZ.Read].
func OpenNPZ(path string) (*NPZ, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := regularSize(f)
	if err == nil && size < 0 {
		err = fmt.Errorf("%s: %w: not a regular file; an npz is read from its end", path, tall.ErrFormat)
	}
	var z *NPZ
	if err == nil {
		if z, err = NewNPZ(f, size); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	z.path, z.closer = path, f
	return z, nil
}

// NewNPZ reads the directory of an archive of size bytes.
func NewNPZ(r io.ReaderAt, size int64) (*NPZ, error) {
	dir, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are keys here, never paths
		return nil, fmt.Errorf("%w: not an npz (zip) archive: %w", tall.ErrFormat, err)
	}
	z := &NPZ{size: size, entries: make(map[string]*zip.File, len(dir.File))}
	for _, f := range dir.File {
		name, isArray := strings.CutSuffix(f.Name, ".npy")
		if !isArray {
			continue
		}
		if z.entries[name] != nil {
			return nil, fmt.Errorf("%w: the npz archive holds %q twice", tall.ErrFormat, name)
		}
		z.entries[name] = f
		z.names = append(z.names, name)
	}
	if len(z.names) == 0 {
		return nil, fmt.Errorf("%w: a zip archive of %d files without any array (.npy)", tall.ErrFormat, len(dir.File))
	}
	return z, nil
}

// Names lists the arrays in the archive's order, as numpy names them (without
// .npy).
func (z *NPZ) Names() []string { return slices.Clone(z.names) }

// Close closes the file. Arrays that were read stay valid.
func (z *NPZ) Close() error {
	if z.closer == nil {
		return nil
	}
	return z.closer.Close()
}

// Read reads one array. An unknown name wraps [tall.ErrMissing] and lists the
// names there are.
func (z *NPZ) Read(name string) (*Array, error) {
	f := z.entries[name]
	if f == nil {
		return nil, z.wrap(fmt.Errorf("%w: no array %q in it; there are: %s", tall.ErrMissing, name, some(z.names)))
	}
	a, err := readEntry(f)
	if err != nil {
		return nil, z.wrap(fmt.Errorf("array %q: %w", name, err))
	}
	return a, nil
}

// Header reads the header of one array, and checks that the archive's directory
// grants the array the bytes it describes; its Offset is within the unpacked
// entry.
func (z *NPZ) Header(name string) (Header, error) {
	f := z.entries[name]
	if f == nil {
		return Header{}, z.wrap(fmt.Errorf("%w: no array %q in it; there are: %s", tall.ErrMissing, name, some(z.names)))
	}
	r, err := openEntry(f)
	if err != nil {
		return Header{}, z.wrap(fmt.Errorf("array %q: %w", name, err))
	}
	defer r.Close()
	h, err := ReadHeader(r)
	if err == nil {
		err = enough(h.Bytes(), int64(f.UncompressedSize64)-h.Offset)
	}
	if err != nil {
		return Header{}, z.wrap(fmt.Errorf("array %q: %w", name, corrupt(err)))
	}
	return h, nil
}

func (z *NPZ) wrap(err error) error {
	if z.path == "" {
		return err
	}
	return fmt.Errorf("%s: %w", z.path, err)
}

func openEntry(f *zip.File) (io.ReadCloser, error) {
	if f.Flags&1 != 0 {
		return nil, fmt.Errorf("%w: encrypted; unpack it with its password first", tall.ErrFormat)
	}
	packed, unpacked := f.CompressedSize64, f.UncompressedSize64
	if unpacked > maxBytes+maxHeader || (unpacked > inflateFree && unpacked/inflateRatio > packed) {
		return nil, fmt.Errorf("%w: %d packed bytes claim to unpack to %d; if that is meant, save it uncompressed (numpy.savez)", tall.ErrUnsafe, packed, unpacked)
	}
	if f.Method == zip.Store && packed != unpacked {
		return nil, fmt.Errorf("%w: stored, yet %d bytes in the archive and %d outside", tall.ErrFormat, packed, unpacked)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	return r, nil
}

func readEntry(f *zip.File) (*Array, error) {
	r, err := openEntry(f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// The archive's directory is no proof that the bytes are there: memory
	// grows with what is unpacked.
	var h header
	if err := h.read(r); err != nil {
		return nil, corrupt(err)
	}
	if err := enough(h.bytes, int64(f.UncompressedSize64)-int64(h.offset)); err != nil {
		return nil, err
	}
	data, err := readBytes(r, h.bytes, false)
	if err != nil {
		return nil, corrupt(err)
	}
	// The checksum is only compared at the entry's end.
	if rest, err := io.Copy(io.Discard, io.LimitReader(r, maxHeader)); err != nil {
		return nil, corrupt(err)
	} else if rest != 0 {
		return nil, fmt.Errorf("%w: bytes after the array's %d", tall.ErrFormat, h.bytes)
	}
	p := h.public()
	return &Array{Shape: p.Shape, DType: p.DType, Fortran: p.Fortran, Data: data}, nil
}

// corrupt turns what the decompressor says of bad bytes into a format error.
func corrupt(err error) error {
	if errors.Is(err, tall.ErrFormat) {
		return err
	}
	return fmt.Errorf("%w: damaged archive entry: %w", tall.ErrFormat, err)
}

// some lists names for an error, not all of a million.
func some(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// ReadNPZ reads all arrays of an archive. The bound on what an entry may unpack
// to then holds for all of them together.
func ReadNPZ(path string) (map[string]*Array, error) {
	z, err := OpenNPZ(path)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	total := uint64(0)
	for _, f := range z.entries {
		total += min(f.UncompressedSize64, maxBytes)
	}
	if total > inflateFree && total/inflateRatio > uint64(z.size) {
		return nil, fmt.Errorf("%s: %w: an archive of %d bytes claims to unpack to %d", path, tall.ErrUnsafe, z.size, total)
	}
	out := make(map[string]*Array, len(z.names))
	for _, name := range z.names {
		if out[name], err = z.Read(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}
