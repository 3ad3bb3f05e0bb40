package feature

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/edsrzf/mmap-go"

	"tall"
	"tall/numpy"
	"tall/weights"
)

// The packed file, docs/formats.md: safetensors with one tensor, whose metadata
// says what it was made from.
const (
	packSuffix = ".tall-pack.safetensors" // of the folder's name
	packTensor = "features"               // (N, D) float32
	packFormat = "tall-pack 1"            // metadata "format", first line of the stamp
)

// pack is a packed file, mapped into memory.
type pack struct {
	path   string
	file   *os.File
	mapped mmap.MMap
	at     int    // where the rows begin
	rows   []byte // (N, D) little-endian float32 within mapped
	dim    int
}

// openPack returns the pack of a store's files, made when there is none that
// fits, or nil where it cannot be had; the reasons go to o.Warn. What is wrong
// with the features themselves is an error. It sets s.dim.
func openPack(ctx context.Context, s *Store, files []file, o Options) (source, error) {
	mark := s.stamp
	places, err := packPlaces(s.dir, o)
	if err != nil {
		return nil, warn(o, s.dir, err)
	}
	var writable []string
	var reasons []error
	for _, path := range places {
		p, err := mapPack(path, mark, len(files))
		switch {
		case err == nil:
			if s.dim = o.Dim; s.dim == 0 {
				s.dim = p.dim
			}
			if err := s.checkDim(p.dim, o.Dim, s.names[0]); err != nil {
				return nil, errors.Join(err, p.close())
			}
			return p, nil
		case errors.Is(err, errForeign):
			reasons = append(reasons, err)
		default: // absent, out of date or damaged: it is made anew
			writable = append(writable, path)
		}
	}
	if err := s.readDim(o.Dim); err != nil {
		return nil, err
	}
	for _, path := range writable {
		err := buildPack(ctx, path, s, mark, o.Progress)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("pack %s: %w", s.dir, ctx.Err())
		}
		var bad *sourceError
		if errors.As(err, &bad) {
			return nil, bad.err
		}
		if err == nil {
			var p *pack
			if p, err = mapPack(path, mark, len(files)); err == nil {
				return p, nil
			}
		}
		reasons = append(reasons, err)
	}
	return nil, warn(o, s.dir, errors.Join(reasons...))
}

// OpenPack opens a packed file alone, without the folder that it was made from,
// which may be gone: its names say which windows its rows are. Of the options Dim,
// FPS and Manifest count. Errors wrap [tall.ErrFormat] or [tall.ErrShape].
func OpenPack(path string, o Options) (*Store, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	var meta map[string]string
	if err == nil {
		_, meta, err = weights.ReadSafetensorsHeader(f, info.Size())
	}
	err = errors.Join(err, f.Close())
	if err == nil && meta["format"] != packFormat {
		err = fmt.Errorf("%w: %w", tall.ErrFormat, errForeign)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var files []file
	for name := range strings.SplitSeq(meta["names"], "\n") {
		video, start, end, err := ParseName(name)
		if err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", path, len(files), err)
		}
		files = append(files, file{name: name, video: video, start: start, end: end})
		if n := len(files); n > 1 && files[n-2].compare(files[n-1]) >= 0 {
			return nil, fmt.Errorf("%w: %s: row %d, %s, is out of order; make the pack again", tall.ErrFormat, path, n-1, name)
		}
	}
	s := &Store{dir: path, fps: o.FPS, made: o.Manifest, stamp: meta["stamp"]}
	if s.fps == 0 {
		s.fps = DefaultFPS
	}
	if err := checkFPS(s.fps); err != nil {
		return nil, err
	}
	p, err := mapPack(path, meta["stamp"], len(files))
	if err != nil {
		return nil, err
	}
	s.index(files)
	if s.dim = o.Dim; s.dim == 0 {
		s.dim = p.dim
	}
	if err := s.checkDim(p.dim, o.Dim, s.names[0]); err != nil {
		return nil, errors.Join(err, p.close())
	}
	s.source = p
	return s, nil
}

