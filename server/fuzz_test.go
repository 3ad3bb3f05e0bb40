package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tall/library"
)

// Whatever a search's body holds, the answer is one, or a problem of the client's.
func FuzzSearchBody(f *testing.F) {
	for _, body := range []string{
		`{"query":"a red cup -blue"}`, `{"sentences":["a","b"],"exclude":["c"],"top":3}`, `{"query":"\"a\" then \"b\"","filter":{"after":"2026-01-31","ids":[]}}`,
		`{"like":{"id":"sha256-` + strings.Repeat("0", 64) + `","start":1,"end":2}}`, `{"query":"a","threshold":-1,"brute":true,"encoder":"x"}`, `[]`, `{"query":1e999}`, `{"query":"\ud800"}`,
	} {
		f.Add([]byte(body))
	}
	l, err := library.Open(library.Options{Engines: []library.Engine{{Name: "none"}}, Catalog: emptyCatalog{}})
	if err != nil {
		f.Fatal(err)
	}
	s, err := New(Options{Library: l, Open: true, Hosts: []string{"example.com"}, Limits: Limits{PerSecond: 1e9, Burst: 1e9}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/search", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", contentJSON)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}

// FuzzJournal reads what a file of judgments may hold after a crash.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"sentence":"a","video":"sha256-0","span":{"start":1,"end":2},"verdict":"right"}` + "\n{\"sent"))
	f.Add([]byte("\n\n\x00\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := t.TempDir() + "/judgments.jsonl"
		writeFile(t, path, text)
		j := NewFileJournal(path)
		before := 0
		for _, err := range j.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			before++
		}
		if err := j.Add(t.Context(), Judgment{Sentence: "b", Video: "sha256-1", Verdict: Right}); err != nil {
			t.Fatal(err)
		}
		var last Judgment
		after := 0
		for one, err := range j.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			last = one
			after++
		}
		if after != before+1 || last.Sentence != "b" {
			t.Errorf("%d judgments became %d", before, after)
		}
	})
}
