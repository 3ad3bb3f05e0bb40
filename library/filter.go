package library

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Takes tells whether the filter takes a video.
func (f Filter) Takes(v Video) bool {
	some := func(takes func(path string) bool) bool { return slices.ContainsFunc(v.Paths, takes) }
	below := strings.TrimSuffix(f.Folder, string(filepath.Separator)) + string(filepath.Separator)
	text := strings.ToLower(f.Text)
	switch {
	case f.IDs != nil && !slices.Contains(f.IDs, v.ID),
		f.Path != "" && !slices.Contains(v.Paths, f.Path),
		f.Folder != "" && !some(func(path string) bool { return strings.HasPrefix(path, below) }),
		f.Text != "" && !some(func(path string) bool { return strings.Contains(strings.ToLower(path), text) }),
		len(f.States) > 0 && !slices.Contains(f.States, v.State),
		!f.After.IsZero() && (v.Modified.IsZero() || v.Modified.Before(f.After)),
		!f.Before.IsZero() && (v.Modified.IsZero() || !v.Modified.Before(f.Before)),
		f.MinDuration > 0 && v.Duration < f.MinDuration,
		f.MaxDuration > 0 && v.Duration > f.MaxDuration:
		return false
	}
	return true
}

// snapshot is the catalog in memory, as of one version.
type snapshot struct {
	version int64
	videos  []Video

	mu    sync.Mutex
	lists map[string][]*searched // by engine, made when first asked for

	chance  sync.Map // calibrate.Null over all videos, by engine and localizer
	samples sync.Map // []float32, of all videos, by engine and space
}

// ready lists the videos with features of an engine.
func (s *snapshot) ready(engine string) []*searched {
	s.mu.Lock()
	defer s.mu.Unlock()
	if list, ok := s.lists[engine]; ok {
		return list
	}
	list := []*searched{}
	for i := range s.videos {
		v := &s.videos[i]
		if f := featuresOf(*v, engine); f != nil && f.State == Ready {
			list = append(list, &searched{v, f})
		}
	}
	s.lists[engine] = list
	return list
}

// all returns the catalog, read again only where it has changed: a search of ten thousand
// videos must not wait for ten thousand rows.
func (l *Library) all(ctx context.Context) (*snapshot, error) {
	version, err := l.o.Catalog.Version(ctx)
	if err != nil {
		return nil, err
	}
	if s := l.snapshot.Load(); s != nil && s.version == version {
		return s, nil
	}
	s := &snapshot{version: version, lists: map[string][]*searched{}}
	for v, err := range l.o.Catalog.Videos(ctx, Filter{}) {
		if err != nil {
			return nil, err
		}
		s.videos = append(s.videos, v)
	}
	l.snapshot.Store(s)
	return s, nil
}
