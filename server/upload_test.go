package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tall"
	"tall/library"
)

// noUploadsLeft waits until no part of an upload is left, nor a name without a file.
func (b *bench) noUploadsLeft() {
	b.t.Helper()
	eventually(b.t, "nothing is left of uploads", func() bool {
		entries, err := os.ReadDir(filepath.Join(b.lib.Dir, "media"))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				return false
			}
		}
		return true
	})
}

func TestServer_Upload(t *testing.T) {
	b := newBench(t, 1, func(_ *bench, o *Options) { o.Limits.Upload = 100 << 10 })
	ctx, stop := context.WithCancel(t.Context())
	working := make(chan error, 1)
	go func() { working <- b.lib.Work(ctx, 1, false) }()
	defer func() {
		stop()
		if err := <-working; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	send := func(name, text string, status int) (out addedOutput) {
		t.Helper()
		r := b.call("POST", "/api/v1/uploads?name="+escape(name), text, status)
		if status == 202 {
			r.json(t, &out.Body)
		}
		return out
	}
	added := send("holiday.mp4", contentOf(5), 202).Body.Added[0]
	if added.What != "new" || filepath.Base(added.Path) != "holiday.mp4" {
		t.Fatalf("%+v", added)
	}
	var v videoBody
	eventually(t, "the video is ready", func() bool {
		b.call("GET", "/api/v1/videos/"+added.ID, nil, 200).json(t, &v)
		return v.State == "ready"
	})
	if r := b.call("GET", "/api/v1/videos/"+added.ID+"/file", nil, 200); string(r.body) != contentOf(5) {
		t.Error("another file came back")
	}
	// The same content again, and another one of the same name.
	if again := send("other.mp4", contentOf(5), 202).Body.Added[0]; again.What != "known" || again.ID != added.ID {
		t.Errorf("%+v", again)
	}
	other := send("../holiday.mp4", contentOf(6), 202).Body.Added[0]
	if filepath.Base(other.Path) != "holiday-2.mp4" || filepath.Dir(other.Path) != filepath.Dir(added.Path) {
		t.Errorf("%+v", other)
	}
	send("a.mp4", "no video", 415)
	send("a.exe", contentOf(7), 415)
	send("a", contentOf(7), 415)
	send("empty.mp4", "", 422)
	send("large.mp4", contentOf(7)+strings.Repeat("x", 200<<10), 413)
	b.call("POST", "/api/v1/uploads", contentOf(7), 422)
	b.noUploadsLeft()
	entries, err := os.ReadDir(filepath.Join(b.lib.Dir, "media"))
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	// Of unknown length, too large.
	r := b.request("POST", "/api/v1/uploads?name=a.mp4", contentOf(8)+strings.Repeat("x", 200<<10))
	r.ContentLength = -1
	b.do(r).check(t, 413)
	b.noUploadsLeft()
	// Deleting an upload removes its file.
	b.call("DELETE", "/api/v1/videos/"+added.ID, nil, 204)
	if _, err := os.Stat(added.Path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestServer_UploadAborted(t *testing.T) {
	b := newBench(t, 1, nil)
	for range 5 {
		reader, writer := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+"/api/v1/uploads?name=a.mp4", reader)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = io.WriteString(writer, contentOf(5))
			time.Sleep(20 * time.Millisecond)
			cancel()
			writer.CloseWithError(context.Canceled)
		}()
		if res, err := b.client.Do(r); err == nil {
			res.Body.Close()
			t.Error("an upload without an end was answered")
		}
		cancel()
	}
	// Cut off in the middle of what was announced.
	c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "POST /api/v1/uploads?name=a.mp4 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"+contentOf(5))
	c.Close()
	b.noUploadsLeft()
	if o, err := b.lib.Overview(t.Context()); err != nil || o.Videos != 1 {
		t.Error(o, err)
	}
	// What a crash left is swept up by the next start.
	part := filepath.Join(b.lib.Dir, "media", partPrefix+"x.mp4")
	if err := os.WriteFile(part, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openFolders(nil, filepath.Join(b.lib.Dir, "media"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if _, err := os.Stat(part); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestServer_UploadsOff(t *testing.T) {
	b := newBench(t, 0, func(_ *bench, o *Options) { o.Uploads, o.Roots = "", nil })
	b.call("POST", "/api/v1/uploads?name=a.mp4", contentOf(5), 403)
	b.call("POST", "/api/v1/videos", map[string]any{"paths": []string{b.videos}}, 403)
}

func TestServer_AddPaths(t *testing.T) {
	b := newBench(t, 1, nil)
	one := b.put("one.mp4", 3)
	bad := filepath.Join(b.videos, "bad.mp4")
	if err := os.WriteFile(bad, []byte("no video"), 0o666); err != nil {
		t.Fatal(err)
	}
	var out addedOutput
	b.call("POST", "/api/v1/videos", map[string]any{"paths": []string{one, bad, filepath.Join(b.videos, "000.mp4")}}, 202).json(t, &out.Body)
	if len(out.Body.Added) != 3 || out.Body.Added[0].What != "new" || out.Body.Added[1].What != "refused" || out.Body.Added[1].Error == "" || out.Body.Added[2].What != "known" {
		t.Errorf("%+v", out.Body.Added)
	}
	if _, err := os.Stat(bad); err != nil {
		t.Error("a file that is no upload was removed")
	}
	if err := b.lib.Work(t.Context(), 1, true); err != nil {
		t.Fatal(err)
	}
	b.call("POST", "/api/v1/videos", map[string]any{"paths": []string{b.videos}}, 202).json(t, &out.Body)
	if len(out.Body.Added) != 3 {
		t.Errorf("%+v", out.Body.Added)
	}
	if o, err := b.lib.Overview(t.Context()); err != nil || o.States[library.Ready] != 2 {
		t.Error(o, err)
	}
}

// An upload that a server took and did not come to add is added by the next one.
func TestServer_UploadResumed(t *testing.T) {
	b := newBench(t, 1, nil)
	other := b.otherProgram()
	other("BEGIN IMMEDIATE")
	var out addedOutput
	b.call("POST", "/api/v1/uploads?name=late.mp4", contentOf(5), 202).json(t, &out.Body)
	if out.Body.Added[0].What != "queued" {
		t.Fatalf("%+v", out.Body.Added)
	}
	b.end()
	if err := b.s.Close(); err != nil {
		t.Fatal(err)
	}
	other("ROLLBACK")
	b.over = false
	b.serve(nil)
	eventually(t, "the upload is in the library", func() bool {
		o, err := b.lib.Overview(t.Context())
		return err == nil && o.Videos == 2
	})
	b.noUploadsLeft()
	// One that cannot be added at the moment is kept, and one that is no video is not.
	path := filepath.Join(b.lib.Dir, "media", "late.mp4")
	b.s.settle(library.Added{Path: path, What: library.Refused, Err: tall.ErrLocked})
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	b.s.settle(library.Added{Path: path, What: library.Refused, Err: tall.ErrFormat})
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
