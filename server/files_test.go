package server

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tall/library"
)

func TestServer_FileRanges(t *testing.T) {
	b := newBench(t, 2, nil)
	path := videoURL(b.ids[0], "/file")
	whole := contentOf(0)
	r := b.call("GET", path, nil, 200)
	if string(r.body) != whole || r.Header.Get("Accept-Ranges") != "bytes" || r.Header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%v", r.Header)
	}
	tag := r.Header.Get("Etag")
	for given, want := range map[string]string{"bytes=0-4": whole[:5], "bytes=5-": whole[5:], "bytes=-7": whole[len(whole)-7:], "bytes=8000-99999": whole[8000:]} {
		req := b.request("GET", path, nil)
		req.Header.Set("Range", given)
		r := b.do(req)
		if r.check(t, 206); string(r.body) != want {
			t.Errorf("%s: %d bytes, want %d", given, len(r.body), len(want))
		}
	}
	with := func(name, value string, status int) {
		t.Helper()
		req := b.request("GET", path, nil)
		req.Header.Set(name, value)
		b.do(req).check(t, status)
	}
	with("Range", "bytes=99999-", 416)
	with("Range", "bytes=5-4", 416)
	with("Range", "lines=1-2", 416)
	with("If-None-Match", tag, 304)
	with("If-Match", `"other"`, 412)
	req := b.request("GET", path, nil)
	req.Header.Set("Range", "bytes=0-4")
	req.Header.Set("If-Range", `"other"`)
	b.do(req).check(t, 200)
	r = b.do(b.request("HEAD", path, nil))
	if r.check(t, 200); r.ContentLength != int64(len(whole)) {
		t.Error(r.ContentLength)
	}
	b.call("GET", videoURL(library.ID("sha256-"+strings.Repeat("1", 64)), "/file"), nil, 404)
}

// What the catalog knows is served; what was put in its place is not.
func TestServer_FileReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, roots := range map[string]bool{"in a root": true, "elsewhere": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 4, func(_ *bench, o *Options) {
				if !roots {
					o.Roots = nil
				}
			})
			file := func(i int) string {
				return filepath.Join(b.videos, []string{"000.mp4", "001.mp4", "002.mp4", "003.mp4"}[i])
			}
			b.call("GET", videoURL(b.ids[0], "/file"), nil, 200)
			for _, err := range []error{
				os.Remove(file(0)), os.Symlink(secret, file(0)),
				os.WriteFile(file(1), []byte("something else"), 0o600),
				os.Remove(file(2)), os.Mkdir(file(2), 0o700),
				os.Remove(file(3)),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			for i := range 4 {
				b.call("GET", videoURL(b.ids[i], "/file"), nil, 404)
				b.call("GET", videoURL(b.ids[i], "/thumbnail"), nil, 404)
				b.call("GET", videoURL(b.ids[i], "/clip?start=1&end=2"), nil, 404)
			}
		})
	}
}

