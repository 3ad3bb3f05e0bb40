package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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
	before   []string // uploads that an earlier server did not come to
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

func newAddition(paths []string, sent bool) *addition {
	return &addition{paths: paths, sent: sent, done: make(chan struct{}), added: map[string]addedBody{}}
}

// addsWaiting bounds the requests that wait.
const addsWaiting = 64

// addPause is how long a request waits for what it adds.
const addPause = 3 * time.Second

func newAdder(s *Server) (*adder, error) {
	before, err := s.folders.pending()
	return &adder{s: s, before: before, requests: make(chan *addition, addsWaiting)}, err
}

func (a *adder) run(ctx context.Context) {
	if len(a.before) > 0 {
		a.do(ctx, newAddition(a.before, true))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-a.requests:
			a.do(ctx, one)
		}
	}
}

func (a *adder) do(ctx context.Context, one *addition) {
	err := a.s.o.Library.Add(ctx, one.paths, nil, func(added library.Added) { one.tell(a.s, added) })
	if err != nil && ctx.Err() == nil {
		a.s.log.Error("adding videos", "error", err)
		for _, path := range one.paths {
			one.tellMissing(a.s, path, err)
		}
	}
	close(one.done)
}

func (o *addition) tell(s *Server, added library.Added) {
	b := addedBody{Path: added.Path, ID: string(added.ID), What: string(added.What)}
	if added.Err != nil {
		b.Error = added.Err.Error()
	}
	o.mu.Lock()
	o.added[added.Path] = b
	o.mu.Unlock()
	if o.sent {
		s.settle(added)
	}
	s.hub.added(b)
}

// settle ends what was pending of an upload: one that is no video is removed. What failed
// for another reason is tried again by the next start.
func (s *Server) settle(added library.Added) {
	no := errors.Is(added.Err, tall.ErrFormat) || errors.Is(added.Err, tall.ErrUnsafe)
	if added.What == library.Refused && !no {
		return
	}
	err := s.folders.settled(filepath.Base(added.Path))
	if err == nil && no {
		err = s.folders.removeUpload(added.Path)
	}
	if err != nil && !os.IsNotExist(err) {
		s.log.Error("an upload cannot be settled", "path", added.Path, "error", err)
	}
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
	one := newAddition(paths, sent)
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
