package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tall"
	"tall/feature"
	"tall/numpy"
)

// The reference's names within an inference folder.
const (
	InferFeatures  = "infer_feat"
	InferSentences = "infer_clip-sen.pkl"
)

// InferSample says what [GenInfer] wrote.
type InferSample struct {
	Video    string
	Clips    int    // each with one sentence
	Windows  int    // features copied
	Features string // the folder of windows
	Pickle   string // clips and sentence vectors
}

// GenInfer makes the reference's inference sample (gen_infer.py): of the first
// video in the pickle of clips and sentence vectors, the first sentence of each
// clip, and all of the video's windows from the folder of features. It writes
// out/infer_feat and out/infer_clip-sen.pkl (protocol 2); an earlier sample there
// is replaced once the new one is whole.
func GenInfer(ctx context.Context, pickle, features, out string) (InferSample, error) {
	s := InferSample{Features: filepath.Join(out, InferFeatures), Pickle: filepath.Join(out, InferSentences)}
	clips, err := readClips(pickle)
	if err != nil {
		return s, err
	}
	var sample numpy.List
	for _, c := range clips {
		if len(c.vectors) == 0 {
			continue
		}
		if s.Video == "" {
			s.Video = c.video
		}
		if c.video == s.Video {
			sample = append(sample, numpy.List{c.clip, numpy.List{c.vectors[0]}})
		}
	}
	if s.Clips = len(sample); s.Clips == 0 {
		return s, fmt.Errorf("%w: %s holds no sentences to take a sample of", tall.ErrMissing, pickle)
	}
	store, err := feature.OpenContext(ctx, features, feature.Options{})
	if err != nil {
		return s, err
	}
	defer store.Close()
	windows := store.Windows(s.Video)
	if s.Windows = len(windows); s.Windows == 0 {
		return s, fmt.Errorf("%w: %s holds no windows of %q, the first video of %s", tall.ErrMissing, features, s.Video, pickle)
	}
	if err := replaceable(s.Features); err != nil {
		return s, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return s, err
	}
	temp, err := os.MkdirTemp(out, "."+InferFeatures+".tmp*")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(temp)
	fresh := filepath.Join(temp, "new")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return s, err
	}
	for _, w := range windows {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		name := store.Name(w.Index)
		if err := copyFile(filepath.Join(fresh, name), filepath.Join(store.Dir(), name)); err != nil {
			return s, err
		}
	}
	// The old sample steps aside, and comes back if the new one cannot be put in
	// its place; with temp it goes for good.
	aside := filepath.Join(temp, "old")
	if err := os.Rename(s.Features, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if err = os.Rename(fresh, s.Features); err == nil {
		err = tall.ReplaceFile(s.Pickle, func(w io.Writer) error { return numpy.PickleTo(w, sample, 2) })
	}
	if err != nil {
		os.RemoveAll(s.Features)
		return s, errors.Join(err, restore(aside, s.Features))
	}
	return s, nil
}

func restore(aside, path string) error {
	if err := os.Rename(aside, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// replaceable refuses a folder that holds anything but windows, as it is no
// sample of ours to throw away.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if _, _, _, err := feature.ParseName(e.Name()); err != nil || !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".npy") {
			return fmt.Errorf("%s exists and holds %s, which is no window; it is not replaced: name another folder, or remove it", dir, e.Name())
		}
	}
	return err
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
