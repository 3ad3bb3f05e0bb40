package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"charm.land/lipgloss/v2"

	"tall"
)

// Timeline draws spans of one video as bars, a row for each set of spans:
//
//	found  ─────▐███▌─────────────────────────  7.5 s to 16.9 s
//	truth  ──────███▌─────────────────────────  7.9 s to 16.5 s
//	       0 s        20 s       40 s
type Timeline struct {
	Duration float64 // seconds; 0 or less: the end of the last span
	Width    int     // columns of the bars; 0: 60
	Rows     []TimelineRow
}

// TimelineRow is a labeled set of spans, in seconds.
type TimelineRow struct {
	Label string
	Spans []tall.Span
	Note  string // shown behind the bar; "": the first span's times
	Truth bool   // drawn in another color
}

// Write draws the time line in the style of w ([StyleOf]).
func (t Timeline) Write(w io.Writer) error {
	s := StyleOf(w)
	var err error
	if s.Color {
		_, err = lipgloss.Fprintln(w, t.Render(s))
	} else {
		_, err = io.WriteString(w, t.Render(s)+"\n")
	}
	return err
}

// Render returns the drawing without a final line end.
func (t Timeline) Render(s Style) string {
	width := t.Width
	if width <= 0 {
		width = 60
	}
	duration := t.duration()
	labels := 0
	for _, r := range t.Rows {
		labels = max(labels, lipgloss.Width(r.Label))
	}
	lines := make([]string, 0, len(t.Rows)+1)
	for _, r := range t.Rows {
		bar := drawBar(r.Spans, duration, width, s.ASCII)
		if s.Color {
			color := lipgloss.BrightBlue
			if r.Truth {
				color = lipgloss.BrightGreen
			}
			bar = lipgloss.NewStyle().Foreground(color).Render(bar)
		}
		note := r.Note
		if note == "" && len(r.Spans) > 0 {
			note = SpanText(r.Spans[0])
		}
		pad := strings.Repeat(" ", labels-lipgloss.Width(r.Label))
		lines = append(lines, strings.TrimRight(r.Label+pad+"  "+bar+"  "+note, " "))
	}
	lines = append(lines, strings.Repeat(" ", labels+2)+axis(duration, width))
	return strings.Join(lines, "\n")
}

func (t Timeline) duration() float64 {
	if t.Duration > 0 && !math.IsInf(t.Duration, 0) {
		return t.Duration
	}
	end := 0.0
	for _, r := range t.Rows {
		for _, s := range r.Spans {
			if s.Valid() {
				end = max(end, s.End)
			}
		}
	}
	if end == 0 {
		return 1
	}
	return end
}

// SpanText is a span as words, which say so when it is no stretch of time.
func SpanText(s tall.Span) string {
	text := Clock(s.Start) + " to " + Clock(s.End)
	if !s.Valid() {
		text += " (not a valid span)"
	}
	return text
}

// Bar draws spans, in seconds, on a track of width columns that stands for [0, duration]:
// one row of a [Timeline], for tables. A duration of 0 or less is that of the last span.
func Bar(spans []tall.Span, duration float64, width int, s Style) string {
	t := Timeline{Duration: duration, Rows: []TimelineRow{{Spans: spans}}}
	bar := drawBar(spans, t.duration(), max(1, width), s.ASCII)
	if s.Color {
		bar = lipgloss.NewStyle().Foreground(lipgloss.BrightBlue).Render(bar)
	}
	return bar
}

// drawBar draws spans on a track of width columns that stands for [0, duration],
// to half a column (ASCII: to a column). Spans that leave it end in arrows.
func drawBar(spans []tall.Span, duration float64, width int, ascii bool) string {
	halves := make([]bool, 2*width)
	before, after := false, false
	for _, s := range spans {
		if !s.Valid() {
			continue
		}
		before = before || s.Start < 0
		after = after || s.End > duration
		if s.End <= 0 || s.Start >= duration {
			continue
		}
		// The quotient first: it is at most 1, however short the video.
		from := int(math.Round(max(0, s.Start) / duration * float64(len(halves))))
		to := int(math.Round(min(duration, s.End) / duration * float64(len(halves))))
		from = min(from, len(halves)-1)
		for i := from; i < max(to, from+1); i++ { // the shortest span is seen
			halves[i] = true
		}
	}
	full, left, right, track, lt, gt := "█", "▌", "▐", "─", "◀", "▶"
	if ascii {
		full, left, right, track, lt, gt = "#", "#", "#", "-", "<", ">"
	}
	var b strings.Builder
	for i := range width {
		l, r := halves[2*i], halves[2*i+1]
		switch {
		case i == 0 && before:
			b.WriteString(lt)
		case i == width-1 && after:
			b.WriteString(gt)
		case l && r:
			b.WriteString(full)
		case l:
			b.WriteString(left)
		case r:
			b.WriteString(right)
		default:
			b.WriteString(track)
		}
	}
	return b.String()
}

// axis labels a track of width columns with times at round steps.
func axis(duration float64, width int) string {
	const apart = 10 // columns for a label, at least
	step := 0.1
	for _, s := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18000, 36000} {
		if step = s; duration/s*apart <= float64(width) {
			break
		}
	}
	for duration/step*apart > float64(width) {
		step *= 2
	}
	line := []byte(strings.Repeat(" ", width+apart))
	end := 0
	for i := 0; ; i++ {
		at := float64(i) * step
		col := int(math.Round(at / duration * float64(width)))
		if at > duration || col >= width {
			break
		}
		text := tick(at, step)
		if col >= end {
			end = col + copy(line[col:], text) + 1
		}
	}
	return strings.TrimRight(string(line), " ")
}

// tick is a time on the axis: 15 s, 1:30, 1:00:00.
func tick(at, step float64) string {
	s := int(math.Round(at))
	switch {
	case step < 1:
		return fmt.Sprintf("%.1f s", at)
	case at < 60:
		return fmt.Sprintf("%d s", s)
	case at < 3600:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
