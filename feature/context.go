package feature

import (
	"fmt"
	"slices"
	"strings"

	"tall"
)

// Mode is how a window's neighbors are found.
type Mode string

const (
	// Exact is the reference's way (get_context_window): a neighbor is the file
	// of exactly the wanted span. Where there is none, the last one found is used
	// again, at first the window itself. On TACoS as released no 128-frame window
	// has an exact neighbor, and about 4 % of the others have one.
	Exact Mode = "exact"
	// Nearest takes, of the windows with the wanted length, the one that starts
	// nearest to the wanted place, at most half of that length away (of two
	// equally near, the earlier); else as Exact.
	Nearest Mode = "nearest"
	// None puts the window itself in the place of both contexts.
	None Mode = "none"
)

// Modes lists the valid modes, the default first.
func Modes() []string { return []string{string(Exact), string(Nearest), string(None)} }

// Context says what stands on the left and right of a window in the model's
// input. Each side is the mean over Num neighbors of Size frames: the first
// touches the window, the next touches the first, and so on. The reference's
// values are [DefaultContext].
type Context struct {
	Mode Mode
	Num  int // neighbors on each side (context_num)
	Size int // frames of each (context_size)
}

// DefaultContext is that of the reference's configs/tall.yaml: context_num 1,
// context_size 128.
var DefaultContext = Context{Mode: Exact, Num: 1, Size: 128}

// Check returns an error where the context cannot be computed.
func (c Context) Check() error {
	switch {
	case !slices.Contains(Modes(), string(c.Mode)):
		return fmt.Errorf("%w: context mode %q; the modes are %s", tall.ErrFormat, c.Mode, strings.Join(Modes(), ", "))
	case c.Mode == None:
		return nil
	case c.Num < 1:
		return fmt.Errorf("%w: context_num is %d, must be at least 1; for no context use mode none", tall.ErrFormat, c.Num)
	case c.Size < 1:
		return fmt.Errorf("%w: context_size is %d, must be at least 1 frame", tall.ErrFormat, c.Size)
	}
	return nil
}

// String is the context as a [tall.Manifest] holds it: "exact 1x128".
func (c Context) String() string {
	if c.Mode == None {
		return string(None)
	}
	return fmt.Sprintf("%s %dx%d", c.Mode, c.Num, c.Size)
}

// neighbor returns the window of video v that stands for the span from start
// to start+Size, or -1.
func (s *Store) neighbor(v int, c Context, start int) int {
	if c.Mode == Exact {
		i, ok := s.find(v, span(start, start+c.Size))
		if !ok {
			return -1
		}
		return i
	}
	// Nearest: of the windows that begin within half a length, in order of start.
	best, away := -1, c.Size/2+1
	i, _ := s.find(v, span(start-c.Size/2, 0))
	for ; i < s.first[v+1]; i++ {
		w := s.spans[i]
		d := int(w.Start) - start
		if d > c.Size/2 {
			break
		}
		if int(w.Len()) == c.Size && max(d, -d) < away {
			best, away = i, max(d, -d)
		}
	}
	return best
}

// Input writes the model's visual input of window i, [left | clip | right], to
// dst, which holds 3 x [Store.Dim] values. It may be called from several
// goroutines.
func (s *Store) Input(i int, c Context, dst []float32) error { return s.inputAs("", i, c, dst) }

// inputAs is Input of vectors that are normalized before anything else.
func (s *Store) inputAs(norm Norm, i int, c Context, dst []float32) error {
	if err := c.Check(); err != nil {
		return err
	}
	if len(dst) != 3*s.dim {
		return fmt.Errorf("%w: an input takes 3 x %d values, room for %d was given", tall.ErrShape, s.dim, len(dst))
	}
	left, clip, right := dst[:s.dim], dst[s.dim:2*s.dim], dst[2*s.dim:]
	if err := s.vectorAs(norm, i, clip); err != nil {
		return err
	}
	if c.Mode == None {
		copy(left, clip)
		copy(right, clip)
		return nil
	}
	v := s.videoOf(i)
	start, end := int(s.spans[i].Start), int(s.spans[i].End)
	err := s.side(norm, c, left, clip, func(k int) int { return s.neighbor(v, c, start-c.Size*(k+1)) })
	if err == nil {
		err = s.side(norm, c, right, clip, func(k int) int { return s.neighbor(v, c, end+c.Size*k) })
	}
	return err
}

// side writes the mean over the c.Num neighbors of one side to dst, as the
// reference's numpy.mean does: summed in order in float32, then divided.
func (s *Store) side(norm Norm, c Context, dst, clip []float32, at func(k int) int) error {
	if c.Num == 1 {
		if w := at(0); w >= 0 {
			return s.vectorAs(norm, w, dst)
		}
		copy(dst, clip)
		return nil
	}
	latest := clip // the last one found, at first the clip itself
	found := make([]float32, s.dim)
	clear(dst)
	for k := range c.Num {
		if w := at(k); w >= 0 {
			if err := s.vectorAs(norm, w, found); err != nil {
				return err
			}
			latest = found
		}
		for j, x := range latest {
			dst[j] += x
		}
	}
	for j := range dst {
		dst[j] /= float32(c.Num)
	}
	return nil
}

func (s *Store) vectorAs(norm Norm, i int, dst []float32) error {
	err := s.Vector(i, dst)
	if err == nil {
		norm.apply(dst, s.dim)
	}
	return err
}
