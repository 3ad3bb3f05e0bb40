package encode

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tall"
	"tall/feature"
	"tall/media"
	"tall/weights"
)

// WarningKey is the metadata of a file of features that tells what the decoder passed over,
// such as that the video's file ends early.
const WarningKey = "warning"

// FeaturesName is the tensor of features, (N, D), in the file of a video.
const FeaturesName = "features"

// Files encodes video files. It is for one goroutine at a time, as its encoder is.
type Files struct {
	Tools *media.Tools
	Video Video
	// Progress, if not nil, is told how many seconds of the video are done.
	Progress func(done, total float64)
	// Again computes windows (of C3D) anew that are there already; rows always are.
	Again bool
	// Warn, if not nil, is told what does not keep a video from being encoded, such as
	// that its file ends early.
	Warn func(warning error)

	warned string // of the video at hand
}

// EncodeVideo implements [tall.VideoEncoder]: spans in seconds, one stream of (N, D).
// Features.Video is the path.
func (f *Files) EncodeVideo(ctx context.Context, path string) (*tall.Features, error) {
	out := &tall.Features{Video: path, FPS: 1}
	d := f.Video.Describe()
	s := tall.Stream{Manifest: d.Manifest, D: d.Dim}
	_, err := f.rows(ctx, path, func(span tall.Span, row []float32) error {
		out.Spans = append(out.Spans, span)
		s.Data = append(s.Data, row...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.N = len(out.Spans)
	out.Streams = []tall.Stream{s}
	return out, nil
}

// Save encodes a video into dir/name.safetensors, a tensor "features" (N, D), which
// [feature.OpenTracks] reads; the folder's manifest.json says how they are made and is
// written where it is missing. Rows wait in a temporary file of dir, so that memory does
// not grow with the video's length. Meta goes into the file's metadata, beside what is
// known of the video. It returns the number of rows.
//
// C3D's windows go into a file each, as TALL has them, and meta into name.video.json
// beside them. Windows that are there are kept, so that a run that was cut off goes on,
// unless they were made with another meta, or Again says so: then they are removed first.
//
// Errors wrap [tall.ErrManifest] where the folder holds features made otherwise.
func (f *Files) Save(ctx context.Context, path, dir, name string, meta map[string]string) (n int, err error) {
	if w, ok := f.Video.(windows); ok {
		if err := Prepare(dir, f.Video.Describe()); err != nil {
			return 0, err
		}
		return f.saveWindows(ctx, w, path, dir, name, meta)
	}
	return f.save(dir, name, meta, func(emit func(tall.Span, []float32) error) (media.Info, error) { return f.rows(ctx, path, emit) })
}

// SaveFrames is Save of a video that is no file: frames as f.Video samples them.
func (f *Files) SaveFrames(ctx context.Context, info media.Info, frames media.Source, dir, name string, meta map[string]string) (n int, err error) {
	return f.save(dir, name, meta, func(emit func(tall.Span, []float32) error) (media.Info, error) {
		return info, f.encode(ctx, info, frames, emit)
	})
}

// save writes the rows that a function hands over.
func (f *Files) save(dir, name string, meta map[string]string, rowsOf func(func(tall.Span, []float32) error) (media.Info, error)) (n int, err error) {
	d := f.Video.Describe()
	if err := Prepare(dir, d); err != nil {
		return 0, err
	}
	spool, err := newSpool(dir)
	if err != nil {
		return 0, err
	}
	defer os.Remove(spool.Name()) // where it could not be at once
	defer spool.Close()
	f.warned = ""
	w := bufio.NewWriterSize(spool, 1<<16)
	info, err := rowsOf(func(_ tall.Span, row []float32) error {
		n++
		return binary.Write(w, binary.LittleEndian, row)
	})
	if err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	all := map[string]string{
		"encoder":  d.Encoder,
		"duration": strconv.FormatFloat(info.Duration, 'f', -1, 64),
		"fps":      fmt.Sprintf("%d/%d", info.FPSNum, info.FPSDen),
	}
	if f.warned != "" {
		all[WarningKey] = f.warned
	}
	maps.Copy(all, meta)
	rows := weights.Stream{
		Spec:   weights.Spec{Name: FeaturesName, Shape: []int{n, d.Dim}},
		Values: func(part func([]float32) error) error { return replay(spool, part) },
	}
	return n, weights.WriteStreams(filepath.Join(dir, name+".safetensors"), all, []weights.Stream{rows})
}

// windows is an encoder whose rows overlap and are of several lengths, C3D, so that their
// times are in the names of files, as TALL's are: dir/{name}_{start}_{end}.npy.
type windows interface {
	SaveWindows(ctx context.Context, dir, name string, video media.Info, frames media.Source, progress func(seconds float64)) (windows, written int, err error)
}

func (f *Files) saveWindows(ctx context.Context, w windows, path, dir, name string, meta map[string]string) (int, error) {
	info, frames, err := f.open(ctx, path)
	if err != nil {
		return 0, err
	}
	defer frames.Close()
	state, err := f.begin(dir, name, info, meta)
	if err != nil {
		return 0, err
	}
	n, _, err := w.SaveWindows(ctx, dir, name, info, frames, func(seconds float64) {
		if f.Progress != nil {
			f.Progress(min(seconds, info.Duration), info.Duration)
		}
	})
	f.warn(path, frames, err)
	if err != nil {
		return n, err
	}
	state.Windows = n
	return n, state.write(dir, name)
}

// open probes a video and asks for its frames.
func (f *Files) open(ctx context.Context, path string) (media.Info, *media.Reader, error) {
	info, err := f.Tools.Probe(ctx, path)
	if err != nil {
		return info, nil, err
	}
	frames, err := f.Tools.Frames(ctx, info, f.Video.Sampling(info))
	return info, frames, err
}

// warn passes on what the decoder passed over, unless the video failed anyway.
func (f *Files) warn(path string, frames *media.Reader, err error) {
	text := frames.Warning()
	if err != nil || text == "" {
		return
	}
	f.warned = strings.TrimPrefix(text, path+": ")
	if f.Warn != nil {
		f.Warn(errors.New(text))
	}
}

// replay reads the float32 values of a file from its beginning.
func replay(file *os.File, part func([]float32) error) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	raw := make([]byte, 1<<16)
	values := make([]float32, len(raw)/4)
	for {
		n, err := io.ReadFull(file, raw)
		if n > 0 {
			for i := range n / 4 {
				values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
			}
			if err := part(values[:n/4]); err != nil {
				return err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// rows runs the encoder over one video and checks what it emits.
func (f *Files) rows(ctx context.Context, path string, emit func(tall.Span, []float32) error) (media.Info, error) {
	info, frames, err := f.open(ctx, path)
	if err != nil {
		return info, err
	}
	defer frames.Close()
	err = f.encode(ctx, info, frames, emit)
	f.warn(path, frames, err)
	return info, err
}

// encode runs the encoder over frames and checks what it emits.
func (f *Files) encode(ctx context.Context, info media.Info, frames media.Source, emit func(tall.Span, []float32) error) error {
	dim, n := f.Video.Describe().Dim, 0
	err := f.Video.Encode(ctx, info, frames, func(span tall.Span, row []float32) error {
		if len(row) != dim {
			return fmt.Errorf("%w: row %d of %s has %d values, %d expected", tall.ErrShape, n, info.Path, len(row), dim)
		}
		if feature.NotFinite(row) > 0 {
			return fmt.Errorf("%w: row %d of %s (%.2f to %.2f s)", tall.ErrNotFinite, n, info.Path, span.Start, span.End)
		}
		n++
		if f.Progress != nil {
			f.Progress(min(span.End, info.Duration), info.Duration)
		}
		return emit(span, row)
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: %s is too short (%.2f s) for a single row of features", tall.ErrFormat, info.Path, info.Duration)
	}
	return err
}
