package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"tall"
	"tall/feature"
	"tall/library"
	"tall/weights"
)

// Store implements [library.FeatureStore]: a folder of features for each encoder, which
// `tall train --features` reads as well, a file for each video.
type Store struct {
	root string // of the folders

	mu    sync.Mutex
	kinds map[string]feature.Description // by encoder, read once
}

// NewStore keeps features below a folder.
func NewStore(root string) *Store {
	return &Store{root: root, kinds: map[string]feature.Description{}}
}

// Path implements [library.FeatureStore].
func (s *Store) Path(encoder string, id library.ID) (dir, name string) {
	return filepath.Join(s.root, encoder), string(id)
}

// description reads the manifest.json of an encoder's folder.
func (s *Store) description(encoder string) (feature.Description, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.kinds[encoder]; ok {
		return d, nil
	}
	path := filepath.Join(s.root, encoder, feature.ManifestName)
	text, err := os.ReadFile(path)
	if err != nil {
		return feature.Description{}, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	d, err := feature.ParseDescription(text)
	if err == nil && (d.Dim < 1 || !(d.Stride > 0)) {
		err = fmt.Errorf("%w: it lacks dim or stride_seconds", tall.ErrFormat)
	}
	if err != nil {
		return d, fmt.Errorf("%s: %w", path, err)
	}
	if d.Window == 0 {
		d.Window = d.Stride
	}
	s.kinds[encoder] = d
	return d, nil
}

// Open implements [library.FeatureStore]. Rows are read from the file when they are asked
// for; the header's shape is held against the file's length and the folder's manifest.
func (s *Store) Open(_ context.Context, encoder string, id library.ID) (*tall.Features, io.Closer, error) {
	d, err := s.description(encoder)
	if err != nil {
		return nil, nil, err
	}
	dir, name := s.Path(encoder, id)
	path := filepath.Join(dir, name+".safetensors")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	if err != nil {
		return nil, nil, err
	}
	features, err := readFeatures(f, d)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	features.Video = string(id)
	return features, f, nil
}

func readFeatures(f *os.File, d feature.Description) (*tall.Features, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	entries, _, err := weights.ReadSafetensorsHeader(f, info.Size())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(e weights.Entry) bool { return e.Name == featuresName })
	if i < 0 {
		return nil, fmt.Errorf("%w: no tensor %q", tall.ErrFormat, featuresName)
	}
	e := entries[i]
	if e.DType != "F32" || len(e.Shape) != 2 || e.Shape[1] != d.Dim {
		return nil, fmt.Errorf("%w: %s is %s %v, the folder's manifest says F32 [N %d]", tall.ErrShape, featuresName, e.DType, e.Shape, d.Dim)
	}
	out := &tall.Features{FPS: 1, Spans: make([]tall.Span, e.Shape[0])}
	for k := range out.Spans {
		start := float64(k) * d.Stride
		out.Spans[k] = tall.Span{Start: start, End: start + d.Window}
	}
	out.Streams = []tall.Stream{{
		Manifest: d.Manifest, N: e.Shape[0], D: d.Dim,
		Read: func(from int, dst []float32) error {
			raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 4*len(dst))
			if _, err := f.ReadAt(raw, e.Offset+4*int64(from)*int64(d.Dim)); err != nil {
				return fmt.Errorf("%s: row %d: %w", f.Name(), from, err)
			}
			if bigEndian {
				for i := range dst {
					dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
				}
			}
			return nil
		},
	}}
	return out, nil
}

// featuresName is the tensor of a file of features.
const featuresName = "features"

// bigEndian machines turn the bytes of what they read.
var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// Remove implements [library.FeatureStore].
func (s *Store) Remove(encoder string, id library.ID) error {
	dir, name := s.Path(encoder, id)
	err := os.Remove(filepath.Join(dir, name+".safetensors"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
