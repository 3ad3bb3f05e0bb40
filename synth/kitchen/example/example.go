// Package example holds a few videos of the rendered kitchen with everything that was made
// of them, inside the program: mp4 files, thumbnails, annotations, features (encoder
// `classical`) and a CTRL model that was trained on other kitchen videos. What shows moments
// of videos can be tried with it on a machine without ffmpeg, without a download.
//
// docs/example.sh makes all of it anew.
package example

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"tall"
)

//go:embed data
var data embed.FS

// Names in the folder that [Extract] writes; they are those of `tall demo --keep`.
const (
	IndexName       = "index.json"
	AnnotationsName = "annotations.jsonl"
	CheckpointName  = "checkpoints/TALL.safetensors"
	VideosName      = "videos"     // NAME.mp4
	FeaturesName    = "features"   // manifest.json and NAME.safetensors
	ThumbnailsName  = "thumbnails" // NAME.jpg
)

// Video is one of the videos. None of them was in the model's training, nor any of their
// combinations of action, thing and color.
type Video struct {
	Name     string  `json:"name"`
	Duration float64 `json:"duration"` // seconds
	Width    int     `json:"width"`    // pixels
	Height   int     `json:"height"`
	FPS      float64 `json:"fps"`
}

// Suggestion is a sentence whose moment the model finds first among all videos, with an IoU
// of at least 0.5. They were chosen for that: of all sentences about these videos the model
// finds fewer (docs/example.sh prints the share).
type Suggestion struct {
	Video    string    `json:"video"`
	Sentence string    `json:"sentence"`
	Truth    tall.Span `json:"truth"` // seconds
	Found    tall.Span `json:"found"` // seconds: the model's first answer
}

// index is index.json.
type index struct {
	Videos      []Video      `json:"videos"`
	Suggestions []Suggestion `json:"suggestions"`
}

var read = sync.OnceValue(func() index {
	var x index
	if err := json.Unmarshal(file(IndexName), &x); err != nil {
		panic(fmt.Sprintf("the embedded %s: %v", IndexName, err)) // a test reads it
	}
	return x
})

// file is the content of an embedded file, which is there: a test reads them all.
func file(name string) []byte {
	b, err := data.ReadFile("data/" + name)
	if err != nil {
		panic(err)
	}
	return b
}

// Videos lists the videos by name.
func Videos() []Video { return append([]Video(nil), read().Videos...) }

// Suggestions lists sentences to try, by video and time.
func Suggestions() []Suggestion { return append([]Suggestion(nil), read().Suggestions...) }

// MP4 is the video as a file: H.264, playable by browsers.
func (v Video) MP4() []byte { return file(VideosName + "/" + v.Name + ".mp4") }

// Thumbnail is a picture of the video, a JPEG of its size.
func (v Video) Thumbnail() []byte { return file(ThumbnailsName + "/" + v.Name + ".jpg") }

// Features is a safetensors file with the tensor "features" (N, D); [Manifest] says how
// they are made.
func (v Video) Features() []byte { return file(FeaturesName + "/" + v.Name + ".safetensors") }

// Manifest is the features' manifest.json, which feature.ParseDescription reads.
func Manifest() []byte { return file(FeaturesName + "/manifest.json") }

// Annotations are all sentences about the videos with their true spans, in the format of
// dataset.ReadAnnotations.
func Annotations() []byte { return file(AnnotationsName) }

// Checkpoint is the model, a safetensors file as `tall train` and `tall convert` write them.
func Checkpoint() []byte { return file(CheckpointName) }

// Extract writes all files below dir, so that commands can be tried on them:
//
//	tall find DIR/videos/NAME.mp4 "..." --localizer DIR/checkpoints/TALL
func Extract(dir string) error {
	return fs.WalkDir(data, "data", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, "data/")
		return tall.ReplaceFile(filepath.Join(dir, filepath.FromSlash(name)), func(w io.Writer) error {
			_, err := w.Write(file(name))
			return err
		})
	})
}
