package c3d

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"tall"
	"tall/feature"
	"tall/media"
	"tall/numpy"
)

// Clock is how many frames a second the windows of a video count: [Options.Rate], or the
// rate of the file; 0 where neither is known. [feature.Options] calls it FPS.
func (e *Encoder) Clock(video media.Info) float64 {
	if e.rate > 0 {
		return e.rate
	}
	return video.FPS()
}

// SaveWindows encodes a video into a folder of windows as TALL's features lie in, one
// file dir/{name}_{start}_{end}.npy of 4096 values for each, which [feature.Open] reads.
// Files appear whole or not at all, and those that are there are not computed again: a
// run that was cut off goes on where it was. It returns the number of windows and how
// many of them are new.
//
// The folder should have a manifest.json of [Encoder.Describe] before (encode.Prepare
// writes and checks it), as names alone do not tell what made the files. Progress, if not
// nil, is told the seconds of video that are done.
func (e *Encoder) SaveWindows(ctx context.Context, dir, name string, video media.Info, frames media.Source, progress func(seconds float64)) (windows, written int, err error) {
	probe := Window{1, 2}.FileName(name)
	if read, _, _, err := feature.ParseName(probe); err != nil || read != name || filepath.Base(probe) != probe || !filepath.IsLocal(probe) {
		return 0, 0, fmt.Errorf("%w: %q cannot be the name of a video in a folder of windows; give another", tall.ErrFormat, name)
	}
	want := func(w Window) bool {
		windows++
		path := filepath.Join(dir, w.FileName(name))
		h, readErr := numpy.ReadFileHeader(path)
		switch {
		case readErr == nil && h.Len() == e.manifest.Dim:
			return false
		case readErr == nil:
			readErr = fmt.Errorf("%w: %s has %d values, not %d; it was made otherwise", tall.ErrShape, path, h.Len(), e.manifest.Dim)
		}
		if !errors.Is(readErr, fs.ErrNotExist) && err == nil {
			err = fmt.Errorf("%w; remove the file, or choose another folder", readErr)
		}
		return err == nil
	}
	encodeErr := e.EncodeWindows(ctx, video, frames, want, func(w Window, span tall.Span, row []float32) error {
		if err != nil {
			return err
		}
		if err := numpy.WriteFile(filepath.Join(dir, w.FileName(name)), []int{len(row)}, row); err != nil {
			return err
		}
		if written++; progress != nil {
			progress(span.End)
		}
		return nil
	})
	if err == nil {
		err = encodeErr
	}
	return windows, written, err
}
