package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"tall"
)

// EncodeOptions say how frames become a file. The zero value is good.
type EncodeOptions struct {
	// CRF is x264's constant rate factor, 1 (best) to 51; 0: 23, x264's default.
	CRF int
	// Preset is x264's, such as "veryslow"; empty: "medium", x264's default.
	Preset string
	// KeyFrames is the greatest distance of key frames, in frames; 0: x264's 250.
	KeyFrames int
	// Codec forces an encoder of ffmpeg's; empty: libx264, else libopenh264, else mpeg4.
	Codec string
}

// Encoded says what was written.
type Encoded struct {
	Codec  string // ffmpeg's name of the encoder, such as "libx264"
	Frames int
	Note   string // what the user should know; empty where all is as asked
}

// EncodeMP4 writes frames of width x height pixels (even numbers), fps a second, as an mp4
// file: H.264 in yuv420p with its index in front, so that browsers play it at once. The
// same frames give the same bytes with the same ffmpeg, on any number of cores: one thread,
// no date, no version. Where this ffmpeg lacks an H.264 encoder, the file is MPEG-4 part 2,
// and Note says so. The file appears under its name only when it is complete.
func (t *Tools) EncodeMP4(ctx context.Context, out string, width, height int, fps float64, frames Source, o EncodeOptions) (Encoded, error) {
	if width < 2 || height < 2 || width%2 != 0 || height%2 != 0 || width > maxPixels/height {
		return Encoded{}, fmt.Errorf("%s: %w: frames of %d x %d pixels; H.264 in yuv420p takes even numbers, 8192 x 8192 at most", out, tall.ErrShape, width, height)
	}
	if !(fps >= 0.01 && fps <= 1000) || o.CRF < 0 || o.CRF > 51 || o.KeyFrames < 0 {
		return Encoded{}, fmt.Errorf("%s: %w: %g frames a second, CRF %d, key frames every %d; want 0.01 to 1000, 0 to 51, 0 or more", out, tall.ErrShape, fps, o.CRF, o.KeyFrames)
	}
	programs, err := t.found()
	if err != nil {
		return Encoded{}, err
	}
	e := Encoded{Codec: o.Codec}
	if e.Codec == "" {
		if e.Codec, err = t.h264(ctx, programs, out); err != nil {
			return Encoded{}, err
		}
	}
	if e.Codec == "mpeg4" && o.Codec == "" {
		e.Note = "this ffmpeg has no H.264 encoder (libx264): the video is MPEG-4 part 2, larger at the same quality, and browsers do not play it; install a full build of ffmpeg"
	}
	args := rawInput(width, height, fps)
	args = append(args, "-map_metadata", "-1", "-threads", "1", "-c:v", e.Codec)
	args = append(args, o.quality(e.Codec)...)
	args = append(args,
		"-bitexact", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-movflags", "+faststart", "-f", "mp4")
	err = replaceFile(out, func(temp string) error {
		var err error
		e.Frames, err = feed(ctx, child{path: programs.ffmpeg, args: append(args, "file:"+temp), memory: t.memory()}, out, width, height, frames)
		return err
	})
	return e, err
}

// rawInput are the arguments before those of the encoder: RGB frames come on stdin and
// become BT.709 video, which is what players take an HD video for, and is said so.
func rawInput(width, height int, fps float64) []string {
	num, den := fraction(fps, 1_000_000)
	return []string{
		"-nostdin", "-hide_banner", "-nostats", "-loglevel", "error", "-y",
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", fmt.Sprintf("%dx%d", width, height), "-framerate", fmt.Sprintf("%d/%d", num, den),
		"-i", "pipe:0",
		"-vf", "scale=flags=bicubic+accurate_rnd+full_chroma_inp:out_color_matrix=bt709:out_range=tv,format=yuv420p",
		"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
	}
}

// quality are the encoder's own arguments.
func (o EncodeOptions) quality(codec string) []string {
	var args []string
	if o.KeyFrames > 0 {
		args = append(args, "-g", strconv.Itoa(o.KeyFrames))
	}
	crf := o.CRF
	if crf == 0 {
		crf = 23
	}
	switch codec {
	case "libx264":
		preset := o.Preset
		if preset == "" {
			preset = "medium"
		}
		return append(args, "-preset", preset, "-crf", strconv.Itoa(crf))
	case "libopenh264":
		return append(args, "-b:v", "2M")
	}
	// MPEG-4's quantizer, 1 to 31, stands where x264's CRF 23 looks alike at about 4.
	return append(args, "-q:v", strconv.Itoa(max(1, min(31, int(math.Round(float64(crf)/5))))))
}

// feed runs an encoder over frames and returns their number.
func feed(ctx context.Context, c child, out string, width, height int, frames Source) (n int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	read, write := io.Pipe()
	c.stdin = read
	p, err := start(ctx, c)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", out, err)
	}
	ended := make(chan error, 1)
	go func() {
		err := p.wait()
		read.CloseWithError(errEncoder) // frames that still come are not taken
		ended <- err
	}()
	n, err = copyFrames(write, width, height, frames)
	if err != nil && !errors.Is(err, errEncoder) {
		cancel(err) // half a video is none
	}
	write.Close()
	exit := <-ended
	switch {
	case err != nil && !errors.Is(err, errEncoder):
		return n, fmt.Errorf("%s: frame %d: %w", out, n, err)
	case exit != nil || err != nil:
		return n, explain(ctx, out, p.said, errors.Join(exit, err))
	case n == 0:
		return 0, fmt.Errorf("%s: %w: there are no frames to write", out, tall.ErrShape)
	}
	return n, nil
}

var errEncoder = errors.New("the encoder ended early")

func copyFrames(w io.Writer, width, height int, frames Source) (n int, err error) {
	for ; ; n++ {
		f, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if f.Width != width || f.Height != height || len(f.Pix) != width*height*3 {
			return n, fmt.Errorf("%w: it has %d x %d pixels in %d bytes, want %d x %d", tall.ErrShape, f.Width, f.Height, len(f.Pix), width, height)
		}
		if _, err := w.Write(f.Pix); err != nil {
			return n, err
		}
	}
}
