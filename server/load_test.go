package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tall/encode"
	"tall/library"
	"tall/synth/collection"
)

// number is that of an environment variable, or another one.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// A hundred searches a second for a minute, by 64 clients, over 100 hours of video. Each
// has a time at which it is due; how long it takes counts from there, so that a server that
// falls behind is seen to. TALL_LOAD_HOURS, TALL_LOAD_RATE and TALL_LOAD_SECONDS change the
// load.
func TestServer_Load(t *testing.T) {
	long(t)
	hours, perSecond, seconds := number(t, "TALL_LOAD_HOURS", 100), number(t, "TALL_LOAD_RATE", 100), number(t, "TALL_LOAD_SECONDS", 60)
	const clients = 64
	b := &bench{t: t, videos: realDir(t), media: &fakeMedia{}, c: collection.New(collection.Options{Seed: 1, Videos: hours})}
	classical, err := encode.OpenSentences("classical", encode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.sentences = classical
	begun := time.Now()
	b.openLibrary(filepath.Join(realDir(t), "library"))
	for i := range hours {
		b.put(fmt.Sprintf("%05d.mp4", i), i)
	}
	b.addAll()
	t.Logf("library of %d hours made in %.0f s", hours, time.Since(begun).Seconds())
	b.serve(nil)
	for i := range 20 { // warm
		b.search(map[string]any{"query": fmt.Sprint("concept ", i)})
	}

	total := perSecond * seconds
	due := make(chan int, total)
	took := make([]time.Duration, total)
	alone := make([]time.Duration, total) // without waiting for a client
	var failed, wrong atomic.Int64
	var wg sync.WaitGroup
	begun = time.Now()
	at := func(i int) time.Time { return begun.Add(time.Duration(i) * time.Second / time.Duration(perSecond)) }
	for range clients {
		wg.Go(func() {
			for i := range due {
				sent := time.Now()
				concept := i * 7919 % b.c.Concepts()
				res, err := b.client.Do(b.request("POST", "/api/v1/search", map[string]any{"query": fmt.Sprint("concept ", concept)}))
				if err != nil {
					failed.Add(1)
					continue
				}
				var a answerBody
				err = json.NewDecoder(res.Body).Decode(&a)
				res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK {
					failed.Add(1)
				}
				if video, _ := b.c.Where(concept); len(a.Hits) == 0 || a.Hits[0].Video != string(b.ids[video]) {
					wrong.Add(1) // weak moments are not always first
				}
				took[i], alone[i] = time.Since(at(i)), time.Since(sent)
			}
		})
	}
	for i := range total {
		time.Sleep(time.Until(at(i)))
		due <- i
	}
	close(due)
	wg.Wait()
	spent := time.Since(begun)
	percentile := func(list []time.Duration, p float64) time.Duration {
		list = slices.Sorted(slices.Values(list))
		return list[min(len(list)-1, int(p*float64(len(list))))].Round(100 * time.Microsecond)
	}
	t.Logf("%d hours, %d searches in %.1f s by %d clients on %d processors: %.1f a second; median %v, 95th %v, 99th %v (without waiting for a client: %v, %v, %v); errors %d; another video first %d",
		hours, total, spent.Seconds(), clients, runtime.GOMAXPROCS(0), float64(total)/spent.Seconds(),
		percentile(took, .5), percentile(took, .95), percentile(took, .99), percentile(alone, .5), percentile(alone, .95), percentile(alone, .99), failed.Load(), wrong.Load())
	if failed.Load() > 0 {
		t.Errorf("%d searches failed", failed.Load())
	}
	if wrong.Load() > int64(total/10) {
		t.Errorf("%d of %d answers were of another video", wrong.Load(), total)
	}
}

// A thousand clients that only listen. The memory is that of both ends.
func TestServer_IdleListeners(t *testing.T) {
	long(t)
	const clients = 1000
	b := newBench(t, 2, nil)
	resident := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse + m.StackInuse)
	}
	before := resident()
	conns := make([]net.Conn, clients)
	for i := range conns {
		c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
		if _, err := io.WriteString(c, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all listen", func() bool { return b.s.hub.listeners() == clients })
	for i := range 100 {
		b.s.hub.tell("job", jobBody{Video: fmt.Sprint(i)})
	}
	// All of them hear of it.
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		var text []byte
		for buf := make([]byte, 4096); !strings.Contains(string(text), `"video":"99"`); {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatalf("after %d bytes: %v", len(text), err)
			}
			text = append(text, buf[:n]...)
		}
	}
	grown := resident() - before
	t.Logf("%d clients listen: %.1f MB more (heap and stacks of both ends), resident size of the process %.0f MB", clients, float64(grown)/1e6, float64(processSize())/1e6)
	if grown > 200e6 {
		t.Errorf("%d clients take %d bytes", clients, grown)
	}
	b.search(map[string]any{"query": "concept 2"}) // others are served
}

