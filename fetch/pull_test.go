package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tall"
	"tall/internal/shared"
)

// hub serves the files of a model, each with the knobs of an [origin].
type hub struct {
	*httptest.Server
	files map[string]*origin
}

// newHub serves a model of two files, and makes the folder for downloads one of the test.
func newHub(t *testing.T) (*hub, Model) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))
	h := &hub{files: map[string]*origin{
		"/config.json":     {body: []byte(`{"a": 1}`), etag: `"c1"`},
		"/sub/weights.bin": {body: pattern(300 << 10), etag: `"w1"`},
	}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o := h.files[r.URL.Path]; o != nil {
			o.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(h.Close)
	c, err := ParseCatalog("c.yaml", []byte(h.catalog()))
	if err != nil {
		t.Fatal(err)
	}
	return h, c.Models[0]
}

// catalog describes what the hub serves: a size and a hash of one file, neither of the
// other.
func (h *hub) catalog() string {
	w := h.files["/sub/weights.bin"]
	return fmt.Sprintf(`models:
  - {name: mine, kind: sentence, encoder: minilm, purpose: p, license: free, source: s, dim: 4, base: %q,
     files: [{name: config.json}, {name: sub/weights.bin, size: %d, sha256: %s}]}
`, h.URL, len(w.body), sum(w.body))
}

func (h *hub) weights() *origin { return h.files["/sub/weights.bin"] }

func quickPull() PullOptions { return PullOptions{Options: quick()} }

func mustPull(t *testing.T, h *hub, m Model, o PullOptions) string {
	t.Helper()
	dir, err := Pull(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil || string(data) != string(h.files["/"+f.Name].body) {
			t.Fatalf("%s: %d bytes, %v", f.Name, len(data), err)
		}
	}
	if m.State() != Installed {
		t.Errorf("state %q", m.State())
	}
	files, err := Verify(t.Context(), m)
	if err != nil || len(files) != 2 || files[0].Known != "recorded" || files[1].Known != "catalog" {
		t.Errorf("%+v %v", files, err)
	}
	for _, f := range files {
		if f.Err != nil {
			t.Error(f.Err)
		}
	}
	return dir
}

func failPull(t *testing.T, m Model, o PullOptions, kind error, says ...string) {
	t.Helper()
	_, err := Pull(t.Context(), m, o)
	if !errors.Is(err, kind) {
		t.Errorf("%v, want %v", err, kind)
	}
	for _, s := range says {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("%v: does not say %q", err, s)
		}
	}
}

func TestPull_OnceThenFromDisk(t *testing.T) {
	h, m := newHub(t)
	if m.State() != Absent {
		t.Errorf("state %q", m.State())
	}
	if _, err := m.Ready(); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "tall models pull mine") {
		t.Error(err)
	}
	var names []string
	o := quickPull()
	o.File = func(f ModelFile) { names = append(names, f.Name) }
	dir := mustPull(t, h, m, o)
	if !slices.Equal(names, []string{"config.json", "sub/weights.bin"}) {
		t.Error(names)
	}
	mustPull(t, h, m, quickPull())
	if n := len(h.weights().count()); n != 1 {
		t.Errorf("%d requests", n)
	}
	if ready, err := m.Ready(); err != nil || ready != dir {
		t.Error(ready, err)
	}
}

func TestPull_GoesOn(t *testing.T) {
	h, m := newHub(t)
	w := h.weights()
	w.cut, w.cuts = 100<<10, 1 // the connection breaks once
	mustPull(t, h, m, quickPull())
	if want := []string{"", "bytes=102400-"}; !slices.Equal(w.count(), want) {
		t.Errorf("ranges %q", w.count())
	}
}

// A process that is killed while it pulls loses nothing: the next one keeps the whole
// files and the part.
func TestPull_Killed(t *testing.T) {
	h, m := newHub(t)
	w := h.weights()
	w.set(func() { w.pause = 5 * time.Millisecond })
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, h.catalog())
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), "FETCH_CATALOG="+file, "NO_PROXY=127.0.0.1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dir, err := m.Dir()
	if err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(dir, "sub", "weights.bin.part")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if info, err := os.Stat(part); err == nil && info.Size() > 32<<10 {
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
	if m.State() != Partial {
		t.Errorf("state %q", m.State())
	}
	w.set(func() { w.pause = 0 })
	mustPull(t, h, m, quickPull())
	if r := w.count(); len(r) != 2 || !strings.HasPrefix(r[1], "bytes=") {
		t.Errorf("ranges %q", r)
	}
	if n := len(h.files["/config.json"].count()); n != 1 {
		t.Errorf("the whole file was fetched %d times", n)
	}
}

