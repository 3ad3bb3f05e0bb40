package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tall/server"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "1": 1, "500M": 500 << 20, "16G": 16 << 30, "2k": 2048, "3TB": 3 << 40, "7b": 7} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1", "G", "1.5G", "9999999999999999999", "9999999T", "1GG", "x"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// serving runs `tall serve` as a user does and returns the page's address.
func serving(t *testing.T, log io.Writer, args ...string) (address string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), w, log)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	if !lines.Scan() {
		t.Fatalf("tall serve ended with %d", <-ended)
	}
	address = lines.Text()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("tall serve ended with %d", code)
		}
	})
	return address
}

// With a token, as on a machine of others.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "library")
	made := t.TempDir()
	video, model := filepath.Join(made, "a.y4m"), filepath.Join(made, "model")
	if err := errors.Join(writeClipModel(model), writeScenes(video, []string{"gray", "red"}, []int{4, 4})); err != nil {
		t.Fatal(err)
	}
	tallRun(t, "index", "add", video, "--library", dir, "--encoder", "clip:"+model)
	secret := strings.TrimSpace(tallRun(t, "token", "new", "test", "--library", dir))
	var open lockedBuffer
	serving(t, &open, "--library", dir, "--host", "videos.example.org", "--host", "localhost")
	if got := open.String(); strings.Count(got, "--token-required") != 1 || !strings.Contains(got, "videos.example.org") {
		t.Errorf("behind a proxy everybody may do everything, and it says: %s", got)
	}
	var log bytes.Buffer
	address := serving(t, &log, "--library", dir, "--token-required", "--root", t.TempDir())
	ask := func(secret string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"api/v1/library", nil)
		if err != nil {
			t.Fatal(err)
		}
		if secret != "" {
			r.Header.Set("Authorization", "Bearer "+secret)
		}
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if got := ask(secret); got != http.StatusOK {
		t.Error(got)
	}
	if got := ask(""); got != http.StatusUnauthorized {
		t.Error(got)
	}
	// A token that is removed is refused within a second, without a new start.
	tallRun(t, "token", "remove", "test", "--library", dir)
	for begun := time.Now(); ask(secret) != http.StatusUnauthorized; time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("the removed token is still taken")
		}
	}
	if _, err := server.ReadTokens(filepath.Join(dir, tokensName)); err != nil {
		t.Error(err)
	}
}
