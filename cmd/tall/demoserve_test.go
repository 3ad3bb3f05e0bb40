package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tall"
	"tall/synth/kitchen/example"
)

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The demo's page is up without ffmpeg, finds its suggestions first among all videos, and
// ends when its time is over.
func TestDemo_Serve(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	g := &global{logFormat: "text"}
	con, err := g.console(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out lockedBuffer
	d := &demo{common: common{global: g}, con: con, out: &out, dir: t.TempDir(), listen: "127.0.0.1:0", exitAfter: 50 * time.Millisecond}
	err = d.serve(t.Context(), func(context.Context) error {
		_, text, _ := strings.Cut(out.String(), "http://")
		address, _, _ := strings.Cut(text, "/")
		for _, s := range example.Suggestions() {
			body, err := json.Marshal(map[string]any{"query": s.Sentence, "top": 1})
			if err != nil {
				return err
			}
			r, err := http.Post("http://"+address+"/api/v1/search", "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			var got struct {
				NoMatch bool `json:"no_match"`
				Hits    []struct {
					Name       string
					Start, End float64
				}
			}
			if err := errors.Join(json.NewDecoder(r.Body).Decode(&got), r.Body.Close()); err != nil {
				return err
			}
			if got.NoMatch || len(got.Hits) == 0 || got.Hits[0].Name != s.Video+".mp4" || tall.IoU(tall.Span{Start: got.Hits[0].Start, End: got.Hits[0].End}, s.Truth) < 0.5 {
				t.Errorf("%q: %+v, truth %s in %s", s.Sentence, got, s.Truth, s.Video)
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	boom := errors.New("boom")
	if err := d.serve(t.Context(), func(context.Context) error { return boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
}
