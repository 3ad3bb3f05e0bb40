package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tall"
	"tall/library"
)

type libraryBody struct {
	Version       string         `json:"version"`
	Engines       []engineBody   `json:"engines"`
	Videos        int            `json:"videos"`
	Seconds       float64        `json:"seconds" doc:"Length of all videos"`
	States        map[string]int `json:"states" doc:"Videos by state"`
	Roots         []Root         `json:"roots" doc:"Folders that videos may be added from"`
	Uploads       bool           `json:"uploads" doc:"Videos may be sent"`
	MaxUpload     int64          `json:"max_upload" doc:"Bytes of a video that is sent"`
	Clips         bool           `json:"clips" doc:"Clips and pictures of any time can be made"`
	Feedback      bool           `json:"feedback" doc:"Answers may be judged"`
	Suggestions   []string       `json:"suggestions" doc:"Sentences to try"`
	Authenticated bool           `json:"authenticated" doc:"By a token, which can be given up; false where none is needed"`
	Scopes        []string       `json:"scopes" doc:"What this client may do: read, write"`
}

type engineBody struct {
	Name       string   `json:"name"`
	Localizers []string `json:"localizers" doc:"The default first"`
	Threshold  float64  `json:"threshold" doc:"Least confidence of a match"`
	Like       bool     `json:"like" doc:"Can search by example"`
	Videos     int      `json:"videos" doc:"Ready"`
	Rows       int      `json:"rows"`
}

type videoBody struct {
	ID       string         `json:"id"`
	Name     string         `json:"name" doc:"Of the file"`
	Path     string         `json:"path"`
	Folder   string         `json:"folder"`
	Size     int64          `json:"size" doc:"Bytes"`
	Modified *time.Time     `json:"modified,omitempty"`
	Added    time.Time      `json:"added"`
	Duration float64        `json:"duration" doc:"Seconds"`
	Width    int            `json:"width"`
	Height   int            `json:"height"`
	FPSNum   int            `json:"fps_num"`
	FPSDen   int            `json:"fps_den"`
	State    string         `json:"state" enum:"waiting,working,ready,failed,missing,damaged"`
	Reason   string         `json:"reason,omitempty"`
	Features []featuresBody `json:"features"`
	Playable bool           `json:"playable" doc:"Browsers can be expected to play it"`
	Type     string         `json:"type,omitempty" doc:"Media type of the file"`
}

type featuresBody struct {
	Encoder string `json:"encoder"`
	State   string `json:"state"`
	Rows    int    `json:"rows"`
	Reason  string `json:"reason,omitempty"`
}

// videoTypes are media types by extension, and whether browsers can be expected to play them.
var videoTypes = map[string]struct {
	media    string
	playable bool
}{
	".mp4": {"video/mp4", true}, ".m4v": {"video/mp4", true}, ".mov": {"video/quicktime", true},
	".webm": {"video/webm", true}, ".ogv": {"video/ogg", true},
	".mkv": {"video/x-matroska", false}, ".avi": {"video/x-msvideo", false}, ".wmv": {"video/x-ms-wmv", false},
	".flv": {"video/x-flv", false}, ".3gp": {"video/3gpp", false}, ".mpg": {"video/mpeg", false}, ".mpeg": {"video/mpeg", false},
	".ts": {"video/mp2t", false}, ".mts": {"video/mp2t", false}, ".m2ts": {"video/mp2t", false}, ".y4m": {"video/x-yuv4mpeg", false},
}

func newVideoBody(v library.Video) videoBody {
	b := videoBody{
		ID: string(v.ID), Size: v.Size, Added: v.Added, Duration: v.Duration, Width: v.Width, Height: v.Height,
		FPSNum: v.FPSNum, FPSDen: v.FPSDen, State: string(v.State), Reason: v.Reason, Features: make([]featuresBody, len(v.Features)),
	}
	if !v.Modified.IsZero() {
		b.Modified = &v.Modified
	}
	if len(v.Paths) > 0 {
		b.Path, b.Name, b.Folder = v.Paths[0], filepath.Base(v.Paths[0]), filepath.Dir(v.Paths[0])
		t := videoTypes[strings.ToLower(filepath.Ext(b.Name))]
		b.Type, b.Playable = t.media, t.playable && v.State != library.Missing && v.Size > 0
	}
	for i, f := range v.Features {
		b.Features[i] = featuresBody{f.Encoder, string(f.State), f.Rows, f.Reason}
	}
	return b
}

