package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// tokensOf makes a token of each scope.
func tokensOf(t *testing.T) (ts Tokens, secrets map[Scope]string) {
	t.Helper()
	secrets = map[Scope]string{}
	for _, scope := range []Scope{Read, Write} {
		token, secret, err := NewToken(string(scope), scope)
		if err != nil {
			t.Fatal(err)
		}
		ts, secrets[scope] = append(ts, token), secret
	}
	return ts, secrets
}

// logIn trades a secret for the cookie of a session.
func (b *bench) logIn(secret string) *http.Cookie {
	b.t.Helper()
	r := b.call("POST", "/api/v1/session", map[string]string{"token": secret}, 204)
	for _, c := range r.Cookies() {
		if c.Name == sessionCookie {
			return c
		}
	}
	b.t.Fatal("no cookie")
	return nil
}

func TestServer_Scopes(t *testing.T) {
	tokens, secrets := tokensOf(t)
	b := newBench(t, 1, func(_ *bench, o *Options) { o.Open, o.Tokens = false, tokens })
	b.s.attempts.burst = 1 << 20 // before anybody asks
	cookies := map[Scope]*http.Cookie{Read: b.logIn(secrets[Read]), Write: b.logIn(secrets[Write])}
	if c := cookies[Read]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure {
		t.Errorf("%+v", c)
	}
	id := b.ids[0]
	calls := []struct {
		method, path string
		body         any
		scope        Scope
		status       int // for who may
	}{
		{"GET", "/", nil, "", 200},
		{"GET", "/openapi.json", nil, "", 200},
		{"GET", "/api/v1/health", nil, "", 200},
		{"GET", "/api/v1/ready", nil, "", 200},
		{"GET", "/metrics", nil, Read, 200},
		{"GET", "/api/v1/library", nil, Read, 200},
		{"GET", "/api/v1/videos", nil, Read, 200},
		{"GET", videoURL(id, ""), nil, Read, 200},
		{"GET", videoURL(id, "/file"), nil, Read, 200},
		{"GET", videoURL(id, "/thumbnail"), nil, Read, 200},
		{"GET", videoURL(id, "/sprite"), nil, Read, 200},
		{"GET", videoURL(id, "/sprite.json"), nil, Read, 200},
		{"GET", videoURL(id, "/clip?start=1&end=2"), nil, Read, 200},
		{"POST", videoURL(id, "/curve"), map[string]string{"query": "a"}, Read, 200},
		{"POST", "/api/v1/search", map[string]string{"query": "a"}, Read, 200},
		{"GET", "/api/v1/jobs", nil, Read, 200},
		{"GET", "/api/v1/annotations", nil, Read, 200},
		{"POST", "/api/v1/export", map[string]any{"format": "csv", "moments": []any{map[string]any{"video": id, "start": 1, "end": 2, "sentence": "a"}}}, Read, 200},
		{"POST", "/api/v1/feedback", map[string]any{"query": "a", "video": id, "start": 1, "end": 2, "verdict": "right"}, Write, 204},
		{"POST", "/api/v1/videos", map[string]any{"paths": []string{b.videos}}, Write, 202},
		{"POST", "/api/v1/uploads?name=a.mp4", contentOf(3), Write, 202},
		{"DELETE", videoURL(id, ""), nil, Write, 204}, // last: it is gone then
	}
	for _, c := range calls {
		for _, who := range []string{"nobody", "wrong token", "wrong cookie", "read token", "read cookie", "write token", "write cookie"} {
			if c.method == "DELETE" && who == "write token" {
				continue // the cookie does it
			}
			r := b.request(c.method, c.path, c.body)
			have := Scope("")
			switch who {
			case "wrong token":
				r.Header.Set("Authorization", "Bearer "+secrets[Read]+"x")
			case "wrong cookie":
				r.AddCookie(&http.Cookie{Name: sessionCookie, Value: secrets[Read]})
			case "read token", "write token":
				have = Scope(strings.Fields(who)[0])
				r.Header.Set("Authorization", "Bearer "+secrets[have])
			case "read cookie", "write cookie":
				have = Scope(strings.Fields(who)[0])
				r.AddCookie(cookies[have])
			}
			want := c.status
			if !have.takes(c.scope) {
				want = http.StatusForbidden
				if have == "" {
					want = http.StatusUnauthorized
				}
			}
			got := b.do(r)
			if got.StatusCode != want {
				t.Errorf("%s %s by %s: %d, want %d: %.200s", c.method, c.path, who, got.StatusCode, want, got.body)
			}
			if got.StatusCode >= 400 {
				got.problem(t)
			}
			if want == http.StatusUnauthorized && got.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: no WWW-Authenticate", c.method, c.path)
			}
		}
	}
}

