package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tall"
	"tall/library"
	"tall/synth/collection"
)

// goneOnce is a store whose file is gone when it is first opened, as it is for a moment
// where a video is removed and added again.
type goneOnce struct {
	library.FeatureStore
	left int
}

func (s *goneOnce) Open(ctx context.Context, encoder string, id library.ID) (*tall.Features, io.Closer, error) {
	if s.left--; s.left >= 0 {
		return nil, nil, fmt.Errorf("%w: %s", tall.ErrMissing, id)
	}
	return s.FeatureStore.Open(ctx, encoder, id)
}

// parts are those of a library in a folder, some of which a test replaces.
func (l *Library) parts(engines ...library.Engine) library.Options {
	return library.Options{
		Catalog: l.Catalog, Features: NewStore(filepath.Join(l.Dir, "features")), Queue: l.Queue, Index: l.Index, Engines: engines,
		Probe: func(context.Context, string) (library.Facts, error) { return library.Facts{Duration: 1}, nil },
	}
}

// TestSearch_GoneForAMoment: features that are whole when they are looked at again are not
// called damaged.
func TestSearch_GoneForAMoment(t *testing.T) {
	c := clearCollection(3)
	engine := jointEngine(c)
	m := makeLibrary(t, c, engine)
	o := m.parts(engine)
	o.Features = &goneOnce{o.Features, 1}
	l, err := library.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	video, _ := c.Where(4)
	q := library.Query{Sentences: []string{collection.Text(4)}, Filter: library.Filter{IDs: []library.ID{m.ids[video]}}}
	r, err := l.Search(t.Context(), q, nil)
	if err != nil || len(r.Hits) > 0 || len(r.Warnings) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if v, err := l.Video(t.Context(), m.ids[video]); err != nil || v.State != library.Ready || v.Features[0].State != library.Ready {
		t.Errorf("%+v, %v", v, err)
	}
	if r, err = l.Search(t.Context(), q, nil); err != nil || r.NoMatch || len(r.Hits) == 0 {
		t.Errorf("once more: %+v, %v", r, err)
	}
}

// between is a catalog that calls something after the first change, once.
type between struct {
	library.Catalog
	do func()
}

func (c *between) Update(ctx context.Context, id library.ID, change func(v *library.Video, found bool) (bool, error)) error {
	err := c.Catalog.Update(ctx, id, change)
	if do := c.do; do != nil {
		c.do = nil
		do()
	}
	return err
}

