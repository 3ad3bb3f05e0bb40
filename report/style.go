package report

import (
	"io"
	"os"
	"runtime"
	"strings"
)

// Style is how results look.
type Style struct {
	Color bool // borders and color; otherwise plain aligned text
	ASCII bool // nothing but ASCII in drawings
}

// StyleOf is the style for a writer: color on a terminal, unless NO_COLOR is
// set (https://no-color.org) or TERM is dumb; ASCII where the locale names
// another encoding than UTF-8.
func StyleOf(w io.Writer) Style { return styleOf(w, os.Getenv, runtime.GOOS) }

func styleOf(w io.Writer, getenv func(string) string, goos string) Style {
	var s Style
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		s.Color = err == nil && info.Mode()&os.ModeCharDevice != 0 && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	}
	// The first of the three that is set rules (POSIX). None set is the C locale
	// on paper, but a container with a UTF-8 terminal in practice.
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToLower(v)
			s.ASCII = goos != "windows" && !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
			break
		}
	}
	return s
}
