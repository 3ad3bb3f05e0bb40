package eval

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf16"

	"tall"
)

// Names of the reference's result files: model, mode, and "_res_.json".
const (
	TestResultName  = "TALL_test_res_.json"
	InferResultName = "TALL_infer_res_.json"
)

// VideoMoments are the reference's results for one video: for each sentence
// that has any moment, its index among the video's sentences and its best
// moment.
type VideoMoments struct {
	Video   string
	Moments []IndexedSpan
}

// IndexedSpan is a span, in source frames, found for the sentence of an index.
type IndexedSpan struct {
	Sentence int
	tall.Span
}

// WriteTestResult writes R@1 and R@5 at IoU 0.5 of a table as the reference
// writes TALL_test_res_.json. It is an error for the table not to have them.
func WriteTestResult(path string, t *Table) error {
	r1, ok1 := t.Recall(1, 0.5)
	r5, ok5 := t.Recall(5, 0.5)
	if !ok1 || !ok5 {
		return fmt.Errorf("%s: %w: the reference's file needs R@1 and R@5 at IoU 0.5, the table has IoU %v and R@%v; add them, or leave the thresholds at their default", path, tall.ErrMissing, t.IoU, t.Top)
	}
	return writeResult(path, func(w *pyWriter) {
		w.open('{')
		w.key("best_R1_IOU5")
		w.float(r1)
		w.key("best_R5_IOU5")
		w.float(r5)
		w.close('}')
	})
}

// WriteInferResult writes predictions as the reference writes
// TALL_infer_res_.json: frames, keyed by video, in the order given.
func WriteInferResult(path string, videos []VideoMoments) error {
	return writeResult(path, func(w *pyWriter) {
		w.open('{')
		for _, v := range videos {
			w.key(v.Video)
			w.open('[')
			for _, m := range v.Moments {
				w.item()
				w.open('[')
				w.item()
				w.print(strconv.Itoa(m.Sentence))
				w.item()
				w.float(m.Start)
				w.item()
				w.float(m.End)
				w.close(']')
			}
			w.close(']')
		}
		w.close('}')
	})
}

func writeResult(path string, results func(*pyWriter)) error {
	return tall.ReplaceFile(path, func(out io.Writer) error {
		w := pyWriter{indent: "  "}
		w.open('{')
		w.key("version")
		w.text("VERSION 1.0")
		w.key("results")
		results(&w)
		w.key("external_data")
		w.open('{')
		w.close('}')
		w.close('}')
		_, err := out.Write(w.out.Bytes())
		return err
	})
}

// pyWriter writes JSON byte for byte as Python's json.dumps does; with
// indent=2 that is what the reference uses: programs that compare or patch such files
// as text keep working.
type pyWriter struct {
	out    bytes.Buffer
	indent string // of each level; "" is written as Python's indent=0 is
	depth  int
	some   bool // the open list or object has an item
}

func (w *pyWriter) print(s string) { w.out.WriteString(s) }

func (w *pyWriter) line() {
	w.print("\n")
	for range w.depth {
		w.print(w.indent)
	}
}

func (w *pyWriter) open(bracket byte) {
	w.out.WriteByte(bracket)
	w.depth++
	w.some = false
}

func (w *pyWriter) close(bracket byte) {
	w.depth--
	if w.some {
		w.line()
	}
	w.out.WriteByte(bracket)
	w.some = true
}

func (w *pyWriter) item() {
	if w.some {
		w.print(",")
	}
	w.line()
	w.some = true
}

func (w *pyWriter) key(k string) {
	w.item()
	w.text(k)
	w.print(": ")
}

// text writes a string in ASCII, as json.dumps does unless told otherwise.
func (w *pyWriter) text(s string) {
	w.print(`"`)
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.print(`\` + string(r))
		case r == '\n':
			w.print(`\n`)
		case r == '\r':
			w.print(`\r`)
		case r == '\t':
			w.print(`\t`)
		case r == '\b':
			w.print(`\b`)
		case r == '\f':
			w.print(`\f`)
		case r >= ' ' && r <= '~':
			w.out.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&w.out, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&w.out, `\u%04x`, r)
		}
	}
	w.print(`"`)
}

// float writes a number as Python's repr: the fewest digits that read back, a
// point or an exponent always, an exponent of two digits at least, from 1e16 on
// and below 1e-4. What is not finite becomes NaN or Infinity, which Python
// reads and JSON does not know.
func (w *pyWriter) float(v float64) {
	switch {
	case math.IsNaN(v):
		w.print("NaN")
		return
	case math.IsInf(v, 0):
		if v < 0 {
			w.print("-")
		}
		w.print("Infinity")
		return
	}
	if a := math.Abs(v); a != 0 && (a >= 1e16 || a < 1e-4) {
		w.print(strconv.FormatFloat(v, 'e', -1, 64))
		return
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if v == math.Trunc(v) {
		s += ".0"
	}
	w.print(s)
}
