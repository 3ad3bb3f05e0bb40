package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/edsrzf/mmap-go"

	"tall"
	"tall/library"
	"tall/tensor"
	"tall/weights"
)

// indexFormat stands in the metadata of files of an [Index]; see docs/formats.md.
const indexFormat = "tall index 1"

const (
	// mostGrouped is how many neighbors a mean of the coarse level stands for at most.
	// Localizers look at moments of several seconds, which a mean of 8 keeps.
	mostGrouped = 8
	// leastGroups is how many means a video has at least, so that short ones keep detail.
	leastGroups = 32
)

// groupOf is how many neighbors of n a mean stands for.
func groupOf(n int) int { return min(max(n/leastGroups, 1), mostGrouped) }

// level are vectors of a video as bytes.
type level struct {
	spans  []tall.Span // (N)
	scales []float32   // (N)
	rows   []int8      // (N, D)
}

func (l *level) add(span tall.Span, row []float32) error {
	n := len(l.rows)
	l.rows = append(l.rows, make([]int8, len(row))...)
	scale := tensor.QuantizeI8(l.rows[n:], row)
	if scale != scale {
		return fmt.Errorf("%w: the vector of %v", tall.ErrNotFinite, span)
	}
	l.spans, l.scales = append(l.spans, span), append(l.scales, scale)
	return nil
}

// quantize reads the vectors of a video. Coarse are means of neighbors, none where each
// would be of one.
func quantize(ctx context.Context, spans []tall.Span, vectors tall.Stream) (fine, coarse level, err error) {
	if vectors.N != len(spans) || vectors.D < 1 {
		return fine, coarse, fmt.Errorf("%w: %d vectors of %d values for %d spans", tall.ErrShape, vectors.N, vectors.D, len(spans))
	}
	const tile = 512
	d, group := vectors.D, groupOf(vectors.N)
	buf, sum := make([]float32, tile*d), make([]float32, d)
	var hull tall.Span
	for from := 0; from < vectors.N; from += tile {
		if ctx.Err() != nil {
			return fine, coarse, context.Cause(ctx)
		}
		to := min(from+tile, vectors.N)
		rows, err := vectors.Rows(from, to, buf)
		if err != nil {
			return fine, coarse, err
		}
		for i := from; i < to; i++ {
			row := rows[(i-from)*d : (i-from+1)*d]
			if err := fine.add(spans[i], row); err != nil {
				return fine, coarse, err
			}
			if group == 1 {
				continue
			}
			if i%group == 0 {
				hull = spans[i]
				clear(sum)
			}
			hull = tall.Span{Start: min(hull.Start, spans[i].Start), End: max(hull.End, spans[i].End)}
			for j, x := range row {
				sum[j] += x
			}
			if (i+1)%group != 0 && i+1 < vectors.N {
				continue
			}
			for j := range sum {
				sum[j] /= float32(i%group + 1)
			}
			if err := coarse.add(hull, sum); err != nil {
				return fine, coarse, err
			}
		}
	}
	return fine, coarse, nil
}

// writeIndex writes the vectors of a video.
func writeIndex(path string, k library.Key, d int, fine, coarse level) error {
	type tensorOf struct {
		name, dtype string
		shape       []int
		data        []byte
	}
	tensors := []tensorOf{
		{"spans", "F64", []int{len(fine.spans), 2}, spanBytes(fine.spans)},
		{"coarse_spans", "F64", []int{len(coarse.spans), 2}, spanBytes(coarse.spans)},
		{"scales", "F32", []int{len(fine.scales)}, scaleBytes(fine.scales)},
		{"coarse_scales", "F32", []int{len(coarse.scales)}, scaleBytes(coarse.scales)},
		{"coarse", "I8", []int{len(coarse.scales), d}, bytesOf(coarse.rows)},
		{"rows", "I8", []int{len(fine.scales), d}, bytesOf(fine.rows)},
	}
	sum := sha256.New()
	header := map[string]any{}
	at := 0
	for _, t := range tensors {
		sum.Write(t.data)
		header[t.name] = map[string]any{"dtype": t.dtype, "shape": t.shape, "data_offsets": []int{at, at + len(t.data)}}
		at += len(t.data)
	}
	header["__metadata__"] = map[string]string{"format": indexFormat, "video": string(k.Video), "source": k.Source, "sha256": hex.EncodeToString(sum.Sum(nil))}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 { // numbers lie where processors read them at once
		text = append(text, ' ')
	}
	return tall.ReplaceFile(path, func(w io.Writer) error {
		head := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
		_, err := w.Write(append(head, text...))
		for _, t := range tensors {
			if err == nil {
				_, err = w.Write(t.data)
			}
		}
		return err
	})
}

func spanBytes(spans []tall.Span) []byte {
	out := make([]byte, 0, 16*len(spans))
	for _, s := range spans {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(s.Start))
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(s.End))
	}
	return out
}

