package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/calibrate"
	"tall/encode"
	"tall/export"
)

// errNoMatch ends tall find with exit code 3 when everything was already said.
var errNoMatch = fmt.Errorf("no match%w", errSilent)

type findFlags struct {
	encoderFlags
	encoder, localizer string
	sentences          []string
	top                int
	threshold          float64
	json               bool
	cut                string
	exact              bool
	exports            []string

	targets []exportTarget
}

// localizerContrast is the localizer that needs no training.
const localizerContrast = "contrast"

func newFind(g *global) *cobra.Command {
	f := &findFlags{encoderFlags: encoderFlags{global: g}}
	cmd := &cobra.Command{
		Use:   "find VIDEO... SENTENCE...",
		Short: "Find the moments of videos that sentences describe",
		Long: "Answers each sentence with the moments of the videos that fit it, best first. Arguments\n" +
			"that exist are videos, folders of videos or folders of pictures; the others are sentences.\n\n" +
			"Without --localizer nothing is trained: the encoder clip compares frames and sentences\n" +
			"(`tall models pull clip-vit-b-32` gets it once). With a checkpoint of `tall train`, its\n" +
			"encoder is taken.\n\n" +
			"A moment's confidence is 1 less the chance that an unrelated sentence scores as high over\n" +
			"the same video. Where none reaches --threshold the answer is 'no match'.\n\n" +
			"Exit codes: 0 when a moment was found for a sentence at least, 3 when for none, 1 on an\n" +
			"error, and also where one of several videos could not be read.\n\n" +
			"What the encoder makes of a video is kept in the cache folder by the hash of its content,\n" +
			"so that the next question is answered at once.",
		Example: "tall find cooking.mp4 \"the person cracks the egg\"\n" +
			"tall find holiday/ \"a dog jumps into the water\" --top 3 --cut clips --exact\n" +
			"tall find match.mov \"the goalkeeper saves\" --export edl:saves.edl --export srt:saves.srt\n" +
			"tall find cooking.mp4 \"pours the milk\" --localizer run/TALL_best --json",
		Args: takes(1, maxArgs, "VIDEO... SENTENCE..."),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.encoder, "encoder", "", "what encodes: "+strings.Join(encode.VideoNames(), ", ")+", or NAME:MODEL (default: the checkpoint's, or clip)")
	flags.StringVar(&f.localizer, "localizer", localizerContrast, "contrast, which needs no training, or the checkpoint of a model that `tall train` made")
	flags.StringArrayVarP(&f.sentences, "sentence", "s", nil, "a sentence, where it could be taken for a file; may be repeated")
	flags.IntVar(&f.top, "top", 5, "moments listed for each sentence, at most")
	flags.Float64Var(&f.threshold, "threshold", calibrate.DefaultConfidence, "least confidence of a match, from 0 (list all) to 1; 1 less the threshold is the rate of false alarms")
	flags.BoolVar(&f.json, "json", false, "print the answers as JSON")
	flags.StringVar(&f.cut, "cut", "", "write the moments as videos into this folder")
	flags.BoolVar(&f.exact, "exact", false, "with --cut: encode anew, to cut at the frame and not at the key frame before it")
	flags.StringArrayVar(&f.exports, "export", nil, "write the moments as FORMAT:FILE, formats "+strings.Join(export.Formats(), ", ")+"; may be repeated")
	return cmd
}

func (f *findFlags) run(cmd *cobra.Command, args []string) error {
	con, err := f.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if err := f.check(cmd); err != nil {
		return err
	}
	if f.targets, args, err = parseExports(f.exports, args); err != nil {
		return err
	}
	videos, sentences, err := f.arguments(args, func(text string) { con.Warn(text) })
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	engine, err := f.openEngine(ctx, con, sentences)
	if err != nil {
		return err
	}
	searched, failed, err := f.search(ctx, con, engine, videos)
	if err != nil {
		return err
	}
	if failed == len(videos) {
		return fmt.Errorf("%s could be read", none(len(videos)))
	}
	replies := engine.replies(searched, f.top, f.threshold)
	// The answer is told though its clips and lists cannot be written.
	failure := errors.Join(f.cutAll(ctx, con, engine.tools, searched, replies), f.exportAll(searched, replies))
	if f.json {
		err = f.printJSON(cmd.OutOrStdout(), engine, searched, replies)
	} else {
		err = f.print(cmd.OutOrStdout(), searched, replies)
	}
	switch err = errors.Join(failure, err); {
	case err != nil:
		return err
	case failed > 0:
		return fmt.Errorf("%d of %d videos could not be read; the answers are about the others", failed, len(videos))
	case !slices.ContainsFunc(replies, func(r reply) bool { return len(r.hits) > 0 }):
		return errNoMatch
	}
	return nil
}

