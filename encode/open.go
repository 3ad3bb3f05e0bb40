package encode

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tall"
	"tall/encode/bert"
	"tall/encode/c3d"
	"tall/encode/classical"
	"tall/encode/clip"
	"tall/encode/onnx"
	"tall/encode/skipthought"
	"tall/tensor"
)

// Sentences is an encoder of sentences that says how its vectors are made.
type Sentences interface {
	tall.SentenceEncoder
	// Manifest is complete after the first call of EncodeSentences.
	Manifest() tall.Manifest
}

// Options are what encoders need from the program that opens them.
type Options struct {
	// Threads to compute with; 0: GOMAXPROCS. The results do not depend on it.
	Threads int
	// Rate is how many frames a second are encoded, by encoders that leave the choice;
	// 0: the encoder's own.
	Rate float64
	// Models finds the folder of a model by its name; nil: only paths are known.
	Models func(name string) (dir string, err error)
	// Hash gives the SHA-256 of a file of weights, "sha256:" and hexadecimal digits;
	// nil: it is computed anew, which takes a second for each gigabyte.
	Hash func(path string) (string, error)
	// ONNXRuntime is the path of libonnxruntime or of its folder; "": it is sought where
	// package onnx says.
	ONNXRuntime string
}

// ClassicalWords is the dimension of the sentence vectors that go with the video encoder
// "classical", the hashed words of [Hash].
const ClassicalWords = 512

// Models that stand for the name of their encoder alone.
const (
	defaultClip        = "clip-vit-b-32"
	defaultC3D         = "c3d-sports1m"
	defaultMiniLM      = "all-minilm-l6-v2"
	defaultSkipthought = "skip-thoughts"
)

// VideoNames lists the encoders that [OpenVideo] knows.
func VideoNames() []string { return []string{"classical", "clip", "c3d", "onnx:FILE.yaml"} }

// SentenceNames lists the encoders that [OpenSentences] knows.
func SentenceNames() []string {
	return []string{"classical", "clip", "minilm", "skipthought", "hash:DIM", "glove:FILE"}
}

// model finds the folder of a model; "" is the encoder's own.
func (o Options) model(name, own string) (string, error) {
	if name == "" {
		name = own
	}
	if o.Models == nil {
		return name, nil
	}
	return o.Models(name)
}

func (o Options) clip(name string) (*clip.Model, error) {
	dir, err := o.model(name, defaultClip)
	if err != nil {
		return nil, err
	}
	return clip.Open(dir, clip.Options{Threads: o.Threads, Rate: o.Rate, Hash: o.Hash})
}

// OpenVideo opens an encoder of videos by its text, NAME or NAME:MODEL. MODEL is a folder,
// or a name that [Options.Models] knows; of onnx it is a YAML file. NAME is one of
// [VideoNames].
func OpenVideo(spec string, o Options) (Video, error) {
	name, model, _ := strings.Cut(spec, ":")
	switch name {
	case "classical":
		if model != "" {
			return nil, fmt.Errorf("%w: encoder %s: classical has no model to choose", tall.ErrFormat, spec)
		}
		if o.Rate != 0 {
			return nil, fmt.Errorf("%w: a rate of %g frames a second: classical has a rate of its own, which its rows depend on; leave the rate out, or take clip", tall.ErrFormat, o.Rate)
		}
		return classical.New(o.Threads), nil
	case "clip":
		return o.clip(model)
	case "c3d":
		dir, err := o.model(model, defaultC3D)
		if err != nil {
			return nil, err
		}
		return c3d.Open(dir, c3d.Options{Backend: tensor.NewCPU(o.Threads), Rate: o.Rate})
	case onnx.Name:
		if model == "" {
			return nil, fmt.Errorf("%w: %s: name the YAML file that describes the network, as in onnx:efficientnet.yaml", tall.ErrFormat, spec)
		}
		e, err := onnx.Open(model, onnx.Options{Library: o.ONNXRuntime, Threads: o.Threads, Rate: o.Rate})
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	return nil, unknown("video", spec, VideoNames())
}

// OpenSentences opens an encoder of sentences by its text, as [OpenVideo] does; the name
// of a video encoder opens the sentence encoder that goes with it. NAME is one of
// [SentenceNames].
func OpenSentences(spec string, o Options) (Sentences, error) {
	name, model, _ := strings.Cut(spec, ":")
	switch name {
	case "classical":
		return NewHash(ClassicalWords)
	case "clip":
		return o.clip(model)
	case "minilm":
		dir, err := o.model(model, defaultMiniLM)
		if err != nil {
			return nil, err
		}
		return bert.Open(dir, bert.Options{Threads: o.Threads, Hash: o.Hash})
	case "skipthought", "c3d":
		if name == "c3d" {
			model = "" // the pair of the video's encoder, not of its weights
		}
		dir, err := o.model(model, defaultSkipthought)
		if err != nil {
			return nil, err
		}
		return skipthought.Open(dir, skipthought.Options{Backend: tensor.NewCPU(o.Threads)})
	case "hash":
		n, err := strconv.Atoi(model)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: give a number of values, as in hash:512", tall.ErrFormat, spec)
		}
		return NewHash(n)
	case "glove":
		if model == "" {
			return nil, fmt.Errorf("%w: %s: name the file of word vectors, as in glove:glove.6B.300d.txt", tall.ErrFormat, spec)
		}
		return &gloveFile{path: model}, nil
	}
	return nil, unknown("sentence", spec, SentenceNames())
}

func unknown(kind, spec string, names []string) error {
	name, _, _ := strings.Cut(spec, ":")
	if kind == "video" && namesSentences(spec) {
		return fmt.Errorf("%w: %s encodes sentences, not videos; the video encoders are %s", tall.ErrMissing, name, strings.Join(names, ", "))
	}
	return fmt.Errorf("%w: there is no %s encoder %q; the %s encoders are %s", tall.ErrMissing, kind, spec, kind, strings.Join(names, ", "))
}

// namesSentences reports whether a text is for [OpenSentences], not the path of vectors.
func namesSentences(spec string) bool {
	name, _, _ := strings.Cut(spec, ":")
	return slices.ContainsFunc(SentenceNames(), func(known string) bool {
		known, _, _ = strings.Cut(known, ":")
		return name == known
	})
}

// gloveFile reads, at each call, the vectors of the words it is asked for, as files of
// word vectors hold millions.
type gloveFile struct {
	path     string
	manifest tall.Manifest
}

// Manifest implements [Sentences].
func (g *gloveFile) Manifest() tall.Manifest { return g.manifest }

// EncodeSentences implements [tall.SentenceEncoder].
func (g *gloveFile) EncodeSentences(ctx context.Context, texts []string) ([]tall.Sentence, error) {
	read, err := OpenGlove(g.path, texts)
	if err != nil {
		return nil, err
	}
	g.manifest = read.Manifest()
	return read.EncodeSentences(ctx, texts)
}
