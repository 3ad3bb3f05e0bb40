package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Server answers the HTTP API, and serves the page.
type Server struct {
	o       Options
	log     *slog.Logger
	handler http.Handler
	openapi []byte
	began   time.Time

	sessions sessions
	attempts *limiter // wrong tokens
	rates    *limiter
	searches *gate
	encoding *gate
	uploads  *gate
	streams  *gate
	metrics  *metrics
	folders  *folders
	cache    *diskCache
	hub      *hub
	adder    *adder

	closing context.Context // ends when the server does
	close   context.CancelCauseFunc
	running sync.WaitGroup // what goes on in the background
}

var errClosing = errors.New("the server is shutting down")

// New makes a server, which is to be closed.
func New(o Options) (*Server, error) {
	o.Limits = o.Limits.withDefaults()
	if o.Hosts == nil {
		o.Hosts = LoopbackHosts()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := o.Limits
	s := &Server{
		o: o, log: o.Logger, began: time.Now(),
		attempts: newLimiter(1.0/6, 10),
		rates:    newLimiter(l.PerSecond, l.Burst),
		searches: newGate("searches", l.Searches, l.Waiting, time.Second),
		encoding: newGate("pictures and clips", l.Encodings, 64, 2*time.Second),
		uploads:  newGate("uploads", l.Uploads, 0, 10*time.Second),
		streams:  newGate("streams of events", l.Streams, 0, 10*time.Second),
	}
	var err error
	if s.folders, err = openFolders(o.Roots, o.Uploads); err != nil {
		return nil, err
	}
	if s.cache, err = openCache(o.Cache, l.Cache); err != nil {
		return nil, errors.Join(err, s.folders.close())
	}
	s.closing, s.close = context.WithCancelCause(context.Background())
	s.metrics = newMetrics(s)
	s.hub = newHub()
	if s.adder, err = newAdder(s); err == nil {
		s.handler, err = s.routes()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.running.Go(s.hub.follow(s.closing, s.o.Library, l.Look, s.log))
	s.running.Go(func() { s.adder.run(s.closing) })
	return s, nil
}

// Close ends what the server does in the background, and its streams of events.
func (s *Server) Close() error {
	s.close(errClosing)
	s.running.Wait()
	return errors.Join(s.folders.close(), s.cache.close())
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// OpenAPI is the description of the API, version 3.1, as JSON.
func (s *Server) OpenAPI() []byte { return s.openapi }

func (s *Server) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	api := s.newAPI(mux)
	s.libraryOperations(api)
	s.videoOperations(api)
	s.fileOperations(api)
	s.searchOperations(api)
	s.eventOperations(api)
	s.feedbackOperations(api)
	s.systemOperations(api)
	if err := api.done(); err != nil {
		return nil, err
	}
	var err error
	if s.openapi, err = json.Marshal(api.OpenAPI()); err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, r *http.Request) {
		serveBytes(w, r, "application/json", s.openapi)
	})
	if err := servePage(mux); err != nil {
		return nil, err
	}
	h := s.authenticate(s.routed(mux))
	h = s.limitRate(h)
	h = s.refuseCrossSite(h)
	h = allowHosts(s.o.Hosts, h)
	h = secureHeaders(h)
	h = s.recoverPanics(h)
	return s.measured(h), nil
}

// routed is the mux, whose own answers (no such path, no such method) become problems.
func (s *Server) routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			if info, ok := r.Context().Value(routeKey{}).(*routeInfo); ok {
				info.pattern = pattern
			}
			mux.ServeHTTP(w, r)
			return
		}
		said := &heard{header: http.Header{}}
		h.ServeHTTP(said, r)
		switch said.status {
		case http.StatusMethodNotAllowed:
			w.Header().Set("Allow", said.header.Get("Allow"))
			writeProblem(w, said.status, r.Method+" is not for this; there is "+said.header.Get("Allow"))
		default:
			writeProblem(w, http.StatusNotFound, "there is nothing at "+quoteShort(r.URL.Path)+"; /openapi.json tells what there is")
		}
	})
}

// heard takes an answer that is not sent.
type heard struct {
	header http.Header
	status int
}

// Header implements [http.ResponseWriter].
func (h *heard) Header() http.Header { return h.header }

// Write implements [http.ResponseWriter].
func (h *heard) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements [http.ResponseWriter].
func (h *heard) WriteHeader(status int) { h.status = status }

// api registers operations.
type api struct {
	huma.API
	s    *Server
	errs []error
}

func (a *api) done() error { return errors.Join(a.errs...) }