func TestServer_SessionsEnd(t *testing.T) {
	tokens, secrets := tokensOf(t)
	file := filepath.Join(t.TempDir(), "tokens.json")
	if err := WriteTokens(file, tokens); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, 0, func(_ *bench, o *Options) {
		o.Open, o.Tokens, o.Limits.Heartbeat = false, NewTokenFile(file), 50*time.Millisecond
	})
	ask := func(c *http.Cookie, status int) {
		t.Helper()
		r := b.request("GET", "/api/v1/library", nil)
		r.AddCookie(c)
		b.do(r).check(t, status)
	}
	one, two := b.logIn(secrets[Read]), b.logIn(secrets[Read])
	ask(one, 200)
	out := b.request("DELETE", "/api/v1/session", nil)
	out.AddCookie(one)
	b.do(out).check(t, 204)
	ask(one, 401)
	ask(two, 200)
	// A token that is removed takes its sessions, and those who listen, along.
	listen := b.request("GET", "/api/v1/events", nil)
	listen.AddCookie(two)
	res, err := b.client.Do(listen)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	left, _ := tokens.Without("read")
	if err := WriteTokens(file, left); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session ends with its token", func() bool {
		r := b.request("GET", "/api/v1/library", nil)
		r.AddCookie(two)
		return b.do(r).StatusCode == http.StatusUnauthorized
	})
	if _, err := io.Copy(io.Discard, res.Body); err != nil { // until its end
		t.Error(err)
	}
	// A file that others may write to is not trusted.
	if runtime.GOOS != "windows" {
		if err := os.Chmod(file, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTokens(file); err == nil {
			t.Error("tokens that anybody can write were read")
		}
	}
}

func TestServer_AttemptsAreLimited(t *testing.T) {
	tokens, secrets := tokensOf(t)
	b := newBench(t, 0, func(_ *bench, o *Options) { o.Open, o.Tokens = false, tokens })
	statuses := map[int]int{}
	for i := range 14 {
		r := b.do(b.request("POST", "/api/v1/session", map[string]string{"token": fmt.Sprint("wrong", i)}))
		r.problem(t)
		statuses[r.StatusCode]++
		if r.StatusCode == http.StatusTooManyRequests && r.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if statuses[401] != 10 || statuses[429] != 4 {
		t.Error(statuses)
	}
	// The right one has to wait too, and so have bearers.
	b.call("POST", "/api/v1/session", map[string]string{"token": secrets[Read]}, 429)
	r := b.request("GET", "/api/v1/library", nil)
	r.Header.Set("Authorization", "Bearer "+secrets[Read])
	b.do(r).check(t, 429)
	b.call("GET", "/api/v1/health", nil, 200)
}

func TestServer_RatesAreLimited(t *testing.T) {
	b := newBench(t, 0, func(_ *bench, o *Options) { o.Limits.PerSecond, o.Limits.Burst = 1, 5 })
	statuses := map[int]int{}
	for range 8 {
		r := b.do(b.request("GET", "/api/v1/library", nil))
		if statuses[r.StatusCode]++; r.StatusCode == http.StatusTooManyRequests {
			r.problem(t)
		}
	}
	if statuses[200] < 5 || statuses[429] < 1 {
		t.Error(statuses)
	}
	l := newLimiter(1, 2)
	for i := range 3 * clientsKept {
		l.allow(fmt.Sprint(i))
	}
	if len(l.clients) > clientsKept {
		t.Errorf("%d clients are kept", len(l.clients))
	}
}

// A web site whose name is made to point here is refused, whatever it asks for.
func TestServer_Hosts(t *testing.T) {
	b := newBench(t, 1, func(_ *bench, o *Options) { o.Hosts = append(LoopbackHosts(), "Videos.Example.org") })
	port := b.url[strings.LastIndex(b.url, ":"):]
	for host, status := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200, "LOCALHOST.": 200, "[::1]" + port: 200, "videos.example.org": 200, "videos.example.org:443": 200,
		"evil.example": 421, "evil.example" + port: 421, "127.0.0.1.evil.example": 421, "videos.example.org.evil": 421, "10.0.0.1": 421, "localhost.evil.example" + port: 421, "[::2]": 421, "0.0.0.0": 421,
	} {
		for _, path := range []string{"/api/v1/library", "/", videoURL(b.ids[0], "/file"), "/api/v1/health"} {
			r := b.request("GET", path, nil)
			r.Host = host
			if got := b.do(r); got.StatusCode != status {
				t.Errorf("%s%s: %d, want %d", host, path, got.StatusCode, status)
			}
		}
	}
}

