package server

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"math"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tall"
	"tall/library"
)

const contentJPEG = "image/jpeg"

func (s *Server) fileOperations(a *api) {
	tags := []string{"files"}
	handleRaw(a, huma.Operation{OperationID: "get-video-file", Method: http.MethodGet, Path: "/api/v1/videos/{id}/file", Summary: "The video itself, or ranges of it", Tags: tags, Errors: []int{404, 412, 416}},
		Read, map[int][]content{200: {{"video/*", nil}}, 206: {{"video/*", nil}}, 304: nil}, s.getFile)
	handleRaw(a, huma.Operation{OperationID: "get-thumbnail", Method: http.MethodGet, Path: "/api/v1/videos/{id}/thumbnail", Summary: "A picture of the video", Tags: tags, Errors: []int{404, 412, 416, 501}},
		Read, map[int][]content{200: {{contentJPEG, nil}}, 206: {{contentJPEG, nil}}, 304: nil}, s.getThumbnail)
	handleRaw(a, huma.Operation{OperationID: "get-sprite", Method: http.MethodGet, Path: "/api/v1/videos/{id}/sprite", Summary: "A grid of pictures from all over the video", Tags: tags, Errors: []int{404, 412, 416, 501}},
		Read, map[int][]content{200: {{contentJPEG, nil}}, 206: {{contentJPEG, nil}}, 304: nil}, s.getSprite)
	handle(a, huma.Operation{OperationID: "get-sprite-layout", Method: http.MethodGet, Path: "/api/v1/videos/{id}/sprite.json", Summary: "How the grid is laid out", Tags: tags, Errors: []int{404, 501}}, Read, s.getSpriteLayout)
	handleRaw(a, huma.Operation{OperationID: "get-clip", Method: http.MethodGet, Path: "/api/v1/videos/{id}/clip", Summary: "A part of the video as a file", Tags: tags, Errors: []int{404, 412, 416, 501}},
		Read, map[int][]content{200: {{"video/mp4", nil}}, 206: {{"video/mp4", nil}}, 304: nil}, s.getClip)
}

// getFile lets browsers play a video from any place on.
func (s *Server) getFile(w http.ResponseWriter, r *http.Request, in *videoPath) error {
	v, err := s.video(r.Context(), in.ID)
	if err != nil {
		return err
	}
	f, path, err := s.folders.open(v)
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	name := filepath.Base(path)
	if t := videoTypes[strings.ToLower(filepath.Ext(name))]; t.media != "" {
		h.Set("Content-Type", t.media)
		h.Set("Content-Disposition", disposition("inline", name))
	} else {
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", disposition("attachment", name))
	}
	h.Set("Etag", `"`+string(v.ID)+`"`)
	h.Set("Cache-Control", "private, no-cache") // asked for again, as it may be deleted
	s.metrics.playing.Inc()
	defer s.metrics.playing.Dec()
	serveContent(s.patiently(w), r, v.Modified, f)
	return nil
}

// disposition is a Content-Disposition.
func disposition(kind, name string) string {
	if text := mime.FormatMediaType(kind, map[string]string{"filename": name}); text != "" {
		return text
	}
	return kind
}

// pictureWidths are those that pictures are made in.
var pictureWidths = [...]int{160, 320, 480, 640, 960, 1280}

// pictureWidth is the least of them that is wide enough.
func pictureWidth(wanted int) int {
	for _, w := range pictureWidths {
		if w >= wanted {
			return w
		}
	}
	return pictureWidths[len(pictureWidths)-1]
}

type thumbnailInput struct {
	ID    string  `path:"id" pattern:"^sha256-[0-9a-f]{64}$" doc:"ID of a video"`
	At    float64 `query:"at" minimum:"-1" maximum:"1e7" default:"-1" doc:"Seconds; -1: a place in the first half"`
	Width int     `query:"width" minimum:"16" maximum:"1280" default:"320" doc:"Pixels; the next of 160, 320, 480, 640, 960 and 1280 is taken"`
}

func (s *Server) getThumbnail(w http.ResponseWriter, r *http.Request, in *thumbnailInput) error {
	v, err := s.video(r.Context(), in.ID)
	if err != nil {
		return err
	}
	if s.o.Media == nil {
		if s.o.Thumbnails != nil {
			if data := s.o.Thumbnails(v.ID); data != nil {
				servePicture(w, r, string(v.ID)+"-embedded", data)
				return nil
			}
		}
		return errNoMedia
	}
	at := in.At
	if math.IsNaN(at) { // which the bounds let through
		return fmt.Errorf("%w: at is no number", tall.ErrFormat)
	}
	if at < 0 {
		at = v.Duration / 3
	}
	at = math.Round(10*min(at, max(0, v.Duration-0.1))) / 10 // tenths are enough, and kept once
	width := pictureWidth(in.Width)
	name := fmt.Sprintf("%s-%d-%d.jpg", v.ID, int64(math.Round(10*at)), width)
	data, err := s.picture(r.Context(), v, name, func(ctx context.Context, path string) ([]byte, error) {
		return s.o.Media.Thumbnail(ctx, path, at, width)
	})
	if err != nil {
		return err
	}
	servePicture(w, r, name, data)
	return nil
}

var errNoMedia = refuse(http.StatusNotImplemented, "this server makes no pictures and clips, as it has no ffmpeg; `tall doctor` tells how to get it")

// picture is one from the cache, or made.
func (s *Server) picture(ctx context.Context, v library.Video, name string, produce func(ctx context.Context, path string) ([]byte, error)) ([]byte, error) {
	return s.cache.get(ctx, name, func(ctx context.Context) ([]byte, error) {
		ctx, cancel := s.bounded(ctx, 2*s.o.Limits.Search)
		defer cancel()
		leave, err := s.encoding.enter(ctx)
		if err != nil {
			return nil, err
		}
		defer leave()
		f, path, err := s.folders.open(v)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return produce(ctx, path)
	})
}

