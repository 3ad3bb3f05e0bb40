package sqlite

import (
	"context"
	"database/sql"
	_ "embed" // schema.sql
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	sqlite3 "modernc.org/sqlite" // registers the driver "sqlite"

	"tall"
	"tall/library"
)

//go:embed schema.sql
var schema string

// schemaVersion is that of schema.sql, kept in SQLite's user_version.
const schemaVersion = 2

// firstPatience is how long a catalog waits for another process that makes it just then:
// SQLite waits for writers, not for who first turns a file to its write-ahead log.
const firstPatience = 5 * time.Second

// Catalog implements [library.Catalog] in a SQLite file.
type Catalog struct {
	db   *sql.DB
	path string
}

// OpenCatalog opens or makes the file. Errors wrap [tall.ErrFormat] where it is no
// catalog, or one of a later version.
func OpenCatalog(ctx context.Context, path string) (*Catalog, error) {
	db, err := openDB(path)
	if err != nil {
		return nil, err
	}
	c := &Catalog{db: db, path: path}
	begun := time.Now()
	for err = c.migrate(ctx); errors.Is(err, tall.ErrLocked) && time.Since(begun) < firstPatience; err = c.migrate(ctx) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return c, nil
}

// openDB opens a database that several processes may use: writers wait for one another, a
// crash loses no committed transaction.
func openDB(path string) (*sql.DB, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no file", tall.ErrFormat, path)
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the folder of %s", tall.ErrMissing, path)
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(10000)", "foreign_keys(ON)", "trusted_schema(OFF)", "cache_size(-8000)",
	}}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	return db, nil
}

func (c *Catalog) migrate(ctx context.Context) error {
	return c.transact(ctx, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		switch {
		case version > schemaVersion:
			return fmt.Errorf("%w: %s was written by a later version of tall (schema %d, this one knows %d): use that version", tall.ErrFormat, c.path, version, schemaVersion)
		case version == schemaVersion:
			return nil
		case version == 1: // what it did not ask for is taken as silent, as it was
			if _, err := tx.ExecContext(ctx, "ALTER TABLE video ADD COLUMN audio INTEGER NOT NULL DEFAULT 0"); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
		return err
	})
}

// Close closes the file.
func (c *Catalog) Close() error { return c.db.Close() }

// transact runs change in a transaction that holds the write lock from its beginning.
func (c *Catalog) transact(ctx context.Context, change func(tx *sql.Tx) error) error {
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return c.explain(err)
	}
	if err := change(tx); err != nil {
		_ = tx.Rollback() // the error that led here says more
		return c.explain(err)
	}
	return c.explain(tx.Commit())
}

// explain names the file, and says what the usual errors of SQLite mean.
func (c *Catalog) explain(err error) error {
	var e *sqlite3.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	const busy, corrupt, full, cantOpen, notADB, readOnly = 5, 11, 13, 14, 26, 8
	switch e.Code() & 0xff {
	case notADB, corrupt:
		return fmt.Errorf("%w: %s is not a catalog, or damaged: move it away and add the videos again (features are kept); %w", tall.ErrFormat, c.path, err)
	case busy:
		return fmt.Errorf("%w: %s: another process has been writing for too long; %w", tall.ErrLocked, c.path, err)
	case full:
		return fmt.Errorf("%s: %w; %w", c.path, syscall.ENOSPC, err)
	case cantOpen, readOnly:
		return fmt.Errorf("%s cannot be written: %w", c.path, err)
	}
	return fmt.Errorf("%s: %w", c.path, err)
}

// pageSize is how many videos are read at once: a reader that stops in the middle holds
// no lock and no memory for the rest.
const pageSize = 512

