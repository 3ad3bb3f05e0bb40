package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain makes the test binary its own child: with FETCH_URL set it fetches
// that, so that tests can kill it or give it another environment.
func TestMain(m *testing.M) {
	if file := os.Getenv("FETCH_CATALOG"); file != "" { // pull the model "mine" of it
		c, err := Load(file)
		if err == nil {
			var mine Model
			if mine, err = c.Find("mine"); err == nil {
				_, err = Pull(context.Background(), mine, PullOptions{Options: Options{Tries: 1}})
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if u := os.Getenv("FETCH_URL"); u != "" {
		_, err := Get(context.Background(), File{URL: u, Path: os.Getenv("FETCH_PATH")}, Options{Tries: 1})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// origin is a server of one file. Its fields may be set between requests.
type origin struct {
	*httptest.Server
	mu      sync.Mutex
	body    []byte
	etag    string
	stamp   time.Time
	cut     int           // close the connection after so many bytes of body; 0: never
	cuts    int           // how often to; then serve whole
	pause   time.Duration // between pieces
	noRange bool
	handle  http.HandlerFunc // instead of the file
	ranges  []string         // the Range header of each request
	served  int              // bytes of body sent
}

func serve(t *testing.T, size int) *origin {
	t.Helper()
	o := &origin{body: pattern(size), etag: `"v1"`}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func pattern(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i*7 ^ i>>8)
	}
	return out
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.ranges = append(o.ranges, r.Header.Get("Range"))
	handle, etag, stamp, body := o.handle, o.etag, o.stamp, o.body
	out := &cutter{ResponseWriter: w, o: o, left: -1}
	if o.cut > 0 && o.cuts > 0 {
		out.left = o.cut
		o.cuts--
	}
	noRange := o.noRange
	o.mu.Unlock()
	if handle != nil {
		handle(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	if noRange {
		r.Header.Del("Range")
	}
	http.ServeContent(out, r, "", stamp, bytes.NewReader(body))
}

// cutter passes on bytes in pieces and breaks the connection when none is left.
type cutter struct {
	http.ResponseWriter
	o    *origin
	left int // -1: no end
}

func (c *cutter) Write(p []byte) (int, error) {
	done := 0
	for len(p) > 0 {
		k := min(len(p), 8<<10)
		if c.left >= 0 {
			k = min(k, c.left)
		}
		if k == 0 {
			panic(http.ErrAbortHandler)
		}
		n, err := c.ResponseWriter.Write(p[:k])
		flush(c.ResponseWriter)
		c.o.mu.Lock()
		c.o.served += n
		pause := c.o.pause
		c.o.mu.Unlock()
		if c.left >= 0 {
			c.left -= n
		}
		done += n
		if err != nil {
			return done, err
		}
		p = p[n:]
		time.Sleep(pause)
	}
	return done, nil
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// quick are options that do not wait; goleak wants connections closed, which
// the package's own client does.
func quick() Options { return Options{Pause: time.Millisecond, Tries: 3, Stall: 5 * time.Second} }

func (o *origin) file(t *testing.T) File {
	t.Helper()
	f, err := In(filepath.Join(t.TempDir(), "cache", "tall"), o.URL+"/video_grounding/TALL.pdparams")
	if err != nil {
		t.Fatal(err)
	}
	f.Otherwise = "name a file with --weights"
	return f
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func mustGet(t *testing.T, f File, o Options, want []byte) {
	t.Helper()
	got, err := Get(context.Background(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(f.Path)
	if err != nil || !bytes.Equal(data, want) || got != sum(want) {
		t.Fatalf("%d bytes, want %d; hash %s; %v", len(data), len(want), got, err)
	}
	names := []string{}
	entries, err := os.ReadDir(filepath.Dir(f.Path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, strings.TrimPrefix(e.Name(), filepath.Base(f.Path)))
	}
	if !slices.Equal(names, []string{"", ".lock", ".sha256"}) && !slices.Equal(names, []string{"", ".sha256"}) {
		t.Errorf("left beside the file: %q", names)
	}
	text, err := os.ReadFile(record(f.Path))
	if want := sum(want) + "  TALL.pdparams\n"; err != nil || string(text) != want {
		t.Errorf("record %q, want %q; %v", text, want, err)
	}
}

func mustFail(t *testing.T, f File, o Options, kind error, words ...string) {
	t.Helper()
	_, err := Get(context.Background(), f, o)
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want one that wraps %v", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in: %v", w, err)
		}
	}
	if _, err := os.Stat(f.Path); err == nil {
		t.Error("the file has its name")
	}
}

func (o *origin) count() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ranges)
}

func (o *origin) sent() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.served
}

// set changes what is served while the server runs.
func (o *origin) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

// child runs this test binary as a process that fetches the file.
func child(t *testing.T, f File, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), append(env, "FETCH_URL="+f.URL, "FETCH_PATH="+f.Path)...)
	var out bytes.Buffer
	cmd.Stderr = &out
	return cmd, &out
}
