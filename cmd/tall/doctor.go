package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tall"
	"tall/config"
	"tall/dataset"
	"tall/eval"
	"tall/feature"
	"tall/numpy"
	"tall/weights"
)

type doctor struct {
	common
	asJSON bool
	con    *console
	dim    int
	fps    float64
}

// diagnosis is what the doctor says of one path.
type diagnosis struct {
	Path     string            `json:"path"`
	Kind     string            `json:"kind"`
	Facts    []string          `json:"facts,omitempty"`
	Findings []dataset.Finding `json:"findings,omitempty"`
}

func newDoctor(g *global) *cobra.Command {
	d := &doctor{common: common{global: g}}
	cmd := &cobra.Command{
		Use:   "doctor PATH...",
		Short: "Say what files are, what is wrong with them, and what to do",
		Long: "Looks at a configuration, pickle, feature folder, packed features, weights, npy, annotations\n" +
			"or predictions: what it is, counts, shapes, missing windows, sentences without windows,\n" +
			"spans past the end, duplicates. Exits with 1 if one of them could not be used.",
		Args: takes(1, math.MaxInt, "the PATH of a file or folder"),
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&d.asJSON, "json", false, "one JSON object a path")
	f.IntVar(&d.dim, "feats-dimen", 0, "values that each window of a feature folder must have; 0: as many as the first")
	f.Float64Var(&d.fps, "fps", feature.DefaultFPS, "frames in a second of the source videos")
	return cmd
}

func (d *doctor) run(cmd *cobra.Command, paths []string) (err error) {
	if d.con, err = d.console(cmd.ErrOrStderr()); err != nil {
		return err
	}
	usable := true
	for _, path := range paths {
		found := d.examine(cmd.Context(), path)
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		for _, f := range found.Findings {
			usable = usable && f.Severity != dataset.Broken
		}
		if d.asJSON {
			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(found); err != nil {
				return err
			}
			continue
		}
		found.write(cmd.OutOrStdout())
	}
	if !usable {
		return errSilent
	}
	return nil
}

func (g *diagnosis) fact(format string, args ...any) {
	g.Facts = append(g.Facts, fmt.Sprintf(format, args...))
}

// broken records an error, whose text says what to do.
func (g *diagnosis) broken(err error) {
	g.Findings = append(g.Findings, dataset.Finding{Severity: dataset.Broken, What: err.Error(), Count: 1})
}

func (g *diagnosis) write(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n", g.Path, g.Kind)
	for _, fact := range g.Facts {
		fmt.Fprintf(w, "  %s\n", fact)
	}
	writeFindings(w, g.Findings)
	if len(g.Findings) == 0 {
		fmt.Fprintln(w, "  nothing wrong")
	}
}

func writeFindings(w io.Writer, findings []dataset.Finding) {
	for _, f := range findings {
		fmt.Fprintf(w, "  %s: ", f.Severity)
		if len(f.Places) > 0 {
			fmt.Fprintf(w, "%d ", f.Count)
		}
		fmt.Fprintf(w, "%s\n", f.What)
		for _, place := range f.Places {
			fmt.Fprintf(w, "      %s\n", place)
		}
		if len(f.Places) > 0 && f.Count > len(f.Places) {
			fmt.Fprintf(w, "      ... and %d more\n", f.Count-len(f.Places))
		}
		if f.Remedy != "" {
			fmt.Fprintf(w, "    remedy: %s\n", f.Remedy)
		}
	}
}

// examine finds out what a path is, and looks it over.
func (d *doctor) examine(ctx context.Context, path string) *diagnosis {
	g := &diagnosis{Path: path, Kind: "unknown"}
	info, err := os.Stat(path)
	if err != nil {
		g.broken(err)
		return g
	}
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case info.IsDir():
		d.folder(ctx, g, path)
	case ext == ".yaml" || ext == ".yml":
		d.configuration(ctx, g, path)
	case ext == ".pkl" || ext == ".pickle":
		d.pickle(ctx, g, path)
	case ext == ".npy":
		array(g, path)
	case ext == ".npz":
		d.npz(ctx, g, path)
	case ext == ".jsonl":
		d.lines(ctx, g, path)
	default:
		weightsFile(g, path)
	}
	return g
}

// folder is one of windows, or an inference sample, or a synthetic corpus.
func (d *doctor) folder(ctx context.Context, g *diagnosis, path string) {
	sample := filepath.Join(path, "infer_clip-sen.pkl")
	if _, err := os.Stat(filepath.Join(path, "tall.yaml")); err == nil {
		g.Kind = "corpus"
		d.configuration(ctx, g, filepath.Join(path, "tall.yaml"))
		return
	}
	if _, err := os.Stat(sample); err == nil {
		g.Kind = "inference sample"
		d.corpus(ctx, g, "", dataset.Clips{FPS: d.fps}, sample, filepath.Join(path, "infer_feat"), feature.Options{Dim: d.dim, FPS: d.fps})
		return
	}
	g.Kind = "folder of window features"
	if tracks, err := perClip(path); err == nil && tracks != nil {
		d.tracks(ctx, g, tracks)
		return
	}
	d.corpus(ctx, g, "", dataset.Clips{}, "", path, feature.Options{Dim: d.dim, FPS: d.fps})
}