func (s *Server) libraryOperations(a *api) {
	handle(a, huma.Operation{OperationID: "get-library", Method: http.MethodGet, Path: "/api/v1/library", Summary: "What the library holds and this client may do", Tags: []string{"library"}},
		Read, s.getLibrary)
}

type libraryOutput struct{ Body libraryBody }

func (s *Server) getLibrary(ctx context.Context, _ *struct{}) (*libraryOutput, error) {
	o, err := s.o.Library.Overview(ctx)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	b := libraryBody{
		Version: s.o.Version, Engines: []engineBody{}, Videos: o.Videos, Seconds: o.Seconds, States: map[string]int{},
		Roots: append([]Root{}, s.o.Roots...), Uploads: s.o.Uploads != "", MaxUpload: s.o.Limits.Upload,
		Clips: s.o.Media != nil, Feedback: s.o.Judgments != nil, Suggestions: append([]string{}, s.o.Suggestions...),
		Authenticated: !s.o.Open, Scopes: []string{string(Read)},
	}
	if scope.takes(Write) {
		b.Scopes = append(b.Scopes, string(Write))
	}
	for state, n := range o.States {
		b.States[string(state)] = n
	}
	for _, e := range o.Encoders {
		b.Engines = append(b.Engines, engineBody{e.Name, e.Localizers, e.Threshold, e.Like, e.Videos, e.Rows})
	}
	return &libraryOutput{b}, nil
}

// videoPath is the part of a path that names a video.
type videoPath struct {
	ID string `path:"id" pattern:"^sha256-[0-9a-f]{64}$" doc:"ID of a video"`
}

// video finds the video of a path.
func (s *Server) video(ctx context.Context, id string) (library.Video, error) {
	parsed, err := library.ParseID(id)
	if err != nil {
		return library.Video{}, err
	}
	return s.o.Library.Video(ctx, parsed)
}

func (s *Server) videoOperations(a *api) {
	tags := []string{"videos"}
	handle(a, huma.Operation{OperationID: "list-videos", Method: http.MethodGet, Path: "/api/v1/videos", Summary: "List videos, ordered by path", Tags: tags}, Read, s.listVideos)
	handle(a, huma.Operation{OperationID: "get-video", Method: http.MethodGet, Path: "/api/v1/videos/{id}", Summary: "One video", Tags: tags, Errors: []int{404}}, Read, s.getVideo)
	handle(a, huma.Operation{OperationID: "delete-video", Method: http.MethodDelete, Path: "/api/v1/videos/{id}", Summary: "Take a video out of the library", Description: "Its own file stays; one that was uploaded is removed.", Tags: tags, DefaultStatus: http.StatusNoContent, Errors: []int{404}}, Write, s.deleteVideo)
	handle(a, huma.Operation{OperationID: "add-videos", Method: http.MethodPost, Path: "/api/v1/videos", Summary: "Add files and folders of the server", Description: "They must lie below one of the library's roots. What takes longer than a few seconds goes on and is told of by events.", Tags: tags, DefaultStatus: http.StatusAccepted, Errors: []int{404}}, Write, s.addVideos)
	s.uploadOperation(a)
}

