package export

import (
	"bufio"
	"fmt"
	"io"

	"tall"
)

// writeEDL writes one event for each moment, one behind the other on the record side from
// 01:00:00:00 on, as editors expect it. All source files are on the reel AX, by which
// CMX3600 says that a source is no tape, and are named in comments.
func writeEDL(w io.Writer, l List) error {
	var r rate
	for i, m := range l.Moments {
		v := l.Videos[m.Video]
		own, err := v.rate("an EDL")
		if err != nil {
			return err
		}
		switch {
		case i == 0:
			r = own
		case own != r:
			return fmt.Errorf("%w: an EDL has one frame rate, and %s has %d/%d, %s %d/%d; export each on its own, or fcpxml", tall.ErrFormat, l.Videos[l.Moments[0].Video].name(), r.num, r.den, v.name(), own.num, own.den)
		case i > 998:
			return fmt.Errorf("%w: an EDL numbers its events to 999, and there are %d moments; list fewer (--top), or export fcpxml", tall.ErrFormat, len(l.Moments))
		}
	}
	if r.den > 0 && r.base() > 100 {
		return fmt.Errorf("%w: an EDL counts frames with two digits, and the video has %d/%d frames a second; export fcpxml or csv", tall.ErrFormat, r.num, r.den)
	}
	b := bufio.NewWriter(w)
	mode := "NON-DROP FRAME"
	if r.drop() > 0 {
		mode = "DROP FRAME"
	}
	fmt.Fprintf(b, "TITLE: %s\nFCM: %s\n", line(l.Title), mode)
	record := 0
	if len(l.Moments) > 0 {
		record = r.hour()
	}
	for i, m := range l.Moments {
		v := l.Videos[m.Video]
		from, to := v.frames(m)
		if to > r.day() || record+to-from > r.day() {
			return fmt.Errorf("%w: the timecode of an EDL ends at 24 hours, and moment %d of %s, or the edit up to it, lies beyond; export fcpxml or csv", tall.ErrFormat, i+1, v.name())
		}
		track := "V"
		if v.Audio {
			track = "AA/V"
		}
		fmt.Fprintf(b, "\n%03d  AX       %-5s C        %s %s %s %s\n", i+1, track, r.timecode(from), r.timecode(to), r.timecode(record), r.timecode(record+to-from))
		fmt.Fprintf(b, "* FROM CLIP NAME: %s\n", line(v.name()))
		if s := line(m.Sentence); s != "" {
			fmt.Fprintf(b, "* COMMENT: %s\n", s)
		}
		record += to - from
	}
	return b.Flush()
}
