package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/library"
	"tall/library/sqlite"
	"tall/report"
)

func newIndex(g *global) *cobra.Command {
	l := &libraryFlags{global: g}
	cmd := &cobra.Command{
		Use:   "index",
		Short: "Keep a library of videos that `tall search` and `tall serve` search",
		Long: "A library is a folder with a catalog, the features of its videos and the models that\n" +
			"search them. Videos are known by their content: renamed and moved ones are recognized,\n" +
			"copies are kept once, changed ones are encoded again.",
		Example: "tall index add ~/Videos\ntall index list\ntall search \"a dog catches a ball\"",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	l.register(cmd)
	cmd.AddCommand(newIndexAdd(l), newIndexList(l), newIndexRemove(l), newIndexCheck(l), newIndexWatch(l))
	return cmd
}

// indexAdd adds videos and encodes them.
type indexAdd struct {
	*libraryFlags
	encoders  []string
	localizer string
	jobs      int
	queueOnly bool
}

func newIndexAdd(l *libraryFlags) *cobra.Command {
	a := &indexAdd{libraryFlags: l}
	cmd := &cobra.Command{
		Use:   "add PATH...",
		Short: "Add videos, folders of videos and patterns to the library, and encode them",
		Long: "Adds files, folders with everything below them, and patterns such as 'trip/*.mp4', and\n" +
			"encodes what is new. May be interrupted, killed and run again at any time: what is done\n" +
			"is kept, nothing is done twice.\n\n" +
			"The first videos decide what the library is encoded with: --encoder, or clip where its\n" +
			"model is installed. A library may have several encoders; a search says which.",
		Example: "tall index add ~/Videos --encoder clip\n" +
			"tall index add lectures/ --encoder classical --localizer run/TALL_best",
		Args: takes(1, maxArgs, "PATH..."),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd, args) },
	}
	a.flags(cmd)
	cmd.Flags().BoolVar(&a.queueOnly, "queue-only", false, "leave the encoding to `tall serve` or a later `tall index add`")
	return cmd
}

func (a *indexAdd) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&a.encoders, "encoder", nil, "what encodes: clip, classical or NAME=ENCODER:MODEL; may be given several times (default: the library's, or clip)")
	f.StringVar(&a.localizer, "localizer", "", "trained model (checkpoint) that finds moments, for the first --encoder; clip needs none")
	f.IntVar(&a.jobs, "jobs", 1, "videos that are encoded side by side; each needs the encoder's memory")
}

// configs reads the flags.
func (a *indexAdd) configs() ([]engineConfig, error) {
	var out []engineConfig
	for i, text := range a.encoders {
		name, spec, named := strings.Cut(text, "=")
		if !named {
			spec = text
			name, _, _ = strings.Cut(text, ":")
		}
		c := engineConfig{Name: name, Encoder: spec}
		kind, _, _ := strings.Cut(spec, ":")
		if kind == defaultEncoder {
			c.Contrast = true
		}
		if i == 0 && a.localizer != "" {
			file, err := filepath.Abs(a.localizer)
			if err != nil {
				return nil, err
			}
			c.Checkpoints = []string{file}
		}
		if !c.Contrast && len(c.Checkpoints) == 0 {
			return nil, fmt.Errorf("encoder %s has no common space with sentences, so a model that was trained on it must find the moments: name its checkpoint with --localizer", spec)
		}
		out = append(out, c)
	}
	if len(out) == 0 && a.localizer != "" {
		m, err := openCheckpoint(a.localizer)
		if err != nil {
			return nil, fmt.Errorf("--localizer: %w", err)
		}
		spec := ""
		if _, err := m.encoders(&spec); err != nil {
			return nil, fmt.Errorf("--localizer %s: %w; name it with --encoder", a.localizer, err)
		}
		out = append(out, engineConfig{Name: spec, Encoder: spec, Checkpoints: []string{m.file.Path}})
	}
	return out, nil
}

func (a *indexAdd) run(cmd *cobra.Command, args []string) error {
	con, err := a.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if a.jobs < 1 || a.jobs > maxThreads {
		return fmt.Errorf("--jobs %d: give a number of 1 or more", a.jobs)
	}
	paths, err := findVideos(args, func(text string) { con.Warn(text) })
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	lib, err := a.openForAdding(ctx, con)
	if err != nil {
		return err
	}
	defer lib.Close()
	counts := map[library.What]int{}
	bar := con.progress("look at files", "files")
	defer bar.finish()
	seen := 0
	err = lib.Add(ctx, paths, nil, func(added library.Added) {
		counts[added.What]++
		if added.What == library.Refused {
			con.Error(added.Err.Error())
		}
		seen++
		bar.set(seen, len(paths), "")
	})
	bar.finish()
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, addedSummary(counts))
	if !a.queueOnly {
		if err := encodeQueued(ctx, con, lib, a.jobs); err != nil {
			return err
		}
	}
	if err := printTotals(ctx, out, lib); err != nil {
		return err
	}
	if n := counts[library.Refused]; n > 0 {
		return fmt.Errorf("%d of %d files could not be added; see above", n, len(paths))
	}
	return nil
}

