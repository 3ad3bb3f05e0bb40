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
	packets, err := t.packets(ctx, programs, info.Path, strconv.Itoa(info.Stream), "")
	if err != nil {
		return info, err
	}
	if packets.n == 0 {
		return info, fmt.Errorf("%s: %w: its video track holds no pictures", info.Path, tall.ErrFormat)
	}
	info.Frames = packets.n
	gap := packets.gap()
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

// packets lists a track's packets, without decoding: all, or those of an interval as
// ffprobe writes it ("10%20").
func (t *Tools) packets(ctx context.Context, programs programs, path, track, interval string) (*packets, error) {
	p := &packets{listKeys: interval != ""}
	args := []string{
		"-v", "error", "-select_streams", track,
		"-show_entries", "packet=pts_time,dts_time,duration_time,flags", "-print_format", "compact=print_section=0",
	}
	if interval != "" {
		args = append(args, "-read_intervals", interval)
	}
	// Reading is as fast as the disk: ten times what a glance may take is enough for
	// hundreds of gigabytes.
	_, said, err := run(ctx, child{path: programs.ffprobe, args: append(args, input(path)...), stdout: p, memory: t.memory()}, 10*t.probeTime())
	if err != nil {
		return p, explain(ctx, path, said, err)
	}
	return p, nil
}

// packets takes in ffprobe's lines "pts_time=1.2|dts_time=1.1|duration_time=0.04|flags=K_".
type packets struct {
	listKeys bool

	line        []byte
	n           int
	first, last float64   // seconds on the container's clock
	duration    float64   // of the last packet
	key         bool      // the first packet is a key frame
	keys        []float64 // times of key frames, with listKeys
}

// gap is how long the last picture is shown, in seconds; 0: unknown.
func (p *packets) gap() float64 {
	if p.duration <= 0 && p.n > 1 {
		return (p.last - p.first) / float64(p.n-1)
	}
	return p.duration
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
	at, duration, ok, key := 0.0, 0.0, false, false
	for field := range strings.SplitSeq(strings.TrimSpace(line), "|") {
		name, text, _ := strings.Cut(field, "=")
		if name == "flags" {
			key = strings.HasPrefix(text, "K")
			continue
		}
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
	if key && p.n == 0 {
		p.key = true
	}
	if key && p.listKeys {
		p.keys = append(p.keys, at)
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
