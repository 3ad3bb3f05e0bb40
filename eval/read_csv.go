package eval

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tall"
	"tall/dataset"
)

// csvColumns are the columns of a CSV of predictions and their other names.
var csvColumns = [][]string{
	{"video", "vid", "video_id"},
	{"sentence", "query", "description"},
	{"start"},
	{"end"},
	{"score"},
}

// readCSV reads rows of video, sentence, start, end, score, in seconds: a row for
// each moment. The first row may name the columns, in any order. The moments of a
// video and sentence are one prediction, best first; equal scores keep the order
// of the rows. Without scores the order of the rows is the ranking. All rows have
// one, or none: one that lacks it may have been cut off.
func readCSV(r io.Reader, name string) (*stretch, error) {
	into := &stretch{}
	of := map[[2]string]int{}
	columns := []int{0, 1, 2, 3, 4}
	first, scored := true, false
	err := eachRow(r, name, func(n int, row []string) error {
		if first {
			first, scored = false, len(row) > columns[4]
			named, err := header(row, csvColumns, 4)
			if err != nil {
				return err
			}
			if named != nil {
				columns, scored = named, named[4] >= 0
				return nil
			}
		}
		for _, c := range columns[:4] {
			if c >= len(row) {
				return fmt.Errorf("the row has %d columns; want video, sentence, start, end, score", len(row))
			}
		}
		if has := columns[4] >= 0 && columns[4] < len(row); has != scored {
			return fmt.Errorf("the row has %d columns; give all rows a score, or none", len(row))
		}
		var m Found
		var err error
		if m.Start, err = cellNumber(row, columns[2], "start"); err != nil {
			return err
		}
		if m.End, err = cellNumber(row, columns[3], "end"); err != nil {
			return err
		}
		key := [2]string{strings.TrimSpace(row[columns[0]]), row[columns[1]]} // sentences may differ in a blank
		if key[0] == "" {
			return errors.New("the video is empty")
		}
		i, ok := of[key]
		if !ok {
			i = len(into.predictions)
			of[key] = i
			into.predictions = append(into.predictions, Prediction{Video: key[0], Sentence: key[1]})
			into.numbers = append(into.numbers, n)
		}
		p := &into.predictions[i]
		m.Score = -float64(len(p.Moments))
		if scored {
			if m.Score, err = cellNumber(row, columns[4], "score"); err != nil {
				return err
			}
		}
		inspect(&into.notes, name, n, []Found{m})
		p.Moments = append(p.Moments, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range into.predictions {
		p := &into.predictions[i]
		ranked := make([]Found, len(p.Moments))
		for k, j := range byScore(p.Moments) {
			ranked[k] = p.Moments[j]
		}
		p.Moments = ranked
	}
	return into, nil
}

// eachRow calls f with the rows of a CSV and the lines on which they begin.
// Errors name the file and the line.
func eachRow(r io.Reader, name string, f func(n int, row []string) error) error {
	in := &lastByte{Reader: r}
	buffered := bufio.NewReaderSize(in, 1<<16)
	dataset.SkipMark(buffered)
	c := csv.NewReader(&unpadded{in: buffered, start: true})
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	columns := 0
	for {
		row, err := c.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &bad):
			return fmt.Errorf("%s:%d: %w: %w", name, bad.Line, tall.ErrFormat, bad.Err)
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		n, _ := c.FieldPos(0)
		if i := slices.IndexFunc(row, func(s string) bool { return !utf8.ValidString(s) }); i >= 0 {
			return fmt.Errorf("%s:%d: %w: column %d is not UTF-8; convert the file to UTF-8", name, n, tall.ErrFormat, i+1)
		}
		if err := f(n, row); err != nil {
			if short := len(row); short < columns && in.ended(buffered) && last(c) {
				return fmt.Errorf("%s:%d: %w: the last line was half written (it has %d of %d columns and no end); remove it, or write the file again", name, n, tall.ErrFormat, short, columns)
			}
			return fmt.Errorf("%s:%d: %w: %w", name, n, tall.ErrFormat, err)
		}
		columns = max(columns, len(row))
	}
}

// last reports whether no row follows.
func last(c *csv.Reader) bool {
	_, err := c.Read()
	return errors.Is(err, io.EOF)
}

// unpadded leaves out the blanks before a quoted cell. csv.Reader would take
// those of other cells too, and sentences may differ in nothing else.
type unpadded struct {
	in            *bufio.Reader
	start, quoted bool // at the start of a cell; within quotes
}

func (u *unpadded) Read(p []byte) (int, error) {
	for {
		n, err := u.in.Read(p)
		if kept := u.keep(p[:n]); kept > 0 || err != nil || len(p) == 0 {
			return kept, err
		}
	}
}

// keep moves what stays to the front of p and says how much it is.
func (u *unpadded) keep(p []byte) (kept int) {
	for i := 0; i < len(p); i++ {
		c := p[i]
		if u.start && blank(c) {
			end := i + 1
			for end < len(p) && blank(p[end]) {
				end++
			}
			if u.behind(p[end:]) == '"' {
				i = end - 1
				continue
			}
		}
		switch {
		case c == '"':
			u.quoted, u.start = !u.quoted, false
		case !u.quoted:
			u.start = c == ',' || c == '\n'
		}
		p[kept] = c
		kept++
	}
	return kept
}

// behind is the next byte that is no blank; 0: there is none.
func (u *unpadded) behind(rest []byte) byte {
	if len(rest) > 0 {
		return rest[0]
	}
	for n := 1; ; n++ {
		ahead, err := u.in.Peek(n)
		if err != nil {
			return 0
		}
		if !blank(ahead[n-1]) {
			return ahead[n-1]
		}
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// lastByte remembers the last byte that was read.
type lastByte struct {
	io.Reader
	last byte
}

func (l *lastByte) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.last = p[n-1]
	}
	return n, err
}

// ended reports whether the file is at its end, and that end is no line end.
func (l *lastByte) ended(buffered *bufio.Reader) bool {
	_, err := buffered.Peek(1)
	return err != nil && l.last != '\n'
}

// header finds the columns in a first row that names them: the index of each,
// -1 where it is not there and not among the first required. It is nil where the
// row is not a header.
func header(row []string, columns [][]string, required int) ([]int, error) {
	out := make([]int, len(columns))
	known := 0
	for i, names := range columns {
		out[i] = slices.IndexFunc(row, func(cell string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(cell))) })
		known += boolean(out[i] >= 0)
	}
	if known == 0 {
		return nil, nil
	}
	for i, names := range columns[:required] {
		if out[i] < 0 {
			return nil, fmt.Errorf("no column is named %s", strings.Join(names, " or "))
		}
	}
	return out, nil
}

