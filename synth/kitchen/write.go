package kitchen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"tall"
	"tall/dataset"
	"tall/media"
)

// Format is how videos lie on the disk.
type Format string

// The formats.
const (
	MP4 Format = "mp4" // H.264 by ffmpeg
	Y4M Format = "y4m" // uncompressed, 2 MB a second; needs no ffmpeg
	PNG Format = "png" // a folder of pictures a video; needs no ffmpeg
)

// Formats lists the valid formats.
func Formats() []string { return []string{string(MP4), string(Y4M), string(PNG)} }

// Names in the folder of a corpus.
const (
	AnnotationsName = "annotations.jsonl" // docs/formats.md
	VideosName      = "videos"            // folder
	RecordName      = "kitchen.json"      // what the corpus was made of
	readmeName      = "README.md"
)

// WriteOptions say how a corpus is written.
type WriteOptions struct {
	Format  Format
	Tools   *media.Tools // for MP4
	Encode  media.EncodeOptions
	Threads int  // videos at a time; 0: all processors; no effect on what is written
	Force   bool // write into a folder that holds other things; they stay
	// Progress, if not nil, is told how many seconds of video are rendered. Calls do
	// not overlap.
	Progress func(done, total float64)
}

// Summary says what was written.
type Summary struct {
	Dir         string
	Annotations string // path
	Videos      int
	Seconds     float64
	Events      int
	Sentences   int
	Passed      int    // videos that were there already
	Note        string // what the user should know of the videos; empty where all is as asked
}

// record is what kitchen.json says: videos of another record are not mixed with these.
type record struct {
	Version int     `json:"version"`
	Format  Format  `json:"format"`
	Options Options `json:"options"`
}

// version is that of what is drawn and said: it changes with them.
const version = 1

