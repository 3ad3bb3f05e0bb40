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
	first, list int // numbers of the filters whose lines tell of the first picture, and of each

	mu    sync.Mutex
	more  sync.Cond
	num   float64 // of the time base
	den   float64
	began float64 // time of the first picture, once known
	known bool
	queue []float64
	ended bool
}

func newTimes(first, list int) *times {
	t := &times{first: first, list: list, num: 1, den: 0}
	t.more.L = &t.mu
	return t
}

var (
	baseLine = regexp.MustCompile(`^\[Parsed_showinfo_(\d+) @ [^\]]*\] (?:\[info\] )?config in time_base: (\d+)/(\d+)`)
	timeLine = regexp.MustCompile(`^\[Parsed_showinfo_(\d+) @ [^\]]*\] (?:\[info\] )?n: *\d+ pts: *(-?\d+|NOPTS) +pts_time: *(\S+)`)
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
		// All are told after settb, so that there is one time base.
		t.num, _ = strconv.ParseFloat(string(m[2]), 64)
		t.den, _ = strconv.ParseFloat(string(m[3]), 64)
		return
	}
	m := timeLine.FindSubmatch(line)
	if m == nil {
		return
	}
	filter, _ := strconv.Atoi(string(m[1]))
	at, err := strconv.ParseFloat(string(m[2]), 64)
	if at = at * t.num / t.den; err != nil || math.IsNaN(at) || math.IsInf(at, 0) {
		// Without a time base, the rounded seconds; a picture without any time
		// stands where the one before it does.
		if at, err = strconv.ParseFloat(string(m[3]), 64); err != nil || math.IsNaN(at) {
			at = 0
			if len(t.queue) > 0 {
				at = t.queue[len(t.queue)-1]
			}
		}
	}
	if filter == t.first && !t.known {
		t.began, t.known = at, true
	}
	if filter == t.list {
		t.queue = append(t.queue, at)
	}
	t.more.Broadcast()
}

// beginning waits for the time of the first picture; false: there is none.
func (t *times) beginning() (float64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.known && !t.ended {
		t.more.Wait()
	}
	return t.began, t.known
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
