package synth

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Options say what corpus to write. [Preset] fills them; each may then be
// changed on its own.
type Options struct {
	Train, Val, Test Split

	Verbs, Objects int // words of each kind, 4 to 24
	Dims           Dims
	Noise          float64 // deviation of the noise; 1: as strong as the events and as the sentence's meaning
	Seed           uint64

	Training Training

	// AllInTrain puts the windows of all videos into the training folder, as the
	// released TACoS has them: its 161,396 training windows are those of all 127
	// videos. Without sentences they make no pairs.
	AllInTrain bool

	Threads int  // 0: all processors; no effect on what is written
	Force   bool // write into a folder that holds other things; they stay
}

// Split says how much of a part of the corpus there is, in total.
type Split struct {
	Videos    int `json:"videos"`
	Windows   int `json:"windows"` // on the training grid (lengths 64, 128, 256 and 512): decides the videos' lengths
	Sentences int `json:"sentences"`
}

// Dims are dimensions: of the vectors in the files, and of the model that the
// configuration asks for.
type Dims struct {
	Feature  int `json:"feature"`  // of a window, C3D fc6: 4096; the model sees three, F = 3 x Feature
	Sentence int `json:"sentence"` // E, even; skip-thought: 4800
	Semantic int `json:"semantic"` // D
	Hidden   int `json:"hidden"`   // H
}

// Training are the settings of section TRAIN that suit the corpus.
type Training struct {
	Epochs       int     `json:"epochs"`
	BatchSize    int     `json:"batch_size"`
	LearningRate float64 `json:"learning_rate"`
}

// Scales lists the valid names for [Preset].
func Scales() []string { return []string{"small", "demo", "tacos"} }

// Preset returns the options of a scale: "small", a few videos with the
// reference's dimensions; "demo", small vectors from which CTRL learns in
// seconds; "tacos", the counts and dimensions of TACoS as TALL published it (75,
// 27 and 25 videos, 161,396 training windows, 10,146, 4,589 and 4,083 sentences;
// about 3.6 GB), for benchmarks.
func Preset(scale string) (Options, error) {
	o := Options{
		Train: Split{12, 6000, 360}, Val: Split{4, 2000, 80}, Test: Split{4, 2000, 80},
		Verbs: 12, Objects: 12,
		Dims:     Dims{4096, 4800, 1024, 1000}, // tall.yaml of the reference
		Noise:    0.5,
		Seed:     1,
		Training: Training{25, 56, 1e-3}, // likewise
	}
	switch scale {
	case "small":
	case "demo":
		o.Train, o.Val, o.Test = Split{100, 24000, 1500}, Split{10, 2400, 100}, Split{20, 4800, 200}
		o.Dims = Dims{128, 128, 128, 128}
		o.Noise = 0.4
		o.Training = Training{10, 56, 3e-3}
	case "tacos":
		// Windows on the grid over the lengths of the real videos of each part
		// (video_allframes_info.pkl); together 161,396.
		o.Train, o.Val, o.Test = Split{75, 74103, 10146}, Split{27, 46478, 4589}, Split{25, 40815, 4083}
		o.Verbs, o.Objects = 24, 24
		o.AllInTrain = true
	default:
		return Options{}, fmt.Errorf("unknown scale %q: want one of %s", scale, strings.Join(Scales(), ", "))
	}
	return o, nil
}

// PerVideo sets the number of windows and sentences of every part to so many a
// video; 0 leaves them.
func (o *Options) PerVideo(windows, sentences int) {
	for _, s := range o.splits() {
		if windows > 0 {
			s.Windows = s.Videos * windows
		}
		if sentences > 0 {
			s.Sentences = s.Videos * sentences
		}
	}
}

// Resize sets the number of videos of every part, with as many windows and
// sentences a video as before.
func (o *Options) Resize(train, val, test int) {
	for i, videos := range []int{train, val, test} {
		s := o.splits()[i]
		if s.Videos > 0 {
			s.Windows = s.Windows * videos / s.Videos
			s.Sentences = s.Sentences * videos / s.Videos
		}
		s.Videos = videos
	}
}

func (o *Options) splits() []*Split { return []*Split{&o.Train, &o.Val, &o.Test} }

// Names of the parts, in the order of splits: of their pickles, of their videos,
// and the split in annotations.
var splitNames = [...]string{"train", "val", "test"}

const (
	train = iota
	val
	test
)

const (
	minWords = 4 // of a kind: each then has a pair in every part
	maxTotal = 1 << 24
)

// validate names every option that cannot be used.
func (o *Options) validate() error {
	var bad []string
	require := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	least := gridCount(minFrames, trainLengths)
	for i, s := range o.splits() {
		name := splitNames[i]
		require(s.Videos > 0 && s.Videos < 1000, "%s has %d videos, want 1 to 999", name, s.Videos)
		require(s.Windows >= least*s.Videos && s.Windows <= maxTotal,
			"%s has %d windows for %d videos, want at least %d a video", name, s.Windows, s.Videos, least)
		require(s.Sentences >= s.Videos && s.Sentences <= maxTotal,
			"%s has %d sentences for %d videos, want at least one a video", name, s.Sentences, s.Videos)
	}
	require(o.Verbs >= minWords && o.Verbs <= len(verbs), "%d verbs, want %d to %d", o.Verbs, minWords, len(verbs))
	require(o.Objects >= minWords && o.Objects <= len(objects), "%d objects, want %d to %d", o.Objects, minWords, len(objects))
	const maxDim = 1 << 16
	require(o.Dims.Feature >= 8 && o.Dims.Feature <= maxDim, "the feature dimension is %d, want 8 to %d", o.Dims.Feature, maxDim)
	require(o.Dims.Sentence >= 8 && o.Dims.Sentence <= maxDim && o.Dims.Sentence%2 == 0,
		"the sentence dimension is %d, want an even number from 8 to %d", o.Dims.Sentence, maxDim)
	require(o.Dims.Semantic > 0 && o.Dims.Hidden > 0, "the semantic and hidden sizes are %d and %d, want more than 0", o.Dims.Semantic, o.Dims.Hidden)
	require(o.Noise >= 0 && o.Noise <= 100, "the noise is %g, want 0 to 100", o.Noise)
	require(o.Training.Epochs > 0 && o.Training.BatchSize > 0, "%d epochs with batches of %d, want more than 0", o.Training.Epochs, o.Training.BatchSize)
	require(o.Training.LearningRate > 0 && !math.IsInf(o.Training.LearningRate, 0), "the learning rate is %g, want more than 0", o.Training.LearningRate)
	require(o.Threads >= 0, "%d threads, want 0 (all processors) or more", o.Threads)
	if bad != nil {
		return errors.New("synthetic corpus: " + strings.Join(bad, "; "))
	}
	return nil
}
