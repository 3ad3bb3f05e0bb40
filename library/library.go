package library

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"tall"
)

// Options are the parts of a library.
type Options struct {
	Catalog  Catalog
	Features FeatureStore
	Queue    Queue
	// Index, which may be nil, finds the videos that are worth a closer look.
	Index CandidateIndex
	// Engines, the first of which is the default.
	Engines []Engine
	// Probe tells what a video file holds, without reading all of it.
	Probe func(ctx context.Context, path string) (Facts, error)
}

// Facts are what a video file says of itself.
type Facts struct {
	Duration       float64 // seconds
	Width, Height  int     // pixels as shown
	FPSNum, FPSDen int     // frame rate as a fraction
	Audio          bool    // whether it has sound
}

// Library is a searchable collection of videos. Its methods may be called from several
// goroutines.
type Library struct {
	o        Options
	snapshot atomic.Pointer[snapshot]

	mu        sync.Mutex
	listeners map[chan Event]struct{}
}

// Open puts a library together. Nothing is read yet.
func Open(o Options) (*Library, error) {
	seen := map[string]bool{}
	for _, e := range o.Engines {
		if e.Name == "" || strings.ContainsAny(e.Name, `/\.`) || seen[e.Name] {
			return nil, fmt.Errorf("%w: %q cannot name an encoder of a library (empty, twice, or no plain name)", tall.ErrFormat, e.Name)
		}
		seen[e.Name] = true
	}
	if len(o.Engines) == 0 {
		return nil, errors.New("a library needs an encoder")
	}
	return &Library{o: o, listeners: map[chan Event]struct{}{}}, nil
}

// Engines lists the names of the encoders, the default first.
func (l *Library) Engines() []string {
	names := make([]string, len(l.o.Engines))
	for i, e := range l.o.Engines {
		names[i] = e.Name
	}
	return names
}

// engine finds one by name; "" is the first.
func (l *Library) engine(name string) (*Engine, error) {
	for i := range l.o.Engines {
		if e := &l.o.Engines[i]; name == "" || e.Name == name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("%w: the library has no encoder %q; it has %s", tall.ErrMissing, name, strings.Join(l.Engines(), ", "))
}

// Video returns one video; the error wraps [tall.ErrMissing] where there is none.
func (l *Library) Video(ctx context.Context, id ID) (Video, error) {
	for v, err := range l.o.Catalog.Videos(ctx, Filter{IDs: []ID{id}}) {
		return v, err
	}
	return Video{}, fmt.Errorf("%w: no video %s in the library", tall.ErrMissing, id)
}

// Event is a step of the work on one video.
type Event struct {
	Video   ID      `json:"video"`
	Path    string  `json:"path"`
	Encoder string  `json:"encoder,omitempty"`
	State   State   `json:"state"`
	Done    float64 `json:"done"`  // seconds of the video
	Total   float64 `json:"total"` // seconds of the video
	Reason  string  `json:"reason,omitempty"`
}

// Events delivers what happens from now on, until the context ends; then the channel is
// closed. A reader that is too slow misses events, never the last state of a video's work
// that follows.
func (l *Library) Events(ctx context.Context) <-chan Event {
	c := make(chan Event, 64)
	l.mu.Lock()
	l.listeners[c] = struct{}{}
	l.mu.Unlock()
	context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.listeners, c)
		close(c)
	})
	return c
}

// tell sends an event to all who listen. Where a channel is full its oldest event goes.
func (l *Library) tell(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.listeners {
		for {
			select {
			case c <- e:
			default:
				select {
				case <-c:
				default:
				}
				continue
			}
			break
		}
	}
}

// Remove takes a video out of the library, with all that was made of it. Its own files
// stay where they are.
func (l *Library) Remove(ctx context.Context, id ID) error {
	v, err := l.Video(ctx, id)
	if err != nil {
		return err
	}
	if err := l.o.Queue.Cancel(ctx, id); err != nil {
		return err
	}
	// The catalog first: from here on nothing finds the video, and what a crash leaves of
	// it [Library.Check] finds.
	if err := l.o.Catalog.Update(ctx, id, func(*Video, bool) (bool, error) { return false, nil }); err != nil {
		return err
	}
	encoders := make([]string, len(v.Features))
	for i, f := range v.Features {
		encoders[i] = f.Encoder
	}
	return l.forget(ctx, id, encoders...)
}
