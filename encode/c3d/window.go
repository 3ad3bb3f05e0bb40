package c3d

import (
	"fmt"

	"tall"
	"tall/feature"
)

// clipFrames is how many frames go into the network.
const clipFrames = 16

// strideShare is the distance of two windows as a share of their length; TALL's names of
// its folders call it an overlap of 0.8.
const strideShare = 0.2

// Bounds of [Options.Lengths]: a window has at least the network's 16 frames, and the
// frames of the longest are kept, 37 KB each.
const (
	minLength = clipFrames
	maxLength = 4096
)

// Window is a window of a video in frames, counted from 1: [Start, End).
type Window struct{ Start, End int }

// Len is its number of frames.
func (w Window) Len() int { return w.End - w.Start }

// FileName is the name of the window's file in a folder of windows,
// {video}_{start}_{end}.npy.
func (w Window) FileName(video string) string { return feature.FileName(video, w.Start, w.End) }

// frame is the k-th of the 16 frames that are taken of the window, counted from 0.
func (w Window) frame(k int) int { return w.Start - 1 + k*w.Len()/clipFrames }

// schedule lists the windows of a video of unknown length in the order of (start, end).
type schedule struct {
	lengths []int // ascending
	next    []int // the start of the next window of each length; 0: no more
}

func newSchedule(lengths []int) *schedule {
	s := &schedule{lengths: lengths, next: make([]int, len(lengths))}
	for i := range s.next {
		s.next[i] = 1
	}
	return s
}

// step is the distance of windows of a length.
func step(length int) int { return int(strideShare * float64(length)) }

// head is the next window, and the index of its length; -1: there is none.
func (s *schedule) head() (Window, int) {
	at := -1
	for i, start := range s.next {
		if start > 0 && (at < 0 || start < s.next[at]) {
			at = i
		}
	}
	if at < 0 {
		return Window{}, -1
	}
	return Window{s.next[at], s.next[at] + s.lengths[at]}, at
}

// pop moves past the head.
func (s *schedule) pop(at int) { s.next[at] += step(s.lengths[at]) }

// drop says that the video has no more windows of a length.
func (s *schedule) drop(at int) { s.next[at] = 0 }

// samples reports whether a window of some length takes frame n, counted from 0.
func samples(lengths []int, n int) bool {
	for _, length := range lengths {
		every := step(length)
		for k := n / every; k >= 0 && n-k*every < length; k-- {
			off := n - k*every
			i := (off*clipFrames + length - 1) / length
			if i < clipFrames && i*length/clipFrames == off {
				return true
			}
		}
	}
	return false
}

// Windows lists the windows of a video of the given number of frames, in the order of
// (start, end). Lengths in frames; none: TALL's test windows, 128 and 256.
func Windows(frames int, lengths ...int) ([]Window, error) {
	lengths, err := checkLengths(lengths)
	if err != nil {
		return nil, err
	}
	if frames < 1 {
		return nil, nil
	}
	if frames < lengths[0] {
		return []Window{{1, frames + 1}}, nil
	}
	var out []Window
	s := newSchedule(lengths)
	for w, at := s.head(); at >= 0; w, at = s.head() {
		if w.End-1 > frames {
			s.drop(at)
			continue
		}
		out = append(out, w)
		s.pop(at)
	}
	return out, nil
}

func checkLengths(lengths []int) ([]int, error) {
	if len(lengths) == 0 {
		return []int{128, 256}, nil
	}
	out := append([]int(nil), lengths...)
	for i, l := range out {
		if l < minLength || l > maxLength || i > 0 && l <= out[i-1] {
			return nil, fmt.Errorf("%w: windows of %v frames; give lengths from %d to %d in ascending order", tall.ErrFormat, lengths, minLength, maxLength)
		}
	}
	return out, nil
}
