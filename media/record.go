package media

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// record keeps the first and the last complaints of a child, which come on stderr: the
// first is mostly the cause, the last the consequence.
type record struct {
	also io.Writer // gets every whole line too

	mu   sync.Mutex
	line []byte
	head []string
	tail []string
}

const (
	// keepLines bounds the complaints that are kept at each end.
	keepLines = 16
	// maxLine bounds a line, bytes; the rest of a longer one is dropped.
	maxLine = 2 << 10
)

func (r *record) Write(data []byte) (int, error) {
	n := len(data)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		head, rest, found := bytes.Cut(data, []byte("\n"))
		if room := maxLine - len(r.line); room > 0 {
			r.line = append(r.line, head[:min(room, len(head))]...)
		}
		if !found {
			return n, nil
		}
		r.take()
		data = rest
	}
}

func (r *record) take() {
	defer func() { r.line = r.line[:0] }()
	if r.also != nil {
		if _, err := r.also.Write(r.line); err != nil {
			r.also = nil
		}
	}
	text := string(r.line)
	switch {
	case mild.MatchString(text) || strings.TrimSpace(text) == "":
	case len(r.head) < keepLines:
		r.head = append(r.head, text)
	case len(r.tail) < keepLines:
		r.tail = append(r.tail, text)
	default:
		copy(r.tail, r.tail[1:])
		r.tail[keepLines-1] = text
	}
}

// raw are the complaints as they came, and what stands unfinished at the end.
func (r *record) raw() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := append(append([]string(nil), r.head...), r.tail...)
	if text := string(r.line); !mild.MatchString(text) && text != "" {
		out = append(out, text)
	}
	return out
}

// lines are the complaints without the addresses of ffmpeg's parts ("[h264 @ 0x55d0...]
// [error] ") and without control characters.
func (r *record) lines() []string {
	var out []string
	for _, line := range r.raw() {
		if line = plain(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}
