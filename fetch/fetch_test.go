package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tall"
)

func TestGet_OnceThenFromDisk(t *testing.T) {
	s := serve(t, 300<<10)
	f := s.file(t)
	o := quick()
	var last, calls int64
	o.Progress = func(done, total int64) {
		if done < last || total != 300<<10 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last, calls = done, calls+1
	}
	mustGet(t, f, o, s.body)
	if last != 300<<10 || calls < 2 {
		t.Errorf("progress ended at %d after %d calls", last, calls)
	}
	mustGet(t, f, o, s.body)
	if len(s.count()) != 1 {
		t.Errorf("%d requests", len(s.count()))
	}
}

func TestGet_GoesOnAfterABreak(t *testing.T) {
	s := serve(t, 300<<10)
	s.cut, s.cuts = 100<<10, 2
	mustGet(t, s.file(t), quick(), s.body)
	if want := []string{"", "bytes=102400-", "bytes=204800-"}; !slices.Equal(s.count(), want) {
		t.Errorf("ranges %q, want %q", s.count(), want)
	}
	if got := s.sent(); got != len(s.body) {
		t.Errorf("%d bytes served for %d", got, len(s.body))
	}
}

func TestGet_GoesOnInTheNextRun(t *testing.T) {
	s := serve(t, 300<<10)
	s.set(func() { s.pause = 2 * time.Millisecond })
	f := s.file(t)
	o := quick()
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(done, _ int64) {
		if done > 50<<10 {
			cancel()
		}
	}
	_, err := Get(ctx, f, o)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "goes on from there") {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.Path); err == nil {
		t.Fatal("half a file has its name")
	}
	mustGet(t, f, quick(), s.body)
	if last := s.count()[len(s.count())-1]; !strings.HasPrefix(last, "bytes=") {
		t.Errorf("ranges %q", s.count())
	}
}

// leave writes a part of the given bytes, as a killed run leaves it.
func leave(t *testing.T, f File, part []byte, tag string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Path+".part", part, 0o644); err != nil {
		t.Fatal(err)
	}
	if tag != "" {
		if err := os.WriteFile(f.Path+".part.tag", []byte(tag+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGet_Parts(t *testing.T) {
	stamp := time.Date(2020, 5, 1, 10, 0, 0, 0, time.UTC)
	const modified = "Fri, 01 May 2020 10:00:00 GMT"
	good := pattern(64 << 10)
	bad := bytes.Repeat([]byte("x"), 1000)
	for name, tt := range map[string]struct {
		part    []byte
		tag     string
		change  func(o *origin)
		ranges  []string
		nothing bool
	}{
		"same version":         {part: good[:1000], tag: `"v1"`, ranges: []string{"bytes=1000-"}},
		"other version":        {part: bad, tag: `"v0"`, ranges: []string{"bytes=1000-"}}, // If-Range: answered whole
		"no tag":               {part: bad, ranges: []string{""}},
		"tag and no part":      {tag: `"v1"`, ranges: []string{""}},
		"server without range": {part: bad, tag: `"v1"`, change: func(o *origin) { o.noRange = true }, ranges: []string{"bytes=1000-"}},
		"modification time":    {part: good[:1000], tag: modified, change: func(o *origin) { o.etag, o.stamp = `W/"weak"`, stamp }, ranges: []string{"bytes=1000-"}},
		"part of full length":  {part: good, tag: `"v1"`, ranges: []string{"bytes=65536-"}},                                 // 416: whole
		"part too long":        {part: append(slices.Clone(good), 1, 2), tag: `"v1"`, ranges: []string{"bytes=65538-", ""}}, // 416, then anew
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, 64<<10)
			if tt.change != nil {
				tt.change(s)
			}
			f := s.file(t)
			leave(t, f, tt.part, tt.tag)
			if tt.part == nil {
				if err := os.Remove(f.Path + ".part"); err != nil {
					t.Fatal(err)
				}
			}
			mustGet(t, f, quick(), s.body)
			if !slices.Equal(s.count(), tt.ranges) {
				t.Errorf("ranges %q, want %q", s.count(), tt.ranges)
			}
		})
	}
}

