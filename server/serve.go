package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Serve answers on a listener until the context ends, and then lets what runs finish, for
// as long as Limits.Grace. TLS is spoken where config is not nil.
func (s *Server) Serve(ctx context.Context, l net.Listener, config *tls.Config) error {
	h := &http.Server{
		Handler:           s,
		TLSConfig:         config,
		ReadHeaderTimeout: s.o.Limits.Header,
		ReadTimeout:       3 * s.o.Limits.Header,              // uploads move theirs on
		WriteTimeout:      s.o.Limits.Search + 30*time.Second, // streams move theirs on
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	l = limitConnections(l, s.o.Limits.Connections)
	ended := make(chan error, 1)
	go func() {
		if config != nil {
			ended <- h.ServeTLS(l, "", "")
			return
		}
		ended <- h.Serve(l)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.hub.end() // streams of events would never finish
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Limits.Grace)
	defer cancel()
	err := h.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("cutting off what still runs", "after", s.o.Limits.Grace)
		err = h.Close()
	}
	s.close(errClosing)
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
