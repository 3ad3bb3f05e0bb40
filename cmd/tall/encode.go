package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/encode"
	"tall/media"
	"tall/weights"
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
			"on where it stopped; a folder never holds features of two kinds.\n\n" +
			"Encoders: " + strings.Join(encode.VideoNames(), ", ") + ". NAME may name the model's folder or\n" +
			"an entry of `tall models list`, as in clip:clip-vit-b-16.",
		Example: "tall encode holiday/ --encoder classical --out features/holiday\n" +
			"tall encode 'kitchen/*.mp4' --encoder clip --rate 2 --out features/kitchen",
		Args: takes(1, maxArgs, "VIDEO..."),
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd, args) },
	}
	e.register(cmd)
	f := cmd.Flags()
	f.StringVar(&e.encoder, "encoder", "classical", "what encodes: "+strings.Join(encode.VideoNames(), ", ")+", or NAME:MODEL")
	f.StringVar(&e.out, "out", "", "folder of the features")
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
	paths, err := findVideos(args)
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
	first, err := encode.OpenVideo(e.encoder, o)
	if err != nil {
		return fmt.Errorf("--encoder: %w", err)
	}
	if err := encode.Prepare(e.out, first.Describe()); err != nil {
		return err
	}
	var todo []string
	var total float64
	seconds := map[string]float64{}
	failed := 0
	for _, path := range paths {
		if !e.again && e.done(path) {
			continue
		}
		info, err := tools.Probe(ctx, path)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			con.Error(err.Error())
			failed++
			continue
		}
		todo = append(todo, path)
		seconds[path] = info.Duration
		total += info.Duration
	}
	if skipped := len(paths) - len(todo) - failed; skipped > 0 {
		con.Info("already encoded", "videos", skipped)
	}
	jobs := min(e.jobs, len(todo))
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		doneS = map[string]float64{}
		sum   float64
		rows  int
		open  error
	)
	bar := con.progress("encode", "s of video")
	defer bar.finish()
	begun := time.Now()
	progress := func(path string, at float64) { // under mu
		sum += at - doneS[path]
		doneS[path] = at
		note := ""
		if s := time.Since(begun).Seconds(); s > 0.5 {
			note = fmt.Sprintf("%.1fx real time", sum/s)
		}
		bar.set(int(sum), int(total), note)
	}
	next := make(chan string)
	for job := range jobs {
		wg.Go(func() {
			video, err := first, error(nil)
			if job > 0 {
				if video, err = encode.OpenVideo(e.encoder, o); err != nil {
					mu.Lock()
					open = err
					mu.Unlock()
				}
			}
			for path := range next {
				if err != nil {
					continue
				}
				n, encodeErr := e.encodeOne(ctx, con, tools, video, path, func(at float64) {
					mu.Lock()
					defer mu.Unlock()
					progress(path, at)
				})
				mu.Lock()
				rows += n
				progress(path, seconds[path])
				if encodeErr != nil && ctx.Err() == nil {
					failed++
					con.Error(encodeErr.Error())
					if errors.Is(encodeErr, tall.ErrManifest) {
						open = encodeErr // it would be the same for every video
						err = encodeErr
					}
				}
				mu.Unlock()
			}
		})
	}
	for _, path := range todo {
		next <- path
	}
	close(next)
	wg.Wait()
	bar.finish()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case open != nil:
		return fmt.Errorf("--encoder %s: %w", e.encoder, open)
	case failed > 0:
		return fmt.Errorf("%d of %d videos could not be encoded; the others are in %s", failed, len(paths), e.out)
	}
	if took := time.Since(begun); len(todo) > 0 {
		fmt.Fprintf(out, "%d videos, %s of video in %s (%.1fx real time), %d rows\n", len(todo),
			time.Duration(total*float64(time.Second)).Round(time.Second), took.Round(100*time.Millisecond), total/took.Seconds(), rows)
	}
	fmt.Fprintf(out, "features in %s\n", e.out)
	return nil
}

func (e *encodeFlags) encodeOne(ctx context.Context, con *console, tools *media.Tools, video encode.Video, path string, progress func(at float64)) (int, error) {
	stamp, err := sourceStamp(path)
	if err != nil {
		return 0, err
	}
	f := encode.Files{
		Tools: tools, Video: video,
		Progress: func(at, _ float64) { progress(at) },
		Warn:     func(err error) { con.Warn(err.Error(), "video", path) },
	}
	return f.Save(ctx, path, e.out, stem(path), stamp)
}

// sourceStamp tells the state of a video's file.
func sourceStamp(path string) (map[string]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		metaSize:     strconv.FormatInt(info.Size(), 10),
		metaModified: info.ModTime().UTC().Format(time.RFC3339Nano),
	}, nil
}

// done tells whether the features of a video are there, made of the file as it is now.
func (e *encodeFlags) done(path string) bool {
	stamp, err := sourceStamp(path)
	if err != nil {
		return false
	}
	f, err := os.Open(filepath.Join(e.out, stem(path)+featuresExt))
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false
	}
	_, meta, err := weights.ReadSafetensorsHeader(f, info.Size())
	return err == nil && meta[metaSize] == stamp[metaSize] && meta[metaModified] == stamp[metaModified]
}