// processSize is the resident size of this process in bytes, 0 where it is not known.
func processSize() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// usage is what must not grow.
type usage struct {
	heap       int64
	goroutines int
	open       int // files of the process
	files      int // of the library's folder
}

func (b *bench) usage() (u usage) {
	b.t.Helper()
	b.client.CloseIdleConnections()
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.heap, u.goroutines = int64(m.HeapAlloc), runtime.NumGoroutine()
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.open = len(list)
	}
	err := filepath.WalkDir(b.lib.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			u.files++
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return u
}

// Ten thousand videos are added, encoded, searched for, looked at and deleted, fifty at
// a time: nothing grows. It ends early after TALL_SOAK_SECONDS.
func TestServer_Soak(t *testing.T) {
	long(t)
	const batch, warm = 50, 200
	cycles, limit := number(t, "TALL_SOAK_CYCLES", 10000), time.Duration(number(t, "TALL_SOAK_SECONDS", 90))*time.Second
	b := &bench{t: t, videos: realDir(t), media: &fakeMedia{}, c: collection.New(collection.Options{Seed: 2, Dim: 16, Videos: 500, MinSeconds: 4, MaxSeconds: 12, Moments: 1})}
	b.openLibrary(filepath.Join(realDir(t), "library"))
	b.serve(nil)
	ctx, stop := context.WithCancel(t.Context())
	working := make(chan error, 1)
	go func() { working <- b.lib.Work(ctx, 2, false) }()
	defer func() {
		stop()
		if err := <-working; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	rng := rand.New(rand.NewPCG(1, 1))
	var first usage
	begun := time.Now()
	done := 0
	for done < cycles && time.Since(begun) < limit {
		paths := make([]string, batch)
		for i := range paths {
			paths[i] = b.put(fmt.Sprintf("%03d.mp4", i), done+i)
		}
		b.call("POST", "/api/v1/videos", map[string]any{"paths": paths}, http.StatusAccepted)
		eventually(t, "all are ready", func() bool {
			o, err := b.lib.Overview(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return o.States[library.Ready] == batch
		})
		var page struct{ Videos []videoBody }
		b.call("GET", "/api/v1/videos?limit=1000", nil, 200).json(t, &page)
		for i, v := range page.Videos {
			if i%5 == 0 {
				b.search(map[string]any{"query": fmt.Sprint("concept ", rng.IntN(b.c.Concepts()))})
				b.call("GET", "/api/v1/videos/"+v.ID+"/thumbnail", nil, 200)
				b.call("GET", "/api/v1/videos/"+v.ID+"/file", nil, 200)
			}
			b.call("DELETE", "/api/v1/videos/"+v.ID, nil, http.StatusNoContent)
		}
		if len(page.Videos) != batch {
			t.Fatalf("%d videos", len(page.Videos))
		}
		if done += batch; done == warm {
			first = b.usage() // everything has happened some times
		}
	}
	last := b.usage()
	t.Logf("%d cycles in %.0f s; after %d: %+v, at the end: %+v", done, time.Since(begun).Seconds(), warm, first, last)
	if done < 2*warm {
		t.Fatalf("too slow for a test: %d cycles", done)
	}
	// What is remembered of clients and queries is bounded, not constant.
	if grown := last.heap - first.heap; grown > 4<<20 {
		t.Errorf("%d bytes more", grown)
	}
	if last.goroutines > first.goroutines+4 || last.open > first.open+4 || last.files > first.files {
		t.Errorf("%+v became %+v", first, last)
	}
}
