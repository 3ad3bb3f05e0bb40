package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tall"
)

// featuresExt is the extension of files of features.
const featuresExt = ".safetensors"

// Work encodes what is queued, several videos at a time, until the context ends, or, with
// drain, until nothing is left. The error wraps [tall.ErrLocked] where another process
// works on this library already.
//
// The order of its steps makes a crash harmless at any point: features are there as whole
// files or not at all, the index is made from them, and the catalog calls them ready last.
// What a crash left undone is found by its state and queued again.
func (l *Library) Work(ctx context.Context, workers int, drain bool) error {
	tasks, err := l.waiting(ctx)
	if err != nil {
		return err
	}
	stale, err := l.stale(ctx)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := &work{Library: l, stop: stop, idle: map[string][]VideoEncoder{}}
	if !drain {
		var sweeping sync.WaitGroup
		defer sweeping.Wait()
		defer stop(nil)
		sweeping.Go(func() { w.sweep(ctx) })
	}
	tasks = append(tasks, stale...)
	for again := false; ; again = true {
		if err := l.o.Queue.Put(ctx, tasks...); err != nil {
			return err
		}
		err := l.o.Queue.Run(ctx, workers, drain, w.do)
		if again && errors.Is(err, tall.ErrLocked) {
			return nil // another process has begun, with all that waits
		}
		if err != nil || !drain {
			return err
		}
		// A process that could not work, as this one still did, relies on it. What waits
		// after this as before would wait for ever.
		before := tasks
		if tasks, err = l.waiting(ctx); err != nil || len(tasks) == 0 || again && slices.Equal(tasks, before) {
			return err
		}
	}
}

// waiting lists what is not done, of the encoders that this program has.
func (l *Library) waiting(ctx context.Context) ([]Task, error) {
	all, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	var out []Task
	for _, v := range all.videos {
		for _, f := range v.Features {
			if _, err := l.engine(f.Encoder); err == nil && (f.State == Waiting || f.State == Working) {
				out = append(out, Task{v.ID, f.Encoder})
			}
		}
	}
	return out, nil
}

// work is one call of Work.
type work struct {
	*Library
	stop context.CancelCauseFunc

	begun, ended atomic.Int64 // tasks

	mu   sync.Mutex
	idle map[string][]VideoEncoder // by engine
}

// sweepPause is how long nothing is worked on before what waits is looked for.
const sweepPause = time.Second

// sweep queues what waits again whenever there is nothing to do. A task that was put just
// as the same one ended was not added, and a process may die before it has put its own.
func (w *work) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepPause)
	defer tick.Stop()
	for before := int64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		begun := w.begun.Load()
		if quiet := begun == before && begun == w.ended.Load(); quiet {
			if tasks, err := w.waiting(ctx); err == nil && len(tasks) > 0 {
				_ = w.o.Queue.Put(ctx, tasks...) // else the next time
			}
		}
		before = begun
	}
}

// encoder takes an idle one, or opens one.
func (w *work) encoder(e *Engine) (VideoEncoder, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if list := w.idle[e.Name]; len(list) > 0 {
		w.idle[e.Name] = list[:len(list)-1]
		return list[len(list)-1], nil
	}
	return e.Open()
}

func (w *work) release(e *Engine, v VideoEncoder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle[e.Name] = append(w.idle[e.Name], v)
}

// do does one task.
func (w *work) do(ctx context.Context, t Task, last bool) error {
	w.begun.Add(1)
	defer w.ended.Add(1)
	err := w.task(ctx, t, last)
	if diskFails(err) && ctx.Err() == nil {
		// Every other video would fail as well.
		w.stop(fmt.Errorf("%w; what is done is kept, run again to go on", err))
	}
	return err
}

func (w *work) task(ctx context.Context, t Task, last bool) error {
	e, err := w.engine(t.Encoder)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGiveUp, err) // the video waits for a program that has it
	}
	v, err := w.Video(ctx, t.Video)
	if errors.Is(err, tall.ErrMissing) {
		return nil // removed meanwhile
	}
	if err != nil {
		return err
	}
	if f := featuresOf(v, t.Encoder); f != nil && f.State == Ready {
		err := w.refresh(ctx, e, v, *f)
		if permanent(err) {
			err = fmt.Errorf("%w: %w", ErrGiveUp, err)
		}
		return err
	}
	event := Event{Video: v.ID, Path: PlaceOf(v).Path, Encoder: t.Encoder, State: Working, Total: v.Duration}
	if stays, err := w.mark(ctx, t, Features{Encoder: t.Encoder, State: Working}); err != nil || !stays {
		return err
	}
	w.tell(event)
	made, err := safely(func() (Features, error) { return w.encode(ctx, e, v, event) })
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return context.Cause(ctx) // stays marked as being worked on, and comes again
	case diskFails(err):
		return fmt.Errorf("%s: %w", event.Path, err)
	default:
		made = Features{Encoder: t.Encoder, State: Waiting, Reason: err.Error()}
		if final := permanent(err); last || final {
			made.State = Failed
			if final {
				err = fmt.Errorf("%w: %w", ErrGiveUp, err)
			}
		}
	}
	stays, markErr := w.mark(ctx, t, made)
	if markErr != nil {
		return markErr
	}
	if !stays { // removed while it was worked on
		event.State = Missing
		w.tell(event)
		return w.forget(context.WithoutCancel(ctx), t.Video, t.Encoder)
	}
	event.State, event.Reason = made.State, made.Reason
	if made.State == Ready {
		event.Done = event.Total
	}
	w.tell(event)
	return err
}

