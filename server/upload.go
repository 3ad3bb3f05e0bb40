package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"tall"
	"tall/library"
)

func (s *Server) uploadOperation(a *api) {
	op := huma.Operation{
		OperationID: "upload-video", Method: http.MethodPost, Path: "/api/v1/uploads", Summary: "Send a video", Tags: []string{"videos"},
		Description: "The body is the file. It is kept in the library's folder once it is complete and known to be a video.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: a.schema(nil)}}},
		Errors:      []int{409, 507},
	}
	handleRaw(a, op, Write, map[int][]content{202: {{contentJSON, addedOutput{}.Body}}}, s.upload)
}

type uploadInput struct {
	Name string `query:"name" required:"true" minLength:"1" maxLength:"255" doc:"Of the file, with its extension"`
}

func (s *Server) upload(w http.ResponseWriter, r *http.Request, in *uploadInput) (err error) {
	defer func() {
		if err != nil {
			w.Header().Set("Connection", "close") // the rest of the file is of no use
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.o.Limits.Stall))
		}
	}()
	if s.folders.uploads == nil || s.o.Probe == nil {
		return refuse(http.StatusForbidden, "this server takes no videos; start it with --uploads")
	}
	name, err := uploadName(in.Name)
	if err != nil {
		return err
	}
	most := s.o.Limits.Upload
	if r.ContentLength > most {
		return refuse(http.StatusRequestEntityTooLarge, "the file has %d bytes; this server takes %d", r.ContentLength, most)
	}
	leave, err := s.uploads.enter(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	out := s.patiently(w)
	part, id, err := s.receive(out, http.MaxBytesReader(w, r.Body, most), r, name)
	if err != nil {
		return err
	}
	added, err := s.keep(r.Context(), part, id, name)
	if err != nil {
		return errors.Join(err, removeFile(s.folders.uploads.root, part))
	}
	var body addedOutput
	body.Body.Added = added
	out.again()
	out.Header().Set("Content-Type", contentJSON)
	out.WriteHeader(http.StatusAccepted)
	return json.NewEncoder(out).Encode(body.Body)
}

// uploadName makes a plain file name of what a client calls its file.
func uploadName(name string) (string, error) {
	name = name[strings.LastIndexAny(name, `/\:`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || strings.ContainsRune(`<>"|?*`, r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	ext := strings.ToLower(filepath.Ext(name))
	if _, ok := videoTypes[ext]; !ok {
		return "", refuse(http.StatusUnsupportedMediaType, "the name %s does not end as those of videos do, such as .mp4", quoteShort(name))
	}
	stem := strings.Trim(name[:len(name)-len(ext)], " .")
	const most = 120 // bytes; file systems take 255, and some are encrypted
	for len(stem) > most {
		stem = strings.ToValidUTF8(stem[:most], "")
	}
	if stem == "" {
		stem = "video"
	}
	return stem + ext, nil
}

// receive writes a body to a file that is not complete yet, and returns its name and its
// content's identity.
func (s *Server) receive(w *patient, body io.Reader, r *http.Request, name string) (part string, id library.ID, err error) {
	root := s.folders.uploads.root
	temporary := partPrefix + strings.ToLower(rand.Text()) + filepath.Ext(name)
	f, err := root.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeFile(root, temporary))
		}
	}()
	sum := sha256.New()
	steady := &steadyReader{r: body, w: w, least: s.o.Limits.Rate, began: time.Now(), patience: s.o.Limits.Stall}
	n, err := io.Copy(f, io.TeeReader(steady, sum))
	if err != nil {
		err = errors.Join(err, f.Close())
		return "", "", receiveError(r, err, n)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return "", "", err
	}
	if n == 0 {
		return "", "", refuse(http.StatusUnprocessableEntity, "the file is empty")
	}
	return temporary, hashID(sum), nil
}

func hashID(sum hash.Hash) library.ID {
	return library.ID("sha256-" + hex.EncodeToString(sum.Sum(nil)))
}

// receiveError says what a broken upload is the fault of.
func receiveError(r *http.Request, err error, n int64) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "the file came too slowly: %d bytes until now", n)
	case errors.Is(err, io.ErrUnexpectedEOF), r.Context().Err() != nil:
		return refuse(http.StatusBadRequest, "the file ended after %d bytes, which is not all of it", n)
	}
	return err
}

// steadyReader asks that bytes come at some rate, after a while to begin with.
type steadyReader struct {
	r        io.Reader
	w        *patient
	least    int64 // bytes a second
	began    time.Time
	patience time.Duration
	n        int64
}

// Read implements [io.Reader].
func (s *steadyReader) Read(p []byte) (int, error) {
	earned := time.Duration(float64(s.n) / float64(s.least) * float64(time.Second))
	due := s.began.Add(s.patience + earned)
	if stalled := time.Now().Add(s.patience); stalled.Before(due) {
		due = stalled
	}
	_ = s.w.control.SetReadDeadline(due)
	s.w.again()
	n, err := s.r.Read(p)
	s.n += int64(n)
	return n, err
}

// keep makes a video of a complete file: it is known by content already, or probed, given
// its name, and added.
func (s *Server) keep(ctx context.Context, part string, id library.ID, name string) ([]addedBody, error) {
	up := s.folders.uploads
	if v, err := s.o.Library.Video(ctx, id); err == nil {
		if f, path, err := s.folders.open(v); err == nil {
			f.Close()
			return []addedBody{{Path: path, ID: string(id), What: string(library.Known)}}, removeFile(up.root, part)
		}
	}
	if _, err := s.o.Probe(ctx, filepath.Join(up.real, part)); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		if errors.Is(err, tall.ErrFormat) || errors.Is(err, tall.ErrUnsafe) {
			detail := strings.ReplaceAll(err.Error(), filepath.Join(up.real, part), name)
			return nil, refuse(http.StatusUnsupportedMediaType, "this is not a video that can be read: %s", detail)
		}
		return nil, err
	}
	final, err := place(up.root, part, name)
	if err != nil {
		return nil, errors.Join(err, s.folders.settled(final))
	}
	path := filepath.Join(up.real, final)
	added, err := s.adder.add(context.WithoutCancel(ctx), []string{path}, true, addPause)
	if err == nil && added[0].What == string(library.Refused) {
		err = refuse(http.StatusUnsupportedMediaType, "this is not a video that can be read: %s", strings.ReplaceAll(added[0].Error, path, name))
	}
	if err != nil {
		return nil, errors.Join(err, removeFile(up.root, final), s.folders.settled(final))
	}
	return added, nil
}

// place gives a complete file its name, or one with a number behind where that is taken, and
// notes that it is pending.
func place(root *os.Root, part, name string) (string, error) {
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	for i := 1; i < 10000; i++ {
		try := name
		if i > 1 {
			try = fmt.Sprintf("%s-%d%s", stem, i, ext)
		}
		// The name is taken first, as renaming would replace what bears it.
		f, err := root.OpenFile(try, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if err := errors.Join(f.Close(), root.WriteFile(pendingPrefix+try, nil, 0o600)); err != nil {
			return try, err
		}
		return try, root.Rename(part, try)
	}
	return "", refuse(http.StatusConflict, "there are too many files called %s", name)
}

// removeFile removes a file that need not exist.
func removeFile(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
