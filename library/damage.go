package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"tall"
)

var (
	// errRemoved tells that a video was removed, or encoded anew, while it was searched.
	errRemoved = fmt.Errorf("%w: removed meanwhile", tall.ErrMissing)
	// errBroken tells that the stored features of a video cannot be used.
	errBroken = errors.New("features are damaged")
)

// broken marks features that turned out to be unreadable, so that they are searched no
// more until [Library.Check] has mended them. Where features are given, they are read
// again to learn whether the error is theirs.
func (l *Library) broken(ctx context.Context, v *searched, err error, features *tall.Features) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if features != nil && readable(features) == nil || ofTheMoment(err) {
		return err // of the sentence, of the model, or of the system
	}
	problem, markErr := l.damaged(ctx, v.ID, *v.features, func(ctx context.Context) (string, error) {
		err := l.usable(ctx, v)
		if ofTheMoment(err) {
			return "", err
		}
		return problemOf(err), nil
	})
	if markErr != nil {
		return errors.Join(err, markErr)
	}
	if problem == "" {
		return fmt.Errorf("%w: %s", errRemoved, v.ID)
	}
	return fmt.Errorf("%w, and not searched until `tall index check --repair` has mended them: %s", errBroken, problem)
}

// ofTheMoment tells errors of a system that has run out of files or memory, which say
// nothing of what was to be read.
func ofTheMoment(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

func problemOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// usable opens features and reads all of them.
func (l *Library) usable(ctx context.Context, v *searched) error {
	features, closer, err := l.o.Features.Open(ctx, v.features.Encoder, v.ID)
	if err != nil {
		return err
	}
	defer closer.Close()
	return errors.Join(rowsAre(features, *v.features), readable(features))
}

// rowsAre compares the number of rows with the catalog's.
func rowsAre(features *tall.Features, f Features) error {
	if len(features.Spans) == f.Rows {
		return nil
	}
	return fmt.Errorf("%w: %s: %d rows are stored, the catalog says %d", tall.ErrShape, features.Video, len(features.Spans), f.Rows)
}

// readable reads all rows.
func readable(f *tall.Features) error {
	for _, s := range f.Streams {
		buf := make([]float32, s.D)
		for i := range s.N {
			row, err := s.Rows(i, i+1, buf)
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("%w: truncated: %w", tall.ErrFormat, err)
			}
			if err != nil {
				return err
			}
			for _, x := range row {
				if x-x != 0 {
					return fmt.Errorf("%w: row %d of %s", tall.ErrNotFinite, i, f.Video)
				}
			}
		}
	}
	return nil
}

// damaged marks features that cannot be trusted, so that searches pass over them. What is
// wrong is as in [Library.suspect].
func (l *Library) damaged(ctx context.Context, id ID, f Features, look func(context.Context) (string, error)) (problem string, err error) {
	return l.suspect(ctx, id, f, look, func(have *Features, problem string) error {
		have.State, have.Reason = Damaged, problem
		return nil
	})
}

// unmade removes features that cannot be trusted. What is wrong is as in [Library.suspect].
func (l *Library) unmade(ctx context.Context, id ID, f Features, look func(context.Context) (string, error)) (problem string, err error) {
	return l.suspect(ctx, id, f, look, func(have *Features, _ string) error {
		*have = Features{Encoder: f.Encoder, State: Waiting}
		return l.o.Features.Remove(f.Encoder, id)
	})
}

// whole marks features as ready that were called damaged and are not: what kept them from
// being read, such as a drive that was gone, has passed.
func (l *Library) whole(ctx context.Context, id ID, f Features, look func(context.Context) (string, error)) error {
	fine := func(ctx context.Context) (string, error) {
		problem, err := look(ctx)
		if problem != "" {
			return "", err
		}
		return "none", err
	}
	_, err := l.suspect(ctx, id, f, fine, func(have *Features, _ string) error {
		have.State, have.Reason = Ready, ""
		return nil
	})
	return err
}

// suspect looks at features again while the catalog stands still, and calls then where
// something is wrong with them. What its caller saw may have been a moment of change: the
// video was removed, and perhaps added and encoded again since. Problem is "" where it is
// not as f says any more, or whole after all.
func (l *Library) suspect(ctx context.Context, id ID, f Features, look func(context.Context) (string, error), then func(have *Features, problem string) error) (problem string, err error) {
	err = l.o.Catalog.Update(ctx, id, func(v *Video, found bool) (bool, error) {
		problem = ""
		have := featuresOf(*v, f.Encoder)
		if !same(have, f) {
			return found, nil
		}
		var err error
		if problem, err = look(ctx); err != nil || problem == "" {
			return true, err
		}
		err = then(have, problem)
		v.settle(problem)
		return true, err
	})
	return problem, err
}

// same tells whether features, nil for none, are still as f says.
func same(have *Features, f Features) bool {
	return have != nil && have.State == f.State && have.Hash == f.Hash
}

// forget removes what encoders made of a video, unless they are to make it, or have made
// it, for a video that was added again.
func (l *Library) forget(ctx context.Context, id ID, encoders ...string) error {
	return l.o.Catalog.Update(ctx, id, func(v *Video, found bool) (bool, error) {
		var errs []error
		if !found && l.o.Index != nil {
			errs = append(errs, l.o.Index.Remove(ctx, id))
		}
		for _, name := range encoders {
			if featuresOf(*v, name) == nil {
				errs = append(errs, l.o.Features.Remove(name, id))
			}
		}
		return found, errors.Join(errs...)
	})
}