// bounded ends a context after a time, and when the server does.
func (s *Server) bounded(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, d)
	stop := context.AfterFunc(s.closing, cancel)
	return ctx, func() { stop(); cancel() }
}

// servePicture answers with a picture, which is the same for ever: names hold the identity
// of the video.
func servePicture(w http.ResponseWriter, r *http.Request, name string, data []byte) {
	h := w.Header()
	h.Set("Content-Type", contentJPEG)
	h.Set("Cache-Control", "private, max-age=604800, immutable")
	h.Set("Etag", `"`+name+`"`)
	serveContent(w, r, time.Time{}, bytes.NewReader(data))
}

type spriteBody struct {
	Columns  int     `json:"columns"`
	Rows     int     `json:"rows"`
	Width    int     `json:"width" doc:"Pixels of one picture"`
	Height   int     `json:"height" doc:"Pixels of one picture"`
	Interval float64 `json:"interval" doc:"Seconds; picture i shows the time (i + 0.5) * interval"`
}

// spriteLayout is one picture a second, and 100 at most.
func spriteLayout(v library.Video) spriteBody {
	b := spriteBody{Columns: 10, Width: 160, Height: 90}
	b.Rows = min(10, max(1, int(math.Ceil(v.Duration/float64(b.Columns)))))
	if v.Width > 0 && v.Height > 0 {
		b.Height = max(1, (b.Width*v.Height+v.Width/2)/v.Width)
	}
	b.Interval = v.Duration / float64(b.Columns*b.Rows)
	return b
}

func (s *Server) getSprite(w http.ResponseWriter, r *http.Request, in *videoPath) error {
	v, err := s.video(r.Context(), in.ID)
	if err != nil {
		return err
	}
	if s.o.Media == nil {
		return errNoMedia
	}
	name, data, err := s.sprite(r.Context(), v)
	if err != nil {
		return err
	}
	servePicture(w, r, name, data)
	return nil
}

func (s *Server) sprite(ctx context.Context, v library.Video) (name string, data []byte, err error) {
	b := spriteLayout(v)
	name = fmt.Sprintf("%s-sprite-%dx%d.jpg", v.ID, b.Columns, b.Rows)
	data, err = s.picture(ctx, v, name, func(ctx context.Context, path string) ([]byte, error) {
		return s.o.Media.Sprite(ctx, path, b.Columns, b.Rows, b.Width)
	})
	return name, data, err
}

type spriteOutput struct{ Body spriteBody }

// getSpriteLayout makes the grid, if need be, so that its true size is told.
func (s *Server) getSpriteLayout(ctx context.Context, in *videoPath) (*spriteOutput, error) {
	v, err := s.video(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if s.o.Media == nil {
		return nil, errNoMedia
	}
	b := spriteLayout(v)
	_, data, err := s.sprite(ctx, v)
	if err != nil {
		return nil, err
	}
	if c, err := jpeg.DecodeConfig(bytes.NewReader(data)); err == nil {
		b.Width, b.Height = c.Width/b.Columns, c.Height/b.Rows
	}
	return &spriteOutput{b}, nil
}

// clipPrefix begins the names of folders of clips that are being made.
const clipPrefix = ".tall-clip-"

type clipInput struct {
	ID    string  `path:"id" pattern:"^sha256-[0-9a-f]{64}$" doc:"ID of a video"`
	Start float64 `query:"start" required:"true" minimum:"0" maximum:"1e7" doc:"Seconds"`
	End   float64 `query:"end" required:"true" minimum:"0" maximum:"1e7" doc:"Seconds"`
	Exact bool    `query:"exact" doc:"Begin at the very time, encoded anew; else at the key frame before"`
}

func (s *Server) getClip(w http.ResponseWriter, r *http.Request, in *clipInput) error {
	v, err := s.video(r.Context(), in.ID)
	if err != nil {
		return err
	}
	span := tall.Span{Start: in.Start, End: min(in.End, v.Duration)}
	switch {
	case s.o.Media == nil:
		return errNoMedia
	case !span.Valid():
		return fmt.Errorf("%w: a clip from %g to %g s of a video of %g s", tall.ErrFormat, in.Start, in.End, v.Duration)
	case span.Len() > s.o.Limits.Clip:
		return fmt.Errorf("%w: a clip of %g s; this server makes %g s at most", tall.ErrFormat, span.Len(), s.o.Limits.Clip)
	}
	out := s.patiently(w)
	// The time goes into making it; then the client has its own.
	_ = out.control.SetWriteDeadline(time.Time{})
	ctx, cancel := s.bounded(r.Context(), 5*time.Minute)
	defer cancel()
	leave, err := s.encoding.enter(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.o.Cache, clipPrefix) // which the next start sweeps
	if err != nil {
		leave()
		return err
	}
	defer os.RemoveAll(dir)
	clip := filepath.Join(dir, "clip.mp4")
	path, err := s.cut(ctx, v, span, clip, in.Exact)
	leave()
	if err != nil {
		return err
	}
	f, err := os.Open(clip)
	if err != nil {
		return err
	}
	defer f.Close()
	stem := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	h.Set("Content-Disposition", disposition("attachment", fmt.Sprintf("%s %.1f-%.1f.mp4", stem, span.Start, span.End)))
	serveContent(out, r, time.Time{}, f)
	return nil
}

func (s *Server) cut(ctx context.Context, v library.Video, span tall.Span, clip string, exact bool) (path string, err error) {
	f, path, err := s.folders.open(v)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return path, s.o.Media.Cut(ctx, path, span, clip, exact)
}
