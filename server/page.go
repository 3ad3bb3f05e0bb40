package server

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed page
var pageFiles embed.FS

// pageTypes are the files that make up the page; the folder's others are not served.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webmanifest": "application/manifest+json", ".json": contentJSON,
}

// servePage serves the embedded page: index.html at /, all else below /assets/. Answers may
// be kept, and are asked for again with their hash.
func servePage(mux *http.ServeMux) error {
	return fs.WalkDir(pageFiles, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kind, ok := pageTypes[path.Ext(name)]
		if !ok {
			return nil
		}
		data, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		pattern := "GET /assets/" + name[len("page/"):]
		if name == "page/index.html" {
			pattern = "GET /{$}"
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { serveBytes(w, r, kind, data) })
		return nil
	})
}

// serveBytes serves what does not change while the program runs.
func serveBytes(w http.ResponseWriter, r *http.Request, kind string, data []byte) {
	sum := sha256.Sum256(data)
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("Etag", `"`+hex.EncodeToString(sum[:16])+`"`)
	serveContent(w, r, time.Time{}, bytes.NewReader(data))
}