func scaleBytes(scales []float32) []byte {
	out := make([]byte, 0, 4*len(scales))
	for _, s := range scales {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(s))
	}
	return out
}

func bytesOf(v []int8) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// entry is the mapped file of a video. It is used by those who hold a reference.
type entry struct {
	refs   atomic.Int64 // the index holds one
	info   fs.FileInfo
	mapped mmap.MMap
	source string
	sum    string // SHA-256 of the data, hexadecimal
	start  int64  // of the data
	d      int
	fine   level
	coarse level
}

// openEntry maps a file. What its header promises lies within it.
func openEntry(path string, id library.ID) (_ *entry, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping stays
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
	e := &entry{}
	if e.info, err = f.Stat(); err != nil {
		return nil, err
	}
	entries, meta, err := weights.ReadSafetensorsHeader(f, e.info.Size())
	if err != nil {
		return nil, err
	}
	if meta["format"] != indexFormat || meta["video"] != string(id) {
		return nil, fmt.Errorf("%w: it is no index of this video (%q of %q, want %q)", tall.ErrFormat, meta["format"], meta["video"], indexFormat)
	}
	e.source, e.sum = meta["source"], meta["sha256"]
	at := map[string]weights.Entry{}
	for i, t := range entries {
		at[t.Name] = t
		if i == 0 {
			e.start = t.Offset
		}
	}
	if e.start%8 != 0 || at["rows"].DType != "I8" || len(at["rows"].Shape) != 2 || at["rows"].Shape[1] < 1 {
		return nil, fmt.Errorf("%w: rows are no (N, D) bytes", tall.ErrFormat)
	}
	e.d = at["rows"].Shape[1]
	if e.mapped, err = mmap.Map(f, mmap.RDONLY, 0); err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	if err := errors.Join(e.view(&e.fine, at, ""), e.view(&e.coarse, at, "coarse_")); err != nil {
		return nil, errors.Join(err, e.mapped.Unmap())
	}
	e.refs.Store(1)
	return e, nil
}

// view finds the parts of a level in the file.
func (e *entry) view(l *level, at map[string]weights.Entry, prefix string) error {
	rows, ok := at[prefix+"rows"]
	if prefix != "" {
		rows, ok = at["coarse"]
	}
	spans, scales := at[prefix+"spans"], at[prefix+"scales"]
	if !ok || rows.DType != "I8" || len(rows.Shape) != 2 || rows.Shape[1] != e.d || spans.DType != "F64" || scales.DType != "F32" {
		return fmt.Errorf("%w: its %srows, spans and scales are not of their types", tall.ErrFormat, prefix)
	}
	n := rows.Shape[0]
	if spans.Size != 16*int64(n) || scales.Size != 4*int64(n) || spans.Offset%8 != 0 || scales.Offset%4 != 0 {
		return fmt.Errorf("%w: its %sspans and scales are not those of %d rows", tall.ErrShape, prefix, n)
	}
	if n == 0 {
		return nil
	}
	part := func(t weights.Entry) []byte { return e.mapped[t.Offset : t.Offset+t.Size] }
	l.rows = unsafe.Slice((*int8)(unsafe.Pointer(&part(rows)[0])), n*e.d)
	if !bigEndian {
		l.spans = unsafe.Slice((*tall.Span)(unsafe.Pointer(&part(spans)[0])), n)
		l.scales = unsafe.Slice((*float32)(unsafe.Pointer(&part(scales)[0])), n)
		return nil
	}
	for i := range n {
		number := func(k int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(part(spans)[16*i+8*k:])) }
		l.spans = append(l.spans, tall.Span{Start: number(0), End: number(1)})
		l.scales = append(l.scales, math.Float32frombits(binary.LittleEndian.Uint32(part(scales)[4*i:])))
	}
	return nil
}

// level chooses one; a short video has the fine one alone.
func (e *entry) level(fine bool) *level {
	if fine || len(e.coarse.spans) == 0 {
		return &e.fine
	}
	return &e.coarse
}

// release gives back a reference, the last of which ends the mapping.
func (e *entry) release() {
	if e.refs.Add(-1) == 0 {
		_ = e.mapped.Unmap() // nobody is left who could do anything about it
	}
}

// checkEntry reads all of a file and compares its data with their hash.
func checkEntry(path string, k library.Key) error {
	e, err := openEntry(path, k.Video)
	if err != nil {
		return err
	}
	defer e.release()
	if e.source != k.Source {
		return fmt.Errorf("%s: %w: it was made from other features", path, tall.ErrManifest)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, e.start, e.info.Size()-e.start)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != e.sum {
		return fmt.Errorf("%s: %w: its SHA-256 is %.12s…, it was written with %.12s…", path, tall.ErrFormat, got, e.sum)
	}
	return nil
}
