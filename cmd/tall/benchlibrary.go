package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/calibrate"
	"tall/library"
	"tall/library/sqlite"
	"tall/model/contrast"
	"tall/report"
	"tall/synth/collection"
)

// benchLibrary measures search over a made library: an hour a video, a row of 512 values a
// second.
type benchLibrary struct {
	*global
	hours, queries int
	dir            string
	asJSON         bool
}

// libraryFigures are what is measured; times in milliseconds.
type libraryFigures struct {
	Hours    int     `json:"hours"`
	Threads  int     `json:"threads"`
	MakeS    float64 `json:"make_s"`    // features, calibration and index of all videos
	AddMS    float64 `json:"add_ms"`    // of one more hour of ready features
	OpenMS   float64 `json:"open_ms"`   // the library, after which it can be asked
	FirstMS  float64 `json:"first_ms"`  // the first search after that
	Queries  int     `json:"queries"`   // each for another sentence
	MedianMS float64 `json:"median_ms"` // from the sentence's vector on
	P95MS    float64 `json:"p95_ms"`
	MaxMS    float64 `json:"max_ms"`
	CPUMS    float64 `json:"cpu_mean_ms"`      // of all threads, a search; 0: not known
	IndexMS  float64 `json:"index_median_ms"`  // the part of the index
	RefineMS float64 `json:"refine_median_ms"` // the part of the localizer
	Right    float64 `json:"right"`            // share of planted moments that come first
	NoMatch  float64 `json:"no_match"`         // share of unrelated sentences that match nothing
	AnonMB   float64 `json:"anonymous_mb"`     // memory, at most while searching; mapped files aside
	IndexMB  float64 `json:"index_mb"`         // on disk
	RowsMB   float64 `json:"features_mb"`      // on disk
}

const (
	secondsOfHour = 3600
	// bytesOfHour is what an hour takes on disk: rows in float32, and the index.
	bytesOfHour = secondsOfHour * 512 * 5.2
)

func (b *benchLibrary) run(cmd *cobra.Command) (err error) {
	con, err := b.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if b.hours < 1 || b.queries < 1 {
		return fmt.Errorf("--library %d --queries %d: give numbers of 1 or more", b.hours, b.queries)
	}
	dir, err := os.MkdirTemp(b.dir, "tall-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	if free, ok := tall.FreeSpace(dir); ok && float64(free) < float64(b.hours)*bytesOfHour*1.1 {
		return fmt.Errorf("%s: a library of %d hours takes %.1f GB, %.1f are free; name another folder with --dir", dir, b.hours, float64(b.hours)*bytesOfHour/1e9, float64(free)/1e9)
	}
	f, err := b.measure(cmd.Context(), con, dir)
	if err != nil {
		return err
	}
	if b.asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(f)
	}
	return f.print(cmd.OutOrStdout())
}

