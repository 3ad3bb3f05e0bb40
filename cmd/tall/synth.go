package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tall/synth"
)

type synthFlags struct {
	encoderFlags
	out, scale         string
	videos, dims       string
	windows, sentences int
	seed               uint64
	noise              float64
	force              bool
	video              synthVideo
}

func newSynth(g *global) *cobra.Command {
	s := &synthFlags{encoderFlags: encoderFlags{global: g}}
	cmd := &cobra.Command{
		Use:   "synth --out DIR",
		Short: "Write a synthetic corpus: features in the reference's formats, or videos",
		Long: "Writes window features, sentence vectors, lengths and a tall.yaml that points to them.\n" +
			"Windows and sentences share hidden events, so that a model that learns is told from\n" +
			"one that does not. --scale " + strings.Join(synth.Scales(), ", ") + ".\n\n" +
			"--video renders videos of a kitchen instead, with scripted events and English sentences:\n" +
			"mp4 where ffmpeg is, and annotations that `tall train --data` reads. The same seed gives\n" +
			"the same frames; an interrupted run goes on where it stopped.",
		Example: "tall synth --out corpus --scale demo\n" +
			"tall train --config corpus/tall.yaml --save_dir corpus/checkpoints\n" +
			"tall synth --video --out kitchen --videos 30,4,6",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&s.out, "out", "", "folder to write (needed)")
	f.StringVar(&s.scale, "scale", "small", strings.Join(synth.Scales(), ", ")+" (TACoS's counts: 3.6 GB)")
	f.StringVar(&s.videos, "videos", "", "videos for training, validation and test, such as 20,5,5")
	f.IntVar(&s.windows, "windows", 0, "windows in a video")
	f.IntVar(&s.sentences, "sentences", 0, "sentences in a video")
	f.StringVar(&s.dims, "dims", "", "dimensions feature,sentence,semantic,hidden, such as 4096,4800,1024,1000")
	f.Float64Var(&s.noise, "noise", 0, "deviation of the noise; 1: as strong as the events")
	f.Uint64Var(&s.seed, "seed", 1, "same seed, same bytes")
	f.BoolVar(&s.force, "force", false, "write into a folder that holds other things; they stay")
	s.video.register(f)
	f.StringVar(&s.ffmpeg, "ffmpeg", "", "with --video: ffmpeg's path, or its folder (default: sought in PATH)")
	return cmd
}

func (s *synthFlags) run(cmd *cobra.Command) error {
	con, err := s.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	switch {
	case s.out == "":
		return errors.New("--out is missing: name the folder to write")
	case s.windows < 0 || s.sentences < 0:
		return fmt.Errorf("--windows %d --sentences %d: give positive numbers", s.windows, s.sentences)
	}
	if done, err := s.video.check(cmd); err != nil {
		return err
	} else if done {
		return s.renderVideos(cmd, con)
	}
	o, err := synth.Preset(s.scale)
	if err != nil {
		return fmt.Errorf("--scale: %w", err)
	}
	if s.videos != "" {
		n, err := numbers("videos", s.videos, 3)
		if err != nil {
			return err
		}
		o.Resize(n[0], n[1], n[2])
	}
	o.PerVideo(s.windows, s.sentences)
	if s.dims != "" {
		n, err := numbers("dims", s.dims, 4)
		if err != nil {
			return err
		}
		o.Dims = synth.Dims{Feature: n[0], Sentence: n[1], Semantic: n[2], Hidden: n[3]}
	}
	if cmd.Flags().Changed("noise") {
		o.Noise = s.noise
	}
	o.Seed, o.Force = s.seed, s.force
	if o.Threads, err = s.workers(); err != nil {
		return err
	}
	bar := con.progress("write "+s.out, "files")
	defer bar.finish()
	summary, err := synth.Write(cmd.Context(), s.out, o, func(done, total int) { bar.set(done, total, "") })
	if err != nil {
		return err
	}
	bar.finish()
	out := cmd.OutOrStdout()
	for _, part := range []struct {
		name string
		synth.Counts
	}{{"train", summary.Train}, {"val", summary.Val}, {"test", summary.Test}} {
		fmt.Fprintf(out, "%-5s %4d videos %7d windows %6d sentences\n", part.name, part.Videos, part.Windows, part.Sentences)
	}
	fmt.Fprintf(out, "%d training pairs, %d files, %.1f MB\ntall train --config %s\n", summary.Pairs, summary.Files, float64(summary.Bytes)/1e6, summary.Config)
	return nil
}

// numbers parses a list of exactly n positive numbers.
func numbers(flag, text string, n int) ([]int, error) {
	parts := strings.Split(text, ",")
	out := make([]int, 0, n)
	for _, part := range parts {
		x, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || x < 1 {
			return nil, fmt.Errorf("--%s %s: give %d positive numbers with commas between them", flag, text, n)
		}
		out = append(out, x)
	}
	if len(out) != n {
		return nil, fmt.Errorf("--%s %s: %d numbers, %d needed", flag, text, len(out), n)
	}
	return out, nil
}