// Write renders the videos into dir/videos and writes dir/annotations.jsonl last, with a
// README.md. Videos that an earlier, interrupted run has completed are passed over; each
// appears under its name only when it is complete. A folder that holds other things, or
// videos of other options, is refused unless o.Force.
func (k *Kitchen) Write(ctx context.Context, dir string, o WriteOptions) (*Summary, error) {
	if err := k.claim(dir, o); err != nil {
		return nil, err
	}
	w := &writing{k: k, dir: filepath.Join(dir, VideosName), o: o}
	for i := range k.videos {
		w.total += k.videos[i].Duration()
	}
	if err := w.all(ctx); err != nil {
		return nil, err
	}
	s := &Summary{
		Dir: dir, Annotations: filepath.Join(dir, AnnotationsName),
		Videos: len(k.videos), Seconds: w.total, Passed: int(w.passed.Load()), Note: w.note,
	}
	for i := range k.videos {
		s.Events += len(k.videos[i].Events)
	}
	examples := k.Examples()
	s.Sentences = len(examples)
	err := tall.ReplaceFile(filepath.Join(dir, readmeName), func(out io.Writer) error {
		_, err := io.WriteString(out, k.readme(s, o.Format))
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, dataset.WriteAnnotations(s.Annotations, examples)
}

func (o *WriteOptions) check() error {
	switch o.Format {
	case Y4M, PNG:
	case MP4:
		if o.Tools == nil {
			return errors.New("kitchen: mp4 needs Tools, which find ffmpeg")
		}
	default:
		return fmt.Errorf("kitchen: unknown format %q: want one of %s", o.Format, strings.Join(Formats(), ", "))
	}
	return nil
}

// claim makes the folder, or checks that it holds what this run goes on with.
func (k *Kitchen) claim(dir string, o WriteOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(record{version, o.Format, k.options}, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	path := filepath.Join(dir, RecordName)
	have, err := os.ReadFile(path)
	switch {
	case err == nil && string(have) == string(text):
		return prepare(dir)
	case err == nil && !o.Force:
		return fmt.Errorf("kitchen: %s holds videos of other options (%s); name another folder, or use force to write over them", dir, path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	entries, readErr := os.ReadDir(dir)
	if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
		return fmt.Errorf("kitchen: %w", readErr)
	}
	if len(entries) > 0 && !o.Force {
		return fmt.Errorf("kitchen: %s holds other things, such as %s; name a new or empty folder, or use force to write beside them", dir, entries[0].Name())
	}
	if err == nil { // other videos, by force: none of them may be taken for one of these
		if err := os.RemoveAll(filepath.Join(dir, VideosName)); err != nil {
			return err
		}
	}
	if err := prepare(dir); err != nil {
		return err
	}
	return tall.ReplaceFile(path, func(out io.Writer) error {
		_, err := out.Write(text)
		return err
	})
}

// prepare makes the folder of the videos, without what killed runs have left there.
func prepare(dir string) error {
	videos := filepath.Join(dir, VideosName)
	if err := os.MkdirAll(videos, 0o777); err != nil {
		return err
	}
	left, err := fs.Glob(os.DirFS(videos), ".*.tmp")
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := os.RemoveAll(filepath.Join(videos, name)); err != nil {
			return err
		}
	}
	return nil
}

// writing is a run of Write.
type writing struct {
	k      *Kitchen
	dir    string
	o      WriteOptions
	total  float64 // seconds
	passed atomic.Int64

	mu   sync.Mutex
	done float64
	note string
}

// all renders the videos, several at a time.
func (w *writing) all(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	threads := w.o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	next := make(chan *Video)
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for v := range next {
				if ctx.Err() != nil {
					continue
				}
				if err := w.video(ctx, v); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range w.k.videos {
		next <- &w.k.videos[i]
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// File is the name of a video's file, or folder, in [VideosName].
func (v *Video) File(f Format) string {
	if f == PNG {
		return v.Name
	}
	return v.Name + "." + string(f)
}

// video renders one video, unless it is there.
func (w *writing) video(ctx context.Context, v *Video) error {
	path := filepath.Join(w.dir, v.File(w.o.Format))
	if _, err := os.Lstat(path); err == nil {
		w.passed.Add(1)
		w.add(v.Duration())
		return nil
	}
	note, err := v.writeFile(ctx, path, w.o, func() { w.add(1 / float64(w.k.options.FPS)) })
	if note != "" {
		w.mu.Lock()
		w.note = note
		w.mu.Unlock()
	}
	return err
}

// WriteFile renders the video into a file, or a folder of pictures, which appears when it
// is complete. Of the options Format, Tools and Encode count.
func (v *Video) WriteFile(ctx context.Context, path string, o WriteOptions) error {
	_, err := v.writeFile(ctx, path, o, func() {})
	return err
}

func (v *Video) writeFile(ctx context.Context, path string, w WriteOptions, each func()) (note string, err error) {
	if err := w.check(); err != nil {
		return "", err
	}
	frames, err := v.Frames(media.Sampling{})
	if err != nil {
		return "", err
	}
	source := &watched{Source: frames, ctx: ctx, each: each}
	o := v.options
	switch w.Format {
	case MP4:
		e, err := w.Tools.EncodeMP4(ctx, path, o.Width, o.Height, float64(o.FPS), source, w.Encode)
		return e.Note, err
	case Y4M:
		return "", tall.ReplaceFile(path, func(out io.Writer) error { return writeY4M(out, o.Width, o.Height, o.FPS, source) })
	}
	return "", writePNG(path, source)
}

// add counts seconds that are rendered.
func (w *writing) add(seconds float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done += seconds
	if w.o.Progress != nil {
		w.o.Progress(min(w.done, w.total), w.total)
	}
}

// watched is a source that stops with a context, and tells of each frame.
type watched struct {
	*Source
	ctx  context.Context
	each func()
}

func (w *watched) Next() (media.Frame, error) {
	if w.ctx.Err() != nil {
		return media.Frame{}, context.Cause(w.ctx)
	}
	f, err := w.Source.Next()
	if err == nil {
		w.each()
	}
	return f, err
}

// writePNG writes frames into a folder, which appears when it is complete.
func writePNG(path string, frames media.Source) (err error) {
	temp, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temp)
		}
	}()
	var img *image.NRGBA
	for {
		f, err := frames.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if img == nil {
			img = image.NewNRGBA(image.Rect(0, 0, f.Width, f.Height))
		}
		for i := range f.Width * f.Height {
			copy(img.Pix[4*i:], f.Pix[3*i:3*i+3])
			img.Pix[4*i+3] = 255
		}
		if err := savePNG(filepath.Join(temp, fmt.Sprintf("%06d.png", f.Index)), img); err != nil {
			return err
		}
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

func savePNG(path string, img image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join((&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(f, img), f.Close())
}

// readme says what the folder holds.
func (k *Kitchen) readme(s *Summary, f Format) string {
	o := k.options
	return fmt.Sprintf(`# A synthetic kitchen

%d videos (%d to train on, %d to validate, %d to test), %.0f s in all, %d x %d pixels, %d frames a
second, seed %d. %d events have %d sentences.

- %s/: the videos (%s)
- %s: a sentence a line, with its video, split and span in seconds
- %s: the options that all of this was made of; the same options make the same frames

Actions, things and colors occur in all splits, but no combination of the three in two of them.
`, s.Videos, o.Train, o.Val, o.Test, s.Seconds, o.Width, o.Height, o.FPS, o.Seed, s.Events, s.Sentences,
		VideosName, f, AnnotationsName, RecordName)
}