// Videos implements [library.Catalog].
func (c *Catalog) Videos(ctx context.Context, f library.Filter) iter.Seq2[library.Video, error] {
	return func(yield func(library.Video, error) bool) {
		afterPath, afterID := "", library.ID("")
		for {
			page, err := c.page(ctx, f, afterPath, afterID)
			if err != nil {
				yield(library.Video{}, c.explain(err))
				return
			}
			for _, v := range page {
				// SQL knows less of letters and of dates, and takes what it is unsure of.
				if f.Takes(v) && !yield(v, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			last := page[len(page)-1]
			afterID, afterPath = last.ID, ""
			if len(last.Paths) > 0 {
				afterPath = last.Paths[0]
			}
		}
	}
}

// page reads the videos behind a place in the order.
func (c *Catalog) page(ctx context.Context, f library.Filter, afterPath string, afterID library.ID) ([]library.Video, error) {
	where, args := condition(f)
	where = append(where, "(first, id) > (?, ?)")
	args = slices.Concat([]any{unknownTime}, args, []any{afterPath, string(afterID), pageSize})
	rows, err := c.db.QueryContext(ctx, `
		SELECT id, size, added, duration, width, height, fps_num, fps_den, audio, state, reason, first, modified
		FROM (SELECT video.*, COALESCE(file.path, '') AS first, COALESCE(file.modified, ?) AS modified
		      FROM video LEFT JOIN file ON file.video = video.id AND file.place = 0)
		WHERE `+strings.Join(where, " AND ")+`
		ORDER BY first, id LIMIT ?`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []library.Video
	at := map[library.ID]int{}
	for rows.Next() {
		var v library.Video
		var added, modified int64
		var first string
		if err := rows.Scan(&v.ID, &v.Size, &added, &v.Duration, &v.Width, &v.Height, &v.FPSNum, &v.FPSDen, &v.Audio, &v.State, &v.Reason, &first, &modified); err != nil {
			return nil, err
		}
		v.Added, v.Modified = timeOf(added), timeOf(modified)
		at[v.ID] = len(out)
		out = append(out, v)
	}
	if err := rows.Err(); err != nil || len(out) == 0 {
		return nil, err
	}
	return out, c.details(ctx, out, at)
}

// condition is the filter as SQL, which never holds the filter's own text.
func condition(f library.Filter) (where []string, args []any) {
	where = []string{"1"}
	add := func(sql string, values ...any) {
		where = append(where, sql)
		args = append(args, values...)
	}
	marks := func(n int) string { return "(" + strings.TrimSuffix(strings.Repeat("?,", n), ",") + ")" }
	if f.IDs != nil {
		values := make([]any, len(f.IDs))
		for i, id := range f.IDs {
			values[i] = string(id)
		}
		add("id IN "+marks(len(values)), values...)
	}
	if len(f.States) > 0 {
		values := make([]any, len(f.States))
		for i, s := range f.States {
			values[i] = string(s)
		}
		add("state IN "+marks(len(values)), values...)
	}
	if f.Folder != "" {
		below := strings.TrimSuffix(f.Folder, string(filepath.Separator)) + string(filepath.Separator)
		add("EXISTS (SELECT 1 FROM file WHERE file.video = id AND substr(file.path, 1, length(?)) = ?)", below, below)
	}
	if f.Path != "" {
		add("EXISTS (SELECT 1 FROM file WHERE file.video = id AND file.path = ?)", f.Path)
	}
	if f.Text != "" {
		// SQLite's lower is that of ASCII.
		add("EXISTS (SELECT 1 FROM file WHERE file.video = id AND (instr(lower(file.path), ?) > 0 OR file.path GLOB '*[^ -~]*'))", strings.ToLower(f.Text))
	}
	if !f.After.IsZero() {
		add("modified >= ?", bound(f.After))
	}
	if !f.Before.IsZero() {
		add("modified < ?", bound(f.Before))
	}
	if f.MinDuration > 0 {
		add("duration >= ?", f.MinDuration)
	}
	if f.MaxDuration > 0 {
		add("duration <= ?", f.MaxDuration)
	}
	return where, args
}

// bound is a time as the catalog keeps it, or the nearest it can keep.
func bound(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// details adds paths and features to videos; at finds a video in the list.
func (c *Catalog) details(ctx context.Context, videos []library.Video, at map[library.ID]int) error {
	ids := make([]any, len(videos))
	for i, v := range videos {
		ids[i] = string(v.ID)
	}
	in := "(" + strings.TrimSuffix(strings.Repeat("?,", len(ids)), ",") + ")"
	err := each(ctx, c.db, "SELECT video, path FROM file WHERE video IN "+in+" ORDER BY video, place", ids, func(rows *sql.Rows) error {
		var id library.ID
		var path string
		if err := rows.Scan(&id, &path); err != nil {
			return err
		}
		v := &videos[at[id]]
		v.Paths = append(v.Paths, path)
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, c.db, "SELECT video, encoder, state, row_count, hash, reason, calibration FROM features WHERE video IN "+in+" ORDER BY video, encoder", ids, func(rows *sql.Rows) error {
		var id library.ID
		f, err := scanFeatures(rows, &id)
		if err != nil {
			return err
		}
		v := &videos[at[id]]
		v.Features = append(v.Features, f)
		return nil
	})
}

// scanFeatures reads a row of the table features.
func scanFeatures(rows *sql.Rows, id *library.ID) (f library.Features, err error) {
	var calibration string
	if err := rows.Scan(id, &f.Encoder, &f.State, &f.Rows, &f.Hash, &f.Reason, &calibration); err != nil {
		return f, err
	}
	if calibration == "" {
		return f, nil
	}
	if err := json.Unmarshal([]byte(calibration), &f.Calibration); err != nil {
		return f, fmt.Errorf("%w: calibration of %s: %w", tall.ErrFormat, *id, err)
	}
	return f, nil
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func each(ctx context.Context, q querier, query string, args []any, row func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// unknownTime stands for the zero time; 0 is a time that files do have.
const unknownTime = math.MinInt64

func timeOf(ns int64) time.Time {
	if ns == unknownTime {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return unknownTime
	}
	return t.UnixNano()
}
