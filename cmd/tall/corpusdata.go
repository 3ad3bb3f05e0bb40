package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tall"
	"tall/config"
	"tall/dataset"
	"tall/encode"
	"tall/feature"
)

// dataFlags name a corpus, its features and its sentence vectors, in the place of a
// configuration's sections.
type dataFlags struct {
	data, validData        string // NAME:PATH or PATH
	durations, repair      string
	features               []string // NAME:NORM=PATH
	sentenceSpec           string   // what encode.Open takes
	trainSplit, validSplit string
	testSplit, split       string
	window, stride, rate   float64
	pool                   string
	poolStride             float64
	contextSeconds         float64

	recorded *dataRecord                // what the model's checkpoint says; nil: nothing
	corpora  map[string]*dataset.Corpus // by --data's text
	inputs   *feature.Inputs            // opened once for all splits
	encoder  *encode.Source
}

func (d *dataFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.data, "data", "", "annotations to read instead of a configuration's files: PATH or NAME:PATH ("+strings.Join(dataset.Corpora(), ", ")+")")
	f.StringVar(&d.durations, "durations", "", "with --data: file or folder with the lengths of the videos; empty: sought beside the annotations")
	f.StringVar(&d.repair, "repair", "none", "with --data: none, clamp (cut spans to their video) or drop (leave out what is wrong)")
	f.StringArrayVar(&d.features, "features", nil, "with --data: folder, file or DIR/PATTERN with {video} of features, as PATH, NAME=PATH or NAME:l2=PATH; several stand side by side")
	f.StringVar(&d.sentenceSpec, "sentences", "", "with --data: sentence vectors: a file, a folder or DIR/PATTERN with {id}, or an encoder: "+strings.Join(encode.SentenceNames(), ", "))
	f.Float64Var(&d.window, "window", 0, "with --data: seconds that a row of per-clip features tells of (default: the manifest's, or --stride)")
	f.Float64Var(&d.stride, "stride", 0, "with --data: seconds between two rows (default: the manifest's)")
	f.Float64Var(&d.rate, "rate", 0, "with --data: rows a second, in the place of --stride; for folders of windows, frames a second")
	f.StringVar(&d.pool, "pool", "", "with --data: lengths in seconds of the windows made of per-clip features, such as 4,8,16 (default: the model's, or 2,4,8,16,32 rows)")
	f.Float64Var(&d.poolStride, "pool-stride", 0, "with --data: their stride as a share of their length (default: the model's, or 0.2)")
	f.Float64Var(&d.contextSeconds, "context-seconds", 0, "with --data: length of the context on each side (default: the model's, or the window's own length)")
}

// registerSplits adds the flags of a command that trains.
func (d *dataFlags) registerSplits(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.trainSplit, "train-split", "train", "with --data: the split to train on")
	f.StringVar(&d.validSplit, "valid-split", "val", "with --data: the split by which the best checkpoint is chosen")
	f.StringVar(&d.testSplit, "test-split", "test", "with --data and --seeds: the split whose numbers the table shows")
	f.StringVar(&d.validData, "valid-data", "", "with --data: annotations of the splits to validate and test on, where they are elsewhere")
}

// registerSplit adds the flag of a command that reads one split.
func (d *dataFlags) registerSplit(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.split, "split", "test", "with --data: the split to read")
}

// given tells whether the data comes from flags.
func (d *dataFlags) given() bool { return d.data != "" }

// checkData refuses flags that do not fit together.
func (d *dataFlags) checkData(cmd *cobra.Command) error {
	if !d.given() {
		for _, name := range []string{"features", "sentences", "valid-data", "durations", "window", "stride", "rate", "pool", "pool-stride", "context-seconds", "train-split", "valid-split", "test-split", "split"} {
			if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
				return fmt.Errorf("--%s goes with --data, which names the annotations; without it the configuration names all files", name)
			}
		}
		return nil
	}
	switch {
	case len(d.features) == 0:
		return errors.New("--data needs --features: the folder of the videos' features")
	case d.rate != 0 && d.stride != 0:
		return errors.New("--rate is rows a second, --stride seconds a row: give one of them")
	case d.rate < 0 || d.stride < 0 || d.window < 0 || d.poolStride < 0 || d.contextSeconds < 0:
		return errors.New("--rate, --stride, --window, --pool-stride and --context-seconds are above 0")
	}
	return nil
}

// dataRecord is what a checkpoint says of the flags that the model was trained with, so
// that evaluation need not repeat them. It names no paths: other data has others.
type dataRecord struct {
	Kinds          []kindRecord `json:"features"`
	Pool           []float64    `json:"pool,omitempty"` // seconds
	PoolStride     float64      `json:"pool_stride,omitempty"`
	ContextMode    string       `json:"context_mode,omitempty"`
	ContextSeconds float64      `json:"context_seconds,omitempty"`
	Ticks          float64      `json:"ticks,omitempty"`
	Sentences      string       `json:"sentences,omitempty"` // an encoder that needs no file
}

type kindRecord struct {
	Name string       `json:"name,omitempty"`
	Norm feature.Norm `json:"norm,omitempty"`
}

