package media

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tall"
)

// probed is the part of ffprobe's answer that is asked for.
type probed struct {
	Streams []stream `json:"streams"`
	Format  struct {
		Name     string `json:"format_name"`
		Start    number `json:"start_time"`
		Duration number `json:"duration"`
	} `json:"format"`
}

type stream struct {
	Index    int    `json:"index"`
	Type     string `json:"codec_type"`
	Codec    string `json:"codec_name"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	Aspect   string `json:"sample_aspect_ratio"`
	Pixels   string `json:"pix_fmt"`
	Matrix   string `json:"color_space"`
	Transfer string `json:"color_transfer"`
	Common   string `json:"r_frame_rate"`   // the lowest rate that holds all times
	Average  string `json:"avg_frame_rate"` // frames over duration
	Start    number `json:"start_time"`
	Duration number `json:"duration"`
	Frames   number `json:"nb_frames"`
	Reorder  int    `json:"has_b_frames"` // pictures that the decoder holds back
	Tags     struct {
		Rotate   number `json:"rotate"`
		Duration string `json:"DURATION"`
	} `json:"tags"`
	Disposition struct {
		Default   int `json:"default"`
		Attached  int `json:"attached_pic"`
		Thumbnail int `json:"timed_thumbnails"`
		Still     int `json:"still_image"`
	} `json:"disposition"`
	Side []struct {
		Rotation number `json:"rotation"`
	} `json:"side_data_list"`
}

// number is a value that ffprobe writes as text, as a number, or as "N/A".
type number struct {
	value float64
	known bool
}

func (n *number) UnmarshalJSON(data []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	*n = number{v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)}
	return nil
}

const asked = "format=format_name,start_time,duration" +
	":stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,pix_fmt,color_space,color_transfer,r_frame_rate,avg_frame_rate,start_time,duration,nb_frames,has_b_frames" +
	":stream_disposition=default,attached_pic,timed_thumbnails,still_image:stream_tags=rotate,DURATION:stream_side_data=rotation"

// Probe tells what a video file, a Y4M file or a folder of images holds. Errors name the
// file and wrap [tall.ErrMissing] (no file, no ffmpeg), [tall.ErrFormat] (damaged, no
// pictures) or [tall.ErrUnsafe] (a device, a playlist, a frame beyond 8192 x 8192 pixels).
func (t *Tools) Probe(ctx context.Context, path string) (Info, error) {
	folder, size, err := checkFile(path)
	if err != nil {
		return Info{}, err
	}
	if folder {
		return t.probeImages(path)
	}
	if ok, err := isY4M(path); err != nil {
		return Info{}, err
	} else if ok {
		return probeY4M(path, size)
	}
	programs, err := t.found()
	if err != nil {
		return Info{}, err
	}
	args := append([]string{"-v", "error", "-print_format", "json", "-show_entries", asked}, input(path)...)
	out, said, err := run(ctx, child{path: programs.ffprobe, args: args, memory: t.memory()}, t.probeTime())
	if err != nil {
		return Info{}, explain(ctx, path, said, err)
	}
	var p probed
	if err := json.Unmarshal(out, &p); err != nil {
		return Info{}, fmt.Errorf("%s: ffprobe's answer: %w", path, err)
	}
	info, err := p.info(path)
	if err != nil || info.Duration > 0 {
		return info, err
	}
	return t.scan(ctx, info)
}

func (t *Tools) probeTime() time.Duration {
	if t.options.ProbeTime > 0 {
		return t.options.ProbeTime
	}
	return time.Minute
}

func (t *Tools) memory() int64 {
	if t.options.MaxMemory > 0 {
		return t.options.MaxMemory
	}
	return 4 << 30
}

// info reads ffprobe's answer. Duration stays 0 where the file does not say it.
func (p probed) info(path string) (Info, error) {
	info := Info{Path: path, Format: p.Format.Name}
	var best *stream
	cover := false
	for i := range p.Streams {
		s := &p.Streams[i]
		if s.Type == "audio" {
			info.Audio++
		}
		if s.Type != "video" {
			continue
		}
		if s.Disposition.Attached != 0 || s.Disposition.Thumbnail != 0 || s.Disposition.Still != 0 {
			cover = true
			continue
		}
		if best == nil || s.better(best) {
			best = s
		}
	}
	switch {
	case best == nil && cover:
		return info, fmt.Errorf("%s: %w: it holds sound and a cover picture, but no video", path, tall.ErrFormat)
	case best == nil && info.Audio > 0:
		return info, fmt.Errorf("%s: %w: it holds sound only, no pictures", path, tall.ErrFormat)
	case best == nil:
		return info, fmt.Errorf("%s: %w: it holds no video track", path, tall.ErrFormat)
	}
	if err := checkSize(path, best.Width, best.Height); err != nil {
		return info, err
	}
	info.Stream, info.Codec, info.Pixels = best.Index, best.Codec, best.Pixels
	info.Matrix, info.Transfer = known(best.Matrix), known(best.Transfer)
	info.Width, info.Height = best.shown()
	if err := checkSize(path, info.Width, info.Height); err != nil {
		return info, err
	}
	if best.Frames.value > 0 && best.Frames.value < math.MaxInt32 {
		info.Frames = int(best.Frames.value)
	}
	info.FPSNum, info.FPSDen, info.Variable = best.rate()
	info.Start = p.Format.Start.value
	if !p.Format.Start.known {
		info.Start = best.Start.value
	}
	if best.Start.known {
		info.Delay = max(0, best.Start.value-info.Start)
	}
	if has(info.Format, "avi") && info.FPS() > 0 && best.Reorder > 0 && best.Reorder <= 16 {
		info.Lag = float64(best.Reorder) / info.FPS()
	}
	info.Duration = best.length(info, p.Format.Duration)
	return info, checkDuration(info)
}

// maxDuration is a week in seconds: no video, but damaged times.
const maxDuration = 7 * 24 * 3600

func checkDuration(info Info) error {
	if info.Duration > maxDuration {
		return fmt.Errorf("%s: %w: it says to last %.0f days, which damaged times do: remux it with ffmpeg -i IN -c copy OUT", info.Path, tall.ErrFormat, info.Duration/86400)
	}
	return nil
}

func checkSize(path string, width, height int) error {
	if width <= 0 || height <= 0 {
		return fmt.Errorf("%s: %w: its pictures have no size (%d x %d): the file is damaged or cut off before the first picture", path, tall.ErrFormat, width, height)
	}
	if width > maxPixels/height {
		return fmt.Errorf("%s: %w: a frame of %d x %d pixels is larger than 8192 x 8192; scale the video down first", path, tall.ErrUnsafe, width, height)
	}
	return nil
}

func known(name string) string {
	if name == "unknown" || name == "reserved" {
		return ""
	}
	return name
}

// better says which of two video tracks a player would show: the one marked as default,
// else the larger one, else the first.
func (s *stream) better(o *stream) bool {
	if s.Disposition.Default != o.Disposition.Default {
		return s.Disposition.Default > o.Disposition.Default
	}
	return s.Width*s.Height > o.Width*o.Height
}

// shown is the size with square pixels, upright: the side that the pixels' shape makes
// longer grows, as ffmpeg's own advice for square pixels is; nothing is thrown away.
func (s *stream) shown() (width, height int) {
	width, height = s.Width, s.Height
	if num, den, ok := ratio(s.Aspect, ":"); ok && num != den {
		// Beyond 1:10 it is damage, not a shape.
		if a := float64(num) / float64(den); a >= 0.1 && a <= 10 {
			width = max(1, int(math.Round(float64(width)*a)))
		}
	}
	turn := s.Tags.Rotate.value
	for _, side := range s.Side {
		if side.Rotation.known {
			turn = side.Rotation.value
		}
	}
	if quarter := math.Mod(math.Abs(turn), 180); quarter > 45 && quarter < 135 {
		width, height = height, width
	}
	return width, height
}

// rate is the frame rate as a fraction, and whether it changes. The average of a file
// whose times are rounded (Matroska: to milliseconds) is a little off; the common rate is
// then the true one, unless it is a mere multiple.
func (s *stream) rate() (num, den int, variable bool) {
	rn, rd, rok := ratio(s.Common, "/")
	an, ad, aok := ratio(s.Average, "/")
	switch {
	case !aok && !rok:
		return 0, 0, false
	case !aok:
		return rn, rd, false
	case !rok:
		return an, ad, false
	}
	r, a := float64(rn)/float64(rd), float64(an)/float64(ad)
	if math.Abs(r-a) <= a*0.002 {
		return rn, rd, false
	}
	// Interlaced tracks have a common rate of twice the average: fields, not frames.
	if math.Abs(r-2*a) <= a*0.002 {
		return an, ad, false
	}
	return an, ad, true
}

// ratio reads "30000/1001". Terms beyond a million million are damage.
func ratio(text, sep string) (num, den int, ok bool) {
	a, b, found := strings.Cut(text, sep)
	if !found {
		return 0, 0, false
	}
	num, err1 := strconv.Atoi(a)
	den, err2 := strconv.Atoi(b)
	return num, den, err1 == nil && err2 == nil && num > 0 && den > 0 && num < 1e12 && den < 1e12
}

// length is the time from the beginning to the end of the last picture: of the track
// where it is known, else of the whole file.
func (s *stream) length(info Info, whole number) float64 {
	if s.Duration.value > 0 {
		return info.Delay + s.Duration.value
	}
	if has(info.Format, "matroska") {
		// Matroska says when things end on its own clock, for each track in a tag.
		if d, ok := clockTime(s.Tags.Duration); ok && d > 0 && (!whole.known || d <= whole.value+0.5) {
			whole.value = d
		}
		return max(0, whole.value-info.Start)
	}
	if has(info.Format, "flv") && whole.value > info.Start {
		return whole.value - info.Start // it, too, says when it ends
	}
	return max(0, whole.value)
}

// clockTime reads "01:02:03.456000000" as seconds.
func clockTime(text string) (float64, bool) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return 0, false
	}
	sum := 0.0
	for _, part := range parts {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || !(v >= 0) || v > 1e6 {
			return 0, false
		}
		sum = sum*60 + v
	}
	return sum, true
}
