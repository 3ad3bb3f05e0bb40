package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"tall"
)

// Rows encodes a video that is not in the library, for [library.Like]: nothing of it is
// kept. Closing removes the temporary file that holds the rows. Encoder is an engine's
// name, or "" for that of a query that names none.
func (l *Library) Rows(ctx context.Context, encoder, path string, progress func(done, total float64)) (rows *tall.Features, closeRows func() error, err error) {
	e, err := l.Encoder(ctx, encoder)
	if err != nil {
		return nil, nil, err
	}
	video, err := e.Open()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "tall-like-")
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	const name = "example"
	if progress == nil {
		progress = func(float64, float64) {}
	}
	if _, err := video.Save(ctx, path, filepath.Join(dir, e.Name), name, nil, progress); err != nil {
		return nil, nil, err
	}
	rows, file, err := NewStore(dir).Open(ctx, e.Name, name)
	if err != nil {
		return nil, nil, err
	}
	return rows, func() error { return errors.Join(file.Close(), os.RemoveAll(dir)) }, nil
}