// kinds reads --features. What a kind leaves open is as the model had it.
func (d *dataFlags) kinds() ([]feature.Kind, error) {
	kinds := make([]feature.Kind, 0, len(d.features))
	for i, text := range d.features {
		k, err := feature.ParseKind(text)
		if err != nil {
			return nil, fmt.Errorf("--features: %w", err)
		}
		if r := d.recorded; r != nil && i < len(r.Kinds) && len(r.Kinds) == len(d.features) {
			if k.Name == "" {
				k.Name = r.Kinds[i].Name
			}
			if k.Norm == "" && k.Name == r.Kinds[i].Name {
				k.Norm = r.Kinds[i].Norm
			}
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// pooling is that of the flags, else the model's, else the default.
func (d *dataFlags) pooling(s *config.Section) (feature.Pooling, error) {
	p := feature.Pooling{Stride: d.poolStride, ContextLength: d.contextSeconds}
	for field := range strings.FieldsFuncSeq(d.pool, func(r rune) bool { return r == ',' || r == ' ' }) {
		seconds, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return p, fmt.Errorf("--pool %s: %q is no number of seconds; give lengths such as 4,8,16", d.pool, field)
		}
		p.Lengths = append(p.Lengths, seconds)
	}
	if s.Source("context_mode") != config.FromDefault {
		p.Mode = feature.Mode(s.ContextMode)
	}
	if s.Source("fps") != config.FromDefault {
		p.Ticks = s.FPS
	}
	if r := d.recorded; r != nil {
		if p.Lengths == nil {
			p.Lengths = r.Pool
		}
		if p.Stride == 0 {
			p.Stride = r.PoolStride
		}
		if p.ContextLength == 0 {
			p.ContextLength = r.ContextSeconds
		}
		if p.Mode == "" {
			p.Mode = feature.Mode(r.ContextMode)
		}
		if p.Ticks == 0 {
			p.Ticks = r.Ticks
		}
	}
	return p, nil
}

// openInputs opens the features, once for all splits.
func (c *common) openInputs(ctx context.Context, con *console, s *config.Section) (*feature.Inputs, error) {
	if c.inputs != nil {
		return c.inputs, nil
	}
	kinds, err := c.kinds()
	if err != nil {
		return nil, err
	}
	o := feature.InputOptions{
		Times: feature.Times{Window: c.window, Stride: c.stride},
		FPS:   c.rate,
		Pack:  s.Pack && !c.noPack,
		Warn:  func(err error) { con.Warn(err.Error()) },
	}
	if c.rate > 0 {
		o.Times.Stride = 1 / c.rate
	}
	if s.Source("fps") != config.FromDefault {
		o.FPS = s.FPS
	}
	o.Context = feature.Context{Mode: feature.Mode(s.ContextMode), Num: s.ContextNum, Size: s.ContextSize}
	if o.Pooling, err = c.pooling(s); err != nil {
		return nil, err
	}
	bar := con.progress("pack "+c.features[0], "windows")
	defer bar.finish()
	o.Progress = func(done, total int) { bar.set(done, total, "") }
	in, err := feature.OpenInputs(ctx, kinds, o)
	if err != nil {
		return nil, fmt.Errorf("--features: %w", err)
	}
	c.inputs = in
	return in, nil
}

// corpus reads the annotations of --data or --valid-data, once.
func (c *common) corpus(con *console, text string) (*dataset.Corpus, error) {
	if got := c.corpora[text]; got != nil {
		return got, nil
	}
	name, path := "", text
	if before, after, ok := strings.Cut(text, ":"); ok && slices.Contains(dataset.Corpora(), before) {
		name, path = before, after
	}
	got, err := dataset.OpenCorpus(name, path, dataset.CorpusOptions{Durations: c.durations, Repair: dataset.Repair(c.repair)})
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	for _, f := range got.Findings {
		con.Warn(f.What, "count", f.Count, "places", strings.Join(f.Places, ", "))
	}
	if c.corpora == nil {
		c.corpora = map[string]*dataset.Corpus{}
	}
	c.corpora[text] = got
	return got, nil
}

// splitOfCorpus returns a corpus's examples of a split; of a corpus without splits, all.
// Where there are none, the error wraps tall.ErrMissing and lists the splits there are.
func splitOfCorpus(c *dataset.Corpus, split, flag string) ([]tall.Example, error) {
	there := map[string]int{}
	var out []tall.Example
	for _, e := range c.Examples {
		there[e.Split]++
		if e.Split == split {
			out = append(out, e)
		}
	}
	if len(there) == 1 && there[""] > 0 {
		return slices.Clone(c.Examples), nil
	}
	if len(out) == 0 {
		names := slices.Sorted(maps.Keys(there))
		return nil, fmt.Errorf("%w: %s hold no sentences of the split %q; there are %s (%s)", tall.ErrMissing, strings.Join(c.Files, ", "), split, strings.Join(names, ", "), flag)
	}
	return out, nil
}

// hasSplits tells whether a corpus says which of its examples are for what.
func hasSplits(c *dataset.Corpus) bool {
	return slices.ContainsFunc(c.Examples, func(e tall.Example) bool { return e.Split != "" })
}

// openSplit opens the examples of a split with their sentence vectors, and the features.
// The features are shared: closing the data closes nothing.
func (c *common) openSplit(ctx context.Context, con *console, s *config.Section, text, split, flag string) (*sectionData, error) {
	corpus, err := c.corpus(con, text)
	if err != nil {
		return nil, err
	}
	d := &sectionData{name: s.Name, shared: true, split: split, files: corpus.Files}
	if !hasSplits(corpus) {
		d.split = ""
	}
	if d.examples, err = splitOfCorpus(corpus, split, flag); err != nil {
		return nil, err
	}
	if d.store, err = c.openInputs(ctx, con, s); err != nil {
		return nil, err
	}
	if err := c.fill(ctx, con, d); err != nil {
		return nil, err
	}
	return d, c.haveFeatures(con, d)
}

// fill sets the sentence vectors: those of --sentences, else the corpus's own, else those
// of the encoder that the model was trained with.
func (c *common) fill(ctx context.Context, con *console, d *sectionData) error {
	spec := c.sentenceSpec
	if spec == "" {
		if len(d.examples[0].Sentence.Vector) > 0 {
			return nil
		}
		if c.recorded == nil || c.recorded.Sentences == "" {
			return errors.New("--data needs --sentences: the sentences' vectors (a file or folder), or what makes them (" + strings.Join(encode.SentenceNames(), ", ") + ")")
		}
		spec = c.recorded.Sentences
		con.Info("sentence vectors as the model had them", "sentences", spec)
	}
	if c.encoder == nil {
		o, err := c.encoderOptions()
		if err != nil {
			return err
		}
		if c.encoder, err = encode.Open(spec, o); err != nil {
			return fmt.Errorf("--sentences: %w", err)
		}
	}
	if err := c.encoder.Fill(ctx, d.examples, func(err error) { con.Warn(err.Error()) }); err != nil {
		return fmt.Errorf("--sentences: %w", err)
	}
	hashes, err := c.encoder.Hashes()
	d.hashes = hashes
	return err
}

// haveFeatures refuses features of other videos altogether, and tells of those missing.
func (c *common) haveFeatures(con *console, d *sectionData) error {
	missing := map[string]bool{}
	found, first := 0, ""
	for _, e := range d.examples {
		if len(d.store.Windows(e.Video)) > 0 {
			found++
		} else if !missing[e.Video] {
			if missing[e.Video] = true; len(missing) == 1 {
				first = e.Video
			}
		}
	}
	if found == 0 {
		return fmt.Errorf("%w: %s has features of none of the %d videos of %s, which are named like %q; its own are named like %q", tall.ErrMissing, d.store.Path(), len(missing), strings.Join(d.files, ", "), first, d.store.Videos()[0])
	}
	if len(missing) > 0 {
		con.Warn("videos without features", "videos", len(missing), "sentences", len(d.examples)-found, "first", first)
	}
	return nil
}

// recordData is what a checkpoint shall say of the data that a model is trained on; nil
// without --data.
func (d *dataFlags) recordData(s *config.Section) (*dataRecord, error) {
	if !d.given() {
		return nil, nil
	}
	kinds, err := d.kinds()
	if err != nil {
		return nil, err
	}
	p, err := d.pooling(s)
	if err != nil {
		return nil, err
	}
	r := &dataRecord{Pool: p.Lengths, PoolStride: p.Stride, ContextMode: string(p.Mode), ContextSeconds: p.ContextLength, Ticks: p.Ticks}
	if m := d.inputs.Manifest(); r.Pool == nil && m.Rate > 0 && strings.HasPrefix(m.Context, "pooled") {
		for _, l := range m.WindowLengths {
			r.Pool = append(r.Pool, l/m.Rate)
		}
	}
	for _, k := range kinds {
		r.Kinds = append(r.Kinds, kindRecord{k.Name, k.Norm})
	}
	if d.encoder != nil && d.encoder.NeedsNoFile() {
		r.Sentences = d.encoder.Spec()
	}
	return r, nil
}

// closeData closes what all splits shared.
func (d *dataFlags) closeData() error {
	var err error
	if d.inputs != nil {
		err = d.inputs.Close()
	}
	if d.encoder != nil {
		err = errors.Join(err, d.encoder.Close())
	}
	d.inputs, d.encoder = nil, nil
	return err
}

// trainingExamples are the examples of --data on which priors are fitted, without their
// vectors. Where there are none why says so.
func (c *common) trainingExamples(con *console) (examples []tall.Example, why string) {
	corpus, err := c.corpus(con, c.data)
	if err != nil {
		return nil, err.Error()
	}
	if !hasSplits(corpus) || c.split == trainName {
		return nil, "--data " + c.data + " tells no training split apart from the one evaluated"
	}
	if examples, err = splitOfCorpus(corpus, trainName, "--data"); err != nil {
		return nil, err.Error()
	}
	return examples, ""
}

// trainName is the word that corpora have for the training split.
const trainName = "train"