// perClip opens a folder or file of per-clip features; nil where it is something else.
func perClip(path string) (*feature.Tracks, error) {
	windows, err := feature.HoldsWindows(path)
	if err != nil || windows {
		return nil, err
	}
	t, err := feature.OpenTracks(path, feature.TrackOptions{})
	if errors.Is(err, tall.ErrMissing) { // perhaps that nothing says how long a row is
		return feature.OpenTracks(path, feature.TrackOptions{Times: unknownTimes})
	}
	return t, err
}

// unknownTimes stand for rows of which nothing says how long they are.
var unknownTimes = feature.Times{Window: 1, Stride: 1}

// tracks looks over per-clip features.
func (d *doctor) tracks(ctx context.Context, g *diagnosis, t *feature.Tracks) {
	g.Kind = "per-clip features"
	bar := d.con.progress("read "+t.Path(), "videos")
	defer bar.finish()
	videos := t.Videos()
	rows, least, most := 0, t.Len(videos[0]), 0
	for i, video := range videos {
		if ctx.Err() != nil {
			return // the command's error says so
		}
		n := t.Len(video)
		rows, least, most = rows+n, min(least, n), max(most, n)
		if _, err := t.Rows(video); err != nil {
			g.broken(err)
		}
		bar.set(i+1, len(videos), "")
	}
	g.fact("%d videos, %d rows of %d values; a video has %d to %d rows", len(videos), rows, t.Dim(), least, most)
	if t.Times() == unknownTimes {
		g.Findings = append(g.Findings, dataset.Finding{
			Severity: dataset.Odd, What: "nothing beside the features says how many seconds a row stands for", Count: 1,
			Remedy: "put stride_seconds into a " + feature.ManifestName + " there, or give --rate or --stride where they are used",
		})
	} else {
		g.fact("a row tells of %g s, every %g s", t.Times().Window, t.Times().Stride)
	}
	if m := t.Manifest(); m.Encoder != "" {
		g.fact("encoder %s, normalization %s", m.Encoder, cmp.Or(m.Normalization, "not known"))
	}
}

// corpus looks over sentences and windows together; either may be missing.
func (d *doctor) corpus(ctx context.Context, g *diagnosis, name string, clips dataset.Clips, pickle, folder string, o feature.Options) {
	in := dataset.Inspection{Values: true, Lengths: clips.Lengths}
	if name != "" {
		name += ": "
	}
	if pickle != "" {
		examples, err := clips.Read(pickle)
		if err != nil {
			g.broken(fmt.Errorf("%s%w", name, err))
		}
		in.Examples = examples
	}
	if folder != "" {
		store, err := feature.OpenContext(ctx, folder, o)
		if err != nil {
			g.broken(fmt.Errorf("%s%w", name, err))
		} else {
			defer store.Close()
			in.Store = store
			for _, s := range store.Skipped() {
				g.Findings = append(g.Findings, dataset.Finding{
					Severity: dataset.Odd, What: fmt.Sprintf("%s is passed over: %v", s.Name, s.Err), Count: 1,
				})
			}
		}
	}
	bar := d.con.progress("read "+folder, "windows")
	defer bar.finish()
	in.Progress = func(done, total int) { bar.set(done, total, "") }
	report, err := dataset.Inspect(ctx, in)
	if err != nil {
		g.broken(err)
		return
	}
	if len(in.Examples) > 0 {
		g.fact("%s%d sentences of %d videos, vectors of %d (%s)", name, report.Sentences, report.SentenceVideos, report.SentenceDim, pickle)
	}
	if in.Store != nil {
		g.fact("%s%d windows of %d videos, vectors of %d (%s)", name, report.Windows, report.WindowVideos, report.WindowDim, folder)
		for _, l := range report.WindowLengths {
			g.fact("%s  %d windows of %d frames, stride %d", name, l.Count, l.Frames, l.Stride)
		}
	}
	for _, f := range report.Findings {
		f.What = name + f.What
		g.Findings = append(g.Findings, f)
	}
}

