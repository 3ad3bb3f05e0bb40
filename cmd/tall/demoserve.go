package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tall"
	"tall/library"
	"tall/library/sqlite"
	"tall/media"
	"tall/synth/kitchen/example"
)

// demoConfidence is the least confidence of a match on the demo's page. Its model is small
// and few of its answers are as sure as other libraries ask for; what the page shows beside
// them says how sure they are.
const demoConfidence = 0.5

// servePage serves the embedded kitchen videos until the context ends. The library is made in
// the folder dir; it needs no ffmpeg, as the features of the videos are embedded too.
func (d *demo) servePage(ctx context.Context, dir string, ready func(address string)) (err error) {
	if err := example.Extract(dir); err != nil {
		return err
	}
	tools, err := media.Find(media.Options{FFmpeg: d.ffmpeg})
	if err != nil {
		return err
	}
	home := filepath.Join(dir, "library")
	c := engineConfig{Name: "classical", Encoder: "classical", Checkpoints: []string{filepath.Join(dir, filepath.FromSlash(example.CheckpointName))}}
	engine, err := d.openLibraryEngine(c, home, tools, func(err error) { d.con.Warn(err.Error()) })
	if err != nil {
		return err
	}
	for i := range engine.Localizers {
		engine.Localizers[i].Threshold = demoConfidence
	}
	known := embeddedVideos(filepath.Join(dir, example.VideosName))
	encode, probe := engine.Open, probeVideo(tools)
	engine.Open = func() (library.VideoEncoder, error) {
		own, err := encode()
		return &embeddedEncoder{known, own}, err
	}
	lib, err := sqlite.Open(ctx, home, sqlite.Options{
		Make: true, Engines: []library.Engine{engine},
		Probe: func(ctx context.Context, path string) (library.Facts, error) {
			if v, ok := known[path]; ok {
				// The set's rates are whole numbers.
				return library.Facts{Duration: v.Duration, Width: v.Width, Height: v.Height, FPSNum: int(v.FPS), FPSDen: 1}, nil
			}
			return probe(ctx, path)
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lib.Close()) }()
	// What the settings hold lets `tall search --library` open what --keep leaves.
	if err := writeEngines(ctx, lib, []engineConfig{c}); err != nil {
		return err
	}
	thumbnails := map[library.ID][]byte{}
	var paths []string
	for _, v := range example.Videos() {
		paths = append(paths, filepath.Join(dir, example.VideosName, v.Name+".mp4"))
	}
	err = lib.Add(ctx, paths, nil, func(a library.Added) {
		if v, ok := known[a.Path]; ok {
			thumbnails[a.ID] = v.Thumbnail()
		}
		if a.Err != nil {
			d.con.Error(a.Err.Error())
		}
	})
	if err != nil {
		return err
	}
	if err := lib.Work(ctx, 1, true); err != nil {
		return err
	}
	o := serveOptions{
		listen: d.listen, maxUpload: "2G", jobs: 1, ready: ready,
		thumbnails: func(id library.ID) []byte { return thumbnails[id] }, suggestions: suggestedSentences(),
	}
	if _, _, _, err := tools.Programs(); err == nil {
		o.tools, o.uploads = tools, true
	}
	return serveLibrary(ctx, d.con, lib, o)
}

// suggestedSentences are the ones to try, each once, those of different videos first.
func suggestedSentences() []string {
	var out, later []string
	seen, videos := map[string]bool{}, map[string]bool{}
	for _, s := range example.Suggestions() {
		switch {
		case seen[s.Sentence]:
			continue
		case videos[s.Video]:
			later = append(later, s.Sentence)
		default:
			out = append(out, s.Sentence)
		}
		seen[s.Sentence], videos[s.Video] = true, true
	}
	return append(out, later...)
}

// embeddedVideos are the videos of the set by their paths below a folder.
func embeddedVideos(dir string) map[string]example.Video {
	known := map[string]example.Video{}
	for _, v := range example.Videos() {
		path, err := filepath.Abs(filepath.Join(dir, v.Name+".mp4"))
		if err == nil {
			known[path] = v
		}
	}
	return known
}

// embeddedEncoder hands out the embedded features of the set's videos, and encodes others.
type embeddedEncoder struct {
	known map[string]example.Video
	own   library.VideoEncoder
}

// Save implements [library.VideoEncoder].
func (e *embeddedEncoder) Save(ctx context.Context, path, dir, name string, meta map[string]string, progress func(done, total float64)) (int, error) {
	v, ok := e.known[path]
	if file, err := os.ReadFile(path); !ok || err != nil || string(file) != string(v.MP4()) {
		return e.own.Save(ctx, path, dir, name, meta, progress)
	}
	write := func(file string, content []byte) error {
		return tall.ReplaceFile(filepath.Join(dir, file), func(w io.Writer) error {
			_, err := w.Write(content)
			return err
		})
	}
	err := errors.Join(write("manifest.json", example.Manifest()), write(name+featuresExt, v.Features()))
	return 0, err
}

// serve runs the page beside the demo, and goes on with it when that is done, until the
// user ends it or --exit-after is over.
func (d *demo) serve(ctx context.Context, job func(context.Context) error) error {
	dir := filepath.Join(d.dir, "page")
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	up, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- d.servePage(ctx, dir, func(address string) { up <- address }) }()
	select {
	case address := <-up:
		try := suggestedSentences()
		fmt.Fprintf(d.out, "The page with a few kitchen videos: %s\nTry: %s\nMeanwhile the whole job runs below: videos, features, training, evaluation. Ctrl-C ends both.\n\n",
			address, strings.Join(try[:min(2, len(try))], "; "))
	case err := <-ended:
		return err
	}
	if err := job(ctx); err != nil && ctx.Err() == nil {
		stop(err)
	} else if d.exitAfter > 0 {
		defer time.AfterFunc(d.exitAfter, func() { stop(errExitAfter) }).Stop()
	} else if ctx.Err() == nil {
		fmt.Fprintln(d.out, "\nThe page stays up; Ctrl-C ends it.")
	}
	pageErr := <-ended // by the context, or of itself
	stop(pageErr)
	if cause := context.Cause(ctx); !errors.Is(cause, errExitAfter) {
		return cause
	}
	if errors.Is(pageErr, errExitAfter) {
		return nil
	}
	return pageErr
}

// errExitAfter is why a demo ends whose time is over.
var errExitAfter = errors.New("the time of --exit-after is over")
