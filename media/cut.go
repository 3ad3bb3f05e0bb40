package media

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"tall"
)

// Cut writes a part of a video, with its sound, to a file whose extension says the
// format (.mp4, .mov, .mkv, .webm, .avi, .ts), and returns the span that the file holds, in
// the source's seconds.
//
// Without exact, pictures and sound are copied as they are, which takes no time and no
// quality: the file then begins at the last key frame that is not later than the span,
// and holds the whole span. Where the format cannot hold them, and with exact, they are
// encoded anew, at a constant rate: the file begins at the span's beginning, and ends
// within a frame of its end. A span that reaches beyond the video is cut down to it. The
// file appears under its name only when it is complete.
func (t *Tools) Cut(ctx context.Context, info Info, span tall.Span, out string, exact bool) (tall.Span, error) {
	span.Start = max(0, span.Start)
	if info.Duration > 0 {
		span.End = min(span.End, info.Duration)
	}
	if !span.Valid() {
		return span, fmt.Errorf("%s: %w: the part %s s of a video of %g s", info.Path, tall.ErrShape, span, info.Duration)
	}
	folder, _, err := checkFile(info.Path)
	if err != nil {
		return span, err
	}
	if same(info.Path, out) {
		return span, fmt.Errorf("%s: %w: the cut would replace its source", out, tall.ErrUnsafe)
	}
	programs, err := t.found()
	if err != nil {
		return span, err
	}
	codec, err := t.h264(ctx, programs, out)
	if err != nil {
		return span, err
	}
	format, err := formatOf(out, codec)
	if err != nil {
		return span, err
	}
	var got tall.Span
	err = replaceFile(out, func(temp string) error {
		var err error
		switch {
		case folder || info.Format == formatY4M:
			got, err = t.cutFrames(ctx, programs, format, info, span, temp)
			return err
		case !exact:
			if got, err = t.copy(ctx, programs, format, info, span, temp); err == nil || ctx.Err() != nil {
				return err
			}
		}
		got, err = t.transcode(ctx, programs, format, info, span, temp)
		return err
	})
	return got, err
}

func same(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// cutTime bounds the time of a cut: copying and encoding are faster than a twentieth of
// real time on anything that runs this.
func (t *Tools) cutTime(length float64) time.Duration {
	return 10*t.probeTime() + time.Duration(20*length*float64(time.Second))
}

// cutMargin is how many seconds before a cut reading begins, to be sure of the key frame
// that is needed: more than the usual greatest distance of key frames (x264: 250 frames).
const cutMargin = 12

// errNoCopy tells that a part cannot be copied; it is encoded then.
var errNoCopy = errors.New("the streams cannot be copied")

// copy cuts without encoding, from a key frame on.
func (t *Tools) copy(ctx context.Context, programs programs, format format, info Info, span tall.Span, temp string) (tall.Span, error) {
	key, err := t.keyFrame(ctx, programs, info, span.Start)
	if err != nil {
		return span, err
	}
	// A hair before the key frame, and nothing before that point is copied: what is
	// written begins with the key frame itself.
	seek := max(0, key-slack)
	args := []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "error", "-max_alloc", strconv.Itoa(maxAlloc), "-y"}
	var prior []string
	if seek > 0 {
		args = append(args, "-noaccurate_seek", "-ss", seconds(seek))
		prior = []string{"-copypriorss", "0"}
	} // else what lies before the beginning, and is not shown, may be what its pictures need
	args = append(args, input(info.Path)...)
	args = append(args, "-map", "0:"+strconv.Itoa(info.Stream), "-map", "0:a?", "-map_chapters", "-1", "-c", "copy")
	args = append(append(args, prior...), "-t", seconds(span.End-seek), "-f", format.muxer)
	if format.muxer == "mp4" || format.muxer == "mov" {
		args = append(args, "-movflags", "+faststart")
	}
	_, said, err := run(ctx, child{path: programs.ffmpeg, args: append(args, "file:"+temp), memory: t.memory()}, t.cutTime(span.End-seek))
	if err != nil {
		return span, explain(ctx, info.Path, said, err)
	}
	packets, err := t.packets(ctx, programs, temp, "v:0", "")
	if err != nil || packets.n == 0 || !packets.key {
		return span, errNoCopy
	}
	if seek == 0 {
		packets.first = max(0, packets.first)
	}
	return tall.Span{Start: key, End: key + packets.last + packets.gap() - packets.first}, nil
}

