package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"tall"
	"tall/library"
	"tall/tensor"
)

// Index implements [library.CandidateIndex] with a mapped file for each video:
// ROOT/SPACE/ID.safetensors. Files are opened when a search first wants them, and let go
// when they are replaced or removed, by whatever process, and no search uses them.
type Index struct {
	root    string
	threads int
	cpu     *tensor.CPU // of one thread; videos are scanned side by side

	mu      sync.Mutex
	entries map[string]map[library.ID]*entry // by space
}

// NewIndex keeps an index below a folder. Threads is how many processors a scan takes; 0:
// all of GOMAXPROCS.
func NewIndex(root string, threads int) *Index {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &Index{root: root, threads: threads, cpu: tensor.NewCPU(1), entries: map[string]map[library.ID]*entry{}}
}

func (x *Index) path(space string, id library.ID) string {
	return filepath.Join(x.root, space, string(id)+".safetensors")
}

// Add implements [library.CandidateIndex]. The file is there as a whole or as it was.
func (x *Index) Add(ctx context.Context, k library.Key, spans []tall.Span, vectors tall.Stream) error {
	if k.Space != filepath.Base(k.Space) || k.Space[0] == '.' {
		return fmt.Errorf("%w: %q cannot name a folder of the index", tall.ErrUnsafe, k.Space)
	}
	fine, coarse, err := quantize(ctx, spans, vectors)
	if err != nil {
		return fmt.Errorf("index of %s: %w", k.Video, err)
	}
	err = writeIndex(x.path(k.Space, k.Video), k, vectors.D, fine, coarse)
	x.drop(k.Space, k.Video, nil)
	return err
}

// Remove implements [library.CandidateIndex].
func (x *Index) Remove(_ context.Context, id library.ID) error {
	spaces, err := os.ReadDir(x.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, space := range spaces {
		x.drop(space.Name(), id, nil)
		if err := os.Remove(x.path(space.Name(), id)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// drop forgets an entry, if it is the one given or none is. Searches that use it go on.
func (x *Index) drop(space string, id library.ID, which *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.entries[space][id]; e != nil && (which == nil || e == which) {
		delete(x.entries[space], id)
		e.release()
	}
}

// acquire finds the entries of keys, nil where there is none, and takes a reference to
// each.
func (x *Index) acquire(keys []library.Key) []*entry {
	out := make([]*entry, len(keys))
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, k := range keys {
		known := x.entries[k.Space]
		if known == nil {
			known = map[library.ID]*entry{}
			x.entries[k.Space] = known
		}
		e := known[k.Video]
		if e == nil || e.source != k.Source {
			fresh, err := openEntry(x.path(k.Space, k.Video), k.Video)
			if err != nil || fresh.source != k.Source {
				if err == nil {
					fresh.release()
				}
				continue // missing, damaged, or of other features
			}
			if e != nil {
				e.release()
			}
			e = fresh
			known[k.Video] = e
		}
		e.refs.Add(1)
		out[i] = e
	}
	x.prune()
	return out
}

// pruned is how many entries a scan looks after.
const pruned = 4

// prune lets go of files that another process has removed or replaced: a few, drawn by
// the order of maps, each time.
func (x *Index) prune() {
	for space, known := range x.entries {
		n := 0
		for id, e := range known {
			if n++; n > pruned {
				break
			}
			if info, err := os.Stat(x.path(space, id)); err != nil || !os.SameFile(info, e.info) {
				delete(known, id)
				e.release()
			}
		}
	}
}

func release(entries []*entry) {
	for _, e := range entries {
		if e != nil {
			e.release()
		}
	}
}

// Scan implements [library.CandidateIndex]. A file that cannot be read, because it was cut
// short or its disk fails, counts as missing.
func (x *Index) Scan(ctx context.Context, s library.Scan, visit func(key int, p library.Products)) (missing []int, err error) {
	var q []float32
	for _, probe := range s.Probes {
		if len(probe) == 0 || len(probe) != len(s.Probes[0]) {
			return nil, fmt.Errorf("%w: probes of %d and %d values", tall.ErrShape, len(s.Probes[0]), len(probe))
		}
		q = append(q, probe...)
	}
	entries := x.acquire(s.Keys)
	defer release(entries)
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	miss := func(i int) {
		mu.Lock()
		defer mu.Unlock()
		missing = append(missing, i)
	}
	for range min(x.threads, len(entries)) {
		wg.Go(func() {
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			w := scanner{cpu: x.cpu, probes: len(s.Probes), q: q, scores: make([][]float32, len(s.Probes))}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(entries) {
					return
				}
				e := entries[i]
				ok := e != nil && (len(s.Probes) == 0 || len(q) == len(s.Probes)*e.d) // else it is of another space
				if !ok || !guard(func() { w.scan(e, s.Fine, func(p library.Products) { visit(i, p) }) }) {
					miss(i)
					if e != nil {
						x.drop(s.Keys[i].Space, s.Keys[i].Video, e)
					}
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	slices.Sort(missing)
	return missing, nil
}

// scanner multiplies probes with one video after the other.
type scanner struct {
	cpu    *tensor.CPU
	probes int
	q      []float32
	dst    []float32
	scores [][]float32
}

func (w *scanner) scan(e *entry, fine bool, visit func(library.Products)) {
	l := e.level(fine)
	n := len(l.spans)
	if w.probes*n > 0 {
		if len(w.dst) < w.probes*n {
			w.dst = make([]float32, w.probes*n)
		}
		dst := w.dst[:w.probes*n]
		w.cpu.DotI8(dst, l.rows, l.scales, e.d, w.q)
		for i := range w.scores {
			w.scores[i] = dst[i*n : (i+1)*n]
		}
	} else {
		clear(w.scores)
	}
	visit(library.Products{Spans: l.spans, Scores: w.scores, Append: func(dst []float32, row int) []float32 { return l.appendRow(dst, row, e.d) }})
}

// Sample implements [library.IndexSampler].
func (x *Index) Sample(_ context.Context, keys []library.Key, n int) (out []float32, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	chosen := make([]library.Key, n)
	for i := range chosen {
		chosen[i] = keys[i*len(keys)/n]
	}
	entries := x.acquire(chosen)
	defer release(entries)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for i, e := range entries {
		if e == nil || len(e.fine.spans) == 0 || len(out) > 0 && len(out)%e.d != 0 {
			continue
		}
		// Places are spread over the videos as well, by the golden ratio.
		row := int(uint64(i) * 0x9e3779b97f4a7c15 >> 33 % uint64(len(e.fine.spans)))
		guard(func() { out = e.fine.appendRow(out, row, e.d) })
	}
	return out, nil
}

// appendRow appends the numbers that a row's bytes stand for.
func (l *level) appendRow(out []float32, row, d int) []float32 {
	for _, v := range l.rows[row*d : (row+1)*d] {
		out = append(out, float32(v)*l.scales[row])
	}
	return out
}

// guard calls f, and tells whether the mapped memory that it reads was there: it is not
// where a file was cut short. The goroutine must be set to panic on faults.
func guard(f func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, fault := r.(interface{ Addr() uintptr }); !fault {
				panic(r)
			}
			ok = false
		}
	}()
	f()
	return true
}

// Check implements [library.IndexChecker]: it reads the whole file.
func (x *Index) Check(_ context.Context, k library.Key) error {
	return checkEntry(x.path(k.Space, k.Video), k)
}

// Close lets go of all files. No scan may run.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, known := range x.entries {
		for _, e := range known {
			e.release()
		}
	}
	clear(x.entries)
	return nil
}
