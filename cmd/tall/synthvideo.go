package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tall/media"
	"tall/synth/kitchen"
)

// synthVideo are the flags of `tall synth --video`.
type synthVideo struct {
	wanted                bool
	format, seconds, size string
	fps                   int
}

func (v *synthVideo) register(f *pflag.FlagSet) {
	o := kitchen.Default()
	f.BoolVar(&v.wanted, "video", false, "render videos of a kitchen, with annotations")
	f.StringVar(&v.format, "format", "", "with --video: "+strings.Join(kitchen.Formats(), ", ")+" (default: mp4 where ffmpeg is found, else y4m)")
	f.StringVar(&v.seconds, "seconds", fmt.Sprintf("%g-%g", o.MinSeconds, o.MaxSeconds), "with --video: length of the videos, from-to")
	f.StringVar(&v.size, "size", fmt.Sprintf("%dx%d", o.Width, o.Height), "with --video: pixels")
	f.IntVar(&v.fps, "fps", o.FPS, "with --video: frames a second")
}

// check tells whether videos are wanted, and refuses flags of the other kind of corpus.
func (v *synthVideo) check(cmd *cobra.Command) (bool, error) {
	mine, others := []string{"format", "seconds", "size", "fps", "ffmpeg"}, []string{"scale", "windows", "dims", "noise"}
	refuse, why := mine, "goes with --video"
	if v.wanted {
		refuse, why = others, "is about features; it does not go with --video"
	}
	for _, name := range refuse {
		if cmd.Flags().Changed(name) {
			return false, fmt.Errorf("--%s %s", name, why)
		}
	}
	return v.wanted, nil
}

// options are those of the kitchen.
func (s *synthFlags) kitchen() (o kitchen.Options, err error) {
	o = kitchen.Default()
	o.Seed, o.FPS = s.seed, s.video.fps
	if s.videos != "" {
		n, err := numbers("videos", s.videos, 3)
		if err != nil {
			return o, err
		}
		o.Train, o.Val, o.Test = n[0], n[1], n[2]
	}
	if s.sentences > 0 {
		o.Sentences = s.sentences
	}
	from, to, ok := strings.Cut(s.video.seconds, "-")
	if !ok {
		to = from
	}
	if o.MinSeconds, err = strconv.ParseFloat(from, 64); err == nil {
		o.MaxSeconds, err = strconv.ParseFloat(to, 64)
	}
	if err != nil {
		return o, fmt.Errorf("--seconds %s: give lengths such as 20-50", s.video.seconds)
	}
	width, height, _ := strings.Cut(s.video.size, "x")
	if o.Width, err = strconv.Atoi(width); err == nil {
		o.Height, err = strconv.Atoi(height)
	}
	if err != nil {
		return o, fmt.Errorf("--size %s: give width and height such as 384x216", s.video.size)
	}
	return o, o.Validate()
}

// renderVideos is `tall synth --video`.
func (s *synthFlags) renderVideos(cmd *cobra.Command, con *console) error {
	o, err := s.kitchen()
	if err != nil {
		return err
	}
	k, err := kitchen.New(o)
	if err != nil {
		return err
	}
	w := kitchen.WriteOptions{Format: kitchen.Format(s.video.format), Force: s.force, Encode: media.EncodeOptions{CRF: 25}}
	if w.Threads, err = s.workers(); err != nil {
		return err
	}
	if w.Tools, err = s.tools(); err != nil {
		return err
	}
	if w.Format == "" {
		w.Format = kitchen.MP4
		if _, _, _, err := w.Tools.Programs(); err != nil {
			w.Format = kitchen.Y4M
			con.Warn("ffmpeg was not found: the videos are written as Y4M, which takes 2 MB a second")
		}
	}
	bar := con.progress("render "+s.out, "s of video")
	defer bar.finish()
	begun := time.Now()
	w.Progress = func(done, total float64) { bar.set(int(done), int(total), "") }
	sum, err := k.Write(cmd.Context(), s.out, w)
	if err != nil {
		return err
	}
	bar.finish()
	if sum.Note != "" {
		con.Warn(sum.Note)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%d videos (%d for training, %d for validation, %d for test), %s of video in %s\n",
		sum.Videos, o.Train, o.Val, o.Test, time.Duration(sum.Seconds*float64(time.Second)).Round(time.Second), time.Since(begun).Round(100*time.Millisecond))
	if sum.Passed > 0 {
		fmt.Fprintf(out, "%d of them were there already\n", sum.Passed)
	}
	fmt.Fprintf(out, "%d events, %d sentences: %s\n", sum.Events, sum.Sentences, sum.Annotations)
	videos, features := filepath.Join(s.out, kitchen.VideosName), filepath.Join(s.out, "features")
	fmt.Fprintf(out, "tall encode %s --encoder classical --out %s\n"+
		"tall train --data %s --features %s --sentences %s --pool %s --context-seconds %d\n",
		videos, features, sum.Annotations, features, demoWords, demoPool, demoContext)
	return nil
}
