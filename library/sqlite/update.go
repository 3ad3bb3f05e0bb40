package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"tall/library"
)

// Update implements [library.Catalog].
func (c *Catalog) Update(ctx context.Context, id library.ID, change func(v *library.Video, found bool) (keep bool, err error)) error {
	return c.transact(ctx, func(tx *sql.Tx) error {
		v, found, err := read(ctx, tx, id)
		if err != nil {
			return err
		}
		keep, err := change(&v, found)
		if err != nil {
			return err
		}
		if v.ID != id {
			return errors.New("a video's ID cannot change")
		}
		if !found && !keep {
			return nil
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO setting (key, value) VALUES ('version', '1')
			ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1`)
		if err != nil {
			return err
		}
		if !keep {
			_, err := tx.ExecContext(ctx, "DELETE FROM video WHERE id = ?", string(id))
			return err
		}
		return write(ctx, tx, v)
	})
}

// Version implements [library.Catalog].
func (c *Catalog) Version(ctx context.Context) (version int64, err error) {
	err = c.db.QueryRowContext(ctx, "SELECT CAST(value AS INTEGER) FROM setting WHERE key = 'version'").Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return version, c.explain(err)
}

// read reads one video.
func read(ctx context.Context, tx *sql.Tx, id library.ID) (v library.Video, found bool, err error) {
	v.ID = id
	var added int64
	err = tx.QueryRowContext(ctx, "SELECT size, added, duration, width, height, fps_num, fps_den, audio, state, reason FROM video WHERE id = ?", string(id)).
		Scan(&v.Size, &added, &v.Duration, &v.Width, &v.Height, &v.FPSNum, &v.FPSDen, &v.Audio, &v.State, &v.Reason)
	if errors.Is(err, sql.ErrNoRows) {
		return v, false, nil
	}
	if err != nil {
		return v, false, err
	}
	v.Added = timeOf(added)
	err = each(ctx, tx, "SELECT path, modified FROM file WHERE video = ? ORDER BY place", []any{string(id)}, func(rows *sql.Rows) error {
		var path string
		var modified int64
		if err := rows.Scan(&path, &modified); err != nil {
			return err
		}
		if len(v.Paths) == 0 {
			v.Modified = timeOf(modified)
		}
		v.Paths = append(v.Paths, path)
		return nil
	})
	if err != nil {
		return v, false, err
	}
	err = each(ctx, tx, "SELECT video, encoder, state, row_count, hash, reason, calibration FROM features WHERE video = ? ORDER BY encoder", []any{string(id)}, func(rows *sql.Rows) error {
		f, err := scanFeatures(rows, &id)
		if err != nil {
			return err
		}
		v.Features = append(v.Features, f)
		return nil
	})
	return v, true, err
}

// write replaces all that is kept of one video. A path that belonged to another video
// belongs to this one from now on: the file there has changed.
func write(ctx context.Context, tx *sql.Tx, v library.Video) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO video (id, size, added, duration, width, height, fps_num, fps_den, audio, state, reason)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET size = excluded.size, added = excluded.added, duration = excluded.duration,
			width = excluded.width, height = excluded.height, fps_num = excluded.fps_num, fps_den = excluded.fps_den, audio = excluded.audio,
			state = excluded.state, reason = excluded.reason`,
		string(v.ID), v.Size, nanoseconds(v.Added), v.Duration, v.Width, v.Height, v.FPSNum, v.FPSDen, v.Audio, string(v.State), v.Reason)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM file WHERE video = ?", string(v.ID)); err != nil {
		return err
	}
	for place, path := range v.Paths {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO file (path, video, place, modified) VALUES (?, ?, ?, ?)", path, string(v.ID), place, nanoseconds(v.Modified))
		if err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM features WHERE video = ?", string(v.ID)); err != nil {
		return err
	}
	for _, f := range v.Features {
		calibration := ""
		if len(f.Calibration) > 0 {
			text, err := json.Marshal(f.Calibration)
			if err != nil {
				return err
			}
			calibration = string(text)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO features (video, encoder, state, row_count, hash, reason, calibration) VALUES (?, ?, ?, ?, ?, ?, ?)",
			string(v.ID), f.Encoder, string(f.State), f.Rows, f.Hash, f.Reason, calibration)
		if err != nil {
			return err
		}
	}
	return nil
}

// Setting reads what [Catalog.Set] wrote; "" where there is nothing.
func (c *Catalog) Setting(ctx context.Context, key string) (value string, err error) {
	err = c.db.QueryRowContext(ctx, "SELECT value FROM setting WHERE key = ?", "user."+key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, c.explain(err)
}

// Set keeps a setting of the program that uses the library.
func (c *Catalog) Set(ctx context.Context, key, value string) error {
	_, err := c.db.ExecContext(ctx, "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", "user."+key, value)
	return c.explain(err)
}
