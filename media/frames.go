package media

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tall"
)

// Frames reads a video once from its beginning (or From) to its end (or To) and delivers
// the frames that the sampling asks for, upright, with square pixels, as 8-bit RGB.
//
// With a rate, frame k is the picture that a player shows at From + k/Rate: the last one
// whose time is not later, whatever the video's own rate is and however it changes. Rate
// 0 delivers each picture of the file between From and To with its own time.
//
// The [Reader] must be closed. Its memory is that of a few frames, for any length.
func (t *Tools) Frames(ctx context.Context, info Info, s Sampling) (*Reader, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	folder, _, err := checkFile(info.Path)
	if err != nil {
		return nil, err
	}
	if err := checkSize(info.Path, info.Width, info.Height); err != nil {
		return nil, err
	}
	width, height := s.size(info.Width, info.Height)
	if err := checkSize(info.Path, width, height); err != nil {
		return nil, err
	}
	if info.Duration > 0 && s.From >= info.Duration-slack {
		return nil, fmt.Errorf("%s: %w: the part from %g s on, in a video of %g s", info.Path, tall.ErrShape, s.From, info.Duration)
	}
	switch {
	case folder:
		return t.readImages(ctx, info, s)
	case info.Format == formatY4M:
		return readY4M(ctx, info, s)
	}
	programs, err := t.found()
	if err != nil {
		return nil, err
	}
	can, err := t.abilities(info)
	if err != nil {
		return nil, err
	}
	return readPipe(ctx, info, s, child{path: programs.ffmpeg, pipe: true, memory: t.memory()}, func(margin float64) plan {
		return t.plan(info, s, can, margin)
	})
}

// plan is how ffmpeg is told to deliver frames.
type plan struct {
	args          []string
	width, height int
	chain         string  // of filters, one of args
	shift         float64 // seconds to add to ffmpeg's times to get the user's
	seek          float64 // seconds into the file at which decoding begins, 0: its beginning
	first, list   int     // numbers of the filters showinfo, 0: there is none
	stall         time.Duration
}

// seekMargin is how many seconds before the part that is wanted decoding begins at first.
// Seeking may land behind the key frame that is needed: containers go by the times of
// decoding, and those without an index guess. The first picture's time then tells, and
// decoding begins anew, ever earlier.
func seekMargin(format string) float64 {
	if indexed(format) || has(format, "avi") {
		return 0.5
	}
	return 2
}

// marginFactor is by how much the margin grows each time.
const marginFactor = 8

func (t *Tools) plan(info Info, s Sampling, can abilities, margin float64) plan {
	p := plan{}
	p.width, p.height = s.size(info.Width, info.Height)

	if p.seek = max(0, s.From-margin); info.Lag > 0 {
		p.seek = 0 // behind a seek, the times lag otherwise
	} else if fps := info.FPS(); fps > 0 {
		// Some containers count in pictures: only a whole number of them can be
		// taken off their times without rounding.
		p.seek = math.Floor(p.seek*fps) / fps
	}
	args := []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel"}
	if s.Rate == 0 || p.seek > 0 {
		args = append(args, "level+info") // showinfo's lines
	} else {
		args = append(args, "level+error")
	}
	args = append(args, "-max_alloc", strconv.Itoa(maxAlloc), "-max_pixels", strconv.Itoa(maxPixels))
	if t.options.Threads > 0 {
		args = append(args, "-threads", strconv.Itoa(t.options.Threads))
	}
	// A change of size within the file must not start the filters anew: they would begin
	// to count again. The scaler follows the change itself.
	args = append(args, "-reinit_filter", "0")

	p.shift = -info.Lag
	// ffmpeg's times are counted from the point that is sought, or from the container's
	// beginning; but in containers whose times may jump, from the beginning of the tracks
	// that are read.
	if p.seek > 0 {
		args = append(args, "-noaccurate_seek", "-ss", seconds(p.seek))
		p.shift += p.seek
	} else if jumps(info.Format) {
		p.shift += info.Delay
	}
	args = append(args, input(info.Path)...)
	args = append(args, "-map", "0:"+strconv.Itoa(info.Stream))

	end := s.end(info)
	if jumps(info.Format) && s.To <= 0 {
		end = maxDuration // the length is a guess from the first and the last time
	}
	p.chain = p.filters(info, s, end, can)
	args = append(args, "-vf", p.chain)
	if s.Rate > 0 {
		args = append(args, "-frames:v", strconv.Itoa(max(1, s.count(end))))
	}
	if can.version.atLeast(5, 1) {
		args = append(args, "-fps_mode", "passthrough")
	} else {
		args = append(args, "-vsync", "passthrough")
	}
	args = append(args, "-f", "rawvideo", "-pix_fmt", "rgb24", "-enc_time_base", "1:1000000", "pipe:1")
	p.args = args

	p.stall = t.options.StallTime
	if p.stall == 0 {
		p.stall = 2 * time.Minute
	}
	if s.Rate > 0 && s.Rate < 1 {
		p.stall = time.Duration(float64(p.stall) / s.Rate)
	}
	return p
}

