package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"tall"
	"tall/library"
)

// maxAttempts is how often a task is tried before it is given up.
const maxAttempts = 4

// noTimeout is longer than any task takes. River takes running tasks that are older for
// stuck ones.
const noTimeout = 365 * 24 * time.Hour

// Queue implements [library.Queue] with River, in the same file as the catalog. Tasks may
// be put by any process; one of them does the work, which a lock on the folder ensures.
type Queue struct {
	db     *sql.DB
	lock   string // path
	insert *river.Client[*sql.Tx]
	// Backoff is the pause before a failed task comes again.
	Backoff func(attempt int) time.Duration
	// begin, if not nil, is called by Run when no other process works.
	begin func() error
	// explain says what SQLite's usual errors mean.
	explain func(error) error
}

// pollPause is how long a new task waits at most. SQLite cannot tell of new rows.
const pollPause = 200 * time.Millisecond

// defaultBackoff is 2 s, 10 s, 50 s: a drive that comes back, a program that let go of a file.
func defaultBackoff(attempt int) time.Duration {
	pause := 2 * time.Second
	for range min(attempt, 5) - 1 {
		pause *= 5
	}
	return pause
}

// OpenQueue makes the queue's tables where they are missing.
func OpenQueue(ctx context.Context, c *Catalog) (*Queue, error) {
	driver := riversqlite.New(c.db)
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, err
	}
	// In a transaction, as another process may open the library for the first time as well.
	err = c.transact(ctx, func(tx *sql.Tx) error {
		_, err := m.MigrateTx(ctx, tx, rivermigrate.DirectionUp, nil) //nolint:staticcheck // what cannot be in one transaction is PostgreSQL's
		return err
	})
	if err != nil {
		return nil, err
	}
	insert, err := river.NewClient(driver, &river.Config{Logger: quiet})
	if err != nil {
		return nil, err
	}
	return &Queue{db: c.db, lock: filepath.Join(filepath.Dir(c.path), "work.lock"), insert: insert, Backoff: defaultBackoff, explain: c.explain}, nil
}

// quiet takes River's log: what matters of it comes back as errors of tasks.
var quiet = slog.New(slog.DiscardHandler)

// job is a [library.Task] as River keeps it.
type job struct {
	Video   library.ID `json:"video"`
	Encoder string     `json:"encoder"`
}

// Kind implements [river.JobArgs].
func (job) Kind() string { return "encode" }

// InsertOpts implements River's interface: a task is there once until it has ended.
func (job) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: maxAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
}

// Put implements [library.Queue].
func (q *Queue) Put(ctx context.Context, tasks ...library.Task) error {
	const atOnce = 500
	for len(tasks) > 0 {
		n := min(atOnce, len(tasks))
		params := make([]river.InsertManyParams, n)
		for i, t := range tasks[:n] {
			params[i].Args = job{t.Video, t.Encoder}
		}
		if _, err := q.insert.InsertMany(ctx, params); err != nil {
			return fmt.Errorf("queue: %w", q.explain(err))
		}
		tasks = tasks[n:]
	}
	return nil
}

// Cancel implements [library.Queue].
func (q *Queue) Cancel(ctx context.Context, id library.ID) error {
	_, err := q.db.ExecContext(ctx, `
		UPDATE river_job SET state = 'cancelled', finalized_at = CURRENT_TIMESTAMP
		WHERE state IN ('available', 'pending', 'retryable', 'scheduled') AND args ->> '$.video' = ?`, string(id))
	return q.explain(err)
}

// Unfinished counts the tasks that wait, run or come again.
func (q *Queue) Unfinished(ctx context.Context) (n int, err error) {
	err = q.db.QueryRowContext(ctx, "SELECT count(*) FROM river_job WHERE finalized_at IS NULL").Scan(&n)
	return n, err
}

// Run implements [library.Queue]. The error wraps [tall.ErrLocked] where another process
// does the work.
func (q *Queue) Run(ctx context.Context, workers int, drain bool, do func(ctx context.Context, t library.Task, last bool) error) error {
	lock := flock.New(q.lock)
	got, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("%s: %w", q.lock, err)
	}
	if !got {
		return fmt.Errorf("%w: another process does the work of %s", tall.ErrLocked, filepath.Dir(q.lock))
	}
	defer lock.Unlock()
	if q.begin != nil {
		if err := q.begin(); err != nil {
			return err
		}
	}
	// No other process works: what is marked as running was left by one that died. That
	// try does not count, as it says nothing of the video.
	_, err = q.db.ExecContext(ctx, "UPDATE river_job SET state = 'available', attempt = max(attempt - 1, 0) WHERE state = 'running'")
	if err != nil {
		return err
	}
	list := river.NewWorkers()
	river.AddWorker(list, &worker{do: do, backoff: q.Backoff, stopping: ctx})
	client, err := river.NewClient(riversqlite.New(q.db), &river.Config{
		ID:                   fmt.Sprintf("tall-%d", os.Getpid()),
		Logger:               quiet,
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		Workers:              list,
		FetchCooldown:        10 * time.Millisecond,
		FetchPollInterval:    pollPause,
		JobTimeout:           -1,
		RescueStuckJobsAfter: noTimeout,
	})
	if err != nil {
		return err
	}
	// The client ends by Stop, so that a task that was interrupted can still be put back.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	runErr := q.wait(ctx, drain)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := client.Stop(stop); err != nil && runErr == nil {
		runErr = fmt.Errorf("queue: %w", err)
	}
	return runErr
}

// wait returns when the context ends, or with drain when nothing is left to do.
func (q *Queue) wait(ctx context.Context, drain bool) error {
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for {
		if drain {
			n, err := q.Unfinished(ctx)
			if err != nil && ctx.Err() == nil {
				return err
			}
			if err == nil && n == 0 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// worker does tasks for River.
type worker struct {
	river.WorkerDefaults[job]
	do       func(ctx context.Context, t library.Task, last bool) error
	backoff  func(attempt int) time.Duration
	stopping context.Context // of Run; River's own contexts go on until a task has ended
}

// Work implements [river.Worker].
func (w *worker) Work(ctx context.Context, j *river.Job[job]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(w.stopping, func() { cancel(context.Cause(w.stopping)) })()
	err := w.do(ctx, library.Task{Video: j.Args.Video, Encoder: j.Args.Encoder}, j.Attempt >= j.MaxAttempts)
	switch {
	case err == nil:
		return nil
	case w.stopping.Err() != nil:
		return river.JobSnooze(0) // back into the queue; the try does not count
	case errors.Is(err, library.ErrGiveUp):
		return river.JobCancel(err)
	}
	return err
}

// NextRetry implements [river.Worker].
func (w *worker) NextRetry(j *river.Job[job]) time.Time {
	return time.Now().Add(w.backoff(j.Attempt))
}
