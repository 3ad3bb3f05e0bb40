package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tall"
	"tall/encode"
	"tall/fetch"
	"tall/media"
)

// encoderFlags are those of commands that read videos.
type encoderFlags struct {
	*global
	ffmpeg string
	onnx   string
	rate   float64
}

func (e *encoderFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.ffmpeg, "ffmpeg", "", "where ffmpeg is: its path, or the folder that holds ffmpeg and ffprobe (default: sought in PATH)")
	f.StringVar(&e.onnx, "onnxruntime", "", "libonnxruntime's path, or its folder (default: TALL_ONNXRUNTIME, or where systems keep it)")
	f.Float64Var(&e.rate, "rate", 0, "frames a second that clip, c3d and onnx see (default: the encoder's own)")
}

// tools finds ffmpeg, lazily: folders of images and Y4M files need none.
func (e *encoderFlags) tools() (*media.Tools, error) {
	threads, err := e.workers()
	if err != nil {
		return nil, err
	}
	return media.Find(media.Options{FFmpeg: e.ffmpeg, Threads: threads})
}

// options are what encoders are opened with.
func (e *encoderFlags) options() (encode.Options, error) {
	o, err := e.encoderOptions()
	if e.rate < 0 {
		return o, fmt.Errorf("--rate %g: give a number of frames a second above 0", e.rate)
	}
	o.Rate, o.ONNXRuntime = e.rate, e.onnx
	return o, err
}

// encoderOptions are those of commands without flags of their own for encoders.
func (g *global) encoderOptions() (encode.Options, error) {
	threads, err := g.workers()
	return encode.Options{Threads: threads, Models: modelDir, Hash: weightsHash}, err
}

// modelDir finds the folder of a model: a path, or a name of the catalog that was pulled.
func modelDir(name string) (string, error) {
	if info, err := os.Stat(name); err == nil && !info.IsDir() {
		return "", fmt.Errorf("%w: %s is a file; name the folder of the model, %s", tall.ErrFormat, name, filepath.Dir(name))
	}
	dir, _, err := fetch.ModelDir(name)
	return dir, err
}

// weightsHash is the SHA-256 of a file of weights: as it was recorded when the file was
// fetched, else computed and remembered.
func weightsHash(path string) (string, error) {
	if sha, ok := fetch.RecordedHash(path); ok {
		return "sha256:" + sha, nil
	}
	return contentHash(path)
}
