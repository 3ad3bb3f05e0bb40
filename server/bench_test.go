package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tall"
	"tall/library"
	"tall/library/sqlite"
	"tall/model/contrast"
	"tall/synth/collection"
	"tall/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func long(t *testing.T) {
	t.Helper()
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("takes long; set TALL_LONG=1")
	}
}

// encoder is that of a collection.
type encoder struct {
	collection.Encoder
	// real, which may be nil, is what texts are encoded with as well, for the time it takes.
	real tall.SentenceEncoder
	gate <-chan struct{} // videos wait for it, if there is one
}

func (e encoder) EncodeSentences(ctx context.Context, texts []string) ([]tall.Sentence, error) {
	if e.real != nil {
		if _, err := e.real.EncodeSentences(ctx, texts); err != nil {
			return nil, err
		}
	}
	return e.Encoder.EncodeSentences(ctx, texts)
}

func (e encoder) bank(ctx context.Context) ([]tall.Sentence, error) { return e.Bank(ctx, 96) }

// fileHead begins the "videos" of tests: the number of one in the collection follows.
const fileHead = "video "

// numberOf reads the number from a file of a test.
func numberOf(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	n, err := strconv.Atoi(strings.TrimPrefix(line, fileHead))
	if err != nil || !strings.HasPrefix(line, fileHead) {
		return 0, fmt.Errorf("%w: %s is no video", tall.ErrFormat, path)
	}
	return n, nil
}

