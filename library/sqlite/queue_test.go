package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"tall"
	"tall/library"
)

func open(t *testing.T) (*Catalog, *Queue) {
	t.Helper()
	c, err := OpenCatalog(t.Context(), filepath.Join(t.TempDir(), "missing", "library.db"))
	if err == nil {
		t.Fatal("a folder that is missing")
	}
	if !errors.Is(err, tall.ErrMissing) {
		t.Fatal(err)
	}
	if c, err = OpenCatalog(t.Context(), filepath.Join(t.TempDir(), "odd ?#%41 name.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	q, err := OpenQueue(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	q.Backoff = func(int) time.Duration { return time.Millisecond }
	return c, q
}

func TestQueue_Run(t *testing.T) {
	_, q := open(t)
	var tasks []library.Task
	for i := range 20 {
		tasks = append(tasks, library.Task{Video: library.ID(fmt.Sprint("sha256-", i)), Encoder: "e"})
	}
	if err := errors.Join(q.Put(t.Context(), tasks...), q.Put(t.Context(), tasks[:7]...)); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	tries := map[library.ID]int{}
	err := q.Run(t.Context(), 3, true, func(_ context.Context, task library.Task, last bool) error {
		mu.Lock()
		defer mu.Unlock()
		tries[task.Video]++
		switch task.Video {
		case "sha256-3": // comes right at the third try
			if tries[task.Video] < 3 {
				return errors.New("not yet")
			}
		case "sha256-4": // never
			if last != (tries[task.Video] == maxAttempts) {
				t.Errorf("try %d, last %v", tries[task.Video], last)
			}
			return errors.New("never")
		case "sha256-5":
			return fmt.Errorf("%w: broken", library.ErrGiveUp)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, task := range tasks {
		want := 1
		switch i {
		case 3:
			want = 3
		case 4:
			want = maxAttempts
		}
		if tries[task.Video] != want {
			t.Errorf("task %d: %d tries, want %d", i, tries[task.Video], want)
		}
	}
	if n, err := q.Unfinished(t.Context()); n != 0 || err != nil {
		t.Error(n, err)
	}
}

// What was interrupted is done by the next run, and the try does not count.
func TestQueue_Interrupted(t *testing.T) {
	_, q := open(t)
	if err := q.Put(t.Context(), library.Task{Video: "sha256-1", Encoder: "e"}, library.Task{Video: "sha256-2", Encoder: "e"}); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stopped")
	for range maxAttempts + 1 {
		ctx, cancel := context.WithCancelCause(t.Context())
		err := q.Run(ctx, 1, true, func(ctx context.Context, _ library.Task, last bool) error {
			if last {
				t.Error("an interrupted try counted")
			}
			cancel(stop)
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
	if err := q.Cancel(t.Context(), "sha256-2"); err != nil {
		t.Fatal(err)
	}
	var done []library.ID
	err := q.Run(t.Context(), 1, true, func(_ context.Context, task library.Task, _ bool) error {
		// A second worker is refused, whatever process it is in.
		if err := q.Run(t.Context(), 1, true, nil); !errors.Is(err, tall.ErrLocked) {
			t.Error(err)
		}
		done = append(done, task.Video)
		return nil
	})
	if err != nil || !slices.Equal(done, []library.ID{"sha256-1"}) {
		t.Error(done, err)
	}
}
