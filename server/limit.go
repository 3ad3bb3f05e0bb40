package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// gate lets so many through at a time. Others wait for their turn, as long as there are
// not too many of them.
type gate struct {
	what    string
	slots   chan struct{}
	waiting atomic.Int64
	most    int64
	retry   time.Duration
}

func newGate(what string, slots, waiting int, retry time.Duration) *gate {
	return &gate{what: what, slots: make(chan struct{}, slots), most: int64(waiting), retry: retry}
}

// enter waits until it is let through. Leave is to be called once.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-g.slots }
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	default:
	}
	busy := &refusal{http.StatusServiceUnavailable, "too many " + g.what + " at a time; come again in a moment", g.retry}
	if g.waiting.Add(1) > g.most {
		g.waiting.Add(-1)
		return nil, busy
	}
	defer g.waiting.Add(-1)
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			return nil, busy
		}
		return nil, context.Cause(ctx)
	}
}

// limiter bounds the rate of each client.
type limiter struct {
	rate  rate.Limit
	burst int

	mu      sync.Mutex
	clients map[string]*rate.Limiter
	rest    *rate.Limiter // shared by those that there is no room for
}

// clientsKept bounds how many clients have a rate of their own.
const clientsKept = 16384

func newLimiter(perSecond float64, burst int) *limiter {
	l := &limiter{rate: rate.Limit(perSecond), burst: burst, clients: map[string]*rate.Limiter{}}
	l.rest = rate.NewLimiter(l.rate, burst)
	return l
}

// allow counts a request and tells whether it is within the client's rate.
func (l *limiter) allow(client string) bool { return l.of(client).Allow() }

// spent tells whether a client's next request would be too much, without counting it.
func (l *limiter) spent(client string) bool { return l.of(client).Tokens() < 1 }

// pause is how long until a client may come again.
func (l *limiter) pause() time.Duration {
	return max(time.Second, time.Duration(float64(time.Second)/float64(l.rate)))
}

func (l *limiter) of(client string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.clients[client]; ok {
		return c
	}
	if len(l.clients) >= clientsKept {
		for name, c := range l.clients {
			if c.Tokens() >= float64(l.burst) {
				delete(l.clients, name) // a new one would be the same
			}
		}
		if len(l.clients) >= clientsKept {
			return l.rest
		}
	}
	c := rate.NewLimiter(l.rate, l.burst)
	l.clients[client] = c
	return c
}

// clientOf names who is asking: the address, of IPv6 the network that one customer has.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() && !ip.IsLoopback() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// limitRate refuses clients that ask too often.
func (s *Server) limitRate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.rates.allow(clientOf(r)) {
			s.fail(w, r, &refusal{http.StatusTooManyRequests, "too many requests; come again in a moment", s.rates.pause()})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limitConnections accepts so many connections at a time; others wait to be accepted.
func limitConnections(l net.Listener, n int) net.Listener {
	return &limitedListener{Listener: l, slots: make(chan struct{}, n), done: make(chan struct{})}
}

type limitedListener struct {
	net.Listener
	slots chan struct{}
	once  sync.Once
	done  chan struct{}
}

// Accept implements [net.Listener].
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close implements [net.Listener].
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	leave func()
}

// ReadFrom lets files go out without passing through this program.
func (c *limitedConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// Close implements [net.Conn].
func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
