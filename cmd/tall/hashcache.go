package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tall"
	"tall/fetch"
)

// remembered is the hash of a file and the state that it had when it was computed.
type remembered struct {
	Path  string `json:"path"`
	Stamp string `json:"stamp"`
	Hash  string `json:"sha256"`
}

// contentHash is [fileHash], kept below the cache folder with the path, size and time of
// the file, as videos and weights of gigabytes take seconds. A file whose time is that of
// this very moment is not kept, as it might change once more without a trace.
func contentHash(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	stamp, latest, err := contentStamp(abs)
	if err != nil {
		return "", err
	}
	dir, dirErr := fetch.CacheDir()
	file := filepath.Join(dir, "hashes", digest(abs)+".json")
	if dirErr == nil {
		var known remembered
		if readJSON(file, &known) == nil && known.Path == abs && known.Stamp == stamp && known.Hash != "" {
			return known.Hash, nil
		}
	}
	hash, err := fileHash(abs)
	if err != nil || dirErr != nil || time.Since(latest) < 2*time.Second { // FAT's clock ticks every 2 s
		return hash, err
	}
	// Without it the next run is slower, which is no reason to fail.
	_ = writeJSON(file, remembered{abs, stamp, hash})
	return hash, nil
}

// contentStamp tells the state of a file, or of the files of a folder of pictures.
func contentStamp(path string) (stamp string, latest time.Time, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", latest, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	if !info.IsDir() {
		return strconv.FormatInt(info.Size(), 10) + " " + info.ModTime().UTC().Format(time.RFC3339Nano), info.ModTime(), nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", latest, err
	}
	sum := sha256.New()
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(path, e.Name())) // of what a link names
		if err != nil {
			info, err = e.Info()
		}
		if err != nil {
			return "", latest, err
		}
		if info.ModTime().After(latest) {
			latest = info.ModTime()
		}
		fmt.Fprintf(sum, "%q %d %s\n", e.Name(), info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
	}
	return hex.EncodeToString(sum.Sum(nil)), latest, nil
}

// digest is a short name for anything, for files of caches.
func digest(parts ...string) string {
	sum := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(sum, "%q\n", p)
	}
	return hex.EncodeToString(sum.Sum(nil)[:10])
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

func writeJSON(path string, v any) error {
	return tall.ReplaceFile(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
}