func TestPull_OtherFile(t *testing.T) {
	h, m := newHub(t)
	w := h.weights()
	good := w.body
	for name, body := range map[string][]byte{
		"truncated on the server": good[:1000],
		"longer":                  append(slices.Clone(good), 1),
		"other bytes":             slices.Concat([]byte{good[0] + 1}, good[1:]),
	} {
		w.set(func() { w.body, w.etag = body, `"`+name+`"` })
		t.Run(name, func(t *testing.T) {
			failPull(t, m, quickPull(), tall.ErrFormat, "model mine, sub/weights.bin", "must have")
		})
		dir, err := m.Dir()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "sub", "weights.bin")); err == nil {
			t.Errorf("%s: has its name", name)
		}
	}
	w.set(func() { w.body, w.etag = good, `"w1"` })
	mustPull(t, h, m, quickPull())
}

// A server that does not tell the size is found out at the end.
func TestPull_UntoldSize(t *testing.T) {
	h, m := newHub(t)
	w := h.weights()
	w.handle = func(rw http.ResponseWriter, _ *http.Request) {
		flush(rw) // chunked
		_, _ = rw.Write(w.body[:5000])
	}
	failPull(t, m, quickPull(), tall.ErrFormat, "5000 bytes, must have 307200")
}

// Without a way to the server, or its file, the error lists every file and its place.
func TestPull_Offline(t *testing.T) {
	h, m := newHub(t)
	dir, err := m.Dir()
	if err != nil {
		t.Fatal(err)
	}
	all := []string{
		filepath.Join(dir, "config.json"), h.URL + "/config.json",
		filepath.Join(dir, "sub", "weights.bin"), h.URL + "/sub/weights.bin", "(307200 bytes)", "--from FOLDER",
	}
	config := h.files["/config.json"]
	config.set(func() { config.handle = http.NotFound })
	failPull(t, m, quickPull(), tall.ErrMissing, append(all, "404")...)
	h.Close()
	failPull(t, m, quickPull(), tall.ErrMissing, all...)
	// What is there already is not listed.
	write(t, filepath.Join(dir, "config.json"), "{}")
	_, err = Pull(t.Context(), m, quickPull())
	if err == nil || strings.Contains(err.Error(), filepath.Join(dir, "config.json")) || !strings.Contains(err.Error(), "weights.bin") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Pull(ctx, m, quickPull()); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "--from") {
		t.Error(err)
	}
}

func TestPull_FullDisk(t *testing.T) {
	h, m := newHub(t)
	o := quickPull()
	o.Free = func(string) (int64, bool) { return 200 << 10, true }
	failPull(t, m, o, errNoRoom, "make room", "XDG_CACHE_HOME")
	if n := len(h.files["/config.json"].count()); n != 0 {
		t.Errorf("%d requests before there was room", n)
	}
	// A size that only the server knows.
	m.Files[1].Size, m.Files[1].SHA256 = 0, ""
	failPull(t, m, o, errNoRoom, "sub/weights.bin", "make room")
	o.Free = func(string) (int64, bool) { return 0, false }
	if _, err := Pull(t.Context(), m, o); err != nil {
		t.Error(err)
	}
}

func TestPull_ThroughAProxy(t *testing.T) {
	h, _ := newHub(t)
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, strings.ReplaceAll(h.catalog(), h.URL, "http://models.invalid"))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), "FETCH_CATALOG="+file, "HTTP_PROXY="+h.URL, "NO_PROXY=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n := len(h.weights().count()); n != 1 {
		t.Errorf("the proxy saw %d requests", n)
	}
}

func TestPull_Mirror(t *testing.T) {
	for _, place := range []string{"mine", "."} {
		h, m := newHub(t)
		from := t.TempDir()
		o := quickPull()
		o.From = from
		failPull(t, m, o, tall.ErrMissing, from, "config.json", "--from FOLDER")
		put := func(name, text string) {
			path := filepath.Join(from, place, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, path, text)
		}
		put("config.json", string(h.files["/config.json"].body))
		put("sub/weights.bin", "short")
		failPull(t, m, o, tall.ErrFormat, "5 bytes, must have 307200")
		body := slices.Clone(h.weights().body)
		body[7]++
		put("sub/weights.bin", string(body))
		failPull(t, m, o, tall.ErrFormat, "is another file")
		if m.State() != Partial {
			t.Errorf("state %q", m.State())
		}
		put("sub/weights.bin", string(h.weights().body))
		o.Free = func(string) (int64, bool) { return 1 << 10, true }
		failPull(t, m, o, errNoRoom)
		o.Free = nil
		mustPull(t, h, m, o)
		if n := len(h.weights().count()); n != 0 {
			t.Errorf("%d requests", n)
		}
	}
}

