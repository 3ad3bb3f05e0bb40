package fetch_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"tall/fetch"
)

func ExampleGet() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "weights")
	}))
	defer server.Close()
	dir, err := os.MkdirTemp("", "fetch") // fetch.CacheDir() in earnest
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	file, err := fetch.In(dir, server.URL+"/TALL.pdparams")
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 { // the second time it is verified and nothing is sent
		sha, err := fetch.Get(context.Background(), file, fetch.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(sha[:8])
	}
	// Output:
	// 9a129038
	// 9a129038
}

func ExampleCacheDir() {
	dir, err := fetch.CacheDir()
	if err != nil {
		log.Fatal(err)
	}
	_, err = fetch.In(dir, fetch.ReleasedURL)
	fmt.Println(err)
	// Output: <nil>
}
