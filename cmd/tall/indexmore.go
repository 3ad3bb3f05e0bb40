package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/library"
)

func newIndexRemove(l *libraryFlags) *cobra.Command {
	var gone bool
	cmd := &cobra.Command{
		Use:   "remove [VIDEO...]",
		Short: "Take videos out of the library; their own files stay where they are",
		Long: "Removes videos, named by path, file name or ID, with all that was made of them.\n" +
			"The video files themselves are not touched. --gone removes those whose files are gone.",
		Args: takes(0, maxArgs, "VIDEO..."),
		RunE: func(cmd *cobra.Command, args []string) error { return l.remove(cmd, args, gone) },
	}
	cmd.Flags().BoolVar(&gone, "gone", false, "remove all videos whose files are gone (state missing)")
	return cmd
}

func (l *libraryFlags) remove(cmd *cobra.Command, names []string, gone bool) error {
	if len(names) == 0 && !gone {
		return errors.New("name the videos to remove, or give --gone")
	}
	con, err := l.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	lib, err := l.open(ctx, con, nil)
	if err != nil {
		return err
	}
	defer lib.Close()
	var videos []library.Video
	for _, name := range names {
		v, err := libraryVideo(ctx, lib, name)
		if err != nil {
			return err
		}
		videos = append(videos, v)
	}
	if gone {
		for v, err := range lib.Catalog.Videos(ctx, library.Filter{States: []library.State{library.Missing}}) {
			if err != nil {
				return err
			}
			videos = append(videos, v)
		}
	}
	slices.SortFunc(videos, func(a, b library.Video) int { return cmp.Compare(a.ID, b.ID) })
	videos = slices.CompactFunc(videos, func(a, b library.Video) bool { return a.ID == b.ID })
	for i, v := range videos {
		if err := lib.Remove(ctx, v.ID); err != nil && !errors.Is(err, tall.ErrMissing) {
			return fmt.Errorf("%d of %d removed: %w", i, len(videos), err)
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d videos removed\n", len(videos))
	return printTotals(ctx, cmd.OutOrStdout(), lib)
}

func newIndexCheck(l *libraryFlags) *cobra.Command {
	var quick, repair, asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Verify every hash, row count and manifest of the library, and mend it",
		Long: "Reads all that the library keeps, and the videos themselves, and tells what does not\n" +
			"fit. Ends with exit code 1 where something was found that --repair did not mend.",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return l.check(cmd, quick, repair, asJSON) },
	}
	f := cmd.Flags()
	f.BoolVar(&quick, "quick", false, "hold the videos' sizes and times against the catalog, not their contents")
	f.BoolVar(&repair, "repair", false, "mend what can be mended: damaged features are made again, indexes rebuilt, lost paths forgotten")
	f.BoolVar(&asJSON, "json", false, "an object a line for each finding")
	return cmd
}

func (l *libraryFlags) check(cmd *cobra.Command, quick, repair, asJSON bool) error {
	con, err := l.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	lib, err := l.open(ctx, con, nil)
	if err != nil {
		return err
	}
	defer lib.Close()
	out := cmd.OutOrStdout()
	bar := con.progress("check", "videos")
	defer bar.finish()
	found, left := 0, 0
	n, err := lib.Check(ctx, library.CheckOptions{
		Quick: quick, Repair: repair,
		Progress: func(n int) { bar.set(n, -1, "") },
		Found: func(f library.Finding) {
			bar.finish()
			found++
			if f.Repaired == "" {
				left++
			}
			if asJSON {
				_ = json.NewEncoder(out).Encode(f)
				return
			}
			fmt.Fprintf(out, "%s: %s", f.Path, f.Problem)
			if f.Repaired != "" {
				fmt.Fprintf(out, " (%s)", f.Repaired)
			}
			fmt.Fprintln(out)
		},
	})
	bar.finish()
	if err != nil {
		return err
	}
	if repair && found > 0 {
		if err := encodeQueued(ctx, con, lib, 1); err != nil {
			return err
		}
	}
	if !asJSON {
		fmt.Fprintf(out, "%d videos checked, %d findings, %d left\n", n, found, left)
	}
	if left > 0 {
		return fmt.Errorf("the library needs repair: tall index check --repair")
	}
	return nil
}

func newIndexWatch(l *libraryFlags) *cobra.Command {
	a := &indexAdd{libraryFlags: l}
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "watch FOLDER...",
		Short: "Keep the library in step with folders, until interrupted",
		Long: "Adds what the folders hold and then looks at them again and again: new videos are\n" +
			"encoded once they have stopped growing, changed ones again, renamed ones recognized,\n" +
			"and those that are gone marked so.",
		Args: takes(1, maxArgs, "FOLDER..."),
		RunE: func(cmd *cobra.Command, args []string) error { return a.watch(cmd, args, every) },
	}
	a.flags(cmd)
	cmd.Flags().DurationVar(&every, "every", 10*time.Second, "pause between two looks")
	return cmd
}

func (a *indexAdd) watch(cmd *cobra.Command, folders []string, every time.Duration) error {
	if every <= 0 {
		return fmt.Errorf("--every %s: give a time such as 30s or 5m", every)
	}
	con, err := a.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	lib, err := a.openForAdding(ctx, con)
	if err != nil {
		return err
	}
	defer lib.Close()
	w := library.NewWatcher(lib.Library, func() ([]string, error) { return findVideosOrNone(folders) })
	w.Report = func(added library.Added) {
		switch added.What {
		case library.Known:
		case library.Refused:
			con.Warn(added.Err.Error(), "video", added.Path)
		default:
			con.Info(string(added.What), "video", added.Path)
		}
	}
	for {
		changed, err := w.Look(ctx)
		if err != nil {
			return err
		}
		if changed {
			if err := encodeQueued(ctx, con, lib, a.jobs); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil // interrupting is how a watch ends
		case <-time.After(every):
		}
	}
}