// openForAdding opens the library, or makes one with the default encoder.
func (a *indexAdd) openForAdding(ctx context.Context, con *console) (*sqlite.Library, error) {
	more, err := a.configs()
	if err != nil {
		return nil, err
	}
	lib, err := a.open(ctx, con, more)
	if err == nil || len(more) > 0 || !errors.Is(err, tall.ErrMissing) {
		return lib, err
	}
	if dir, dirErr := a.dir(); dirErr != nil || exists(filepath.Join(dir, sqlite.FileName)) {
		return nil, err
	}
	lib, err = a.open(ctx, con, []engineConfig{{Name: defaultEncoder, Encoder: defaultEncoder, Contrast: true}})
	if errors.Is(err, tall.ErrMissing) {
		return nil, fmt.Errorf("%w; or take a model of your own with --localizer CHECKPOINT", err)
	}
	return lib, err
}

func addedSummary(counts map[library.What]int) string {
	var parts []string
	for _, what := range []library.What{library.New, library.Changed, library.Moved, library.Copy, library.Known, library.Refused} {
		if n := counts[what]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	return "files: " + strings.Join(parts, ", ")
}

// encodeQueued does the library's work until none is left.
func encodeQueued(ctx context.Context, con *console, lib *sqlite.Library, jobs int) error {
	listen, stop := context.WithCancel(ctx)
	events := lib.Events(listen)
	var wg sync.WaitGroup
	wg.Go(func() { showWork(con, events) })
	err := lib.Work(ctx, jobs, true)
	stop()
	wg.Wait()
	if errors.Is(err, tall.ErrLocked) {
		con.Info("another process encodes for this library; it takes the new videos too")
		return nil
	}
	return err
}

// showWork shows the progress of several videos as one bar.
func showWork(con *console, events <-chan library.Event) {
	bar := con.progress("encode", "s of video")
	defer bar.finish()
	type key struct {
		video   library.ID
		encoder string
	}
	done, total := map[key]float64{}, map[key]float64{}
	begun := time.Now()
	for e := range events {
		k := key{e.Video, e.Encoder}
		done[k], total[k] = e.Done, e.Total
		switch e.State {
		case library.Failed:
			con.Error("set aside: "+e.Reason, "video", e.Path)
			done[k] = total[k]
		case library.Waiting:
			con.Warn("failed, comes again: "+e.Reason, "video", e.Path)
		}
		var a, b float64
		for k := range total {
			a, b = a+done[k], b+total[k]
		}
		note := filepath.Base(e.Path)
		if s := time.Since(begun).Seconds(); s > 1 {
			note = fmt.Sprintf("%.1fx real time  %s", a/s, note)
		}
		bar.set(int(a), int(b)+1, note)
	}
}

// printTotals says what the library holds.
func printTotals(ctx context.Context, w io.Writer, lib *sqlite.Library) error {
	states := map[library.State]int{}
	n, seconds := 0, 0.0
	for v, err := range lib.Catalog.Videos(ctx, library.Filter{}) {
		if err != nil {
			return err
		}
		states[v.State]++
		n++
		seconds += v.Duration
	}
	fmt.Fprintf(w, "library %s: %d videos, %s", lib.Dir, n, time.Duration(seconds*float64(time.Second)).Round(time.Second))
	for _, s := range []library.State{library.Waiting, library.Working, library.Failed, library.Missing, library.Damaged} {
		if states[s] > 0 {
			fmt.Fprintf(w, ", %d %s", states[s], s)
		}
	}
	fmt.Fprintln(w)
	return nil
}

func newIndexList(l *libraryFlags) *cobra.Command {
	var asJSON bool
	var text, state string
	cmd := &cobra.Command{
		Use:   "list [TEXT]",
		Short: "List the videos of the library",
		Long:  "Lists the library's videos, or those whose path holds TEXT.",
		Args:  takes(0, 1, "[TEXT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				text = args[0]
			}
			return l.list(cmd, text, state, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "an object a line instead of a table")
	cmd.Flags().StringVar(&state, "state", "", "only videos of this state: ready, waiting, working, failed, missing or damaged")
	return cmd
}

func (l *libraryFlags) list(cmd *cobra.Command, text, state string, asJSON bool) error {
	dir, err := l.dir()
	if err != nil {
		return err
	}
	catalog, err := sqlite.OpenExisting(cmd.Context(), dir)
	if err != nil {
		return err
	}
	defer catalog.Close()
	f := library.Filter{Text: text}
	if state != "" {
		switch s := library.State(state); s {
		case library.Ready, library.Waiting, library.Working, library.Failed, library.Missing, library.Damaged:
			f.States = []library.State{s}
		default:
			return fmt.Errorf("--state %s: give ready, waiting, working, failed, missing or damaged", state)
		}
	}
	out := cmd.OutOrStdout()
	table := report.Table{Header: []string{"video", "length", "state", "features", "id"}}
	for v, err := range catalog.Videos(cmd.Context(), f) {
		if err != nil {
			return err
		}
		if asJSON {
			if err := json.NewEncoder(out).Encode(v); err != nil {
				return err
			}
			continue
		}
		var features []string
		for _, f := range v.Features {
			features = append(features, fmt.Sprintf("%s %s", f.Encoder, f.State))
		}
		name := v.Reason
		if len(v.Paths) > 0 {
			name = v.Paths[0]
		}
		table.Rows = append(table.Rows, []string{onOneLine(name), report.Clock(v.Duration), string(v.State), strings.Join(features, ", "), string(v.ID[:len("sha256-")+8])})
	}
	if asJSON {
		return nil
	}
	return table.Write(out)
}
