package dataset

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
	"tall/feature"
)

// durations are the lengths of videos as files of their own state them.
type durations struct {
	seconds map[string]float64
	frames  map[string]float64 // from files that count frames
	files   []string
}

// withDurations gives the records that have none the durations of the file or
// folder in the options, or of files beside the annotations: the CSV of Charades
// and TALL's pickle of lengths.
func (g *gathering) withDurations(name string, files []corpusFile) error {
	var paths []string
	switch {
	case g.o.Durations != "":
		var err error
		if paths, err = durationFiles(g.o.Durations, ".csv", ".json", ".pkl", ".pickle"); err != nil {
			return err
		}
	case name == CharadesSTA || name == TACoS:
		ext := ".csv"
		if name == TACoS {
			ext = ".pkl"
		}
		for _, f := range files {
			if dir := filepath.Dir(f.path); !slices.ContainsFunc(paths, func(p string) bool { return filepath.Dir(p) == dir }) {
				beside, err := durationFiles(dir, ext)
				if err != nil && !errors.Is(err, tall.ErrMissing) {
					return err
				}
				paths = append(paths, beside...)
			}
		}
	}
	if len(paths) == 0 {
		return nil
	}
	d := durations{seconds: map[string]float64{}, frames: map[string]float64{}}
	for _, path := range paths {
		if err := d.read(path, name == TACoS || name == TACoS2DTAN); err != nil {
			return err
		}
		g.files = append(g.files, path)
	}
	for i := range g.records {
		d.give(g, &g.records[i])
	}
	return nil
}

// give sets the duration of a record that has none.
func (d *durations) give(g *gathering, r *record) {
	if r.Duration > 0 {
		return
	}
	for _, video := range []string{r.Video, videoName(r.Video)} {
		if n, ok := d.frames[video]; ok {
			clock := r.FPS
			if clock == 1 {
				clock = cmp.Or(g.o.FPS, feature.DefaultFPS)
			}
			if r.FPS != 1 && n > 0 {
				r.end = n
			}
			g.setDuration(r, n/clock)
			return
		}
		if s, ok := d.seconds[video]; ok {
			g.setDuration(r, s)
			return
		}
	}
	if key := "not listed: " + r.Video; !g.once[key] {
		g.once[key] = true
		g.note(notListed, r.at, "%s", r.Video)
	}
}

// durationFiles are the files of durations that path names: itself, or those of
// the folder that have one of the extensions. Of several forms of one list, .json beside .pkl, one is enough.
func durationFiles(path string, extensions ...string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		p := filepath.Join(path, e.Name())
		ext := strings.ToLower(filepath.Ext(p))
		if !slices.Contains(extensions, ext) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := os.Stat(p); err != nil || !info.Mode().IsRegular() {
			continue
		}
		same := slices.ContainsFunc(out, func(o string) bool {
			return strings.TrimSuffix(o, filepath.Ext(o)) == strings.TrimSuffix(p, filepath.Ext(p))
		})
		if kind, err := sniffFile(p); err == nil && kind == durationsFile && !same {
			out = append(out, p)
		}
	}
	if out == nil {
		return nil, fmt.Errorf("%w: %s holds no file of durations: the CSV of Charades, a pickle or JSON {video: number}", tall.ErrMissing, path)
	}
	return out, nil
}

// read adds the durations of a file: CSV with columns id and length (seconds), a
// pickle of frames, or JSON {video: number}, which counts frames where the
// annotations do (inFrames) and seconds otherwise.
func (d *durations) read(path string, inFrames bool) error {
	kind, err := sniffFile(path)
	if err != nil {
		return err
	}
	if kind != durationsFile {
		return fmt.Errorf("%w: %s holds no durations: a CSV with the columns id and length (seconds), a pickle {video: frames} or JSON {video: number} does", tall.ErrFormat, path)
	}
	d.files = append(d.files, path)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 1)
	if _, err := f.ReadAt(head, 0); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case head[0] == 0x80 || head[0] == '(' || head[0] == '}':
		lengths, err := ReadLengths(path)
		for video, n := range lengths {
			d.frames[video] = float64(n)
		}
		return err
	case ext == ".json" || head[0] == '{':
		into := d.seconds
		if inFrames {
			into = d.frames
		}
		return readDurationJSON(f, path, into)
	}
	return readDurationCSV(f, path, d.seconds)
}

func readDurationJSON(r io.Reader, path string, into map[string]float64) error {
	j := newJSONText(r, path)
	err := j.entries(func(video string, at position) error {
		v, err := j.number()
		if err != nil {
			return fmt.Errorf("%w, the length of %.60q", err, video)
		}
		return set(into, video, v, spot{path, at.line, at.column})
	})
	if err == nil {
		err = j.end()
	}
	return err
}

// SkipMark passes over a byte order mark, which spreadsheets write before a CSV.
func SkipMark(r *bufio.Reader) {
	if mark, err := r.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = r.Discard(3)
	}
}

// readDurationCSV reads the columns id and length of a CSV with a header, as
// Charades_v1_train.csv.
func readDurationCSV(r io.Reader, path string, into map[string]float64) error {
	text := bufio.NewReader(r)
	SkipMark(text)
	in := csv.NewReader(text)
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return fmt.Errorf("%s: %w: %w", path, tall.ErrFormat, err)
	}
	id, length := slices.Index(header, "id"), slices.Index(header, "length")
	if id < 0 || length < 0 {
		return fmt.Errorf("%s:1: %w: no columns id and length", path, tall.ErrFormat)
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return fmt.Errorf("%s:%d:%d: %w: %w", path, bad.Line, bad.Column, tall.ErrFormat, bad.Err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		line, column := in.FieldPos(length)
		v := math.NaN() // an empty cell: not known, and noted if it is asked for
		if row[length] != "" {
			if v, err = decimal(row[length]); err != nil {
				return fmt.Errorf("%s:%d:%d: %w: the length of %.60q: %w", path, line, column, tall.ErrFormat, row[id], err)
			}
		}
		if err := set(into, row[id], v, spot{path, line, column}); err != nil {
			return err
		}
	}
}

// set refuses a second, different length of a video.
func set(into map[string]float64, video string, v float64, at spot) error {
	if known, ok := into[video]; ok && known != v {
		return fmt.Errorf("%s: %w: the length of %.60q is %g, and %g before", at, tall.ErrFormat, video, v, known)
	}
	into[video] = v
	return nil
}