// The folder of a model's name in a mirror is all there is of it: another model's
// config.json beside it is not taken.
func TestPull_MirrorOfAnother(t *testing.T) {
	_, m := newHub(t)
	o := quickPull()
	o.From = t.TempDir()
	write(t, filepath.Join(o.From, "config.json"), "{}")
	if err := os.Mkdir(filepath.Join(o.From, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	failPull(t, m, o, tall.ErrMissing, filepath.Join(o.From, "mine", "config.json"))
}

func TestVerify_Changed(t *testing.T) {
	h, m := newHub(t)
	dir := mustPull(t, h, m, quickPull())
	config, big := filepath.Join(dir, "config.json"), filepath.Join(dir, "sub", "weights.bin")
	if sha, ok := RecordedHash(config); !ok || sha != sum(h.files["/config.json"].body) {
		t.Error(sha, ok)
	}
	later := time.Now().Add(time.Hour)
	write(t, config, `{"a": 2}`)
	if err := os.Chtimes(config, later, later); err != nil {
		t.Fatal(err)
	}
	if _, ok := RecordedHash(config); ok {
		t.Error("the hash of a file that has changed")
	}
	if err := os.Remove(big); err != nil {
		t.Fatal(err)
	}
	files, err := Verify(t.Context(), m)
	if err != nil || !errors.Is(files[0].Err, tall.ErrFormat) || !errors.Is(files[1].Err, tall.ErrMissing) {
		t.Errorf("%+v %v", files, err)
	}
	if err := os.Truncate(config, 3); err != nil {
		t.Fatal(err)
	}
	write(t, big, "x")
	files, err = Verify(t.Context(), m)
	if err != nil || !errors.Is(files[0].Err, tall.ErrFormat) || !strings.Contains(fmt.Sprint(files[1].Err), "1 bytes, must have 307200") {
		t.Errorf("%+v %v", files, err)
	}
	if m.State() != Partial {
		t.Errorf("state %q", m.State())
	}
}

// What must be converted first is not ready, and what was converted may be deleted.
func TestModel_Convert(t *testing.T) {
	h, m := newHub(t)
	m.Convert, m.Makes = "turn the crank\n", []string{"model.safetensors"}
	dir, err := Pull(t.Context(), m, quickPull())
	if err != nil {
		t.Fatal(err)
	}
	if m.State() != Unmade {
		t.Errorf("state %q", m.State())
	}
	if _, err := m.Ready(); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "turn the crank") || !strings.Contains(err.Error(), "model.safetensors") {
		t.Error(err)
	}
	write(t, filepath.Join(dir, "model.safetensors"), "made")
	if err := os.Remove(filepath.Join(dir, "sub", "weights.bin")); err != nil {
		t.Fatal(err)
	}
	if ready, err := m.Ready(); err != nil || ready != dir || m.State() != Installed {
		t.Error(ready, err, m.State())
	}
	files, err := Verify(t.Context(), m)
	if err != nil || len(files) != 1 || files[0].Err != nil {
		t.Errorf("%+v %v", files, err)
	}
	_ = h
}

func TestModelDir(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	dir := t.TempDir()
	if got, m, err := ModelDir(dir); err != nil || got != dir || m.Name != "" {
		t.Error(got, m, err)
	}
	if _, _, err := ModelDir("all-minilm-l6"); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), `did you mean "all-minilm-l6-v2"`) {
		t.Error(err)
	}
	if _, m, err := ModelDir("all-minilm-l6-v2"); !errors.Is(err, tall.ErrMissing) || m.Encoder != "minilm" || !strings.Contains(err.Error(), "tall models pull all-minilm-l6-v2") {
		t.Error(m, err)
	}
}

// What the catalog says of all-minilm-l6-v2 is what Python packages carry of it.
func TestCatalog_MiniLM(t *testing.T) {
	dir := shared.Asset(t, "minilm")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Find("all-minilm-l6-v2")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		path := m.path(dir, f)
		if info, err := os.Stat(path); err != nil || info.Size() != f.Size {
			t.Errorf("%s: %v, must have %d bytes", f.Name, info, f.Size)
		}
		if got, err := hashFile(t.Context(), path); err != nil || f.SHA256 != "" && got != f.SHA256 {
			t.Errorf("%s: %s %v", f.Name, got, err)
		}
	}
}
