package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tall/library"
)

// Copies keep their order however often they are added, and what is known of one is not held
// against another when it is gone.
func TestAdd_Copies(t *testing.T) {
	b := newBench(t)
	one, two, three := b.put("one", "1234"), b.put("two", "1234"), b.put("three", "1234")
	b.age(one, 48*time.Hour)
	b.age(two, 24*time.Hour)
	for range 2 {
		b.add(one, two)
	}
	b.work()
	b.check("one+two ready 4")

	if err := os.Remove(one); err != nil {
		t.Fatal(err)
	}
	quick := library.CheckOptions{Quick: true, Repair: true}
	if got := b.findings(quick); len(got) != 1 {
		t.Errorf("found %q", got)
	}
	b.check("two ready 4")
	if got := b.findings(quick); len(got) != 0 {
		t.Errorf("found %q", got)
	}

	b.add(one, three)
	b.check("two+three ready 4")
	if err := os.Remove(two); err != nil {
		t.Fatal(err)
	}
	b.put("four", "1234")
	b.age(three, 12*time.Hour)
	b.add(b.videos + "/four")
	b.check("four+three ready 4")
	if got := b.findings(quick); len(got) != 0 {
		t.Errorf("found %q", got)
	}
}

// The beginning of 1970 is a time as good as others: archives made to be the same give it
// to files.
func TestAdd_Epoch(t *testing.T) {
	b := newBench(t)
	one := b.put("one", "1234")
	if err := os.Chtimes(one, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	b.add(one)
	b.work()
	if got := b.findings(library.CheckOptions{Quick: true}); len(got) != 0 {
		t.Errorf("found %q", got)
	}
	if got := b.list(library.Filter{Before: time.Unix(1, 0)}); len(got) != 1 {
		t.Errorf("before 1970-01-01T00:00:01Z are %q", got)
	}
}

// A file that is added, changes and is added again, all while it is read, belongs to its
// last content alone.
func TestAdd_ChangedMeanwhile(t *testing.T) {
	b := newBench(t)
	one := b.put("one", "1234")
	o := b.parts(benchOptions(&b.saves, nil).Engines...)
	first := true
	o.Probe = func(context.Context, string) (library.Facts, error) {
		if first {
			first = false
			b.add(one)
			b.put("one", "123456")
		}
		return library.Facts{Duration: 1}, nil
	}
	l, err := library.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), []string{one}, nil, nil); err != nil {
		t.Fatal(err)
	}
	b.check(" missing 0", "one waiting 0")
}

// Folders of pictures are told apart by what links in them lead to, and one is another
// video when a picture in it is written to, which leaves no trace in the folder itself.
func TestAdd_Pictures(t *testing.T) {
	b := newBench(t)
	var folders []string
	for _, name := range []string{"one", "two"} {
		folder := filepath.Join(b.videos, name)
		picture := b.put(name+".png", name)
		b.age(picture, time.Hour)
		if err := errors.Join(os.Mkdir(folder, 0o777), os.Symlink(picture, filepath.Join(folder, "1.png")), os.Symlink("nowhere", filepath.Join(folder, "2.png"))); err != nil {
			t.Fatal(err)
		}
		b.age(folder, time.Hour)
		folders = append(folders, folder)
	}
	if got := b.add(folders...); !slices.Equal(got, []library.What{library.New, library.New}) {
		t.Error(got)
	}
	if got := b.add(folders...); !slices.Equal(got, []library.What{library.Known, library.Known}) {
		t.Error(got)
	}
	b.put("one.png", "other")
	if got := b.add(folders...); !slices.Equal(got, []library.What{library.Changed, library.Known}) {
		t.Error(got)
	}
}
