package feature

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"sort"

	"tall"
	"tall/numpy"
)

// DefaultFPS is the frame rate of TACoS, the corpus that TALL was published
// with (Gao et al. 2017, section 4.1).
const DefaultFPS = 29.4

// Options say how a folder of windows is opened. The zero value reads the .npy
// files directly.
type Options struct {
	// Dim is the number of values that each window must have (feats_dimen); 0:
	// whatever the first file has.
	Dim int
	// FPS is the clock of the windows' names, frames in a second; 0: DefaultFPS.
	FPS float64
	// Manifest is what is known of how the features were made. The store fills
	// in dimension, context, window lengths and rate.
	Manifest tall.Manifest

	// Pack keeps the folder's features in one memory-mapped file, see
	// docs/formats.md. Where that cannot be written, Warn is told and the .npy
	// files are read directly.
	Pack bool
	// PackFile is the packed file; "": beside the folder, or in the user's cache
	// folder where that cannot be written.
	PackFile string
	// Progress, if not nil, is told how many windows of a pack are done. It is
	// called from one goroutine at a time.
	Progress func(done, total int)
	// Warn, if not nil, is told what does not keep the features from being used.
	Warn func(warning error)
}

// Window is one window of a video. Its span is in frames.
type Window struct {
	tall.Span
	Index int // in the store
}

// Store is a folder of window features. Its methods may be called from several
// goroutines; Close only when none of them runs.
type Store struct {
	dir     string
	dim     int
	fps     float64
	made    tall.Manifest
	names   []string    // (N) of the files
	spans   []tall.Span // (N) frames
	videos  []string    // (V), sorted
	first   []int       // (V+1) index of each video's first window; the last is N
	sizes   []int64     // (N) bytes of the files
	lengths []float64   // that occur, in frames, sorted
	skipped []Skipped
	stamp   string // hash of the files' names, sizes and times
	source  source
}

// source is where a store's vectors come from: the files of its folder, or
// their pack.
type source interface {
	vector(i int, dst []float32) error // len(dst) is the store's dim
	close() error
}

// Open opens a folder of windows named by [ParseName]. See [OpenContext].
func Open(dir string, o Options) (*Store, error) {
	return OpenContext(context.Background(), dir, o)
}

// OpenContext opens a folder of windows. Making a pack stops when ctx is done,
// and leaves nothing behind. Errors wrap [tall.ErrMissing] (no folder, no
// windows), [tall.ErrFormat] (names, files), [tall.ErrShape] (files that disagree
// with o.Dim or each other) or, when a pack is made, [tall.ErrNotFinite].
func OpenContext(ctx context.Context, dir string, o Options) (*Store, error) {
	files, skipped, err := list(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, fps: o.FPS, made: o.Manifest, skipped: skipped}
	if s.fps == 0 {
		s.fps = DefaultFPS
	}
	if err := checkFPS(s.fps); err != nil {
		return nil, err
	}
	s.index(files)
	s.stamp = stamp(files)
	if len(skipped) > 0 && o.Warn != nil {
		o.Warn(fmt.Errorf("%s: %d .npy files are no windows and are left out; the first: %w", dir, len(skipped), skipped[0].Err))
	}
	if o.Pack {
		if s.source, err = openPack(ctx, s, files, o); err != nil {
			return nil, err
		}
	}
	if s.source == nil {
		if err := s.readDim(o.Dim); err != nil {
			return nil, err
		}
		s.source = folder{s}
	}
	return s, nil
}

func checkFPS(fps float64) error {
	if fps < 0 || math.IsNaN(fps) || math.IsInf(fps, 0) {
		return fmt.Errorf("%w: %g frames a second", tall.ErrFormat, fps)
	}
	return nil
}

func (s *Store) index(files []file) {
	s.names = make([]string, len(files))
	s.spans = make([]tall.Span, len(files))
	s.sizes = make([]int64, len(files))
	for i, f := range files {
		s.names[i], s.spans[i], s.sizes[i] = f.name, span(f.start, f.end), f.size
		if i == 0 || f.video != files[i-1].video {
			s.videos = append(s.videos, f.video)
			s.first = append(s.first, i)
		}
	}
	s.first = append(s.first, len(files))
	lengths := map[float64]bool{}
	for _, w := range s.spans {
		lengths[w.Len()] = true
	}
	s.lengths = slices.Sorted(maps.Keys(lengths))
}

