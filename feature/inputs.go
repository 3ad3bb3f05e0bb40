package feature

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
	"tall/numpy"
)

// Inputs are what a model sees of a corpus: the windows of its videos, and of each
// window the visual input [left | clip | right] of F values. They come from folders
// of windows ([Store]) or from per-clip features ([Tracks]), of one kind or of several
// side by side. Its methods may be called from several goroutines; Close only when
// none of them runs.
type Inputs struct {
	maker
	paths []string
}

// maker is what the two sources of inputs have in common.
type maker interface {
	fps() float64
	size() int
	names() []string // of the videos, sorted
	windows(video string) []Window
	inputDim() int // F
	input(window int, dst []float32) error
	expect(from, to int) // windows that will be read soon
	manifest() tall.Manifest
	stamps() map[string]string
	close() error
}

// InputOptions say how features become inputs.
type InputOptions struct {
	// Times of the rows of per-clip features; see [TrackOptions].
	Times Times
	// Pooling of per-clip features.
	Pooling Pooling
	// Memory for per-clip features of each kind; see [TrackOptions].
	Memory int64

	// Context beside the windows of folders of windows; the zero value:
	// DefaultContext.
	Context Context
	// FPS is the clock of folders of windows, frames a second; 0: the manifest's
	// rate, or DefaultFPS with a warning.
	FPS float64
	// Pack, Progress: see [Options].
	Pack     bool
	Progress func(done, total int)

	// Warn, if not nil, is told what does not keep the features from being used.
	Warn func(warning error)
}

// OpenInputs opens kinds of features side by side. All are folders of windows, with
// the same windows, or all are per-clip features. A pack of windows
// (docs/formats.md) serves as the folder that it was made from. Errors are those of
// [OpenContext] and [OpenTracks].
func OpenInputs(ctx context.Context, kinds []Kind, o InputOptions) (*Inputs, error) {
	if len(kinds) == 0 {
		return nil, fmt.Errorf("%w: no features are named", tall.ErrMissing)
	}
	in := &Inputs{}
	var stores []*Store
	var tracks []*Tracks
	fail := func(err error) (*Inputs, error) {
		for _, s := range stores {
			err = errors.Join(err, s.Close())
		}
		return nil, err
	}
	for _, k := range kinds {
		if err := k.Norm.check(); err != nil {
			return fail(err)
		}
		in.paths = append(in.paths, k.Path)
		ofWindows, err := HoldsWindows(k.Path)
		if err != nil {
			return fail(err)
		}
		if ofWindows {
			s, err := openKind(ctx, k, o)
			if err != nil {
				return fail(err)
			}
			stores = append(stores, s)
			continue
		}
		t, err := OpenTracks(k.Path, TrackOptions{Name: k.Name, Norm: k.Norm, Times: o.Times, Memory: o.Memory})
		if err != nil {
			return fail(err)
		}
		tracks = append(tracks, t)
	}
	var err error
	switch {
	case len(tracks) == 0:
		in.maker, err = newBeside(stores, kinds, o)
	case len(stores) == 0:
		in.maker, err = newPooled(tracks, o.Pooling, o.Warn)
	default:
		err = fmt.Errorf("%w: %s is a folder of windows and %s holds per-clip features; the two kinds have no windows in common", tall.ErrShape, stores[0].Dir(), tracks[0].Path())
	}
	if err != nil {
		return fail(err)
	}
	return in, nil
}

// FromStore are the inputs of one folder of windows. Closing them closes the store.
func FromStore(s *Store, c Context) *Inputs {
	return &Inputs{maker: &beside{stores: []*Store{s}, norms: []Norm{""}, context: c}, paths: []string{s.Dir()}}
}

// openKind opens a folder or pack of windows.
func openKind(ctx context.Context, k Kind, o InputOptions) (*Store, error) {
	dir := k.Path
	if isPack(k.Path) {
		dir = filepath.Dir(k.Path)
	}
	d, err := ReadDescription(dir, k.Name)
	if err != nil {
		return nil, err
	}
	if d.Encoder == "" {
		d.Encoder = k.Name
	}
	d.Normalization = k.Norm.made(d.Normalization)
	options := Options{Dim: d.Dim, FPS: o.FPS, Manifest: d.Manifest, Pack: o.Pack, Progress: o.Progress, Warn: o.Warn}
	if options.FPS == 0 {
		options.FPS = d.Rate
	}
	if options.FPS == 0 && o.Warn != nil {
		o.Warn(fmt.Errorf("%s: how many frames make a second is not known; taking TACoS's %g (say it with --fps, or as rate in its %s)", k.Path, DefaultFPS, ManifestName))
	}
	if isPack(k.Path) {
		return OpenPack(k.Path, options)
	}
	return OpenContext(ctx, k.Path, options)
}

