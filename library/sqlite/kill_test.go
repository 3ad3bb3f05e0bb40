//go:build unix

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tall/library"
)

// Variables of the child process.
const (
	envChildLibrary = "TALL_TEST_LIBRARY"
	envChildVideos  = "TALL_TEST_VIDEOS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envChildLibrary); dir != "" {
		if err := child(dir, os.Getenv(envChildVideos)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child adds a folder to a library and encodes it, slowly.
func child(dir, videos string) error {
	ctx := context.Background()
	var saves []string
	l, err := Open(ctx, dir, benchOptions(&saves, func(string) error {
		time.Sleep(20 * time.Millisecond)
		return nil
	}))
	if err != nil {
		return err
	}
	defer l.Close()
	paths, err := filepath.Glob(filepath.Join(videos, "*"))
	if err != nil {
		return err
	}
	if err := l.Add(ctx, paths, nil, nil); err != nil {
		return err
	}
	return l.Work(ctx, 2, true)
}

// A process that is killed again and again, at any moment, gets there in the end: every
// video once, every file of features whole, nothing left over.
func TestLibrary_Killed(t *testing.T) {
	kills, videos := 6, 12
	if os.Getenv("TALL_LONG") == "1" {
		kills, videos = 50, 120
	}
	b := newBench(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range videos {
		b.put(fmt.Sprintf("v%03d", i), strings.Repeat(fmt.Sprint("video ", i, " "), 1+rng.IntN(20)))
	}
	b.put("v000 copy", strings.Repeat("x", 30))
	b.put("v001 copy", strings.Repeat("x", 30))
	run := func(limit time.Duration) (killed bool) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), envChildLibrary+"="+b.Dir, envChildVideos+"="+b.videos)
		var text strings.Builder
		cmd.Stderr = &text
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if limit > 0 {
			time.AfterFunc(limit, func() { _ = cmd.Process.Kill() }) // it may have ended
		}
		if err := cmd.Wait(); err != nil && cmd.ProcessState.Exited() {
			t.Fatalf("%v: %s", err, text.String())
		}
		return !cmd.ProcessState.Exited()
	}
	died := 0
	for range kills {
		if run(time.Duration(5+rng.IntN(250)) * time.Millisecond) {
			died++
		}
	}
	run(0)
	ready := 0
	for v, err := range b.Catalog.Videos(t.Context(), library.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if v.State == library.Ready && int64(v.Features[0].Rows) == v.Size {
			ready++
		}
	}
	if ready != videos+1 {
		t.Errorf("%d videos are ready, %d were added", ready, videos+1)
	}
	_, err := b.Check(t.Context(), library.CheckOptions{Found: func(f library.Finding) { t.Errorf("%+v", f) }})
	if err != nil {
		t.Error(err)
	}
	files, err := os.ReadDir(filepath.Join(b.Dir, "features", "bytes"))
	if err != nil || len(files) != videos+1+1 {
		t.Errorf("%d files of features, %v", len(files), err)
	}
	if n, err := b.Queue.Unfinished(t.Context()); n != 0 || err != nil {
		t.Error(n, err)
	}
	t.Logf("%d of %d runs were killed", died, kills)
	if died == 0 {
		t.Error("no run was killed: the test tests nothing")
	}
}

// What a process that was killed left is removed from this library alone, whatever its name,
// and not what another process is writing.
func TestClean(t *testing.T) {
	root := t.TempDir()
	put := func(library, folder string, ago time.Duration) string {
		file := filepath.Join(root, library, folder, "e", ".x.00000000.tmp")
		at := time.Now().Add(-ago)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, nil, 0o666), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
		return file
	}
	removed := map[string]bool{
		put("lib*", "features", 0):        true,
		put("lib[1]", "features", 0):      true,
		put("lib[1]", "index", time.Hour): true,
		put("library", "features", 0):     false,
		put("library one", "index", 0):    false,
	}
	for _, name := range []string{"lib*", "lib[1]", "library one"} {
		if err := clean(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range removed {
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) != want {
			t.Errorf("%s: %v", file, err)
		}
	}
}