func (d *doctor) configuration(ctx context.Context, g *diagnosis, path string) {
	if g.Kind == "unknown" {
		g.Kind = "configuration"
	}
	cfg, err := config.Load(path)
	if err != nil {
		g.broken(err)
		return
	}
	m := cfg.Model
	g.fact("model %s, preset %s: windows %d, sentences %d, joint space %d, hidden %d", m.Name, m.Preset, m.VisualFeatureDim, m.SentenceEmbeddingSize, m.SemanticSize, m.HiddenSize)
	if overlap, ok := cfg.ValidOverlaps(); ok {
		g.Findings = append(g.Findings, dataset.Finding{
			Severity: dataset.Odd, What: overlap.String(), Count: 1,
			Remedy: "name sentences of their own under VALID.clip_sentvec, and the best checkpoint on them is kept",
		})
	}
	for _, s := range []*config.Section{&cfg.Train, &cfg.Valid, &cfg.Test, &cfg.Infer} {
		if !s.Present {
			g.fact("%s: absent", s.Name)
			continue
		}
		if err := cfg.Need(s.Name); err != nil {
			g.broken(err)
			continue
		}
		if s.Name == config.Infer && missing(s.SlidingClipPath) && missing(s.ClipSentvec) {
			g.fact("%s: not made yet (tall gen-infer makes it)", s.Name)
			continue
		}
		clips := dataset.Clips{Dim: s.SentenceDim(), FPS: s.FPS}
		if s.MovieLengthInfo != "" {
			if clips.Lengths, err = dataset.ReadLengths(s.MovieLengthInfo); err != nil {
				g.broken(fmt.Errorf("%s: %w", s.Name, err))
			}
		}
		d.corpus(ctx, g, s.Name, clips, s.ClipSentvec, s.SlidingClipPath, feature.Options{Dim: s.FeatsDimen, FPS: s.FPS, Pack: s.Pack})
	}
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// pickle is one of sentence vectors, of lengths, or something else.
func (d *doctor) pickle(ctx context.Context, g *diagnosis, path string) {
	if lengths, err := dataset.ReadLengths(path); err == nil {
		g.Kind = "lengths of videos"
		g.fact("%d videos", len(lengths))
		return
	}
	g.Kind = "pickle of clips and sentence vectors"
	d.corpus(ctx, g, "", dataset.Clips{FPS: d.fps}, path, "", feature.Options{})
}

// npz is per-clip features, or arrays of anything.
func (d *doctor) npz(ctx context.Context, g *diagnosis, path string) {
	g.Kind = "npz"
	if t, err := perClip(path); err == nil && t != nil {
		d.tracks(ctx, g, t)
		return
	}
	arrays, err := numpy.ReadNPZ(path)
	if err != nil {
		g.broken(err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		g.fact("%s: shape %v", name, arrays[name].Shape)
		if bad := feature.NotFinite(arrays[name].Float32()); bad > 0 {
			g.broken(fmt.Errorf("%w: %s: %d of %d values are NaN or infinite; make the file again", tall.ErrNotFinite, name, bad, arrays[name].Len()))
		}
	}
}

func array(g *diagnosis, path string) {
	g.Kind = "npy"
	a, err := numpy.ReadFile(path)
	if err != nil {
		g.broken(err)
		return
	}
	g.fact("shape %v", a.Shape)
	if bad := feature.NotFinite(a.Float32()); bad > 0 {
		g.broken(fmt.Errorf("%w: %d of %d values are NaN or infinite; make the file again", tall.ErrNotFinite, bad, a.Len()))
	}
}

// lines is our annotations or our predictions.
func (d *doctor) lines(ctx context.Context, g *diagnosis, path string) {
	examples, err := dataset.ReadAnnotations(path)
	if err == nil {
		g.Kind = "annotations"
		report, err := dataset.Inspect(ctx, dataset.Inspection{Examples: examples})
		if err != nil {
			g.broken(err)
			return
		}
		g.fact("%d sentences of %d videos", report.Sentences, report.SentenceVideos)
		g.Findings = report.Findings
		return
	}
	predictions, err2 := eval.ReadPredictions(path)
	if err2 != nil {
		g.Kind = "JSON Lines, neither annotations nor predictions"
		g.broken(fmt.Errorf("as annotations: %w", err))
		g.broken(fmt.Errorf("as predictions: %w", err2))
		return
	}
	g.Kind = "predictions"
	moments := 0
	for _, p := range predictions {
		moments += len(p.Moments)
	}
	g.fact("%d sentences, %d moments", len(predictions), moments)
}

func weightsFile(g *diagnosis, path string) {
	f, err := weights.Read(path)
	if err != nil {
		g.broken(err)
		return
	}
	g.Kind = "weights, " + f.Format
	total := 0
	for i, t := range f.Tensors {
		total += len(t.Data)
		if i < 12 {
			name := t.Name
			if name == "" {
				name = fmt.Sprintf("tensor %d (the format has no names)", i)
			}
			g.fact("%s %v", name, t.Shape)
		}
		if bad := feature.NotFinite(t.Data); bad > 0 {
			g.broken(fmt.Errorf("%s: %w: %d values; use an earlier checkpoint", t.Name, tall.ErrNotFinite, bad))
		}
	}
	if n := len(f.Tensors); n > 12 {
		g.fact("... and %d more", n-12)
	}
	g.fact("%d tensors, %d values", len(f.Tensors), total)
	for _, key := range []string{"tall.step", "tall.epoch", "tall.seed", metaMark, metaOptions} {
		if text := f.Meta[key]; text != "" {
			g.fact("%s: %s", key, text)
		}
	}
}
