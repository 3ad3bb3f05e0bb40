package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tall/library"
)

// work runs the library's work beside the test.
func (b *bench) work() (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.lib.Work(ctx, 1, false) }()
	return func() {
		b.t.Helper()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.t.Error(err)
		}
	}
}

func TestServer_JobsAndEvents(t *testing.T) {
	b := newBench(t, 1, func(_ *bench, o *Options) { o.Limits.Heartbeat = 30 * time.Millisecond })
	res, err := b.client.Do(b.request("GET", "/api/v1/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(res.StatusCode, res.Header)
	}
	b.gate = make(chan struct{})
	stop := b.work()
	defer stop()
	path := b.put("new.mp4", 4)
	b.call("POST", "/api/v1/videos", map[string]any{"paths": []string{path}}, 202)
	var jobs jobsOutput
	eventually(t, "the job runs", func() bool {
		b.call("GET", "/api/v1/jobs", nil, 200).json(t, &jobs.Body)
		return len(jobs.Body.Jobs) == 1 && jobs.Body.Jobs[0].State == "working" && jobs.Body.Jobs[0].Done == 1
	})
	if j := jobs.Body.Jobs[0]; jobs.Body.Total != 1 || j.Path != path || j.Encoder != "joint" || j.Total != float64(b.c.Seconds(4)) {
		t.Errorf("%+v", jobs.Body)
	}
	close(b.gate)
	var got []string
	stream := readEvents(res.Body)
	for !strings.Contains(strings.Join(got, " "), `"state":"ready"`) {
		name, data := stream.next()
		if name == "" {
			t.Fatalf("the stream ended after %v", got)
		}
		got = append(got, name+data)
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{`added{"path":`, `"what":"new"`, `job{"video":`, `"state":"working"`} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
	if strings.Index(all, `"state":"working"`) > strings.Index(all, `"state":"ready"`) {
		t.Errorf("out of order:\n%s", all)
	}
}

// Changes by another process are told of too.
func TestServer_EventsOfOthers(t *testing.T) {
	b := newBench(t, 2, func(_ *bench, o *Options) { o.Limits.Look = 10 * time.Millisecond })
	res, err := b.client.Do(b.request("GET", "/api/v1/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	time.Sleep(300 * time.Millisecond) // it has looked once
	if err := b.lib.Remove(t.Context(), b.ids[0]); err != nil {
		t.Fatal(err)
	}
	if name, data := readEvents(res.Body).next(); name != "library" {
		t.Errorf("%s %s", name, data)
	}
}

// Work on a video that is removed meanwhile comes to an end.
func TestServer_RemovedWhileRead(t *testing.T) {
	b := newBench(t, 0, nil)
	res, err := b.client.Do(b.request("GET", "/api/v1/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b.gate = make(chan struct{})
	stop := b.work()
	defer stop()
	var out addedOutput
	b.call("POST", "/api/v1/videos", map[string]any{"paths": []string{b.put("new.mp4", 4)}}, 202).json(t, &out.Body)
	id := out.Body.Added[0].ID
	task := library.Task{Video: library.ID(id), Encoder: "joint"}
	eventually(t, "the job runs", func() bool { _, ok := b.s.hub.progressOf(task); return ok })
	b.call("DELETE", "/api/v1/videos/"+id, nil, 204)
	close(b.gate)
	eventually(t, "the job has ended", func() bool { _, ok := b.s.hub.progressOf(task); return !ok })
	stream := readEvents(res.Body)
	for name, data := stream.next(); name != "job" || !strings.Contains(data, `"state":"missing"`); name, data = stream.next() {
		if name == "" {
			t.Fatal("nobody was told")
		}
	}
}

// The first change after a server's start is told of as any later one.
func TestServer_FirstChange(t *testing.T) {
	b := newBench(t, 1, func(_ *bench, o *Options) { o.Limits.Look = time.Hour })
	res, err := b.client.Do(b.request("GET", "/api/v1/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b.call("DELETE", videoURL(b.ids[0], ""), nil, 204)
	late := time.AfterFunc(10*time.Second, func() { res.Body.Close() })
	defer late.Stop()
	if name, _ := readEvents(res.Body).next(); name != "library" {
		t.Errorf("told of %q", name)
	}
}

// The headers alone of a stream of events can be asked for.
func TestServer_EventsHead(t *testing.T) {
	b := newBench(t, 0, nil)
	for range 3 { // over the same connection, which a stream would hold
		r := b.do(b.request("HEAD", "/api/v1/events", nil))
		if r.check(t, 200); r.Header.Get("Content-Type") != contentEvents {
			t.Error(r.Header)
		}
	}
	b.call("GET", "/api/v1/health", nil, 200)
	if n := b.s.hub.listeners(); n != 0 {
		t.Errorf("%d listeners", n)
	}
}

func TestServer_StreamsAreBounded(t *testing.T) {
	b := newBench(t, 0, func(_ *bench, o *Options) { o.Limits.Streams = 2 })
	var open []io.Closer
	for range 2 {
		res, err := b.client.Do(b.request("GET", "/api/v1/events", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		open = append(open, res.Body)
	}
	if r := b.call("GET", "/api/v1/events", nil, 503); r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for _, c := range open {
		c.Close()
	}
	eventually(t, "places are free again", func() bool { return len(b.s.streams.slots) == 0 && b.s.hub.listeners() == 0 })
}

// A client that does not read loses old events, and holds nobody up.
func TestHub_SlowListener(t *testing.T) {
	h := newHub()
	events, leave := h.listen()
	defer leave()
	for i := range 3 * clientRoom {
		h.tell("n", i)
	}
	h.end()
	var last []byte
	n := 0
	for e := range events {
		last = e
		n++
	}
	if n != clientRoom || string(last) != fmt.Sprintf("n\n%d", 3*clientRoom-1) {
		t.Errorf("%d events, the last %s", n, last)
	}
	if events, _ := h.listen(); len(events) != 0 {
		t.Error("events after the end")
	}
	if _, open := <-events; open {
		t.Error("a channel that was not closed")
	}
}

// The index changes under searches: none fails, and each answer fits together.
func TestServer_SearchedWhileChanged(t *testing.T) {
	b := newBench(t, benchVideos, nil)
	stop := b.work()
	defer stop()
	var wg sync.WaitGroup
	done := make(chan struct{})
	var searched atomic.Int64
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				r := b.do(b.request("POST", "/api/v1/search", map[string]any{"query": "concept 2"}))
				if r.StatusCode != http.StatusOK {
					t.Errorf("%d %s", r.StatusCode, r.body)
					return
				}
				searched.Add(1)
			}
		})
	}
	var fresh []library.ID
	for i := range 15 {
		path := b.put("changing.mp4", 100+i)
		var out addedOutput
		b.call("POST", "/api/v1/videos", map[string]any{"paths": []string{path}}, 202).json(t, &out.Body)
		if i%3 == 2 {
			b.call("DELETE", "/api/v1/videos/"+out.Body.Added[0].ID, nil, 204)
		} else {
			fresh = append(fresh, library.ID(out.Body.Added[0].ID))
		}
	}
	close(done)
	wg.Wait()
	if searched.Load() == 0 || len(fresh) == 0 {
		t.Error("nothing was tested")
	}
}

// otherProgram has the catalog open, and does to it what it is told.
func (b *bench) otherProgram() func(sql string) {
	b.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(b.lib.Dir, "library.db"))
	if err != nil {
		b.t.Fatal(err)
	}
	conn, err := db.Conn(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		conn.Close()
		db.Close()
	})
	return func(sql string) {
		b.t.Helper()
		if _, err := conn.ExecContext(b.t.Context(), sql); err != nil {
			b.t.Fatal(err)
		}
	}
}

// A database that another program holds: reads go on, writes fail in time, and come right
// afterwards.
func TestServer_CatalogLocked(t *testing.T) {
	b := newBench(t, 2, nil)
	other := b.otherProgram()
	other("BEGIN IMMEDIATE")
	b.call("GET", "/api/v1/videos", nil, 200)
	b.search(map[string]any{"query": "concept 2"})
	b.call("GET", "/api/v1/ready", nil, 200)
	deleted := make(chan reply, 1)
	go func() { deleted <- b.do(b.request("DELETE", videoURL(b.ids[0], ""), nil)) }()
	time.Sleep(200 * time.Millisecond)
	other("ROLLBACK")
	if r := <-deleted; r.StatusCode != http.StatusNoContent {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	if os.Getenv("TALL_LONG") != "1" {
		return // SQLite is waited for for ten seconds
	}
	other("BEGIN IMMEDIATE")
	if r := b.call("DELETE", videoURL(b.ids[1], ""), nil, 503); r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	other("ROLLBACK")
	b.call("DELETE", videoURL(b.ids[1], ""), nil, 204)
}

// Features that are damaged cost their video its place in the answers, and nothing else.
func TestServer_DamagedFeatures(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"cut off": func(path string) error { return os.Truncate(path, 1000) },
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"gone":    os.Remove,
		"nonsense": func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("nonsense", 1000)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 3, nil)
			video, _ := b.c.Where(2)
			id := b.ids[video]
			if err := damage(filepath.Join(b.lib.Dir, "features", "joint", string(id)+".safetensors")); err != nil {
				t.Fatal(err)
			}
			if err := damageIndex(filepath.Join(b.lib.Dir, "index")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				a := b.search(map[string]any{"query": "concept 2", "brute": true})
				for _, h := range a.Hits {
					if h.Video == string(id) {
						t.Errorf("%+v", h)
					}
				}
			}
			b.search(map[string]any{"query": "concept 2"})
			b.call("POST", videoURL(id, "/curve"), map[string]any{"query": "a"}, 404)
			var v videoBody
			b.call("GET", videoURL(id, ""), nil, 200).json(t, &v)
			if v.State != "damaged" || v.Reason == "" || v.Features[0].State != "damaged" {
				t.Errorf("%+v", v)
			}
			b.call("GET", videoURL(id, "/file"), nil, 200) // it can be watched
			b.call("GET", "/api/v1/ready", nil, 200)
		})
	}
}

// damageIndex overwrites the middle of all files of the index.
func damageIndex(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteAt([]byte(strings.Repeat("\xff", 64)), 64)
		return err
	})
}

