package export

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"tall"
)

// List is what is written: moments of one or several videos.
type List struct {
	Title   string // of the edit; "": "Moments"
	Videos  []Video
	Moments []Moment // in the order of EDL, FCPXML, CSV and JSON; subtitles go by time
}

// Video is a video file as editors need to know it.
type Video struct {
	Path     string  // absolute, for FCPXML's references to it
	Duration float64 // seconds; 0: unknown
	// FPSNum / FPSDen is the frame rate, such as 30000/1001; 0: unknown, which EDL and
	// FCPXML refuse.
	FPSNum, FPSDen int
	Width, Height  int  // pixels; 0: unknown
	Audio          bool // whether it has sound
}

// Moment is a stretch of one of the videos.
type Moment struct {
	Video      int // index in List.Videos
	tall.Span      // seconds
	Sentence   string
	Rank       int // 1: the best of its sentence; 0: not ranked
	Score      float64
	Confidence float64 // from 0 to 1
}

// The formats.
const (
	EDL    = "edl"    // CMX3600
	CSV    = "csv"    // RFC 4180, with a header
	SRT    = "srt"    // SubRip
	VTT    = "vtt"    // WebVTT
	FCPXML = "fcpxml" // Final Cut Pro XML 1.9
	JSON   = "json"
)

// Formats lists the formats.
func Formats() []string { return []string{EDL, CSV, SRT, VTT, FCPXML, JSON} }

// Write writes a list in a format, one of [Formats]. Moments are cut off at the ends of
// their video. Errors wrap [tall.ErrFormat]: an unknown format, a moment of no length or
// outside its video, a frame rate that is missing or that the format cannot express,
// subtitles of several videos.
func Write(w io.Writer, format string, list List) error {
	if list.Title == "" {
		list.Title = "Moments"
	}
	moments, err := list.inVideos()
	if err != nil {
		return err
	}
	list.Moments = moments
	switch format {
	case EDL:
		return writeEDL(w, list)
	case CSV:
		return writeCSV(w, list)
	case SRT:
		return writeSRT(w, list)
	case VTT:
		return writeVTT(w, list)
	case FCPXML:
		return writeFCPXML(w, list)
	case JSON:
		return writeJSON(w, list)
	}
	return fmt.Errorf("%w: no export %q; there are %s", tall.ErrFormat, format, strings.Join(Formats(), ", "))
}

// inVideos are the moments, cut off at the ends of their videos.
func (l List) inVideos() ([]Moment, error) {
	out := slices.Clone(l.Moments)
	for i := range out {
		m := &out[i]
		if m.Video < 0 || m.Video >= len(l.Videos) {
			return nil, fmt.Errorf("%w: moment %d is of video %d of %d", tall.ErrFormat, i+1, m.Video, len(l.Videos))
		}
		m.Start = max(0, m.Start)
		if d := l.Videos[m.Video].Duration; d > 0 {
			m.End = min(m.End, d)
		}
		if !m.Valid() || m.End > maxSeconds {
			return nil, fmt.Errorf("%w: moment %d of %s, %v, has no length within the video", tall.ErrFormat, i+1, l.Videos[m.Video].name(), l.Moments[i].Span)
		}
	}
	return out, nil
}

// maxSeconds is the most that two digits of hours hold.
const maxSeconds = 100 * 3600

func (v Video) name() string { return filepath.Base(v.Path) }

// rate is the video's frame rate as editors know it; the error says who needs it.
func (v Video) rate(format string) (rate, error) {
	if v.FPSNum <= 0 || v.FPSDen <= 0 || v.FPSNum > 1000*v.FPSDen || v.FPSNum*2 < v.FPSDen {
		return rate{}, fmt.Errorf("%w: %s counts frames, and the frame rate of %s is %d/%d; export csv, srt, vtt or json", tall.ErrFormat, format, v.name(), v.FPSNum, v.FPSDen)
	}
	g := gcd(v.FPSNum, v.FPSDen)
	return rate{v.FPSNum / g, v.FPSDen / g}.known(), nil
}

// frame is the frame boundary nearest to a time, by the rate that the file states: over
// hours, the nearest known one would count others.
func (v Video) frame(seconds float64) int { return rate{v.FPSNum, v.FPSDen}.frame(seconds) }

// frames are the frames of a moment, [from, to). The video must have a rate.
func (v Video) frames(m Moment) (from, to int) {
	total := math.MaxInt
	if v.Duration > 0 {
		total = max(1, v.frame(v.Duration))
	}
	from = min(v.frame(m.Start), total-1)
	return from, min(max(v.frame(m.End), from+1), total)
}

// byTime are the moments of a list of one video in the order of time.
func (l List) byTime(format string) ([]Moment, error) {
	for _, m := range l.Moments {
		if m.Video != l.Moments[0].Video {
			return nil, fmt.Errorf("%w: %s are the subtitles of one video, and the moments are of %s and %s; export each video on its own", tall.ErrFormat, format, l.Videos[l.Moments[0].Video].name(), l.Videos[m.Video].name())
		}
	}
	out := slices.Clone(l.Moments)
	slices.SortStableFunc(out, func(a, b Moment) int { return cmp.Or(a.Compare(b.Span), cmp.Compare(a.Rank, b.Rank)) })
	return out, nil
}

// line makes one line of a text: runs of blanks, line ends and control characters become
// a blank.
func line(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f && r <= 0xa0 || r == '\u2028' || r == '\u2029'
	}), " ")
}
