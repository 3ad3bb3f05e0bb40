package export

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// writeSRT writes SubRip. It has no escapes, and players take <...> and {...} for
// markup, so these become look-alikes, as does the arrow between times.
func writeSRT(w io.Writer, l List) error {
	moments, err := l.byTime("SRT")
	if err != nil {
		return err
	}
	plain := strings.NewReplacer("-->", "→", "<", "‹", ">", "›", "{", "(", "}", ")")
	b := bufio.NewWriter(w)
	for i, m := range moments {
		from, to := milliseconds(m.Span)
		fmt.Fprintf(b, "%d\n%s --> %s\n%s\n\n", i+1, clock(from, ","), clock(to, ","), cue(plain.Replace(line(m.Sentence))))
	}
	return b.Flush()
}

// writeVTT writes WebVTT (https://www.w3.org/TR/webvtt1/).
func writeVTT(w io.Writer, l List) error {
	moments, err := l.byTime("WebVTT")
	if err != nil {
		return err
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "WEBVTT\n")
	for i, m := range moments {
		from, to := milliseconds(m.Span)
		fmt.Fprintf(b, "\n%d\n%s --> %s\n%s\n", i+1, clock(from, "."), clock(to, "."), cue(escape.Replace(line(m.Sentence))))
	}
	return b.Flush()
}

// cue is the text of a cue: an empty one would end it before it began.
func cue(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
