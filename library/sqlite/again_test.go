package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tall"
	"tall/library"
	"tall/synth/collection"
)

// Features that are damaged are made anew when their video is added again, not taken for
// whole ones.
func TestAdd_Damaged(t *testing.T) {
	b := newBench(t)
	one := b.put("one", "1234")
	b.add(one)
	b.work()
	whole, err := os.ReadFile(b.file(one))
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(whole)
	bad[len(bad)-1] ^= 1
	if err := os.WriteFile(b.file(one), bad, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := b.findings(library.CheckOptions{}); len(got) != 1 {
		t.Errorf("found %q", got)
	}
	b.check("one damaged 4")
	b.add(one)
	b.work()
	b.check("one ready 4")
	if got, err := os.ReadFile(b.file(one)); err != nil || !slices.Equal(got, whole) {
		t.Errorf("the damaged features are searched: %v", err)
	}
}

// A file of features that lies there and is no good does not keep a video from being encoded.
func TestWork_Leftover(t *testing.T) {
	b := newBench(t)
	one := b.put("one", "1234")
	b.add(one)
	b.work()
	whole, err := os.ReadFile(b.file(one))
	if err != nil {
		t.Fatal(err)
	}
	for name, left := range map[string][]byte{"cut short": whole[:len(whole)-3], "other bytes": []byte("no features"), "whole": whole} {
		if err := b.Remove(t.Context(), b.id(one)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.file(one), left, 0o666); err != nil {
			t.Fatal(err)
		}
		b.saves = nil
		b.add(one)
		b.work()
		b.check("one ready 4")
		if again := len(b.saves) > 0; again != (name != "whole") {
			t.Errorf("%s: encoded %q", name, b.saves)
		}
	}
}

// Features that are gone when they are to be measured anew are damaged, which no further
// try would change.
func TestWork_Gone(t *testing.T) {
	b := newBench(t)
	one := b.put("one", "1234")
	b.add(one)
	b.work()
	if err := os.Remove(b.file(one)); err != nil {
		t.Fatal(err)
	}
	b.Queue.Backoff = func(int) time.Duration {
		t.Error("it was tried again")
		return 0
	}
	if err := b.measured(func() {}).Work(t.Context(), 1, true); err != nil {
		t.Fatal(err)
	}
	b.check("one damaged 4")
}

// A file that is written to while it is encoded gives no features to what it was before,
// and what it was before is not sought again and again.
func TestWork_WrittenTo(t *testing.T) {
	b := newBench(t)
	one := b.put("one", "1234")
	file := b.file(one)
	b.add(one)
	b.fail = func(string) error {
		b.put("one", "123456789")
		return nil
	}
	b.work()
	b.check("one failed 0")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	b.fail = nil
	b.put("two", "12")
	b.add(one, filepath.Join(b.videos, "two"))
	b.put("two", "123")
	b.add(filepath.Join(b.videos, "two"))
	b.Queue.Backoff = func(int) time.Duration {
		t.Error("what is gone was tried again")
		return 0
	}
	b.work()
	b.check(" missing 0", " missing 0", "one ready 9", "two ready 3")
}

// refusingStore cannot open anything.
type refusingStore struct {
	library.FeatureStore
	err error
}

func (s refusingStore) Open(context.Context, string, library.ID) (*tall.Features, io.Closer, error) {
	return nil, nil, s.err
}

// Features that could not be read for a while are whole when they are looked at again, and
// not removed, as their video may be gone. A system without files to spare says nothing of
// them at all.
func TestCheck_Whole(t *testing.T) {
	c := clearCollection(3)
	engine := jointEngine(c)
	m := makeLibrary(t, c, engine)
	video, _ := c.Where(4)
	q := library.Query{Sentences: []string{collection.Text(4)}}
	for _, err := range []error{syscall.EMFILE, syscall.EIO} {
		o := m.parts(engine)
		o.Features = refusingStore{o.Features, &fs.PathError{Op: "open", Path: "features", Err: err}}
		l, openErr := library.Open(o)
		if openErr != nil {
			t.Fatal(openErr)
		}
		want := library.Damaged
		if _, searchErr := l.Search(t.Context(), q, nil); errors.Is(err, syscall.EMFILE) {
			want = library.Ready
			if !errors.Is(searchErr, err) {
				t.Errorf("%v: %v", err, searchErr)
			}
		}
		if v, getErr := m.Video(t.Context(), m.ids[video]); getErr != nil || v.State != want {
			t.Errorf("%v: %s, %v", err, v.State, getErr)
		}
	}
	v, err := m.Video(t.Context(), m.ids[video])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(v.Paths[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Check(t.Context(), library.CheckOptions{Repair: true, Found: func(library.Finding) {}}); err != nil {
		t.Fatal(err)
	}
	if r := m.search(t, q); r.NoMatch || r.Videos != 3 || r.Hits[0].Video != m.ids[video] {
		t.Errorf("%+v", r)
	}
}

// A disk that is full for the catalog ends what is done, as it does for features: the other
// files are not read in vain, and nobody waits for ever.
func TestLibrary_FullDisk(t *testing.T) {
	b := newBench(t)
	b.Catalog.db.SetMaxOpenConns(1)
	pages := 0
	if err := b.Catalog.db.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Catalog.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for i := range 200 { // their names alone are more than the page that is left of each table
		paths = append(paths, b.put(fmt.Sprintf("%03d%s", i, strings.Repeat("x", 200)), fmt.Sprint(i)))
	}
	told := 0
	if err := b.Add(t.Context(), paths, nil, func(library.Added) { told++ }); !errors.Is(err, syscall.ENOSPC) || told == len(paths) {
		t.Errorf("%d files: %v", told, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.Work(ctx, 1, true); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if _, err := b.Catalog.db.Exec("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	b.add(paths...)
	b.work()
	if got := b.list(library.Filter{States: []library.State{library.Ready}}); len(got) != len(paths) {
		t.Errorf("%d videos are ready", len(got))
	}
}

// A fault of the program sets a video aside as an error does, and ends.
func TestWork_Panics(t *testing.T) {
	b := newBench(t)
	b.add(b.put("bad", "1234"), b.put("good", "123"))
	b.fail = func(path string) error {
		if filepath.Base(path) == "bad" {
			panic("out of range")
		}
		return nil
	}
	b.work()
	b.check("bad failed 0", "good ready 3")
}

// What a localizer can never measure is not tried again and again.
func TestWork_NotMeasured(t *testing.T) {
	b := newBench(t)
	b.add(b.put("one", "1234"))
	b.work()
	b.Queue.Backoff = func(int) time.Duration {
		t.Error("it was tried again")
		return 0
	}
	o := b.parts(benchOptions(&b.saves, nil).Engines...)
	o.Engines[0].Localizers = []library.Localizer{{
		Name: "l", ID: "l", Localizer: during(func() {}), Bank: func(context.Context) ([]tall.Sentence, error) { return nil, tall.ErrManifest },
	}}
	l, err := library.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Work(t.Context(), 1, true); err != nil {
		t.Fatal(err)
	}
	b.check("one ready 4")
}
