package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	"tall"
	"tall/library"
	"tall/library/sqlite"
	"tall/server"
)

// words gives every sentence the same vector: this library holds no videos yet.
type words struct{}

func (words) EncodeSentences(_ context.Context, texts []string) ([]tall.Sentence, error) {
	return make([]tall.Sentence, len(texts)), nil
}

func Example() {
	dir, err := os.MkdirTemp("", "library-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	lib, err := sqlite.Open(context.Background(), dir, sqlite.Options{
		Make:    true,
		Engines: []library.Engine{{Name: "none", Sentences: words{}, Localizers: []library.Localizer{{Name: "none"}}}},
	})
	if err != nil {
		panic(err)
	}
	defer lib.Close()
	s, err := server.New(server.Options{Library: lib.Library, Open: true})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	web := httptest.NewServer(s)
	defer web.Close()
	res, err := http.Get(web.URL + "/api/v1/videos")
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s", text)
	// Output: {"videos":[],"next":"","total":0}
}
