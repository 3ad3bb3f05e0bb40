package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// A folder may be named by a link to it.
func TestVideosBelow_Link(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "folder", "sub"), 0o777), os.Symlink("folder", link), os.Symlink("..", filepath.Join(dir, "folder", "up")),
		os.WriteFile(filepath.Join(dir, "folder", "sub", "a.mp4"), nil, 0o666), os.WriteFile(filepath.Join(dir, "folder", "b.jpg"), nil, 0o666),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, link + string(filepath.Separator)} {
		got, err := findVideos([]string{name}, nil)
		if want := []string{link, filepath.Join(link, "sub", "a.mp4")}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Folders that go while they are looked at, as those of other programs do, are passed over.
func TestVideosBelow_Removed(t *testing.T) {
	dir := t.TempDir()
	var changing sync.WaitGroup
	stop := make(chan struct{})
	defer changing.Wait()
	defer close(stop)
	changing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, name := range []string{"a", "b", "c", "d"} {
				if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
					t.Error(err)
				}
			}
			for _, name := range []string{"d", "c", "b", "a"} {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 2000 {
		if _, err := findVideosOrNone([]string{dir}); err != nil {
			t.Fatal(err)
		}
	}
}