func TestServer_OtherSites(t *testing.T) {
	b := newBench(t, 1, nil)
	for _, c := range []struct {
		method, path, origin, site, mode string
		status                           int
	}{
		{"POST", "/api/v1/search", "", "", "", 200},
		{"POST", "/api/v1/search", b.url, "same-origin", "cors", 200},
		{"POST", "/api/v1/search", "http://evil.example", "", "", 403},
		{"POST", "/api/v1/search", "http://evil.example", "cross-site", "no-cors", 403},
		{"POST", "/api/v1/search", "null", "", "", 403},
		{"POST", "/api/v1/search", "", "same-site", "cors", 403},
		{"POST", "/api/v1/search", strings.Replace(b.url, "127.0.0.1", "localhost", 1), "", "", 403},
		{"DELETE", videoURL(b.ids[0], ""), "http://evil.example", "cross-site", "cors", 403},
		{"DELETE", "/api/v1/session", "http://evil.example", "", "", 403},
		{"GET", videoURL(b.ids[0], "/file"), "", "cross-site", "no-cors", 403},
		{"GET", videoURL(b.ids[0], "/clip?start=1&end=2"), "", "cross-site", "no-cors", 403},
		{"GET", "/api/v1/videos", "", "cross-site", "cors", 403},
		{"GET", "/api/v1/videos", "", "none", "navigate", 200},
		{"GET", "/", "", "cross-site", "navigate", 200}, // a link to the page
		{"GET", "/", "", "cross-site", "cors", 403},
	} {
		var body any
		if c.method == "POST" {
			body = map[string]string{"query": "a"}
		}
		r := b.request(c.method, c.path, body)
		for name, value := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site, "Sec-Fetch-Mode": c.mode} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		got := b.do(r)
		if got.StatusCode != c.status {
			t.Errorf("%+v: %d", c, got.StatusCode)
		}
		if got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%+v: CORS", c)
		}
	}
	r := b.request("OPTIONS", "/api/v1/search", nil)
	r.Header.Set("Origin", "http://evil.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	if got := b.do(r); got.StatusCode < 400 || got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight: %d %v", got.StatusCode, got.Header)
	}
}

