package media

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"tall"
)

// scan reads a file through, without decoding, for the length and number of pictures that
// its head does not state (recordings of browsers, unfinished files).
func (t *Tools) scan(ctx context.Context, info Info) (Info, error) {
	programs, err := t.found()
	if err != nil {
		return info, err
	}
	var packets packets
	args := append([]string{
		"-v", "error", "-select_streams", strconv.Itoa(info.Stream),
		"-show_entries", "packet=pts_time,dts_time,duration_time", "-print_format", "compact=print_section=0",
	}, input(info.Path)...)
	// Reading is as fast as the disk: ten times what a glance may take is enough for
	// hundreds of gigabytes.
	_, said, err := run(ctx, child{path: programs.ffprobe, args: args, stdout: &packets, memory: t.memory()}, 10*t.probeTime())
	if err != nil {
		return info, explain(ctx, info.Path, said, err)
	}
	if packets.n == 0 {
		return info, fmt.Errorf("%s: %w: its video track holds no pictures", info.Path, tall.ErrFormat)
	}
	info.Frames = packets.n
	gap := packets.duration
	if gap <= 0 && packets.n > 1 {
		gap = (packets.last - packets.first) / float64(packets.n-1)
	}
	if gap <= 0 && info.FPS() > 0 {
		gap = 1 / info.FPS()
	}
	if gap <= 0 {
		gap = 0.04 // a lone picture without any time: shown for as long as one of 25 a second
	}
	info.Delay = max(0, packets.first-info.Start)
	info.Duration = packets.last + gap - info.Start
	if info.FPSDen == 0 {
		info.FPSNum, info.FPSDen = fraction(1/gap, 100_000)
	}
	return info, checkDuration(info)
}

// packets takes in ffprobe's lines "pts_time=1.2|dts_time=1.1|duration_time=0.04".
type packets struct {
	line        []byte
	n           int
	first, last float64 // seconds on the container's clock
	duration    float64 // of the last packet
}

func (p *packets) Write(data []byte) (int, error) {
	n := len(data)
	for {
		head, rest, found := bytes.Cut(data, []byte("\n"))
		if len(p.line)+len(head) > 1<<16 {
			return 0, errOutput
		}
		p.line = append(p.line, head...)
		if !found {
			return n, nil
		}
		p.take(string(p.line))
		p.line, data = p.line[:0], rest
	}
}

func (p *packets) take(line string) {
	at, duration, ok := 0.0, 0.0, false
	for field := range strings.SplitSeq(strings.TrimSpace(line), "|") {
		name, text, _ := strings.Cut(field, "=")
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || v-v != 0 {
			continue
		}
		switch name {
		case "pts_time":
			at, ok = v, true
		case "dts_time":
			if !ok {
				at, ok = v, true
			}
		case "duration_time":
			duration = v
		}
	}
	if !ok {
		return
	}
	if p.n == 0 || at < p.first {
		p.first = at
	}
	if p.n == 0 || at >= p.last {
		p.last, p.duration = at, duration
	}
	p.n++
}

// fraction is the best approximation of x > 0 by a fraction whose terms are limit at most
// (continued fractions).
func fraction(x float64, limit int) (num, den int) {
	a, b, c, d := 0, 1, 1, 0 // the last two convergents, a/b and c/d
	for rest := x; ; {
		whole := int(min(rest, float64(limit)))
		n, m := whole*c+a, whole*d+b
		if n > limit || m > limit {
			break
		}
		a, b, c, d = c, d, n, m
		part := rest - float64(whole)
		if part < 1e-9 {
			break
		}
		rest = 1 / part
	}
	if d == 0 || c == 0 {
		return max(1, min(int(x+0.5), limit)), 1
	}
	return c, d
}
