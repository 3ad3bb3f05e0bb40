package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tall/library"
)

const contentEvents = "text/event-stream"

// eventStream writes server-sent events.
type eventStream struct{ *patient }

func (s *Server) newEventStream(w http.ResponseWriter) *eventStream {
	e := &eventStream{s.patiently(w)}
	h := w.Header()
	h.Set("Content-Type", contentEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies pass events on at once
	return e
}

// send sends an event, whose data is one line.
func (e *eventStream) send(event string, data []byte) error {
	b := make([]byte, 0, len(event)+len(data)+20)
	b = append(b, "event: "...)
	b = append(b, event...)
	b = append(b, "\ndata: "...)
	b = append(b, data...)
	return e.write(append(b, "\n\n"...))
}

// beat sends a sign of life.
func (e *eventStream) beat() error { return e.write([]byte(": \n\n")) }

func (e *eventStream) write(b []byte) error {
	if _, err := e.Write(b); err != nil {
		return err
	}
	return e.control.Flush()
}

// hub passes what happens in the library on to those who listen.
type hub struct {
	mu      sync.Mutex
	clients map[chan []byte]struct{}
	doing   map[library.Task]*progress // that are being worked on
	ended   bool
	wake    chan struct{} // the library has changed
}

// progress is how far a task has come, and when it was told last.
type progress struct {
	library.Event
	told time.Time
}

func newHub() *hub {
	return &hub{clients: map[chan []byte]struct{}{}, doing: map[library.Task]*progress{}, wake: make(chan struct{}, 1)}
}

// Bounds of the hub.
const (
	tellPause  = 200 * time.Millisecond // between two events of a task that only goes on
	clientRoom = 64                     // events that a client may be behind
)

// follow begins to listen, and returns what passes on all that happens from now on until
// the context ends. Every look it sees whether another process changed the library.
func (h *hub) follow(ctx context.Context, l *library.Library, look time.Duration, log *slog.Logger) func() {
	events := l.Events(ctx)
	version, err := l.Version(ctx)
	if err != nil {
		version = -1 // unknown until the next look
	}
	return func() { h.run(ctx, l, events, version, look, log) }
}

func (h *hub) run(ctx context.Context, l *library.Library, events <-chan library.Event, version int64, look time.Duration, log *slog.Logger) {
	defer h.end()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-events:
			if !ok {
				return
			}
			h.happened(e)
			continue
		case <-h.wake:
		case <-tick.C:
		}
		now, err := l.Version(ctx)
		if err != nil {
			if ctx.Err() == nil {
				log.Debug("looking for changes", "error", err)
			}
			continue
		}
		if version >= 0 && now != version {
			h.tell("library", struct {
				Version int64 `json:"version"`
			}{now})
		}
		version = now
	}
}

// changed makes the hub look at once.
func (h *hub) changed() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// end ends all streams; later ones end at once.
func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for c := range h.clients {
		close(c)
		delete(h.clients, c)
	}
}

// happened passes on an event of the library, if it is not of the same state as one a
// moment ago.
func (h *hub) happened(e library.Event) {
	t := library.Task{Video: e.Video, Encoder: e.Encoder}
	h.mu.Lock()
	p := h.doing[t]
	if e.State != library.Working {
		delete(h.doing, t)
	} else if p == nil {
		h.doing[t] = &progress{e, time.Now()}
	} else {
		p.Event = e
		if time.Since(p.told) < tellPause {
			h.mu.Unlock()
			return
		}
		p.told = time.Now()
	}
	h.mu.Unlock()
	h.tell("job", newJobBody(e))
	if e.State != library.Working {
		h.changed()
	}
}

// added tells what became of a file that was to be added.
func (h *hub) added(b addedBody) {
	h.tell("added", b)
	h.changed()
}

