package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/encode"
	"tall/media"
)

type encodeFlags struct {
	encoderFlags
	encoder, out string
	jobs         int
	again        bool
}

func newEncode(g *global) *cobra.Command {
	e := &encodeFlags{encoderFlags: encoderFlags{global: g}}
	cmd := &cobra.Command{
		Use:   "encode VIDEO... --encoder NAME --out DIR",
		Short: "Turn videos into features for training, evaluation and search",
		Long: "Encodes videos, folders of videos and folders of pictures into DIR, a file of features\n" +
			"each and a manifest.json that says how they are made: what `tall train --features`\n" +
			"reads. Videos that are done already are passed over, so that an interrupted run goes\n" +
			"on where it stopped; one whose file has changed since is encoded again. A folder never\n" +
			"holds features of two kinds.\n\n" +
			"Encoders: " + strings.Join(encode.VideoNames(), ", ") + ". classical needs no weights; for the others,\n" +
			"`tall models pull` gets them. NAME:MODEL takes another model of that kind, an entry of\n" +
			"`tall models list` or a folder, as in clip:clip-vit-b-16. c3d writes TALL's windows,\n" +
			"VIDEO_START_END.npy, and the others VIDEO.safetensors with rows at a constant stride.",
		Example: "tall encode holiday/ --encoder classical --out features/holiday\n" +
			"tall encode 'kitchen/*.mp4' --encoder clip --rate 2 --jobs 2 --out features/kitchen\n" +
			"tall encode tacos/*.avi --encoder c3d --out features/tacos",
		Args: takes(1, maxArgs, "VIDEO..."),
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd, args) },
	}
	e.register(cmd)
	f := cmd.Flags()
	f.StringVar(&e.encoder, "encoder", "classical", "what encodes: "+strings.Join(encode.VideoNames(), ", ")+", or NAME:MODEL")
	f.StringVar(&e.out, "out", "", "folder that the features go to; it is made where it is missing")
	f.IntVar(&e.jobs, "jobs", 1, "videos that are encoded side by side; each needs the encoder's memory")
	f.BoolVar(&e.again, "again", false, "encode videos again that are done already")
	return cmd
}

// maxArgs is more than a command line holds.
const maxArgs = 1 << 20

// Metadata of a file of features, by which a changed video is told.
const (
	metaSize     = "source_bytes"
	metaModified = "source_modified"
	metaPictures = "source_pictures" // of a folder: a hash of their names, sizes and times
)

func (e *encodeFlags) run(cmd *cobra.Command, args []string) error {
	con, err := e.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if e.out == "" {
		return errors.New("--out is missing: name the folder that the features shall go to")
	}
	if e.jobs < 1 || e.jobs > maxThreads {
		return fmt.Errorf("--jobs %d: give a number of 1 or more", e.jobs)
	}
	paths, err := findVideos(args, func(text string) { con.Warn(text) })
	if err != nil {
		return err
	}
	named := map[string]string{}
	for _, path := range paths {
		name := stem(path)
		if other, ok := named[name]; ok {
			return fmt.Errorf("%s and %s would share the file %s: encode them into folders of their own", other, path, name+featuresExt)
		}
		named[name] = path
	}
	return e.encodeAll(cmd.Context(), con, cmd.OutOrStdout(), paths)
}

const featuresExt = ".safetensors"

// encodeAll encodes what is not done. A video that cannot be encoded does not keep the
// others from it; the command fails in the end.
func (e *encodeFlags) encodeAll(ctx context.Context, con *console, out io.Writer, paths []string) error {
	tools, err := e.tools()
	if err != nil {
		return err
	}
	o, err := e.options()
	if err != nil {
		return err
	}
	open := func() (encode.Video, error) {
		video, err := encode.OpenVideo(e.encoder, o)
		if err != nil {
			return nil, fmt.Errorf("--encoder %s: %w", e.encoder, err)
		}
		return video, nil
	}
	first, err := open()
	if err != nil {
		return err
	}
	if err := encode.Prepare(e.out, first.Describe()); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := removeAbandoned(e.out); err != nil {
		return err
	}
	r := &encodeRun{encodeFlags: e, con: con, tools: tools, seconds: map[string]float64{}, done: map[string]float64{}}
	if err := r.plan(ctx, first, paths); err != nil {
		return err
	}
	r.bar = con.progress("encode s of video", "") // the note says how fast
	defer r.bar.finish()
	begun := time.Now()
	jobs := min(e.jobs, len(r.todo))
	next := make(chan string)
	var wg sync.WaitGroup
	for job := range jobs {
		wg.Go(func() {
			video, err := first, error(nil)
			if job > 0 {
				video, err = open()
			}
			for path := range next {
				if err == nil && ctx.Err() == nil {
					err = r.one(ctx, video, path)
				}
			}
			if err != nil {
				r.mu.Lock()
				r.fatal = err
				r.mu.Unlock()
			}
		})
	}
	for _, path := range r.todo {
		next <- path
	}
	close(next)
	wg.Wait()
	r.bar.finish()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case r.fatal != nil:
		return r.fatal
	}
	if r.encoded > 0 {
		took := time.Since(begun)
		fmt.Fprintf(out, "%s, %s of video in %s (%.1fx real time), %s\n", counted(r.encoded, "video"),
			time.Duration(r.sum*float64(time.Second)).Round(time.Second), took.Round(100*time.Millisecond), r.sum/took.Seconds(), counted(r.rows, "row"))
	}
	if r.failed == len(paths) {
		return fmt.Errorf("%s could be encoded", noneOf(len(paths)))
	}
	fmt.Fprintf(out, "features in %s\n", e.out)
	if r.failed > 0 {
		return fmt.Errorf("%d of %d videos could not be encoded; the others are in %s", r.failed, len(paths), e.out)
	}
	return nil
}