// A server that answers with another range than asked for must not be appended.
func TestGet_WrongRangeBeginsAnew(t *testing.T) {
	s := serve(t, 64<<10)
	f := s.file(t)
	leave(t, f, s.body[:1000], `"v1"`)
	s.handle = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			_, _ = w.Write(s.body)
			return
		}
		w.Header().Set("Content-Range", "bytes 500-65535/65536")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(s.body[500:])
	}
	mustGet(t, f, quick(), s.body)
}

// Without a strong ETag or a time there is nothing to tell versions by.
func TestGet_NoValidatorNoResume(t *testing.T) {
	s := serve(t, 300<<10)
	s.etag, s.cut, s.cuts = `W/"weak"`, 100<<10, 1
	mustGet(t, s.file(t), quick(), s.body)
	if !slices.Equal(s.count(), []string{"", ""}) {
		t.Errorf("ranges %q", s.count())
	}
}

func TestGet_StatusCodes(t *testing.T) {
	for status, requests := range map[int]int{http.StatusNotFound: 1, http.StatusForbidden: 1, http.StatusServiceUnavailable: 3, http.StatusTooManyRequests: 3} {
		s := serve(t, 10)
		s.handle = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		f := s.file(t)
		mustFail(t, f, quick(), tall.ErrMissing, f.URL, f.Path, "--weights", fmt.Sprint(status))
		if len(s.count()) != requests {
			t.Errorf("%d: %d requests, want %d", status, len(s.count()), requests)
		}
	}
	s := serve(t, 10)
	var n int
	s.handle = func(w http.ResponseWriter, _ *http.Request) {
		if n++; n < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write(s.body)
	}
	mustGet(t, s.file(t), quick(), s.body)
}

func TestGet_WebPageInsteadOfTheFile(t *testing.T) {
	for kind, page := range map[string]string{
		"text/html; charset=utf-8": "log in",
		"application/octet-stream": "\ufeff\n <!DOCTYPE HTML><title>log in</title>",
		"":                         "<html><body>captive portal",
	} {
		s := serve(t, 10)
		s.handle = func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			if kind != "" {
				w.Header().Set("Content-Type", kind)
			}
			_, _ = io.WriteString(w, page)
		}
		f := s.file(t)
		mustFail(t, f, quick(), tall.ErrFormat, "web page", f.Path)
		if len(s.count()) != 1 {
			t.Errorf("%q: %d requests", kind, len(s.count()))
		}
	}
}

func TestGet_EmptyAndEncoded(t *testing.T) {
	s := serve(t, 0)
	mustFail(t, s.file(t), quick(), tall.ErrFormat, "is empty")
	s = serve(t, 10)
	s.handle = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte("data"))
		_ = z.Close()
	}
	mustFail(t, s.file(t), quick(), tall.ErrFormat, "gzip")
}

func TestGet_WantedHash(t *testing.T) {
	s := serve(t, 1000)
	f := s.file(t)
	f.SHA256 = strings.ToUpper(sum(s.body))
	mustGet(t, f, quick(), s.body)

	s = serve(t, 1000)
	f = s.file(t)
	f.SHA256 = sum([]byte("other"))
	mustFail(t, f, quick(), tall.ErrFormat, f.SHA256, sum(s.body))
	if _, err := os.Stat(f.Path + ".part"); err == nil {
		t.Error("the wrong part was kept")
	}
}