// keyFrame is the time of the last key frame that is not later than at.
func (t *Tools) keyFrame(ctx context.Context, programs programs, info Info, at float64) (float64, error) {
	// Seeking lands before the point in most containers, and somewhere near it in the
	// rest: it begins ever earlier until a key frame is among what was read.
	for back := float64(cutMargin); ; back *= 4 {
		from := max(0, at-back)
		interval := fmt.Sprintf("%s%%%s", seconds(info.Start+from), seconds(info.Start+at+1))
		if from == 0 {
			interval = "%" + seconds(info.Start+at+1)
		}
		packets, err := t.packets(ctx, programs, info.Path, strconv.Itoa(info.Stream), interval)
		if err != nil {
			return 0, err
		}
		best := math.Inf(-1)
		for _, key := range packets.keys {
			if key -= info.Start; key <= at+slack {
				best = max(best, key)
			}
		}
		if !math.IsInf(best, 0) {
			return max(0, best), nil
		}
		if from == 0 {
			return 0, errNoCopy
		}
	}
}

// transcode cuts by encoding anew, at exact boundaries.
func (t *Tools) transcode(ctx context.Context, programs programs, format format, info Info, span tall.Span, temp string) (tall.Span, error) {
	can, err := t.abilities(info)
	if err != nil {
		return span, err
	}
	p := plan{shift: -info.Lag}
	args := []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "error", "-max_alloc", strconv.Itoa(maxAlloc), "-y", "-max_pixels", strconv.Itoa(maxPixels), "-reinit_filter", "0"}
	if t.options.Threads > 0 {
		args = append(args, "-threads", strconv.Itoa(t.options.Threads))
	}
	// Sound needs no key frame, but its decoder a moment to settle.
	seek := span.Start - cutMargin
	if fps := info.FPS(); fps > 0 {
		seek = math.Floor(seek*fps) / fps // see plan
	}
	if seek > 0 && info.Lag == 0 {
		args = append(args, "-noaccurate_seek", "-ss", seconds(seek))
		p.shift += seek
	} else if jumps(info.Format) && info.Audio == 0 {
		p.shift += info.Delay
	}
	args = append(args, input(info.Path)...)
	from, end := span.Start-p.shift, span.End-p.shift

	width, height := max(2, info.Width&^1), max(2, info.Height&^1)
	chain := []string{"settb=AVTB"}
	// The picture that is shown at the beginning becomes the first one, and the last one is
	// shown to the end. Pictures of varying lengths are brought to the rate that ffmpeg
	// takes for theirs, as the next one may be far off. Filters count the pictures: where
	// -frames:v is reached, ffmpeg may end the sound too.
	rate, length := "source_fps", "duration="+seconds(max(span.Len(), slack))
	switch {
	case info.FPSDen == 0:
		rate = "25"
	case !info.Variable:
		frames := max(1, int(math.Round(span.Len()*info.FPS())))
		rate, length = fmt.Sprintf("%d/%d", info.FPSNum, info.FPSDen), fmt.Sprintf("end_frame=%d", frames)
		span.End = span.Start + float64(frames)/info.FPS()
	}
	chain = append(chain, "tpad=stop=-1:stop_mode=clone", "fps=fps="+rate+":round=up:start_time="+seconds(from+slack), "settb=AVTB", "trim="+length, "setpts=PTS-STARTPTS")
	chain = append(chain, scaler(info, width, height, "yuv420p", can), "setsar=1")
	args = append(args, "-map", "0:"+strconv.Itoa(info.Stream), "-map_chapters", "-1", "-vf", strings.Join(chain, ","))
	if info.Audio > 0 {
		args = append(args, "-map", "0:a?", "-af", fmt.Sprintf("atrim=start=%s:end=%s,asetpts=PTS-%s/TB", seconds(from-info.Lag), seconds(end-info.Lag), seconds(from-info.Lag)))
		args = append(args, format.audio...)
	}
	args = append(args, format.video...)
	args = append(args, "-f", format.muxer, "file:"+temp)
	_, said, err := run(ctx, child{path: programs.ffmpeg, args: args, memory: t.memory()}, t.cutTime(end))
	if err != nil {
		return span, explain(ctx, info.Path, said, err)
	}
	return span, nil
}

// cutFrames encodes a part of what ffmpeg does not read itself: images and Y4M.
func (t *Tools) cutFrames(ctx context.Context, programs programs, format format, info Info, span tall.Span, temp string) (tall.Span, error) {
	fps := info.FPS()
	s := Sampling{Rate: fps, From: span.Start, To: span.End, Fit: FitStretch, Width: max(2, info.Width&^1), Height: max(2, info.Height&^1)}
	frames, err := t.Frames(ctx, info, s)
	if err != nil {
		return span, err
	}
	defer frames.Close()
	args := append(rawInput(s.Width, s.Height, fps), format.video...)
	args = append(args, "-f", format.muxer, "file:"+temp)
	n, err := feed(ctx, child{path: programs.ffmpeg, args: args, memory: t.memory()}, info.Path, s.Width, s.Height, frames)
	return tall.Span{Start: span.Start, End: span.Start + float64(n)/fps}, err
}
