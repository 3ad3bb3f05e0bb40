package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"
)

// sessionCookie holds a session's name. Pages trade their token for it, so that no script
// and no URL ever holds the token.
const sessionCookie = "tall_session"

// sessionLife is how long a session lasts without a request.
const sessionLife = 7 * 24 * time.Hour

// sessionsKept bounds how many there are; the one used least recently goes first.
const sessionsKept = 10000

// sessions are the browsers that have shown a token. They end with the server, and with
// their token.
type sessions struct {
	mu   sync.Mutex
	byID map[string]*session
}

type session struct {
	hash string // of the token
	used time.Time
}

func (s *sessions) begin(t Token) (string, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	id := base64.RawURLEncoding.EncodeToString(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]*session{}
	}
	if len(s.byID) >= sessionsKept {
		oldest := ""
		for id, one := range s.byID {
			if oldest == "" || one.used.Before(s.byID[oldest].used) {
				oldest = id
			}
		}
		delete(s.byID, oldest)
	}
	s.byID[id] = &session{t.Hash, time.Now()}
	return id, nil
}

// find returns the hash of a session's token; "" where there is no such session.
func (s *sessions) find(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.byID[id]
	if !ok {
		return ""
	}
	if time.Since(one.used) > sessionLife {
		delete(s.byID, id)
		return ""
	}
	one.used = time.Now()
	return one.hash
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

// takes tells whether a scope includes another.
func (s Scope) takes(wanted Scope) bool {
	return wanted == "" || s == Write || s == Read && wanted == Read
}

// matchLength bounds a secret that is looked at.
const matchLength = 200

// tokenOf finds the token of a request. Tried is set where it showed one, right or wrong.
func (s *Server) tokenOf(r *http.Request) (t Token, tried, ok bool) {
	if s.o.Tokens == nil {
		return Token{}, false, false
	}
	tokens, err := s.o.Tokens.Tokens()
	if err != nil {
		s.log.Error("the tokens cannot be read, so nobody is let in", "error", err)
		return Token{}, false, false
	}
	if secret, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); given {
		if secret = strings.TrimSpace(secret); len(secret) > matchLength {
			return Token{}, true, false
		}
		t, ok = tokens.Match(secret)
		return t, true, ok
	}
	if c, err := r.Cookie(sessionCookie); err == nil && len(c.Value) <= matchLength {
		if hash := s.sessions.find(c.Value); hash != "" {
			t, ok = tokens.matchHash(hash)
			return t, false, ok
		}
	}
	return Token{}, false, false
}

// authenticate finds out what a request may do and notes it in its context. Requests
// without a token may do everything where the server is open, and nothing else. Wrong
// tokens are counted: who shows too many is not listened to for a while.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope := Scope("")
		if s.o.Open {
			scope = Write
		} else {
			if r.Header.Get("Authorization") != "" && s.attempts.spent(clientOf(r)) {
				s.tooManyAttempts(w, r)
				return
			}
			t, tried, ok := s.tokenOf(r)
			if ok {
				scope = t.Scope
			} else if tried {
				s.attempts.allow(clientOf(r))
				s.metrics.denied.Inc()
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), scopeKey{}, scope)))
	})
}

func (s *Server) tooManyAttempts(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, &refusal{http.StatusTooManyRequests, "too many wrong tokens; come again later", s.attempts.pause()})
}

// stillAllowed tells whether a request that began earlier may go on: its token may be gone.
func (s *Server) stillAllowed(r *http.Request, wanted Scope) bool {
	if s.o.Open {
		return true
	}
	t, _, ok := s.tokenOf(r)
	return ok && t.Scope.takes(wanted)
}

type sessionInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"As shown by 'tall token new'"`
	}
}

// logIn trades a token for a session.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request, in *sessionInput) error {
	w.Header().Set("Cache-Control", "no-store")
	if s.o.Open {
		w.WriteHeader(http.StatusNoContent) // nothing asks for a session
		return nil
	}
	if s.attempts.spent(clientOf(r)) {
		s.tooManyAttempts(w, r)
		return nil
	}
	tokens := Tokens(nil)
	if s.o.Tokens != nil {
		var err error
		if tokens, err = s.o.Tokens.Tokens(); err != nil {
			return err
		}
	}
	t, ok := tokens.Match(strings.TrimSpace(in.Body.Token))
	if !ok {
		s.attempts.allow(clientOf(r))
		s.metrics.denied.Inc()
		s.log.Warn("wrong token", "client", clientOf(r))
		return refuse(http.StatusUnauthorized, "no such token; `tall token list` shows the names of those there are")
	}
	id, err := s.sessions.begin(t)
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(r, id, int(sessionLife/time.Second)))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) logOut(w http.ResponseWriter, r *http.Request, _ *struct{}) error {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.sessions.end(c.Value)
	}
	http.SetCookie(w, s.cookie(r, "", -1))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	}
}