// tell sends an event to all who listen. A client that is too far behind loses its oldest.
func (h *hub) tell(event string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		return // only what cannot happen: bodies of events are plain
	}
	message := bytes.Join([][]byte{[]byte(event), data}, []byte{'\n'})
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		for sent := false; !sent; {
			select {
			case c <- message:
				sent = true
			default:
				select {
				case <-c:
				default:
				}
			}
		}
	}
}

// listen returns a channel of events, which is closed when the server ends.
func (h *hub) listen() (events <-chan []byte, leave func()) {
	c := make(chan []byte, clientRoom)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		close(c)
		return c, func() {}
	}
	h.clients[c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.clients, c)
	}
}

// progressOf is how far a task has come.
func (h *hub) progressOf(t library.Task) (library.Event, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.doing[t]; p != nil {
		return p.Event, true
	}
	return library.Event{}, false
}

type jobBody struct {
	Video   string  `json:"video"`
	Path    string  `json:"path"`
	Encoder string  `json:"encoder"`
	State   string  `json:"state" enum:"waiting,working,ready,failed,missing,damaged"`
	Done    float64 `json:"done" doc:"Seconds of the video"`
	Total   float64 `json:"total" doc:"Seconds of the video"`
	Reason  string  `json:"reason,omitempty"`
}

func newJobBody(e library.Event) jobBody {
	return jobBody{string(e.Video), e.Path, e.Encoder, string(e.State), finite(e.Done), finite(e.Total), e.Reason}
}

func (s *Server) eventOperations(a *api) {
	tags := []string{"jobs"}
	handle(a, huma.Operation{OperationID: "list-jobs", Method: http.MethodGet, Path: "/api/v1/jobs", Summary: "Work that is not done", Tags: tags}, Read, s.listJobs)
	handleRaw(a, huma.Operation{
		OperationID: "get-events", Method: http.MethodGet, Path: "/api/v1/events", Summary: "What happens from now on, as server-sent events", Tags: tags,
		Description: "`job`: a step of the work on a video. `added`: what became of a file that was added. `library`: videos have changed, by whomever. Comments are signs of life.",
	}, Read, map[int][]content{200: {{contentEvents, nil}}}, s.events)
}

type jobsInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"200"`
}

type jobsOutput struct {
	Body struct {
		Jobs  []jobBody `json:"jobs" doc:"Those worked on first, then waiting, then failed"`
		Total int       `json:"total"`
	}
}

func (s *Server) listJobs(ctx context.Context, in *jobsInput) (*jobsOutput, error) {
	pending, total, err := s.o.Library.Pending(ctx, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &jobsOutput{}
	out.Body.Total = total
	out.Body.Jobs = make([]jobBody, len(pending))
	for i, e := range pending {
		if now, ok := s.hub.progressOf(library.Task{Video: e.Video, Encoder: e.Encoder}); ok {
			e = now
		}
		out.Body.Jobs[i] = newJobBody(e)
	}
	return out, nil
}

func (s *Server) events(w http.ResponseWriter, r *http.Request, _ *struct{}) error {
	if r.Method == http.MethodHead { // whose answer has no body, and so no end
		w.Header().Set("Content-Type", contentEvents)
		return nil
	}
	leave, err := s.streams.enter(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	s.metrics.listeners.Inc()
	defer s.metrics.listeners.Dec()
	events, stop := s.hub.listen()
	defer stop()
	stream := s.newEventStream(w)
	if err := stream.beat(); err != nil { // headers go out, so that the client knows it listens
		return err
	}
	heart := time.NewTicker(s.o.Limits.Heartbeat)
	defer heart.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case message, ok := <-events:
			if !ok {
				return nil // the server ends
			}
			event, data, _ := bytes.Cut(message, []byte{'\n'})
			err = stream.send(string(event), data)
		case <-heart.C:
			if !s.stillAllowed(r, Read) {
				return nil
			}
			err = stream.beat()
		}
		if err != nil {
			return nil //nolint:nilerr // the client is gone
		}
	}
}