type listInput struct {
	Text      string  `query:"text" maxLength:"1000" doc:"Part of the path, any case"`
	Folder    string  `query:"folder" maxLength:"4096" doc:"Videos below it"`
	State     string  `query:"state" enum:"waiting,working,ready,failed,missing,damaged"`
	After     string  `query:"after" maxLength:"40" doc:"Files modified since: a date or RFC 3339 time"`
	Before    string  `query:"before" maxLength:"40" doc:"Files modified before: a date or RFC 3339 time"`
	MinLength float64 `query:"min_length" minimum:"0" doc:"Seconds"`
	MaxLength float64 `query:"max_length" minimum:"0" doc:"Seconds"`
	Cursor    string  `query:"cursor" maxLength:"8192" doc:"From the page before"`
	Limit     int     `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type listOutput struct {
	Body struct {
		Videos []videoBody `json:"videos"`
		Next   string      `json:"next" doc:"Cursor of the next page, empty on the last"`
		Total  int         `json:"total" doc:"Videos that the filter takes"`
	}
}

func (s *Server) listVideos(ctx context.Context, in *listInput) (*listOutput, error) {
	f, err := (&filterBody{Text: in.Text, Folder: in.Folder, After: in.After, Before: in.Before, MinLength: in.MinLength, MaxLength: in.MaxLength}).filter()
	if err != nil {
		return nil, err
	}
	if in.State != "" {
		f.States = []library.State{library.State(in.State)}
	}
	var after library.Place
	if in.Cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(in.Cursor)
		if err == nil {
			err = json.Unmarshal(text, &after)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: cursor: give the \"next\" of the page before", tall.ErrFormat)
		}
	}
	p, err := s.o.Library.List(ctx, f, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Total = p.Total
	out.Body.Videos = make([]videoBody, len(p.Videos))
	for i, v := range p.Videos {
		out.Body.Videos[i] = newVideoBody(v)
	}
	if p.More && len(p.Videos) > 0 {
		text, err := json.Marshal(library.PlaceOf(p.Videos[len(p.Videos)-1]))
		if err != nil {
			return nil, err
		}
		out.Body.Next = base64.RawURLEncoding.EncodeToString(text)
	}
	return out, nil
}

type videoOutput struct{ Body videoBody }

func (s *Server) getVideo(ctx context.Context, in *videoPath) (*videoOutput, error) {
	v, err := s.video(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &videoOutput{newVideoBody(v)}, nil
}

func (s *Server) deleteVideo(ctx context.Context, in *videoPath) (*struct{}, error) {
	v, err := s.video(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.o.Library.Remove(ctx, v.ID); err != nil {
		return nil, err
	}
	s.cache.forget(string(v.ID))
	for _, path := range v.Paths {
		if err := s.folders.removeUpload(path); err != nil && !os.IsNotExist(err) {
			s.log.Error("an uploaded file cannot be removed", "path", path, "error", err)
		}
	}
	s.hub.changed()
	return &struct{}{}, nil
}

// filterBody chooses videos.
type filterBody struct {
	IDs       []string `json:"ids,omitempty" maxItems:"10000" doc:"Only these"`
	Text      string   `json:"text,omitempty" maxLength:"1000" doc:"Part of the path, any case"`
	Folder    string   `json:"folder,omitempty" maxLength:"4096" doc:"Videos below it"`
	After     string   `json:"after,omitempty" maxLength:"40" doc:"Files modified since: a date or RFC 3339 time"`
	Before    string   `json:"before,omitempty" maxLength:"40" doc:"Files modified before: a date or RFC 3339 time"`
	MinLength float64  `json:"min_length,omitempty" minimum:"0" doc:"Seconds"`
	MaxLength float64  `json:"max_length,omitempty" minimum:"0" doc:"Seconds"`
}

func (b *filterBody) filter() (f library.Filter, err error) {
	if b == nil {
		return f, nil
	}
	if math.IsNaN(b.MinLength) || math.IsNaN(b.MaxLength) { // which the bounds of a URL's values let through
		return f, fmt.Errorf("%w: min_length or max_length is no number", tall.ErrFormat)
	}
	f.Text, f.Folder, f.MinDuration, f.MaxDuration = b.Text, b.Folder, b.MinLength, b.MaxLength
	for _, text := range b.IDs {
		id, err := library.ParseID(text)
		if err != nil {
			return f, err
		}
		f.IDs = append(f.IDs, id)
	}
	if f.After, err = parseTime("after", b.After); err != nil {
		return f, err
	}
	f.Before, err = parseTime("before", b.Before)
	return f, err
}

// parseTime reads a date, of which it takes the beginning, or a time.
func parseTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %s %s is no date such as 2026-01-31, nor a time such as 2026-01-31T15:04:05Z", tall.ErrFormat, name, quoteShort(text))
}