func cellNumber(row []string, column int, what string) (float64, error) {
	text := strings.TrimSpace(row[column])
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, fmt.Errorf("%s is %q, which is no number", what, text)
	}
	return v, nil
}

// humanColumns are the columns of a CSV of annotators' spans.
var humanColumns = [][]string{
	{"hitid"},
	{"video_id", "video", "input.video_id"},
	{"description", "sentence", "input.description"},
	{"start", "answer.start"},
	{"end", "answer.end"},
}

func humanHeader(head []byte) bool {
	first, _, _ := bytes.Cut(head, []byte{'\n'})
	return bytes.Contains(bytes.ToLower(first), []byte("hitid"))
}

// readHuman reads rows of HITId, video_id, description, start, end, in percent of
// the video: the spans of several annotators for each HITId, which are the
// moments of one prediction, in the order of the rows. Files are read into one.
func readHuman(r io.Reader, name string, into *stretch) (*stretch, error) {
	if into == nil {
		into = &stretch{}
	}
	of := map[string]int{}
	for i, p := range into.predictions {
		of[p.ID] = i
	}
	var columns []int
	err := eachRow(r, name, func(n int, row []string) error {
		var err error
		if columns == nil {
			if columns, err = header(row, humanColumns, len(humanColumns)); columns == nil && err == nil {
				err = errors.New("the first row names no columns; want HITId, video_id, description, start, end")
			}
			return err
		}
		for _, c := range columns {
			if c >= len(row) {
				return fmt.Errorf("the row has %d columns; want HITId, video_id, description, start, end", len(row))
			}
		}
		var m Found
		if m.Start, err = cellNumber(row, columns[3], "start"); err != nil {
			return err
		}
		if m.End, err = cellNumber(row, columns[4], "end"); err != nil {
			return err
		}
		id, video, sentence := strings.TrimSpace(row[columns[0]]), strings.TrimSpace(row[columns[1]]), row[columns[2]]
		if id == "" || video == "" {
			return errors.New("HITId and video_id must not be empty")
		}
		i, ok := of[id]
		if !ok {
			i = len(into.predictions)
			of[id] = i
			into.predictions = append(into.predictions, Prediction{ID: id, Video: video, Sentence: sentence})
			into.numbers = append(into.numbers, n)
		}
		p := &into.predictions[i]
		if p.Video != video || p.Sentence != sentence {
			return fmt.Errorf("HITId %s was about another video or sentence before", id)
		}
		if m.Start < 0 || m.End > 100 {
			into.notes.add(dataset.Odd, "spans that are not within 0 and 100 percent", "check that they are in percent of the video", fmt.Sprintf("%s:%d: %g-%g", name, n, m.Start, m.End))
		}
		inspect(&into.notes, name, n, []Found{m})
		p.Moments = append(p.Moments, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return into, nil
}