// TestRemove_AddedAgain: a video that is added and encoded again while it is still being
// removed keeps its features.
func TestRemove_AddedAgain(t *testing.T) {
	c := clearCollection(2)
	engine := jointEngine(c)
	m := makeLibrary(t, c, engine)
	v, err := m.Video(t.Context(), m.ids[1])
	if err != nil {
		t.Fatal(err)
	}
	o := m.parts(engine)
	o.Catalog = &between{m.Catalog, func() {
		if err := m.Add(t.Context(), v.Paths, nil, nil); err != nil {
			t.Error(err)
		}
		if err := m.Work(t.Context(), 1, true); err != nil {
			t.Error(err)
		}
	}}
	l, err := library.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	found := func(f library.Finding) { t.Errorf("%+v", f) }
	if n, err := m.Check(t.Context(), library.CheckOptions{Found: found}); n != 2 || err != nil {
		t.Errorf("%d videos, %v", n, err)
	}
	// Removed alone, nothing of it stays.
	if err := l.Remove(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := m.Check(t.Context(), library.CheckOptions{Found: found}); n != 1 || err != nil {
		t.Errorf("%d videos, %v", n, err)
	}
}

// during is a localizer that calls something when a video is measured for it.
type during func()

func (do during) Prepare(context.Context, *tall.Features) (tall.Prepared, error) {
	do()
	return nothing{}, nil
}

// nothing finds nothing.
type nothing struct{}

func (nothing) Localize(_ context.Context, s []tall.Sentence) ([]tall.Scored, error) {
	return make([]tall.Scored, len(s)), nil
}

// measured is the library with a localizer for which videos have to be measured.
func (b *bench) measured(do func()) *library.Library {
	b.t.Helper()
	o := b.parts(benchOptions(&b.saves, nil).Engines...)
	o.Engines[0].Localizers = []library.Localizer{{
		Name: "l", ID: "l", Localizer: during(do), Bank: func(context.Context) ([]tall.Sentence, error) { return nil, nil },
	}}
	l, err := library.Open(o)
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// TestWork_AddedAgain: a video that is removed and added again while it is worked on, or
// measured anew, is not called ready without its features.
func TestWork_AddedAgain(t *testing.T) {
	for _, ready := range []bool{false, true} {
		b := newBench(t)
		one := b.put("one", "1234")
		b.add(one)
		if ready {
			b.work()
		}
		b.saves = nil
		times := 0
		l := b.measured(func() {
			if times++; times > 1 {
				return
			}
			if err := b.Remove(t.Context(), b.id(one)); err != nil {
				t.Error(err)
			}
			b.add(one)
		})
		for range 2 { // the first may leave the task to the next
			if err := l.Work(t.Context(), 1, true); err != nil {
				t.Fatal(err)
			}
		}
		b.check("one ready 4")
		if got := b.findings(library.CheckOptions{}); len(got) != 0 {
			t.Errorf("ready before: %v, found %q", ready, got)
		}
	}
}

// TestWork_TaskLost: a video that is removed and added again just when its task ends is
// encoded, though the queue held that task for one that is still running.
func TestWork_TaskLost(t *testing.T) {
	b := newBench(t)
	one := b.put("one", "1234")
	b.add(one)
	ctx, stop := context.WithCancel(t.Context())
	events := b.Events(ctx)
	ended := make(chan error)
	go func() { ended <- b.Work(ctx, 1, false) }()
	ready := func() {
		t.Helper()
		late := time.After(20 * time.Second)
		for {
			select {
			case e := <-events:
				if e.State == library.Ready {
					return
				}
			case <-late:
				t.Fatal("the task is lost")
			}
		}
	}
	ready()
	if err := b.Remove(t.Context(), b.id(one)); err != nil {
		t.Fatal(err)
	}
	b.add(one)
	ready()
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.check("one ready 4")
}

// busy is a queue that is told of its last task.
type busy struct {
	library.Queue
	drained func()
}

func (q *busy) Run(ctx context.Context, workers int, drain bool, do func(context.Context, library.Task, bool) error) error {
	err := q.Queue.Run(ctx, workers, drain, do)
	if drained := q.drained; drained != nil {
		q.drained = nil
		drained()
	}
	return err
}

// TestWork_HandOver: what another process queues while this one ends its work, and leaves
// to it, is done.
func TestWork_HandOver(t *testing.T) {
	b := newBench(t)
	b.add(b.put("one", "1234"))
	o := b.parts(benchOptions(&b.saves, nil).Engines...)
	o.Queue = &busy{b.Queue, func() { b.add(b.put("two", "12345")) }}
	l, err := library.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Work(t.Context(), 1, true); err != nil {
		t.Fatal(err)
	}
	b.check("one ready 4", "two ready 5")
}

// noticed is an index that calls something once when it was found to lack a video.
type noticed struct {
	*Index
	do func()
}

func (x *noticed) Check(ctx context.Context, k library.Key) error {
	err := x.Index.Check(ctx, k)
	if do := x.do; err != nil && do != nil {
		x.do = nil
		do()
	}
	return err
}

// TestCheck_Removed: a video that is removed just before its index is mended ends no check,
// and nothing of it stays.
func TestCheck_Removed(t *testing.T) {
	c := clearCollection(2)
	engine := jointEngine(c)
	m := makeLibrary(t, c, engine)
	if err := os.Remove(m.indexFile(1)); err != nil {
		t.Fatal(err)
	}
	o := m.parts(engine)
	o.Index = &noticed{m.Index, func() {
		if err := m.Remove(t.Context(), m.ids[1]); err != nil {
			t.Error(err)
		}
	}}
	l, err := library.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Check(t.Context(), library.CheckOptions{Repair: true, Found: func(f library.Finding) { t.Errorf("%+v", f) }}); err != nil {
		t.Error(err)
	}
	for _, file := range []string{m.indexFile(1), m.featuresFile(1)} {
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", file, err)
		}
	}
}

// TestOpen_Together: a library may be opened for the first time by several at once.
func TestOpen_Together(t *testing.T) {
	for range 5 {
		dir := filepath.Join(t.TempDir(), "library")
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				l, err := Open(t.Context(), dir, benchOptions(new([]string), nil))
				if err != nil {
					t.Error(err)
					return
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// first is a catalog that calls something before a change, once.
type first struct {
	library.Catalog
	do func()
}

func (c *first) Update(ctx context.Context, id library.ID, change func(v *library.Video, found bool) (bool, error)) error {
	if do := c.do; do != nil {
		c.do = nil
		do()
	}
	return c.Catalog.Update(ctx, id, change)
}

// TestCheck_Back: a file that is back and added again, just before it is called gone, is not
// forgotten.
func TestCheck_Back(t *testing.T) {
	b := newBench(t)
	one := b.put("one", "1234")
	b.add(one)
	b.work()
	if err := os.Remove(one); err != nil {
		t.Fatal(err)
	}
	o := b.parts(benchOptions(&b.saves, nil).Engines...)
	o.Catalog = &first{b.Catalog, func() {
		b.put("one", "1234")
		b.add(one)
	}}
	l, err := library.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Check(t.Context(), library.CheckOptions{Repair: true, Found: func(f library.Finding) { t.Errorf("%+v", f) }}); err != nil {
		t.Error(err)
	}
	b.check("one ready 4")
}
