package report

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Clock formats a time within a video, in seconds, to a tenth: 7.5 s, 1:07.5,
// 1:02:03.0. Negative times, which offsets can give, keep their sign.
func Clock(seconds float64) string {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) {
		return "?"
	}
	sign := ""
	if seconds < 0 {
		sign = "-"
	}
	tenths := int64(math.Round(math.Min(math.Abs(seconds), 1e12) * 10))
	if tenths == 0 {
		sign = ""
	}
	s, t := tenths/10, tenths%10
	switch {
	case s < 60:
		return fmt.Sprintf("%s%d.%d s", sign, s, t)
	case s < 3600:
		return fmt.Sprintf("%s%d:%02d.%d", sign, s/60, s%60, t)
	}
	return fmt.Sprintf("%s%d:%02d:%02d.%d", sign, s/3600, s/60%60, s%60, t)
}

// Duration formats how long something took or will take, to what a person needs
// of it: 350 ms, 12.3 s, 4 min 05 s, 2 h 07 min.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-max(d, -math.MaxInt64))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	case d < 59950*time.Millisecond: // what rounds to 60.0 s is a minute
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Hour-500*time.Millisecond:
		s := int64(d.Round(time.Second) / time.Second)
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	}
	m := int64(d.Round(time.Minute) / time.Minute)
	return fmt.Sprintf("%d h %02d min", m/60, m%60)
}
