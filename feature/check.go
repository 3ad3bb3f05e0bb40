package feature

import (
	"context"
	"fmt"
	"sync"
)

// Problem is a window whose feature cannot be used.
type Problem struct {
	Window int    // index
	Name   string // of the file
	Err    error
}

// Check reads every window and returns those that cannot be read, are of another
// shape or hold NaN or infinity, in order. The error is ctx's alone. Progress,
// if not nil, is called from one goroutine at a time.
func (s *Store) Check(ctx context.Context, progress func(done, total int)) ([]Problem, error) {
	var (
		lock  sync.Mutex
		done  int
		parts = make([][]Problem, (len(s.names)+aheadRows-1)/aheadRows)
	)
	parallel(len(parts), func(c int) {
		v := make([]float32, s.dim)
		from, to := c*aheadRows, min((c+1)*aheadRows, len(s.names))
		s.expect(from, to)
		for i := from; i < to && ctx.Err() == nil; i++ {
			if err := s.Vector(i, v); err != nil {
				parts[c] = append(parts[c], Problem{i, s.names[i], err})
			}
		}
		lock.Lock()
		defer lock.Unlock()
		if done += to - from; progress != nil {
			progress(done, len(s.names))
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("check %s: %w", s.dir, err)
	}
	var out []Problem
	for _, p := range parts {
		out = append(out, p...)
	}
	return out, nil
}