func TestServer_PathTraversal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	outside := realDir(t)
	secret := filepath.Join(outside, "secret.mp4")
	if err := os.WriteFile(secret, []byte(contentOf(9)), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, 1, nil)
	link, dirLink := filepath.Join(b.videos, "link.mp4"), filepath.Join(b.videos, "dir")
	sibling := b.videos + "-sibling"
	for _, err := range []error{os.Symlink(secret, link), os.Symlink(outside, dirLink), os.Mkdir(sibling, 0o700), os.WriteFile(filepath.Join(sibling, "a.mp4"), []byte(contentOf(8)), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	defer os.RemoveAll(sibling)
	for path, status := range map[string]int{
		"/etc/passwd": 403, secret: 403, link: 403, dirLink: 403, filepath.Join(dirLink, "secret.mp4"): 403, filepath.Join(sibling, "a.mp4"): 403,
		b.videos + "/../" + filepath.Base(outside) + "/secret.mp4": 403, b.videos + "/..": 403, "/": 403, b.lib.Dir: 403, filepath.Join(b.lib.Dir, "library.db"): 403, filepath.Join(b.lib.Dir, "media"): 403,
		"000.mp4": 422, "../../etc/passwd": 422, "": 422, "file:///etc/passwd": 422, "http://example.org/a.mp4": 422, "a\x00b": 422, "concat:" + secret: 422,
		filepath.Join(dirLink, "none.mp4"): 403, "/proc/self/environ": 403, "/dev/zero": 403, filepath.Join(b.videos, "none.mp4"): 404, b.videos + "/%2e%2e/x": 404,
	} {
		r := b.do(b.request("POST", "/api/v1/videos", map[string]any{"paths": []string{path}}))
		if r.StatusCode != status {
			t.Errorf("%q: %d, want %d: %s", path, r.StatusCode, status, r.body)
		}
		if detail := r.problem(t); r.StatusCode == http.StatusForbidden && strings.Contains(detail, "secret") && strings.Contains(detail, outside) {
			t.Errorf("%q: the error tells where the link leads: %s", path, detail)
		}
	}
	// A folder with links in it gives what is its own.
	r := b.call("POST", "/api/v1/videos", map[string]any{"paths": []string{b.videos}}, 202)
	if strings.Contains(string(r.body), "secret") || !strings.Contains(string(r.body), "000.mp4") {
		t.Errorf("%s", r.body)
	}
	for _, path := range []string{
		"/../../etc/passwd", "/assets/../server.go", "/assets/..%2f..%2fetc/passwd", "/assets/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/assets//etc/passwd", "/assets/....//etc/passwd",
		"/%2e%2e/library.db", "/assets/%00", "/assets/index.html%00.js", "/assets/..\\..\\x", "/page/", "//etc/passwd", "/api/v1/../../etc/passwd",
		"/api/v1/videos/..%2f..%2flibrary.db", "/api/v1/videos/../library.db", "/api/v1/videos/..%2f/file", "/api/v1/videos/%2e%2e/thumbnail", "/api/v1/videos/sha256-..%2f..%2f/file",
		"/api/v1/videos/" + string(b.ids[0]) + "/..%2f..%2f/file", "/api/v1/videos/" + strings.ToUpper(string(b.ids[0])) + "/file", "/api/v1/videos/" + string(b.ids[0]) + "%00/file",
		"/api/v1/videos/" + string(b.ids[0]) + "/thumbnail/..%2f..%2fx", "/api/v1/videos/" + string(b.ids[0]) + "/file/x",
	} {
		// As it is: the client of net/http would clean it.
		status, text := b.raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if status != 404 && status != 422 && status != 301 && status != 307 && status != 400 {
			t.Errorf("%s: %d %s", path, status, text)
		}
		if strings.Contains(text, "root:") || strings.Contains(text, "SQLite") {
			t.Errorf("%s: leaks", path)
		}
	}
}

// raw sends text and reads the status and the rest.
func (b *bench) raw(text string) (status int, rest string) {
	b.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		b.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		b.t.Fatalf("%q: %v", text, err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

// Who sends slowly, or nothing, is not waited for; others are served meanwhile.
func TestServer_SlowClients(t *testing.T) {
	b := newBench(t, 1, func(_ *bench, o *Options) {
		o.Limits.Header, o.Limits.Stall, o.Limits.Rate = 200*time.Millisecond, 200*time.Millisecond, 1<<20
		o.Limits.Heartbeat = 50 * time.Millisecond
	})
	address := strings.TrimPrefix(b.url, "http://")
	const clients = 50
	conns := make([]net.Conn, clients)
	for i := range conns {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
		text := "GET /api/v1/library HTTP/1.1\r\nHost: localhost\r\nX: "
		if i%2 == 1 {
			text = "POST /api/v1/uploads?name=a.mp4 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nvid"
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	b.call("GET", "/api/v1/library", nil, 200)
	begun := time.Now()
	for i, c := range conns {
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		text, _ := io.ReadAll(c) // until the server closes it
		if i%2 == 1 && !strings.Contains(string(text), " 408 ") && !strings.Contains(string(text), " 503 ") {
			t.Errorf("upload %d: %.100q", i, text)
		}
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("slow clients were borne for %v", took)
	}
	b.noUploadsLeft()
	// Nor are bodies waited for that nothing asked for.
	for _, path := range []string{videoURL(b.ids[0], "/file"), videoURL(b.ids[0], "/clip?start=1&end=2"), "/api/v1/events"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the request's body is waited for", path)
		}
	}
	// A listener that sends nothing is no slow client.
	res, err := b.client.Do(b.request("GET", "/api/v1/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	beats := bufio.NewScanner(res.Body)
	for i := 0; i < 20 && beats.Scan(); i++ {
	}
	if err := beats.Err(); err != nil {
		t.Error(err)
	}
}

// A player that stops reading is let go of, and one that reads slowly is not.
func TestServer_SlowPlayers(t *testing.T) {
	b := newBench(t, 0, func(_ *bench, o *Options) { o.Limits.Stall = 300 * time.Millisecond })
	path := filepath.Join(b.videos, "large.mp4")
	if err := os.WriteFile(path, []byte(contentOf(7)+strings.Repeat("x", 64<<20)), 0o666); err != nil {
		t.Fatal(err)
	}
	b.addAll()
	res, err := b.client.Do(b.request("GET", videoURL(b.ids[0], "/file"), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	n := int64(0)
	for begun := time.Now(); time.Since(begun) < time.Second; time.Sleep(20 * time.Millisecond) {
		part, err := io.CopyN(io.Discard, res.Body, 512<<10)
		if n += part; err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
	time.Sleep(time.Second)
	if rest, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("all of it came, %d bytes later", rest)
	}
}

func TestServer_TLS(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	tokens, secrets := tokensOf(t)
	b := newBench(t, 1, func(_ *bench, o *Options) { o.Open, o.Tokens = false, tokens })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	serving, cancel := context.WithCancel(t.Context())
	go func() { ended <- b.s.Serve(serving, l, config) }()
	pool := x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}, ForceAttemptHTTP2: true}
	b.client.Transport = transport
	b.url = "https://" + l.Addr().String()
	c := b.logIn(secrets[Read])
	if !c.Secure {
		t.Error("a cookie that would travel unencrypted")
	}
	r := b.request("GET", videoURL(b.ids[0], "/file"), nil)
	r.AddCookie(c)
	r.Header.Set("Range", "bytes=0-4")
	if got := b.do(r); got.StatusCode != http.StatusPartialContent || got.ProtoMajor != 2 {
		t.Errorf("%d by %s", got.StatusCode, got.Proto)
	}
	transport.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	tokens, secrets := tokensOf(t)
	if got, ok := tokens.Match(secrets[Write]); !ok || got.Scope != Write {
		t.Error(got, ok)
	}
	for _, wrong := range []string{"", "tall_", secrets[Read][:20], secrets[Read] + "=", strings.ToUpper(secrets[Read]), tokens[0].Hash} {
		if _, ok := tokens.Match(wrong); ok {
			t.Errorf("%q is taken", wrong)
		}
	}
	path := filepath.Join(t.TempDir(), "tokens.json")
	if err := WriteTokens(path, tokens); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), secrets[Read][5:]) {
		t.Errorf("the file holds the secret, or %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Error(info.Mode(), err)
	}
	back, err := ReadTokens(path)
	if err != nil || len(back) != 2 || back[1].Hash != tokens[1].Hash {
		t.Error(back, err)
	}
	for _, bad := range []string{"{", `[{"name":"a","scope":"read","sha256":"12"}]`, `[{"name":"a","scope":"all","sha256":"` + tokens[0].Hash + `"}]`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTokens(path); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	if _, _, err := NewToken("", Read); err == nil {
		t.Error("a token without a name")
	}
	if _, _, err := NewToken("a", "all"); err == nil {
		t.Error("a token of no scope")
	}
}

func FuzzUploadName(f *testing.F) {
	for _, name := range []string{"a.mp4", "../../etc/passwd.mp4", `C:\x\y.MKV`, "\x00.mp4", ".mp4", "con.mp4", strings.Repeat("ü", 200) + ".webm", "a\u202egpj.mp4", "..mp4", " .mp4"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := uploadName(name)
		if err != nil {
			return
		}
		if got != filepath.Base(got) || !filepath.IsLocal(got) || len(got) > 200 || strings.HasPrefix(got, ".") || strings.ContainsAny(got, "/\\:\x00\n") {
			t.Errorf("%q became %q", name, got)
		}
		if _, ok := videoTypes[filepath.Ext(got)]; !ok {
			t.Errorf("%q became %q", name, got)
		}
	})
}

func TestIsLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:7777": true, "localhost:1": true, "[::1]:7777": true, "127.9.9.9:1": true,
		":7777": false, "0.0.0.0:7777": false, "192.168.1.2:7777": false, "[::]:7777": false, "example.org:7777": false, "127.0.0.1": false, "": false,
	} {
		if got := IsLoopback(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
