package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
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
}

func (g *global) console(w io.Writer) (*console, error) {
	c := &console{w: w, terminal: isTerminal(w)}
	switch g.logFormat {
	case "text":
		format := time.TimeOnly
		if !c.terminal {
			format = time.DateTime
		}
		c.Logger = slog.New(tint.NewTextHandler(lineWriter{c}, &tint.Options{TimeFormat: format, NoColor: !c.terminal || os.Getenv("NO_COLOR") != ""}))
	case "json":
		c.terminal = false
		c.Logger = slog.New(slog.NewJSONHandler(w, nil))
	default:
		return nil, fmt.Errorf("--log-format %q: give text or json", g.logFormat)
	}
	return c, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// lineWriter clears what a bar left on the line before a log line is written.
type lineWriter struct{ c *console }

func (l lineWriter) Write(p []byte) (int, error) {
	if l.c.terminal {
		if _, err := io.WriteString(l.c.w, "\r\x1b[K"); err != nil {
			return 0, err
		}
	}
	return l.c.w.Write(p)
}

// progress shows how far something has come.
type progress struct {
	c     *console
	what  string
	bar   *progressbar.ProgressBar
	said  time.Time
	bytes bool
	spoke bool // a log has heard of it, so it is told of the end
}

// logPause is how often a plain log says how far a long job has come.
const logPause = 10 * time.Second

func (c *console) progress(what string) *progress {
	return &progress{c: c, what: what, said: time.Now()}
}

// set shows done of total. note, where it is not empty, is shown beside it.
func (p *progress) set(done, total int, note string) {
	if !p.c.terminal {
		if time.Since(p.said) >= logPause || done == total && p.spoke {
			p.said, p.spoke = time.Now(), done != total
			p.c.Info(p.what, "done", done, "total", total)
		}
		return
	}
	if p.bar == nil {
		options := []progressbar.Option{
			progressbar.OptionSetWriter(p.c.w),
			progressbar.OptionSetWidth(24),
			progressbar.OptionThrottle(100 * time.Millisecond),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "━", SaucerHead: "╸", SaucerPadding: "─", BarStart: "", BarEnd: ""}),
		}
		if p.bytes {
			options = append(options, progressbar.OptionShowBytes(true), progressbar.OptionUseIECUnits(true))
		}
		p.bar = progressbar.NewOptions(total, options...)
	}
	description := p.what
	if note != "" {
		description += "  " + note
	}
	p.bar.ChangeMax(total)
	p.bar.Describe(description)
	_ = p.bar.Set(done) // an error here is one of drawing: the work goes on
}

// finish takes the bar off the terminal.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