// readDim finds the number of values in a window from the headers of the files,
// one for each size of file that occurs: files of one size may still differ,
// which is found when they are read.
func (s *Store) readDim(want int) error {
	s.dim = want
	seen := map[int64]bool{}
	for i, size := range s.sizes {
		if seen[size] {
			continue
		}
		seen[size] = true
		h, err := numpy.ReadFileHeader(filepath.Join(s.dir, s.names[i]))
		if err != nil {
			return err
		}
		if s.dim == 0 {
			s.dim = h.Len()
		}
		if err := s.checkDim(h.Len(), want, s.names[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkDim compares what a file has with what the options want, or what the
// first file has.
func (s *Store) checkDim(got, want int, name string) error {
	switch path := filepath.Join(s.dir, name); {
	case got == 0:
		return fmt.Errorf("%w: %s holds no values; make the feature again or remove the file", tall.ErrShape, path)
	case got == s.dim:
		return nil
	case want == 0:
		return fmt.Errorf("%w: %s holds %d values, %s holds %d; a folder's windows must have the same number", tall.ErrShape, path, got, s.names[0], s.dim)
	default:
		return fmt.Errorf("%w: %s holds %d values, the configuration wants %d; set feats_dimen to %d, or use features of %d", tall.ErrShape, path, got, want, got, want)
	}
}

// Close gives the mapped memory back. The store must not be used afterwards.
func (s *Store) Close() error { return s.source.close() }

// Dir is the folder that the store was opened on.
func (s *Store) Dir() string { return s.dir }

// Dim is D, the number of values of one window.
func (s *Store) Dim() int { return s.dim }

// FPS is the number of frames in a second.
func (s *Store) FPS() float64 { return s.fps }

// Len is the number of windows of all videos.
func (s *Store) Len() int { return len(s.spans) }

// Packed is the path of the packed file in use, "" where there is none.
func (s *Store) Packed() string {
	if p, ok := s.source.(*pack); ok {
		return p.path
	}
	return ""
}

// Skipped lists the .npy files that are no windows.
func (s *Store) Skipped() []Skipped { return slices.Clone(s.skipped) }

// Videos lists the videos that have windows, sorted.
func (s *Store) Videos() []string { return slices.Clone(s.videos) }

// Windows lists the windows of a video, ordered by (start, end); none for a
// video that the store does not have.
func (s *Store) Windows(video string) []Window {
	v, ok := slices.BinarySearch(s.videos, video)
	if !ok {
		return nil
	}
	out := make([]Window, 0, s.first[v+1]-s.first[v])
	for i := s.first[v]; i < s.first[v+1]; i++ {
		out = append(out, Window{s.spans[i], i})
	}
	return out
}

// At returns the video and the window with index i, 0 <= i < Len.
func (s *Store) At(i int) (video string, w Window) {
	return s.videos[s.videoOf(i)], Window{s.spans[i], i}
}

// Name is the file name of window i.
func (s *Store) Name(i int) string { return s.names[i] }

// Vector reads the feature of window i into dst, which holds [Store.Dim] values.
// Values that are not finite are an error that wraps [tall.ErrNotFinite].
func (s *Store) Vector(i int, dst []float32) error {
	if len(dst) != s.dim {
		return fmt.Errorf("%w: a window has %d values, room for %d was given", tall.ErrShape, s.dim, len(dst))
	}
	return s.source.vector(i, dst)
}

// Features are all windows of a video with their context: one stream, (N, 3*Dim).
func (s *Store) Features(video string, c Context) (*tall.Features, error) {
	windows := s.Windows(video)
	if len(windows) == 0 {
		return nil, fmt.Errorf("%w: %s holds no windows of %q; its videos are named like %q", tall.ErrMissing, s.dir, video, s.videos[0])
	}
	n, d := len(windows), 3*s.dim
	f := &tall.Features{
		Video: video, FPS: s.fps, Spans: make([]tall.Span, n),
		Streams: []tall.Stream{{Manifest: s.Manifest(c), N: n, D: d, Data: make([]float32, n*d)}},
	}
	for k, w := range windows {
		f.Spans[k] = w.Span
		if k%aheadRows == 0 {
			s.expect(w.Index, min(w.Index+2*aheadRows, windows[n-1].Index+1))
		}
		if err := s.Input(w.Index, c, f.Streams[0].Data[k*d:(k+1)*d]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Manifest says how the inputs with this context are made: what the options
// said, and the dimension, window lengths and rate of the store.
func (s *Store) Manifest(c Context) tall.Manifest {
	m := s.made
	m.Dim, m.Context, m.Rate = 3*s.dim, c.String(), s.fps
	m.WindowLengths = slices.Clone(s.lengths)
	return m
}

// videoOf returns the number of the video to which window i belongs.
func (s *Store) videoOf(i int) int {
	return sort.SearchInts(s.first, i+1) - 1
}

// find returns the window of video v with this span; failing that, the place
// of the first one behind it.
func (s *Store) find(v int, want tall.Span) (int, bool) {
	i, ok := slices.BinarySearchFunc(s.spans[s.first[v]:s.first[v+1]], want, tall.Span.Compare)
	return s.first[v] + i, ok
}

func span(start, end int) tall.Span {
	return tall.Span{Start: float64(start), End: float64(end)}
}

// aheadRows is how many windows are asked for before they are read in order:
// 1 MiB of TACoS's.
const aheadRows = 64

// expect tells the source that windows [from, to) will be read soon.
func (s *Store) expect(from, to int) {
	if p, ok := s.source.(*pack); ok {
		size := 4 * p.dim
		prefetch(p.mapped, p.at+from*size, p.at+to*size)
	}
}

// folder reads the files of a store one by one.
type folder struct{ *Store }

func (f folder) vector(i int, dst []float32) error {
	return readWindow(filepath.Join(f.dir, f.names[i]), dst)
}

func (folder) close() error { return nil }

// readWindow reads one file and refuses NaN and infinity, which would spoil a
// model without a word.
func readWindow(path string, dst []float32) error {
	if err := numpy.ReadVector(path, dst); err != nil {
		return err
	}
	if bad := NotFinite(dst); bad > 0 {
		return fmt.Errorf("%w: %s: %d of %d values are NaN or infinite; make the feature again or remove the file", tall.ErrNotFinite, path, bad, len(dst))
	}
	return nil
}

// NotFinite counts the values that are NaN or infinite.
func NotFinite(v []float32) (n int) {
	for _, x := range v {
		if x-x != 0 { // NaN for NaN and both infinities
			n++
		}
	}
	return n
}
