package server

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"tall"
	"tall/library"
)

// Options of a server. Library is needed; the rest is for more than looking and searching.
type Options struct {
	Library *library.Library
	Version string // of the program

	// Open lets requests without a token do everything: for a server that this machine's
	// users alone can reach.
	Open   bool
	Tokens TokenSource // nil: none, which with Open unset shuts everybody out
	// Hosts are the names it goes by; requests to other names are refused. nil:
	// [LoopbackHosts].
	Hosts []string

	// Roots are the folders that videos may be added from.
	Roots []Root
	// Find lists the videos below a folder; nil: files are added one by one.
	Find func(folder string) ([]string, error)
	// Uploads is the folder for videos that are sent; "": none can be sent.
	Uploads string
	// Probe tells whether a file is a video, by its content. It is needed for Uploads.
	Probe func(ctx context.Context, path string) (library.Facts, error)

	// Media makes pictures and clips; nil: there are none but those of Thumbnails.
	Media Media
	// Cache is the folder that pictures are kept in; "": they are made each time.
	Cache string
	// Thumbnails, which may be nil, has JPEG pictures of videos for where Media has none;
	// nil where it has none either.
	Thumbnails func(library.ID) []byte
	// Suggestions are sentences to try.
	Suggestions []string
	// Judgments keeps what users say of answers; nil: it is not asked for.
	Judgments Journal

	Limits Limits
	Logger *slog.Logger // nil: none
}

// Root is a folder that videos may be added from, and its name in the page.
type Root struct {
	Name string `json:"name"`
	Path string `json:"path" doc:"Absolute path"`
}

// Media makes pictures and clips of video files.
type Media interface {
	// Thumbnail is a JPEG picture of a time, in seconds.
	Thumbnail(ctx context.Context, path string, at float64, width int) ([]byte, error)
	// Sprite is a JPEG grid of pictures of the middles of as many equal parts.
	Sprite(ctx context.Context, path string, columns, rows, width int) ([]byte, error)
	// Cut writes a part of a video as an mp4 file.
	Cut(ctx context.Context, path string, span tall.Span, out string, exact bool) error
}

// Limits keep one client, or many, from taking all of the machine. Zero fields stand for
// the defaults named.
type Limits struct {
	Upload      int64         // bytes of a file; 16 GiB
	Uploads     int           // at a time; 4
	Searches    int           // at a time; two a processor
	Waiting     int           // searches that wait for their turn; 256
	Encodings   int           // pictures and clips made at a time; one a processor, 4 at most
	Streams     int           // clients that listen to events; 4096
	Connections int           // 8192
	PerSecond   float64       // requests of a client; 300
	Burst       int           // requests of a client at once; 600
	Cache       int64         // bytes of Options.Cache; 1 GiB
	Search      time.Duration // of a search, with its waiting; 30 s
	Clip        float64       // seconds of a clip; 600
	Header      time.Duration // for a request's header, and three times that with its body; 10 s
	Stall       time.Duration // without a byte going out, after which a client is gone; 1 min
	Rate        int64         // bytes a second that an upload must keep up after the first minute; 16 KiB
	Heartbeat   time.Duration // between signs of life of a stream of events; 15 s
	Look        time.Duration // between two looks for what other processes changed; 2 s
	Grace       time.Duration // for what runs when the server ends; 10 s
}

func (l Limits) withDefaults() Limits {
	set(&l.Upload, 16<<30)
	set(&l.Uploads, 4)
	set(&l.Searches, 2*runtime.GOMAXPROCS(0))
	set(&l.Waiting, 256)
	set(&l.Encodings, min(4, runtime.GOMAXPROCS(0)))
	set(&l.Streams, 4096)
	set(&l.Connections, 8192)
	set(&l.PerSecond, 300)
	set(&l.Burst, 600)
	set(&l.Cache, 1<<30)
	set(&l.Search, 30*time.Second)
	set(&l.Clip, 600)
	set(&l.Header, 10*time.Second)
	set(&l.Stall, time.Minute)
	set(&l.Rate, 16<<10)
	set(&l.Heartbeat, 15*time.Second)
	set(&l.Look, 2*time.Second)
	set(&l.Grace, 10*time.Second)
	return l
}

func set[T int | int64 | float64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