// warn reports why there is no pack. It returns nil, as that is no error.
func warn(o Options, dir string, err error) error {
	if o.Warn != nil {
		o.Warn(fmt.Errorf("%s: its features could not be packed and are read file by file, which is slower: %w", dir, err))
	}
	return nil
}

// packPlaces lists where a folder's pack may lie, best first: beside the folder
// (within it, the reference's reader would stumble over it), then in the user's
// cache folder.
func packPlaces(dir string, o Options) ([]string, error) {
	if o.PackFile != "" {
		return []string{o.PackFile}, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	var places []string
	if parent := filepath.Dir(abs); parent != abs {
		places = append(places, abs+packSuffix)
	}
	if cache, err := os.UserCacheDir(); err == nil {
		sum := sha256.Sum256([]byte(abs))
		places = append(places, filepath.Join(cache, "tall", "packs", hex.EncodeToString(sum[:8])+packSuffix))
	}
	return places, nil
}

var (
	errForeign = errors.New("a file that is no pack has the pack's name")
	errStale   = errors.New("the folder has changed since it was packed")
)

// mapPack maps a packed file of n windows with this stamp. A file that is
// shorter or longer than its header says is refused: reading past the end of a
// mapped file kills a process.
func mapPack(path, mark string, n int) (_ *pack, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p := &pack{path: path, file: f}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	e, err := packEntry(f, info.Size(), mark, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if p.mapped, err = mmap.Map(f, mmap.RDONLY, 0); err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	if int64(len(p.mapped)) < e.Offset+e.Size { // cut since it was measured
		return nil, fmt.Errorf("%w: %s: %d bytes, its header describes %d", tall.ErrFormat, path, len(p.mapped), e.Offset+e.Size)
	}
	readSingly(p.mapped)
	p.dim, p.at, p.rows = e.Shape[1], int(e.Offset), p.mapped[e.Offset:e.Offset+e.Size]
	return p, nil
}

// packEntry reads a pack's header: where the rows of n windows lie in a file of
// size bytes.
func packEntry(r io.Reader, size int64, mark string, n int) (weights.Entry, error) {
	entries, meta, err := weights.ReadSafetensorsHeader(r, size)
	switch {
	case err != nil:
		return weights.Entry{}, err
	case meta["format"] != packFormat:
		return weights.Entry{}, fmt.Errorf("%w; move it, or name another place for the pack", errForeign)
	case meta["stamp"] != mark:
		return weights.Entry{}, errStale
	case len(entries) != 1 || entries[0].DType != "F32" || len(entries[0].Shape) != 2 || entries[0].Shape[0] != n || entries[0].Shape[1] < 1:
		return weights.Entry{}, fmt.Errorf("%w: tensors %v for %d windows", tall.ErrFormat, entries, n)
	}
	return entries[0], nil
}

// vector copies row i. A fault while it reads (another process cut the file, or
// the disk failed) becomes an error instead of the end of the process.
func (p *pack) vector(i int, dst []float32) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if _, fault := r.(interface{ Addr() uintptr }); !fault {
				panic(r)
			}
			err = fmt.Errorf("%w: %s was cut or could not be read while in use; delete it, and it is made again", tall.ErrFormat, p.path)
		}
	}()
	size := 4 * p.dim
	await(p.mapped, p.at+i*size, p.at+(i+1)*size)
	row := numpy.Array{Shape: []int{p.dim}, DType: numpy.DType{Kind: 'f', Size: 4}, Data: p.rows[i*size : (i+1)*size]}
	return row.CopyFloat32(dst)
}

func (p *pack) close() error {
	var err error
	if p.mapped != nil {
		p.rows = nil
		err = p.mapped.Unmap()
	}
	return errors.Join(err, p.file.Close())
}