func noneOf(videos int) string {
	if videos == 1 {
		return "the video could not be read: nothing of it"
	}
	return fmt.Sprintf("none of the %d videos", videos)
}

// encodeRun is the encoding of some videos.
type encodeRun struct {
	*encodeFlags
	con     *console
	tools   *media.Tools
	bar     *progress
	todo    []string
	seconds map[string]float64 // length of each video
	total   float64

	mu      sync.Mutex
	begun   time.Time
	done    map[string]float64 // of each video, seconds
	sum     float64            // of done
	rows    int
	encoded int
	failed  int
	fatal   error // what would be the same for every video
}

// plan finds out which videos are to be encoded, and how long they are.
func (r *encodeRun) plan(ctx context.Context, video encode.Video, paths []string) error {
	known := 0
	rates := map[string]string{}
	bar := r.con.progress("look at", "videos")
	defer bar.finish()
	for i, path := range paths {
		bar.set(i, len(paths), "")
		if !r.again && r.isDone(path) {
			known++
			continue
		}
		info, err := r.tools.Probe(ctx, path)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r.con.Error(err.Error())
			r.failed++
			continue
		}
		rates[strconv.FormatFloat(info.FPS(), 'f', 3, 64)] = path
		r.todo = append(r.todo, path)
		r.seconds[path] = info.Duration
		r.total += info.Duration
	}
	if known > 0 {
		r.con.Info("already encoded", "videos", known)
	}
	if _, ok := video.(windowed); ok && r.rate == 0 && len(rates) > 1 {
		r.con.Warn("the videos have different frame rates, and windows count frames, so that tall train could not tell their seconds; give one for all, as in --rate 25", "rates", strings.Join(slices.Sorted(maps.Keys(rates)), " "))
	}
	return nil
}

// one encodes a video. What it returns would be the same for every video.
func (r *encodeRun) one(ctx context.Context, video encode.Video, path string) error {
	n, err := r.encodeOne(ctx, r.con, r.tools, video, path, func(at float64) { r.progress(path, at) })
	if err == nil {
		r.progress(path, r.seconds[path])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.encoded++
		r.rows += n
	case ctx.Err() != nil:
	case errors.Is(err, tall.ErrManifest), errors.Is(err, syscall.ENOSPC):
		return err
	default:
		r.failed++
		r.con.Error(err.Error())
		r.sum -= r.done[path]
		r.total -= r.seconds[path]
	}
	return nil
}

// progress tells the bar how many seconds of a video are done.
func (r *encodeRun) progress(path string, at float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun.IsZero() {
		r.begun = time.Now()
	}
	r.sum += at - r.done[path]
	r.done[path] = at
	note := ""
	if s := time.Since(r.begun).Seconds(); s > 0.5 {
		note = fmt.Sprintf("%.1fx real time", r.sum/s)
	}
	r.bar.set(int(r.sum), int(r.total), note)
}

func (e *encodeFlags) encodeOne(ctx context.Context, con *console, tools *media.Tools, video encode.Video, path string, progress func(at float64)) (int, error) {
	stamp, err := sourceStamp(path)
	if err != nil {
		return 0, err
	}
	f := encode.Files{
		Tools: tools, Video: video, Again: e.again,
		Progress: func(at, _ float64) { progress(at) },
		Warn:     func(err error) { con.Warn(err.Error()) },
	}
	return f.Save(ctx, path, e.out, stem(path), stamp)
}

// sourceStamp tells the state of a video's file, or of a folder's pictures.
func sourceStamp(path string) (map[string]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		stamp, _, err := contentStamp(path)
		return map[string]string{metaPictures: stamp}, err
	}
	return map[string]string{
		metaSize:     strconv.FormatInt(info.Size(), 10),
		metaModified: info.ModTime().UTC().Format(time.RFC3339Nano),
	}, nil
}

// isDone tells whether the features of a video are there, made of the file as it is now.
func (e *encodeFlags) isDone(path string) bool {
	stamp, err := sourceStamp(path)
	return err == nil && encode.Done(e.out, stem(path), stamp)
}
