package fetch_test

import (
	"fmt"
	"log"

	"tall/fetch"
)

func ExampleLoad() {
	catalog, err := fetch.Load()
	if err != nil {
		log.Fatal(err)
	}
	model, err := catalog.Find("all-minilm-l6-v2")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: encoder %s, %d values, %s\n", model.Name, model.Encoder, model.Dim, model.License)
	// fetch.Pull(ctx, model, fetch.PullOptions{}) fetches it; then model.Ready() is its folder.

	// Output:
	// all-minilm-l6-v2: encoder minilm, 384 values, Apache 2.0
}
