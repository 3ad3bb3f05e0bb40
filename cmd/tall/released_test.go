package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// runMain runs the program within the test.
func runMain(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	code = Main(t.Context(), args, &out, &log)
	return code, out.String(), log.String()
}

// releasedServer serves the weights of a small model as the released ones, and
// returns the folder of its corpus and how often it was asked.
func releasedServer(t *testing.T) (dir, url string, asked *atomic.Int32, server *httptest.Server) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("NO_PROXY", "127.0.0.1")
	t.Chdir(dir)
	for _, args := range [][]string{
		{"synth", "--out", "corpus", "--videos", "2,1,1", "--windows", "40", "--sentences", "20", "--dims", "16,16,16,16"},
		{"train", "--config", "corpus/tall.yaml", "--save_dir", "run", "--epoch", "1", "--batch_size", "4", "--seed", "1"},
		{"convert", "run/TALL", "served/TALL.pdparams"},
		{"eval", "--config", "corpus/tall.yaml", "--weights", "run/TALL", "--save_dir", "named"},
	} {
		if code, _, stderr := runMain(t, args...); code != 0 {
			t.Fatalf("tall %s: %s", strings.Join(args, " "), stderr)
		}
	}
	asked = new(atomic.Int32)
	files := http.FileServer(http.Dir("served"))
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return dir, server.URL + "/TALL.pdparams", asked, server
}

// Without --weights the released ones are downloaded once, kept and verified.
func TestReleased_DownloadedOnce(t *testing.T) {
	dir, url, asked, server := releasedServer(t)
	code, _, stderr := runMain(t, "eval", "--config", "corpus/tall.yaml", "--weights-url", url, "--save_dir", "first")
	if code != 0 || asked.Load() != 1 {
		t.Fatalf("exit code %d, %d requests\n%s", code, asked.Load(), stderr)
	}
	cached := filepath.Join(dir, "cache", "tall", "TALL.pdparams")
	if !strings.Contains(stderr, "using the released weights") || !strings.Contains(stderr, cached) {
		t.Errorf("it is not said which weights are used:\n%s", stderr)
	}
	// By the variable and for another command; the server is not asked again.
	t.Setenv(envWeightsURL, url)
	server.Close()
	if code, _, stderr := runMain(t, "predict", "--config", "corpus/tall.yaml", "--save_dir", "second"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	if code, _, stderr := runMain(t, "eval", "--config", "corpus/tall.yaml", "--save_dir", "second"); code != 0 || asked.Load() != 1 {
		t.Fatalf("exit code %d, %d requests\n%s", code, asked.Load(), stderr)
	}
	want, err := os.ReadFile("named/predictions.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("first/predictions.jsonl"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("other answers than with --weights (%v)", err)
	}
	// A file that has changed since is not used.
	data, err := os.ReadFile(cached)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(cached, data, 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = runMain(t, "eval", "--config", "corpus/tall.yaml", "--save_dir", "third")
	if code != exitFailed || !strings.Contains(stderr, cached) || !strings.Contains(stderr, "SHA-256") {
		t.Errorf("a changed file in the cache: exit code %d\n%s", code, stderr)
	}
	if left, err := temporaries(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Offline, the error says which address, which file to put where, and --weights.
func TestReleased_Offline(t *testing.T) {
	dir, url, _, server := releasedServer(t)
	server.Close()
	code, _, stderr := runMain(t, "eval", "--config", "corpus/tall.yaml", "--weights-url", url)
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	cached := filepath.Join(dir, "cache", "tall", "TALL.pdparams")
	for _, part := range []string{url, cached, "--weights"} {
		if !strings.Contains(stderr, part) {
			t.Errorf("the error does not name %s:\n%s", part, stderr)
		}
	}
	// What it says helps.
	data, err := os.ReadFile("served/TALL.pdparams")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cached, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runMain(t, "eval", "--config", "corpus/tall.yaml", "--weights-url", url, "--save_dir", "results"); code != 0 {
		t.Errorf("with the file in its place: exit code %d\n%s", code, stderr)
	}
}

func TestReleased_BadAddresses(t *testing.T) {
	_, url, _, _ := releasedServer(t)
	for _, tt := range []struct{ url, want string }{
		{strings.Replace(url, "TALL.pdparams", "nothing.pdparams", 1), "404"},
		{"ftp://example.org/TALL.pdparams", "ftp"},
		{"TALL.pdparams", "TALL.pdparams"},
	} {
		code, _, stderr := runMain(t, "eval", "--config", "corpus/tall.yaml", "--weights-url", tt.url)
		if code != exitFailed || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit code %d\n%s", tt.url, code, stderr)
		}
	}
}