func TestServer_DeletedWhilePlayed(t *testing.T) {
	b := newBench(t, 1, nil)
	// A file that does not fit into the buffers of a connection.
	path := filepath.Join(b.videos, "large.mp4")
	large := contentOf(7) + strings.Repeat("x", 32<<20)
	if err := os.WriteFile(path, []byte(large), 0o666); err != nil {
		t.Fatal(err)
	}
	b.addAll()
	id := b.ids[1]
	res, err := b.client.Do(b.request("GET", videoURL(id, "/file"), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.CopyN(io.Discard, res.Body, 1000); err != nil {
		t.Fatal(err)
	}
	b.call("DELETE", videoURL(id, ""), nil, 204)
	if err := os.Remove(path); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	if n, err := rest.ReadFrom(res.Body); err != nil || n != int64(len(large))-1000 {
		t.Errorf("%d of %d bytes: %v", n, len(large)-1000, err)
	}
	b.call("GET", videoURL(id, "/file"), nil, 404)
}

func TestServer_Pictures(t *testing.T) {
	b := newBench(t, 2, func(b *bench, _ *Options) { b.media.delay = 20 * time.Millisecond })
	path := videoURL(b.ids[0], "/thumbnail?at=5&width=200")
	var wg sync.WaitGroup
	for range 8 { // at a time: made once
		wg.Go(func() {
			r := b.do(b.request("GET", path, nil))
			if c, err := jpeg.DecodeConfig(bytes.NewReader(r.body)); r.StatusCode != http.StatusOK || err != nil || c.Width != 320 {
				t.Errorf("%d %v %+v", r.StatusCode, err, c)
			}
		})
	}
	wg.Wait()
	r := b.call("GET", path, nil, 200)
	if n := b.media.thumbnails.Load(); n != 1 {
		t.Errorf("made %d times", n)
	}
	if !strings.Contains(r.Header.Get("Cache-Control"), "immutable") || r.Header.Get("Content-Type") != "image/jpeg" {
		t.Error(r.Header)
	}
	req := b.request("GET", path, nil)
	req.Header.Set("If-None-Match", r.Header.Get("Etag"))
	b.do(req).check(t, 304)
	b.call("GET", videoURL(b.ids[0], "/thumbnail"), nil, 200)
	b.call("GET", videoURL(b.ids[0], "/thumbnail?at=1e6&width=1280"), nil, 200)
	for _, odd := range []string{"?at=x", "?at=NaN", "?at=-5", "?width=0", "?width=99999", "?odd=1"} {
		b.call("GET", videoURL(b.ids[0], "/thumbnail"+odd), nil, 422)
	}
	var layout spriteBody
	b.call("GET", videoURL(b.ids[0], "/sprite.json"), nil, 200).json(t, &layout)
	r = b.call("GET", videoURL(b.ids[0], "/sprite"), nil, 200)
	c, err := jpeg.DecodeConfig(bytes.NewReader(r.body))
	if err != nil || c.Width != layout.Columns*layout.Width || c.Height != layout.Rows*layout.Height {
		t.Errorf("%+v is %dx%d, %v", layout, c.Width, c.Height, err)
	}
	if length := float64(b.c.Seconds(0)); layout.Interval*float64(layout.Columns*layout.Rows) < length-1e-6 || b.media.sprites.Load() != 1 {
		t.Errorf("%+v of %g s, made %d times", layout, length, b.media.sprites.Load())
	}
	// Deleting a video empties the cache of it.
	b.call("DELETE", videoURL(b.ids[0], ""), nil, 204)
	left, err := os.ReadDir(filepath.Join(b.lib.Dir, "thumbs"))
	if err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestServer_WithoutMedia(t *testing.T) {
	b := newBench(t, 2, func(b *bench, o *Options) {
		o.Media = nil
		o.Thumbnails = func(id library.ID) []byte {
			if id == b.ids[0] {
				return picture(64, 48)
			}
			return nil
		}
	})
	b.call("GET", videoURL(b.ids[0], "/thumbnail?at=3"), nil, 200)
	for _, path := range []string{videoURL(b.ids[1], "/thumbnail"), videoURL(b.ids[0], "/sprite"), videoURL(b.ids[0], "/sprite.json"), videoURL(b.ids[0], "/clip?start=1&end=2")} {
		b.call("GET", path, nil, 501)
	}
	b.call("GET", videoURL(b.ids[0], "/file"), nil, 200)
}

func TestServer_Clips(t *testing.T) {
	b := newBench(t, 1, func(_ *bench, o *Options) { o.Limits.Clip = 20 })
	r := b.call("GET", videoURL(b.ids[0], "/clip?start=1.5&end=4&exact=true"), nil, 200)
	if string(r.body) != contentOf(0) || r.Header.Get("Content-Disposition") != `attachment; filename="000 1.5-4.0.mp4"` {
		t.Errorf("%d bytes, %v", len(r.body), r.Header)
	}
	for _, odd := range []string{"start=4&end=4", "start=1", "start=1&end=30", "start=1000&end=2000", "start=a&end=b"} {
		b.call("GET", videoURL(b.ids[0], "/clip?"+odd), nil, 422)
	}
	folder := filepath.Join(b.lib.Dir, "thumbs")
	left, err := filepath.Glob(filepath.Join(folder, clipPrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v", left)
	}
	// What a crash left is swept up by the next start.
	gone := filepath.Join(folder, clipPrefix+"1")
	if err := errors.Join(os.Mkdir(gone, 0o700), os.WriteFile(filepath.Join(gone, "clip.mp4"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := openCache(folder, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// A client that does not wait gives its place back.
func TestServer_EncodingsAreBounded(t *testing.T) {
	b := newBench(t, 1, func(b *bench, o *Options) {
		b.media.delay = time.Hour
		o.Limits.Encodings, o.Limits.Search = 1, 100*time.Millisecond
	})
	r := b.call("GET", videoURL(b.ids[0], "/thumbnail"), nil, 503)
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.client.Timeout = 20 * time.Millisecond
	if res, err := b.client.Do(b.request("GET", videoURL(b.ids[0], "/clip?start=1&end=2"), nil)); err == nil {
		res.Body.Close()
		t.Error("a clip in no time")
	}
	eventually(t, "the place is free again", func() bool { return len(b.s.encoding.slots) == 0 })
}

func TestDiskCache_Bounds(t *testing.T) {
	dir := t.TempDir()
	produce := func(n int) func(context.Context) ([]byte, error) {
		return func(context.Context) ([]byte, error) { return make([]byte, n), nil }
	}
	open := func() *diskCache {
		c, err := openCache(dir, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	get := func(name string, n int) {
		t.Helper()
		data, err := c.get(t.Context(), name, produce(n))
		if err != nil || len(data) != n {
			t.Fatal(len(data), err)
		}
	}
	get("a", 400)
	get("b", 400)
	get("a", 400)
	get("c", 400) // b goes, which was used least recently
	get("too-large", 2000)
	names := func() string {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return strings.Join(out, " ")
	}
	if got := names(); got != "a c" {
		t.Error(got)
	}
	if err := os.WriteFile(filepath.Join(dir, ".part"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	c = open()
	if got := names(); got != "a c" || c.size != 800 {
		t.Error(got, c.size)
	}
	if err := os.Remove(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	get("a", 400) // somebody emptied the folder
	c.forget("a")
	if got := names(); got != "c" || c.size != 400 {
		t.Error(got, c.size)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
}

func TestServer_Page(t *testing.T) {
	b := newBench(t, 0, nil)
	r := b.call("GET", "/", nil, 200)
	h := r.Header
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") || h.Get("Cache-Control") != "no-cache" || strings.Contains(h.Get("Content-Security-Policy"), "unsafe") ||
		!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Error(h)
	}
	if bytes.Contains(r.body, []byte("onload=")) || bytes.Contains(r.body, []byte("<script>")) {
		t.Error("inline script")
	}
	req := b.request("GET", "/", nil)
	req.Header.Set("If-None-Match", h.Get("Etag"))
	b.do(req).check(t, 304)
	for _, path := range []string{"/index.html", "/assets/", "/assets/none.js", "/page/index.html"} {
		b.call("GET", path, nil, http.StatusNotFound)
	}
}
