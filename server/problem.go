package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tall"
)

// problem is an error as RFC 9457 writes it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// writeProblem answers with an error, outside of huma's operations, which write their own.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Disposition", "Etag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(problem{"about:blank", http.StatusText(status), status, detail})
}

// refusal is an error with a status of its own.
type refusal struct {
	status int
	detail string
	retry  time.Duration // when to come again; 0: that would not help
}

func (r *refusal) Error() string { return r.detail }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, detail: fmt.Sprintf(format, args...)}
}

// statusClosed is what logs say of requests whose client went away, as nginx has it.
const statusClosed = 499

// explain is what a client is told of an error.
func (s *Server) explain(r *http.Request, err error) *refusal {
	var own *refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &tooLarge):
		return &refusal{status: http.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	case r.Context().Err() != nil && s.closing.Err() == nil:
		return &refusal{status: statusClosed, detail: "the client went away"}
	case s.closing.Err() != nil:
		return &refusal{http.StatusServiceUnavailable, "the server is shutting down", time.Second}
	case errors.Is(err, tall.ErrMissing):
		return &refusal{status: http.StatusNotFound, detail: err.Error()}
	case errors.Is(err, tall.ErrUnsafe):
		return &refusal{status: http.StatusForbidden, detail: err.Error()}
	case errors.Is(err, tall.ErrFormat), errors.Is(err, tall.ErrShape), errors.Is(err, tall.ErrManifest), errors.Is(err, tall.ErrNotFinite):
		return &refusal{status: http.StatusUnprocessableEntity, detail: err.Error()}
	case errors.Is(err, tall.ErrLocked):
		return &refusal{http.StatusServiceUnavailable, err.Error(), 2 * time.Second}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{http.StatusServiceUnavailable, "this took too long; ask for less, or later", 5 * time.Second}
	case errors.Is(err, syscall.ENOSPC):
		return &refusal{status: http.StatusInsufficientStorage, detail: "the server's disk is full"}
	}
	// What went wrong inside is for the log, not for whoever asks.
	incident := strings.ToLower(rand.Text()[:8])
	s.log.Error("request failed", "incident", incident, "method", r.Method, "path", r.URL.Path, "error", err)
	return &refusal{status: http.StatusInternalServerError, detail: "an error that the server did not expect; its log says more under incident " + incident}
}

func (r *refusal) retryAfter() string { return strconv.Itoa(max(1, int(math.Ceil(r.retry.Seconds())))) }

// fail answers with an error, where nothing was answered yet.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.explain(r, err)
	if p.retry > 0 {
		w.Header().Set("Retry-After", p.retryAfter())
	}
	writeProblem(w, p.status, p.detail)
}

// humaError is an error as huma writes it.
func (s *Server) humaError(r *http.Request, err error) error {
	var own huma.StatusError
	if errors.As(err, &own) {
		return err
	}
	p := s.explain(r, err)
	out := huma.NewError(p.status, p.detail)
	if p.retry > 0 {
		return huma.ErrorWithHeaders(out, http.Header{"Retry-After": {p.retryAfter()}})
	}
	return out
}

// quoteShort quotes what a client sent, cut to a length that fits a line.
func quoteShort(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return strconv.Quote(text)
}