func isPack(path string) bool { return strings.HasSuffix(path, packSuffix) }

// HoldsWindows tells a folder of windows, a vector a file, from per-clip features: by
// the names of its files and the shape of the first. What is neither holds none.
func HoldsWindows(path string) (bool, error) {
	if isPack(path) {
		return true, nil
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return false, nil //nolint:nilerr // a file, a pattern, or nothing: OpenTracks says what is wrong
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return false, err
	}
	for _, e := range entries { // sorted by name
		name := e.Name()
		if !strings.HasSuffix(name, extension) || strings.HasPrefix(name, ".") {
			continue
		}
		if _, _, _, err := ParseName(name); err != nil {
			if errors.Is(err, errNoSpan) {
				continue // lies among windows, or is a video: the next one tells
			}
			return true, nil
		}
		h, err := numpy.ReadFileHeader(filepath.Join(path, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		long := slices.DeleteFunc(h.Shape, func(n int) bool { return n == 1 })
		return len(long) < 2, nil
	}
	return false, nil
}

// FPS is the clock of the windows' spans, ticks a second.
func (in *Inputs) FPS() float64 { return in.fps() }

// Len is the number of windows of all videos.
func (in *Inputs) Len() int { return in.size() }

// Dim is F, the number of values of an input: three times that of all kinds.
func (in *Inputs) Dim() int { return in.inputDim() }

// Videos lists the videos, sorted.
func (in *Inputs) Videos() []string { return slices.Clone(in.names()) }

// Windows lists the windows of a video, ordered by (start, end); none for a video
// that is not there.
func (in *Inputs) Windows(video string) []Window { return in.windows(video) }

// Input writes the visual input of a window into dst (F).
func (in *Inputs) Input(window int, dst []float32) error {
	if len(dst) != in.inputDim() {
		return fmt.Errorf("%w: an input takes %d values, room for %d was given", tall.ErrShape, in.inputDim(), len(dst))
	}
	return in.input(window, dst)
}

// Features are all windows of a video with their context: one stream, (N, F).
func (in *Inputs) Features(video string) (*tall.Features, error) {
	f, err := in.Stream(video)
	if err != nil {
		return nil, err
	}
	s := &f.Streams[0]
	if s.N > math.MaxInt/4/s.D {
		return nil, fmt.Errorf("%w: %q has %d windows of %d values, more than any memory holds", tall.ErrShape, video, s.N, s.D)
	}
	s.Data = make([]float32, s.N*s.D)
	if err := s.Read(0, s.Data); err != nil {
		return nil, err
	}
	s.Read = nil
	return f, nil
}

// Stream is Features whose rows are read when they are asked for. Close must wait
// until they are no longer.
func (in *Inputs) Stream(video string) (*tall.Features, error) {
	windows := in.windows(video)
	if len(windows) == 0 {
		return nil, fmt.Errorf("%w: %s holds no windows of %q; its videos are named like %q", tall.ErrMissing, in.Path(), video, in.names()[0])
	}
	n, d := len(windows), in.inputDim()
	f := &tall.Features{Video: video, FPS: in.fps(), Spans: make([]tall.Span, n)}
	for k, w := range windows {
		f.Spans[k] = w.Span
	}
	read := func(from int, dst []float32) error {
		for k := 0; k*d < len(dst); k++ {
			if k%aheadRows == 0 { // the next ones come from the disk meanwhile
				in.expect(windows[from+k].Index, windows[min(from+k+2*aheadRows, n)-1].Index+1)
			}
			if err := in.input(windows[from+k].Index, dst[k*d:(k+1)*d]); err != nil {
				return err
			}
		}
		return nil
	}
	f.Streams = []tall.Stream{{Manifest: in.manifest(), N: n, D: d, Read: read}}
	return f, nil
}

// Manifest says how the inputs are made.
func (in *Inputs) Manifest() tall.Manifest { return in.manifest() }

// Path names the features: all their paths.
func (in *Inputs) Path() string { return strings.Join(in.paths, " + ") }

// Stamps tell the state of the features that the inputs are made of: for each path a
// hash of the names, sizes and times of its files, "stamp:" and hexadecimal.
func (in *Inputs) Stamps() map[string]string { return in.stamps() }

// Close gives the memory back. The inputs must not be used afterwards.
func (in *Inputs) Close() error { return in.close() }

// beside are folders of windows side by side.
type beside struct {
	stores  []*Store
	norms   []Norm
	context Context
	dim     int // D of all kinds together
}

func newBeside(stores []*Store, kinds []Kind, o InputOptions) (*beside, error) {
	b := &beside{stores: stores, context: o.Context}
	if b.context == (Context{}) {
		b.context = DefaultContext
	}
	if err := b.context.Check(); err != nil {
		return nil, err
	}
	first := stores[0]
	for i, s := range stores {
		b.norms = append(b.norms, kinds[i].Norm)
		b.dim += s.dim
		if s.fps != first.fps {
			return nil, fmt.Errorf("%w: %s counts %g frames a second, %s %g", tall.ErrShape, first.dir, first.fps, s.dir, s.fps)
		}
		if at := differs(first.names, s.names); at >= 0 {
			return nil, fmt.Errorf("%w: %s and %s do not hold the same windows (%d and %d); they differ first at %s", tall.ErrShape, first.dir, s.dir, len(first.names), len(s.names), nameAt(at, first.names, s.names))
		}
	}
	return b, nil
}

// differs returns the first place where two lists do, or -1.
func differs(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

func nameAt(i int, lists ...[]string) string {
	for _, l := range lists {
		if i < len(l) {
			return l[i]
		}
	}
	return ""
}

func (b *beside) fps() float64                  { return b.stores[0].fps }
func (b *beside) size() int                     { return b.stores[0].Len() }
func (b *beside) names() []string               { return b.stores[0].videos }
func (b *beside) windows(video string) []Window { return b.stores[0].Windows(video) }

func (b *beside) inputDim() int {
	if len(b.stores) == 1 {
		return 3 * b.stores[0].dim
	}
	return 3 * b.dim
}

// input puts the kinds beside each other within each of the three parts.
func (b *beside) input(i int, dst []float32) error {
	if len(b.stores) == 1 {
		return b.stores[0].inputAs(b.norms[0], i, b.context, dst)
	}
	at := 0
	for k, s := range b.stores {
		part := make([]float32, 3*s.dim)
		if err := s.inputAs(b.norms[k], i, b.context, part); err != nil {
			return err
		}
		for side := range 3 {
			copy(dst[side*b.dim+at:], part[side*s.dim:(side+1)*s.dim])
		}
		at += s.dim
	}
	return nil
}

func (b *beside) expect(from, to int) {
	for _, s := range b.stores {
		s.expect(from, to)
	}
}

func (b *beside) manifest() tall.Manifest {
	parts := make([]tall.Manifest, len(b.stores))
	for i, s := range b.stores {
		parts[i] = s.Manifest(b.context)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	m := sideBySide(parts)
	m.Dim = b.inputDim()
	m.Context, m.WindowLengths, m.Stride, m.Rate = parts[0].Context, parts[0].WindowLengths, parts[0].Stride, parts[0].Rate
	return m
}

func (b *beside) stamps() map[string]string {
	out := map[string]string{}
	for _, s := range b.stores {
		out[s.dir] = "stamp:" + s.stamp
	}
	return out
}

func (b *beside) close() error {
	var err error
	for _, s := range b.stores {
		err = errors.Join(err, s.Close())
	}
	return err
}

// sideBySide joins what is compared of manifests by "+"; a field that one of them
// does not know is unknown.
func sideBySide(parts []tall.Manifest) tall.Manifest {
	join := func(field func(tall.Manifest) string) string {
		texts := make([]string, len(parts))
		for i, p := range parts {
			if texts[i] = field(p); texts[i] == "" {
				return ""
			}
		}
		return strings.Join(texts, "+")
	}
	return tall.Manifest{
		Encoder:       join(func(m tall.Manifest) string { return m.Encoder }),
		WeightsHash:   join(func(m tall.Manifest) string { return m.WeightsHash }),
		Normalization: join(func(m tall.Manifest) string { return m.Normalization }),
	}
}