func none(videos int) string {
	if videos == 1 {
		return "the video could not be searched: nothing of it"
	}
	return "none of the videos"
}

func (f *findFlags) check(cmd *cobra.Command) error {
	switch {
	case f.top < 1:
		return fmt.Errorf("--top %d: give a number of 1 or more", f.top)
	case !(f.threshold >= 0 && f.threshold <= 1):
		return fmt.Errorf("--threshold %g: give a confidence from 0 to 1", f.threshold)
	case f.exact && f.cut == "":
		return errors.New("--exact goes with --cut DIR")
	case cmd.Flags().Changed("cut") && f.cut == "":
		return errors.New("--cut: name the folder for the clips")
	}
	return nil
}

// maxSentence bounds a sentence, in bytes: encoders read its first words or all of them,
// and a text beyond this was hardly meant.
const maxSentence = 1 << 20

// arguments tells videos from sentences: what exists is a video, what looks like the name
// of one is missing, and the rest are sentences.
func (f *findFlags) arguments(args []string, warn func(string)) (videos, sentences []string, err error) {
	var paths []string
	for _, arg := range args {
		switch {
		case exists(arg):
			paths = append(paths, arg)
		case looksLikeVideo(arg):
			return nil, nil, fmt.Errorf("%w: there is no video %s (a sentence that looks like a file goes behind --sentence)", tall.ErrMissing, arg)
		default:
			sentences = append(sentences, arg)
		}
	}
	sentences = append(sentences, f.sentences...)
	switch {
	case len(paths) == 0:
		return nil, nil, fmt.Errorf("%w: no video is named: tall find VIDEO... SENTENCE... (%q is no file)", tall.ErrMissing, slices.Concat(sentences, []string{""})[0])
	case len(sentences) == 0:
		return nil, nil, errors.New("no sentence is given: tall find VIDEO... SENTENCE... (a sentence that is also the name of a file goes behind --sentence)")
	}
	for i, s := range sentences {
		switch {
		case strings.TrimSpace(s) == "":
			return nil, nil, fmt.Errorf("sentence %d is empty: describe what happens in the moment", i+1)
		case len(s) > maxSentence:
			return nil, nil, fmt.Errorf("sentence %d has %d bytes; a sentence has %d at most", i+1, len(s), maxSentence)
		}
	}
	videos, err = findVideos(paths, warn)
	return videos, sentences, err
}

func exists(arg string) bool {
	if _, err := os.Lstat(arg); err == nil {
		return true
	}
	found, err := filepath.Glob(arg)
	return err == nil && len(found) > 0 && strings.ContainsAny(arg, "*?[")
}

// looksLikeVideo reports whether an argument that does not exist was meant as a file.
func looksLikeVideo(arg string) bool {
	if slices.Contains(videoExtensions, strings.ToLower(filepath.Ext(arg))) {
		return true
	}
	return !strings.ContainsAny(arg, " \t\n") && (strings.HasPrefix(arg, "."+string(filepath.Separator)) || filepath.IsAbs(arg))
}

// search asks the videos one after the other, so that memory holds one. A video that
// cannot be read does not keep the others from being searched.
func (f *findFlags) search(ctx context.Context, con *console, e *engine, paths []string) (searched []*searchedVideo, failed int, err error) {
	seen := map[string]string{}
	bar := con.progress("find", "videos")
	defer bar.finish()
	for i, path := range paths {
		if len(paths) > 1 {
			bar.set(i, len(paths), filepath.Base(path))
		}
		begun := time.Now()
		v, err := e.search(ctx, con, path, seen, f.top)
		switch {
		case ctx.Err() != nil:
			return nil, 0, context.Cause(ctx)
		case errors.Is(err, tall.ErrManifest) && e.model != nil:
			return nil, 0, err // it would be the same for every video
		case err != nil && len(paths) == 1:
			return nil, 0, err
		case err != nil:
			con.Error(err.Error())
			failed++
		case v != nil:
			v.seconds = time.Since(begun).Seconds()
			searched = append(searched, v)
		}
	}
	return searched, failed, nil
}
