package media

import (
	"math"
	"regexp"
	"strconv"
	"sync"
)

// times takes the times of pictures from the lines that ffmpeg's filter showinfo writes
// to stderr before it hands each picture on:
//
//	[Parsed_showinfo_1 @ 0x...] [info] config in time_base: 1/15000, frame_rate: 15000/1001
//	[Parsed_showinfo_1 @ 0x...] [info] n:   3 pts:   4004 pts_time:0.266933 ...
//
// A file cannot forge them: what ffmpeg tells of a file's own words is indented.
type times struct {
	mu    sync.Mutex
	more  sync.Cond
	num   float64 // of the time base
	den   float64
	queue []float64
	ended bool
}

func newTimes() *times {
	t := &times{num: 1, den: 0}
	t.more.L = &t.mu
	return t
}

var (
	baseLine = regexp.MustCompile(`^\[Parsed_showinfo_\d+ @ [^\]]*\] (?:\[info\] )?config in time_base: (\d+)/(\d+)`)
	timeLine = regexp.MustCompile(`^\[Parsed_showinfo_\d+ @ [^\]]*\] (?:\[info\] )?n: *\d+ pts: *(-?\d+|NOPTS) +pts_time: *(\S+)`)
)

// Write takes one line.
func (t *times) Write(line []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take(line)
	return len(line), nil
}

func (t *times) take(line []byte) {
	if m := baseLine.FindSubmatch(line); m != nil {
		t.num, _ = strconv.ParseFloat(string(m[1]), 64)
		t.den, _ = strconv.ParseFloat(string(m[2]), 64)
		return
	}
	m := timeLine.FindSubmatch(line)
	if m == nil {
		return
	}
	at, err := strconv.ParseFloat(string(m[1]), 64)
	if at = at * t.num / t.den; err != nil || math.IsNaN(at) || math.IsInf(at, 0) {
		// Without a time base, the rounded seconds; a picture without any time
		// stands where the one before it does.
		if at, err = strconv.ParseFloat(string(m[2]), 64); err != nil {
			at = 0
			if len(t.queue) > 0 {
				at = t.queue[len(t.queue)-1]
			}
		}
	}
	t.queue = append(t.queue, at)
	t.more.Signal()
}

// next waits for the time of the next picture; false: there is none.
func (t *times) next() (float64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) == 0 && !t.ended {
		t.more.Wait()
	}
	if len(t.queue) == 0 {
		return 0, false
	}
	at := t.queue[0]
	t.queue = t.queue[1:]
	return at, true
}

// end tells that no more will be written.
func (t *times) end() {
	t.mu.Lock()
	t.ended = true
	t.more.Broadcast()
	t.mu.Unlock()
}
