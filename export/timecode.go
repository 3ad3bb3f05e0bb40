package export

import (
	"fmt"
	"math"
	"strconv"

	"tall"
)

// rate is a frame rate as a fraction in lowest terms.
type rate struct{ num, den int }

// known is the rate of television that a rate stands for: many files say 29.97 or 23.976,
// or what their clocks make of it, in the place of 30000/1001 and 24000/1001.
func (r rate) known() rate {
	for _, base := range []int{15, 24, 30, 48, 60, 120} {
		// A hundredth of what lies between 29.97 and 30.
		if off := float64(r.num)*1001/(float64(r.den)*float64(base)*1000) - 1; math.Abs(off) < 1.5e-5 {
			return rate{base * 1000, 1001}
		}
	}
	return r
}

// frame is the frame boundary nearest to a time.
func (r rate) frame(seconds float64) int {
	return int(math.Round(min(seconds, maxSeconds) * float64(r.num) / float64(r.den)))
}

// base is how many frames timecode counts in a second: 30 for 30000/1001.
func (r rate) base() int { return (2*r.num + r.den) / (2 * r.den) }

// drop is how many labels drop-frame timecode skips in a minute: 2 at 29.97, 4 at 59.94,
// and 0 at rates that have no drop-frame timecode (SMPTE ST 12-1).
func (r rate) drop() int {
	if r.den == 1001 && (r.num == 30000 || r.num == 60000) {
		return r.num / 15000
	}
	return 0
}

// timecode is the label of a frame: 00:01:00;02 where labels are dropped, else
// 00:01:00:02. Rates above 100 have frame numbers of three digits.
func (r rate) timecode(frame int) string {
	base, drop := r.base(), r.drop()
	separator := ":"
	if drop > 0 {
		separator = ";"
		minute := 60*base - drop       // frames in a minute that drops
		tenMinutes := 10*minute + drop // the first of ten does not
		tens, rest := frame/tenMinutes, frame%tenMinutes
		frame += 9 * drop * tens
		if rest >= drop {
			frame += drop * ((rest - drop) / minute)
		}
	}
	s := frame / base
	digits := 2
	if base > 100 {
		digits = 3
	}
	return fmt.Sprintf("%02d:%02d:%02d%s%0*d", s/3600, s/60%60, s%60, separator, digits, frame%base)
}

// day is the number of labels there are: behind 23:59:59 timecode begins anew.
func (r rate) day() int { return 24 * r.hour() }

// hour is the frame labeled 01:00:00:00.
func (r rate) hour() int { return 3600*r.base() - 54*r.drop() }

// seconds is the time of a frame boundary as Final Cut Pro writes it: a fraction over the
// rate's numerator, "1001/30000s", or whole seconds, "5s".
func (r rate) seconds(frame int) string {
	if n := frame * r.den; n%r.num != 0 {
		return fmt.Sprintf("%d/%ds", n, r.num)
	}
	return strconv.Itoa(frame*r.den/r.num) + "s"
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// clock is a time as subtitles write it, with milliseconds behind point.
func clock(ms int, point string) string {
	s := ms / 1000
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", s/3600, s/60%60, s%60, point, ms%1000)
}

// milliseconds are the ends of a cue, which has at least one.
func milliseconds(s tall.Span) (from, to int) {
	from = int(math.Round(s.Start * 1000))
	return from, max(int(math.Round(s.End*1000)), from+1)
}
