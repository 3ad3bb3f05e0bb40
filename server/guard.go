package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"time"
)

const windows = runtime.GOOS == "windows"

// contentPolicy lets the page load what this server serves, run no inline script, and be
// framed by nobody.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// secureHeaders adds what every answer carries.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// allowHosts refuses requests under a name that is not this server's. A web site that
// lets its own name point to this address (DNS rebinding) is thus no visitor of ours:
// browsers send the site's name. IP addresses are no names that could be rebound, but only
// those that the server listens on are taken.
func allowHosts(names []string, next http.Handler) http.Handler {
	allowed := map[string]bool{}
	for _, n := range names {
		allowed[strings.ToLower(strings.TrimSuffix(n, "."))] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
		if !allowed[host] {
			writeProblem(w, http.StatusMisdirectedRequest, "this server does not go by the name "+quoteShort(host)+"; name it with --host to allow it")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// LoopbackHosts are the names of a server that listens on this machine alone.
func LoopbackHosts() []string { return []string{"localhost", "127.0.0.1", "::1"} }

// IsLoopback tells whether an address to listen on can be reached from this machine alone.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// sessionCookie holds a session's name. Pages trade their token for it, so that no script
// and no URL ever holds the token.
const sessionCookie = "tall_session"

// sessionLife is how long a session lasts without a request.
const sessionLife = 7 * 24 * time.Hour

// sessionsKept bounds how many there are; the one used least recently goes first.
const sessionsKept = 10000

// sessions are the browsers that have shown a token. They end with the server.
type sessions struct {
	mu   sync.Mutex
	byID map[string]*session
}

type session struct {
	token Token
	used  time.Time
}

func (s *sessions) begin(t Token) (string, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	id := base64.RawURLEncoding.EncodeToString(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) >= sessionsKept {
		oldest := ""
		for id, one := range s.byID {
			if oldest == "" || one.used.Before(s.byID[oldest].used) {
				oldest = id
			}
		}
		delete(s.byID, oldest)
	}
	s.byID[id] = &session{t, time.Now()}
	return id, nil
}

func (s *sessions) find(id string) (Token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.byID[id]
	if !ok {
		return Token{}, false
	}
	if time.Since(one.used) > sessionLife {
		delete(s.byID, id)
		return Token{}, false
	}
	one.used = time.Now()
	return one.token, true
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

type scopeKey struct{}

// scopeOf is what the request may do; "" is nothing.
func scopeOf(ctx context.Context) Scope {
	s, _ := ctx.Value(scopeKey{}).(Scope)
	return s
}

// authenticate finds out what a request may do and notes it in its context. Requests
// without a token may do everything where open is set, and nothing else.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope := Scope("")
		if s.o.Open {
			scope = Write
		} else if secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			if t, ok := s.o.Tokens.Match(strings.TrimSpace(secret)); ok {
				scope = t.Scope
			}
		} else if c, err := r.Cookie(sessionCookie); err == nil {
			if t, ok := s.sessions.find(c.Value); ok {
				scope = t.Scope
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), scopeKey{}, scope)))
	})
}
