package feature

import (
	lru "container/list"
	"fmt"
	"slices"
	"sync"

	"tall"
)

// TrackOptions say how per-clip features are opened.
type TrackOptions struct {
	Name string // of the kind of features, for its manifest and errors
	Norm Norm
	// Times of the rows where the manifest does not state them, or states them
	// wrongly; fields of 0 leave it to the manifest.
	Times Times
	// Memory bounds, in bytes, what is kept of the videos read last; 0: 1 GiB.
	Memory int64
}

const defaultTrackMemory = 1 << 30

// Tracks are per-clip features: of each video an (N, D) matrix whose row k tells
// of the seconds from k x stride to k x stride + window. Its methods may be called
// from several goroutines.
type Tracks struct {
	path  string
	name  string
	norm  Norm
	times Times
	made  tall.Manifest
	dim   int
	stamp string

	videos []string    // sorted
	files  []trackFile // of each video

	mu     sync.Mutex
	recent *lru.List // of *trackRows, the one used last in front
	held   map[string]*lru.Element
	bytes  int64 // of the rows held
	memory int64
}

// trackRows are the rows of one video, in memory.
type trackRows struct {
	video string
	rows  []float32 // (N, D)
}

// OpenTracks opens per-clip features, one array (N, D) a video: a folder of
// VIDEO.npy, .npz or .safetensors files; a folder and a pattern of names with
// {video}; or a single file, an .npz or .safetensors with an array for each video
// or one with the features of a single video. Of an .npz with several arrays
// "features" is taken, else "pooler_output", else "last_hidden_state". Only headers
// are read until [Tracks.Rows].
//
// Errors wrap [tall.ErrMissing], [tall.ErrFormat], [tall.ErrShape] (videos that
// disagree in D) or [tall.ErrManifest] (the manifest states another D).
func OpenTracks(path string, o TrackOptions) (*Tracks, error) {
	if err := o.Norm.check(); err != nil {
		return nil, err
	}
	found, err := findTracks(path, o.Name)
	if err != nil {
		return nil, err
	}
	t := &Tracks{
		path: path, name: o.Name, norm: o.Norm, times: o.Times.or(found.description), made: found.description.Manifest,
		stamp: found.stamp, recent: lru.New(), held: map[string]*lru.Element{}, memory: o.Memory,
	}
	if t.memory <= 0 {
		t.memory = defaultTrackMemory
	}
	if err := t.times.check(path); err != nil {
		return nil, err
	}
	for _, f := range found.files {
		t.videos = append(t.videos, f.video)
	}
	t.files = found.files
	t.dim = t.files[0].dim
	for _, f := range t.files {
		if f.dim != t.dim {
			return nil, fmt.Errorf("%w: %s holds rows of %d values, %s of %d; the videos of one kind of features must have the same number", tall.ErrShape, f.where(), f.dim, t.files[0].where(), t.dim)
		}
	}
	if m := t.made.Dim; m != 0 && m != t.dim {
		return nil, fmt.Errorf("%w: %s holds rows of %d values, its %s says %d; correct one of them", tall.ErrManifest, t.files[0].where(), t.dim, ManifestName, m)
	}
	return t, nil
}

// Videos lists the videos, sorted.
func (t *Tracks) Videos() []string { return slices.Clone(t.videos) }

// Len is N, the number of rows of a video; 0 for one that is not there.
func (t *Tracks) Len(video string) int {
	if i, ok := slices.BinarySearch(t.videos, video); ok {
		return t.files[i].n
	}
	return 0
}

// Dim is D, the number of values in a row.
func (t *Tracks) Dim() int { return t.dim }

// Times are the seconds behind the rows.
func (t *Tracks) Times() Times { return t.times }

// Path is what the tracks were opened on.
func (t *Tracks) Path() string { return t.path }

// Manifest says how the rows are made, their normalization included.
func (t *Tracks) Manifest() tall.Manifest {
	m := t.made
	if m.Encoder == "" {
		m.Encoder = t.name
	}
	m.Normalization = t.norm.made(m.Normalization)
	m.Dim, m.Rate = t.dim, 1
	m.WindowLengths, m.Stride = []float64{t.times.Window}, t.times.Stride/t.times.Window
	return m
}