// The end of a server lets searches and downloads finish, and ends streams of events.
func TestServer_Shutdown(t *testing.T) {
	b := newBench(t, 1, func(b *bench, _ *Options) { b.media.delay = 300 * time.Millisecond })
	res, err := b.client.Do(b.request("GET", "/api/v1/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	clip := make(chan reply, 1)
	go func() { clip <- b.do(b.request("GET", videoURL(b.ids[0], "/clip?start=1&end=2"), nil)) }()
	eventually(t, "the clip is being made", func() bool { return b.media.cuts.Load() == 1 })
	b.stop()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Error(err)
	}
	if r := <-clip; r.StatusCode != http.StatusOK || string(r.body) != contentOf(0) {
		t.Errorf("%d %.100s", r.StatusCode, r.body)
	}
	b.end()
	if res, err := http.Get(b.url + "/api/v1/health"); err == nil {
		res.Body.Close()
		t.Error("it still answers")
	}
}

// What does not finish in time is cut off.
func TestServer_ShutdownInTime(t *testing.T) {
	b := newBench(t, 1, func(b *bench, o *Options) {
		b.media.delay = time.Hour
		o.Limits.Grace = 200 * time.Millisecond
	})
	failed := make(chan error, 1)
	go func() {
		res, err := b.client.Do(b.request("GET", videoURL(b.ids[0], "/clip?start=1&end=2"), nil))
		if err == nil {
			res.Body.Close()
			if res.StatusCode != http.StatusServiceUnavailable {
				err = fmt.Errorf("status %d", res.StatusCode)
			}
		} else {
			err = nil
		}
		failed <- err
	}()
	eventually(t, "the clip is being made", func() bool { return b.media.cuts.Load() == 1 })
	begun := time.Now()
	b.end()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// A search that waits too long for its turn is told to come again.
func TestGate(t *testing.T) {
	g := newGate("tests", 1, 1, time.Second)
	leave, err := g.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waiting, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() {
		_, err := g.enter(waiting)
		second <- err
	}()
	eventually(t, "the second waits", func() bool { return g.waiting.Load() == 1 })
	var busy *refusal
	if _, err := g.enter(t.Context()); !errors.As(err, &busy) || busy.status != 503 || busy.retry == 0 {
		t.Error(err)
	}
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := g.enter(short); !errors.As(err, &busy) {
		t.Error(err)
	}
	leave()
	if leave, err = g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	leave()
}
