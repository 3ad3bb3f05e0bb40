package main

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"tall/fetch"
)

// envWeightsURL names another place of the released weights, such as a mirror.
const envWeightsURL = "TALL_WEIGHTS_URL"

// maxReleased bounds the download: the parameters are 86.4 MB, a pickle of
// protocol 0 takes up to four bytes for each.
const maxReleased = 400 << 20

// findWeights returns the file of --weights, or that of the released weights,
// downloaded where the cache does not hold it.
func (c *common) findWeights(ctx context.Context, con *console) (string, error) {
	if c.weights != "" {
		return c.weights, nil
	}
	dir, err := fetch.CacheDir()
	if err != nil {
		return "", fmt.Errorf("%w; name the weights with --weights", err)
	}
	file, err := fetch.In(dir, cmp.Or(c.url, os.Getenv(envWeightsURL), fetch.ReleasedURL))
	if err != nil {
		return "", err
	}
	file.MaxBytes, file.Otherwise = maxReleased, "name a file with --weights"
	bar := con.progress("download "+file.URL, unitBytes)
	defer bar.finish()
	_, err = fetch.Get(ctx, file, fetch.Options{Progress: func(done, total int64) { bar.set(int(done), int(total), "") }})
	if err != nil {
		return "", err
	}
	con.Info("using the released weights", "file", file.Path)
	return file.Path, nil
}
