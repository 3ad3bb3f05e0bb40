package server

import (
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
)

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
		h.Set("Cache-Control", "no-store") // of all that does not say otherwise
		next.ServeHTTP(w, r)
	})
}

// allowHosts refuses requests under a name that is not this server's. A web site that
// lets its own name point to this address (DNS rebinding) is thus no visitor of ours:
// browsers send the site's name. The address that the connection came in by is no name
// that could be pointed elsewhere.
func allowHosts(names []string, next http.Handler) http.Handler {
	allowed := map[string]bool{}
	for _, n := range names {
		allowed[plainHost(n)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := plainHost(r.Host)
		if !allowed[host] && !isLocal(r, host) {
			writeProblem(w, http.StatusMisdirectedRequest, "this server does not go by the name "+quoteShort(host)+"; start it with --host to give it that name")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// plainHost is a host without port, brackets and the dot of absolute names, in lower case.
func plainHost(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// isLocal tells whether a host is the address that the connection came in by.
func isLocal(r *http.Request, host string) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap().WithZone("") == ip.Unmap().WithZone("")
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

// refuseCrossSite keeps other web sites from reaching the server through a visitor's
// browser. State-changing requests are held against their origin as well as against
// Sec-Fetch-Site ([http.CrossOriginProtection]); requests that only read may come from
// another site where somebody followed a link to the page, and for nothing else, as even
// a picture of ours in another site's page costs an encoding.
func (s *Server) refuseCrossSite(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	refused := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusForbidden, "the request comes from another web site")
	})
	protection.SetDenyHandler(refused)
	next = protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Sec-Fetch-Site") {
		case "", "same-origin", "none":
		default:
			if r.Method != http.MethodGet || r.URL.Path != "/" || r.Header.Get("Sec-Fetch-Mode") != "navigate" {
				refused(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// recoverPanics answers for handlers that broke down.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &recorder{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p != http.ErrAbortHandler { //nolint:errorlint // a value that is panicked with as it is
				s.log.Error("panic", "method", r.Method, "path", r.URL.Path, "value", p, "stack", string(debug.Stack()))
			}
			if out.status != 0 || p == http.ErrAbortHandler { //nolint:errorlint // as above
				panic(http.ErrAbortHandler) // the connection ends, so that the answer is seen to be cut off
			}
			writeProblem(w, http.StatusInternalServerError, "an error that the server did not expect; its log says more")
		}()
		next.ServeHTTP(out, r)
	})
}
