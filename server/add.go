package server

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"tall"
	"tall/library"
)

type addedBody struct {
	Path  string `json:"path"`
	ID    string `json:"id,omitempty"`
	What  string `json:"what" enum:"new,known,moved,copy,changed,refused,queued" doc:"queued: not looked at yet, an event will tell"`
	Error string `json:"error,omitempty"`
}

type addedOutput struct {
	Body struct {
		Added []addedBody `json:"added"`
	}
}

// adder adds files one after another, as each is read as a whole: a request that waited
// for a terabyte would never end.
type adder struct {
	s        *Server
	requests chan *addition
}

// addition is what one request adds.
type addition struct {
	paths []string // real
	// sent files belong to the server, which removes those that are no videos.
	sent bool
	done chan struct{}

	mu    sync.Mutex
	added map[string]addedBody // by path
}

// addsWaiting bounds the requests that wait.
const addsWaiting = 64

// addPause is how long a request waits for what it adds.
const addPause = 3 * time.Second

func newAdder(s *Server) *adder {
	return &adder{s: s, requests: make(chan *addition, addsWaiting)}
}

func (a *adder) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-a.requests:
			err := a.s.o.Library.Add(ctx, one.paths, nil, func(added library.Added) { one.tell(a.s, added) })
			if err != nil && ctx.Err() == nil {
				a.s.log.Error("adding videos", "error", err)
				for _, path := range one.paths {
					one.tellMissing(a.s, path, err)
				}
			}
			close(one.done)
		}
	}
}

func (o *addition) tell(s *Server, added library.Added) {
	b := addedBody{Path: added.Path, ID: string(added.ID), What: string(added.What)}
	if added.Err != nil {
		b.Error = added.Err.Error()
	}
	o.mu.Lock()
	o.added[added.Path] = b
	o.mu.Unlock()
	if o.sent && added.What == library.Refused {
		if err := s.folders.removeUpload(added.Path); err != nil && !os.IsNotExist(err) {
			s.log.Error("an uploaded file cannot be removed", "path", added.Path, "error", err)
		}
	}
	s.hub.added(b)
}

// tellMissing tells of a path that was not reached.
func (o *addition) tellMissing(s *Server, path string, err error) {
	o.mu.Lock()
	_, told := o.added[path]
	o.mu.Unlock()
	if !told {
		o.tell(s, library.Added{Path: path, What: library.Refused, Err: err})
	}
}

// add queues real paths and returns what has become of them within a pause.
func (a *adder) add(ctx context.Context, paths []string, sent bool, pause time.Duration) ([]addedBody, error) {
	one := &addition{paths: paths, sent: sent, done: make(chan struct{}), added: map[string]addedBody{}}
	select {
	case a.requests <- one:
	default:
		return nil, &refusal{http.StatusServiceUnavailable, "many videos are being added already; come again later", 10 * time.Second}
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-one.done:
	case <-timer.C:
	case <-ctx.Done():
	case <-a.s.closing.Done():
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	out := make([]addedBody, len(paths))
	for i, path := range paths {
		b, ok := one.added[path]
		if !ok {
			b = addedBody{Path: path, What: "queued"}
		}
		out[i] = b
	}
	return out, nil
}

type addInput struct {
	Body struct {
		Paths []string `json:"paths" minItems:"1" maxItems:"1000" doc:"Absolute paths of files and folders"`
	}
}

func (s *Server) addVideos(ctx context.Context, in *addInput) (*addedOutput, error) {
	if len(s.o.Roots) == 0 {
		return nil, fmt.Errorf("%w: this server may read no folder; start it with --root", tall.ErrUnsafe)
	}
	var files []string
	for _, path := range in.Body.Paths {
		found, err := s.expand(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	added, err := s.adder.add(ctx, files, false, addPause)
	if err != nil {
		return nil, err
	}
	out := &addedOutput{}
	out.Body.Added = added
	return out, nil
}

// expand lists the real paths of the videos that a client's path names.
func (s *Server) expand(path string) ([]string, error) {
	real, err := s.folders.resolve(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	if !info.IsDir() || s.o.Find == nil {
		return []string{real}, nil
	}
	found, err := s.o.Find(real)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(found))
	for _, path := range found {
		if real, err := s.folders.resolve(path); err == nil { // others are links that lead out
			out = append(out, real)
		}
	}
	return out, nil
}
