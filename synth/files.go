package synth

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tall"
	"tall/dataset"
	"tall/numpy"
)

// Names below the corpus, as the reference has them.
const (
	configName      = "tall.yaml"
	lengthsName     = "video_allframes_info.pkl"
	sentencesSuffix = "_clip-sentvec.pkl"
	inferFolder     = "infer"

	annotationsName = "annotations.jsonl" // with the texts, which the pickles lack
	recordName      = "synth.json"        // what the corpus was made of
)

// writeFiles writes everything but the windows and tall.yaml below root.
func (c *corpus) writeFiles(ctx context.Context, root string, w *world, sum *Summary) error {
	frames := numpy.NewDict()
	var examples []tall.Example
	for i := range c.videos {
		v := &c.videos[i]
		frames.Set(v.name, int64(v.frames))
		examples = append(examples, v.examples()...)
	}
	if err := writePickle(filepath.Join(root, lengthsName), frames); err != nil {
		return err
	}
	if err := dataset.WriteAnnotations(filepath.Join(root, annotationsName), examples); err != nil {
		return err
	}
	for part, name := range splitNames {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		var clips numpy.List
		for i := range c.part(part) {
			clips = append(clips, c.part(part)[i].sentences(w)...)
		}
		if err := writePickle(filepath.Join(root, name+sentencesSuffix), clips); err != nil {
			return err
		}
	}
	// As the reference's gen_infer does, with what has just been written.
	_, err := dataset.GenInfer(ctx, filepath.Join(root, splitNames[test]+sentencesSuffix),
		filepath.Join(root, testFolder), filepath.Join(root, inferFolder))
	if err != nil {
		return err
	}
	return c.writeRecord(filepath.Join(root, recordName), sum)
}

// sentences is a video's part of a pickle, [[clip_name, [vector, ...]], ...].
func (v *video) sentences(w *world) numpy.List {
	out := make(numpy.List, 0, len(v.clips))
	for _, c := range v.clips {
		vectors := make(numpy.List, len(c.phrasings))
		for k := range vectors {
			vectors[k] = numpy.FromFloat32([]int{w.dims.Sentence}, w.sentence(v, c, k))
		}
		out = append(out, numpy.List{v.clipName(v.events[c.event]), vectors})
	}
	return out
}

// writePickle writes protocol 2, which Python 2 and 3 read.
func writePickle(path string, v any) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	return errors.Join(numpy.PickleTo(w, v, 2), w.Flush(), f.Close())
}

// record is what synth.json says.
type record struct {
	Version    int      `json:"version"`
	Seed       uint64   `json:"seed"`
	Noise      float64  `json:"noise"`
	Verbs      int      `json:"verbs"`
	Objects    int      `json:"objects"`
	Dims       Dims     `json:"dims"`
	Training   Training `json:"training"`
	AllInTrain bool     `json:"all_in_train"`
	Train      Counts   `json:"train"`
	Val        Counts   `json:"val"`
	Test       Counts   `json:"test"`
	Pairs      int      `json:"pairs"`
}

func (c *corpus) writeRecord(path string, sum *Summary) error {
	o := c.options
	text, err := json.MarshalIndent(record{
		Version: 1, Seed: o.Seed, Noise: o.Noise, Verbs: o.Verbs, Objects: o.Objects, Dims: o.Dims,
		Training: o.Training, AllInTrain: o.AllInTrain,
		Train: sum.Train, Val: sum.Val, Test: sum.Test, Pairs: sum.Pairs,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}

// yaml is the configuration of the corpus in dir, an absolute path: as in the
// reference, relative paths in it would be relative to the working directory.
func (c *corpus) yaml(dir string) string {
	o := &c.options
	d, t := o.Dims, o.Training
	path := func(names ...string) string {
		return strconv.Quote(filepath.ToSlash(filepath.Join(append([]string{dir}, names...)...)))
	}
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	data := func(windows, sentences string, semantic int) {
		put("  feats_dimen: %d", d.Feature)
		put("  context_num: 1")
		put("  context_size: 128")
		put("  sent_vec_dim: %d", d.Sentence)
		put("  semantic_size: %d", semantic)
		put("  sliding_clip_path: %s", windows)
		put("  clip_sentvec: %s", sentences)
		put("  movie_length_info: %s", path(lengthsName))
	}
	put("# Synthetic corpus, seed %d. The paths are absolute, so that it works from any", o.Seed)
	put("# working directory; write it again after you move the folder.")
	put("MODEL:")
	put("  name: \"TALL\"")
	put("  visual_feature_dim: %d", 3*d.Feature)
	put("  sentence_embedding_size: %d", d.Sentence)
	put("  semantic_size: %d", d.Semantic)
	put("  hidden_size: %d", d.Hidden)
	put("  output_size: 3")
	for _, section := range []struct{ name, windows, sentences string }{
		{"TRAIN", trainFolder, splitNames[train]},
		{"VALID", valFolder, splitNames[val]},
	} {
		put("\n%s:", section.name)
		if section.name == "TRAIN" {
			put("  epoch: %d", t.Epochs)
		}
		put("  use_gpu: False")
		put("  num_gpus: 1")
		put("  batch_size: %d", t.BatchSize)
		put("  off_size: 2")
		put("  clip_norm: 5.0")
		put("  learning_rate: %s", strconv.FormatFloat(t.LearningRate, 'f', -1, 64))
		data(path(section.windows), path(section.sentences+sentencesSuffix), d.Semantic)
	}
	// In TEST and INFER the reference cuts sentence vectors to semantic_size.
	put("\nTEST:")
	put("  use_gpu: False")
	put("  num_gpus: 1")
	put("  batch_size: 1")
	data(path(testFolder), path(splitNames[test]+sentencesSuffix), d.Sentence)
	put("\nINFER:")
	put("  use_gpu: False")
	put("  num_gpus: 1")
	put("  batch_size: 1")
	put("  filelist: %s", path(inferFolder))
	data(path(inferFolder, dataset.InferFeatures), path(inferFolder, dataset.InferSentences), d.Sentence)
	return b.String()
}
