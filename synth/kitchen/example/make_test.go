package example

import (
	"flag"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"testing"

	"tall"
	"tall/dataset"
	"tall/encode"
	"tall/encode/classical"
	"tall/internal/shared"
	"tall/media"
	"tall/synth/kitchen"
)

var makeFrom = flag.String("make", "", "make data/ anew from this folder of `tall demo --keep`, whose model is checkpoints/TALL.safetensors; see docs/example.sh")

var chooseAgain = flag.Bool("choose", false, "choose the suggestions anew")

// trainVideos is how many videos the model was trained on: more than the demo has time for.
var trainVideos = flag.Int("train", 900, "with -make: how many videos the model was trained on")

// What is taken from the demo's unseen videos.
const (
	takeVideos  = 8
	takeSeconds = 42 // at most, each
)

// TestMake writes data/ where -make asks for it: videos as small files, and of these their
// features, thumbnails and the sentences that the model finds.
func TestMake(t *testing.T) {
	if *makeFrom == "" {
		t.Skip("makes nothing without -make")
	}
	tools, err := media.Find(media.Options{FFmpeg: shared.Tool(t, "ffmpeg")})
	must(t, err)
	o := kitchen.Default()
	o.Val = 0
	o.Train, o.Test, o.Sentences = *trainVideos, 24, 6 // as the demo has them: the same videos
	k, err := kitchen.New(o)
	must(t, err)
	must(t, os.RemoveAll("data"))
	path := func(names ...string) string { return filepath.Join(append([]string{"data"}, names...)...) }
	for _, dir := range []string{VideosName, FeaturesName, ThumbnailsName, "checkpoints"} {
		must(t, os.MkdirAll(path(dir), 0o755))
	}
	checkpoint, err := os.ReadFile(filepath.Join(*makeFrom, filepath.FromSlash(CheckpointName)))
	must(t, err)
	must(t, os.WriteFile(path(filepath.FromSlash(CheckpointName)), checkpoint, 0o644))

	var x index
	var examples []tall.Example
	f := encode.Files{Tools: tools, Video: classical.New(0)}
	for _, v := range k.Videos() {
		if v.Split != "test" || v.Duration() > takeSeconds || len(x.Videos) == takeVideos {
			continue
		}
		mp4 := path(VideosName, v.File(kitchen.MP4))
		must(t, v.WriteFile(t.Context(), mp4, kitchen.WriteOptions{
			Format: kitchen.MP4, Tools: tools, Encode: media.EncodeOptions{CRF: 29, Preset: "veryslow", KeyFrames: 2 * o.FPS},
		}))
		_, err := f.Save(t.Context(), mp4, path(FeaturesName), v.Name, nil)
		must(t, err)
		info, err := tools.Probe(t.Context(), mp4)
		must(t, err)
		first := v.Events[len(v.Events)/2].Span
		picture, err := tools.Thumbnail(t.Context(), info, first.Start+0.6*first.Len(), o.Width)
		must(t, err)
		must(t, os.WriteFile(path(ThumbnailsName, v.Name+".jpg"), picture, 0o644))
		x.Videos = append(x.Videos, Video{v.Name, v.Duration(), o.Width, o.Height, float64(o.FPS)})
		examples = append(examples, v.Examples()...)
	}
	must(t, writeSheet(filepath.Join("..", "..", "..", "docs", "kitchen.jpg"), k))
	must(t, dataset.WriteAnnotations(path(AnnotationsName), examples))
	must(t, choose(t, &x, examples))
}

// TestChoose chooses the suggestions anew, from what data/ holds.
func TestChoose(t *testing.T) {
	if !*chooseAgain {
		t.Skip("chooses nothing without -choose")
	}
	x := read()
	examples, err := dataset.ReadAnnotations(filepath.Join("data", AnnotationsName))
	must(t, err)
	must(t, choose(t, &x, examples))
}

func choose(t *testing.T, x *index, examples []tall.Example) error {
	path := func(names ...string) string { return filepath.Join(append([]string{"data"}, names...)...) }
	m, err := openModel(path(filepath.FromSlash(CheckpointName)))
	must(t, err)
	var found int
	x.Suggestions, found, err = suggest(t.Context(), m, path(FeaturesName), examples)
	must(t, err)
	t.Logf("%d videos; of %d sentences the model finds %d (%.0f %%); %d are suggested",
		len(x.Videos), len(examples), found, 100*float64(found)/float64(len(examples)), len(x.Suggestions))
	return writeJSON(path(IndexName), x)
}

// writeSheet draws six moments of unseen videos, each of another action, side by side: the
// picture in the README.
func writeSheet(path string, k *kitchen.Kitchen) error {
	const columns, rows, width, height = 3, 2, 480, 270
	sheet := image.NewNRGBA(image.Rect(0, 0, columns*width, rows*height))
	n := 0
	seen := map[kitchen.Verb]bool{}
	for _, v := range k.Videos() {
		if v.Split != "test" || n == columns*rows {
			continue
		}
		for _, e := range v.Events {
			if seen[e.Verb] {
				continue
			}
			seen[e.Verb] = true
			at := e.Span.Start + 0.6*e.Span.Len()
			frames, err := v.Frames(media.Sampling{From: at, Fit: media.FitStretch, Width: width, Height: height})
			if err != nil {
				return err
			}
			f, err := frames.Next()
			if err != nil {
				return err
			}
			for i := range width * height {
				x, y := n%columns*width+i%width, n/columns*height+i/width
				sheet.SetNRGBA(x, y, color.NRGBA{f.Pix[3*i], f.Pix[3*i+1], f.Pix[3*i+2], 255})
			}
			n++
			break
		}
	}
	return tall.ReplaceFile(path, func(w io.Writer) error { return jpeg.Encode(w, sheet, &jpeg.Options{Quality: 88}) })
}
