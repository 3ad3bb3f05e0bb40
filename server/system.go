package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

type statusOutput struct {
	Body struct {
		Status string `json:"status" enum:"ok"`
	}
}

func statusOK() *statusOutput {
	out := &statusOutput{}
	out.Body.Status = "ok"
	return out
}

func (s *Server) systemOperations(a *api) {
	tags := []string{"system"}
	handle(a, huma.Operation{OperationID: "get-health", Method: http.MethodGet, Path: "/api/v1/health", Summary: "The server runs", Tags: tags}, "",
		func(context.Context, *struct{}) (*statusOutput, error) { return statusOK(), nil })
	handle(a, huma.Operation{OperationID: "get-ready", Method: http.MethodGet, Path: "/api/v1/ready", Summary: "The server can answer", Tags: tags}, "", s.ready)
	handleRaw(a, huma.Operation{OperationID: "get-metrics", Method: http.MethodGet, Path: "/metrics", Summary: "Numbers for Prometheus", Tags: tags}, Read, map[int][]content{200: {{"text/plain", nil}}},
		func(w http.ResponseWriter, r *http.Request, _ *struct{}) error {
			s.metrics.handler.ServeHTTP(w, r)
			return nil
		})
	handleRaw(a, huma.Operation{OperationID: "log-in", Method: http.MethodPost, Path: "/api/v1/session", Summary: "Trade a token for a session cookie", Tags: tags, MaxBodyBytes: 4 << 10, Errors: []int{401}}, "", map[int][]content{204: nil}, s.logIn)
	handleRaw(a, huma.Operation{OperationID: "log-out", Method: http.MethodDelete, Path: "/api/v1/session", Summary: "End the session", Tags: tags}, "", map[int][]content{204: nil}, s.logOut)
}

// ready asks the catalog something.
func (s *Server) ready(ctx context.Context, _ *struct{}) (*statusOutput, error) {
	ctx, cancel := s.bounded(ctx, 2*time.Second)
	defer cancel()
	if s.closing.Err() != nil {
		return nil, &refusal{http.StatusServiceUnavailable, "the server is shutting down", time.Second}
	}
	if _, err := s.o.Library.Version(ctx); err != nil {
		s.log.Warn("not ready", "error", err)
		return nil, &refusal{http.StatusServiceUnavailable, "the library's catalog does not answer", 2 * time.Second}
	}
	return statusOK(), nil
}