func TestGet_RecordedHash(t *testing.T) {
	s := serve(t, 1000)
	f := s.file(t)
	mustGet(t, f, quick(), s.body)
	// The file is damaged on disk: found out, not repaired in silence.
	if err := os.WriteFile(f.Path, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Get(context.Background(), f, quick())
	if !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "delete it to have it downloaded again") {
		t.Fatal(err)
	}
	// Deleted as told: the same bytes come again, and pass.
	if err := os.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	mustGet(t, f, quick(), s.body)
	// Another file at the same address does not slip in.
	if err := os.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	s.set(func() { s.body, s.etag = pattern(2000), `"v2"` })
	mustFail(t, f, quick(), tall.ErrFormat, "recorded", record(f.Path))
	if err := os.Remove(record(f.Path)); err != nil {
		t.Fatal(err)
	}
	mustGet(t, f, quick(), s.body)
	// A record that is none is an error, not a pass.
	if err := os.WriteFile(record(f.Path), []byte("?\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Get(context.Background(), f, quick()); !errors.Is(err, tall.ErrFormat) {
		t.Error(err)
	}
}

func TestGet_FilePutThereByHand(t *testing.T) {
	f := File{URL: "http://127.0.0.1:1/TALL.pdparams", Path: filepath.Join(t.TempDir(), "TALL.pdparams")}
	if err := os.WriteFile(f.Path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	mustGet(t, f, quick(), []byte("mine"))
}

func TestGet_SizeLimit(t *testing.T) {
	s := serve(t, 100<<10)
	f := s.file(t)
	f.MaxBytes = 100<<10 - 1
	mustFail(t, f, quick(), tall.ErrUnsafe, "102400", "102399")
	f.MaxBytes++
	mustGet(t, f, quick(), s.body)

	s = serve(t, 100<<10)
	s.handle = func(w http.ResponseWriter, _ *http.Request) { // of no stated length
		flush(w)
		_, _ = w.Write(s.body)
	}
	f = s.file(t)
	f.MaxBytes = 50 << 10
	mustFail(t, f, quick(), tall.ErrUnsafe)
	if _, err := os.Stat(f.Path + ".part"); err == nil {
		t.Error("the oversized part was kept")
	}
}

func TestGet_SilentServerIsGivenUp(t *testing.T) {
	s := serve(t, 10)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) }) // before the server's own Close, which waits
	s.handle = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("12"))
		flush(w)
		<-stop
	}
	o := quick()
	o.Stall = 50 * time.Millisecond
	f := s.file(t)
	start := time.Now()
	// Its two bytes are progress once; then three tries get no further.
	mustFail(t, f, o, tall.ErrMissing, f.URL, f.Path, "nothing for 50ms")
	if n := len(s.count()); n != 4 {
		t.Errorf("%d requests", n)
	}
	s.set(func() { s.handle = func(_ http.ResponseWriter, _ *http.Request) { <-stop } }) // never a word
	mustFail(t, f, o, tall.ErrMissing, f.URL, f.Path)
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestGet_SlowServerIsNot(t *testing.T) {
	s := serve(t, 40<<10) // five pieces
	s.set(func() { s.pause = 60 * time.Millisecond })
	o := quick()
	o.Stall, o.Tries = 200*time.Millisecond, 1
	mustGet(t, s.file(t), o, s.body)
	if len(s.count()) != 1 {
		t.Errorf("%d requests", len(s.count()))
	}
}

func TestGet_NoNetworkSaysSoAtOnce(t *testing.T) {
	s := serve(t, 10)
	f := s.file(t)
	s.Close()
	o := Options{} // with the real pauses
	start := time.Now()
	mustFail(t, f, o, tall.ErrMissing, f.URL, f.Path, "--weights")
	if d := time.Since(start); d > 900*time.Millisecond {
		t.Errorf("took %v", d)
	}
	bad := File{URL: "ftp://host/file", Path: f.Path}
	mustFail(t, bad, o, tall.ErrFormat, "ftp")
}

func TestGet_FolderThatCannotBeMade(t *testing.T) {
	s := serve(t, 10)
	f := s.file(t)
	if err := os.MkdirAll(filepath.Dir(filepath.Dir(f.Path)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Dir(f.Path), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Get(context.Background(), f, quick()); err == nil || len(s.count()) != 0 {
		t.Errorf("%v after %d requests", err, len(s.count()))
	}
}

func TestGet_ManyAtOnceDownloadOnce(t *testing.T) {
	s := serve(t, 200<<10)
	s.set(func() { s.pause = time.Millisecond })
	f := s.file(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got, err := Get(context.Background(), f, quick()); err != nil || got != sum(s.body) {
				t.Errorf("%s %v", got, err)
			}
		})
	}
	wg.Wait()
	if len(s.count()) != 1 {
		t.Errorf("%d requests", len(s.count()))
	}
	mustGet(t, f, quick(), s.body)
}

// A server that cannot go on, and always breaks at the same place, is not asked
// for ever.
func TestGet_NeverFurtherIsGivenUp(t *testing.T) {
	s := serve(t, 100<<10)
	s.etag, s.cut, s.cuts = "", 50<<10, 1<<30
	mustFail(t, s.file(t), quick(), tall.ErrMissing, "unexpected EOF")
	if n := len(s.count()); n != 4 {
		t.Errorf("%d requests", n)
	}
}