func (b *benchLibrary) measure(ctx context.Context, con *console, dir string) (f libraryFigures, err error) {
	f.Hours, f.Queries = b.hours, b.queries
	if f.Threads, err = b.workers(); err != nil {
		return f, err
	}
	lanes, err := b.lanes()
	if err != nil {
		return f, err
	}
	c := collection.New(collection.Options{Seed: 1, Videos: b.hours + 1})
	engine := collectionEngine(c, contrast.New(contrast.Options{Lanes: lanes}))
	open := func() (*sqlite.Library, error) {
		return sqlite.Open(ctx, filepath.Join(dir, "library"), sqlite.Options{
			Make: true, Threads: f.Threads, Engines: []library.Engine{engine},
			Probe: func(context.Context, string) (library.Facts, error) {
				return library.Facts{Duration: secondsOfHour, Width: 640, Height: 360, FPSNum: 25, FPSDen: 1}, nil
			},
		})
	}
	lib, err := open()
	if err != nil {
		return f, err
	}
	closed := false
	defer func() {
		if !closed {
			lib.Close()
		}
	}()
	ids := make([]library.ID, b.hours+1)
	begun := time.Now()
	if err := b.add(ctx, con, lib, dir, 0, b.hours, ids); err != nil {
		return f, err
	}
	f.MakeS = time.Since(begun).Seconds()
	// One more whose features are there already, as when an index is made anew.
	if f.AddMS, err = b.addReady(ctx, con, lib, engine, dir, b.hours, ids); err != nil {
		return f, err
	}
	if err := lib.Close(); err != nil {
		return f, err
	}
	debug.FreeOSMemory()
	begun = time.Now()
	if lib, err = open(); err != nil {
		closed = true
		return f, err
	}
	f.OpenMS = milliseconds(time.Since(begun))
	if err := b.ask(ctx, con, lib, c, ids, &f); err != nil {
		return f, err
	}
	f.IndexMB, f.RowsMB = sizeOf(filepath.Join(dir, "library", "index")), sizeOf(filepath.Join(dir, "library", "features"))
	closed = true
	return f, lib.Close()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// add adds videos [from, to), which are files with their numbers.
func (b *benchLibrary) add(ctx context.Context, con *console, lib *sqlite.Library, dir string, from, to int, ids []library.ID) error {
	var paths []string
	for i := from; i < to; i++ {
		path := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(path, []byte(strconv.Itoa(i)), 0o666); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	err := lib.Add(ctx, paths, nil, func(a library.Added) {
		if i, err := strconv.Atoi(filepath.Base(a.Path)); err == nil {
			ids[i] = a.ID
		}
	})
	if err != nil {
		return err
	}
	return encodeQueued(ctx, con, lib, 1)
}

// addReady times what is done for a video whose features are ready.
func (b *benchLibrary) addReady(ctx context.Context, con *console, lib *sqlite.Library, e library.Engine, dir string, i int, ids []library.ID) (float64, error) {
	path := filepath.Join(dir, strconv.Itoa(i))
	if err := os.WriteFile(path, []byte(strconv.Itoa(i)), 0o666); err != nil {
		return 0, err
	}
	id, err := library.HashFile(ctx, path)
	if err != nil {
		return 0, err
	}
	encoder, err := e.Open()
	if err != nil {
		return 0, err
	}
	if _, err := encoder.Save(ctx, path, filepath.Join(lib.Dir, "features", e.Name), string(id), nil, func(float64, float64) {}); err != nil {
		return 0, err
	}
	begun := time.Now()
	err = b.add(ctx, con, lib, dir, i, i+1, ids)
	return milliseconds(time.Since(begun)), err
}

// ask searches for sentences, a tenth of which match nothing.
func (b *benchLibrary) ask(ctx context.Context, con *console, lib *sqlite.Library, c *collection.Collection, ids []library.ID, f *libraryFigures) error {
	bar := con.progress("search", "queries")
	defer bar.finish()
	var all, index, refine []float64
	planted, right, unrelated, none := 0, 0, 0, 0
	used := 0.0
	for i := -1; i < b.queries; i++ { // the first is apart
		concept := (i + 1) * 7919 % c.Concepts()
		if i%10 == 9 {
			concept = c.Concepts() + 1000 + i
		}
		begun := time.Now()
		r, err := lib.Search(ctx, library.Query{Sentences: []string{collection.Text(concept)}}, nil)
		took := milliseconds(time.Since(begun) - r.Took.Encode)
		if err != nil {
			return err
		}
		f.AnonMB = max(f.AnonMB, anonymousMB())
		if i < 0 {
			f.FirstMS, used = took, processSeconds()
			continue
		}
		bar.set(i, b.queries, "")
		all, index, refine = append(all, took), append(index, milliseconds(r.Took.Candidates)), append(refine, milliseconds(r.Took.Refine))
		if concept >= c.Concepts() {
			if unrelated++; r.NoMatch {
				none++
			}
			continue
		}
		planted++
		video, m := c.Where(concept)
		if len(r.Hits) > 0 && r.Hits[0].Video == ids[video] && tall.Intersection(r.Hits[0].Span, m.Span) > 0 {
			right++
		}
	}
	for _, times := range [][]float64{all, index, refine} {
		slices.Sort(times)
	}
	n := len(all)
	f.MedianMS, f.P95MS, f.MaxMS = all[n/2], all[min(n-1, n*95/100)], all[n-1]
	f.CPUMS = 1000 * (processSeconds() - used) / float64(n)
	f.IndexMS, f.RefineMS = index[n/2], refine[n/2]
	f.Right, f.NoMatch = float64(right)/float64(max(1, planted)), float64(none)/float64(max(1, unrelated))
	return nil
}

// anonymousMB is the process's memory that no file backs; 0 where the system does not say.
func anonymousMB() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb / 1024
		}
	}
	return 0
}

// processSeconds is the processors' time that the process has taken, in steps of 10 ms; 0
// where the system does not say.
func processSeconds() float64 {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	// Behind the name in parentheses: utime and stime are fields 14 and 15 of proc(5).
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

// sizeOf is what a folder's files take, in MB.
func sizeOf(dir string) float64 {
	total := int64(0)
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return float64(total) / 1e6
}

func (f libraryFigures) print(w io.Writer) error {
	t := report.Table{Header: []string{"what", "figure"}}
	row := func(what, format string, values ...any) {
		t.Rows = append(t.Rows, []string{what, fmt.Sprintf(format, values...)})
	}
	row("library", "%d hours, %.0f MB of features, %.0f MB of index, made in %.0f s", f.Hours, f.RowsMB, f.IndexMB, f.MakeS)
	row("an hour of ready features more", "%.0f ms", f.AddMS)
	row("open, and the first search", "%.0f + %.0f ms", f.OpenMS, f.FirstMS)
	row(fmt.Sprintf("a search (%d, %d threads)", f.Queries, f.Threads), "median %.1f ms, 95th percentile %.1f ms, at most %.1f ms", f.MedianMS, f.P95MS, f.MaxMS)
	row("time of all processors, mean", "%.1f ms a search", f.CPUMS)
	row("of it index, localizer (medians)", "%.1f ms, %.1f ms", f.IndexMS, f.RefineMS)
	row("planted moments first; unrelated sentences without match", "%.0f %%; %.0f %%", 100*f.Right, 100*f.NoMatch)
	row("anonymous memory while searching", "%.0f MB", f.AnonMB)
	return t.Write(w)
}

// collectionEngine searches a made collection without training.
func collectionEngine(c *collection.Collection, l *contrast.Localizer) library.Engine {
	e := collection.Encoder{Collection: c, Name: "made"}
	return library.Engine{
		Name: e.Name, Description: e.Description(), Sentences: e,
		Open: func() (library.VideoEncoder, error) { return e, nil },
		Localizers: []library.Localizer{{
			Name: localizerContrast, ID: contrastID(), Localizer: l, Threshold: calibrate.DefaultConfidence,
			Space: &library.Space{Name: e.Name, Indexer: l.Index()},
			Bank:  func(ctx context.Context) ([]tall.Sentence, error) { return e.Bank(ctx, len(calibrate.Bank())) },
		}},
	}
}
