package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

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
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(problem{"about:blank", http.StatusText(status), status, detail})
}

// statusOf is the HTTP status of an error of the library.
func statusOf(err error) int {
	switch {
	case errors.Is(err, tall.ErrMissing):
		return http.StatusNotFound
	case errors.Is(err, tall.ErrUnsafe):
		return http.StatusForbidden
	case errors.Is(err, tall.ErrFormat), errors.Is(err, tall.ErrShape), errors.Is(err, tall.ErrManifest), errors.Is(err, tall.ErrNotFinite):
		return http.StatusUnprocessableEntity
	case errors.Is(err, tall.ErrLocked):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// quoteShort quotes what a client sent, cut to a length that fits a line.
func quoteShort(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return strconv.Quote(text)
}