func (e encoder) Save(ctx context.Context, path, dir, name string, meta map[string]string, progress func(done, total float64)) (int, error) {
	video, err := numberOf(path)
	if err != nil {
		return 0, err
	}
	video %= e.Len()
	progress(1, float64(e.Seconds(video)))
	if e.gate != nil {
		select {
		case <-e.gate:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	rows, err := e.Write(video, dir, name, meta)
	progress(float64(rows), float64(rows))
	return rows, err
}

// fakeMedia makes pictures of one color and clips of the video's beginning.
type fakeMedia struct {
	thumbnails, sprites, cuts atomic.Int64
	delay                     time.Duration
}

func picture(width, height int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewRGBA(image.Rect(0, 0, width, height)), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func (m *fakeMedia) wait(ctx context.Context) error {
	select {
	case <-time.After(m.delay):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *fakeMedia) Thumbnail(ctx context.Context, _ string, _ float64, width int) ([]byte, error) {
	m.thumbnails.Add(1)
	return picture(width, width/2), m.wait(ctx)
}

func (m *fakeMedia) Sprite(ctx context.Context, _ string, columns, rows, width int) ([]byte, error) {
	m.sprites.Add(1)
	return picture(columns*width, rows*width*3/4), m.wait(ctx)
}

func (m *fakeMedia) Cut(ctx context.Context, path string, _ tall.Span, out string, _ bool) error {
	m.cuts.Add(1)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := m.wait(ctx); err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o600)
}

// bench is a server on a library of made videos, over real HTTP.
type bench struct {
	t      *testing.T
	c      *collection.Collection
	lib    *sqlite.Library
	s      *Server
	url    string
	client *http.Client
	media  *fakeMedia
	videos string // folder
	ids    []library.ID
	// sentences is concepts.real.
	sentences tall.SentenceEncoder
	gate      chan struct{} // encoders wait for it where it is set
	stop      context.CancelFunc
	ended     chan error
	over      bool
}

const benchVideos = 6

// newBench makes a library of so many videos and a server on it.
func newBench(t *testing.T, videos int, change func(b *bench, o *Options)) *bench {
	t.Helper()
	b := &bench{
		t: t, videos: realDir(t), media: &fakeMedia{},
		c: collection.New(collection.Options{Seed: 5, Dim: 96, Videos: max(videos, 12), MinSeconds: 40, MaxSeconds: 90, Moments: 2, MinStrength: 0.5, MaxStrength: 0.7}),
	}
	b.openLibrary(filepath.Join(realDir(t), "library"))
	for i := range videos {
		b.put(fmt.Sprintf("%03d.mp4", i), i)
	}
	b.addAll()
	b.serve(change)
	return b
}

// realDir is a temporary folder whose path holds no links.
func realDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (b *bench) openLibrary(dir string) {
	b.t.Helper()
	e := encoder{collection.Encoder{Collection: b.c, Name: "joint"}, b.sentences, nil}
	lanes := func() (o contrast.Options) { // as `tall serve` has them
		for range runtime.GOMAXPROCS(0) {
			o.Lanes = append(o.Lanes, tensor.NewCPU(1))
		}
		return o
	}
	l, like := contrast.New(lanes()), contrast.New(lanes())
	space := &library.Space{Name: "joint", Indexer: l.Index()}
	lib, err := sqlite.Open(b.t.Context(), dir, sqlite.Options{
		Make: true, Probe: b.probe,
		Engines: []library.Engine{{
			Name: e.Name, Description: e.Description(), Sentences: e,
			Open:       func() (library.VideoEncoder, error) { return encoder{e.Encoder, nil, b.gate}, nil },
			Localizers: []library.Localizer{{Name: "contrast", ID: "contrast", Localizer: l, Bank: e.bank, Threshold: 0.95, Space: space}},
			Like:       &library.Localizer{Name: "like", ID: "like", Localizer: like, Space: space},
		}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.lib = lib
	b.t.Cleanup(func() { lib.Close() })
}

func (b *bench) probe(_ context.Context, path string) (library.Facts, error) {
	n, err := numberOf(path)
	if err != nil {
		return library.Facts{}, err
	}
	return library.Facts{Duration: float64(b.c.Seconds(n % b.c.Len())), Width: 64, Height: 48, FPSNum: 25, FPSDen: 1, Audio: true}, nil
}

// contentOf is that of the file of a video: some kilobytes.
func contentOf(n int) string {
	return fmt.Sprintf("%s%d\n%s", fileHead, n, strings.Repeat(fmt.Sprintf("%08d", n), 1000))
}

func (b *bench) put(name string, n int) string {
	b.t.Helper()
	path := filepath.Join(b.videos, name)
	if err := os.WriteFile(path, []byte(contentOf(n)), 0o666); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// addAll adds the files of the videos' folder and encodes them.
func (b *bench) addAll() {
	b.t.Helper()
	paths, err := filepath.Glob(filepath.Join(b.videos, "*"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.ids = nil
	err = b.lib.Add(b.t.Context(), paths, nil, func(a library.Added) {
		if a.Err != nil {
			b.t.Fatal(a.Err)
		}
		b.ids = append(b.ids, a.ID)
	})
	if err == nil {
		err = b.lib.Work(b.t.Context(), 2, true)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) serve(change func(b *bench, o *Options)) {
	b.t.Helper()
	o := Options{
		Library: b.lib.Library, Version: "test", Open: true,
		Roots:   []Root{{"videos", b.videos}},
		Uploads: filepath.Join(b.lib.Dir, "media"), Probe: b.probe,
		Find:  func(dir string) ([]string, error) { return filepath.Glob(filepath.Join(dir, "*.mp4")) },
		Media: b.media, Cache: filepath.Join(b.lib.Dir, "thumbs"),
		Judgments: NewFileJournal(filepath.Join(b.lib.Dir, "judgments.jsonl")),
		Limits:    Limits{PerSecond: 1e6, Burst: 1e6},
	}
	if change != nil {
		change(b, &o)
	}
	var err error
	if b.s, err = New(o); err != nil {
		b.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.url = "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	b.stop, b.ended = stop, make(chan error, 1)
	go func() { b.ended <- b.s.Serve(ctx, l, nil) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	b.client = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	b.t.Cleanup(func() {
		b.end()
		transport.CloseIdleConnections()
		if err := b.s.Close(); err != nil {
			b.t.Error(err)
		}
	})
}

// listeners counts who listens.
func (h *hub) listeners() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients)
}

// end ends the server, once, and tells of errors.
func (b *bench) end() {
	b.t.Helper()
	if b.over {
		return
	}
	b.over = true
	b.client.CloseIdleConnections()
	b.stop()
	if err := <-b.ended; err != nil {
		b.t.Error(err)
	}
}

// reply is an answer that was read.
type reply struct {
	*http.Response
	body []byte
}

func (b *bench) do(r *http.Request) reply {
	b.t.Helper()
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{res, body}
}

func (b *bench) request(method, path string, body any) *http.Request {
	b.t.Helper()
	var r io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, r)
	if err != nil {
		b.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", contentJSON)
	}
	return req
}

// call asks and holds the status against the one expected; errors must be problems.
func (b *bench) call(method, path string, body any, status int) reply {
	b.t.Helper()
	r := b.do(b.request(method, path, body))
	r.check(b.t, status)
	return r
}

func (r reply) check(t *testing.T, status int) {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("%s %s: %d, want %d: %.300s", r.Request.Method, r.Request.URL, r.StatusCode, status, r.body)
	}
	if r.StatusCode >= 400 {
		r.problem(t)
	}
}

// problem holds an error against RFC 9457.
func (r reply) problem(t *testing.T) (detail string) {
	t.Helper()
	var p problem
	if kind := r.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Fatalf("%s %s: %d is %q: %.200s", r.Request.Method, r.Request.URL, r.StatusCode, kind, r.body)
	}
	if r.Request.Method == http.MethodHead {
		return ""
	}
	if err := json.Unmarshal(r.body, &p); err != nil || p.Status != r.StatusCode || p.Title == "" {
		t.Fatalf("%s %s: %v: %s", r.Request.Method, r.Request.URL, err, r.body)
	}
	return p.Detail
}

func (r reply) json(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
}

func videoURL(id library.ID, rest string) string { return "/api/v1/videos/" + string(id) + rest }

func escape(text string) string { return url.QueryEscape(text) }

// eventually waits for something to come true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begun := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("waited in vain: " + what)
		}
	}
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// emptyCatalog holds no videos.
type emptyCatalog struct{}

func (emptyCatalog) Videos(context.Context, library.Filter) iter.Seq2[library.Video, error] {
	return func(func(library.Video, error) bool) {}
}

func (emptyCatalog) Update(context.Context, library.ID, func(*library.Video, bool) (bool, error)) error {
	return errors.New("empty")
}

func (emptyCatalog) Version(context.Context) (int64, error) { return 1, nil }