// Rows returns the (N, D) matrix of a video, normalized as the options say. It is
// shared: treat it as read-only. Values that are not finite are an error that wraps
// [tall.ErrNotFinite].
func (t *Tracks) Rows(video string) ([]float32, error) {
	i, ok := slices.BinarySearch(t.videos, video)
	if !ok {
		return nil, fmt.Errorf("%w: %s holds no features of %q; its videos are named like %q", tall.ErrMissing, t.path, video, t.videos[0])
	}
	if rows, ok := t.lookup(video); ok {
		return rows, nil
	}
	f := t.files[i]
	rows, err := f.read()
	if err != nil {
		return nil, err
	}
	if len(rows) != f.n*f.dim {
		return nil, fmt.Errorf("%w: %s holds %d values, %d x %d when it was opened; do not change features while they are in use", tall.ErrFormat, f.where(), len(rows), f.n, f.dim)
	}
	if bad := NotFinite(rows); bad > 0 {
		first := slices.IndexFunc(rows, func(x float32) bool { return x-x != 0 })
		return nil, fmt.Errorf("%w: %s: %d of %d values are NaN or infinite, the first in row %d; make the features again or remove the file", tall.ErrNotFinite, f.where(), bad, len(rows), first/f.dim)
	}
	if t.norm == NormL2 {
		rows = slices.Clone(rows) // it may be a view of what was read
		t.norm.apply(rows, t.dim)
	}
	t.keep(video, rows)
	return rows, nil
}

// Features are the rows of a video with the seconds that each tells of, in one stream.
// The rows are shared, as those of [Tracks.Rows] are.
func (t *Tracks) Features(video string) (*tall.Features, error) {
	rows, err := t.Rows(video)
	if err != nil {
		return nil, err
	}
	n := t.Len(video)
	f := &tall.Features{Video: video, FPS: 1, Spans: make([]tall.Span, n), Streams: []tall.Stream{{Manifest: t.Manifest(), N: n, D: t.dim, Data: rows}}}
	for i := range f.Spans {
		start := float64(i) * t.times.Stride
		f.Spans[i] = tall.Span{Start: start, End: start + t.times.Window}
	}
	return f, nil
}

func (t *Tracks) lookup(video string) ([]float32, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.held[video]
	if !ok {
		return nil, false
	}
	t.recent.MoveToFront(e)
	return e.Value.(*trackRows).rows, true
}

// keep holds rows for the next time, and lets go of those unused for longest.
func (t *Tracks) keep(video string, rows []float32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[video] != nil {
		return // another goroutine read it too
	}
	t.held[video] = t.recent.PushFront(&trackRows{video, rows})
	t.bytes += 4 * int64(len(rows))
	for t.bytes > t.memory && t.recent.Len() > 1 {
		old := t.recent.Remove(t.recent.Back()).(*trackRows)
		delete(t.held, old.video)
		t.bytes -= 4 * int64(len(old.rows))
	}
}

// rowShape reads the shape of a video's features as (N, D): dimensions of 1 beyond
// two are dropped, and a vector is one row.
func rowShape(shape []int) (n, d int, err error) {
	trimmed := slices.Clone(shape)
	for i := 0; len(trimmed) > 2 && i < len(trimmed); {
		if trimmed[i] == 1 {
			trimmed = slices.Delete(trimmed, i, i+1)
		} else {
			i++
		}
	}
	switch len(trimmed) {
	case 1:
		n, d = 1, trimmed[0]
	case 2:
		n, d = trimmed[0], trimmed[1]
	default:
		return 0, 0, fmt.Errorf("%w: shape %v, must be (clips, values)", tall.ErrShape, shape)
	}
	if d < 1 || d > maxRowDim {
		return 0, 0, fmt.Errorf("%w: shape %v has rows of %d values", tall.ErrShape, shape, d)
	}
	if n > maxRows {
		return 0, 0, fmt.Errorf("%w: shape %v has %d rows, more than any video has clips", tall.ErrShape, shape, n)
	}
	return n, d, nil
}

const (
	maxRowDim = 1 << 20
	maxRows   = 1 << 22 // of 2 s: 97 days
)