// freeze are the arguments for one frame, which is the last picture of the file where all
// pictures begin before the part that is wanted.
func (p plan) freeze() []string {
	args := slices.Clone(p.args)
	for i, arg := range args {
		switch {
		case arg == p.chain:
			args[i] = "tpad=stop=-1:stop_mode=clone," + arg
		case i > 0 && args[i-1] == "-frames:v":
			args[i] = "1"
		}
	}
	return args
}

// filters is the chain from decoded pictures to frames.
func (p *plan) filters(info Info, s Sampling, end float64, can abilities) string {
	// Microseconds: in the coarse time base of some containers, fps and trim would round
	// their beginnings to whole pictures.
	chain := []string{"settb=AVTB"}
	show := "showinfo"
	if can.version.atLeast(4, 4) {
		show += "=checksum=0"
	}
	if p.seek > 0 {
		p.first = len(chain)
		chain = append(chain, show)
	}
	if s.Rate > 0 {
		num, den := fraction(s.Rate, 1_000_000)
		chain = append(chain,
			"tpad=stop_mode=clone:"+linger(info, s.Rate),
			fmt.Sprintf("fps=fps=%d/%d:round=up:start_time=%s", num, den, seconds(s.From-p.shift+slack)))
	} else {
		trim := "trim=start=" + seconds(s.From-p.shift-slack)
		if s.To > 0 {
			trim += ":end=" + seconds(end-p.shift-slack)
		}
		p.list = len(chain) + 1
		// The times are known from showinfo; what follows gets ones that always grow.
		chain = append(chain, trim, show, "setpts=N*1000")
	}
	return strings.Join(append(chain, scaler(info, p.width, p.height, "rgb24", can)), ",")
}

// linger keeps the last picture for tpad: fps ends at the beginning of the last picture it
// gets, so that this must not be the last one that counts. The copies reach to the next
// frame, whatever ffmpeg takes the video's rate for; what is too many, -frames:v cuts off.
// In containers of unsure length one copy stands for the last picture's own time.
func linger(info Info, rate float64) string {
	if jumps(info.Format) {
		return "stop=1"
	}
	long := 1 / rate
	if fps := info.FPS(); fps > 0 {
		long = max(long, 2/fps)
	}
	return "stop_duration=" + seconds(min(long, 600))
}

// seconds writes a time for ffmpeg, without an exponent, to a microsecond.
func seconds(t float64) string {
	return strconv.FormatFloat(math.Round(t*1e6)/1e6, 'f', -1, 64)
}

// indexed says whether a container knows where its key frames are.
func indexed(format string) bool {
	return has(format, "mov") || has(format, "matroska")
}

// jumps says whether the times of a container may start again in the middle (ffmpeg's
// AVFMT_TS_DISCONT).
func jumps(format string) bool {
	return has(format, "mpegts") || has(format, "mpeg") || has(format, "ogg")
}

func has(format, name string) bool {
	for part := range strings.SplitSeq(format, ",") {
		if part == name {
			return true
		}
	}
	return false
}
