package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// console is where a command says what it does: a bar on a terminal, plain
// lines in a log, JSON where asked for. Results go to stdout, these to stderr.
type console struct {
	*slog.Logger
	w        io.Writer
	terminal bool
	mu       sync.Mutex // orders bars and lines, which come from several goroutines
}

func (g *global) console(w io.Writer) (*console, error) {
	c := &console{w: w, terminal: isTerminal(w)}
	switch g.logFormat {
	case "text":
		format := time.TimeOnly
		if !c.terminal {
			format = time.DateTime
		}
		c.Logger = slog.New(tint.NewTextHandler(logLines{c}, &tint.Options{TimeFormat: format, NoColor: !c.terminal || os.Getenv("NO_COLOR") != ""}))
	case "json":
		c.terminal = false
		c.Logger = slog.New(slog.NewJSONHandler(logLines{c}, nil))
	default:
		return nil, fmt.Errorf("--log-format %q: give text or json", g.logFormat)
	}
	return c, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns is the width of the terminal.
func (c *console) columns() int {
	if f, ok := c.w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 80
}

// logLines writes lines of the log: where a bar stands, over it.
type logLines struct{ c *console }

func (l logLines) Write(p []byte) (int, error) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if l.c.terminal {
		if _, err := io.WriteString(l.c.w, clearLine); err != nil {
			return 0, err
		}
	}
	return l.c.w.Write(p)
}

// clearLine takes off the terminal what stands on the cursor's line.
const clearLine = "\r\x1b[K"

// progress shows how far something has come.
type progress struct {
	c     *console
	what  string
	unit  string // what is counted, for the rate: "steps"; "B" for bytes; "" for no rate
	begun time.Time
	first int // done when begun, as in a run that goes on

	bar   *progressbar.ProgressBar // on a terminal
	said  time.Time                // when a log last heard of it
	spoke bool                     // a log has heard of it, so it is told of the end
}

// logPause is how often a plain log says how far a long job has come.
const logPause = 10 * time.Second

// barPause is how often a bar moves.
const barPause = 100 * time.Millisecond

func (c *console) progress(what, unit string) *progress {
	return &progress{c: c, what: what, unit: unit, said: time.Now(), first: -1}
}

// set shows done of total (-1: unknown). note is shown beside it.
func (p *progress) set(done, total int, note string) {
	now := time.Now()
	if p.first < 0 {
		p.first, p.begun = done, now
	}
	switch {
	case !p.c.terminal:
		if now.Sub(p.said) >= logPause || done == total && p.spoke {
			p.said, p.spoke = now, done != total
			p.c.Info(p.what, "done", done, "total", total)
		}
	case p.bar == nil || now.Sub(p.said) >= barPause:
		p.said = now
		p.draw(done, total, note)
	}
}

// draw moves the bar: "31% ━━━━━━╸───── train  93/297  loss 0.25  139 steps/s  2s left".
func (p *progress) draw(done, total int, note string) {
	if total == 0 {
		return
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(p.c.w),
			progressbar.OptionSetWidth(24),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionSetPredictTime(false), // text says it, with the unit
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "━", SaucerHead: "╸", SaucerPadding: "─", BarStart: "", BarEnd: ""}),
		)
	}
	// The bar shrinks to fit the terminal, to a few columns; a line that wrapped
	// could not be cleared.
	p.bar.Describe(shorten(p.text(done, total, note), p.c.columns()-18))
	if total > 0 {
		p.bar.ChangeMax(total)
	}
	_ = p.bar.Set(done) // an error here is one of drawing: the work goes on
}

// text is what stands beside the bar.
func (p *progress) text(done, total int, note string) string {
	s := p.what
	switch {
	case p.unit == unitBytes && total > 0:
		s += fmt.Sprintf("  %.1f/%.1f MB", float64(done)/1e6, float64(total)/1e6)
	case p.unit == unitBytes:
		s += fmt.Sprintf("  %.1f MB", float64(done)/1e6)
	default:
		s += fmt.Sprintf("  %d/%d", done, total)
	}
	if note != "" {
		s += "  " + note
	}
	seconds := time.Since(p.begun).Seconds()
	if done <= p.first || seconds < 0.5 {
		return s
	}
	rate := float64(done-p.first) / seconds
	switch p.unit {
	case "":
	case unitBytes:
		s += fmt.Sprintf("  %.1f MB/s", rate/1e6)
	default:
		digits := 0
		if rate < 10 {
			digits = 2
		}
		s += fmt.Sprintf("  %.*f %s/s", digits, rate, p.unit)
	}
	if total > done {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		s += fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	return s
}

const unitBytes = "B"

// shorten cuts a text to n runes.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:max(0, n-1)]) + "…"
}

// finish takes the bar off the terminal.
func (p *progress) finish() {
	if p.bar == nil {
		return
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	_, _ = io.WriteString(p.c.w, clearLine)
}
