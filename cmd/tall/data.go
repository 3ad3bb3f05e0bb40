package main

import (
	"context"
	"os"
	"slices"

	"tall"
	"tall/config"
	"tall/dataset"
	"tall/feature"
	"tall/model/ctrl"
	"tall/tensor"
)

// backend is the CPU, the one backend of this build.
type backend = *tensor.CPU

func (g *global) backend() (backend, error) {
	n, err := g.workers()
	if err != nil {
		return nil, err
	}
	return newBackend(n)
}

// newBackend is the CPU with the kernels that the environment names, or the best.
func newBackend(threads int) (backend, error) {
	return tensor.NewCPUKernel(threads, os.Getenv(tensor.KernelVariable))
}

// sectionData are the windows and sentences that a section of the configuration, or
// a split of --data, names.
type sectionData struct {
	name     string
	split    string // of --data; "": the corpus has no splits
	store    *feature.Inputs
	examples []tall.Example
	files    []string          // annotations that were read
	hashes   map[string]string // of sentence vectors, by path
	shared   bool              // the windows belong to all splits of a run
}

func (d *sectionData) Close() error {
	if d.shared {
		return nil
	}
	return d.store.Close()
}

func (d *sectionData) inputs() ctrl.Inputs { return d.store }

// visual is the manifest of the model's visual input.
func (d *sectionData) visual() tall.Manifest { return d.store.Manifest() }

// sentence is the manifest of the sentence vectors.
func (d *sectionData) sentence() tall.Manifest {
	if len(d.examples) == 0 {
		return tall.Manifest{}
	}
	return d.examples[0].Sentence.Manifest
}

// openSection opens the windows and sentences of a section.
func (c *common) openSection(ctx context.Context, con *console, s *config.Section) (*sectionData, error) {
	d := &sectionData{name: s.Name, files: []string{s.ClipSentvec}}
	if s.MovieLengthInfo != "" {
		d.files = append(d.files, s.MovieLengthInfo)
	}
	around := feature.Context{Mode: feature.Mode(s.ContextMode), Num: s.ContextNum, Size: s.ContextSize}
	if err := around.Check(); err != nil {
		return nil, err
	}
	made, err := feature.ReadDescription(s.SlidingClipPath, "")
	if err != nil {
		return nil, err
	}
	if d.examples, err = c.sentences(s); err != nil {
		return nil, err
	}
	bar := con.progress("pack "+s.SlidingClipPath, "windows")
	defer bar.finish()
	store, err := feature.OpenContext(ctx, s.SlidingClipPath, feature.Options{
		Dim: s.FeatsDimen, FPS: s.FPS, Manifest: made.Manifest, Pack: s.Pack && !c.noPack,
		Progress: func(done, total int) { bar.set(done, total, "") },
		Warn:     func(err error) { con.Warn(err.Error()) },
	})
	if err != nil {
		return nil, err
	}
	d.store = feature.FromStore(store, around)
	return d, nil
}

// sentences reads a section's sentence vectors, and lengths where it names them.
func (c *common) sentences(s *config.Section) ([]tall.Example, error) {
	clips := dataset.Clips{Dim: s.SentenceDim(), FPS: s.FPS, Split: splitOf(s.Name)}
	if s.MovieLengthInfo != "" {
		var err error
		if clips.Lengths, err = dataset.ReadLengths(s.MovieLengthInfo); err != nil {
			return nil, err
		}
	}
	return clips.Read(s.ClipSentvec)
}

func splitOf(section string) string {
	switch section {
	case config.Train:
		return "train"
	case config.Valid:
		return "val"
	}
	return "test"
}

// answer is what a localiser said of one sentence.
type answer struct {
	index   int // of the sentence among its video's, in the order of the file
	example tall.Example
	scored  tall.Scored
}

// localize asks all sentences of all videos, videos in the order of the file. At
// most batch sentences are asked together (0: all of a video); the answers do
// not depend on it. A video without windows gets answers without moments.
func (d *sectionData) localize(ctx context.Context, con *console, l tall.Localizer, batch int, each func(answer) error) error {
	byVideo := map[string][]tall.Example{}
	var videos []string
	for _, e := range d.examples {
		if byVideo[e.Video] == nil {
			videos = append(videos, e.Video)
		}
		byVideo[e.Video] = append(byVideo[e.Video], e)
	}
	bar := con.progress("localize", "sentences")
	defer bar.finish()
	done := 0
	for _, video := range videos {
		examples := byVideo[video]
		answers, err := d.localizeVideo(ctx, l, video, examples, batch)
		if err != nil {
			return err
		}
		if answers == nil {
			con.Warn("no windows of this video: its sentences count as misses", "video", video, "sentences", len(examples), "folder", d.store.Path())
			answers = make([]tall.Scored, len(examples))
		}
		for i, e := range examples {
			answers[i].Video = video
			if err := each(answer{i, e, answers[i]}); err != nil {
				return err
			}
		}
		done += len(examples)
		bar.set(done, len(d.examples), video)
	}
	return nil
}

// localizeVideo returns an answer for each example, or nil where the video has
// no windows.
func (d *sectionData) localizeVideo(ctx context.Context, l tall.Localizer, video string, examples []tall.Example, batch int) ([]tall.Scored, error) {
	if len(d.store.Windows(video)) == 0 {
		return nil, nil
	}
	features, err := d.store.Stream(video)
	if err != nil {
		return nil, err
	}
	prepared, err := l.Prepare(ctx, features)
	if err != nil {
		return nil, err
	}
	sentences := make([]tall.Sentence, len(examples))
	for i, e := range examples {
		sentences[i] = e.Sentence
	}
	if batch <= 0 {
		batch = len(sentences)
	}
	var out []tall.Scored
	for part := range slices.Chunk(sentences, batch) {
		answers, err := prepared.Localize(ctx, part)
		if err != nil {
			return nil, err
		}
		out = append(out, answers...)
	}
	return out, nil
}