func TestGet_WaiterCanBeStopped(t *testing.T) {
	s := serve(t, 10)
	stop := make(chan struct{})
	s.handle = func(_ http.ResponseWriter, _ *http.Request) { <-stop }
	f := s.file(t)
	var wg sync.WaitGroup
	first, cancelFirst := context.WithCancel(context.Background())
	wg.Go(func() { _, _ = Get(first, f, quick()) })
	for len(s.count()) == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := Get(ctx, f, quick()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another process") {
		t.Error(err)
	}
	cancelFirst()
	wg.Wait()
	close(stop)
}

func TestGet_KilledLeavesAPartThatGoesOn(t *testing.T) {
	s := serve(t, 400<<10)
	s.set(func() { s.pause = 5 * time.Millisecond })
	f := s.file(t)
	cmd, _ := child(t, f)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if info, err := os.Stat(f.Path + ".part"); err == nil && info.Size() > 32<<10 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the child downloads nothing")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed: an error by design
	for _, name := range []string{f.Path, record(f.Path)} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is there after a kill", name)
		}
	}
	s.set(func() { s.pause = 0 })
	mustGet(t, f, quick(), s.body)
	if r := s.count(); len(r) != 2 || !strings.HasPrefix(r[1], "bytes=") {
		t.Errorf("ranges %q", r)
	}
}

func TestGet_ProxyFromTheEnvironment(t *testing.T) {
	s := serve(t, 1000) // as a proxy it is asked for whole URLs; any is fine
	f := File{URL: "http://weights.invalid/TALL.pdparams", Path: filepath.Join(t.TempDir(), "TALL.pdparams")}
	cmd, out := child(t, f, "HTTP_PROXY="+s.URL, "NO_PROXY=")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	mustGet(t, f, quick(), s.body)
	if len(s.count()) != 1 {
		t.Errorf("the proxy saw %d requests", len(s.count()))
	}
}

func TestRedirect(t *testing.T) {
	req := func(u string) *http.Request {
		r, err := http.NewRequest(http.MethodGet, u, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if err := redirect(req("http://b/f"), []*http.Request{req("https://a/f")}); err == nil {
		t.Error("https to http was followed")
	}
	if err := redirect(req("https://b/f"), []*http.Request{req("http://a/f")}); err != nil {
		t.Error(err)
	}
	if err := redirect(req("http://b/f"), slices.Repeat([]*http.Request{req("http://a/f")}, 10)); err == nil {
		t.Error("eleven hops were followed")
	}
}

func TestIn(t *testing.T) {
	for u, want := range map[string]string{
		ReleasedURL:                          "TALL.pdparams",
		"http://h/a/b.bin?sig=1#x":           "b.bin",
		"http://h/a%20b.bin":                 "a b.bin",
		"http://h":                           "",
		"http://h/":                          "",
		"http://h/..":                        "",
		"http:///f":                          "",
		"file:///etc/passwd":                 "",
		"TALL.pdparams":                      "",
		"http://user:secret@h/.":             "",
		"http://h/%2e%2e%2f":                 "",
		string([]byte{'h', 0x7f, ':', '/'}):  "",
		"https://h/x/" + url.PathEscape("é"): "é",
	} {
		f, err := In("d", u)
		if want == "" {
			if err == nil {
				t.Errorf("%s: %+v", u, f)
			} else if strings.Contains(err.Error(), "secret") {
				t.Errorf("a password in an error: %v", err)
			}
			continue
		}
		if err != nil || f.Path != filepath.Join("d", want) || f.URL != u {
			t.Errorf("%s: %+v %v", u, f, err)
		}
	}
}

func TestCacheDir(t *testing.T) {
	root := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", root)
	if got, err := CacheDir(); err != nil || got != filepath.Join(root, "tall") {
		t.Errorf("%q %v", got, err)
	}
	t.Setenv("HOME", root)
	t.Setenv("XDG_CACHE_HOME", "relative")
	if got, err := CacheDir(); err == nil && strings.HasPrefix(got, "relative") {
		t.Errorf("%q %v", got, err)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes 5-9/*", "bytes */10", "bytes 9-5/10", "bytes 0-10/10", "", "bytes -1-2/3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		from, size, ok := contentRange(s)
		if ok && (from < 0 || size != -1 && size <= from) {
			t.Fatalf("%q: %d of %d", s, from, size)
		}
	})
}