// safely calls f, and makes an error of a panic, which would come again: the queue would only
// note it, and the video be worked on for ever.
func safely(f func() (Features, error)) (made Features, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: a fault of the program: %v", ErrGiveUp, r)
		}
	}()
	return f()
}

// diskFails tells errors of a disk that is full, or fails, or cannot be written.
func diskFails(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EROFS)
}

// permanent tells errors of the file itself from those of the moment.
func permanent(err error) bool {
	for _, target := range []error{tall.ErrFormat, tall.ErrUnsafe, tall.ErrShape, tall.ErrManifest, tall.ErrNotFinite, ErrGiveUp} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func featuresOf(v Video, encoder string) *Features {
	i := slices.IndexFunc(v.Features, func(f Features) bool { return f.Encoder == encoder })
	if i < 0 {
		return nil
	}
	return &v.Features[i]
}

// mark sets the state of one encoder's features. A video that was removed stays removed,
// and what was removed with it is not ready, though the video be there again.
func (w *work) mark(ctx context.Context, t Task, f Features) (stays bool, err error) {
	err = w.o.Catalog.Update(context.WithoutCancel(ctx), t.Video, func(v *Video, found bool) (bool, error) {
		if stays = found; !found {
			return false, nil
		}
		if f.State == Ready {
			if _, err := os.Stat(w.featuresFile(t.Encoder, t.Video)); err != nil {
				return true, fmt.Errorf("its features were removed while they were made: %w", err)
			}
		}
		if have := featuresOf(*v, t.Encoder); have != nil {
			*have = f
		} else {
			v.Features = append(v.Features, f)
		}
		v.settle(f.Reason)
		return true, nil
	})
	return stays, err
}

// featuresFile is where the features of a video lie, or shall lie.
func (l *Library) featuresFile(encoder string, id ID) string {
	dir, name := l.o.Features.Path(encoder, id)
	return filepath.Join(dir, name+featuresExt)
}

// encode makes the features and their place in the index.
func (w *work) encode(ctx context.Context, e *Engine, v Video, event Event) (Features, error) {
	f := Features{Encoder: e.Name, State: Ready}
	dir, name := w.o.Features.Path(e.Name, v.ID)
	file := w.featuresFile(e.Name, v.ID)
	if _, err := os.Stat(file); err == nil {
		// Left by a crash, or kept when a catalog was lost. What is no good is made anew.
		if err := w.admit(ctx, e, v.ID, file, &f); err == nil || !permanent(err) {
			return f, err
		}
		f = Features{Encoder: e.Name, State: Ready}
	}
	path, written, err := w.source(ctx, v)
	if err != nil {
		return f, err
	}
	encoder, err := w.encoder(e)
	if err != nil {
		return f, err
	}
	_, err = encoder.Save(ctx, path, dir, name, map[string]string{"video": string(v.ID)}, func(done, total float64) {
		event.Done, event.Total = done, total
		w.tell(event)
	})
	w.release(e, encoder) // but not after a panic
	if err != nil {
		return f, err
	}
	if info, err := os.Stat(path); err == nil && (size(info) != v.Size || !modified(path, info).Equal(written)) {
		return f, errors.Join(fmt.Errorf("%s was written to while it was encoded: add it again", path), w.o.Features.Remove(e.Name, v.ID))
	}
	return f, w.admit(ctx, e, v.ID, file, &f)
}

// admit takes a file of features into the index and notes what it is.
func (l *Library) admit(ctx context.Context, e *Engine, id ID, file string, f *Features) error {
	var err error
	if f.Hash, err = fileHash(ctx, file); err != nil {
		return err
	}
	features, closer, err := l.o.Features.Open(ctx, e.Name, id)
	if err != nil {
		return err
	}
	defer closer.Close()
	f.Rows = len(features.Spans)
	if f.Calibration, err = calibration(ctx, e, features); err != nil {
		return err
	}
	return l.addToIndex(ctx, e, Key{Video: id, Source: f.Hash}, features)
}

// addToIndex makes the vectors of a video, in each space of an engine.
func (l *Library) addToIndex(ctx context.Context, e *Engine, k Key, features *tall.Features) error {
	if l.o.Index == nil {
		return nil
	}
	for _, space := range e.spaces() {
		spans, vectors, err := space.Vectors(ctx, features)
		if err != nil {
			return err
		}
		k.Space = space.Name
		if err := l.o.Index.Add(ctx, k, spans, vectors); err != nil {
			return err
		}
	}
	return nil
}

// fileHash is the SHA-256 of a file, hexadecimal.
func fileHash(ctx context.Context, path string) (string, error) {
	sum := sha256.New()
	if err := hashInto(ctx, sum, path); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// source finds the file to read: one of the video's paths that still holds its content, and
// when it was written to, as of before that was looked at.
func (l *Library) source(ctx context.Context, v Video) (path string, written time.Time, err error) {
	for i, path := range v.Paths {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		written = modified(path, info)
		if i == 0 && size(info) == v.Size && written.Equal(v.Modified) {
			return path, written, nil
		}
		if id, err := HashFile(ctx, path); err == nil && id == v.ID {
			return path, written, nil
		}
	}
	if len(v.Paths) == 0 {
		return "", written, fmt.Errorf("%w: %w: the video's file is gone or has other content now: add it again", ErrGiveUp, tall.ErrMissing)
	}
	return "", written, fmt.Errorf("%w: none of the video's files is there with the content that was added (%s): add it again", tall.ErrMissing, strings.Join(v.Paths, ", "))
}
